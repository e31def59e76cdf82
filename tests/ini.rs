//! INI files: what is sealed and opened is what it was, to the byte; where the reference would see
//! something else than people do, the text is refused with its line.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use clsecrets::envelope::EnvelopeError;
use clsecrets::format::{Fault, Format, ini::Ini, yaml::Yaml};
use clsecrets::metadata::{Rule, RuleKind};
use clsecrets::tree::{Node, Path, Value};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::properties::{open_as, seal_as};
use crate::support::fixture;

/// Every layout that comes back byte for byte.
const TEXTS: &[&str] = &[
    "",
    "\n",
    "a = 1",
    "[s]\na = 1\n",
    "top = 1\n\n[s]\na   =  1\nlonger:2\n\tb = 3\n\n\n[e]\n[s.sub]\nc=%(b)s\n\n",
    "[s]\na = 1\n[t]\n[s]\na = again\n",
    "[DEFAULT]\na = 1\n",
    "x = 1\n[DEFAULT]\na = 1\n[default]\nb = 2\n",
    "; file\n\n; two\n[s] ; behind\n; k1\n\n   ; k2\na =  1   ; tail\nb = \"q\" # z\n",
    "[s]  # only behind\na = 1 ; x\ne = ; nothing\n",
    "########\n# header\n########\n\n[s]\n;\n; x\na = 1\n",
    "[s]\n\t; one\n\t; two\n\ta = 1\n; end\n\n; of all\n",
    "[s]\na = \"quoted ; x\"\nb = 'p4ss#word' ; c\nc = \"  pad \"\nd = \"it's\"\n",
    "[s]\na = `b;q`\nb = \"\"\"m\nn\"\"\" ; c\nc = `l\n ; no comment\n`\nd = \"\"\"x\"\"\"\n",
    "[s]\na = 'x' y\nb = '\nc = \"\nd = ''\ne = \"\"\nf = \"\"\"\"\"\"\ng = C:\\dir\n",
    "[s]\n\"k=1\" = v\n`a:b` = w\n\"\"\"q\"\"\" = r\na b = c\n",
    "[s]\r\n; one\r\n\r\n; two\r\na = 1 ; x\r\nb = \"\"\"m\r\nn\"\"\"\r\n; end\r\n",
    "[s]\na_unencrypted = `x;y`\nd = 1 ; c\n; d\n; e\nb_unencrypted = \"z\"\n[t_unencrypted]\nc = 1\n",
    "[é]\nü = \u{1F600}\n",
];

#[test]
fn what_is_sealed_and_opened_is_what_it_was() {
    for text in TEXTS {
        let sealed = seal_as(&Ini, text.as_bytes(), Rule::default()).unwrap();
        let opened = open_as(&Ini, &sealed).unwrap();
        assert_eq!(String::from_utf8(opened).unwrap(), *text);
        let sealed = String::from_utf8(sealed).unwrap();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        for word in ["p4ss", "header", "behind", "pad"] {
            assert!(!sealed.contains(word), "{sealed}");
        }
        assert_eq!(
            sealed.contains("\r\n"),
            text.contains("\r\n"),
            "{:?}",
            lines(&sealed)
        );
    }
}

proptest! {
    #[test]
    fn generated_texts_come_back(
        parts in prop::collection::vec(
            (
                prop::collection::vec("[;#] [a-z ]{0,6}[a-z]", 0..3),
                prop_oneof![
                    "\\[[a-z.]{1,4}\\]( {1,2}; [a-z]{1,4})?",
                    "[a-z]{3}[ ]{0,2}[=:][ ]{0,2}[a-zA-Z0-9/+.]{1,9}( ; [a-z]{1,4})?",
                    "[a-z]{3} =",
                    "[a-z]{3} = \"[a-z;# ']{0,9}\"( # [a-z]{1,4})?",
                    "[a-z]{3} = `[a-z;# \"'\n]{0,9}`",
                ],
                0..2_usize,
            ),
            0..8,
        ),
        end in prop_oneof![Just("\n"), Just("\r\n")],
        is_open_ended in any::<bool>(),
    ) {
        let mut text = String::new();
        for (number, (comments, line, blanks)) in parts.iter().enumerate() {
            for comment in comments {
                write!(text, "{comment}{end}{}", end.repeat(*blanks)).unwrap();
            }
            let is_key = !line.starts_with('[');
            let name = if is_key { format!("k{number}") } else { String::new() };
            write!(text, "{name}{line}{end}{}", end.repeat(*blanks)).unwrap();
        }
        if is_open_ended && text.ends_with(end) {
            text.truncate(text.len() - end.len());
        }
        prop_assume!(!text.contains("[sops]"));
        // The line end of a text is that of its first line.
        prop_assume!(end == "\n" || text.find('\n').is_some_and(|at| text[..at].ends_with('\r')));
        let sealed = seal_as(&Ini, text.as_bytes(), Rule::default()).unwrap();
        let opened = open_as(&Ini, &sealed).unwrap();
        prop_assert_eq!(String::from_utf8(opened).unwrap(), text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]=:;#\"'`\\\\ \n\r\tab\u{FEFF}\u{A0}é]{0,60}") {
        // A last carriage return without its line end is none of the text.
        let text = text.trim_end_matches('\r');
        match seal_as(&Ini, text.as_bytes(), Rule::default()) {
            Ok(sealed) => {
                let opened = open_as(&Ini, &sealed).unwrap();
                let again = seal_as(&Ini, &opened, Rule::default()).unwrap();
                prop_assert_eq!(open_as(&Ini, &again).unwrap(), opened);
            }
            Err(error) => prop_assert!(!matches!(error, EnvelopeError::SelfCheck), "{}", error),
        }
    }
}

#[test]
fn what_nobody_can_read_alike_is_refused_with_its_place() {
    for (text, line, column, fault) in [
        ("[s\n", 1, 1, Fault::Syntax),
        ("[]\n", 1, 1, Fault::Syntax),
        ("a = 1\nnoequals\n", 2, 1, Fault::Syntax),
        ("= x\n", 1, 1, Fault::Syntax),
        ("\"\" = x\n", 1, 1, Fault::Syntax),
        ("\"a = 1\n", 1, 1, Fault::Syntax),
        ("[s]\n  - = 1\n", 2, 3, Fault::Syntax),
        ("[s]\na = 1\na = 2\n", 3, 1, Fault::Syntax),
        ("[s]\na = `x\n", 2, 5, Fault::Syntax),
        ("a = \\ ; c\n", 1, 5, Fault::Unsupported),
        ("a = 1\nb = x\ry\n", 2, 6, Fault::Unsupported),
        ("[s]\na = \"\"\"x\ny\n", 2, 5, Fault::Syntax),
        ("[s]\np = p4ss#word\n", 2, 9, Fault::Unsupported),
        ("[s]\np = p4ss;\n", 2, 9, Fault::Unsupported),
        ("[s]\nd = C:\\dir\\\nq = 1\n", 2, 5, Fault::Unsupported),
        ("[s] ; see [x]\n", 1, 1, Fault::Unsupported),
        ("[s];c\n", 1, 4, Fault::Unsupported),
        ("[s] x\n", 1, 4, Fault::Unsupported),
        ("[s]\na = `x` ; c\n", 2, 8, Fault::Unsupported),
        ("[s]\n`#a` = 1\n", 2, 1, Fault::Unsupported),
        ("[s]\n\"a\" b = 1\n", 2, 1, Fault::Unsupported),
    ] {
        let error = Ini.parse_clear(Zeroizing::new(text.as_bytes().to_vec()));
        let error = error.map(drop).unwrap_err();
        assert_eq!(
            (error.line, error.column, error.fault),
            (line, column, fault),
            "{text}: {error}"
        );
        assert!(!error.reason.contains("p4ss"), "{error}");
    }
    let invalid = Ini.parse(Zeroizing::new(b"[s]\na = \xFF\n".to_vec()));
    assert_eq!(invalid.unwrap_err().line, 2);
}

#[test]
fn what_others_read_otherwise_does_not_stay_in_clear() {
    let rule = || Rule::new(RuleKind::EncryptedRegex, "^b$").unwrap();
    for (text, line) in [
        ("[s]\nb = 1\na = \"x;y\"\n", 3),
        ("[s]\nb = 1\n####\n# d\na = 1\n", 3),
    ] {
        let Err(EnvelopeError::Format(error)) = seal_as(&Ini, text.as_bytes(), rule()) else {
            panic!("{text}");
        };
        assert_eq!(
            (error.line, error.fault),
            (line, Fault::Unsupported),
            "{error}"
        );
    }
}

#[test]
fn a_section_of_the_metadata_is_sealed_already() {
    for text in [
        "[sops]\nx = 1\n",
        "[s]\n[sops]\n",
        "[sops]\na__list_7 = 1\n",
    ] {
        let refused = seal_as(&Ini, text.as_bytes(), Rule::default());
        assert!(
            matches!(refused, Err(EnvelopeError::AlreadySealed)),
            "{text}"
        );
    }
}

#[test]
fn places_of_comments_that_an_editor_has_taken_away_lose_no_words() {
    let text = "; one\n\n; two\n[s] ; three\n; four\n; five\na = 1 ; six\n";
    let sealed = seal_as(&Ini, text.as_bytes(), Rule::default()).unwrap();
    let sealed = String::from_utf8(sealed).unwrap();
    let lines: Vec<&str> = sealed.lines().map(str::trim_end).collect();
    let trimmed = lines.join("\n") + "\n";
    assert_ne!(trimmed, sealed);
    let opened = String::from_utf8(open_as(&Ini, trimmed.as_bytes()).unwrap()).unwrap();
    assert_eq!(
        opened,
        "; one\n; two\n; three\n\n\n[s]\n; four\n; five\n; six\n\na = 1\n"
    );
}

#[test]
fn metadata_may_stand_anywhere_and_only_once() {
    let sealed = seal_as(&Ini, b"[s]\na = 1\n\n; end\n", Rule::default()).unwrap();
    let sealed = String::from_utf8(sealed).unwrap();
    let (body, block) = sealed.split_once("\n[sops]").unwrap();
    let first = format!("[sops]{block}\n{body}");
    let opened = String::from_utf8(open_as(&Ini, first.as_bytes()).unwrap()).unwrap();
    assert_eq!(opened, "\n[s]\na = 1\n\n; end\n");
    let twice = format!("{sealed}\n[sops]{block}");
    assert!(open_as(&Ini, twice.as_bytes()).is_err());
    let holed = sealed.replace("age__list_0", "age__list_1");
    assert!(matches!(
        open_as(&Ini, holed.as_bytes()),
        Err(EnvelopeError::Format(_))
    ));
}

#[test]
fn a_tree_of_another_format_is_written_in_the_layout_of_the_reference() {
    let write = |text: &str| {
        let document = Yaml
            .parse(Zeroizing::new(text.as_bytes().to_vec()))
            .unwrap();
        let text = Ini.write(&document.tree, None).ok()?;
        Some(String::from_utf8(text.to_vec()).unwrap())
    };
    let text = "DEFAULT:\n  top: x\ns:\n  # c\n  a: 'p;q'\n  longer: \"l\\nm\"\n  n: 5\n  'k:1': ' pad '\nt: {}\n";
    assert_eq!(
        write(text).unwrap(),
        "top = x\n\n; c\n[s]\na      = `p;q`\nlonger = \"\"\"l\nm\"\"\"\nn      = 5\n`k:1`  = \" pad \"\n\n[t]\n"
    );
    for text in [
        "a: x\n",
        "s: {a: null}\n",
        "s: {a: {b: c}}\n",
        "s: {a: [1]}\n",
        "s: {'#a': b}\n",
        "'a]': {b: c}\n",
        "sops_: [1]\n",
    ] {
        assert!(write(text).is_none(), "{text}");
    }
    assert_eq!(
        write("s: {a: '\"x\"', b: 'c\\'}\n").unwrap(),
        "[s]\na = `\"x\"`\nb = `c\\`\n"
    );
}

#[test]
fn a_value_that_is_put_looks_like_its_neighbours() {
    let put = |text: &str, path: &str, value: &str| {
        let document = Ini.parse(Zeroizing::new(text.as_bytes().to_vec())).unwrap();
        let path = Path::parse(path).unwrap();
        let node = Ini.fit(&path, Node::text(value)).ok()?;
        let text = Ini.put(&document, &path, node).ok()?;
        Some(String::from_utf8(text.to_vec()).unwrap())
    };
    for (text, path, value, expected) in [
        (
            "[s]\na = 1\n\n[t]\n",
            "['s']['b']",
            "x",
            "[s]\na = 1\nb = x\n\n[t]\n",
        ),
        (
            "[s]\nlong   = 1\n",
            "['s']['b']",
            "x",
            "[s]\nlong   = 1\nb      = x\n",
        ),
        (
            "[s]\n\ta:1\n",
            "['s']['b']",
            "x;y",
            "[s]\n\ta:1\n\tb:`x;y`\n",
        ),
        ("[s]\n[t]", "['t']['b']", "x", "[s]\n[t]\nb = x"),
        (
            "[s]\r\na = 1\r\n",
            "['u']['b']",
            "x",
            "[s]\r\na = 1\r\n\r\n[u]\r\nb = x\r\n",
        ),
        (
            "[s]\na = 1\n; end\n",
            "['u']['b']",
            "x",
            "[s]\na = 1\n\n[u]\nb = x\n; end\n",
        ),
        ("", "['u']['b']", "x", "[u]\nb = x\n"),
        (
            "[s]\na = 1\n",
            "['DEFAULT']['b']",
            "x",
            "b = x\n[s]\na = 1\n",
        ),
        (
            "[s]\na =\nb = ; c\n",
            "['s']['a']",
            "x",
            "[s]\na = x\nb = ; c\n",
        ),
        (
            "[s]\na =\nb = ; c\n",
            "['s']['b']",
            "x",
            "[s]\na =\nb = x ; c\n",
        ),
    ] {
        assert_eq!(
            put(text, path, value).as_deref(),
            Some(expected),
            "{path} of {text}"
        );
    }
    for path in [
        "['a']",
        "['s']['b']['c']",
        "['s][']['b']",
        "['s']['#b']",
        "['s'][0]",
    ] {
        assert!(put("[s]\na = 1\n", path, "x").is_none(), "{path}");
    }
    assert!(
        Ini.fit(
            &Path::parse("['s']['a']").unwrap(),
            Node::new_leaf(Value::Null)
        )
        .is_err()
    );
}

#[test]
fn a_text_that_is_cut_anywhere_never_panics() {
    let whole = std::fs::read(fixture("formats/ini/sealed.ini")).unwrap();
    for length in 0..whole.len() {
        let cut = Zeroizing::new(whole[..length].to_vec());
        let _ = clsecrets::envelope::Sealed::parse(&Ini, cut);
    }
}

#[test]
fn large_texts_take_linear_time() {
    let value = format!("[s]\na = {}\n", "é\u{1F600}abcdefghij".repeat(500_000));
    let sealed = seal_as(&Ini, value.as_bytes(), Rule::default()).unwrap();
    assert!(open_as(&Ini, &sealed).unwrap() == value.as_bytes());

    let begun = Instant::now();
    let mut text = String::new();
    for number in 0..330_000 {
        write!(text, "; c\nk{number} =\n[s{}]\n", number % 7).unwrap();
    }
    let document = Ini
        .parse(Zeroizing::new(text.clone().into_bytes()))
        .unwrap();
    assert_eq!(document.tree.documents[0].pairs().count(), 330_001);
    let rule = Rule::new(RuleKind::EncryptedSuffix, "_none").unwrap();
    seal_as(&Ini, text.as_bytes(), rule).unwrap();
    assert!(begun.elapsed() < Duration::from_mins(1));
}
