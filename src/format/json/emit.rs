//! A tree to new JSON text. The reference writes some characters as escapes that need none; that is
//! done for what is written like a file of its, but not for a value that goes back to its place.

use zeroize::Zeroizing;

use super::manner::Manner;
use super::scalar::write_float;
use crate::tree::{List, Map, Node, Value};

/// Text under construction.
pub(super) struct Emitter<'a> {
    pub(super) text: Zeroizing<String>,
    manner: &'a Manner<'a>,
    /// Whether `<`, `>`, `&` and line separators become escapes.
    escapes_markup: bool,
}

/// What JSON cannot hold.
pub(super) type Unwritable = &'static str;

/// Why JSON cannot hold a value.
pub(super) fn refuses(value: &Value) -> Option<Unwritable> {
    match value {
        Value::Float(number) if !number.is_finite() => Some("a number that JSON does not have"),
        Value::Str(bytes) if std::str::from_utf8(bytes.expose()).is_err() => {
            Some("bytes that are no text, which JSON does not have")
        }
        _ => None,
    }
}

impl<'a> Emitter<'a> {
    pub(super) fn new(manner: &'a Manner<'a>, escapes_markup: bool) -> Self {
        Self {
            text: Zeroizing::new(String::new()),
            manner,
            escapes_markup,
        }
    }

    /// A node; the lines of a collection stand one level below `indent`, or all on one line without
    /// it. Comments are left out.
    pub(super) fn node(&mut self, node: &Node, indent: Option<&str>) -> Result<(), Unwritable> {
        match node {
            Node::Leaf(leaf) => self.value(&leaf.value),
            Node::Map(map) => self.map(map, indent),
            Node::List(list) => self.list(list, indent),
        }
    }

    fn map(&mut self, map: &Map, indent: Option<&str>) -> Result<(), Unwritable> {
        let pairs = map.pairs().map(|pair| (pair.key.as_str(), &pair.value));
        self.pairs(pairs, indent)
    }

    /// An object of these pairs.
    pub(super) fn pairs<'n>(
        &mut self,
        pairs: impl Iterator<Item = (&'n str, &'n Node)>,
        indent: Option<&str>,
    ) -> Result<(), Unwritable> {
        self.text.push('{');
        let below = self.below(indent);
        let mut is_first = true;
        for (key, value) in pairs {
            self.part(&mut is_first, below.as_deref());
            self.key(key);
            self.node(value, below.as_deref())?;
        }
        self.close('}', is_first, indent);
        Ok(())
    }

    fn list(&mut self, list: &List, indent: Option<&str>) -> Result<(), Unwritable> {
        self.text.push('[');
        let below = self.below(indent);
        let mut is_first = true;
        for node in list.nodes() {
            self.part(&mut is_first, below.as_deref());
            self.node(node, below.as_deref())?;
        }
        self.close(']', is_first, indent);
        Ok(())
    }

    /// A key with its colon.
    pub(super) fn key(&mut self, key: &str) {
        self.string(key);
        self.text.push(':');
        self.text.push_str(self.manner.blank);
    }

    pub(super) fn value(&mut self, value: &Value) -> Result<(), Unwritable> {
        if let Some(reason) = refuses(value) {
            return Err(reason);
        }
        match value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(flag) => self.text.push_str(if *flag { "true" } else { "false" }),
            Value::Int(number) => self.text.push_str(&Zeroizing::new(number.to_string())),
            Value::Float(number) => {
                let text = Zeroizing::new(write_float(*number).unwrap_or_default());
                self.text.push_str(&text);
            }
            Value::Time(time) => self.string(time),
            Value::Str(bytes) => {
                self.string(std::str::from_utf8(bytes.expose()).unwrap_or_default());
            }
        }
        Ok(())
    }

    pub(super) fn string(&mut self, text: &str) {
        self.text.reserve(text.len() + 2);
        self.text.push('"');
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            // A separator is three bytes: E2 80 A8 and E2 80 A9.
            let is_separator = |length| {
                let found = text.get(at..at + length).unwrap_or_default();
                matches!(found, "\u{2028}" | "\u{2029}")
            };
            let length = match byte {
                b'"' | b'\\' | 0..=0x1F => 1,
                b'<' | b'>' | b'&' if self.escapes_markup => 1,
                0xE2 if self.escapes_markup && is_separator(3) => 3,
                _ => continue,
            };
            self.text.push_str(text.get(plain..at).unwrap_or_default());
            let special = text.get(at..at + length).unwrap_or_default();
            plain = at + length;
            for character in special.chars() {
                self.escape(character);
            }
        }
        self.text.push_str(text.get(plain..).unwrap_or_default());
        self.text.push('"');
    }

    fn escape(&mut self, character: char) {
        let short = match character {
            '"' | '\\' => character,
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            _ => {
                let code = format!("\\u{:04x}", u32::from(character));
                return self.text.push_str(&code);
            }
        };
        self.text.push('\\');
        self.text.push(short);
    }

    fn below(&self, indent: Option<&str>) -> Option<String> {
        let unit = self.manner.unit.unwrap_or("\t");
        indent.map(|indent| format!("{indent}{unit}"))
    }

    /// What stands before an entry.
    fn part(&mut self, is_first: &mut bool, indent: Option<&str>) {
        if !*is_first {
            self.text.push(',');
        }
        match indent {
            Some(indent) => self.line(indent),
            None if !*is_first => self.text.push_str(self.manner.blank),
            None => {}
        }
        *is_first = false;
    }

    fn close(&mut self, bracket: char, is_empty: bool, indent: Option<&str>) {
        if let (false, Some(indent)) = (is_empty, indent) {
            self.line(indent);
        }
        self.text.push(bracket);
    }

    /// Begins a line.
    pub(super) fn line(&mut self, indent: &str) {
        self.text.push_str(self.manner.end);
        self.text.push_str(indent);
    }
}
