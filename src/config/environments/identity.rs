//! The identity of a repository: made at random, and written into a `clsecrets.yaml` that has none.

use std::path::Path;

use super::{Environments, refuse};
use crate::config::ConfigError;

/// Letters of an identity: more than enough that no two repositories have the same.
const LENGTH: usize = 16;

/// A new identity. Letters only, so that it needs no quotes and is no number.
pub fn fresh() -> Result<String, getrandom::Error> {
    let mut identity = String::with_capacity(LENGTH);
    while identity.len() < LENGTH {
        let mut bytes = [0; 2 * LENGTH];
        getrandom::fill(&mut bytes)?;
        // 234 is the largest multiple of 26 in a byte: each letter is as likely as any other.
        let letters = bytes.iter().filter(|byte| **byte < 234);
        let letters = letters.map(|byte| char::from(b'a' + byte % 26));
        identity.extend(letters.take(LENGTH - identity.len()));
    }
    Ok(identity)
}

/// The text of a `clsecrets.yaml` with an identity in it; everything else stays as it is spelled.
pub fn with_identity(path: &Path, text: &str, identity: &str) -> Result<String, ConfigError> {
    let by_hand = || {
        let reason = "there is no line of its own with version: that the identity could follow";
        let hint = format!("add this line at the top level: identity: {identity}");
        refuse(path, "the file", reason, Some(hint))
    };
    let before = Environments::parse(path, text)?;
    let is_head = |line: &str| line.starts_with("version:") || line.starts_with("name:");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = lines
        .iter()
        .rposition(|line| is_head(line))
        .ok_or_else(by_hand)?;
    let mut written = lines.get(..=at).unwrap_or_default().concat();
    let end = if written.ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    if !written.ends_with('\n') {
        written.push_str(end);
    }
    written.push_str("identity: ");
    written.push_str(identity);
    written.push_str(end);
    written.push_str(&lines.get(at + 1..).unwrap_or_default().concat());
    // A line that looks like the head can be a part of a longer text.
    let after = Environments::parse(path, &written).map_err(|_| by_hand())?;
    let is_as_before = after.all() == before.all() && after.name == before.name;
    if is_as_before && after.identity.as_deref() == Some(identity) {
        Ok(written)
    } else {
        Err(by_hand())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<String, ConfigError> {
        with_identity(Path::new("/r/clsecrets.yaml"), text, "abcdefghijklmnop")
    }

    #[test]
    fn it_follows_the_head_and_nothing_else_changes() {
        let text = "# top\nversion: 1\nname: chainlink   # ours\nenvironments: {}\n";
        let with = written(text).unwrap();
        assert_eq!(
            with,
            "# top\nversion: 1\nname: chainlink   # ours\nidentity: abcdefghijklmnop\nenvironments: {}\n"
        );
        assert_eq!(
            written("version: 1").unwrap(),
            "version: 1\nidentity: abcdefghijklmnop\n"
        );
        let crlf = written("version: 1\r\nenvironments: {}\r\n").unwrap();
        assert_eq!(
            crlf,
            "version: 1\r\nidentity: abcdefghijklmnop\r\nenvironments: {}\r\n"
        );
    }

    #[test]
    fn where_it_cannot_be_put_the_line_is_shown() {
        let error = written("{version: 1, environments: {}}").unwrap_err();
        assert!(format!("{error:?}").contains("identity: abcdefghijklmnop"));
        assert!(written("version: 1\nidentity: aaaabbbbccccdddd\n").is_err());
    }

    #[test]
    fn each_is_new_and_of_letters() {
        let (one, two) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one, two);
        assert!(one.len() == LENGTH && one.bytes().all(|byte| byte.is_ascii_lowercase()));
    }
}
