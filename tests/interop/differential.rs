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

/// The status of both tools for a file whose MAC does not agree with its values.
const MAC_DISAGREES: i32 = 51;

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
    // It writes a comment of the head of a block scalar into the scalar: neither the file that it has
    // sealed then, nor what it writes of ours, holds the values that it was given.
    let changes_values = opened[3].1.status == MAC_DISAGREES;
    let mut files = vec![scene.path("clear.yaml")];
    for (at_number, (what, run)) in opened.iter().enumerate() {
        // The reference writes some files that it cannot read, a merge key with a comment say.
        let may_fail = match *what {
            "theirs by the reference" => true,
            "theirs by us" => run.status == MAC_DISAGREES && changes_values,
            _ => false,
        };
        assert!(may_fail || run.status == 0, "{}: {run}", at(what));
        let file = format!("opened-{at_number}.yaml");
        scene.write(&file, &run.stdout);
        files.push(scene.path(&file));
    }
    let mut seen = seen(&files);
    let by_reference = seen.pop().expect("one for each");
    let by_reference = by_reference.filter(|_| opened[3].1.status == 0);
    let clear = seen.remove(0).expect("the reference has sealed it");
    let (rewritten, clear_text) = (rewritten(scene), text);
    // We have said that another tool does not show some of them.
    let is_in_layout = ours.err().contains("come back with clsecrets only");
    for ((what, run), one) in opened.iter().zip(seen) {
        if changes_values && *what != "ours by us" {
            continue;
        }
        let Some(one) = one else {
            // An empty list with a comment, in a list say, is no YAML as the reference writes it.
            let is_its_own = by_reference.is_none() && *what == "ours by the reference";
            assert!(is_its_own, "{}: not read: {run}", at(what));
            continue;
        };
        assert_eq!(one.values, clear.values, "{}: {run}", at(what));
        // The reference loses comments in a round trip of its own; nobody else may.
        for comment in clear.comments.difference(&one.comments) {
            let text = format!("#{}", comment.trim_matches('"'));
            let by_it = || {
                let is_lost = match &by_reference {
                    Some(seen) => !seen.comments.contains(comment),
                    None => true,
                };
                // What it loses here can stand once more in what an alias repeats, which we write
                // out without comments; and what it writes above an empty list is lost by chance.
                let hides = |line: &str| line.contains("[]") || line.contains('*');
                *what != "ours by us"
                    && (is_lost
                        || !rewritten.contains(&text)
                        || *what == "ours by the reference"
                            && (is_in_layout || clear_text.lines().any(hides)))
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

/// `None` for a file that it does not read.
fn seen(files: &[PathBuf]) -> Vec<Option<Seen>> {
    let walks = seen_by_the_reference(files).into_iter();
    walks
        .map(|walk| {
            let walk = walk.ok()?;
            let (values, comments) = walk
                .lines()
                .partition::<Vec<_>, _>(|line| line.starts_with('v'));
            Some(Seen {
                values: values.into_iter().map(normal).collect(),
                comments: comments
                    .into_iter()
                    .filter_map(|line| line.split_once(" comment "))
                    .map(|(_, comment)| comment.to_owned())
                    .collect(),
            })
        })
        .collect()
}

/// A float without a fraction comes back from the reference as an integer.
fn normal(line: &str) -> String {
    line.replace(" float64 ", " number ")
        .replace(" int ", " number ")
}
