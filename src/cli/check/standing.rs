//! How a checked file stands: its rule, and who opens it with which credentials.

use clsecrets::Settings;
use clsecrets::keys;
use clsecrets::metadata::Recipient;
use serde_json::{Value, json};

/// A file.
pub(super) struct Standing {
    pub(super) path: String,
    /// The creation rule that covers it.
    pub(super) rule: Option<String>,
    /// The age of its data key, where its entries tell.
    pub(super) days: Option<i64>,
    /// How many groups are needed, if there are several.
    pub(super) threshold: Option<i64>,
    pub(super) readers: Vec<Reader>,
    /// Whether it was opened, if that was tried.
    pub(super) opened: Option<bool>,
    /// Whether it keeps a layout of its cleartext.
    pub(super) keeps_layout: bool,
}

/// One of its recipients.
pub(super) struct Reader {
    pub(super) group: usize,
    pub(super) kind: String,
    pub(super) label: String,
    /// What would be used to open it.
    pub(super) credentials: String,
    /// What came of it, if it was tried; or why not, and the next step.
    pub(super) outcome: Option<Result<(), (String, Option<String>)>>,
}

impl Standing {
    pub(super) fn of(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            rule: None,
            days: None,
            threshold: None,
            readers: Vec::new(),
            opened: None,
            keeps_layout: false,
        }
    }
}

impl Reader {
    pub(super) fn of(
        recipient: &Recipient,
        group: usize,
        is_at_hand: bool,
        settings: &Settings,
    ) -> Self {
        Self {
            group,
            kind: recipient.kind.clone(),
            label: keys::label(recipient),
            credentials: credentials(recipient, is_at_hand, settings),
            outcome: None,
        }
    }
}

/// What opening would use, as far as that is known without asking anybody.
fn credentials(recipient: &Recipient, is_at_hand: bool, settings: &Settings) -> String {
    if !keys::is_supported(recipient) {
        return "a kind that this build does not have".to_owned();
    }
    match recipient.kind.as_str() {
        "age" if is_at_hand => "an identity of this machine opens it".to_owned(),
        "age" => "no identity at hand".to_owned(),
        "pgp" => format!(
            "secret keys of {}",
            settings.var("SOPS_GPG_EXEC").unwrap_or("gpg")
        ),
        "kms" => {
            let text = |name| recipient.fields.text(name).filter(|text| !text.is_empty());
            let account = match (text("aws_profile"), settings.var("AWS_PROFILE")) {
                (Some(profile), _) => format!("AWS profile {profile}, which the file names"),
                (None, Some(profile)) => format!("AWS profile {profile}"),
                (None, None) if settings.var("AWS_ACCESS_KEY_ID").is_some() => {
                    "AWS keys of the environment".to_owned()
                }
                (None, None) => "the AWS credentials of this machine".to_owned(),
            };
            match text("role") {
                Some(role) => format!("{account}, as role {role}"),
                None => account,
            }
        }
        _ => "its service".to_owned(),
    }
}

/// For people: a line for each file, one for each recipient, and what to do.
pub(super) fn lines(standings: &[Standing]) -> Vec<String> {
    let mut lines = Vec::new();
    for standing in standings {
        let rule = standing
            .rule
            .as_deref()
            .unwrap_or("no creation rule covers it");
        let opened = match standing.opened {
            Some(true) => ", opens and its MAC agrees",
            Some(false) => ", does not open",
            None => "",
        };
        let age = standing
            .days
            .map_or_else(String::new, |days| format!(", key of {days} days"));
        let layout = if standing.keeps_layout {
            ", keeps its layout"
        } else {
            ""
        };
        lines.push(format!("{}: {rule}{age}{layout}{opened}", standing.path));
        for reader in &standing.readers {
            let group = match standing.threshold {
                Some(_) => format!("group {}  ", reader.group + 1),
                None => String::new(),
            };
            let outcome = match &reader.outcome {
                None => reader.credentials.clone(),
                Some(Ok(())) => format!("opens ({})", reader.credentials),
                Some(Err((reason, _))) => format!("{reason} ({})", reader.credentials),
            };
            lines.push(format!(
                "  {group}{} {}  {outcome}",
                reader.kind, reader.label
            ));
            if let Some(Err((_, Some(hint)))) = &reader.outcome {
                lines.push(format!("    next: {hint}"));
            }
        }
        if let Some(threshold) = standing.threshold {
            lines.push(format!("  groups needed: {threshold}"));
        }
    }
    lines
}

/// For machines.
pub(super) fn json(standings: &[Standing]) -> Value {
    let files = standings.iter().map(|standing| {
        let recipients = standing.readers.iter().map(|reader| {
            let (opens, reason, hint) = match &reader.outcome {
                None => (None, None, None),
                Some(Ok(())) => (Some(true), None, None),
                Some(Err((reason, hint))) => (Some(false), Some(reason), hint.as_ref()),
            };
            json!({
                "kind": reader.kind,
                "name": reader.label,
                "group": reader.group + 1,
                "credentials": reader.credentials,
                "opens": opens,
                "reason": reason,
                "hint": hint,
            })
        });
        json!({
            "path": standing.path,
            "rule": standing.rule,
            "data_key_days": standing.days,
            "groups_needed": standing.threshold,
            "keeps_layout": standing.keeps_layout,
            "opened": standing.opened,
            "recipients": recipients.collect::<Vec<_>>(),
        })
    });
    Value::Array(files.collect())
}
