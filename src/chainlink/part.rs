//! The part of a delivered value that is the keystore password: where a composition put it, and what
//! stands there in a value that somebody else may have written.
//!
//! Read by parsers and not by patterns: a TOML text has many spellings, and the node matches its keys
//! without case. What cannot be read with certainty is told apart from what is not there.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroize;

use super::json::{self, Field};
use crate::secret::SecretBytes;

/// A step from a value to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// `Password.Keystore` of a TOML text.
    Toml,
    /// A field of a JSON object.
    Json(String),
    /// Lines of a text that has so many of them.
    Lines {
        /// The number of the first, from 0.
        first: usize,
        /// How many.
        count: usize,
        /// How many the whole text has.
        of: usize,
    },
    /// A part of a URL, percent-encoded.
    Url(UrlPart),
    /// Somewhere in it: it cannot be found again.
    Within,
}

/// A part of a database URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlPart {
    /// The role.
    User,
    /// Its password.
    Password,
    /// The host, without its port.
    Host,
    /// The name of the database.
    Database,
}

/// What stands in a part.
#[derive(Debug)]
pub enum Taken {
    /// This.
    Value(SecretBytes),
    /// Nothing: there is no such part.
    Absent,
    /// It cannot be told.
    Unreadable,
}

/// Follows steps into a value.
pub fn take(value: &SecretBytes, parts: &[Part]) -> Taken {
    let Some((part, rest)) = parts.split_first() else {
        return Taken::Value(value.duplicate());
    };
    let found = match part {
        Part::Toml => keystore(value),
        Part::Json(name) => match json::read(value) {
            None => Taken::Unreadable,
            Some(object) => match object.field(name) {
                Field::Absent => Taken::Absent,
                Field::Text(text) => Taken::Value(text.duplicate()),
                Field::Other => Taken::Unreadable,
            },
        },
        Part::Lines { first, count, of } => lines(value, *first, *count, *of),
        Part::Url(part) => url(value, *part),
        Part::Within => Taken::Unreadable,
    };
    match found {
        Taken::Value(value) => take(&value, rest),
        other => other,
    }
}

/// How many lines a text has.
pub(super) fn count_lines(text: &SecretBytes) -> usize {
    text.expose().split(|byte| *byte == b'\n').count()
}

fn lines(value: &SecretBytes, first: usize, count: usize, of: usize) -> Taken {
    if count_lines(value) != of {
        return Taken::Unreadable;
    }
    let all: Vec<&[u8]> = value.expose().split(|byte| *byte == b'\n').collect();
    let Some(meant) = all.get(first..first + count) else {
        return Taken::Unreadable;
    };
    Taken::Value(SecretBytes::new(meant.join(&b'\n')))
}

/// A part of `scheme://user:password@host:port/name?…`.
fn url(value: &SecretBytes, part: UrlPart) -> Taken {
    let Some((user, host, path)) = parted(value) else {
        return Taken::Unreadable;
    };
    let found = match part {
        UrlPart::User => user.map(|user| user.split_once(':').map_or(user, |(user, _)| user)),
        UrlPart::Password => user.and_then(|user| Some(user.split_once(':')?.1)),
        UrlPart::Host => {
            let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
            let bare = host.rsplit_once(':').filter(|(_, port)| is_port(port));
            Some(bare.map_or(host, |(host, _)| host))
        }
        UrlPart::Database => path.strip_prefix('/'),
    };
    let Some(found) = found else {
        return Taken::Absent;
    };
    // What is cut short would be taken as it stands.
    let is_whole = |(at, _): (usize, &str)| {
        let digits = found.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if !found.match_indices('%').all(is_whole) {
        return Taken::Unreadable;
    }
    let mut bytes = Vec::with_capacity(found.len());
    bytes.extend(percent_decode(found.as_bytes()));
    Taken::Value(SecretBytes::new(bytes))
}

/// The user with its password, the host with its port, and the path of a URL.
fn parted(value: &SecretBytes) -> Option<(Option<&str>, &str, &str)> {
    let text = std::str::from_utf8(value.expose()).ok()?;
    let (_, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, host)) => Some((Some(user), host, path)),
        None => Some((None, authority, path)),
    }
}

/// `Password.Keystore` of a node's secrets, whoever wrote them and however they are spelled.
fn keystore(text: &SecretBytes) -> Taken {
    let text = text.expose();
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let Ok(text) = std::str::from_utf8(text) else {
        return Taken::Unreadable;
    };
    let Ok(mut table) = DeTable::parse(text) else {
        return Taken::Unreadable;
    };
    let found = below(table.get_ref());
    wipe(table.get_mut());
    found
}

/// The texts of all fields that the node takes for `Password.Keystore`, which have to agree.
fn below(table: &DeTable<'_>) -> Taken {
    let mut taken = Taken::Absent;
    for (_, value) in named(table, "password") {
        let DeValue::Table(password) = value.get_ref() else {
            return Taken::Unreadable;
        };
        for (_, value) in named(password, "keystore") {
            let DeValue::String(text) = value.get_ref() else {
                return Taken::Unreadable;
            };
            let text = SecretBytes::copy_of(text.as_bytes());
            match &taken {
                Taken::Value(other) if !other.ct_eq(&text) => return Taken::Unreadable,
                _ => taken = Taken::Value(text),
            }
        }
    }
    taken
}

type Pair<'t, 'i> = (&'t Spanned<Cow<'i, str>>, &'t Spanned<DeValue<'i>>);

fn named<'t, 'i>(table: &'t DeTable<'i>, name: &'static str) -> impl Iterator<Item = Pair<'t, 'i>> {
    let is_it = move |(key, _): &Pair<'t, 'i>| key.get_ref().to_lowercase() == name;
    table.iter().filter(is_it)
}

/// Zeroes what the parser had to copy.
fn wipe(table: &mut DeTable<'_>) {
    for (_, value) in table.iter_mut() {
        wipe_value(value.get_mut());
    }
}

fn wipe_value(value: &mut DeValue<'_>) {
    match value {
        DeValue::String(Cow::Owned(text)) => text.zeroize(),
        DeValue::Table(table) => wipe(table),
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                wipe_value(item.get_mut());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str, parts: &[Part]) -> String {
        match take(&SecretBytes::copy_of(text.as_bytes()), parts) {
            Taken::Value(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
            Taken::Absent => "(absent)".to_owned(),
            Taken::Unreadable => "(unreadable)".to_owned(),
        }
    }

    #[test]
    fn a_keystore_password_is_found_in_every_spelling_of_toml() {
        for text in [
            "[Password]\nKeystore = \"w\\u0031\"\n",
            "[Password]\nKeystore = 'w1'\n",
            "[Password]\nKeystore = \"\"\"\nw1\"\"\"\n",
            "[Password]\nKeystore = '''w1'''\n",
            "Password = { VRF = \"x\", Keystore = \"w1\" }\n",
            "Password.Keystore = \"w1\"\n",
            "Password.VRF = 'x'\r\nPassword.\"Keystore\" = 'w1' # c\r\n",
            "[\"Password\"]\n'Keystore' = \"w1\"\n",
            "[ Password ]\n  Keystore=\"w1\"",
            "[password]\nkeystore = \"w1\"\n",
            "[PASSWORD]\nKEYSTORE = \"w1\"\n",
            "\u{feff}[Password]\nKeystore = \"w1\"\n",
            "[Database]\nKeystore = 'other'\n[Password]\nKeystore = 'w1'\n[Password.Extra]\na=1\n",
            "[Password]\nKeystore = 'w1'\n[password]\nkeystore = 'w1'\n",
        ] {
            assert_eq!(taken(text, &[Part::Toml]), "w1", "{text}");
        }
    }

    #[test]
    fn a_toml_text_that_cannot_be_told_is_not_taken_for_one_without_a_password() {
        for text in [
            "",
            "[Password]\nVRF = 'x'\n",
            "[Database]\nKeystore = 'w1'\n[[Mercury]]\n",
        ] {
            assert_eq!(taken(text, &[Part::Toml]), "(absent)", "{text}");
        }
        for text in [
            "[Password\nKeystore = 'w1'\n",
            "[Password]\nKeystore = 1\n",
            "[Password]\nKeystore = ['w1']\n",
            "[[Password]]\nKeystore = 'w1'\n",
            "Password = 'w1'\n",
            "[Password]\nKeystore = 'w1'\nKeystore = 'w2'\n",
            "[Password]\nKeystore = 'w1'\n[password]\nkeystore = 'w2'\n",
            "w1",
        ] {
            assert_eq!(taken(text, &[Part::Toml]), "(unreadable)", "{text}");
        }
    }

    #[test]
    fn a_part_is_followed_through_all_steps() {
        let second = Part::Lines {
            first: 1,
            count: 1,
            of: 2,
        };
        let field = Part::Json("w".to_owned());
        assert_eq!(taken("a\nw1", std::slice::from_ref(&second)), "w1");
        for text in ["w1", "a\nw1\n", ""] {
            assert_eq!(taken(text, std::slice::from_ref(&second)), "(unreadable)");
        }
        let text = r#"{"port":1.0,"w":"a\nw1"}"#;
        assert_eq!(taken(text, &[field.clone(), second]), "w1");
        assert_eq!(taken("{}", std::slice::from_ref(&field)), "(absent)");
        for text in [
            "{\"w\":1}",
            "w1",
            "{\"w\":\"w1\",\"w\":\"w1\"}",
            "{\"w\":\"w1\"",
        ] {
            assert_eq!(taken(text, std::slice::from_ref(&field)), "(unreadable)");
        }
        assert_eq!(taken("w1", &[]), "w1");
        assert_eq!(taken("w1", &[Part::Within]), "(unreadable)");
    }

    #[test]
    fn the_parts_of_a_url_are_found_and_decoded() {
        let of = |text, part| taken(text, &[Part::Url(part)]);
        let text = "postgres://u%40:w%2F1@h:5432/d%20b?sslmode=require";
        assert_eq!(of(text, UrlPart::User), "u@");
        assert_eq!(of(text, UrlPart::Password), "w/1");
        assert_eq!(of(text, UrlPart::Host), "h");
        assert_eq!(of(text, UrlPart::Database), "d b");
        assert_eq!(of("postgres://u:p@q@[::1]/", UrlPart::Password), "p@q");
        assert_eq!(of("postgres://u@h/d", UrlPart::Password), "(absent)");
        for text in [
            "user=u password=w1",
            "postgres://u:%2@h/d",
            "postgres://u:%zz@h",
        ] {
            assert_eq!(of(text, UrlPart::Password), "(unreadable)", "{text}");
        }
    }
}
