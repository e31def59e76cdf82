//! Generated documents, sealed by one tool and opened by the other, both ways, from a seed that CI
//! draws. What comes out is judged by the reference's own reader.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;

use crate::support::{RECIPIENT, Scene};

use super::documents::Generator;
use super::walk::{number, seen_by_the_reference};

/// Documents a run, shared by two threads; each costs seven processes.
const COUNT: u64 = 60;

/// Options that select values, as both tools take them.
const RULES: [&str; 6] = [
    "",
    "",
    "--encrypted-regex '^k[01]$'",
    "--unencrypted-regex '^k[12]$'",
    "--encrypted-suffix 1",
    "--mac-only-encrypted --unencrypted-suffix 2",
];

#[test]
fn generated_documents_pass_from_one_tool_to_the_other() {
    let seed = number("CLSECRETS_DRAW").unwrap_or(1);
    println!("repeat it with CLSECRETS_DRAW={seed}");
    let halves = [0, 1].map(|half| thread::spawn(move || run(seed, half)));
    let compared: Vec<usize> = halves
        .into_iter()
        .map(|half| half.join().expect("each half passes"))
        .collect();
    let compared: usize = compared.iter().sum();
    assert!(compared as u64 > COUNT / 4, "only {compared} were taken");
}

/// How many documents both tools took.
fn run(seed: u64, half: u64) -> usize {
    let scene = Scene::with_age();
    let mut compared = 0;
    for at in (half..COUNT).step_by(2) {
        let mut generator = Generator::new(seed * 1_000_003 + at);
        let text = generator.document();
        let rule = RULES[usize::try_from(generator.below(RULES.len() as u64)).unwrap()];
        compared += usize::from(passes(&scene, &text, rule, seed));
    }
    compared
}

/// Seals and opens one document in all four ways; `false` if one of the tools refuses to seal it.
fn passes(scene: &Scene, text: &str, rule: &str, seed: u64) -> bool {
    scene.write("clear.yaml", text);
    let options = format!("--age {RECIPIENT} {rule} clear.yaml");
    let allowed = format!("encrypt --allow-cleartext --expand-aliases {options}");
    let (ours, theirs) = (
        scene.run(&allowed),
        scene.sops(&format!("encrypt {options}")),
    );
    let at = |what: &str| format!("CLSECRETS_DRAW={seed}: {what}\n{rule}\n{text}");
    if theirs.status != 0 || ours.status != 0 {
        // What we refuse and the reference takes has to be something that it would lose.
        let refusals = [
            "this alias would show in clear",
            "a comment here would be lost",
            "this tag",
            "what this alias repeats",
        ];
        let is_meant = refusals.iter().any(|words| ours.err().contains(words));
        assert!(theirs.status != 0 || is_meant, "{}: {ours}", at("refused"));
        return false;
    }
    scene.write("ours.yaml", &ours.stdout);
    scene.write("theirs.yaml", &theirs.stdout);
    let opened = [
        ("ours by us", scene.run("decrypt ours.yaml")),
        ("ours by the reference", scene.sops("decrypt ours.yaml")),
        ("theirs by us", scene.run("decrypt theirs.yaml")),
        ("theirs by the reference", scene.sops("decrypt theirs.yaml")),
    ];
    let mut files = vec![scene.path("clear.yaml")];
    for (at_number, (what, run)) in opened.iter().enumerate() {
        assert_eq!(run.status, 0, "{}: {run}", at(what));
        let file = format!("opened-{at_number}.yaml");
        scene.write(&file, &run.stdout);
        files.push(scene.path(&file));
    }
    let seen = seen(&files);
    let (clear, by_reference) = (&seen[0], &seen[4]);
    for ((what, run), one) in opened.iter().zip(&seen[1..]) {
        assert_eq!(one.values, clear.values, "{}: {run}", at(what));
        if *what == "theirs by the reference" {
            continue;
        }
        // The reference loses comments in a round trip of its own; nobody else may.
        let lost = clear.comments.difference(&one.comments);
        for comment in lost {
            // It sees no comment in an empty collection that it has written itself.
            let text = format!("#{}", comment.trim_matches('"'));
            let by_it = || {
                !what.starts_with("ours by us")
                    && (!by_reference.comments.contains(comment)
                        || !rewritten(scene).contains(&text))
            };
            assert!(
                run.out().contains(&text) || by_it(),
                "{}: {comment:?} is lost: {run}",
                at(what)
            );
        }
    }
    true
}

/// The document as the reference writes it without sealing anything.
fn rewritten(scene: &Scene) -> String {
    let line = format!("encrypt --age {RECIPIENT} --encrypted-regex ^none$ clear.yaml");
    scene.sops(&line).succeeds().out()
}

/// What the reference sees in a file: values with their paths in order, and its comments.
struct Seen {
    values: Vec<String>,
    comments: BTreeSet<String>,
}

fn seen(files: &[PathBuf]) -> Vec<Seen> {
    let walks = seen_by_the_reference(files);
    let lines = walks.into_iter().map(|walk| walk.expect("it is read"));
    lines
        .map(|walk| {
            let (values, comments) = walk
                .lines()
                .partition::<Vec<_>, _>(|line| line.starts_with('v'));
            Seen {
                values: values.into_iter().map(normal).collect(),
                comments: comments
                    .into_iter()
                    .filter_map(|line| line.split_once(" comment "))
                    .map(|(_, comment)| comment.to_owned())
                    .collect(),
            }
        })
        .collect()
}

/// A float without a fraction comes back from the reference as an integer.
fn normal(line: &str) -> String {
    line.replace(" float64 ", " number ")
        .replace(" int ", " number ")
}
