//! A draft to sealed text: by itself, or onto a file that was sealed before.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cipher::Nonces;
use crate::format::{Change, Edits, Metadata as Branch, MetadataEdit};
use crate::metadata::{LAYOUT_FIELD, Metadata, Rule};
use crate::secret::DataKey;
use crate::tree::{Map, Node, Path, Site, Tree, walk};

use super::finish::Finish;
use super::layout::Wanted;
use super::look_back::Made;
use super::pass::{Pass, Sealing};
use super::seal::{Counts, Text, clear_paths, refuse_clear, refuse_nothing, sites};
use super::{Draft, EnvelopeError, Opened, Tokens};

/// Comments that only the layout keeps; each may take a try of its own.
const MOST_KEPT: usize = 1000;

/// How a draft is sealed.
struct Orders<'a> {
    metadata: Metadata,
    key: &'a DataKey,
    now: i64,
    /// Take a rule that selects nothing.
    allow_cleartext: bool,
    /// The file it is sealed onto, whose metadata is written as it stands there.
    onto: Option<&'a Opened>,
    /// What the sealed text is to open to.
    wanted: &'a [u8],
    /// Whether it has to, since comments stand nowhere else.
    must_open_so: bool,
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
        let orders = Orders {
            metadata,
            key,
            now,
            allow_cleartext,
            onto: None,
            wanted: self.wanted(),
            must_open_so: false,
        };
        self.seal_as(&orders, nonces, reuse)
    }

    /// The same, with comments in the layout only that other tools would lose.
    fn seal_as(
        &self,
        orders: &Orders<'_>,
        nonces: &mut dyn Nonces,
        reuse: &Tokens,
    ) -> Result<Text, EnvelopeError> {
        let mut kept = Vec::new();
        let mut bare: Option<(Self, Tokens)> = None;
        loop {
            let (draft, tokens) = match &bare {
                Some((draft, tokens)) => (draft, tokens),
                None => (self, reuse),
            };
            let strays = draft.document.stray_comments();
            let sealed = if strays.is_empty() {
                let orders = Orders {
                    metadata: orders.metadata.clone(),
                    must_open_so: bare.is_some(),
                    ..*orders
                };
                draft.seal_text(&orders, nonces, tokens)
            } else {
                Err(EnvelopeError::StrayComment(0))
            };
            let lines = match sealed {
                Ok(text) => {
                    let kept_comments = kept;
                    return Ok(Text {
                        kept_comments,
                        ..text
                    });
                }
                // One that was seen so far decides something where comments do.
                Err(EnvelopeError::StrayComment(line)) if strays.is_empty() => {
                    if orders.metadata.rule.kind().is_about_comments() {
                        return Err(EnvelopeError::StrayComment(
                            self.own_line(draft, line, &kept),
                        ));
                    }
                    vec![line]
                }
                Err(EnvelopeError::StrayComment(_)) => strays,
                Err(EnvelopeError::SelfCheck) if !kept.is_empty() => {
                    return Err(EnvelopeError::StrayComment(
                        kept.first().copied().unwrap_or(1),
                    ));
                }
                Err(error) => return Err(error),
            };
            let own: Vec<usize> = lines
                .iter()
                .map(|line| self.own_line(draft, *line, &kept))
                .collect();
            let first = own.first().copied().unwrap_or(1);
            let stray = || EnvelopeError::StrayComment(first);
            if kept.len() >= MOST_KEPT {
                return Err(stray());
            }
            let next = draft.without_comments(&lines).ok_or_else(stray)?;
            let tokens = self.tokens_in(&next, reuse);
            kept.extend(own);
            kept.sort_unstable();
            bare = Some((next, tokens));
        }
    }

    /// The line here of a comment of a draft that is without the comments in these lines.
    fn own_line(&self, draft: &Self, line: usize, without: &[usize]) -> usize {
        let mut left = self.document.comment_lines();
        left.retain(|line| !without.contains(line));
        let lines = draft.document.comment_lines();
        let number = lines.iter().position(|other| *other == line);
        number
            .and_then(|number| left.get(number))
            .copied()
            .unwrap_or(line)
    }

    fn seal_text(
        &self,
        orders: &Orders<'_>,
        nonces: &mut dyn Nonces,
        reuse: &Tokens,
    ) -> Result<Text, EnvelopeError> {
        let Orders { key, now, onto, .. } = *orders;
        let clear = orders.allow_cleartext;
        let Prepared {
            mut places,
            counts,
            left_clear,
            texts,
            metadata,
        } = self.prepare(orders.metadata.clone(), key, nonces, now, clear, reuse)?;
        if let Some(onto) = onto {
            onto.keep_bare(&self.document.tree, &mut places);
        }
        let write = |layout: Option<&str>| {
            let mut metadata = metadata.clone();
            metadata.layout = layout.map(str::to_owned);
            let fields = metadata.render();
            let metadata = match onto.and_then(|onto| onto.blocks(&texts, layout)) {
                Some(blocks) => MetadataEdit::Place { blocks, fields },
                None => MetadataEdit::Write(fields),
            };
            let places = &places;
            self.format
                .apply(&self.document, &Edits { places, metadata })
        };
        let kept = Tokens::default();
        let finish = Finish {
            format: self.format,
            key,
            nonces,
            before: &self.document,
            made: Made::new(&places, &kept),
            mac: metadata.mac.as_deref().unwrap_or_default(),
            wanted: Wanted::Text(orders.wanted),
            rule: &metadata.rule,
            must_open_so: orders.must_open_so,
        };
        let bytes = finish.text(write)?;
        Ok(Text {
            bytes,
            counts,
            left_clear,
            ..Text::default()
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
        metadata.layout = None;
        if places.is_empty() && counts.clear > 0 && !allow_cleartext {
            refuse_nothing(&metadata.rule)?;
        }
        Ok(Prepared {
            places,
            counts,
            left_clear,
            texts,
            metadata,
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
        if onto.clear_text()?.ct_eq(self.wanted()).into() {
            return Ok(None);
        }
        let orders = Orders {
            metadata: onto.metadata().clone(),
            key,
            now,
            allow_cleartext,
            onto: Some(onto),
            wanted: self.wanted(),
            must_open_so: false,
        };
        let mut text = self.seal_as(&orders, nonces, reuse)?;
        // A clear value that changes is in clear in the sealed file already, and is told by name.
        text.left_clear.retain(|path| !onto.has(path));
        refuse_clear(&text.left_clear, allow_cleartext)?;
        let body = |bytes: &[u8]| -> Result<(bool, Zeroizing<Vec<u8>>), EnvelopeError> {
            let document = self.format.parse(Zeroizing::new(bytes.to_vec()))?;
            let has_layout = matches!(&document.metadata,
                Some(Branch::Branch(fields)) if fields.get(LAYOUT_FIELD).is_some());
            let edits = Edits {
                metadata: MetadataEdit::Remove,
                ..Edits::default()
            };
            Ok((has_layout, self.format.apply(&document, &edits)?))
        };
        let (has_layout, new) = body(&text.bytes)?;
        let (had_layout, old) = body(onto.sealed_text())?;
        // Where the values are the same, it is the layout that has changed.
        let is_same = !has_layout && !had_layout && *new == *old;
        Ok((!is_same).then_some(text))
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

/// What is sealed, before it is written.
pub(super) struct Prepared<'t> {
    pub(super) places: Vec<(Site, Change<'t>)>,
    pub(super) counts: Counts,
    pub(super) left_clear: Vec<Path>,
    /// The fields of the metadata that change with every write.
    texts: Vec<(&'static str, String)>,
    /// All of the metadata.
    pub(super) metadata: Metadata,
}
