//! Whether a file is sealed, and how each of its values stands, without any key.
//!
//! The one place here that looks at content. It keeps nothing of it: a value becomes a place and
//! one word about its state. What looks sealed and cannot be read is neither sealed nor clear.

use std::convert::Infallible;

use zeroize::Zeroizing;

use super::policy::original;
use super::rules::token;
use crate::format::{self, Format, Metadata};
use crate::metadata::{Rule, RuleKind, Selector};
use crate::tree::{Field, Fields, Path, Site, Step, Trail, Tree, Value, walk};

/// Whether a file is sealed.
#[derive(Debug)]
pub enum Sealing {
    /// It has no metadata.
    Clear,
    /// It has metadata.
    Sealed(Sealed),
    /// It looks sealed, but cannot be read.
    Unknown {
        /// Why, without any content.
        reason: String,
    },
}

/// What is known of a sealed file.
#[derive(Debug)]
pub struct Sealed {
    /// Every scalar, in the order of the file.
    pub leaves: Vec<Leaf>,
    /// The MAC of its metadata.
    pub mac: Standing,
    /// The line of the MAC, from 1.
    pub mac_line: usize,
}

/// One scalar.
#[derive(Debug)]
pub struct Leaf {
    /// In the words of `--extract`.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Whether the file's own rule says that it is sealed.
    pub is_selected: bool,
    /// What stands there.
    pub standing: Standing,
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

/// Whether content of this name is worth a look although nobody governs it.
pub(super) fn may_be_sealed(path: &str) -> bool {
    original(path).is_none() && format::by_extension(path).is_some()
}

impl Sealing {
    /// Looks at a file.
    pub fn of(path: &str, bytes: &[u8]) -> Self {
        let copied_from = original(path);
        let name = copied_from.as_deref().unwrap_or(path);
        if !contains(bytes, b"sops") {
            return Self::Clear;
        }
        let Some(format) = reader(name, bytes) else {
            return if contains(bytes, token::PREFIX) {
                Self::unknown("sealed files of this format cannot be checked yet")
            } else {
                Self::Clear
            };
        };
        match format.parse(Zeroizing::new(bytes.to_vec())) {
            Ok(document) => Self::of_parts(
                &document.tree,
                document.metadata.as_ref(),
                document.source(),
                &|site| document.position(site),
            ),
            Err(error) if contains(bytes, token::PREFIX) => {
                Self::unknown(format!("it looks sealed but cannot be read: {error}"))
            }
            Err(_) => Self::Clear,
        }
    }

    fn of_parts(
        tree: &Tree,
        metadata: Option<&Metadata>,
        source: &[u8],
        position: &dyn Fn(Site) -> (usize, usize),
    ) -> Self {
        let Some(Metadata::Branch(branch)) = metadata else {
            return Self::Clear;
        };
        // A chart may well have values under `sops`.
        let is_metadata = ["mac", "lastmodified", "version"]
            .iter()
            .any(|field| branch.get(field).is_some());
        if !is_metadata && !contains(source, token::PREFIX) {
            return Self::Clear;
        }
        match rule_of(branch) {
            Ok(rule) => Self::Sealed(Sealed {
                leaves: leaves(tree, &rule, position),
                mac: branch
                    .text("mac")
                    .filter(|mac| !mac.is_empty())
                    .map_or(Standing::Empty, |mac| standing_of(mac.as_bytes())),
                mac_line: mac_line(source),
            }),
            Err(reason) => Self::unknown(reason),
        }
    }

    fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown {
            reason: reason.into(),
        }
    }
}

/// The format that reads a file: by its name, or binary if it looks like an envelope.
fn reader(name: &str, bytes: &[u8]) -> Option<&'static dyn Format> {
    format::by_extension(name).or_else(|| {
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        is_object.then(|| format::of_name(name))
    })
}

fn leaves(tree: &Tree, rule: &Rule, position: &dyn Fn(Site) -> (usize, usize)) -> Vec<Leaf> {
    let mut found = Vec::new();
    let mut place = Place::new(rule);
    let visited = walk::<Infallible>(tree, &mut |step| {
        match step {
            Step::EnterMap => place.enter(false),
            Step::EnterList => place.enter(true),
            Step::Leave => place.leave(),
            Step::Key(key) => place.key(key),
            Step::Comment(comment) => {
                place.selector.comment(comment.text.expose());
            }
            Step::Leaf(leaf) => {
                let (path, is_selected) = place.leaf(&leaf.value);
                let (line, column) = position(leaf.site);
                found.push(Leaf {
                    path: path.to_string(),
                    line,
                    column,
                    is_selected,
                    standing: standing(&leaf.value),
                });
            }
        }
        Ok(())
    });
    let Ok(()) = visited;
    found
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

/// The last line that begins with the field: the metadata stands at the end.
fn mac_line(source: &[u8]) -> usize {
    let mut line = 1;
    for (at, text) in source.split(|byte| *byte == b'\n').enumerate() {
        let text = text.trim_ascii_start();
        let is_ini = text.starts_with(b"mac ") && text.contains(&b'=');
        if is_ini || MAC_LINES.iter().any(|begin| text.starts_with(begin)) {
            line = at + 1;
        }
    }
    line
}

/// How the line of the MAC, or of the whole metadata, begins.
const MAC_LINES: &[&[u8]] = &[
    b"mac:",
    b"\"mac\"",
    b"sops_mac=",
    b"mac=",
    b"sops:",
    b"\"sops\":",
    b"[sops]",
];

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
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

/// The file's rule. The rest of its metadata may well be broken; that is for the rules to tell.
fn rule_of(branch: &Fields) -> Result<Rule, String> {
    let mut rule = None;
    for kind in RuleKind::ALL {
        let argument = match branch.get(kind.field()) {
            None | Some(Field::Null) => continue,
            Some(Field::Text(text)) if text.is_empty() => continue,
            Some(Field::Text(text)) => text,
            Some(_) => return Err(format!("its {} is no text", kind.field())),
        };
        if rule.is_some() {
            return Err("its metadata has more than one rule about what is sealed".to_owned());
        }
        let made = Rule::new(kind, argument);
        rule = Some(made.map_err(|_| format!("its {} cannot be used", kind.field()))?);
    }
    Ok(rule.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;
    use crate::tree::{Comment, Entry, Item, List, Map, Node};

    const TOKEN: &str = "ENC[AES256_GCM,data:oiS/qyc=,iv:ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=,tag:s9jMet4pi3DzIEWdLNqE0A==,type:str]";

    fn look(fill: impl FnOnce(&mut Map), fields: &[(&str, &str)]) -> Sealing {
        let mut map = Map::default();
        fill(&mut map);
        let tree = Tree {
            documents: vec![map],
        };
        let text = |(name, text): &(&str, &str)| ((*name).to_owned(), Field::Text((*text).into()));
        let metadata = Metadata::Branch(Fields(fields.iter().map(text).collect()));
        Sealing::of_parts(&tree, Some(&metadata), b"", &|_| (1, 1))
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
        let sealing = look(
            |map| {
                let mut list = List::default();
                for value in [Value::text(TOKEN), Value::Int(7), Value::Null] {
                    list.items.push(Item::Node(Node::new_leaf(value)));
                }
                let mut inner = Map::default();
                inner.push("list", Node::List(list));
                inner.push_text("word", "hunter2");
                map.push("a", Node::Map(inner));
                map.push_text("empty", "");
                map.push_text("fake", "ENC[TODO]");
            },
            &[("mac", TOKEN)],
        );

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
            let sealing = look(
                |map| {
                    let mut inner = Map::default();
                    inner.push_text("user", "u");
                    map.push("data", Node::Map(inner));
                    map.push_text("note_unencrypted", "n");
                },
                &fields,
            );
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
        let comment = |text: &str| {
            Entry::Comment(Comment {
                text: SecretBytes::copy_of(text.as_bytes()),
                inline: false,
                site: Site::NEW,
            })
        };
        let sealing = look(
            |map| {
                map.entries.push(comment(" seal"));
                map.push_text("a", "x");
                map.push_text("b", "x");
            },
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
            assert!(matches!(look(|_| {}, &fields), Sealing::Unknown { .. }));
        }
    }

    #[test]
    fn a_missing_mac_is_empty_and_a_chart_with_sops_values_is_not_sealed() {
        let Sealing::Sealed(sealed) = look(|_| {}, &[("version", "3.13.3")]) else {
            panic!("not sealed");
        };
        assert_eq!(sealed.mac, Standing::Empty);
        assert!(matches!(look(|_| {}, &[("image", "sops")]), Sealing::Clear));
    }

    #[test]
    fn json_and_binary_files_are_read_as_what_they_are() {
        let metadata = format!("\"sops\": {{\"mac\": \"{TOKEN}\", \"version\": \"3.13.3\"}}");
        let text = format!("{{\n  \"a\": \"{TOKEN}\", \"b\": 7,\n  {metadata}\n}}\n");
        let sealing = Sealing::of("a.json", text.as_bytes());
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
        let binary = Sealing::of("key.pem", text.as_bytes());
        let data = ("[\"data\"]", true, Standing::Clear("string"));
        assert_eq!(seen(&binary), [data]);
        // What YAML would read, the reference does not read as JSON.
        let text = format!("{{a: \"{TOKEN}\", {metadata}}}");
        let sealing = Sealing::of("a.json", text.as_bytes());
        assert!(matches!(sealing, Sealing::Unknown { .. }));
    }

    #[test]
    fn what_has_no_reader_is_clear_only_if_it_does_not_look_sealed() {
        let text = format!("A={TOKEN}\nsops_version=3.13.3\n");
        assert!(matches!(
            Sealing::of("a.toml", text.as_bytes()),
            Sealing::Unknown { .. }
        ));
        assert!(matches!(Sealing::of("a.toml", b"A=sops\n"), Sealing::Clear));
    }
}
