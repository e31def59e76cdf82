//! What an operator allows in a run, as flags; a plan keeps them.

use std::sync::Arc;
use std::time::Duration;

use clap::Args as Arguments;
use clsecrets::chainlink::rules;
use clsecrets::deadline::Deadline;
use clsecrets::sync::{ChangeLimit, Limits, Links, Options, Patience, Restarting};
use clsecrets::{Code, Error};
use serde::{Deserialize, Serialize};

use crate::cli::Context;

/// How long `--wait` follows a rollout if it does not say.
const WAIT: &str = "5m";
/// How long a command may take if nobody says.
const TIMEOUT: &str = "10m";

/// Flags that decide what a run does.
#[derive(Debug, Default, Clone, PartialEq, Eq, Arguments, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Allowances {
    /// Take over what another writer made of this object; may be given several times.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) adopt: Vec<String>,
    /// Take over everything that another writer made in the targets of --target.
    #[arg(long, requires = "target")]
    pub(crate) force_conflicts: bool,
    /// Delete and make anew what cannot be changed: immutable, or of another type.
    #[arg(long)]
    pub(crate) replace_immutable: bool,
    /// Remove keys and objects that are ours and no longer desired.
    #[arg(long)]
    pub(crate) prune: bool,
    /// Deliver the sealed files of before: those of the last commit if they have changed since,
    /// else those before that commit.
    #[arg(long, conflicts_with = "prune")]
    pub(crate) rollback: bool,
    /// Make `kms_key` and replicas of secrets that are there as clsecrets.yaml says.
    #[arg(long)]
    pub(crate) apply_settings: bool,
    /// Deliver another wallet password than the one in use: only if the key ring was recreated.
    #[arg(long)]
    pub(crate) replace_wallet_password: bool,
    /// Only targets of this kind, or of this name, as in 'kubernetes prod/chainlink'; `*` for any
    /// part.
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<String>,
    /// Only this object, `*` for any part; may be given several times.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) only: Vec<String>,
    /// Refuse to delete more objects and keys than this [default: 5].
    #[arg(long, value_name = "N")]
    pub(crate) max_deletes: Option<usize>,
    /// Refuse to change more objects than this, or than this part of them (50%).
    #[arg(long, value_name = "N|N%")]
    pub(crate) max_changes: Option<String>,
    /// Deliver although this rule of `validate` refuses it; may be given several times.
    #[arg(long, value_name = "V###", value_parser = rule)]
    pub(crate) skip_validate: Vec<String>,
    /// Let paths of clsecrets.yaml lead out of the repository.
    #[arg(long)]
    pub(crate) outside: bool,
    /// Restart nothing.
    #[arg(long)]
    pub(crate) no_restart: bool,
    /// Wait until what is restarted is ready, for so long [default if no time is given: 5m].
    #[arg(
        long,
        value_name = "TIME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = WAIT,
        conflicts_with = "no_restart"
    )]
    pub(crate) wait: Option<String>,
}

impl Allowances {
    /// As the engine takes them.
    pub(crate) fn options(
        &self,
        links: &Arc<Links>,
        patience: &Patience,
    ) -> Result<Options, Error> {
        let wrong = |flag: &str, text: &str, what: &str| {
            Error::new(Code::Failed, format!("{flag} {text}: not {what}"))
        };
        let mut limits = Limits::default();
        if let Some(deletes) = self.max_deletes {
            limits.deletes = deletes;
        }
        if let Some(text) = &self.max_changes {
            let changes: ChangeLimit = text
                .parse()
                .map_err(|what: String| wrong("--max-changes", text, &what))?;
            limits.changes = Some(changes);
        }
        let wait = match &self.wait {
            Some(text) => Some(
                duration(text)
                    .ok_or_else(|| wrong("--wait", text, "a time, as in 90s, 5m or 1h"))?,
            ),
            None => None,
        };
        Ok(Options {
            adopt: self.adopt.clone(),
            adopt_all: self.force_conflicts,
            replace: self.replace_immutable,
            prune: self.prune,
            replace_wallet: self.replace_wallet_password,
            only: self.only.clone(),
            rollback: self.rollback,
            settings: self.apply_settings,
            limits,
            restarting: Restarting {
                is_off: self.no_restart,
                wait,
            },
            is_look: false,
            progress: Arc::default(),
            links: Arc::clone(links),
            patience: patience.clone(),
        })
    }
}

/// How long a command may take, as `--timeout` says it.
#[derive(Debug, Clone, PartialEq, Eq, Arguments)]
pub(crate) struct Timeout {
    /// End after so long, as in 90s or 1h, and say what was in the way; asking a person is not counted,
    /// and the time of --wait comes on top.
    #[arg(long, value_name = "TIME", default_value = TIMEOUT)]
    timeout: String,
}

impl Default for Timeout {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT.to_owned(),
        }
    }
}

impl Timeout {
    /// Begins: from now on the command has so long.
    pub(crate) fn begin(&self, context: &Context) -> Result<Patience, Error> {
        let text = self.timeout.as_str();
        let limit = duration(text)
            .filter(|limit| !limit.is_zero())
            .ok_or_else(|| {
                let message = format!("--timeout {text}: not a time, as in 90s, 5m or 1h");
                Error::new(Code::Failed, message)
            })?;
        Ok(Patience {
            deadline: context.begin(Deadline::after(limit)),
            ..Patience::default()
        })
    }
}

/// The id of a rule that can be skipped.
fn rule(text: &str) -> Result<String, String> {
    if rules::NEEDED.contains(&text) {
        return Err("without it nothing could be delivered".to_owned());
    }
    if rules::RULES.iter().any(|rule| rule.id == text) {
        return Ok(text.to_owned());
    }
    Err("there is no such rule; clsecrets validate --rules lists them".to_owned())
}

/// `90s`, `5m`, `1h`, or a number of seconds.
fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at_checked(at)?,
        None => (text, "s"),
    };
    let count: u64 = digits.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    // A week is longer than anybody waits, and far from where an addition of times overflows.
    let seconds = count.checked_mul(seconds)?;
    (seconds <= 7 * 24 * 3600).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        assert_eq!(duration("90"), Some(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Some(Duration::from_mins(5)));
        assert_eq!(duration("1h"), Some(Duration::from_hours(1)));
        for text in [
            "",
            "m",
            "5 m",
            "-1s",
            "5d",
            "99999999999999999999s",
            "1000h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
