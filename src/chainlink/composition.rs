//! How an entry of profile `custom` is put together: typed, without a template language.

use super::credentials::{Credentials, Slot};
use super::database::Database;
use super::desired::{Form, Marks};
use super::finding::{At, Finding};
use super::model::Kind;
use super::node::Made;
use super::part::{Part, Taken, UrlPart, count_lines, take};
use super::rules::values::is_sealed;
use crate::secret::SecretBytes;

/// An object that `clsecrets.yaml` spells out.
#[derive(Debug)]
pub struct ObjectSpec {
    /// Its name.
    pub name: String,
    /// Kinds of targets that it goes to; all that can hold it if there are none.
    pub targets: Vec<String>,
    /// How a target with one text holds it: as JSON of its entries, or as the one entry.
    pub form: Form,
    /// Its entries.
    pub entries: Vec<(String, Composition)>,
    /// What it is in a cluster besides its data.
    pub marks: Marks,
}

/// How a value is made.
#[derive(Debug)]
pub enum Composition {
    /// A credential as it is.
    Key {
        /// As the file writes it.
        key: String,
        /// Whether it may be missing.
        is_optional: bool,
    },
    /// A text of `clsecrets.yaml`.
    Literal(String),
    /// Texts, one a line, without a line end behind the last.
    Lines(Vec<Composition>),
    /// A database URL with percent-encoding.
    Dsn(Box<Dsn>),
    /// A JSON object of texts.
    Json(Vec<(String, Composition)>),
    /// Something read elsewhere before: a file, or a value that somebody else keeps.
    Given {
        /// Its bytes.
        value: SecretBytes,
        /// Where it is from, for people.
        source: String,
    },
}

impl Composition {
    /// Whether it is made of this key, or of something below it.
    pub(super) fn uses(&self, key: &str) -> bool {
        match self {
            Self::Key { key: own, .. } => {
                own == key
                    || own
                        .strip_prefix(key)
                        .is_some_and(|rest| rest.starts_with('.'))
            }
            Self::Lines(parts) => parts.iter().any(|part| part.uses(key)),
            Self::Json(fields) => fields.iter().any(|(_, part)| part.uses(key)),
            Self::Dsn(dsn) => {
                let parts = [&dsn.user, &dsn.password, &dsn.host, &dsn.database];
                parts.into_iter().flatten().any(|part| part.uses(key))
            }
            Self::Literal(_) | Self::Given { .. } => false,
        }
    }
}

/// The parts of a database URL; what is not given comes from the environment's `database`.
#[derive(Debug, Default)]
pub struct Dsn {
    /// `postgresql` if not given.
    pub scheme: Option<String>,
    /// The role.
    pub user: Option<Composition>,
    /// Its password.
    pub password: Option<Composition>,
    /// The host.
    pub host: Option<Composition>,
    /// The port.
    pub port: Option<u16>,
    /// The name of the database.
    pub database: Option<Composition>,
    /// How the connection is protected.
    pub sslmode: Option<String>,
}

/// What compositions are made with.
#[derive(Debug)]
pub(super) struct Maker<'a> {
    pub(super) credentials: &'a Credentials,
    pub(super) database: Option<&'a Database>,
    /// Where the entry stands in `clsecrets.yaml`.
    pub(super) at: At,
    /// What the entry is called, for messages.
    pub(super) name: String,
}

impl Maker<'_> {
    /// The value; `None` if an optional credential is missing, or if something is wrong.
    pub(super) fn make(&self, how: &Composition, findings: &mut Vec<Finding>) -> Option<Made> {
        match how {
            Composition::Key { key, is_optional } => match self.credentials.by_key(key) {
                Some(slot) if is_backup(&slot.key) => {
                    let message = format!("{} uses {key}, which is never delivered", self.name);
                    findings.push(Finding::new("V054", self.at.clone(), message));
                    None
                }
                Some(slot) => Some((slot.value.duplicate(), vec![slot.key.clone()])),
                None if *is_optional => None,
                None => {
                    let message = format!("{} needs {key}, which no sealed file has", self.name);
                    let fix = "add it to the sealed file, or add optional: true";
                    findings.push(Finding::new("V045", self.at.clone(), message).fix(fix));
                    None
                }
            },
            Composition::Literal(text) => Some((SecretBytes::copy_of(text.as_bytes()), Vec::new())),
            Composition::Given { value, source } => {
                if is_sealed(value) {
                    let message =
                        format!("{}: {source} is itself a sealed value, ENC[…]", self.name);
                    findings.push(Finding::new("V013", self.at.clone(), message));
                    return None;
                }
                Some((value.duplicate(), vec![source.clone()]))
            }
            Composition::Lines(parts) => self.lines(parts, findings),
            Composition::Dsn(dsn) => self.dsn(dsn, findings),
            Composition::Json(fields) => self.json(fields, findings),
        }
    }

    fn lines(&self, parts: &[Composition], findings: &mut Vec<Finding>) -> Option<Made> {
        let mut made = Vec::new();
        for part in parts {
            made.push(self.make(part, findings)?);
        }
        let room = made.iter().map(|(value, _)| value.len() + 1).sum();
        let mut text = Vec::with_capacity(room);
        let mut sources = Vec::new();
        for (at, (value, from)) in made.iter().enumerate() {
            if at > 0 {
                text.push(b'\n');
            }
            text.extend_from_slice(value.expose());
            sources.extend(from.iter().cloned());
        }
        Some((SecretBytes::new(text), sources))
    }

    fn json(&self, fields: &[(String, Composition)], findings: &mut Vec<Finding>) -> Option<Made> {
        let mut made = Vec::new();
        let mut sources = Vec::new();
        for (name, how) in fields {
            if let Some((value, from)) = self.make(how, findings) {
                sources.extend(from);
                made.push((name.as_str(), value));
            }
        }
        let fields = made.iter().map(|(name, value)| (*name, value));
        Some((super::json::write(fields)?, sources))
    }

    fn dsn(&self, dsn: &Dsn, findings: &mut Vec<Finding>) -> Option<Made> {
        let mut sources = Vec::new();
        let mut database = self.database.cloned().unwrap_or_default();
        for (field, part) in [
            (&mut database.user, &dsn.user),
            (&mut database.host, &dsn.host),
            (&mut database.name, &dsn.database),
        ] {
            if let Some(part) = part {
                let (value, from) = self.make(part, findings)?;
                *field = String::from_utf8_lossy(value.expose()).into_owned();
                sources.extend(from);
            }
        }
        database.port = dsn.port.or(database.port);
        database.sslmode = dsn.sslmode.clone().or(database.sslmode);
        let key = Composition::Key {
            key: "database_password".to_owned(),
            is_optional: false,
        };
        let (password, from) = self.make(dsn.password.as_ref().unwrap_or(&key), findings)?;
        sources.extend(from);
        let scheme = dsn.scheme.as_deref().unwrap_or("postgresql");
        match database.url(scheme, &password) {
            Ok(url) => Some((url, sources)),
            Err((field, reason)) => {
                let message = format!("{}: {field} of the database URL {reason}", self.name);
                findings.push(Finding::new("V030", self.at.clone(), message));
                None
            }
        }
    }

    /// Every keystore password in it, and where: the node, and the steps to it in the value.
    pub(super) fn wallets(&self, how: &Composition) -> Vec<(String, Vec<Part>)> {
        match how {
            // A key that is no longer there has been one as well.
            Composition::Key { key, .. } => {
                let slot = self.credentials.by_key(key);
                let is_wallet =
                    slot.map_or_else(|| is_wallet(key), |slot| slot.kind == Kind::WalletPassword);
                let key = slot.map_or(key.as_str(), |slot| slot.key.as_str());
                is_wallet
                    .then(|| (node_of(key), Vec::new()))
                    .into_iter()
                    .collect()
            }
            Composition::Lines(parts) => self.wallets_in_lines(parts),
            Composition::Json(fields) => {
                let all = fields.iter();
                all.flat_map(|(name, how)| behind(&Part::Json(name.clone()), self.wallets(how)))
                    .collect()
            }
            Composition::Dsn(dsn) => {
                let parts = [
                    (&dsn.user, UrlPart::User),
                    (&dsn.password, UrlPart::Password),
                    (&dsn.host, UrlPart::Host),
                    (&dsn.database, UrlPart::Database),
                ];
                let given = parts
                    .into_iter()
                    .filter_map(|(how, part)| Some((how.as_ref()?, part)));
                given
                    .flat_map(|(how, part)| behind(&Part::Url(part), self.wallets(how)))
                    .collect()
            }
            Composition::Given { value, .. } => self.wallets_in_given(value),
            Composition::Literal(_) => Vec::new(),
        }
    }

    /// Each part takes as many lines as its value has; where one is missing, nothing is written.
    fn wallets_in_lines(&self, parts: &[Composition]) -> Vec<(String, Vec<Part>)> {
        let lengths = parts.iter().map(|how| {
            let made = self.make(how, &mut Vec::new());
            made.map_or(1, |(value, _)| count_lines(&value))
        });
        let lengths: Vec<usize> = lengths.collect();
        let of = lengths.iter().sum();
        let mut first = 0;
        let mut found = Vec::new();
        for (how, count) in parts.iter().zip(lengths) {
            let lines = Part::Lines { first, count, of };
            found.extend(behind(&lines, self.wallets(how)));
            first += count;
        }
        found
    }

    /// A file, or a value that somebody else keeps, can be a node's secrets, or hold a password that
    /// the sealed files have, too.
    fn wallets_in_given(&self, value: &SecretBytes) -> Vec<(String, Vec<Part>)> {
        let slots = self.credentials.all();
        let wallets = slots.filter(|(_, slot)| slot.kind == Kind::WalletPassword);
        let wallets: Vec<&Slot> = wallets.map(|(_, slot)| slot).collect();
        let is_in = |slot: &&&Slot| {
            let wanted = slot.value.expose();
            let mut windows = value.expose().windows(wanted.len().max(1));
            !wanted.is_empty() && windows.any(|window| window == wanted)
        };
        let toml = match take(value, &[Part::Toml]) {
            Taken::Value(keystore) => Some(keystore),
            _ => None,
        };
        let found = wallets.iter().filter(is_in).map(|slot| {
            let is_toml = toml.as_ref().is_some_and(|own| own.ct_eq(&slot.value));
            let parts = if slot.value.ct_eq(value) {
                Vec::new()
            } else if is_toml {
                vec![Part::Toml]
            } else {
                vec![Part::Within]
            };
            (node_of(&slot.key), parts)
        });
        found.collect()
    }
}

/// The same places, seen from outside.
fn behind(part: &Part, found: Vec<(String, Vec<Part>)>) -> Vec<(String, Vec<Part>)> {
    let found = found.into_iter().map(|(node, mut parts)| {
        parts.insert(0, part.clone());
        (node, parts)
    });
    found.collect()
}

/// Whether a key is called as a keystore password is.
fn is_wallet(key: &str) -> bool {
    let last = key.rsplit(['.', '/']).next();
    last == Some("wallet_password")
}

/// Whether it is a key that is only kept.
fn is_backup(key: &str) -> bool {
    key.split('.').any(|part| part == "backup")
}

/// The node that a keystore password is of; empty for the one of the top level.
fn node_of(key: &str) -> String {
    let rest = key.strip_prefix("nodes.");
    let node = rest.and_then(|rest| rest.strip_suffix(".wallet_password"));
    node.unwrap_or_default().to_owned()
}
