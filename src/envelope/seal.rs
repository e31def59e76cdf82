//! Draft or opened to sealed text: tokens, the MAC under the time, metadata, and a look back.

use std::collections::{HashMap, HashSet};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cipher::{Cipher, Mac, Nonces, Token, Type, with_plain};
use crate::format::{Change, Document, Edits, MetadataEdit};
use crate::metadata::{Metadata, Rule, Selector};
use crate::secret::DataKey;
use crate::tree::{Comment, Leaf, Map, Node, Path, Site, Step, Trail, Tree, Value, time, walk};

use super::clear::left_in_clear;
use super::{Draft, EnvelopeError, OpenOptions, Opened, Sealed};

/// A sealed text and what is in it.
#[derive(Debug)]
pub struct Text {
    /// The text to be written.
    pub bytes: Zeroizing<Vec<u8>>,
    /// What was sealed and what was not.
    pub counts: Counts,
    /// Values that a positive rule leaves in clear: of a draft all, of an opened file those set, of
    /// a draft sealed onto an opened file those that are new.
    pub left_clear: Vec<Path>,
}

/// How many values a file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sealed values, comments left out.
    pub sealed: usize,
    /// Values that the rule leaves in clear.
    pub clear: usize,
}

/// Above this size the look back finds the tokens again, but does not open them.
const FULL_CHECK: usize = 1 << 20;

impl Draft {
    /// Seals a clear document. `now` is seconds since 1970; `allow_cleartext` takes a rule that
    /// selects nothing. Tokens in `reuse` are taken instead of new ones.
    pub fn seal(
        &self,
        metadata: Metadata,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
        reuse: &HashMap<Site, String>,
    ) -> Result<Text, EnvelopeError> {
        self.seal_as(metadata, key, nonces, now, allow_cleartext, reuse, None)
    }

    /// The same; the metadata is written as in the file it is sealed onto, if there is one.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of what is sealed"
    )]
    fn seal_as(
        &self,
        mut metadata: Metadata,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
        reuse: &HashMap<Site, String>,
        onto: Option<&Opened>,
    ) -> Result<Text, EnvelopeError> {
        if let Some(line) = self.document.stray_comments().first() {
            return Err(EnvelopeError::StrayComment(*line));
        }
        if let Some(key) = hidden_key(&self.document.tree, &metadata.rule) {
            let (line, what) = (
                self.document.position(key).0,
                "a byte order mark is a part of this key for other tools, which hides it from the rule",
            );
            return Err(EnvelopeError::NotWritable { line, what });
        }
        if metadata.rule.is_opaque() {
            let what = "the rule's pattern is not understood";
            return Err(EnvelopeError::NotWritable { line: 1, what });
        }
        let mut pass = Pass::new(&self.document, &metadata, key, nonces, reuse);
        walk(&self.document.tree, &mut |step| pass.step(step))?;
        let Sealing {
            mut places,
            counts,
            last_modified,
            mac,
        } = pass.finish(now)?;
        let left_clear = clear_paths(&metadata, &self.document.tree, &sites(&places));
        let texts = vec![
            ("lastmodified", last_modified.clone()),
            ("mac", mac.clone()),
        ];
        (metadata.last_modified, metadata.mac) = (last_modified, Some(mac));
        // A key that carries an unencrypted suffix says so itself; the other rules can be mistyped.
        let says_so = metadata.rule == Rule::default();
        if places.is_empty() && counts.clear > 0 && !says_so && !allow_cleartext {
            let (field, argument) = (
                metadata.rule.kind().field(),
                metadata.rule.argument().to_owned(),
            );
            return Err(EnvelopeError::NothingSelected { field, argument });
        }
        let fields = metadata.render();
        if let Some(onto) = onto {
            onto.keep_bare(&self.document.tree, &mut places);
        }
        let metadata = match onto.and_then(|onto| onto.blocks(texts)) {
            Some(blocks) => MetadataEdit::Place { blocks, fields },
            None => MetadataEdit::Write(fields),
        };
        let edits = Edits { places, metadata };
        let bytes = self.format.apply(&self.document, &edits)?;
        look_back(self.format, &bytes, key, &self.document)?;
        Ok(Text {
            bytes,
            counts,
            left_clear,
        })
    }
}

impl Draft {
    /// Seals this document onto an opened one: its recipients, rule and data key, and the tokens of
    /// unchanged values. `None` when the sealed file says exactly this already.
    pub fn reseal(
        &self,
        onto: &Opened,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
        reuse: &HashMap<Site, String>,
    ) -> Result<Option<Text>, EnvelopeError> {
        if onto.clear_text()?.ct_eq(self.document.source()).into() {
            return Ok(None);
        }
        let metadata = onto.metadata().clone();
        let clear = allow_cleartext;
        let mut text = self.seal_as(metadata, key, nonces, now, clear, reuse, Some(onto))?;
        // A clear value that changes is in clear in the sealed file already, and is told by name.
        text.left_clear.retain(|path| !onto.has(path));
        refuse_clear(&text.left_clear, allow_cleartext)?;
        let body = |bytes: &[u8]| -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
            let document = self.format.parse(Zeroizing::new(bytes.to_vec()))?;
            let edits = Edits {
                metadata: MetadataEdit::Remove,
                ..Edits::default()
            };
            Ok(self.format.apply(&document, &edits)?)
        };
        let is_same = *body(&text.bytes)? == *body(onto.sealed_text())?;
        Ok((!is_same).then_some(text))
    }
}

impl Opened {
    /// The metadata as it stands in the file, with other texts of these fields.
    fn blocks(&self, texts: Vec<(&'static str, String)>) -> Option<Vec<String>> {
        let edits = Edits {
            metadata: MetadataEdit::Update(texts),
            ..Edits::default()
        };
        let text = self.format.apply(&self.document, &edits).ok()?;
        self.format.metadata_blocks(&self.format.parse(text).ok()?)
    }

    /// Seals what has changed; everything else keeps its bytes. `allow_cleartext` takes new values
    /// that a positive rule leaves in clear.
    pub fn seal(
        mut self,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
    ) -> Result<Text, EnvelopeError> {
        if let Some(warning) = self.warnings.first() {
            return Err(EnvelopeError::NotWritable {
                line: warning.line,
                what: warning.what,
            });
        }
        let metadata = self.metadata.clone();
        let mut kept = std::mem::take(&mut self.tokens);
        for site in &self.changed {
            kept.remove(site);
        }
        let mut pass = Pass::new(&self.document, &metadata, key, nonces, &kept);
        walk(&self.document.tree, &mut |step| pass.step(step))?;
        let Sealing {
            mut places,
            counts,
            last_modified,
            mac,
        } = pass.finish(now)?;
        let sealed = sites(&places);
        let mut left_clear = clear_paths(&metadata, &self.document.tree, &sealed);
        left_clear.retain(|path| self.set.iter().any(|set| path.is_below(set)));
        refuse_clear(&left_clear, allow_cleartext)?;
        places.retain(|(site, _)| !kept.contains_key(site));
        // Changed values that stay clear are written as they are.
        let changed = |site: Site| self.changed.contains(&site) && !sealed.contains(&site);
        let collected: Result<(), std::convert::Infallible> =
            walk(&self.document.tree, &mut |step| {
                if let Step::Leaf(leaf) = step
                    && changed(leaf.site)
                {
                    places.push((leaf.site, Change::Open(leaf.value.duplicate())));
                }
                Ok(())
            });
        match collected {
            Ok(()) => {}
        }
        let texts = vec![("lastmodified", last_modified), ("mac", mac)];
        let edits = Edits {
            places,
            metadata: MetadataEdit::Update(texts),
        };
        let bytes = self.format.apply(&self.document, &edits)?;
        look_back(self.format, &bytes, key, &self.document)?;
        Ok(Text {
            bytes,
            counts,
            left_clear,
        })
    }
}

/// A key that the rule would judge otherwise without the byte order mark before it.
fn hidden_key(tree: &Tree, rule: &Rule) -> Option<Site> {
    let mut pairs = tree.documents.iter().flat_map(Map::pairs);
    let hidden = pairs.find(|pair| {
        let bare = pair.key.strip_prefix('\u{FEFF}');
        bare.is_some_and(|bare| rule.names(bare) != rule.names(&pair.key))
    });
    hidden.and_then(|pair| match &pair.value {
        Node::Leaf(leaf) => Some(leaf.site),
        Node::Map(_) | Node::List(_) => None,
    })
}

fn sites(places: &[(Site, Change)]) -> HashSet<Site> {
    places.iter().map(|(site, _)| *site).collect()
}

/// What a positive rule leaves in clear.
fn clear_paths(metadata: &Metadata, tree: &Tree, sealed: &HashSet<Site>) -> Vec<Path> {
    if metadata.rule.kind().is_positive() {
        left_in_clear(tree, sealed)
    } else {
        Vec::new()
    }
}

fn refuse_clear(paths: &[Path], allow_cleartext: bool) -> Result<(), EnvelopeError> {
    if paths.is_empty() || allow_cleartext {
        return Ok(());
    }
    Err(EnvelopeError::WouldStayClear(paths.to_vec()))
}

/// What a walk has made.
struct Sealing {
    places: Vec<(Site, Change)>,
    counts: Counts,
    last_modified: String,
    /// The sealed MAC.
    mac: String,
}

/// One walk that seals and hashes.
struct Pass<'a> {
    document: &'a Document,
    metadata: &'a Metadata,
    cipher: Cipher<'a>,
    nonces: &'a mut dyn Nonces,
    reuse: &'a HashMap<Site, String>,
    selector: Selector<'a>,
    trail: Trail,
    mac: Mac,
    places: Vec<(Site, Change)>,
    counts: Counts,
}

impl<'a> Pass<'a> {
    fn new(
        document: &'a Document,
        metadata: &'a Metadata,
        key: &'a DataKey,
        nonces: &'a mut dyn Nonces,
        reuse: &'a HashMap<Site, String>,
    ) -> Self {
        Self {
            document,
            metadata,
            cipher: Cipher::new(key),
            nonces,
            reuse,
            selector: Selector::new(&metadata.rule),
            trail: Trail::default(),
            mac: Mac::new(metadata.mac_only_encrypted),
            places: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn step(&mut self, step: Step<'_>) -> Result<(), EnvelopeError> {
        match step {
            Step::EnterMap | Step::EnterList => {
                self.selector.enter();
                self.trail.enter();
            }
            Step::Leave => {
                self.selector.leave();
                self.trail.leave();
            }
            Step::Key(key) => {
                self.selector.key(key);
                self.trail.key(key);
            }
            Step::Comment(comment) => self.comment(comment)?,
            Step::Leaf(leaf) => {
                self.leaf(leaf)?;
                self.selector.value_done();
            }
        }
        Ok(())
    }

    fn token(&mut self, site: Site, plain: &[u8], kind: Type) -> Result<String, EnvelopeError> {
        if let Some(token) = self.reuse.get(&site) {
            return Ok(token.clone());
        }
        let bound = if kind == Type::Comment {
            self.trail.of_comment()
        } else {
            self.trail.of_value()
        };
        let nonce = self.nonces.next()?;
        Token::seal(&self.cipher, plain, kind, bound.as_bytes(), nonce)
            .map_err(EnvelopeError::Cipher)
    }

    fn comment(&mut self, comment: &Comment) -> Result<(), EnvelopeError> {
        let is_selected = self.selector.comment(comment.text.expose());
        if !is_selected || comment.text.is_empty() {
            return Ok(());
        }
        let token = self.token(comment.site, comment.text.expose(), Type::Comment)?;
        if self.metadata.rule.misleads(&token) {
            let line = self.document.position(comment.site).0;
            return Err(EnvelopeError::MisleadingComment(line));
        }
        self.places.push((comment.site, Change::Seal(token)));
        Ok(())
    }

    fn leaf(&mut self, leaf: &Leaf) -> Result<(), EnvelopeError> {
        let is_selected = self.selector.value();
        if matches!(leaf.value, Value::Null) {
            return Ok(());
        }
        with_plain(&leaf.value, |plain| {
            self.mac.add(plain, is_selected);
            if plain.is_empty() {
                return Ok(());
            }
            if !is_selected {
                self.counts.clear += 1;
                return Ok(());
            }
            self.counts.sealed += 1;
            let token = self.token(leaf.site, plain, Type::of(&leaf.value))?;
            self.places.push((leaf.site, Change::Seal(token)));
            Ok(())
        })
    }

    /// Seals the MAC under the time; the metadata is complete afterwards.
    fn finish(self, now: i64) -> Result<Sealing, EnvelopeError> {
        let last_modified = time::from_unix(now);
        let digest = self.mac.finish();
        let nonce = self.nonces.next()?;
        let bound = last_modified.as_bytes();
        let mac = Token::seal(
            &self.cipher,
            digest.text().expose(),
            Type::Str,
            bound,
            nonce,
        )
        .map_err(EnvelopeError::Cipher)?;
        Ok(Sealing {
            places: self.places,
            counts: self.counts,
            last_modified,
            mac,
        })
    }
}

impl Sealed {
    /// Whether every selected value is a token or empty.
    fn is_sealed_throughout(&self) -> bool {
        let mut selector = Selector::new(&self.metadata.rule);
        let looked = walk(&self.document.tree, &mut |step| {
            match step {
                Step::EnterMap | Step::EnterList => selector.enter(),
                Step::Leave => selector.leave(),
                Step::Key(key) => selector.key(key),
                Step::Comment(comment) => {
                    selector.comment(comment.text.expose());
                }
                Step::Leaf(leaf) => {
                    let is_sealed = match &leaf.value {
                        Value::Null => true,
                        Value::Str(text) => text.is_empty() || Token::parse(text.expose()).is_ok(),
                        _ => false,
                    };
                    if selector.value() && !is_sealed {
                        return Err(());
                    }
                    selector.value_done();
                }
            }
            Ok(())
        });
        looked.is_ok()
    }
}

/// Reads the new text back: it must hold the same values, and open.
fn look_back(
    format: &'static dyn crate::format::Format,
    bytes: &[u8],
    key: &DataKey,
    before: &Document,
) -> Result<(), EnvelopeError> {
    let expected = &before.tree;
    let sealed = Sealed::parse(format, Zeroizing::new(bytes.to_vec()))
        .map_err(|_| EnvelopeError::SelfCheck)?;
    // A value that takes fewer lines can leave a comment where nobody sees it.
    let strays = sealed.document.stray_comments();
    if strays.len() > before.stray_comments().len()
        && let Some(line) = strays.last()
    {
        return Err(EnvelopeError::StrayComment(*line));
    }
    if bytes.len() > FULL_CHECK {
        return sealed
            .is_sealed_throughout()
            .then_some(())
            .ok_or(EnvelopeError::SelfCheck);
    }
    let opened = sealed
        .open(key, OpenOptions::default())
        .map_err(|_| EnvelopeError::SelfCheck)?;
    if !super::reuse::same_values(expected, opened.tree()) {
        return Err(EnvelopeError::SelfCheck);
    }
    // Where a value of several lines becomes one, a comment beside it can change its place.
    if let Some(line) = opened.misplaced.first() {
        return Err(EnvelopeError::StrayComment(*line));
    }
    opened.clear_text().map(drop)
}
