//! A password that somebody else keeps in Secrets Manager: read in each run, never written.
//!
//! The value is a password, a database URL, or a JSON text with the password in a field, as RDS
//! keeps the one that it manages.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

#[cfg(feature = "aws")]
use super::aws;
use super::{Fault, Links, TargetError};
#[cfg(feature = "aws")]
use crate::keys::aws::Account;
use crate::secret::SecretBytes;
use crate::settings::Settings;

/// Where a password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordSource {
    /// The secret.
    pub name: String,
    /// The field of its JSON text; without one the whole value.
    pub field: Option<String>,
    /// The region.
    pub region: String,
    /// A profile of the AWS configuration.
    pub profile: Option<String>,
}

/// What was found there.
#[derive(Debug)]
pub enum Password {
    /// A password.
    Plain(SecretBytes),
    /// A whole URL, with the password in it.
    Url(SecretBytes),
}

/// A password, and the version that it was read of.
#[derive(Debug)]
pub struct Fetched {
    /// The password.
    pub password: Password,
    /// The version's id.
    pub version: String,
}

/// Reads the password.
#[cfg(feature = "aws")]
pub async fn password(
    source: &PasswordSource,
    settings: &Settings,
    links: &Links,
) -> Result<Fetched, TargetError> {
    let account = Account {
        profile: source.profile.clone(),
        region: source.region.clone(),
        role: None,
    };
    let loaded = links.accounts.load(&account, settings).await?;
    let client = aws_sdk_secretsmanager::Client::new(&loaded);
    let name = source.name.as_str();
    let answer = client.get_secret_value().secret_id(name).send().await;
    let mut answer = answer.map_err(|error| {
        if aws::code(&error) == Some("ResourceNotFoundException") {
            let reason = format!("there is no secret {name} in {}", source.region);
            return TargetError::new(Fault::Configuration, reason)
                .hint("correct database.password_from in clsecrets.yaml");
        }
        aws::explain(&error, "secretsmanager:GetSecretValue", name)
    })?;
    let text = answer.secret_string.take().unwrap_or_default();
    let version = answer.version_id.take().unwrap_or_default();
    let value = pick(SecretBytes::new(text.into_bytes()), source)?;
    let is_url = |scheme: &&[u8]| value.expose().starts_with(scheme);
    let is_url = [&b"postgres://"[..], b"postgresql://"].iter().any(is_url);
    Ok(Fetched {
        password: if is_url {
            Password::Url(value)
        } else {
            Password::Plain(value)
        },
        version: super::printable(&version),
    })
}

/// Says that it cannot be read.
#[cfg(not(feature = "aws"))]
pub async fn password(
    source: &PasswordSource,
    _settings: &Settings,
    _links: &Links,
) -> Result<Fetched, TargetError> {
    let reason = format!(
        "this build cannot read {} from Secrets Manager",
        source.name
    );
    Err(TargetError::new(Fault::Configuration, reason))
}

/// The part of a value that is meant.
#[cfg_attr(
    not(feature = "aws"),
    allow(dead_code, reason = "tested in every build")
)]
fn pick(text: SecretBytes, source: &PasswordSource) -> Result<SecretBytes, TargetError> {
    let name = &source.name;
    let wrong = |reason: String| {
        TargetError::new(Fault::Configuration, reason)
            .hint("correct database.password_from in clsecrets.yaml")
    };
    let Some(field) = &source.field else {
        if text.expose().is_empty() {
            return Err(wrong(format!("{name} has no text")));
        }
        if text.expose().trim_ascii_start().starts_with(b"{") {
            return Err(wrong(format!("{name} has several fields; say which")));
        }
        return Ok(text);
    };
    let fields: Option<BTreeMap<String, Field>> = serde_json::from_slice(text.expose()).ok();
    let Some(mut fields) = fields else {
        return Err(wrong(format!("{name} has no fields")));
    };
    match fields.remove(field) {
        Some(Field(Some(value))) if !value.expose().is_empty() => Ok(value),
        Some(_) => Err(wrong(format!("{field} in {name} is not text"))),
        None => Err(wrong(format!("{name} has no field {field}"))),
    }
}

/// A text; anything else is passed over.
struct Field(Option<SecretBytes>);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(Field(Some(SecretBytes::copy_of(text.as_bytes()))))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
                Ok(Field(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
                Ok(Field(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
                Ok(Field(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
                Ok(Field(None))
            }

            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Field, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Field(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Field(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(text: &str, field: Option<&str>) -> Result<Vec<u8>, String> {
        let source = PasswordSource {
            name: "rds!db-1".to_owned(),
            field: field.map(str::to_owned),
            region: "us-east-2".to_owned(),
            profile: None,
        };
        let value = pick(SecretBytes::copy_of(text.as_bytes()), &source);
        value
            .map(|value| value.expose().to_vec())
            .map_err(|error| error.reason)
    }

    #[test]
    fn a_password_is_the_whole_value_or_a_field_beside_others_of_any_kind() {
        assert_eq!(picked("p{w", None), Ok(b"p{w".to_vec()));
        let rds = r#"{"username":"u","password":"p\"w","port":5432,"tags":[{"a":null}],"on":true}"#;
        assert_eq!(picked(rds, Some("password")), Ok(b"p\"w".to_vec()));
    }

    #[test]
    fn what_is_missing_is_named_and_no_value_is() {
        let rds = r#"{"password":"canary","port":5432}"#;
        for (text, field, reason) in [
            (rds, None, "rds!db-1 has several fields; say which"),
            (rds, Some("pass"), "rds!db-1 has no field pass"),
            (rds, Some("port"), "port in rds!db-1 is not text"),
            ("canary", Some("password"), "rds!db-1 has no fields"),
            ("", None, "rds!db-1 has no text"),
        ] {
            assert_eq!(picked(text, field), Err(reason.to_owned()));
        }
    }
}
