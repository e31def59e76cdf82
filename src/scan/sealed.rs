//! Whether a file is sealed, and how each of its values stands, without any key.
//!
//! The one place here that looks at content by its grammar. It keeps nothing of what is in clear: a
//! value becomes a place and one word about its state; tokens are ciphertext and are kept. What
//! looks sealed and cannot be read is neither sealed nor clear.

mod branch;

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use zeroize::Zeroizing;

pub(super) use branch::{Named, normal};

use super::policy::original;
use super::rules::{remark, token};
use super::text::{harmless, naming};
use crate::format::{self, Document, Format, Metadata};
use crate::metadata::{LAYOUT_FIELD, Rule, Selector};
use crate::secret::SecretBytes;
use crate::tree::{Element, Field, Fields, Leaf as TreeLeaf, Path, Step, Trail, Value, walk};

/// Whether a file is sealed.
#[derive(Debug)]
pub enum Sealing {
    /// It has no metadata.
    Clear,
    /// It has tokens and no metadata; the place of the first one.
    Stripped(usize, usize),
    /// It has metadata.
    Sealed(Sealed),
    /// It looks sealed, but cannot be read.
    Unknown {
        /// Why, without any content.
        reason: String,
        /// Where a key stands twice, if that is why.
        repeated: Option<(usize, usize)>,
    },
}

/// What is known of a sealed file.
#[derive(Debug)]
pub struct Sealed {
    /// Every scalar, in the order of the file.
    pub leaves: Vec<Leaf>,
    /// Comments in clear that its rule says are sealed.
    pub remarks: Vec<Remark>,
    /// The MAC of its metadata.
    pub mac: Standing,
    /// The line of the MAC, from 1.
    pub mac_line: usize,
    /// The MAC as it is written.
    pub mac_text: String,
    /// The layout of its cleartext, where it keeps one.
    pub layout: Standing,
    /// When it was sealed, as it is written.
    pub last_modified: String,
    /// Whether the MAC leaves values in clear out.
    pub mac_only_encrypted: bool,
    /// Who can open it.
    pub(super) recipients: Vec<Named>,
    /// Where documents without metadata begin, as line and line behind the end, from 1.
    pub uncovered: Vec<(usize, usize)>,
}

/// A comment in clear.
#[derive(Debug)]
pub struct Remark {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Whether a credential seems to stand in it.
    pub is_credential: bool,
}

/// One scalar.
#[derive(Debug)]
pub struct Leaf {
    /// In the words of `--extract`.
    pub path: String,
    /// The keys on the way, as they are bound into a token: positions in lists do not count.
    pub bound: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Whether the file's own rule says that it is sealed.
    pub is_selected: bool,
    /// Whether the creation rule for its path says so.
    pub is_ruled: bool,
    /// Whether its name says that it is secret, and its value is neither empty nor a stand-in.
    pub is_telling: bool,
    /// What stands there.
    pub standing: Standing,
    /// The token, if it is one.
    pub token: Option<String>,
    /// Tells values apart within this process, and nothing else.
    pub(super) mark: u64,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing that could be sealed.
    Empty,
    /// A token.
    Token,
    /// What was to be a token, and why it is none.
    Malformed(&'static str),
    /// A value in clear, of this type.
    Clear(&'static str),
}

impl Sealing {
    /// Looks at a file; `ruled` are the rules about values that creation rules have for its path.
    pub fn of(path: &str, bytes: &[u8], ruled: &[Rule]) -> Self {
        let copied_from = original(path);
        let name = copied_from.as_deref().unwrap_or(path);
        let has_token = harmless::contains(bytes, token::PREFIX);
        if !has_token && !harmless::contains(bytes, b"sops") {
            return Self::Clear;
        }
        let Some(format) = reader(name, bytes) else {
            let is_sealed = has_token && branch::is_data(name) && branch::has_fields(bytes);
            return if is_sealed {
                Self::unknown("sealed files of this format cannot be checked yet")
            } else {
                Self::Clear
            };
        };
        match format.parse(Zeroizing::new(bytes.to_vec())) {
            Ok(document) => Self::of_document(format, &document, ruled),
            Err(error) if has_token => Self::Unknown {
                reason: format!("it looks sealed but cannot be read: {error}"),
                repeated: error
                    .reason
                    .contains("twice")
                    .then_some((error.line, error.column)),
            },
            Err(_) => Self::Clear,
        }
    }

    fn of_document(format: &dyn Format, document: &Document, ruled: &[Rule]) -> Self {
        let source = document.source();
        let has_token = harmless::contains(source, token::PREFIX);
        let metadata = match &document.metadata {
            Some(Metadata::Branch(fields)) => fields,
            _ if has_token && format.has_keys() => {
                let leaves = Reading::new(document).leaves(&Rule::default());
                let first = leaves.iter().find(|leaf| leaf.standing == Standing::Token);
                return first.map_or(Self::Clear, |leaf| Self::Stripped(leaf.line, leaf.column));
            }
            _ => return Self::Clear,
        };
        // A chart may well have values under `sops`.
        let is_metadata = ["mac", "lastmodified"]
            .iter()
            .any(|field| metadata.get(field).is_some());
        if !is_metadata && !has_token {
            return Self::Clear;
        }
        let rule = match branch::rule_of(metadata) {
            Ok(rule) => rule,
            Err(reason) => return Self::unknown(reason),
        };
        let mut reading = Reading::new(document);
        let mut leaves = reading.leaves(&rule);
        let remarks = std::mem::take(&mut reading.remarks);
        for (at, rule) in ruled.iter().enumerate() {
            for (leaf, other) in leaves.iter_mut().zip(reading.leaves(rule)) {
                leaf.is_ruled = other.is_selected && (at == 0 || leaf.is_ruled);
            }
        }
        let mac_text = metadata.text("mac").unwrap_or_default();
        Self::Sealed(Sealed {
            leaves,
            remarks,
            mac: if mac_text.is_empty() {
                Standing::Empty
            } else {
                standing_of(mac_text.as_bytes())
            },
            mac_line: branch::mac_line(source),
            mac_text: mac_text.to_owned(),
            layout: layout(metadata),
            last_modified: metadata.text("lastmodified").unwrap_or_default().to_owned(),
            mac_only_encrypted: branch::is_set(metadata, "mac_only_encrypted"),
            recipients: branch::recipients(metadata),
            uncovered: branch::uncovered(format, source),
        })
    }

    fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown {
            reason: reason.into(),
            repeated: None,
        }
    }
}

/// What stands where the layout is kept.
fn layout(metadata: &Fields) -> Standing {
    match metadata.get(LAYOUT_FIELD) {
        None | Some(Field::Null) => Standing::Empty,
        Some(Field::Text(text)) if text.is_empty() => Standing::Empty,
        Some(Field::Text(text)) => standing_of(text.as_bytes()),
        Some(_) => Standing::Clear("field"),
    }
}

/// The format that reads a file: by its name, or binary if it looks like an envelope.
fn reader(name: &str, bytes: &[u8]) -> Option<&'static dyn Format> {
    format::by_extension(name).or_else(|| {
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        is_object.then(|| format::of_name(name))
    })
}

/// One look at a document.
struct Reading<'d> {
    document: &'d Document,
    remarks: Vec<Remark>,
}

impl<'d> Reading<'d> {
    fn new(document: &'d Document) -> Self {
        Self {
            document,
            remarks: Vec::new(),
        }
    }

    fn leaves(&mut self, rule: &Rule) -> Vec<Leaf> {
        let mut found = Vec::new();
        let mut remarks = Vec::new();
        let mut place = Place::new(rule);
        let document = self.document;
        let visited = walk::<Infallible>(&document.tree, &mut |step| {
            match step {
                Step::EnterMap => place.enter(false),
                Step::EnterList => place.enter(true),
                Step::Leave => place.leave(),
                Step::Key(key) => place.key(key),
                Step::Comment(comment) => {
                    let text = comment.text.expose();
                    if place.selector.comment(text) && !token::was_meant(text) {
                        let (line, column) = document.position(comment.site);
                        remarks.push(Remark {
                            line,
                            column,
                            is_credential: remark::is_credential(text),
                        });
                    }
                }
                Step::Leaf(leaf) => found.push(place.describe(document, leaf)),
            }
            Ok(())
        });
        let Ok(()) = visited;
        self.remarks = remarks;
        found
    }
}

impl Place<'_> {
    fn describe(&mut self, document: &Document, leaf: &TreeLeaf) -> Leaf {
        let (path, is_selected) = self.leaf(&leaf.value);
        let (line, column) = document.position(leaf.site);
        let text = leaf.value.as_str().map(SecretBytes::expose);
        let standing = standing(&leaf.value);
        let key = path
            .elements()
            .iter()
            .rev()
            .find_map(|element| match element {
                Element::Key(key) => Some(key.as_str()),
                Element::Index(_) => None,
            });
        let is_secret = key.is_some_and(|key| naming::kind(key.as_bytes()).is_some());
        let is_number = matches!(leaf.value, Value::Int(_) | Value::Float(_));
        let is_value = match text {
            Some(text) => !harmless::is_reference_or_empty(text),
            None => is_number,
        };
        Leaf {
            bound: self.trail.of_value().to_owned(),
            path: path.to_string(),
            line,
            column,
            is_selected,
            is_ruled: false,
            is_telling: is_secret && is_value,
            standing,
            token: text
                .filter(|_| standing == Standing::Token)
                .map(|text| String::from_utf8_lossy(text).trim().to_owned()),
            mark: mark(&leaf.value),
        }
    }
}

/// A number by which two versions of a file are compared; drawn anew in every process.
fn mark(value: &Value) -> u64 {
    static STATE: OnceLock<RandomState> = OnceLock::new();
    let state = STATE.get_or_init(RandomState::new);
    match value {
        Value::Null => 0,
        Value::Str(text) => state.hash_one(text.expose()),
        Value::Int(number) => state.hash_one(number),
        Value::Float(number) => state.hash_one(number.to_bits()),
        Value::Bool(flag) => state.hash_one(flag),
        Value::Time(time) => state.hash_one(time),
    }
}

fn standing(value: &Value) -> Standing {
    match value {
        Value::Null => Standing::Empty,
        Value::Str(bytes) if bytes.is_empty() => Standing::Empty,
        Value::Str(bytes) => standing_of(bytes.expose()),
        other => Standing::Clear(other.type_name()),
    }
}

fn standing_of(text: &[u8]) -> Standing {
    match token::fault(text) {
        None => Standing::Token,
        Some(reason) if token::was_meant(text) => Standing::Malformed(reason),
        Some(_) => Standing::Clear("string"),
    }
}

/// Where the walk is, and what the rule says of it.
struct Place<'r> {
    selector: Selector<'r>,
    trail: Trail,
    /// For each open container, whether it is a list.
    lists: Vec<bool>,
}

impl<'r> Place<'r> {
    fn new(rule: &'r Rule) -> Self {
        Self {
            selector: Selector::new(rule),
            trail: Trail::default(),
            lists: Vec::new(),
        }
    }

    fn enter(&mut self, is_list: bool) {
        self.item();
        self.lists.push(is_list);
        self.selector.enter();
        self.trail.enter();
    }

    fn leave(&mut self) {
        self.lists.pop();
        self.selector.leave();
        self.trail.leave();
    }

    fn key(&mut self, key: &str) {
        self.selector.key(key);
        self.trail.key(key);
    }

    fn leaf(&mut self, value: &Value) -> (Path, bool) {
        self.item();
        let is_selected = self.selector.value();
        match value.as_str() {
            // A sealed comment of a list stands as an item, and goes on ruling what follows it.
            Some(text) if token::is_comment(text.expose()) => {
                self.selector.comment(text.expose());
            }
            _ => self.selector.value_done(),
        }
        (self.trail.path(), is_selected)
    }

    fn item(&mut self) {
        if self.lists.last() == Some(&true) {
            self.trail.item();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ENC[AES256_GCM,data:oiS/qyc=,iv:ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=,tag:s9jMet4pi3DzIEWdLNqE0A==,type:str]";

    fn look(values: &str, fields: &[(&str, &str)]) -> Sealing {
        let fields = fields.iter().fold(String::new(), |all, (name, text)| {
            all + &format!("    {name}: '{text}'\n")
        });
        Sealing::of("a.yaml", format!("{values}sops:\n{fields}").as_bytes(), &[])
    }

    fn seen(sealing: &Sealing) -> Vec<(&str, bool, Standing)> {
        let Sealing::Sealed(sealed) = sealing else {
            panic!("{sealing:?}");
        };
        sealed
            .leaves
            .iter()
            .map(|leaf| (leaf.path.as_str(), leaf.is_selected, leaf.standing))
            .collect()
    }

    #[test]
    fn every_value_gets_its_path_and_its_standing() {
        let values = format!(
            "a:\n  list: [\"{TOKEN}\", 7, null]\n  word: hunter2\nempty: ''\nfake: ENC[TODO]\n"
        );
        let sealing = look(&values, &[("mac", TOKEN)]);

        assert_eq!(
            seen(&sealing),
            [
                ("[\"a\"][\"list\"][0]", true, Standing::Token),
                ("[\"a\"][\"list\"][1]", true, Standing::Clear("integer")),
                ("[\"a\"][\"list\"][2]", true, Standing::Empty),
                ("[\"a\"][\"word\"]", true, Standing::Clear("string")),
                ("[\"empty\"]", true, Standing::Empty),
                (
                    "[\"fake\"]",
                    true,
                    Standing::Malformed("it does not begin as a token does")
                ),
            ]
        );
        assert!(!format!("{sealing:?}").contains("hunter2"));
    }

    #[test]
    fn the_rule_of_the_file_says_what_is_sealed() {
        let selected = |rule: &[(&str, &str)]| {
            let fields = [&[("mac", TOKEN)], rule].concat();
            let sealing = look("data:\n  user: u\nnote_unencrypted: n\n", &fields);
            let seen = seen(&sealing);
            (seen[0].1, seen[1].1)
        };

        assert_eq!(selected(&[]), (true, false));
        assert_eq!(selected(&[("encrypted_regex", "^data$")]), (true, false));
        assert_eq!(selected(&[("unencrypted_regex", "dat")]), (false, true));
        assert_eq!(selected(&[("encrypted_suffix", "ser")]), (true, false));
        assert_eq!(selected(&[("unencrypted_suffix", "")]), (true, false));
    }

    #[test]
    fn a_rule_about_comments_is_followed() {
        let sealing = look(
            "# seal\na: x\nb: x\n",
            &[("mac", TOKEN), ("encrypted_comment_regex", "seal")],
        );
        let seen = seen(&sealing);
        assert_eq!((seen[0].1, seen[1].1), (true, false));
    }

    #[test]
    fn a_rule_that_cannot_be_judged_is_no_clean_file() {
        for rule in [
            vec![("encrypted_regex", "(")],
            vec![("encrypted_regex", "a"), ("encrypted_suffix", "b")],
        ] {
            let fields = [vec![("mac", TOKEN)], rule].concat();
            assert!(matches!(look("", &fields), Sealing::Unknown { .. }));
        }
    }

    #[test]
    fn a_missing_mac_is_empty_and_a_chart_with_sops_values_is_not_sealed() {
        let Sealing::Sealed(sealed) = look("", &[("lastmodified", "2026-01-01T00:00:00Z")]) else {
            panic!("not sealed");
        };
        assert_eq!(sealed.mac, Standing::Empty);
        assert!(matches!(
            look("", &[("image", "sops"), ("version", "3.13.3")]),
            Sealing::Clear
        ));
    }

    #[test]
    fn json_and_binary_files_are_read_as_what_they_are() {
        let metadata = format!("\"sops\": {{\"mac\": \"{TOKEN}\", \"version\": \"3.13.3\"}}");
        let text = format!("{{\n  \"a\": \"{TOKEN}\", \"b\": 7,\n  {metadata}\n}}\n");
        let sealing = Sealing::of("a.json", text.as_bytes(), &[]);
        assert_eq!(
            seen(&sealing),
            [
                ("[\"a\"]", true, Standing::Token),
                ("[\"b\"]", true, Standing::Clear("integer")),
            ]
        );
        let Sealing::Sealed(sealed) = sealing else {
            panic!("not sealed");
        };
        assert_eq!((sealed.leaves[1].line, sealed.mac_line), (2, 3));
        assert_eq!(sealed.leaves[1].column, text.find("7,").unwrap() - 1);

        let text = format!("{{\"data\": \"in clear\", {metadata}}}");
        let binary = Sealing::of("key.pem", text.as_bytes(), &[]);
        let data = ("[\"data\"]", true, Standing::Clear("string"));
        assert_eq!(seen(&binary), [data]);
        // What YAML would read, the reference does not read as JSON.
        let text = format!("{{a: \"{TOKEN}\", {metadata}}}");
        let sealing = Sealing::of("a.json", text.as_bytes(), &[]);
        assert!(matches!(sealing, Sealing::Unknown { .. }));
    }

    #[test]
    fn what_has_no_reader_is_clear_only_if_it_does_not_look_sealed() {
        let text = format!("A={TOKEN}\nsops_version=3.13.3\n");
        assert!(matches!(
            Sealing::of("a.toml", text.as_bytes(), &[]),
            Sealing::Unknown { .. }
        ));
        assert!(matches!(
            Sealing::of("a.toml", b"A=sops\n", &[]),
            Sealing::Clear
        ));
    }
}
