use std::path::Path;

use proptest::prelude::*;

use zeroize::Zeroizing;

use crate::secret::SharedText;

use super::super::checked;
use super::{read, readers_agree};

#[test]
fn the_common_layout_is_read_and_means_the_same_to_both_readers() {
    for text in [
        "a: b\n",
        "a: b",
        "a:\n    b: c\n    d: 'e'\nf: \"g\"\n",
        "a:\n  k: b\nc:\n  k: d\n",
        "a:\n  - b\n  - 'it''s'\n  - 12\nc: d\n",
        "a:\n- b\n- c: d\n  e: f\n-   g: h\n    i: j\nk: l\n",
        "a:\n  - - b\n    - c\n  - - d\n",
        "a:\n  -\n    b: c\n",
        "\n\na: b\n\n   \nc: d   \n\n",
        "a:\nb:\n  c:\nd:",
        "'a b': c\n\"d\": e\nf g: h\n",
        "a: http://b:80/#c\nd: x#y\ne: ''\nf: \"\"\n",
        "a: -5\nb: .5\nc: 1e3\nd: ~\ne: true\nf: 2024-01-02\ng: 0x1F\nh: null\n",
        "a: yes\nnull-ish: ~/x\ntruly: nope\n",
        "é: ü\nb: \u{1F600}\n",
        "a: b\nsops:\n    mac: ENC[x]\n    age:\n        - enc: |\n            x\n          recipient: r\n    version: 3.13.3\n",
        "sops:\n    mac: x\n",
    ] {
        assert_eq!(readers_agree(text.as_bytes()), Some(true), "{text:?}");
    }
}

#[test]
fn what_it_does_not_know_is_handed_over() {
    for text in [
        "",
        "\n",
        "a",
        "- a\n",
        " a: b\n",
        "a: b # c\n",
        "# c\na: b\n",
        "a: b\n# c\n",
        "a: &b c\n",
        "a: *b\n",
        "a: !!str b\n",
        "a: |\n  b\n",
        "a: >\n  b\n",
        "a: [b]\n",
        "a: {b: c}\n",
        "a: b\n  c\n",
        "a: 'b\n  c'\n",
        "a: \"b\\n\"\n",
        "a: \"b\" c\n",
        "a: 'b' 'c'\n",
        "a: b: c\n",
        "a: b:\n",
        "a: b\na: c\n",
        "1: a\nb: c\n",
        "~: a\n",
        "<<: a\n",
        "a: <<\n",
        "? a\n: b\n",
        "a:b\n",
        "a : b\n",
        "---\na: b\n",
        "a: b\n---\nc: d\n",
        "a: b\n...\n",
        "%YAML 1.1\n---\na: b\n",
        "a:\n  - b\n c: d\n",
        "a:\n    b: c\n  d: e\n",
        "a: - b\n",
        "a: b\r\nc: d\r\n",
        "a:\tb\n",
        "\u{feff}a: b\n",
        "a: b\u{2028}c\n",
        "a: 9223372036854775808\n",
        "a:\n  -\n  - b\n",
        "a: @b\n",
        "a: `b\n",
        "a: %b\n",
        "a: 'b\n",
        "a: \"b\n",
        "a: ?b\n",
        "sops: x\na: b\n",
        "a: b\nsops:\n  mac: x # y\n",
        "a: b\nsops:\n  mac: x\nsops:\n  mac: y\n",
    ] {
        let source = SharedText::new(Zeroizing::new(text.as_bytes().to_vec()));
        let handed_over = checked(&source).map_or(true, |text| read(text, &source).is_none());
        assert!(handed_over, "{text:?} was read");
    }
}

#[test]
fn every_text_of_the_fixtures_means_the_same_to_both_readers() {
    let mut read = 0;
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let agree = readers_agree(text.as_bytes());
                assert_ne!(agree, Some(false), "{}", path.display());
                read += usize::from(agree.is_some());
            }
        }
    }
    assert!(read > 20, "{read}");
}

/// Lines of all kinds, so that most texts are nearly of the common layout.
fn line() -> impl Strategy<Value = String> {
    let one_of = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        prop::sample::select(texts)
    };
    let indent = one_of(&["", "", "", "", "  ", "  ", "    ", "      ", " "]);
    let dash = one_of(&["", "", "", "", "", "", "- ", "- ", "-   ", "- - ", "-"]);
    let key = prop_oneof![
        "[a-d]",
        one_of(&[
            "'k k'", "\"q\"", "sops", "<<", "n y", "-x", "1", "..", "a:b", "a#b", "é", "null", "e",
            "f", "g", "h", "", "'", "\"", "?", "? a", "a ", "- b",
        ]),
    ];
    let colon = one_of(&[": ", ": ", ": ", ": ", ": ", ":", ":", "", ":  ", " : "]);
    let value = prop_oneof![
        "[a-z]{0,3}",
        "[-+.~<='\"\\\\#:&*!|>%@`?\\[\\]{},a0 ]{0,5}",
        one_of(&[
            "",
            "",
            "",
            "'it''s'",
            "\"x\" ",
            "1e3",
            "2024-01-02",
            "- x",
            "ENC[a,b:c]",
            "'a' 'b'",
            "'a'' ''b'",
            "a #b",
            "a# b",
            "a:",
            "..",
            "...",
            "---",
            "0x1F",
            "1_0",
            "true",
            ".inf",
        ]),
    ];
    let end = one_of(&["\n", "\n", "\n", "\n", "\n", "\n\n", " \n", "\n   \n", ""]);
    (indent, dash, key, colon, value, end).prop_map(|(indent, dash, key, colon, value, end)| {
        format!("{indent}{dash}{key}{colon}{value}{end}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_means_different_things_to_the_readers(lines in prop::collection::vec(line(), 1..8)) {
        let text = lines.concat();
        prop_assert_ne!(readers_agree(text.as_bytes()), Some(false), "{:?}", text);
    }
}
