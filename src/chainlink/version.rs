//! Versions of the node: what it reads, and which rules it has, depend on them.

use std::fmt;

/// A version, as far as a rule asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// The first that reads `secrets.toml` only.
    pub const TOML: Self = Self { major: 2, minor: 0 };
    /// The first that refuses a simple database password, and the explorer.
    pub const STRICT: Self = Self { major: 2, minor: 6 };

    /// Reads what an image tag says: `2.26`, `v2.26.0`, `1.8.0-nonroot`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().trim_start_matches('v').split(['.', '-', '+']);
        let major = parts.next()?.parse().ok()?;
        let minor = match parts.next() {
            None => 0,
            Some(text) => text.parse().ok()?,
        };
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_image_tags_say_is_read_and_ordered() {
        for (text, shown) in [
            ("2.26", "2.26"),
            ("v2.6.1", "2.6"),
            ("1.8.0-nonroot", "1.8"),
            ("2", "2.0"),
        ] {
            assert_eq!(Version::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "latest", "2.x", "a.b"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
        let version = |text| Version::parse(text).unwrap();
        assert!(version("2.10") > Version::STRICT && version("2.5") < Version::STRICT);
        assert!(version("1.13") < Version::TOML);
    }
}
