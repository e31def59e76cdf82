//! What did not change keeps its bytes: tokens by position, the metadata block, and the diff of one
//! value is its line and two of the metadata.

use std::fs;
use std::os::unix::fs::MetadataExt;

use clsecrets::format::{Format, yaml::Yaml};
use clsecrets::tree::{Element, Map, Node, Path, Value};
use zeroize::Zeroizing;

use super::{differing_lines, sealed};
use crate::emission::{put, try_sealed};
use crate::support::{RECIPIENT, Scene, fixture};

#[test]
fn one_changed_value_is_three_changed_lines_in_every_style() {
    let scene = Scene::new().in_git();
    let mut edited = Vec::new();
    for (kind, folder) in [("walk", "formats/yaml/walk"), ("vector", "vectors/src")] {
        for entry in fs::read_dir(fixture(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let is_yaml = path.extension().is_some_and(|ending| ending == "yaml");
            let Some(text) = fs::read_to_string(&path).ok().filter(|_| is_yaml) else {
                continue;
            };
            let Some((sealed, tree)) = one_document(&text) else {
                continue;
            };
            let mut paths = Vec::new();
            strings(&tree, &Path::root(), &mut paths);
            for (number, path) in paths.iter().take(6).enumerate() {
                let file = format!("{kind}-{name}-{number}.yaml");
                scene.write(&file, &sealed);
                let new = put(&sealed, &path.to_string(), Node::text("changed"));
                edited.push((
                    file,
                    new.unwrap_or_else(|error| panic!("{name} {path}: {error}")),
                ));
            }
        }
    }
    assert!(edited.len() > 100, "{}", edited.len());
    scene.git("add .").succeeds();
    scene.git("commit --quiet -m sealed").succeeds();
    for (file, text) in &edited {
        scene.write(file, text);
    }
    let stat = scene.git("diff --numstat").succeeds().out();
    let unseen = edited.iter().map(|(file, _)| file);
    let unseen: Vec<&String> = unseen
        .filter(|file| !stat.contains(file.as_str()))
        .collect();
    assert!(unseen.is_empty(), "{unseen:?}");
    for line in stat.lines() {
        let file = line.rsplit('\t').next().unwrap();
        // The value, the time and the MAC; and the layout, which is bound to the MAC.
        let count = |sealed: &str| 3 + usize::from(sealed.contains("clsecrets_layout"));
        let (added, gone) = (
            count(&scene.read(file)),
            count(&scene.git(&format!("show HEAD:{file}")).succeeds().out()),
        );
        assert!(line.starts_with(&format!("{added}\t{gone}\t")), "{line}");
    }
}

/// A document whose metadata has lines of its own, sealed; and what it holds.
fn one_document(text: &str) -> Option<(String, Map)> {
    let bytes = Zeroizing::new(text.as_bytes().to_vec());
    let mut documents = Yaml.parse(bytes).ok()?.tree.documents;
    let sealed = try_sealed(text)?;
    let has_lines =
        sealed.contains("\n    lastmodified:") || sealed.contains("\r\n    lastmodified:");
    (documents.len() == 1 && has_lines).then(|| Some((sealed, documents.remove(0))))?
}

fn strings(map: &Map, path: &Path, found: &mut Vec<Path>) {
    for pair in map.pairs() {
        // What no path can name.
        if !pair.key.contains(['[', '"', '\'']) && !pair.key.ends_with("_unencrypted") {
            strings_of(&pair.value, path.key(&pair.key), found);
        }
    }
}

fn strings_of(node: &Node, path: Path, found: &mut Vec<Path>) {
    match node {
        Node::Leaf(leaf) if matches!(&leaf.value, Value::Str(text) if !text.is_empty()) => {
            found.push(path);
        }
        Node::Leaf(_) => {}
        Node::Map(map) => strings(map, &path, found),
        Node::List(list) => {
            for (at, node) in list.nodes().enumerate() {
                let mut item = path.clone();
                item.push(Element::Index(at));
                strings_of(node, item, found);
            }
        }
    }
}

fn tokens(text: &str) -> Vec<&str> {
    let of = |line: &'_ str| line.find("ENC[").filter(|_| !line.contains("mac:"));
    text.lines()
        .filter_map(|line| Some(&line[of(line)?..]))
        .collect()
}

#[test]
fn an_item_put_in_taken_out_or_changed_leaves_the_others_their_tokens() {
    let clear = "l:\n  - x\n  - x\n  - name: a\n    pass: one\n  - name: b\n    pass: two\n  - y\n";
    let scene = sealed(clear);
    let before = scene.read("a.yaml");
    let old = tokens(&before);
    assert_eq!(old.len(), 7);

    // One in the middle, one field changed, equal items still apart.
    scene.write(
        "clear.yaml",
        clear
            .replace("  - name: a", "  - new\n  - x\n  - name: a")
            .replace("two", "three"),
    );
    scene.run("encrypt --onto a.yaml clear.yaml").succeeds();
    let after = scene.read("a.yaml");
    let new = tokens(&after);
    let kept: Vec<&&str> = old.iter().filter(|token| new.contains(token)).collect();
    assert_eq!((new.len(), kept.len()), (9, 6), "{before}\n{after}");
    assert_eq!(new[0..2], old[0..2]);
    let mut apart = new.clone();
    apart.sort_unstable();
    apart.dedup();
    assert_eq!(apart.len(), 9, "two values share a token");
    scene.sops("decrypt a.yaml").succeeds();

    // The first taken out: what is left keeps its own.
    scene.write("clear.yaml", clear.replacen("  - x\n", "", 2));
    scene
        .run("encrypt --onto a.yaml --overwrite clear.yaml")
        .succeeds();
    let last = scene.read("a.yaml");
    assert!(
        tokens(&last)
            .iter()
            .take(2)
            .all(|token| new.contains(token))
    );
}

#[test]
fn sealed_anew_a_file_of_the_reference_differs_only_where_its_value_does() {
    let clear = "a: \"yes\"\nb: 'x: y'\nc: |\n    one\n    two\nl:\n    - |-\n      three\n      four\n    - \"12\"\n    - z\nd: plain\n";
    let scene = Scene::with_age().file("a.yaml", clear);
    scene
        .sops(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    let before = scene.read("a.yaml");
    let clear = scene.run("decrypt a.yaml").succeeds().out();
    scene.write("clear.yaml", clear.replace("plain", "changed"));
    scene.run("encrypt --onto a.yaml clear.yaml").succeeds();
    let after = scene.read("a.yaml");
    let (old, new) = differing_lines(&before, &after);
    let is_of = |line: &&&str| {
        ["d: ", "    lastmodified: ", "    mac: "]
            .iter()
            .any(|key| line.starts_with(key))
    };
    assert_eq!(old.iter().filter(is_of).count(), old.len(), "{old:?}");
    assert_eq!(new.iter().filter(is_of).count(), new.len(), "{new:?}");
    assert_eq!(
        scene.run("decrypt a.yaml").succeeds().out(),
        clear.replace("plain", "changed")
    );
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn a_renamed_or_moved_key_gets_new_tokens() {
    let scene = sealed("a: one\nb:\n    c: two\n").file("clear.yaml", "z: one\nc: two\nb: {}\n");
    let before = scene.read("a.yaml");
    scene
        .run("encrypt --onto a.yaml --overwrite clear.yaml")
        .succeeds();
    let after = scene.read("a.yaml");
    assert!(
        tokens(&after)
            .iter()
            .all(|token| !tokens(&before).contains(token))
    );
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn the_metadata_block_of_the_sealed_file_stays_as_it_is_written() {
    for name in [
        "tamper-meta-37",
        "tamper-meta-extra-yaml",
        "tamper-unknown-metadata",
        "ref-yaml-comments",
        "ref-yaml-moe",
    ] {
        let scene = Scene::with_age();
        let sealed = fs::read_to_string(fixture(&format!("vectors/enc/{name}.yaml"))).unwrap();
        scene.write("a.yaml", &sealed);
        let clear = scene.run("decrypt a.yaml").succeeds().out();

        scene.write("clear.yaml", &clear);
        let inode = fs::metadata(scene.path("a.yaml")).unwrap().ino();
        scene.run("encrypt --onto a.yaml clear.yaml").succeeds();
        assert_eq!(scene.read("a.yaml"), sealed, "{name}: nothing changed");
        assert_eq!(fs::metadata(scene.path("a.yaml")).unwrap().ino(), inode);

        scene.write("clear.yaml", format!("{clear}added: new\n"));
        scene.run("encrypt --onto a.yaml clear.yaml").succeeds();
        let after = scene.read("a.yaml");
        let entry = ["\nsops:", "\n\"sops\":"];
        let start = |text: &str| entry.iter().find_map(|key| text.find(key)).unwrap();
        let block = |text: &str| text[start(text)..].to_owned();
        let (sealed, after) = (block(&sealed), block(&after));
        let (old, new) = differing_lines(&sealed, &after);
        let keys = |lines: &[&str]| -> Vec<String> {
            let key = |line: &&str| line.trim().split(':').next().unwrap().replace('"', "");
            lines.iter().map(key).collect()
        };
        assert_eq!(keys(&old), ["lastmodified", "mac"], "{name}");
        assert_eq!(keys(&new), ["lastmodified", "mac"], "{name}");
        scene.sops("decrypt a.yaml").succeeds();
    }
}

#[test]
fn a_new_value_in_clear_under_a_positive_rule_is_refused_by_name() {
    let clear = "user: alice\npass: hunter2\nhosts:\n  - h1\n";
    let scene = Scene::with_age().file("a.yaml", clear);
    scene
        .run(&format!(
            "encrypt -i --encrypted-regex ^pass --age {RECIPIENT} a.yaml"
        ))
        .succeeds();
    let before = scene.bytes("a.yaml");
    // The canaries are values: none of them is to be seen.
    let changed =
        clear.replace("alice", "canary-user") + "token: canary-value\ntop:\n  key: canary-other\n";
    scene.write("clear.yaml", &changed);
    scene
        .run("encrypt --onto a.yaml clear.yaml")
        .fails(23)
        .stdout("")
        .stderr_lacks("canary")
        .matches(&scene, "encrypt-onto-would-stay-clear");
    assert_eq!(scene.bytes("a.yaml"), before);
    scene
        .run("encrypt --onto a.yaml --allow-cleartext clear.yaml")
        .succeeds()
        .stderr_has("a.yaml: [\"token\"] stays in clear under the file's rule")
        .stderr_has("a.yaml: [\"top\"][\"key\"] stays in clear under the file's rule");

    // A key that is in clear already is told as changed, like any other.
    scene.write("clear.yaml", changed.replace("canary-user", "bob"));
    scene
        .run("encrypt --onto a.yaml clear.yaml")
        .succeeds()
        .stderr_has("a.yaml: ~ user");
    scene.sops("decrypt a.yaml").succeeds();
}

#[test]
fn a_list_of_comments_that_the_reference_sealed_as_items_is_counted_without_them() {
    let scene = Scene::with_age().file("a.yaml", "l:\n    # one\n    - x\n    # two\n    - y\n");
    scene
        .sops(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
        .succeeds();
    for (path, value) in [("[\"l\"][1]", "{\"k\": \"v\"}"), ("[\"l\"][2]", "\"z\"")] {
        scene.cmd(["set", "a.yaml", path, value]).run().succeeds();
    }
    scene
        .run("decrypt a.yaml")
        .succeeds()
        .stdout("l:\n    # one\n    - x\n    # two\n    - k: v\n    - z\n");
    scene.sops("decrypt a.yaml").succeeds();
}
