//! What the targets accept: names, data keys, sizes. Checked here before the first request, so
//! that no server ever sees an object that it would refuse and quote. And how much of a run an
//! operator lets happen.

use std::path::Path;

use super::{Fault, TargetConfig, TargetError, secret_type};
use crate::chainlink::{Desired, Form, json};
use crate::config::environments::reserved;

/// How much may happen in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Objects and keys that may go, those that are deleted and made anew included.
    pub deletes: usize,
    /// Objects that may change; new ones are none of them.
    pub changes: Option<ChangeLimit>,
}

/// Of how many objects that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeLimit {
    /// So many.
    Count(usize),
    /// So many of a hundred.
    Percent(usize),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deletes: 5,
            changes: None,
        }
    }
}

impl Limits {
    /// Refuses a run that would do more.
    pub(crate) fn admit(
        self,
        deletes: usize,
        changes: usize,
        existing: usize,
    ) -> Result<(), TargetError> {
        let refuse = |what: &str, limit: String, flag: String| {
            Err(
                TargetError::new(Fault::Refused, format!("{what}; the limit is {limit}"))
                    .hint(format!("review the plan; if it is meant so, add {flag}")),
            )
        };
        if deletes > self.deletes {
            return refuse(
                &format!("{deletes} objects or keys would be deleted"),
                self.deletes.to_string(),
                format!("--max-deletes {deletes}"),
            );
        }
        let (limit, shown) = match self.changes {
            None => return Ok(()),
            Some(ChangeLimit::Count(count)) => (count, count.to_string()),
            Some(ChangeLimit::Percent(percent)) => (
                existing.saturating_mul(percent) / 100,
                format!("{percent}%"),
            ),
        };
        if changes > limit {
            return refuse(
                &format!("{changes} of {existing} objects would change"),
                shown,
                format!("--max-changes {changes}"),
            );
        }
        Ok(())
    }
}

impl std::str::FromStr for ChangeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |digits: &str| digits.parse::<usize>().ok();
        match text.strip_suffix('%') {
            Some(digits) => read(digits).filter(|p| *p <= 100).map(Self::Percent),
            None => read(text).map(Self::Count),
        }
        .ok_or_else(|| "a number of objects, or a percentage as in 50%".to_owned())
    }
}

/// Judges an object by the rules of its kind of target, without asking anybody.
pub fn admit(config: &TargetConfig, desired: &Desired) -> Result<(), TargetError> {
    match config {
        TargetConfig::Directory(_) => admit_files(desired),
        TargetConfig::Kubernetes(_) => {
            admit_data(desired).and_then(|()| secret_type::admit(desired))
        }
        TargetConfig::SecretsManager(_) => admit_as_text(desired),
    }
}

/// Judges an object with one text, as it is without what others keep in it.
pub(crate) fn admit_as_text(desired: &Desired) -> Result<(), TargetError> {
    for entry in &desired.entries {
        if std::str::from_utf8(entry.value.expose()).is_err() {
            let what = match desired.form {
                Form::Text => desired.name.clone(),
                _ => format!("{} in {}", entry.key, desired.name),
            };
            let reason = format!("{what} is not text (UTF-8), and Secrets Manager gets texts");
            return Err(invalid(reason)
                .hint("leave it to other targets (only: [kubernetes]), or deliver it in base64"));
        }
    }
    let fields = desired.entries.iter();
    let size = match desired.form {
        Form::Json => {
            let fields = fields.map(|entry| (entry.key.as_str(), &entry.value));
            json::write(fields).map_or(0, |text| text.len())
        }
        _ => fields.map(|entry| entry.value.len()).sum(),
    };
    admit_text(&desired.name, size)
}

/// Kubernetes: the sum of the values of a secret.
const DATA_BYTES: usize = 1024 * 1024;
/// Kubernetes: object names and data keys.
const DATA_NAME: usize = 253;

/// Judges an object with data keys by the rules of Kubernetes.
pub(crate) fn admit_data(desired: &Desired) -> Result<(), TargetError> {
    let name = desired.name.as_str();
    if desired.form != Form::Data {
        return Err(invalid(format!("{name} has no data keys")));
    }
    if !is_subdomain(name) {
        return Err(invalid(format!(
            "{name} is not a valid name for a secret: lower-case letters, digits, - and . only, a letter or \
             digit first and last, {DATA_NAME} characters at most"
        )));
    }
    for entry in &desired.entries {
        if !is_data_key(&entry.key) {
            return Err(invalid(format!(
                "{} in {name} is not a valid data key: letters, digits, -, _ and . only",
                entry.key
            )));
        }
    }
    let size: usize = desired.entries.iter().map(|entry| entry.value.len()).sum();
    if size > DATA_BYTES {
        return Err(invalid(format!(
            "{name} has {size} bytes; a secret holds {DATA_BYTES}"
        )));
    }
    Ok(())
}

/// The same for files: none has a name that Git or another program takes for its settings. A file `.git`
/// makes a folder a repository, with programs of somebody's choice in its configuration.
pub(crate) fn admit_files(desired: &Desired) -> Result<(), TargetError> {
    admit_data(desired)?;
    for entry in &desired.entries {
        let path = Path::new(&desired.name).join(&entry.key);
        if let Some(reason) = reserved(&path) {
            let reason = format!("{} {reason}", path.display());
            return Err(
                invalid(reason).hint("give the key another name, or leave it to other targets")
            );
        }
    }
    Ok(())
}

/// RFC 1123 subdomain.
fn is_subdomain(name: &str) -> bool {
    name.len() <= DATA_NAME
        && name.split('.').all(|label| {
            let edge =
                |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            edge(label.chars().next())
                && edge(label.chars().next_back())
                && label
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        })
}

/// RFC 1123 label: what a namespace is called.
#[cfg(feature = "kubernetes")]
pub(crate) fn is_label(name: &str) -> bool {
    name.len() <= 63 && !name.contains('.') && is_subdomain(name)
}

fn is_data_key(key: &str) -> bool {
    !matches!(key, "" | "." | "..")
        && !key.starts_with("..")
        && key.len() <= DATA_NAME
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Secrets Manager: bytes of one value.
const TEXT_BYTES: usize = 65_536;
/// Secrets Manager: characters of a name.
const TEXT_NAME: usize = 512;

/// Judges an object with one text by the rules of Secrets Manager; `size` is that of the text.
pub(crate) fn admit_text(name: &str, size: usize) -> Result<(), TargetError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if name.is_empty() || name.len() > TEXT_NAME || !name.chars().all(allowed) {
        return Err(invalid(format!(
            "{name} is not a valid name for Secrets Manager: 1 to {TEXT_NAME} of letters, digits and /_+=.@-"
        )));
    }
    if name
        .rsplit_once('-')
        .is_some_and(|(_, tail)| tail.len() == 6)
    {
        // A reader who asks with a partial ARN would get another secret, or none.
        return Err(invalid(format!(
            "{name} ends in a hyphen and six characters, which Secrets Manager takes for the end \
             of an ARN"
        ))
        .hint("choose another prefix in clsecrets.yaml"));
    }
    if size == 0 {
        return Err(invalid(format!("{name} would be empty")));
    }
    if size > TEXT_BYTES {
        return Err(invalid(format!(
            "{name} has {size} bytes; Secrets Manager holds {TEXT_BYTES}"
        )));
    }
    Ok(())
}

fn invalid(reason: String) -> TargetError {
    TargetError::new(Fault::Invalid, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chainlink::{Entry, Marks};
    use crate::secret::SecretBytes;

    #[test]
    fn no_file_is_called_as_settings_of_git_or_of_other_programs_are() {
        let file = |key: &str| {
            let entries = vec![Entry::of(key, &SecretBytes::new(vec![b'x']), "k")];
            admit_files(&Desired {
                name: "api-secrets".to_owned(),
                form: Form::Data,
                entries,
                marks: Marks::default(),
            })
        };
        assert!(file(".password").is_ok() && file("git").is_ok());
        for key in [
            ".git",
            ".gitattributes",
            ".gitmodules",
            ".sops.yaml",
            "Makefile",
            ".envrc",
        ] {
            assert!(file(key).is_err(), "{key}");
        }
        assert!(file(&format!("{}x", crate::fs::TEMPORARY_PREFIX)).is_err());
    }

    fn data(name: &str, key: &str, size: usize) -> Result<(), TargetError> {
        admit_data(&Desired::new(
            name,
            Form::Data,
            vec![Entry::of(key, &SecretBytes::new(vec![b'x'; size]), "k")],
        ))
    }

    #[test]
    fn a_run_that_would_do_more_than_it_may_is_refused() {
        let limits = |changes: &str| Limits {
            deletes: 1,
            changes: Some(changes.parse().unwrap()),
        };
        assert_eq!(limits("50%").admit(1, 2, 4), Ok(()));
        let error = limits("50%").admit(0, 3, 4).unwrap_err();
        assert_eq!(
            error.reason,
            "3 of 4 objects would change; the limit is 50%"
        );
        assert!(limits("3").admit(2, 0, 4).is_err());
        assert!(limits("0").admit(0, 1, 1).is_err());
        for text in ["", "x", "101%", "-1", "5 %"] {
            assert!(text.parse::<ChangeLimit>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_keys_of_data_objects_are_those_of_kubernetes() {
        for name in ["api-secrets", "a", "a.b-c.d0", "1inch"] {
            assert_eq!(data(name, ".api", 1), Ok(()), "{name}");
        }
        for name in [
            "",
            "A",
            "a_b",
            "-a",
            "a-",
            "a..b",
            "a/b",
            ".a",
            &"a".repeat(254),
        ] {
            assert!(data(name, "k", 1).is_err(), "{name}");
        }
        for key in ["", ".", "..", "..2026", "a/b", "a b", &"k".repeat(254)] {
            assert!(data("a", key, 1).is_err(), "{key}");
        }
    }

    #[test]
    fn an_object_of_more_than_a_mebibyte_is_refused() {
        assert_eq!(data("a", "k", DATA_BYTES), Ok(()));
        assert!(data("a", "k", DATA_BYTES + 1).is_err());
    }

    #[test]
    fn names_and_sizes_of_texts_are_those_of_secrets_manager() {
        for name in ["chainlink-dev-psql-url", "a/b_c+d=e.f@g-h", "x-12345"] {
            assert_eq!(admit_text(name, 1), Ok(()), "{name}");
        }
        for name in ["", "a b", "a*", "chainlink-wallet", &"n".repeat(513)] {
            assert!(admit_text(name, 1).is_err(), "{name}");
        }
        assert!(admit_text("a", 0).is_err());
        assert_eq!(admit_text("a", TEXT_BYTES), Ok(()));
        assert!(admit_text("a", TEXT_BYTES + 1).is_err());
    }
}
