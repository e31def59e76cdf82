use zeroize::Zeroizing;

use super::*;
use crate::cipher::CipherError;
use crate::envelope::{Draft, OpenOptions, Opened, Sealed, Tokens};
use crate::format::yaml::Yaml;
use crate::metadata::{Metadata, Recipient, Rule};
use crate::tree::Fields;

struct Counted(u8);

impl Nonces for Counted {
    fn next(&mut self) -> Result<[u8; 32], CipherError> {
        self.0 += 1;
        Ok([self.0; 32])
    }
}

fn key() -> DataKey {
    DataKey::from_bytes(&[7; 32]).unwrap()
}

fn sealed(text: &str) -> Zeroizing<Vec<u8>> {
    let fields = Fields::from([("recipient", "age1throwaway"), ("enc", "wrapped")]);
    let kind = "age".to_owned();
    let metadata = Metadata::new(vec![Recipient { kind, fields }], Rule::default(), false);
    let draft = Draft::parse(&Yaml, Zeroizing::new(text.as_bytes().to_vec())).unwrap();
    let none = Tokens::default();
    let sealed = draft.seal(
        metadata,
        &key(),
        &mut Counted(0),
        1_795_305_600,
        false,
        &none,
    );
    sealed.unwrap().bytes
}

fn opened(text: &str) -> Opened {
    let sealed = Sealed::parse(&Yaml, sealed(text)).unwrap();
    sealed.open(&key(), OpenOptions::default()).unwrap()
}

/// What a file opens to with a layout that whoever made it can have written.
fn with_layout(text: &str, laid_out: &str) -> (String, bool) {
    let mut opened = opened(text);
    let rebuilt = opened.rebuilt_text().unwrap();
    let patch = difference(&rebuilt, laid_out.as_bytes());
    opened.layout = Some(Layout { rebuilt, patch });
    let clear = opened.clear().unwrap();
    let text = String::from_utf8(clear.text.to_vec()).unwrap();
    (text, clear.note.is_some())
}

#[test]
fn a_layout_that_would_change_what_is_said_is_not_used_and_that_is_told() {
    let text = "# c\na: b\nn: 1\nl:\n    - x # d\n";
    for lie in [
        "# c\na: evil\nn: 1\nl:\n    - x # d\n",
        "# c\nz: b\nn: 1\nl:\n    - x # d\n",
        "# c\na: b\nn: \"1\"\nl:\n    - x # d\n",
        "# c\na: b\nn: 1.0\nl:\n    - x # d\n",
        "# other\na: b\nn: 1\nl:\n    - x # d\n",
        "a: b\nn: 1\nl:\n    - x # d\n",
        "a: b\n# c\nn: 1\nl:\n    - x # d\n",
        "# c\na: b\nn: 1\nl:\n    - x\n",
        "# c\na: b\nn: 1\nl:\n    - x # d\nmore: y\n",
        "# c\nn: 1\na: b\nl:\n    - x # d\n",
        "# c\na: b\nn: 1\nl: # d\n    - x\n",
        "# c\na: b\nn: 1\nl:\n    - x # d\n---\na: b\n",
        "no yaml: [\n",
        "",
        "# c\na: b\nn: 1\nl:\n    - x # d\nsops: {}\n",
    ] {
        assert_eq!(with_layout(text, lie), (text.to_owned(), true), "{lie}");
    }
    let (opened, is_told) = with_layout(text, "# c\na:   'b'\nn: 0x1\nl:\n- x # d\n\n");
    assert_eq!(opened, "# c\na:   'b'\nn: 0x1\nl:\n- x # d\n\n");
    assert!(!is_told);
}

#[test]
fn a_layout_opens_for_its_own_text_mac_and_key_only() {
    let opened = opened("a: one\n  two\n");
    let metadata = opened.metadata();
    let (token, mac) = (metadata.layout.as_deref().unwrap(), metadata.mac.as_deref());
    let open = |token: &str, mac, rebuilt: &[u8], key: &DataKey| {
        Layout::open(token, mac, Zeroizing::new(rebuilt.to_vec()), key).is_some()
    };
    let rebuilt = b"a: one two\n";
    assert!(open(token, mac, rebuilt, &key()));
    assert!(!open(token, mac, b"a: one two", &key()));
    assert!(!open(token, mac, b"a: one two\n\n", &key()));
    assert!(!open(token, None, rebuilt, &key()));
    assert!(!open(token, Some("ENC[other]"), rebuilt, &key()));
    let other = DataKey::from_bytes(&[8; 32]).unwrap();
    assert!(!open(token, mac, rebuilt, &other));
    assert!(!open(mac.unwrap(), mac, rebuilt, &key()));
    assert!(!open("", mac, rebuilt, &key()));
}

#[test]
fn layouts_of_different_texts_have_one_length_and_no_text_shows() {
    let token = |text: &str| opened(text).metadata().layout.clone().unwrap();
    let one = token("a: one\n  two\n");
    for text in [
        "a: one\n  two\n    three\n  four\n",
        "a: 0755\nb: 0x10\n",
        "a: [b, c, d]\n",
    ] {
        assert_eq!(token(text).len(), one.len(), "{text}");
    }
    assert_eq!(
        format!("{:?}", opened("a: one\n  two\n").layout),
        "Some(Layout([redacted]))"
    );
}
