//! H030: a URL or a connection string with a password in it.

use std::ops::Range;

use super::super::text::{Dialect, Mark, Text, chance, harmless};
use super::super::{Finding, Rule, Subject};
use super::claim::{self, Claim};
use super::value;

/// H030.
#[derive(Debug)]
pub(super) struct Userinfo;

/// Longer than this is no user with a password.
const LONGEST: usize = 512;

const DATABASES: &[&str] = &[
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "redis",
    "rediss",
    "amqp",
    "amqps",
    "mongodb",
    "mongodb+srv",
    "sqlserver",
    "cockroachdb",
    "clickhouse",
    "jdbc",
];

impl Rule for Userinfo {
    fn id(&self) -> &'static str {
        "H030"
    }

    fn summary(&self) -> &'static str {
        "A URL or a connection string holds a password."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        const HINT: &str =
            "put the URL into a sealed file, and refer to it from here; then change the password";
        let text = subject.text;
        for at in text.marks(Mark::Url) {
            if let Some(span) = password(text, at) {
                let message = "a password stands in this URL".to_owned();
                found.push(value(self, subject, span, message, HINT));
            }
        }
        for (one, name) in claim::of(subject, Claim::Connection) {
            let message = format!("{name} of this connection string is in clear");
            found.push(value(self, subject, one, message, HINT));
        }
    }
}

/// The password of the URL whose `://` stands there, if it may be a real one.
fn password(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let before = text.slice(at.saturating_sub(24)..at);
    let length = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte))
        .count();
    let scheme = before.get(before.len() - length..)?.to_ascii_lowercase();
    let scheme = String::from_utf8(scheme).ok()?;
    let is_database = DATABASES.contains(&scheme.as_str());
    let start = at + 3;
    let rest = text.slice(start..start + LONGEST);
    let end = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || b"\"'`<>|\0".contains(byte))
        .unwrap_or(rest.len());
    let rest = rest.get(..end)?;
    // A raw password of a database may hold anything; elsewhere the authority ends at its slash.
    let authority = if is_database {
        rest
    } else {
        let end = rest
            .iter()
            .position(|byte| b"/?#".contains(byte))
            .unwrap_or(rest.len());
        rest.get(..end)?
    };
    let colon = authority.iter().position(|byte| *byte == b':')?;
    let user = authority.get(..colon)?;
    if user.iter().any(|byte| b"/?#[]@,{}$()".contains(byte)) {
        return None;
    }
    let host_at = authority
        .iter()
        .rposition(|byte| *byte == b'@')
        .filter(|at| *at > colon)?;
    // Behind the host an `@` may stand in a query.
    let first_at =
        authority.iter().enumerate().skip(colon).find(|(at, byte)| {
            **byte == b'@' && is_host(authority.get(at + 1..).unwrap_or_default())
        });
    let host_at = first_at.map_or(host_at, |(at, _)| at);
    let secret = authority.get(colon + 1..host_at)?;
    let host = authority.get(host_at + 1..)?;
    let is_port = secret
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if (1..=5).contains(&is_port) && secret.get(is_port) == Some(&b'/') {
        return None;
    }
    is_real(text, user, secret, host).then_some(start + colon + 1..start + host_at)
}

fn is_host(text: &[u8]) -> bool {
    let length = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b".-_[]:$".contains(byte))
        .count();
    let next = text.get(length);
    length > 0 && next.is_none_or(|byte| b"/?,#\\)};".contains(byte))
}

fn is_real(text: &Text<'_>, user: &[u8], secret: &[u8], host: &[u8]) -> bool {
    let decoded: Vec<u8> = percent_encoding::percent_decode(secret).collect();
    let is_strong = chance::looks_random(&decoded, 12) || chance::looks_chosen(&decoded);
    if harmless::is_harmless(&decoded, true) || decoded.eq_ignore_ascii_case(user) {
        return false;
    }
    let end = host
        .iter()
        .position(|byte| b":/?#,".contains(byte))
        .unwrap_or(host.len());
    let name = host.get(..end).unwrap_or_default().to_ascii_lowercase();
    let name = String::from_utf8_lossy(&name).into_owned();
    let loopback = [
        "localhost",
        "127.0.0.1",
        "0.0.0.0",
        "[",
        "host.docker.internal",
        "::1",
    ];
    if loopback.iter().any(|own| name == *own)
        || name.starts_with("127.")
        || name.is_empty()
        || host.starts_with(b"[::1]")
    {
        return false;
    }
    let reserved = [
        "example.com",
        "example.org",
        "example.net",
        ".example",
        ".test",
        ".invalid",
        ".localhost",
        "foo.com",
        "domain.com",
    ];
    let is_reserved = reserved.iter().any(|end| name.ends_with(end));
    let is_single = !name.contains('.');
    let is_code = matches!(text.dialect(), Dialect::Code | Dialect::Prose);
    if is_single || is_reserved || is_code {
        return is_strong;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let text = Text::new("a.yaml", text.as_bytes());
        let at = text.marks(Mark::Url).next()?;
        let span = password(&text, at)?;
        Some(String::from_utf8_lossy(text.slice(span)).into_owned())
    }

    #[test]
    fn a_password_in_a_url_is_found_even_if_it_is_not_encoded() {
        for (text, secret) in [
            (
                "url: postgresql://cl:n0rth-Wind42@db.prod.internal:5432/cl?sslmode=require",
                "n0rth-Wind42",
            ),
            (
                "postgres://cl:a#b/c%d?e9Z@db.prod.internal/cl",
                "a#b/c%d?e9Z",
            ),
            (
                "redis://:Zk3-viola-81@cache.prod.internal:6379/0",
                "Zk3-viola-81",
            ),
            (
                "https://ops:Tr0ub4dor%263@nexus.corp.internal/x?a=b@c",
                "Tr0ub4dor%263",
            ),
            (
                "jdbc:postgresql://cl:n0rth-Wind42@db.prod.internal/cl",
                "n0rth-Wind42",
            ),
            (
                "mongodb+srv://u:Xk29vQpLm3Zt@c0.abcde.mongodb.net/x",
                "Xk29vQpLm3Zt",
            ),
            (
                "postgres://cl:Xk29vQpLm3ZtR7wB@db:5432/cl",
                "Xk29vQpLm3ZtR7wB",
            ),
        ] {
            assert_eq!(found(text).as_deref(), Some(secret), "{text}");
        }
    }

    #[test]
    fn placeholders_references_and_local_databases_are_none() {
        for text in [
            "postgres://postgres:postgres@db:5432/x",
            "postgres://cl:${DB_PASSWORD}@db.prod.internal/x",
            "postgres://u:password@host.corp/x",
            "postgres://cl:n0rthwind42@localhost:5432/x",
            "https://host:443/path?email=a@b.com",
            "https://a.corp/x",
            "http://user:<password>@host.corp",
            "postgres://cl:{{ .pw }}@db.corp/x",
            "https://registry.corp:8443/@scope/pkg",
            "postgres://chainlink:chainlink@db.corp/x",
            "redis://:xxxxx@cache.corp:6379",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
