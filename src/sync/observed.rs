//! What is at a target: values, who wrote them, which version it is. Zeroed on drop.

use std::collections::BTreeMap;

use crate::chainlink::Mark;
use crate::secret::SecretBytes;
use crate::sync::TargetError;
use crate::sync::ownership::Whose;

/// An object as it is.
#[derive(Debug)]
pub struct Observed {
    /// Its values.
    pub content: Content,
    /// The version, in the words of the target; a write is conditional on it.
    pub version: String,
    /// When we wrote it last, in seconds since 1970, where the target remembers it.
    pub written: Option<i64>,
    /// Whether a part of it is ours under a name that we no longer use.
    pub is_under_old_name: bool,
    /// What would write it again, whatever we do.
    pub keeper: Option<Keeper>,
    /// Why it may not simply be written, if so.
    pub blocked: Option<Blocked>,
    /// Which fields of a JSON text are ours.
    pub own: OwnFields,
    /// What it is in a cluster besides its data; elsewhere nothing.
    pub standing: Option<Standing>,
    /// How far a replacement came that was stopped, if one was.
    pub halfway: Option<Halfway>,
    /// Settings of it that are not as configured.
    pub settings: Vec<Setting>,
}

/// A setting of an object that is not as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Which: `kms_key`, or `replica` and a region.
    pub name: String,
    /// What would have to happen.
    pub change: SettingChange,
}

/// What has to happen to a setting, so that it is as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingChange {
    /// It is missing.
    Added,
    /// It is another one.
    Changed,
    /// It is too many.
    Removed,
    /// Nobody tells how it is.
    Unknown,
}

/// What a secret of a cluster is besides its data.
#[derive(Debug, Default)]
pub struct Standing {
    /// Type, labels and annotations, and who set each.
    pub marks: BTreeMap<Mark, (String, Writer)>,
    /// Whether its data can be changed no more.
    pub is_immutable: bool,
    /// Whether we said so: then we have to say it again with each write.
    pub is_immutable_by_us: bool,
}

/// How far a replacement came before it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halfway {
    /// The old object is gone, and the new one is not made: what is observed is the copy.
    Gone,
    /// The object is there, old or new; the copy may be there as well.
    There,
}

/// Which fields of a JSON text that we wrote are ours: others can keep theirs in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OwnFields {
    /// It was not noted, so none is known to be.
    #[default]
    Unknown,
    /// All of them.
    All,
    /// For each field, in the order of the text.
    Noted(Vec<bool>),
}

impl OwnFields {
    /// Whether the field at a position is ours.
    pub fn has(&self, at: usize) -> bool {
        match self {
            Self::Unknown => false,
            Self::All => true,
            Self::Noted(marks) => marks.get(at).copied().unwrap_or_default(),
        }
    }
}

/// An operator or a deployment tool that an object belongs to as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// Which, by name.
    pub who: String,
    /// What it does next if somebody else takes the object over.
    pub next: String,
}

/// Why an object may not simply be written.
#[derive(Debug)]
pub enum Blocked {
    /// Not at all: it is open to others, or about to be deleted.
    Refused(TargetError),
    /// It would have to be deleted and made anew: it is immutable, or of another type.
    Fixed(TargetError),
}

impl Observed {
    /// What is there under a version, and nothing that stands against a write.
    pub fn new(content: Content, version: impl Into<String>) -> Self {
        Self {
            content,
            version: version.into(),
            written: None,
            is_under_old_name: false,
            keeper: None,
            blocked: None,
            own: OwnFields::default(),
            standing: None,
            halfway: None,
            settings: Vec::new(),
        }
    }

    /// Everybody who wrote a part of it, as a report names them.
    pub fn owners(&self) -> Vec<String> {
        let writers: Vec<&Writer> = match &self.content {
            Content::Data(items) => items.iter().map(|item| &item.writer).collect(),
            Content::Text { writer, .. } | Content::Hidden(writer) => vec![writer],
        };
        let mut owners: Vec<String> = Vec::new();
        for writer in writers {
            let us = writer.is_us.then(|| "clsecrets".to_owned());
            for name in us.into_iter().chain(writer.others.iter().cloned()) {
                if !owners.contains(&name) {
                    owners.push(name);
                }
            }
        }
        owners
    }
}

/// The values of an object.
#[derive(Debug)]
pub enum Content {
    /// Data keys beside one another.
    Data(Vec<Item>),
    /// One text.
    Text {
        /// Its bytes.
        value: SecretBytes,
        /// Who wrote it last.
        writer: Writer,
    },
    /// It is scheduled for deletion: no value can be read until it is restored.
    Hidden(Writer),
}

/// One data key of an object.
#[derive(Debug)]
pub struct Item {
    /// The data key.
    pub key: String,
    /// Its bytes.
    pub value: SecretBytes,
    /// Who wrote it last.
    pub writer: Writer,
}

/// Who wrote something last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writer {
    /// Whether it was us, as far as can be told.
    pub is_us: bool,
    /// Whether it was clsecrets without a mark: we before there was an identity in
    /// `clsecrets.yaml`, or another repository of the same name.
    pub is_unmarked: bool,
    /// Whether one of the others is clsecrets in another repository or environment.
    pub is_another: bool,
    /// The others, as people know them; there can be several beside us.
    pub others: Vec<String>,
}

impl Writer {
    /// Us alone.
    pub fn us() -> Self {
        Self {
            is_us: true,
            ..Self::default()
        }
    }

    /// Somebody else.
    pub fn other(name: impl Into<String>) -> Self {
        Self {
            others: vec![name.into()],
            ..Self::default()
        }
    }

    /// By whose work it is; `shown` is what people know another program by.
    pub fn add(&mut self, whose: Whose, shown: impl FnOnce() -> String) {
        let other = match whose {
            Whose::Ours => {
                self.is_us = true;
                return;
            }
            Whose::Unmarked => {
                self.is_us = true;
                self.is_unmarked = true;
                return;
            }
            Whose::Another(name) => {
                self.is_another = true;
                name
            }
            Whose::Foreign => shown(),
        };
        if !self.others.contains(&other) {
            self.others.push(other);
        }
    }

    /// Whether a change would overrule nobody.
    pub fn is_us_alone(&self) -> bool {
        self.is_us && self.others.is_empty()
    }

    /// The others, for a message.
    pub fn names(&self) -> Vec<String> {
        if self.others.is_empty() {
            vec!["an unrecorded writer".to_owned()]
        } else {
            self.others.clone()
        }
    }
}
