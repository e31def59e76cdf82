//! Recorded files with another data key, other recipients or one value less: they hold what they held,
//! with us and with the reference.

use std::fs;

use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::{Edit, OpenOptions, Opened, Sealed};
use clsecrets::format::{self, Format};
use clsecrets::metadata::{KeyGroups, Recipient, Rule};
use clsecrets::secret::DataKey;
use clsecrets::tree::{Element, Fields, Map, Node, Path};
use zeroize::Zeroizing;

use crate::properties::seal_as;
use crate::support::sealing::key;
use crate::support::{OTHER_RECIPIENT, Run, Scene, fixture};

/// Clear texts of the vectors, as many as can be sealed here.
fn texts() -> Vec<(String, &'static dyn Format, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(fixture("vectors/plain")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(format) = format::by_extension(&name) else {
            continue;
        };
        if let Ok(text) = fs::read_to_string(&path) {
            found.push((name, format, text));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() > 50, "{}", found.len());
    found
}

fn open(format: &'static dyn Format, text: &[u8], key: &DataKey) -> Result<Opened, String> {
    let text = Zeroizing::new(text.to_vec());
    let sealed = Sealed::parse(format, text).map_err(|error| error.to_string())?;
    sealed
        .open(key, OpenOptions::default())
        .map_err(|error| error.to_string())
}

fn sealed(format: &'static dyn Format, text: &str) -> Option<String> {
    let sealed = seal_as(format, text.as_bytes(), Rule::default()).ok()?;
    String::from_utf8(sealed).ok()
}

fn copy(map: &Map) -> Map {
    let mut copy = Map::default();
    for pair in map.pairs() {
        copy.push(pair.key.clone(), pair.value.duplicate());
    }
    copy
}

fn clear(opened: &Opened) -> String {
    String::from_utf8_lossy(&opened.clear_text().unwrap()).into_owned()
}

fn someone(name: &str) -> Recipient {
    Recipient {
        kind: "age".to_owned(),
        fields: Fields::from([("enc", "wrapped\nwith lines\n"), ("recipient", name)]),
    }
}

#[test]
fn another_key_and_other_recipients_change_no_value() {
    let mut done = 0;
    for (name, format, text) in texts() {
        let Some(sealed) = sealed(format, &text) else {
            continue;
        };
        let opened = open(format, sealed.as_bytes(), &key()).unwrap();
        let before = clear(&opened);

        let groups = KeyGroups::new(
            vec![vec![someone("a"), someone("b")], vec![someone("c")]],
            2,
        );
        let rewrapped = opened.with_recipients(groups.clone(), &key()).unwrap();
        let again = open(format, &rewrapped.bytes, &key()).unwrap();
        assert_eq!(clear(&again), before, "{name}");
        assert_eq!(again.metadata().key_groups.groups().len(), 2, "{name}");
        let tokens = |text: &str| text.matches("ENC[").count();
        let (old, new) = (
            tokens(&sealed),
            tokens(&String::from_utf8_lossy(&rewrapped.bytes)),
        );
        assert_eq!(old, new, "{name}");
        // Back to one group: the file is what it was, but for the entries.
        let flat = KeyGroups::from(vec![someone("z")]);
        let flat = again
            .with_recipients(flat.with_threshold(0), &key())
            .unwrap();
        let flat = open(format, &flat.bytes, &key()).unwrap();
        assert_eq!(clear(&flat), before, "{name}");

        let other = DataKey::from_bytes(&[9; 32]).unwrap();
        let mut metadata = opened.metadata().clone();
        metadata.key_groups = KeyGroups::from(vec![someone("z")]);
        let rotated = opened
            .rotated(
                metadata,
                &other,
                &mut SystemNonces::default(),
                1_800_000_000,
            )
            .unwrap_or_else(|error| panic!("{name}: {error}\n{sealed}"));
        assert!(open(format, &rotated.bytes, &key()).is_err(), "{name}");
        let again = open(format, &rotated.bytes, &other).unwrap();
        assert_eq!(clear(&again), before, "{name}");
        let tokens = |text: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(text).into_owned();
            text.split("ENC[")
                .skip(1)
                .map(|rest| rest.split(']').next().unwrap().to_owned())
                .collect()
        };
        let kept = tokens(sealed.as_bytes());
        assert!(
            tokens(&rotated.bytes)
                .iter()
                .all(|token| !kept.contains(token)),
            "{name}"
        );
        done += 1;
    }
    assert!(done > 50, "only {done} texts could be sealed");
}

/// Paths of everything in a map.
fn paths(map: &Map, above: &Path, found: &mut Vec<Path>) {
    for pair in map.pairs() {
        let path = above.key(&pair.key);
        below(&pair.value, &path, found);
        found.push(path);
    }
}

fn below(node: &Node, path: &Path, found: &mut Vec<Path>) {
    match node {
        Node::Leaf(_) => {}
        Node::Map(map) => paths(map, path, found),
        Node::List(list) => {
            for (index, item) in list.nodes().enumerate() {
                let mut path = path.clone();
                path.push(Element::Index(index));
                below(item, &path, found);
                found.push(path);
            }
        }
    }
}

#[test]
fn whatever_is_taken_out_the_rest_stays() {
    let (mut done, mut refused) = (0, Vec::new());
    for (name, format, text) in texts() {
        if name.contains("binary") {
            continue;
        }
        let Some(sealed) = sealed(format, &text) else {
            continue;
        };
        let mut all = Vec::new();
        let opened = open(format, sealed.as_bytes(), &key()).unwrap();
        paths(&opened.tree().documents[0], &Path::root(), &mut all);
        // A path that holds what its grammar cannot say is no path for anybody.
        all.retain(|path| Path::parse(&path.to_string()).as_ref() == Ok(path));
        // Of what stands twice only the first can be named.
        all.retain(|path| opened.tree().documents[0].at(path).is_some());
        all.truncate(12);
        for path in all {
            let what = format!("{name} {path}\n{text}");
            let mut opened = open(format, sealed.as_bytes(), &key()).unwrap();
            let mut expected = copy(&opened.tree().documents[0]);
            match opened.unset(&path) {
                Ok(edit) => assert_eq!(edit, Edit::Changed, "{what}"),
                Err(error) => {
                    refused.push(format!("{error}: {what}"));
                    continue;
                }
            }
            expected.take_out(path.elements());
            let nonces = &mut SystemNonces::default();
            let text = match opened.seal(&key(), nonces, 1_800_000_000, true) {
                Ok(text) => text,
                Err(error) => {
                    refused.push(format!("{error}: {what}"));
                    continue;
                }
            };
            let again = open(format, &text.bytes, &key()).unwrap();
            let (mut left, mut wanted) = (Vec::new(), Vec::new());
            paths(&again.tree().documents[0], &Path::root(), &mut left);
            paths(&expected, &Path::root(), &mut wanted);
            assert_eq!(
                left,
                wanted,
                "{what}\n{}",
                String::from_utf8_lossy(&text.bytes)
            );
            done += 1;
        }
    }
    println!("{done} places taken out, {} refused", refused.len());
    assert!(done > 300, "only {done}");
    assert!(refused.len() * 20 <= done, "{}", refused.join("\n"));
}

#[test]
fn the_reference_reads_what_was_rotated_and_regrouped() {
    let scene = Scene::holding("AB");
    let mut done = 0;
    for (name, _, text) in texts().into_iter().step_by(3) {
        scene.write(&name, &text);
        if scene
            .sops(&format!(
                "encrypt -i --age {} {name}",
                crate::support::RECIPIENT
            ))
            .status
            != 0
        {
            continue;
        }
        let theirs = |scene: &Scene| -> Run { scene.sops(&format!("decrypt {name}")) };
        let before = theirs(&scene);
        if before.status != 0 {
            continue;
        }
        let steps = [
            format!("rotate -i {name}"),
            format!("groups add -i --file {name} --age {OTHER_RECIPIENT}"),
            format!("groups delete -i --file {name} 0"),
            format!("rotate -i --add-age {} {name}", crate::support::RECIPIENT),
        ];
        for step in steps {
            let run = scene.run(&step);
            if run.status != 0 {
                let is_known = [
                    "not safe to write",
                    "would be lost",
                    "not supported",
                    "is no text",
                ]
                .iter()
                .any(|words| run.err().contains(words));
                assert!(is_known, "{name}\n{run}\n{text}");
                continue;
            }
            let after = theirs(&scene);
            assert_eq!(after.out(), before.out(), "{name} after {step}\n{after}");
        }
        done += 1;
    }
    assert!(done > 20, "only {done}");
}
