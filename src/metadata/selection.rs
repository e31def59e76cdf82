//! Which values are sealed: one rule per file, judged along the walk.
//!
//! A suffix or a pattern matches any key on the way to a value; list positions do not count. A rule
//! about comments looks at the comments before a value and before everything around it. A comment
//! itself is judged by the container that it stands in (getsops 3.13.3).

use std::collections::HashMap;

use super::pattern::{Pattern, PatternError};

/// The six kinds of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// Keys with this ending, and what is below them, stay clear.
    UnencryptedSuffix,
    /// Only keys with this ending, and what is below them, are sealed.
    EncryptedSuffix,
    /// Keys that match stay clear.
    UnencryptedRegex,
    /// Only keys that match are sealed.
    EncryptedRegex,
    /// What follows a comment that matches stays clear.
    UnencryptedCommentRegex,
    /// Only what follows a comment that matches is sealed.
    EncryptedCommentRegex,
}

impl RuleKind {
    /// In the order in which the reference names them.
    pub const ALL: [Self; 6] = [
        Self::UnencryptedSuffix,
        Self::EncryptedSuffix,
        Self::UnencryptedRegex,
        Self::EncryptedRegex,
        Self::UnencryptedCommentRegex,
        Self::EncryptedCommentRegex,
    ];

    /// The field of metadata and creation rules.
    pub fn field(self) -> &'static str {
        match self {
            Self::UnencryptedSuffix => "unencrypted_suffix",
            Self::EncryptedSuffix => "encrypted_suffix",
            Self::UnencryptedRegex => "unencrypted_regex",
            Self::EncryptedRegex => "encrypted_regex",
            Self::UnencryptedCommentRegex => "unencrypted_comment_regex",
            Self::EncryptedCommentRegex => "encrypted_comment_regex",
        }
    }

    /// Whether a match means sealed; then everything else stays clear.
    pub fn is_positive(self) -> bool {
        matches!(
            self,
            Self::EncryptedSuffix | Self::EncryptedRegex | Self::EncryptedCommentRegex
        )
    }

    /// Whether comments decide what is sealed.
    pub fn is_about_comments(self) -> bool {
        matches!(
            self,
            Self::UnencryptedCommentRegex | Self::EncryptedCommentRegex
        )
    }
}

/// Which values of a file are sealed.
#[derive(Debug, Clone)]
pub struct Rule {
    kind: RuleKind,
    argument: String,
    pattern: Option<Pattern>,
    is_opaque: bool,
}

impl Default for Rule {
    /// Everything but below keys that end in `_unencrypted`.
    fn default() -> Self {
        Self {
            kind: RuleKind::UnencryptedSuffix,
            argument: "_unencrypted".to_owned(),
            pattern: None,
            is_opaque: false,
        }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.argument) == (other.kind, &other.argument)
    }
}

impl Rule {
    /// Makes a rule; a pattern that cannot be compiled is an error, never "no match".
    pub fn new(kind: RuleKind, argument: &str) -> Result<Self, PatternError> {
        let is_suffix = matches!(
            kind,
            RuleKind::UnencryptedSuffix | RuleKind::EncryptedSuffix
        );
        let pattern = if is_suffix {
            None
        } else {
            Some(Pattern::new(argument)?)
        };
        Ok(Self {
            kind,
            argument: argument.to_owned(),
            pattern,
            is_opaque: false,
        })
    }

    /// A rule of a file whose pattern this build cannot translate. The file can be read, since a
    /// sealed value tells itself by its form, but not written.
    pub fn opaque(kind: RuleKind, argument: &str) -> Self {
        Self {
            kind,
            argument: argument.to_owned(),
            pattern: None,
            is_opaque: true,
        }
    }

    /// Whether nobody here knows what it selects.
    pub fn is_opaque(&self) -> bool {
        self.is_opaque
    }

    /// What kind of rule it is.
    pub fn kind(&self) -> RuleKind {
        self.kind
    }

    /// The suffix or the pattern.
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// Whether the rule names this key.
    pub fn names(&self, key: &str) -> bool {
        match &self.pattern {
            None => key.ends_with(&self.argument),
            Some(_) if self.kind.is_about_comments() => false,
            Some(pattern) => pattern.is_match(key),
        }
    }

    /// Whether a sealed comment would be taken for one that leaves its value clear.
    pub fn misleads(&self, token: &str) -> bool {
        self.kind == RuleKind::UnencryptedCommentRegex
            && self
                .pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(token))
    }
}

/// Follows a walk and says of each value whether it is sealed.
#[derive(Debug)]
pub struct Selector<'r> {
    rule: &'r Rule,
    frames: Vec<Frame>,
    known: HashMap<String, bool>,
}

#[derive(Debug, Default)]
struct Frame {
    /// A key on the way to the container is named.
    is_named: bool,
    /// The key of the next value is named, or one on the way to it.
    names_next: bool,
    /// For each active comment of the container, whether it matches.
    comments: Vec<bool>,
}

impl<'r> Selector<'r> {
    /// Begins at the top of a document.
    pub fn new(rule: &'r Rule) -> Self {
        Self {
            rule,
            frames: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// A map or a list begins.
    pub fn enter(&mut self) {
        let is_named = self.frames.last().is_some_and(|frame| frame.names_next);
        self.frames.push(Frame {
            is_named,
            names_next: is_named,
            comments: Vec::new(),
        });
    }

    /// It ends; the comments before it have done their work.
    pub fn leave(&mut self) {
        self.frames.pop();
        self.value_done();
    }

    /// The next value has this key.
    pub fn key(&mut self, key: &str) {
        let is_named = if self.rule.pattern.is_none() {
            self.rule.names(key)
        } else if let Some(known) = self.known.get(key) {
            *known
        } else {
            let is_named = self.rule.names(key);
            self.known.insert(key.to_owned(), is_named);
            is_named
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.names_next = frame.is_named || is_named;
        }
    }

    /// A comment of the innermost container, as it stands in the file; whether it is sealed.
    pub fn comment(&mut self, text: &[u8]) -> bool {
        if !self.rule.kind.is_about_comments() {
            let is_named = self.frames.last().is_some_and(|frame| frame.is_named);
            return is_named == self.rule.kind.is_positive();
        }
        let text = String::from_utf8_lossy(text);
        let matches = self
            .rule
            .pattern
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(&text));
        // A positive rule does not judge a comment by itself, a negative one does.
        let before = self.any_comment();
        if let Some(frame) = self.frames.last_mut() {
            frame.comments.push(matches);
        }
        if self.rule.kind.is_positive() {
            before
        } else {
            !self.any_comment()
        }
    }

    /// Whether the value that comes next is sealed.
    pub fn value(&self) -> bool {
        if self.rule.kind.is_about_comments() {
            return self.any_comment() == self.rule.kind.is_positive();
        }
        let is_named = self.frames.last().is_some_and(|frame| frame.names_next);
        is_named == self.rule.kind.is_positive()
    }

    /// The value has been visited: its comments no longer count.
    pub fn value_done(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.comments.clear();
        }
    }

    fn any_comment(&self) -> bool {
        self.frames
            .iter()
            .any(|frame| frame.comments.contains(&true))
    }
}
