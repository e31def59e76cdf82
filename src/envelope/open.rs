//! Sealed to opened: every token under its path, then the MAC; nothing leaves before it agrees.

use std::collections::HashSet;

use crate::cipher::{Cipher, Mac, Opened as Plain, Token, TokenError, with_plain};
use crate::format::{Change, Document};
use crate::metadata::Selector;
use crate::secret::{DataKey, SecretBytes};
use crate::tree::{Comment, Leaf, Rewrite, Site, Step, Trail, Tree, Value, rewrite, walk};

use super::ahead::Ahead;
use super::layout::Layout;
use super::{EnvelopeError, Opened, Sealed, Tokens, Warning};

/// How strictly a file is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Take a wrong or missing MAC; every value still has to open.
    pub ignore_mac: bool,
}

impl Sealed {
    /// Opens every value and checks the MAC.
    pub fn open(self, key: &DataKey, options: OpenOptions) -> Result<Opened, EnvelopeError> {
        let mut opened = self.open_values(key, options)?;
        if let Some(token) = &opened.metadata.layout
            && let Ok(rebuilt) = opened.unchecked_text()
        {
            opened.layout = Layout::open(token, opened.metadata.mac.as_deref(), rebuilt, key);
        }
        Ok(opened)
    }

    /// The same without the layout that the file keeps.
    pub(super) fn open_values(
        self,
        key: &DataKey,
        options: OpenOptions,
    ) -> Result<Opened, EnvelopeError> {
        let Self {
            mut document,
            format,
            metadata,
        } = self;
        let cipher = Cipher::new(key);
        let mut tree = std::mem::take(&mut document.tree);
        let ahead = Ahead::open(&tree, &cipher);
        let mut pass = Pass {
            document: &document,
            cipher: &cipher,
            ahead,
            selector: Selector::new(&metadata.rule),
            is_opaque: metadata.rule.is_opaque(),
            trail: Trail::default(),
            mac: Mac::new(metadata.mac_only_encrypted),
            tokens: Tokens::default(),
            warnings: Vec::new(),
            misplaced: Vec::new(),
        };
        if pass.is_opaque {
            let what = "the rule's pattern is not understood; each value was taken by its form";
            pass.warnings.push(Warning { line: 1, what });
            if metadata.mac_only_encrypted {
                return Err(EnvelopeError::Mac(
                    "depends on a rule that is not understood",
                ));
            }
        }
        rewrite(&mut tree, &mut pass)?;
        let Pass {
            mac,
            tokens,
            warnings,
            misplaced,
            ..
        } = pass;
        if !options.ignore_mac {
            let digest = mac.finish();
            let sealed = metadata
                .mac
                .as_deref()
                .ok_or(EnvelopeError::Mac("is missing"))?;
            let opened = Token::parse(sealed.as_bytes())
                .and_then(|token| token.open(&cipher, metadata.last_modified.as_bytes()));
            match opened {
                Ok(Plain::Value(Value::Str(ref text))) if digest.agrees_with(text) => {}
                Ok(_) => return Err(EnvelopeError::Mac("does not agree")),
                Err(_) => return Err(EnvelopeError::Mac("does not open")),
            }
        }
        document.tree = tree;
        Ok(Opened {
            document,
            format,
            metadata,
            tokens,
            changed: HashSet::new(),
            set: Vec::new(),
            warnings,
            misplaced,
            layout: None,
        })
    }
}

struct Pass<'a> {
    /// Without its tree, for positions.
    document: &'a Document,
    cipher: &'a Cipher<'a>,
    ahead: Ahead,
    selector: Selector<'a>,
    /// The rule says nothing to this build, so a value's form has to tell whether it is sealed.
    is_opaque: bool,
    trail: Trail,
    mac: Mac,
    tokens: Tokens,
    warnings: Vec<Warning>,
    misplaced: Vec<usize>,
}

impl Pass<'_> {
    fn line(&self, site: Site) -> usize {
        self.document.position(site).0
    }

    fn warn(&mut self, site: Site, what: &'static str) {
        let line = self.line(site);
        self.warnings.push(Warning { line, what });
    }

    /// Keeps the token that stood there; it is no secret.
    fn keep(&mut self, site: Site, token: SecretBytes) {
        self.tokens.insert(site, token);
    }
}

impl Rewrite for Pass<'_> {
    type Error = EnvelopeError;

    fn enter(&mut self) {
        self.selector.enter();
        self.trail.enter();
    }

    fn leave(&mut self) {
        self.selector.leave();
        self.trail.leave();
    }

    fn key(&mut self, key: &str) {
        self.selector.key(key);
        self.trail.key(key);
    }

    fn item(&mut self) {
        self.trail.item();
    }

    fn comment(&mut self, comment: &mut Comment) -> Result<(), EnvelopeError> {
        let is_selected = if self.is_opaque {
            Token::parse(comment.text.expose()).is_ok()
        } else {
            self.selector.comment(comment.text.expose())
        };
        if comment.text.is_empty() {
            return Ok(());
        }
        let Ok(token) = Token::parse(comment.text.expose()) else {
            if is_selected {
                self.warn(comment.site, "a comment is not sealed");
            }
            return Ok(());
        };
        // Readers differ in which container a comment belongs to; the tag says which is right. The
        // right one may be selected where this one is not.
        let bound = self.trail.of_comment();
        let here = token.clone().open(self.cipher, bound.as_bytes()).ok();
        let here = here.filter(|_| is_selected);
        if here.is_none() {
            let line = self.line(comment.site);
            self.misplaced.push(line);
        }
        let opened = here.or_else(|| {
            let mut elsewhere = self.trail.of_containers().chain([self.trail.of_value()]);
            elsewhere.find_map(|bound| token.clone().open(self.cipher, bound.as_bytes()).ok())
        });
        match opened {
            Some(Plain::Comment(text)) => {
                let sealed = std::mem::replace(&mut comment.text, text);
                self.keep(comment.site, sealed);
            }
            _ => self.warn(comment.site, "a sealed comment does not open"),
        }
        Ok(())
    }

    fn leaf(&mut self, leaf: &mut Leaf) -> Result<Option<SecretBytes>, EnvelopeError> {
        let opened = self.ahead.take(leaf.site);
        let is_selected = match (self.is_opaque, &leaf.value) {
            (true, Value::Str(text)) => Token::parse(text.expose()).is_ok(),
            (true, _) => false,
            (false, _) => self.selector.value(),
        };
        let sealed = match (&leaf.value, is_selected) {
            (Value::Str(text), true) if !text.is_empty() => text,
            // What is empty is never sealed, and is not in the MAC.
            (Value::Null, _) | (Value::Str(_), true) => {
                self.selector.value_done();
                return Ok(None);
            }
            (value, false) => {
                with_plain(value, |plain| self.mac.add(plain, false));
                if matches!(value, Value::Str(text) if Token::parse(text.expose()).is_ok()) {
                    self.warn(
                        leaf.site,
                        "what looks like a sealed value stands in a clear place",
                    );
                }
                self.selector.value_done();
                return Ok(None);
            }
            (_, true) => {
                let (line, path) = (self.line(leaf.site), self.trail.path());
                return Err(EnvelopeError::ClearValue { line, path });
            }
        };
        match opened {
            Ok(Plain::Value(value)) => {
                with_plain(&value, |plain| self.mac.add(plain, true));
                if let Value::Str(token) = &mut std::mem::replace(&mut leaf.value, value) {
                    self.keep(leaf.site, token.take());
                }
                self.selector.value_done();
                Ok(None)
            }
            Ok(Plain::Comment(text)) => {
                // A comment of a list; the reference writes it as an item.
                let token = sealed.duplicate();
                self.selector.comment(token.expose());
                self.keep(leaf.site, token);
                Ok(Some(text))
            }
            Err(TokenError::NotAToken) => {
                let (line, path) = (self.line(leaf.site), self.trail.path());
                Err(EnvelopeError::ClearValue { line, path })
            }
            Err(cause) => {
                let (line, path) = (self.line(leaf.site), self.trail.path());
                Err(EnvelopeError::Value { line, path, cause })
            }
        }
    }
}

/// What each sealed place becomes in the cleartext.
pub(super) fn clear_places(opened: &Opened) -> Vec<(Site, Change<'_>)> {
    let mut places = Vec::with_capacity(opened.tokens.count());
    let tree: &Tree = &opened.document.tree;
    let is_sealed = |site: Site| opened.tokens.has(site);
    let lost = opened.comments_lost();
    let collected: Result<(), std::convert::Infallible> = walk(tree, &mut |step| {
        match step {
            Step::Leaf(leaf) if is_sealed(leaf.site) => {
                places.push((leaf.site, Change::Open(&leaf.value)));
            }
            Step::Comment(comment) if lost.contains(&comment.site) => {
                places.push((comment.site, Change::LeaveOut));
            }
            Step::Comment(comment) if is_sealed(comment.site) => {
                places.push((comment.site, Change::OpenComment(&comment.text)));
            }
            _ => {}
        }
        Ok(())
    });
    match collected {
        Ok(()) => places,
    }
}
