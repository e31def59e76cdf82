//! The database URL: built from parts with percent-encoding, or passed through after checks.
//!
//! The node parses it with Go's `net/url`, whose errors quote the text, password included, into
//! the log. So nothing leaves here that any parser could take apart differently.

use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::Url;
use zeroize::{Zeroize, Zeroizing};

use crate::secret::SecretBytes;

/// What `PostgreSQL` knows as `sslmode`.
pub const SSL_MODES: &[&str] = &[
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// Only what RFC 3986 calls unreserved stays; each parser decodes the rest to the same bytes.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Where the node's database is, without its password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// The role.
    pub user: String,
    /// A host name or an address.
    pub host: String,
    /// Written only if given.
    pub port: Option<u16>,
    /// The database.
    pub name: String,
    /// One of [`SSL_MODES`]; written only if given.
    pub sslmode: Option<String>,
    /// The host of a replica that the node makes its backups of.
    pub backup_host: Option<String>,
}

impl Database {
    /// The same database at the host of its replica.
    pub fn backup(&self) -> Option<Self> {
        let host = self.backup_host.clone()?;
        Some(Self {
            host,
            ..self.clone()
        })
    }

    /// The URL of this database under `scheme`. An error is the field and what is wrong with it.
    pub fn url(
        &self,
        scheme: &str,
        password: &SecretBytes,
    ) -> Result<SecretBytes, (&'static str, String)> {
        let host = self.host_part()?;
        for (field, text) in [("user", &self.user), ("name", &self.name)] {
            if text.is_empty() {
                return Err((field, "is missing".to_owned()));
            }
        }
        if matches!(self.name.as_str(), "." | "..") {
            // A step of a path to some parsers and a name to others, encoded or not.
            return Err(("name", "cannot stand in a URL".to_owned()));
        }
        let sslmode = match self.sslmode.as_deref() {
            Some(mode) if !SSL_MODES.contains(&mode) => {
                return Err((
                    "sslmode",
                    format!("is none of {}; write one of these", SSL_MODES.join(", ")),
                ));
            }
            mode => mode,
        };
        // Room for everything, so that no reallocation leaves a copy behind.
        let room = scheme.len()
            + 3 * (self.user.len() + password.len() + self.name.len())
            + host.len()
            + 64;
        let mut url = Zeroizing::new(String::with_capacity(room));
        url.push_str(scheme);
        url.push_str("://");
        url.extend(percent_encode(self.user.as_bytes(), RESERVED));
        url.push(':');
        url.extend(percent_encode(password.expose(), RESERVED));
        url.push('@');
        url.push_str(&host);
        if let Some(port) = self.port {
            url.push(':');
            url.push_str(&port.to_string());
        }
        url.push('/');
        url.extend(percent_encode(self.name.as_bytes(), RESERVED));
        if let Some(mode) = sslmode {
            url.push_str("?sslmode=");
            url.push_str(mode);
        }
        Ok(SecretBytes::copy_of(url.as_bytes()))
    }

    /// The host as it stands in a URL.
    fn host_part(&self) -> Result<String, (&'static str, String)> {
        let host = self.host.as_str();
        if host.is_empty() {
            return Err(("host", "is missing".to_owned()));
        }
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        if bare.parse::<Ipv6Addr>().is_ok() {
            return Ok(format!("[{bare}]"));
        }
        if host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        {
            return Ok(host.to_owned());
        }
        let reason = if host.contains(':') && !host.contains('/') {
            "is no host name; write the port as a field of its own"
        } else {
            "is no host name and no address"
        };
        Err(("host", reason.to_owned()))
    }
}

/// What is wrong with a URL that is given whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UrlFault {
    /// No parser of the node's would take it apart as it is meant.
    Encoding(&'static str),
    /// It is no URL of a database, or lacks a part.
    Part(&'static str),
}

/// What a URL says that is given whole.
#[derive(Debug)]
pub(super) struct UrlParts {
    /// Decoded, from the query or from the place before the host.
    pub(super) password: SecretBytes,
    /// Whether the query holds it.
    pub(super) is_in_query: bool,
    /// The name of the database.
    pub(super) name: String,
    /// How the connection is protected, if it says so.
    pub(super) sslmode: Option<String>,
    /// User and host, to tell databases apart.
    pub(super) place: String,
}

/// Checks a URL that is given whole; it is delivered as it is.
pub(super) fn check_url(url: &SecretBytes) -> Result<UrlParts, UrlFault> {
    use UrlFault::{Encoding, Part};
    let Ok(text) = std::str::from_utf8(url.expose()) else {
        return Err(Encoding("is no text"));
    };
    let Some(rest) = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
    else {
        return Err(Part("does not begin with postgres:// or postgresql://"));
    };
    // Inside the authority these have a meaning; in a password they must be written %XX.
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    if authority.matches('@').count() > 1 || has_raw(text) {
        return Err(Encoding("has characters that must be percent-encoded"));
    }
    let Ok(parsed) = Url::parse(text) else {
        return Err(Encoding(
            "is no URL; are characters of the password not percent-encoded?",
        ));
    };
    let parts = parts(&parsed);
    String::from(parsed).zeroize();
    parts
}

fn parts(url: &Url) -> Result<UrlParts, UrlFault> {
    use UrlFault::Part;
    let asked = |name: &str| {
        let mut pairs = url.query_pairs();
        let (_, value) = pairs.find(|(key, value)| key == name && !value.is_empty())?;
        Some(value.into_owned())
    };
    let in_query = asked("password").map(|text| SecretBytes::new(text.into_bytes()));
    let is_in_query = in_query.is_some();
    let decoded = |text: &str| SecretBytes::new(percent_decode_str(text).collect());
    let password = in_query
        .or_else(|| url.password().map(decoded))
        .filter(|password| !password.is_empty())
        .ok_or(Part("has no password"))?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or(Part("has no host"))?;
    let name = url.path().trim_start_matches('/');
    if name.is_empty() {
        return Err(Part("names no database"));
    }
    Ok(UrlParts {
        password,
        is_in_query,
        name: percent_decode_str(name).decode_utf8_lossy().into_owned(),
        sslmode: asked("sslmode"),
        place: format!("{}@{host}", url.username()),
    })
}

/// Characters that no part of a URL may have as they are, and `%` without two digits.
fn has_raw(text: &str) -> bool {
    let mut bytes = text.bytes();
    let mut brackets = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let is_digit = |next: Option<u8>| next.is_some_and(|b| b.is_ascii_hexdigit());
                if !is_digit(bytes.next()) || !is_digit(bytes.next()) {
                    return true;
                }
            }
            // A pair of brackets encloses an IPv6 address; the parser judges what is in it.
            b'[' | b']' => brackets += 1,
            b'#' | b'"' | b'<' | b'>' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'`' => return true,
            0x21..=0x7e => {}
            _ => return true,
        }
    }
    !matches!(brackets, 0 | 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts() -> Database {
        Database {
            user: "chainlink".to_owned(),
            host: "db.dev.example.net".to_owned(),
            port: None,
            name: "chainlink".to_owned(),
            sslmode: Some("verify-full".to_owned()),
            backup_host: None,
        }
    }

    fn text(url: &SecretBytes) -> String {
        String::from_utf8(url.expose().to_vec()).unwrap()
    }

    fn built(database: &Database, password: &str) -> String {
        text(
            &database
                .url("postgres", &SecretBytes::copy_of(password.as_bytes()))
                .unwrap(),
        )
    }

    #[test]
    fn a_url_is_built_with_the_awkward_characters_encoded() {
        assert_eq!(
            built(&parts(), "p4ss#with/odd%chars@16"),
            "postgres://chainlink:p4ss%23with%2Fodd%25chars%4016@db.dev.example.net/chainlink?sslmode=verify-full"
        );
    }

    #[test]
    fn port_and_sslmode_stand_only_if_given_and_ipv6_in_brackets() {
        let mut database = parts();
        database.host = "2001:db8::1".to_owned();
        database.port = Some(6432);
        database.sslmode = None;
        assert_eq!(
            built(&database, "pw"),
            "postgres://chainlink:pw@[2001:db8::1]:6432/chainlink"
        );
    }

    #[test]
    fn a_host_that_is_more_than_a_host_is_refused() {
        for host in ["", "h:5432", "h/x", "u@h", "h h", "h?x", "[::1"] {
            let mut database = parts();
            database.host = host.to_owned();
            let error = database.url("postgres", &SecretBytes::copy_of(b"p"));
            assert_eq!(error.unwrap_err().0, "host", "{host}");
        }
    }

    #[test]
    fn a_name_that_parsers_take_for_a_step_is_refused() {
        for name in [".", ".."] {
            let mut database = parts();
            database.name = name.to_owned();
            let error = database.url("postgres", &SecretBytes::copy_of(b"p"));
            assert_eq!(error.unwrap_err().0, "name");
        }
    }

    #[test]
    fn a_url_given_whole_is_checked() {
        for good in [
            "postgres://u:p@h/d",
            "postgresql://u:p%40q@h:5432/d?sslmode=require",
            "postgres://u:p@[::1]:5432/d",
            "postgres://u@h/d?password=p",
        ] {
            let url = SecretBytes::copy_of(good.as_bytes());
            assert!(check_url(&url).is_ok(), "{good}");
        }
        for bad in [
            "mysql://u:canary@h/d",
            "postgres://u@h/d",
            "postgres://u:@h/d",
            "postgres://u:can#ary@h/d",
            "postgres://u:can/ary@h/d",
            "postgres://u:can?ary@h/d",
            "postgres://u:can ary@h/d",
            "postgres://u:can@ary@h/d",
            "postgres://u:can%ary@h/d",
            "postgres://u:can[ary@h/d",
            "postgres://u:can\u{e9}ary@h/d",
            "postgres://u:canary@/d",
            "postgres://u:canary@h",
            "canary",
        ] {
            assert!(
                check_url(&SecretBytes::copy_of(bad.as_bytes())).is_err(),
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_second_parser_finds_the_parts_again(
            user in "[ -~é@:/?#%]{1,12}",
            password in "\\PC{1,40}",
            name in "[ -~ü]{1,12}",
            port in proptest::option::of(1..u16::MAX),
        ) {
            prop_assume!(!matches!(name.as_str(), "." | ".."));
            let database = Database { user: user.clone(), name: name.clone(), port, ..parts() };
            let url = database.url("postgres", &SecretBytes::copy_of(password.as_bytes())).unwrap();
            let parts = check_url(&url).unwrap();
            prop_assert_eq!(parts.password.expose(), password.as_bytes());
            prop_assert_eq!(&parts.name, &name);
            let parsed = Url::parse(&text(&url)).unwrap();
            let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
            prop_assert_eq!(decode(parsed.username()), user);
            prop_assert_eq!(decode(parsed.password().unwrap()), password);
            prop_assert_eq!(decode(parsed.path().strip_prefix('/').unwrap()), name);
            prop_assert_eq!(parsed.host_str().unwrap(), "db.dev.example.net");
            prop_assert_eq!(parsed.port(), port);
            prop_assert_eq!(parsed.query().unwrap(), "sslmode=verify-full");
        }
    }
}
