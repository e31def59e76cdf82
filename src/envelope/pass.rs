//! One walk over a document that makes tokens and the MAC.

use std::ops::Range;

use crate::cipher::{Cipher, Mac, NONCE_LEN, Nonces, Token, Type, with_plain};
use crate::format::{Change, Document};
use crate::metadata::{Metadata, Selector};
use crate::secret::DataKey;
use crate::tree::{Comment, Leaf, Site, Step, Trail, Value, time};

use super::cores::on_all_cores;
use super::seal::Counts;
use super::{EnvelopeError, Tokens};

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
