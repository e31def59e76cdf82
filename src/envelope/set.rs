//! One value of an opened file is replaced, added or taken out.
//!
//! A scalar for a scalar is an edit in place. For all else the node is put into the sealed text, in
//! clear, and the text is read again: what is known by its token gets its value back. The surprise:
//! a comment that stands in another map afterwards is sealed anew, since its path is bound.

use std::collections::HashMap;

use crate::cipher::Type;
use crate::format::{Change, Edits, Fault};
use crate::secret::SecretBytes;
use crate::tree::{
    Comment, Element, Leaf, Node, Path, Rewrite, Site, Step, Trail, Value, rewrite, walk,
};

use super::reuse::{same_nodes, same_values};
use super::{EnvelopeError, Opened, Tokens};

/// Whether a call changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// The value was there already.
    Unchanged,
    /// Something is different now.
    Changed,
}

impl Opened {
    /// Sets the value at a path of the first document. Missing parents are made, a position behind
    /// the end of a list appends to it, and a scalar in the way is replaced by a map or a list.
    pub fn set(&mut self, path: &Path, value: Node) -> Result<Edit, EnvelopeError> {
        let problem = |problem| EnvelopeError::Path {
            path: path.clone(),
            problem,
        };
        let Some(top) = self.document.tree.documents.first() else {
            return Err(problem("is in a file without a document"));
        };
        match path.elements().first() {
            Some(Element::Key(key)) if self.format.reserves(key) => {
                return Err(problem("is the metadata of the file"));
            }
            Some(Element::Key(_)) => {}
            _ => return Err(problem("does not begin with a key")),
        }
        let value = self.format.fit(path, value).map_err(|error| {
            let (path, reason) = (path.clone(), error.reason);
            EnvelopeError::Unfit { path, reason }
        })?;
        let landing = top.landing(path);
        // The reference reads no file in which a merge key has anything but maps; one that has a
        // scalar already stands in quotes and is an ordinary key.
        let ends_in_merge = path.elements().last() == Some(&Element::Key("<<".to_owned()));
        let is_ordinary = matches!(top.at(&landing), Some(Node::Leaf(_)));
        if ends_in_merge && !is_ordinary && !matches!(value, Node::Map(_)) {
            return Err(problem("is a merge key, which has a map only"));
        }
        if let Some(old) = top.at(&landing) {
            if same_nodes(old, &value) {
                return Ok(Edit::Unchanged);
            }
            let in_place = match (old, value) {
                // Null and the empty string may stand there without any text, and a tag holds no
                // other type.
                (Node::Leaf(old), Node::Leaf(new))
                    if !old.value.is_empty()
                        && (Type::of(&old.value) == Type::of(&new.value)
                            && !new.value.is_empty()
                            || !self.document.is_tagged(old.site)) =>
                {
                    Ok((old.site, new))
                }
                (_, value) => Err(value),
            };
            match in_place {
                Ok((site, new)) => {
                    let top = self.document.tree.documents.first_mut();
                    let top = top.ok_or_else(|| problem("is in a file without a document"))?;
                    top.put(landing.elements(), Node::Leaf(Leaf { site, ..new }))
                        .map_err(problem)?;
                    self.changed.insert(site);
                }
                Err(value) => self.put(&landing, value)?,
            }
        } else {
            self.put(&landing, value)?;
        }
        self.set.push(landing);
        Ok(Edit::Changed)
    }

    /// Takes out what stands at a path of the first document; nothing there is no change.
    pub fn unset(&mut self, path: &Path) -> Result<Edit, EnvelopeError> {
        let top = self.document.tree.documents.first();
        match path.elements().first() {
            Some(Element::Key(key)) if self.format.reserves(key) => {
                let problem = "is the metadata of the file";
                let path = path.clone();
                return Err(EnvelopeError::Path { path, problem });
            }
            _ if top.is_none_or(|top| top.at(path).is_none()) => return Ok(Edit::Unchanged),
            _ => {}
        }
        self.write_changes()?;
        let text = self.format.take_out(&self.document, path);
        let text = text.map_err(|error| match error.fault {
            Fault::Unrepresentable => {
                let (path, reason) = (path.clone(), error.reason);
                EnvelopeError::Unfit { path, reason }
            }
            _ => error.into(),
        })?;
        let known = Known::of(&self.document.tree, &self.tokens);
        if let Some(top) = self.document.tree.documents.first_mut() {
            top.take_out(path.elements());
        }
        self.read_again(text, known)?;
        Ok(Edit::Changed)
    }

    fn put(&mut self, path: &Path, value: Node) -> Result<(), EnvelopeError> {
        self.write_changes()?;
        let text = self.format.put(&self.document, path, value.duplicate());
        let known = Known::of(&self.document.tree, &self.tokens);
        // The path's fault says more than the text's.
        if let Some(top) = self.document.tree.documents.first_mut() {
            top.put(path.elements(), value)
                .map_err(|problem| EnvelopeError::Path {
                    path: path.clone(),
                    problem,
                })?;
        }
        self.read_again(text?, known)
    }

    /// Writes values that have changed into the text, so that no old token stands for them.
    pub(super) fn write_changes(&mut self) -> Result<(), EnvelopeError> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let mut places = Vec::new();
        let collected: Result<(), std::convert::Infallible> =
            walk(&self.document.tree, &mut |step| {
                if let Step::Leaf(leaf) = step
                    && self.changed.contains(&leaf.site)
                {
                    places.push((leaf.site, Change::Open(&leaf.value)));
                }
                Ok(())
            });
        match collected {
            Ok(()) => {}
        }
        let edits = Edits {
            places: &places,
            ..Edits::default()
        };
        let text = self.format.apply(&self.document, &edits)?;
        for site in self.changed.drain() {
            self.tokens.remove(site);
        }
        let known = Known::of(&self.document.tree, &self.tokens);
        self.read_again(text, known)
    }

    /// Takes a new text, with the values of the old one where their tokens stand. The tree says
    /// already what the text must hold.
    fn read_again(
        &mut self,
        text: zeroize::Zeroizing<Vec<u8>>,
        known: HashMap<String, Known>,
    ) -> Result<(), EnvelopeError> {
        let strays = self.document.stray_comments().len();
        let mut document = self.format.parse(text)?;
        document.metadata = None;
        if let (true, Some(line)) = (
            document.stray_comments().len() > strays,
            document.stray_comments().last(),
        ) {
            return Err(EnvelopeError::StrayComment(*line));
        }
        let mut carrying = Carrying {
            known,
            trail: Trail::default(),
            tokens: Tokens::default(),
        };
        match rewrite(&mut document.tree, &mut carrying) {
            Ok(()) => {}
        }
        if !same_values(&self.document.tree, &document.tree) {
            return Err(EnvelopeError::SelfCheck);
        }
        self.tokens = carrying.tokens;
        self.document = document;
        Ok(())
    }
}

/// What a token stands for, and the path that is bound to it.
struct Known {
    bound: String,
    plain: Plain,
}

enum Plain {
    Value(Value),
    Comment(SecretBytes),
}

impl Known {
    fn of(tree: &crate::tree::Tree, tokens: &Tokens) -> HashMap<String, Self> {
        let mut known = HashMap::with_capacity(tokens.count());
        let mut trail = Trail::default();
        let mut add = |site: Site, bound: &str, plain: Plain| {
            if let Some(token) = tokens.get(site) {
                let bound = bound.to_owned();
                known.insert(token.to_owned(), Self { bound, plain });
            }
        };
        let collected: Result<(), std::convert::Infallible> = walk(tree, &mut |step| {
            match step {
                Step::EnterMap | Step::EnterList => trail.enter(),
                Step::Leave => trail.leave(),
                Step::Key(key) => trail.key(key),
                Step::Comment(comment) => {
                    let text = comment.text.duplicate();
                    add(comment.site, trail.of_comment(), Plain::Comment(text));
                }
                Step::Leaf(leaf) => {
                    let value = leaf.value.duplicate();
                    add(leaf.site, trail.of_value(), Plain::Value(value));
                }
            }
            Ok(())
        });
        match collected {
            Ok(()) => known,
        }
    }
}

struct Carrying {
    known: HashMap<String, Known>,
    trail: Trail,
    tokens: Tokens,
}

impl Carrying {
    /// What a text stands for; a token that is bound to this place stays.
    fn find(&mut self, text: &SecretBytes, site: Site, bound: &str) -> Option<&Plain> {
        let token = std::str::from_utf8(text.expose()).ok()?.trim_end();
        let known = self.known.get(token)?;
        if known.bound == bound {
            self.tokens
                .insert(site, SecretBytes::copy_of(token.as_bytes()));
        }
        Some(&known.plain)
    }
}

impl Rewrite for Carrying {
    type Error = std::convert::Infallible;

    fn enter(&mut self) {
        self.trail.enter();
    }

    fn leave(&mut self) {
        self.trail.leave();
    }

    fn key(&mut self, key: &str) {
        self.trail.key(key);
    }

    fn item(&mut self) {
        self.trail.item();
    }

    fn comment(&mut self, comment: &mut Comment) -> Result<(), Self::Error> {
        let bound = self.trail.of_comment().to_owned();
        if let Some(Plain::Comment(text)) = self.find(&comment.text, comment.site, &bound) {
            comment.text = text.duplicate();
        }
        Ok(())
    }

    fn leaf(&mut self, leaf: &mut Leaf) -> Result<Option<SecretBytes>, Self::Error> {
        let bound = self.trail.of_value().to_owned();
        let Value::Str(text) = &leaf.value else {
            return Ok(None);
        };
        let value = match self.find(text, leaf.site, &bound) {
            Some(Plain::Value(value)) => value.duplicate(),
            // A comment of a list; the reference writes it as an item.
            Some(Plain::Comment(text)) => return Ok(Some(text.duplicate())),
            None => return Ok(None),
        };
        leaf.value = value;
        Ok(None)
    }
}
