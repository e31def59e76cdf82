//! AWS Secrets Manager: one text each.
//!
//! Ownership needs no tag: the token of a write becomes the version's id, so a current version
//! whose id begins with ours is ours. A service without conditional writes is asked once more just
//! before a write. Policies, rotation, the key and the tags of an existing secret are never touched;
//! one tag, which says whose it is, is given to what is made for a profile without a closed set of
//! names.

mod read;
mod service;
mod settings;
mod token;
mod write;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::primitives::DateTime;
use tokio::sync::OnceCell;

use super::limits::{admit_as_text, admit_text};
use super::observed::{Content, Observed, OwnFields, Writer};
use super::ownership::Owner;
use super::verdict::{Changes, Verdict};
use super::{
    Fault, Identity, Links, SecretsManagerConfig, Step, Target, TargetConfig, TargetError,
    TargetKind, Written, aws::Caller, printable,
};
use crate::chainlink::json::{self, Field};
use crate::chainlink::{Desired, Entry, Form};
use crate::keys::Task;
use crate::keys::aws::Account;
use crate::secret::SecretBytes;
use crate::settings::Settings;

pub(super) use service::Service;

/// The kind's entry in [`super::TARGET_KINDS`].
pub(super) const KIND: TargetKind = TargetKind {
    name: "secretsmanager",
    connect,
};

/// The tag of what is made for a profile without a closed set of names: whose it is.
const SET: &str = "clsecrets.dev/set";

/// Writes a second: less than half of what an account and region may do, for others write too.
const WRITES_A_SECOND: u32 = 20;
/// Batches a second, of a hundred.
const READS_A_SECOND: u32 = 50;
/// Tries of one call. Every call may be repeated: a write has a token or says the same twice.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const TRY_TIME: Duration = Duration::from_secs(5);
const CALL_TIME: Duration = Duration::from_secs(30);

struct SecretsManager {
    config: SecretsManagerConfig,
    service: Arc<Service>,
    /// Who we are, whichever target asks first.
    caller: Arc<OnceCell<Result<Caller, TargetError>>>,
}

impl std::fmt::Debug for SecretsManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretsManager")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn connect<'a>(
    config: &'a TargetConfig,
    settings: &'a Settings,
    links: &'a Links,
) -> Task<'a, Box<dyn Target>, TargetError> {
    Box::pin(async move {
        let TargetConfig::SecretsManager(config) = config else {
            return Err(TargetError::new(Fault::Configuration, "no region"));
        };
        let account = Account {
            profile: config.profile.clone(),
            region: config.region.clone(),
            role: None,
        };
        Ok(Box::new(SecretsManager {
            config: config.clone(),
            service: Service::of(&account, settings, links).await?,
            caller: links.accounts.callers.cell(config.profile.clone()),
        }) as Box<dyn Target>)
    })
}

impl Target for SecretsManager {
    fn label(&self) -> String {
        TargetConfig::SecretsManager(self.config.clone()).label()
    }

    fn identify(&self) -> Task<'_, Identity, TargetError> {
        Box::pin(async move {
            let caller = self.caller.get_or_init(|| Box::pin(self.service.caller()));
            let Caller { account, arn } = caller.await.clone()?;
            if let Some(expected) = &self.config.expect_account
                && *expected != account
            {
                return Err(TargetError::new(
                    Fault::WrongPlace,
                    format!("the credentials belong to account {account}, not to {expected}"),
                )
                .hint("correct the profile, or expect_account in clsecrets.yaml"));
            }
            Ok(Identity {
                place: format!("account {account} region {}", self.config.region),
                actor: arn,
            })
        })
    }

    fn admit(&self, desired: &Desired) -> Result<(), TargetError> {
        admit_as_text(desired)
    }

    fn observe<'a>(
        &'a self,
        names: &'a [String],
    ) -> Task<'a, Vec<Result<Option<Observed>, TargetError>>, TargetError> {
        Box::pin(async move {
            let mut seen = self.read(names).await?;
            self.look_at_settings(names, &mut seen).await?;
            Ok(seen)
        })
    }

    fn ours(&self) -> Task<'_, Option<Vec<String>>, TargetError> {
        Box::pin(async move { self.list_ours().await })
    }

    fn was_ours<'a>(&'a self, name: &'a str) -> Task<'a, bool, TargetError> {
        Box::pin(async move { self.was_ours_before(name).await })
    }

    fn check<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, (), TargetError> {
        Box::pin(async move {
            let name = &step.desired.name;
            if *step.verdict != Verdict::Remove {
                let payload = Payload::of(step.desired, step.seen, step.changes)?;
                admit_text(name, payload.text.len())?;
            }
            // What is not there has nothing to tell.
            match step.seen {
                Some(_) => {
                    let _turn = self.service.gate.acquire().await;
                    self.service.admit_write(name).await
                }
                None => Ok(()),
            }
        })
    }

    fn apply<'a>(&'a self, step: &'a Step<'a>) -> Task<'a, Written, TargetError> {
        Box::pin(async move {
            let _turn = self.service.gate.acquire().await;
            match step.verdict {
                Verdict::Remove => self.delete(step).await,
                Verdict::Restore => self.restore(step).await,
                _ => {
                    let is_value = *step.verdict != Verdict::Update || step.changes.has_data();
                    let written = if let Some(seen) = step.seen.filter(|_| !is_value) {
                        Written {
                            version: seen.version.clone(),
                        }
                    } else {
                        let payload = Payload::of(step.desired, step.seen, step.changes)?;
                        self.write(step, &payload).await?
                    };
                    self.apply_settings(step).await?;
                    Ok(written)
                }
            }
        })
    }
}

/// The text of an object, and which of its fields are ours.
struct Payload {
    text: SecretBytes,
    own: OwnFields,
}

impl Payload {
    /// Into a JSON text that is there only what differs is put; all else of it, of whatever type,
    /// stays as it is spelled, unless it is to go.
    fn of(
        desired: &Desired,
        seen: Option<&Observed>,
        changes: &Changes,
    ) -> Result<Self, TargetError> {
        let unwritable = || {
            let reason = format!("{} cannot be written as one text", desired.name);
            TargetError::new(Fault::Invalid, reason)
        };
        let entries = match (desired.form, desired.entries.as_slice()) {
            (Form::Text, [entry]) => {
                return Ok(Self {
                    text: entry.value.duplicate(),
                    own: OwnFields::All,
                });
            }
            (Form::Json, entries) => entries,
            _ => return Err(unwritable()),
        };
        let there = match seen.map(|seen| &seen.content) {
            Some(Content::Text { value, .. }) => json::read(value),
            _ => None,
        };
        let Some(mut object) = there else {
            let fields = entries.iter();
            let fields = fields.map(|entry| (entry.key.as_str(), &entry.value));
            return Ok(Self {
                text: json::write(fields).ok_or_else(unwritable)?,
                own: OwnFields::All,
            });
        };
        for key in &changes.removed {
            object = object.without(key).ok_or_else(unwritable)?;
        }
        let differs = |entry: &&Entry| {
            changes.added.contains(&entry.key) || changes.changed.contains(&entry.key)
        };
        for entry in entries.iter().filter(differs) {
            object = object
                .put(&entry.key, &entry.value)
                .ok_or_else(unwritable)?;
        }
        let is_there = |entry: &Entry| matches!(object.field(&entry.key), Field::Text(text) if text.ct_eq(&entry.value));
        if !entries.iter().all(is_there) {
            return Err(unwritable());
        }
        let is_ours = |name: &str| {
            let is_kept = changes.kept.iter().any(|kept| kept == name);
            is_kept || desired.entry(name).is_some()
        };
        Ok(Self {
            own: OwnFields::Noted(object.names().map(is_ours).collect()),
            text: object.text(),
        })
    }
}

/// Who wrote a version, by its id.
fn writer(owner: &Owner, version: &str) -> Writer {
    let mut writer = Writer::default();
    writer.add(owner.of_version(version), || program(version));
    writer
}

/// What wrote a version, as far as its id tells.
fn program(version: &str) -> String {
    let is_uuid = version.len() == 36 && version.bytes().filter(|byte| *byte == b'-').count() == 4;
    if version.starts_with("terraform-") {
        format!("Terraform (version {version})")
    } else if is_uuid {
        let short = version.get(..8).unwrap_or(version);
        format!("another writer (an AWS client, version {short})")
    } else {
        "another writer".to_owned()
    }
}

fn observed(
    owner: &Owner,
    version: Option<&str>,
    made: Option<&DateTime>,
    value: SecretBytes,
) -> Observed {
    let version = printable(version.unwrap_or_default());
    let writer = writer(owner, &version);
    let written = made.filter(|_| writer.is_us).map(DateTime::secs);
    let own = token::own_fields(&version);
    let mut seen = Observed::new(Content::Text { value, writer }, version);
    seen.written = written;
    seen.own = own;
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chainlink::{Entry, WHOLE};

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::copy_of(text.as_bytes())
    }

    fn text(value: &SecretBytes) -> String {
        String::from_utf8(value.expose().to_vec()).unwrap()
    }

    #[test]
    fn fields_that_are_not_desired_stay_in_the_text() {
        let desired = Desired::new("n", Form::Json, vec![Entry::of("b", &secret("2"), "b")]);
        let seen = observed(
            &Owner::default(),
            Some("clsecrets-1"),
            None,
            secret(r#"{"c":"3", "b":"0","a":1.0}"#),
        );
        let changes = Changes {
            changed: vec!["b".to_owned()],
            kept: vec!["c".to_owned()],
            ..Changes::default()
        };
        let merged = Payload::of(&desired, Some(&seen), &changes).unwrap();
        assert_eq!(text(&merged.text), r#"{"c":"3", "b":"2","a":1.0}"#);
        assert_eq!(merged.own, OwnFields::Noted(vec![true, true, false]));
        let new = Payload::of(&desired, None, &Changes::default()).unwrap();
        assert_eq!(text(&new.text), r#"{"b":"2"}"#);
        assert_eq!(new.own, OwnFields::All);
        let prune = Changes {
            removed: vec!["c".to_owned()],
            kept: Vec::new(),
            ..changes
        };
        let pruned = Payload::of(&desired, Some(&seen), &prune).unwrap();
        assert_eq!(text(&pruned.text), r#"{"b":"2","a":1.0}"#);
    }

    #[test]
    fn a_text_is_written_as_it_is() {
        let desired = Desired::new(
            "n",
            Form::Text,
            vec![Entry::of(
                WHOLE,
                &secret("postgres://u:p@h/d"),
                "database_url",
            )],
        );
        assert_eq!(
            text(
                &Payload::of(&desired, None, &Changes::default())
                    .unwrap()
                    .text
            ),
            "postgres://u:p@h/d"
        );
    }

    #[test]
    fn a_version_tells_whose_it_is_by_the_beginning_of_its_id() {
        let writer = |id: &str| super::writer(&Owner::default(), id);
        assert!(writer("clsecrets-0123456789abcdef0123456789abcdef").is_us_alone());
        assert!(!writer("terraform-20261122").is_us);
        assert!(!writer("").is_us);
    }
}
