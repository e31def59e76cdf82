//! Sealing and opening give the text back, and every change that the format can notice is noticed.

use clsecrets::envelope::{Draft, EnvelopeError, OpenOptions, Sealed, Tokens};
use clsecrets::format::{Format, yaml::Yaml};
use clsecrets::metadata::{Rule, RuleKind};
use zeroize::Zeroizing;

use crate::support::sealing::{Counted, NOW, key, metadata};

fn seal(text: &str, rule: Rule) -> Result<String, EnvelopeError> {
    let sealed = seal_as(&Yaml, text.as_bytes(), rule)?;
    Ok(String::from_utf8(sealed).unwrap())
}

pub(crate) fn seal_as(
    format: &'static dyn Format,
    text: &[u8],
    rule: Rule,
) -> Result<Vec<u8>, EnvelopeError> {
    let draft = Draft::parse(format, Zeroizing::new(text.to_vec()))?;
    let sealed = draft.seal(
        metadata(rule, false),
        &key(),
        &mut Counted(0),
        NOW,
        false,
        &Tokens::default(),
    )?;
    Ok(sealed.bytes.to_vec())
}

fn open(sealed: &str) -> Result<String, EnvelopeError> {
    Ok(String::from_utf8(open_as(&Yaml, sealed.as_bytes())?).unwrap())
}

pub(crate) fn open_as(
    format: &'static dyn Format,
    sealed: &[u8],
) -> Result<Vec<u8>, EnvelopeError> {
    let sealed = Sealed::parse(format, Zeroizing::new(sealed.to_vec()))?;
    let opened = sealed.open(&key(), OpenOptions::default())?;
    Ok(opened.clear_text()?.to_vec())
}

/// Ordinary styles, one after the other: every one comes back byte for byte.
const ORDINARY: &str = "\
# head of the file
user: alice  # who
pass: 'it''s \"secret\"'
url: \"postgres://u:p%40w@h/db?x=1\\t\"

empty: ''
nothing: ~
port: 5432
ratio: 1.5
on: true
yes_word: yes
date_word: '2024-01-02'
list:
  # first
  - one
  - \"two\"   # second
  - [a, 'b', \"c\"]

  - key: |
      line one
        line two # no comment

      line four
    other: |-
      stripped
# indentless
flat:
- x
-   y
nested: {a: 'b', c: {d: \"e\"}, f: []}
clear_unencrypted: stays
? odd key
: value
last: >-
  one folded line
# foot of the file
";

#[test]
fn what_is_sealed_and_opened_is_what_it_was() {
    let sealed = seal(ORDINARY, Rule::default()).unwrap();
    assert_eq!(open(&sealed).unwrap(), ORDINARY);
    for word in [
        "alice", "secret", "5432", "line one", "who", "first", "foot of",
    ] {
        let values = sealed.replace("clsecrets_layout", "");
        assert!(!values.contains(word), "{word}");
    }
    assert!(sealed.contains("clear_unencrypted: stays"));
}

#[test]
fn line_ends_a_byte_order_mark_and_several_documents_stay() {
    let crlf = ORDINARY.replace('\n', "\r\n");
    for text in [
        crlf.clone(),
        format!("\u{FEFF}{crlf}"),
        "a: 1\n---\n# second\nb: 'x'\n...\n---\nc: |\n  y\n".to_owned(),
        "  indented: x\n  other: y\n".to_owned(),
        "{flow: 'x', top: {level: \"y\"}}\n".to_owned(),
    ] {
        let sealed = seal(&text, Rule::default()).unwrap();
        assert_eq!(open(&sealed).unwrap(), text);
    }
}

#[test]
fn a_value_does_not_take_in_what_stands_beside_it() {
    // A value of several lines becomes one; the comment below it stays a comment. Without the layout,
    // too, which the second text stands for.
    for (text, bare) in [
        (
            "notes:\n  - first line\n\n    second line\n    # a comment\npw: \"x\"\n",
            "notes:\n  - \"first line\\nsecond line\"\n    # a comment\npw: \"x\"\n",
        ),
        (
            "note: first line\n\n  second line\n\n    # a comment\n",
            "note: \"first line\\nsecond line\"\n\n    # a comment\n",
        ),
        ("{\n  a: 'x',   # c\n  b: 'y'    # d\n}\n", ""),
        ("{a: 'x', }\n", ""),
        ("{a: 'x',\n b: ['1',\n '2'], # c\n}\n", ""),
        ("a: |+\n\nb: 1\n", ""),
        ("{}\n", ""),
    ] {
        let bare = if bare.is_empty() { text } else { bare };
        let sealed = seal(text, Rule::default()).unwrap();
        assert_eq!(open(&sealed).unwrap(), text, "{sealed}");
        let is_other = |line: &&str| !line.contains("clsecrets_layout");
        let lines: Vec<&str> = sealed.lines().filter(is_other).collect();
        let without = format!("{}\n", lines.join("\n"));
        assert_eq!(open(&without).unwrap(), bare, "{sealed}");
    }
}

#[test]
fn each_rule_seals_what_it_selects() {
    let text = "\
top: t
area:
  pass_enc: p
  # open
  host: h
# secret
token: k
";
    for (kind, argument, sealed_words, clear_words) in [
        (RuleKind::UnencryptedSuffix, "host", "tpk", "h"),
        (RuleKind::EncryptedSuffix, "_enc", "p", "thk"),
        (RuleKind::UnencryptedRegex, "^area$", "tk", "ph"),
        (RuleKind::EncryptedRegex, "^(token|area)$", "phk", "t"),
        (RuleKind::UnencryptedCommentRegex, "open", "tpk", "h"),
        (RuleKind::EncryptedCommentRegex, "secret", "k", "tph"),
    ] {
        let sealed = seal(text, Rule::new(kind, argument).unwrap()).unwrap();
        let holds = |word: char| {
            sealed
                .lines()
                .any(|line| line.ends_with(&format!(": {word}")))
        };
        for word in sealed_words.chars() {
            assert!(!holds(word), "{kind:?} leaves {word} in clear");
        }
        for word in clear_words.chars() {
            assert!(holds(word), "{kind:?} seals {word}");
        }
        assert_eq!(open(&sealed).unwrap(), text);
    }
}

#[test]
fn every_changed_character_of_a_token_is_noticed() {
    let sealed = seal("a: one\nb: two\n", Rule::default()).unwrap();
    let first_line = sealed.lines().next().unwrap().to_owned();
    let token = first_line.find("data:").unwrap()..first_line.find(",type:").unwrap();
    for at in token {
        let old = first_line.as_bytes()[at];
        // The highest bit of the digit changes: the lowest of a last digit mean nothing in base64.
        let new = if old.is_ascii_uppercase() { b'/' } else { b'A' };
        let mut changed = sealed.clone().into_bytes();
        changed[at] = new;
        assert!(
            open(&String::from_utf8(changed).unwrap()).is_err(),
            "character {at}"
        );
    }
}

#[test]
fn moved_removed_added_and_reordered_values_are_noticed() {
    let sealed = seal(
        "a: one\nb: two\nl: [\"x\", \"y\"]\nc_unencrypted: clear\n",
        Rule::default(),
    )
    .unwrap();
    let lines: Vec<&str> = sealed.lines().collect();
    let value = |at: usize| lines[at].split_once(": ").unwrap().1;
    let swapped = sealed
        .replace(lines[0], &format!("a: {}", value(1)))
        .replacen(lines[1], &format!("b: {}", value(0)), 1);
    let items = value(2).trim_matches(['[', ']']);
    let (one, two) = items.split_once(", ").unwrap();
    for (what, changed) in [
        ("swapped", swapped),
        ("renamed", sealed.replace("a: ENC", "z: ENC")),
        ("removed", sealed.replace(&format!("{}\n", lines[1]), "")),
        ("emptied", sealed.replace(lines[1], "b: ''")),
        ("opened", sealed.replace(lines[1], "b: two")),
        ("added", format!("new_unencrypted: x\n{sealed}")),
        ("reordered", sealed.replace(items, &format!("{two}, {one}"))),
        (
            "clear value",
            sealed.replace("unencrypted: clear", "unencrypted: cleat"),
        ),
        (
            "time",
            sealed.replace("lastmodified: \"2026", "lastmodified: \"2027"),
        ),
        (
            "only encrypted",
            sealed.replace("    version:", "    mac_only_encrypted: true\n    version:"),
        ),
    ] {
        assert_ne!(changed, sealed, "{what}");
        assert!(open(&changed).is_err(), "{what}");
    }
}

#[test]
fn a_rule_that_this_build_does_not_understand_is_read_by_form_and_never_written() {
    let sealed = seal(
        "pass: one\nhost: two\n",
        Rule::new(RuleKind::EncryptedRegex, "pass").unwrap(),
    );
    // Go knows more names of classes than this build.
    let odd = sealed.unwrap().replace(
        "encrypted_regex: pass",
        "encrypted_regex: 'pass|\\p{Zanabazar_Square}'",
    );
    let opened = Sealed::parse(&Yaml, Zeroizing::new(odd.clone().into_bytes())).unwrap();
    let opened = opened.open(&key(), OpenOptions::default()).unwrap();
    assert_eq!(opened.warnings.len(), 1);
    assert_eq!(&**opened.clear_text().unwrap(), b"pass: one\nhost: two\n");
    let written = opened.seal(&key(), &mut Counted(0), NOW, false);
    assert!(matches!(written, Err(EnvelopeError::NotWritable { .. })));
}

#[test]
fn a_comment_in_a_place_that_the_reference_does_not_see_stands_in_the_layout_only() {
    let text = "a: [ # lost\n  'x' ]\nb: c\n";
    let sealed = seal(text, Rule::default()).unwrap();
    assert!(!sealed.contains("lost"), "{sealed}");
    assert_eq!(open(&sealed).unwrap(), text);
    // Where comments decide what is sealed, one below a text that is folded may not go.
    let rule = Rule::new(RuleKind::UnencryptedCommentRegex, "public").unwrap();
    let refused = seal("a:\n  one\n  two\n  # public\nb: c\n", rule);
    if let Ok(sealed) = refused {
        assert!(sealed.contains("public"), "{sealed}");
    }
}
