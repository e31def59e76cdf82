//! One file as it is lent to whoever judges it.

use std::fmt;

use super::Commit;

/// One file. Lent only for the call.
#[derive(Clone, Copy)]
pub struct Blob<'a> {
    /// From the top of the repository; what is no UTF-8 in it is replaced.
    pub path: &'a str,
    /// Its content; `None` if it cannot be read.
    pub bytes: Option<&'a [u8]>,
    /// What stood there before, if that looks sealed.
    pub before: Option<&'a [u8]>,
    /// Whether nothing of this name stood there before.
    pub is_new: bool,
    /// Whether it has the content of the file before, under another path.
    pub is_again: bool,
    /// Why there is no content.
    pub why_absent: &'static str,
    /// What kind of thing it is.
    pub form: Form,
    /// The commit that made it so, as it is kept, where commits are looked at.
    pub commit: Option<&'a Commit>,
}

/// What kind of thing is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A file.
    File,
    /// A symbolic link, whose content is where it leads, or a submodule, which has none.
    Link,
    /// A commit or an annotated tag, whose content is who made it and its message.
    Record,
}

impl<'a> Blob<'a> {
    /// A file that was read.
    pub fn new(path: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            path,
            bytes: Some(bytes),
            before: None,
            is_new: false,
            is_again: false,
            why_absent: "",
            form: Form::File,
            commit: None,
        }
    }

    /// A symbolic link, or a submodule, which leads nowhere.
    pub fn link(path: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            form: Form::Link,
            ..Self::new(path, bytes)
        }
    }

    /// A file that cannot be read.
    pub fn absent(path: &'a str, why_absent: &'static str) -> Self {
        Self {
            bytes: None,
            why_absent,
            ..Self::new(path, &[])
        }
    }
}

impl fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
