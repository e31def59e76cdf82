//! Where settings stand in `clsecrets.yaml`, for messages: what was read into types knows no lines.
//!
//! The surprise: the file is read once more, and only when somebody asks; all environments of it share
//! what comes of that, for the whole file in the hands of each would grow with their square.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::format::{self, Document};
use crate::fs;

/// The places in one file.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    document: OnceLock<Option<Document>>,
}

impl Lines {
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            document: OnceLock::new(),
        }
    }

    /// The file's name, for messages.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// What stands where; a file that cannot be read again has no lines.
    pub fn document(&self) -> Option<&Document> {
        let read = || {
            let content = fs::read(&self.path).ok()?;
            let format = format::by_extension(&self.name())?;
            format.parse_clear(content.bytes).ok()
        };
        self.document.get_or_init(read).as_ref()
    }
}
