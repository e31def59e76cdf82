//! What is at a target: values, who wrote them, which version it is. Zeroed on drop.

use crate::secret::SecretBytes;
use crate::sync::TargetError;

/// An object as it is.
#[derive(Debug)]
pub struct Observed {
    /// Its values.
    pub content: Content,
    /// The version, in the words of the target; a write is conditional on it.
    pub version: String,
    /// Why it may not be written, if so: it is immutable, or about to be deleted.
    pub blocked: Option<TargetError>,
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
    /// Whether it was us.
    pub is_us: bool,
    /// The others, as people know them; there can be several beside us.
    pub others: Vec<String>,
}

impl Writer {
    /// Us alone.
    pub fn us() -> Self {
        Self {
            is_us: true,
            others: Vec::new(),
        }
    }

    /// Somebody else.
    pub fn other(name: impl Into<String>) -> Self {
        Self {
            is_us: false,
            others: vec![name.into()],
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
