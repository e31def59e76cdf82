//! The options of the reference's form without a subcommand, and how Go reads options: one dash or
//! two, `=` or the next word.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// One option: its name, its short name, whether a value follows.
pub(super) struct Flag {
    pub(super) name: &'static str,
    short: &'static str,
    pub(super) takes_value: bool,
}

/// An option as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// Its long name, without dashes.
    pub(super) name: String,
    pub(super) value: Option<OsString>,
}

/// The options of the form without a subcommand.
pub(super) fn flag(name: &str) -> Option<&'static Flag> {
    let mut flags = FLAGS.iter();
    flags.find(|flag| flag.name == name || !flag.short.is_empty() && flag.short == name)
}

/// Whether a line that begins with this word is in the old form: `-d`, `--encrypt`, `-i` ….
pub(super) fn begins_legacy(word: &OsStr) -> bool {
    let Some((name, _)) = parted(word) else {
        return false;
    };
    // These are ours, too, and mean what they say.
    flag(&name).is_some_and(|flag| !["help", "version"].contains(&flag.name))
}

/// The name of an option and what follows its `=`; `None` for a word that is no option.
pub(super) fn parted(word: &OsStr) -> Option<(String, Option<OsString>)> {
    let bytes = word.as_bytes().strip_prefix(b"-")?;
    let bytes = bytes.strip_prefix(b"-").unwrap_or(bytes);
    // A number is a value: `set f '["a"]' -5`.
    if bytes.is_empty()
        || bytes
            .first()
            .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        return None;
    }
    let at = bytes.iter().position(|byte| *byte == b'=');
    let (name, value) = match at {
        Some(at) => (bytes.get(..at)?, bytes.get(at + 1..)),
        None => (bytes, None),
    };
    let name = std::str::from_utf8(name).ok()?.to_owned();
    Some((name, value.map(|value| OsString::from_vec(value.to_vec()))))
}

impl Given {
    /// As our own commands take it. A switch that is turned off is no word at all.
    pub(super) fn into_word(self) -> OsString {
        let mut word = OsString::from(format!("--{}", self.name));
        if let Some(value) = self.value {
            word.push("=");
            word.push(value);
        }
        word
    }
}

/// What Go takes for false.
pub(super) fn is_off(value: &OsStr) -> bool {
    ["0", "f", "F", "false", "FALSE", "False"]
        .iter()
        .any(|off| value == *off)
}

const fn switch(name: &'static str, short: &'static str) -> Flag {
    Flag {
        name,
        short,
        takes_value: false,
    }
}

const fn value(name: &'static str, short: &'static str) -> Flag {
    Flag {
        name,
        short,
        takes_value: true,
    }
}

const FLAGS: &[Flag] = &[
    switch("decrypt", "d"),
    switch("encrypt", "e"),
    switch("rotate", "r"),
    switch("in-place", "i"),
    switch("show-master-keys", "s"),
    switch("ignore-mac", ""),
    switch("mac-only-encrypted", ""),
    switch("verbose", ""),
    switch("disable-version-check", ""),
    switch("check-for-updates", ""),
    switch("enable-local-keyservice", ""),
    switch("help", "h"),
    switch("version", "v"),
    value("kms", "k"),
    value("aws-profile", ""),
    value("gcp-kms", ""),
    value("hckms", ""),
    value("azure-kv", ""),
    value("hc-vault-transit", ""),
    value("pgp", "p"),
    value("age", "a"),
    value("extract", ""),
    value("input-type", ""),
    value("output-type", ""),
    value("output", ""),
    value("filename-override", ""),
    value("add-kms", ""),
    value("rm-kms", ""),
    value("add-gcp-kms", ""),
    value("rm-gcp-kms", ""),
    value("add-hckms", ""),
    value("rm-hckms", ""),
    value("add-azure-kv", ""),
    value("rm-azure-kv", ""),
    value("add-hc-vault-transit", ""),
    value("rm-hc-vault-transit", ""),
    value("add-pgp", ""),
    value("rm-pgp", ""),
    value("add-age", ""),
    value("rm-age", ""),
    value("unencrypted-suffix", ""),
    value("encrypted-suffix", ""),
    value("unencrypted-regex", ""),
    value("encrypted-regex", ""),
    value("unencrypted-comment-regex", ""),
    value("encrypted-comment-regex", ""),
    value("encryption-context", ""),
    value("shamir-secret-sharing-threshold", ""),
    value("decryption-order", ""),
    value("config", ""),
    value("set", ""),
    value("indent", ""),
    value("keyservice", ""),
];
