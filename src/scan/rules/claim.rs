//! Which rule a named value belongs to: exactly one, so that nothing is told twice.

use std::ops::Range;

use super::super::Subject;
use super::super::text::naming::{self, Kind};
use super::super::text::{Assigned, Dialect, Manner, Text, chance, harmless};
use super::shown;

/// What a named value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scan) enum Claim {
    /// H030.
    Connection,
    /// H031.
    Database,
    /// H040.
    Node,
    /// H041.
    Variable,
    /// H050.
    PrivateKey,
    /// H060.
    Cloud,
    /// H061.
    Provider,
    /// H070.
    Terraform,
    /// H072.
    Literal,
    /// H080.
    Generic,
}

/// The values that a rule claims, each with its name.
pub(super) fn of(subject: &Subject<'_>, claim: Claim) -> Vec<(Range<usize>, String)> {
    let text = subject.text;
    let claims = text.judged(|| {
        text.assigned()
            .iter()
            .map(|one| claimed(text, one))
            .collect()
    });
    text.assigned()
        .iter()
        .zip(claims)
        .filter(|(_, own)| **own == Some(claim))
        .map(|(one, _)| (one.value.span.clone(), shown(one.name)))
        .collect()
}

/// How sure it has to be that a value is one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// The name is enough.
    Any,
    /// It has to look as if a machine or a careful person had made it.
    Made,
    /// It has to look random.
    Random,
    /// It is none.
    Never,
}

fn claimed(text: &Text<'_>, one: &Assigned<'_>) -> Option<Claim> {
    let value = text.slice(one.value.span.clone());
    if harmless::is_harmless(value, one.value.is_quoted) {
        return None;
    }
    let (claim, demand) = place(text, one);
    meets(text, one, value, demand).then_some(claim)
}

fn place(text: &Text<'_>, one: &Assigned<'_>) -> (Claim, Demand) {
    let line = text.line(text.line_at(one.value.span.start));
    let before =
        text.slice(line.start.max(one.value.span.start.saturating_sub(400))..one.value.span.start);
    let has = |part: &[u8]| harmless::contains(before, part);
    let name: Vec<u8> = one.name.to_ascii_uppercase();
    let words = naming::words(one.name);
    let is_word = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    if one.manner == Manner::Query && name.starts_with(b"X-AMZ-") {
        // The fields of a signed URL, which is good for minutes.
        return (Claim::Generic, Demand::Never);
    }
    if one.kind == Kind::PrivateKey {
        return (Claim::PrivateKey, Demand::Random);
    }
    if one.kind == Kind::Mnemonic {
        // The words have a rule of their own.
        return (Claim::Generic, Demand::Random);
    }
    if has(b"--from-literal") || has(b"--set") {
        return (Claim::Literal, Demand::Any);
    }
    if name.starts_with(b"CL_") {
        return (Claim::Variable, Demand::Any);
    }
    let lower = before.to_ascii_lowercase();
    let is_connection = [
        "jdbc:",
        "host=",
        "server=",
        "dbname=",
        "data source=",
        "user id=",
    ]
    .iter()
    .any(|part| harmless::contains(&lower, part.as_bytes()));
    if one.kind == Kind::Password && is_connection {
        return (Claim::Connection, Demand::Any);
    }
    let is_database = is_word(&[
        "db",
        "database",
        "postgres",
        "postgresql",
        "pg",
        "mysql",
        "redis",
        "rds",
        "mongo",
        "mongodb",
        "pgpassword",
        "dbpassword",
        "dbpass",
        "requirepass",
        "aurora",
        "psql",
        "mariadb",
        "masterauth",
    ]);
    let is_terraform = one.manner == Manner::Default
        || text.path().ends_with(".tfvars")
        || text.path().ends_with(".tfvars.json");
    if is_terraform {
        return (Claim::Terraform, Demand::Any);
    }
    if one.kind == Kind::Password && is_database {
        return (Claim::Database, Demand::Any);
    }
    if naming::is_of_node(one.name) || ["keystore", "vrf"].contains(&words.concat().as_str()) {
        return (Claim::Node, Demand::Any);
    }
    let is_aws = ["awssecretaccesskey", "secretaccesskey", "awssessiontoken"];
    if is_aws.contains(&words.concat().as_str()) {
        return (Claim::Cloud, Demand::Random);
    }
    if naming::is_of_adapter(one.name) {
        return (Claim::Provider, Demand::Made);
    }
    let is_chosen = one.kind == Kind::Password && text.dialect() != Dialect::Code;
    (
        Claim::Generic,
        if is_chosen {
            Demand::Made
        } else {
            Demand::Random
        },
    )
}

fn meets(text: &Text<'_>, one: &Assigned<'_>, value: &[u8], demand: Demand) -> bool {
    let is_random = chance::looks_random(value, if one.kind == Kind::Password { 10 } else { 16 });
    if demand == Demand::Never {
        return false;
    }
    if is_random {
        return true;
    }
    // Outside of settings a name is often spoken of: there the value has to tell by itself.
    let is_loose = matches!(
        text.dialect(),
        Dialect::Code | Dialect::Prose | Dialect::Other
    ) || matches!(one.manner, Manner::Prose | Manner::Query | Manner::Tag);
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let is_mixed =
        has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && chance::distinct(value) >= 6;
    let has_blank = has(u8::is_ascii_whitespace);
    let is_marked = one.value.is_quoted || one.manner == Manner::Option || !one.value.is_rest;
    match demand {
        Demand::Random | Demand::Never => false,
        Demand::Made if is_loose => {
            text.dialect() != Dialect::Code
                && is_marked
                && chance::looks_chosen(value)
                && one.kind == Kind::Password
                || text.dialect() == Dialect::Prose
                    && is_marked
                    && is_mixed
                    && value.len() >= 16
                    && !has_blank
        }
        Demand::Made => {
            let is_long = value.len() >= if one.kind == Kind::Password { 8 } else { 12 };
            !has_blank
                && (chance::looks_chosen(value) || is_mixed && is_long && !is_versioned(value))
        }
        Demand::Any if is_loose => {
            !has_blank
                && is_marked
                && (chance::looks_chosen(value) || is_mixed && value.len() >= 10)
                && text.dialect() != Dialect::Code
                || text.dialect() == Dialect::Code
                    && (one.value.is_quoted || one.manner == Manner::Direct)
                    && chance::looks_chosen(value)
        }
        // An object got here because one of its members looks like a secret.
        Demand::Any => {
            value.len() >= 6 && (!has_blank || is_phrase(value) || value.starts_with(b"{"))
        }
    }
}

/// `v2`, `node-1`, `chainlink-secrets-2`: a name with a count, as objects have it.
fn is_versioned(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_name = value
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._/:".contains(byte));
    is_name
        && digits <= 2
        && (value.contains(&b'-') || value.contains(&b'.') || value.contains(&b'/'))
}

/// Words without a sentence: a passphrase.
fn is_phrase(value: &[u8]) -> bool {
    let words: Vec<&[u8]> = value.split(u8::is_ascii_whitespace).collect();
    let is_plain = |word: &&[u8]| {
        word.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_!".contains(byte))
    };
    (3..=24).contains(&words.len())
        && words.iter().all(is_plain)
        && !value.first().is_some_and(u8::is_ascii_uppercase)
}
