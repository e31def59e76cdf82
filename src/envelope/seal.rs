//! Draft or opened to sealed text: tokens, the MAC under the time, metadata, and a look back.

use std::collections::HashSet;
use std::ops::Range;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cipher::{Cipher, Mac, NONCE_LEN, Nonces, Token, Type, with_plain};
use crate::format::{Change, Document, Edits, MetadataEdit};
use crate::metadata::{Metadata, Rule, Selector};
use crate::secret::DataKey;
use crate::tree::{
    Comment, Fields, Leaf, Map, Node, Path, Site, Step, Trail, Tree, Value, time, walk,
};

use super::clear::left_in_clear;
use super::cores::on_all_cores;
use super::look_back::{Made, look_back};
use super::{Draft, EnvelopeError, Opened, Tokens};

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
    /// Lines of comments of the clear text that another format does not hold.
    pub lost_comments: Vec<usize>,
}

/// How many values a file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sealed values, comments left out.
    pub sealed: usize,
    /// Values that the rule leaves in clear.
    pub clear: usize,
}

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
        reuse: &Tokens,
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
        metadata: Metadata,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
        reuse: &Tokens,
        onto: Option<&Opened>,
    ) -> Result<Text, EnvelopeError> {
        if let Some(line) = self.document.stray_comments().first() {
            return Err(EnvelopeError::StrayComment(*line));
        }
        let Prepared {
            mut places,
            counts,
            left_clear,
            texts,
            fields,
        } = self.prepare(metadata, key, nonces, now, allow_cleartext, reuse)?;
        if let Some(onto) = onto {
            onto.keep_bare(&self.document.tree, &mut places);
        }
        let metadata = match onto.and_then(|onto| onto.blocks(texts)) {
            Some(blocks) => MetadataEdit::Place { blocks, fields },
            None => MetadataEdit::Write(fields),
        };
        let edits = Edits { places, metadata };
        let bytes = self.format.apply(&self.document, &edits)?;
        let kept = Tokens::default();
        let made = Made::new(&edits.places, &kept);
        let bytes = look_back(self.format, bytes, key, &self.document, made)?;
        Ok(Text {
            bytes,
            counts,
            left_clear,
            lost_comments: Vec::new(),
        })
    }

    /// Makes the tokens, the MAC and the metadata of a document; nothing is written yet.
    pub(super) fn prepare(
        &self,
        mut metadata: Metadata,
        key: &DataKey,
        nonces: &mut dyn Nonces,
        now: i64,
        allow_cleartext: bool,
        reuse: &Tokens,
    ) -> Result<Prepared<'_>, EnvelopeError> {
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
            places,
            counts,
            last_modified,
            mac,
        } = pass.finish(now)?;
        let left_clear = clear_paths(&metadata, &self.document.tree, || sites(&places));
        let texts = vec![
            ("lastmodified", last_modified.clone()),
            ("mac", mac.clone()),
        ];
        (metadata.last_modified, metadata.mac) = (last_modified, Some(mac));
        if places.is_empty() && counts.clear > 0 && !allow_cleartext {
            refuse_nothing(&metadata.rule)?;
        }
        let fields = metadata.render();
        Ok(Prepared {
            places,
            counts,
            left_clear,
            texts,
            fields,
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
        reuse: &Tokens,
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
        self.refuse_doubts()?;
        let metadata = self.metadata.clone();
        let mut kept = std::mem::take(&mut self.tokens);
        for site in &self.changed {
            kept.remove(*site);
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
        let mut left_clear = clear_paths(&metadata, &self.document.tree, || sealed.clone());
        left_clear.retain(|path| self.set.iter().any(|set| path.is_below(set)));
        refuse_clear(&left_clear, allow_cleartext)?;
        places.retain(|(site, _)| !kept.has(*site));
        // Changed values that stay clear are written as they are.
        let changed = |site: Site| self.changed.contains(&site) && !sealed.contains(&site);
        let collected: Result<(), std::convert::Infallible> =
            walk(&self.document.tree, &mut |step| {
                if let Step::Leaf(leaf) = step
                    && changed(leaf.site)
                {
                    places.push((leaf.site, Change::Open(&leaf.value)));
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
        let made = Made::new(&edits.places, &kept);
        let bytes = look_back(self.format, bytes, key, &self.document, made)?;
        Ok(Text {
            bytes,
            counts,
            left_clear,
            lost_comments: Vec::new(),
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

pub(super) fn sites(places: &[(Site, Change<'_>)]) -> HashSet<Site> {
    places.iter().map(|(site, _)| *site).collect()
}

/// What a positive rule leaves in clear.
pub(super) fn clear_paths(
    metadata: &Metadata,
    tree: &Tree,
    sealed: impl FnOnce() -> HashSet<Site>,
) -> Vec<Path> {
    if metadata.rule.kind().is_positive() {
        left_in_clear(tree, &sealed())
    } else {
        Vec::new()
    }
}

/// A rule that selects no value. A key that carries an unencrypted suffix says so itself; the other
/// rules can be mistyped.
pub(super) fn refuse_nothing(rule: &Rule) -> Result<(), EnvelopeError> {
    if *rule == Rule::default() {
        return Ok(());
    }
    Err(EnvelopeError::NothingSelected {
        field: rule.kind().field(),
        argument: rule.argument().to_owned(),
    })
}

fn refuse_clear(paths: &[Path], allow_cleartext: bool) -> Result<(), EnvelopeError> {
    if paths.is_empty() || allow_cleartext {
        return Ok(());
    }
    Err(EnvelopeError::WouldStayClear(paths.to_vec()))
}

/// What is sealed, before it is written.
pub(super) struct Prepared<'t> {
    pub(super) places: Vec<(Site, Change<'t>)>,
    pub(super) counts: Counts,
    pub(super) left_clear: Vec<Path>,
    /// The fields of the metadata that change with every write.
    texts: Vec<(&'static str, String)>,
    /// All of the metadata.
    pub(super) fields: Fields,
}

/// What a walk has made.
pub(super) struct Sealing<'t> {
    pub(super) places: Vec<(Site, Change<'t>)>,
    pub(super) counts: Counts,
    pub(super) last_modified: String,
    /// The sealed MAC.
    pub(super) mac: String,
}

/// One walk that seals and hashes.
pub(super) struct Pass<'t, 'a> {
    document: &'t Document,
    metadata: &'a Metadata,
    cipher: Cipher<'a>,
    nonces: &'a mut dyn Nonces,
    reuse: &'a Tokens,
    selector: Selector<'a>,
    trail: Trail,
    mac: Mac,
    places: Vec<(Site, Change<'t>)>,
    counts: Counts,
    /// Values under way to their tokens.
    jobs: Vec<Job<'t>>,
    /// What is bound to them, one behind the other.
    bound: String,
}

/// A value that waits for its token.
struct Job<'t> {
    /// In `places`.
    place: usize,
    value: &'t Value,
    /// In `bound`.
    bound: Range<usize>,
    nonce: [u8; NONCE_LEN],
}

impl<'t, 'a> Pass<'t, 'a> {
    pub(super) fn new(
        document: &'t Document,
        metadata: &'a Metadata,
        key: &'a DataKey,
        nonces: &'a mut dyn Nonces,
        reuse: &'a Tokens,
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
            jobs: Vec::new(),
            bound: String::new(),
        }
    }

    pub(super) fn step(&mut self, step: Step<'t>) -> Result<(), EnvelopeError> {
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

    fn comment(&mut self, comment: &Comment) -> Result<(), EnvelopeError> {
        let is_selected = self.selector.comment(comment.text.expose());
        if !is_selected || comment.text.is_empty() {
            return Ok(());
        }
        let token = if let Some(token) = self.reuse.get(comment.site) {
            token.to_owned()
        } else {
            let (text, bound) = (comment.text.expose(), self.trail.of_comment().as_bytes());
            let nonce = self.nonces.next()?;
            Token::seal(&self.cipher, text, Type::Comment, bound, nonce)
                .map_err(EnvelopeError::Cipher)?
        };
        if self.metadata.rule.misleads(&token) {
            let line = self.document.position(comment.site).0;
            return Err(EnvelopeError::MisleadingComment(line));
        }
        self.places.push((comment.site, Change::Seal(token)));
        Ok(())
    }

    fn leaf(&mut self, leaf: &'t Leaf) -> Result<(), EnvelopeError> {
        let is_selected = self.selector.value();
        if leaf.value.is_empty() {
            return Ok(());
        }
        with_plain(&leaf.value, |plain| self.mac.add(plain, is_selected));
        if !is_selected {
            self.counts.clear += 1;
            return Ok(());
        }
        self.counts.sealed += 1;
        let token = self.reuse.get(leaf.site).map(str::to_owned);
        if token.is_none() {
            let start = self.bound.len();
            self.bound.push_str(self.trail.of_value());
            self.jobs.push(Job {
                place: self.places.len(),
                value: &leaf.value,
                bound: start..self.bound.len(),
                nonce: self.nonces.next()?,
            });
        }
        let token = token.unwrap_or_default();
        self.places.push((leaf.site, Change::Seal(token)));
        Ok(())
    }

    /// Makes the tokens that are missing, on all cores.
    fn work(&mut self) -> Result<(), EnvelopeError> {
        let (cipher, bound) = (&self.cipher, &self.bound);
        let tokens = on_all_cores(&self.jobs, |job| {
            let bound = bound.get(job.bound.clone()).unwrap_or_default();
            let kind = Type::of(job.value);
            with_plain(job.value, |plain| {
                Token::seal(cipher, plain, kind, bound.as_bytes(), job.nonce)
            })
        });
        for (job, token) in self.jobs.drain(..).zip(tokens) {
            let token = token.map_err(EnvelopeError::Cipher)?;
            if let Some((_, change)) = self.places.get_mut(job.place) {
                *change = Change::Seal(token);
            }
        }
        Ok(())
    }

    /// Seals the MAC under the time; the metadata is complete afterwards.
    pub(super) fn finish(mut self, now: i64) -> Result<Sealing<'t>, EnvelopeError> {
        self.work()?;
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
