//! To whom a new environment is sealed: given, taken from a sealed file, or this user's identity.

use std::path::{Path, PathBuf};

use clsecrets::format::{self, Metadata};
use clsecrets::fs;
use clsecrets::keys::KEY_KINDS;
use clsecrets::tree::{Field, Fields};
use clsecrets::{Code, Error, Settings};

/// What a creation rule names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recipients {
    pub(super) kms: Vec<String>,
    pub(super) age: Vec<String>,
    /// Key groups, in place of the two lists.
    pub(super) groups: Vec<Group>,
    /// How many of the groups are needed.
    pub(super) threshold: i64,
    /// Which values are sealed, where a sealed file says another than the default.
    pub(super) selection: Vec<(String, String)>,
}

/// What one of several key groups names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) kms: Vec<String>,
    pub(super) age: Vec<String>,
}

/// The identity that opens what is sealed here.
pub(super) struct Identity {
    pub(super) recipient: String,
    /// Its file; `None` if it stands in the environment.
    pub(super) path: Option<PathBuf>,
    pub(super) is_new: bool,
}

impl Recipients {
    pub(super) fn is_empty(&self) -> bool {
        self.kms.is_empty() && self.age.is_empty() && self.groups.is_empty()
    }
}

/// Those of the command line, each checked.
pub(super) fn given(kms: &[String], age: &[String]) -> Result<Recipients, Error> {
    let recipients = Recipients {
        kms: trimmed(kms),
        age: trimmed(age),
        ..Recipients::default()
    };
    for arn in &recipients.kms {
        if !is_key_arn(arn) {
            return Err(Error::new(
                Code::Failed,
                format!("{arn} is no ARN of a KMS key"),
            )
            .hint("aws kms list-aliases shows them; the form is arn:aws:kms:REGION:ACCOUNT:key/ID"));
        }
        check("kms", arn)?;
    }
    for recipient in &recipients.age {
        if !["age1", "ssh-ed25519 ", "ssh-rsa "]
            .iter()
            .any(|start| recipient.starts_with(start))
        {
            return Err(
                Error::new(Code::Failed, format!("{recipient} is no age recipient")).hint(
                    "age-keygen -y FILE shows the recipient of an identity; it begins with age1",
                ),
            );
        }
        check("age", recipient)?;
    }
    Ok(recipients)
}

/// Fields of a sealed file that a creation rule has by the same name.
const SELECTION: [&str; 7] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
    "mac_only_encrypted",
];

/// Those of a sealed file, if a plain creation rule can say the same.
pub(super) fn of_sealed(path: &Path, name: &str) -> Option<Recipients> {
    let content = fs::read(path).ok()?;
    let document = format::by_extension(name)?.parse(content.bytes).ok()?;
    let Some(Metadata::Branch(branch)) = document.metadata else {
        return None;
    };
    of_branch(&branch)
}

fn of_branch(branch: &Fields) -> Option<Recipients> {
    let mut recipients = Recipients::default();
    let mut flat = Vec::new();
    for (kind, field) in &branch.0 {
        if SELECTION.contains(&kind.as_str()) {
            let text = match field {
                Field::Text(text) => text.clone(),
                Field::Bool(flag) => flag.to_string(),
                _ => continue,
            };
            let says_nothing = text.is_empty()
                || text == "false"
                || (kind.as_str(), text.as_str()) == ("unencrypted_suffix", "_unencrypted");
            if !says_nothing {
                recipients.selection.push((kind.clone(), text));
            }
            continue;
        }
        match (kind.as_str(), field) {
            ("key_groups", Field::List(groups)) => {
                for group in groups {
                    let Field::Map(fields) = group else {
                        return None;
                    };
                    recipients.groups.push(group_of(fields.0.iter())?);
                }
            }
            ("shamir_threshold", Field::Int(threshold)) => recipients.threshold = *threshold,
            (_, Field::List(_)) => flat.push((kind.clone(), field.clone())),
            _ => {}
        }
    }
    let alone = group_of(flat.iter())?;
    let is_usable = |group: &Group| {
        given(&group.kms, &group.age).is_ok_and(|recipients| !recipients.is_empty())
    };
    let is_sayable = match recipients.groups.as_slice() {
        [] => is_usable(&alone),
        groups => {
            alone == Group::default()
                && groups.len() > 1
                && recipients.threshold >= 2
                && groups.iter().all(is_usable)
        }
    };
    (recipients.kms, recipients.age) = (alone.kms, alone.age);
    is_sayable.then_some(recipients)
}

/// The members of a group, if all of them are of kinds that a rule of ours can name.
fn group_of<'a>(lists: impl Iterator<Item = &'a (String, Field)>) -> Option<Group> {
    let mut group = Group::default();
    for (kind, field) in lists {
        let Field::List(entries) = field else {
            continue;
        };
        for entry in entries {
            let Field::Map(entry) = entry else {
                return None;
            };
            match kind.as_str() {
                "kms" => group.kms.push(key_of(entry)?),
                "age" => group.age.push(entry.text("recipient")?.to_owned()),
                // A rule without it would take a reader away.
                _ => return None,
            }
        }
    }
    Some(group)
}

/// A KMS entry as the flat field of a rule writes it, which has no context.
fn key_of(entry: &Fields) -> Option<String> {
    let has_more = entry
        .text("aws_profile")
        .is_some_and(|text| !text.is_empty())
        || matches!(entry.get("context"), Some(Field::Map(context)) if !context.0.is_empty());
    let arn = entry.text("arn").filter(|_| !has_more)?;
    Some(match entry.text("role").filter(|role| !role.is_empty()) {
        Some(role) => format!("{arn}+{role}"),
        None => arn.to_owned(),
    })
}

/// This user's identity: one that is there, else a new one where every tool looks for it.
#[cfg(feature = "age")]
pub(super) fn identity(settings: &Settings) -> Result<Identity, Error> {
    use clsecrets::fs::Privacy;
    use clsecrets::keys::identity_file::{NewIdentity, recipient_of};

    if let Some(recipient) = settings.var("SOPS_AGE_KEY").and_then(recipient_of) {
        return Ok(Identity {
            recipient,
            path: None,
            is_new: false,
        });
    }
    let path = settings
        .var("SOPS_AGE_KEY_FILE")
        .map(|file| settings.absolute(Path::new(file)))
        .or_else(|| Some(settings.config_dir()?.join("sops/age/keys.txt")))
        .ok_or_else(|| {
            Error::new(Code::Failed, "there is no place for an age identity")
                .hint("set HOME, or give a recipient: clsecrets init --age RECIPIENT")
        })?;
    let unusable = |reason: &str| {
        Error::new(Code::Failed, format!("{} {reason}", path.display()))
            .hint("give a recipient whose identity you have: clsecrets init --age RECIPIENT")
    };
    match fs::read(&path) {
        Ok(content) => {
            let recipient = std::str::from_utf8(&content.bytes)
                .ok()
                .and_then(recipient_of)
                .ok_or_else(|| unusable("is there, but has no identity that can be used here"))?;
            Ok(Identity {
                recipient,
                path: Some(path),
                is_new: false,
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let new = NewIdentity::generate(settings.now);
            if let Some(directory) = path.parent() {
                fs::create_private_dir(directory)?;
            }
            fs::replace(&path, &new.text, Privacy::Private, None)?;
            Ok(Identity {
                recipient: new.recipient,
                path: Some(path),
                is_new: true,
            })
        }
        Err(error) => Err(unusable(&format!("cannot be read: {}", fs::plain(&error)))),
    }
}

/// This user's identity: this build knows none.
#[cfg(not(feature = "age"))]
pub(super) fn identity(_settings: &Settings) -> Result<Identity, Error> {
    Err(Error::new(
        Code::Failed,
        "this build of clsecrets has no age identities",
    )
    .hint("give a recipient: clsecrets init --kms ARN"))
}

fn trimmed(words: &[String]) -> Vec<String> {
    words
        .iter()
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Asks the kind itself, if this build has it.
fn check(field: &str, text: &str) -> Result<(), Error> {
    let Some(kind) = KEY_KINDS.iter().find(|kind| kind.field == field) else {
        return Ok(());
    };
    (kind.parse)(text)
        .map(|_| ())
        .map_err(|error| Error::new(Code::Failed, error.to_string()))
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`, also `alias/NAME`, and `+ROLE` behind it.
fn is_key_arn(text: &str) -> bool {
    let (arn, role) = match text.split_once('+') {
        Some((arn, role)) => (arn, Some(role)),
        None => (text, None),
    };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_key = match parts.as_slice() {
        ["arn", partition, "kms", region, account, resource] => {
            partition.starts_with("aws")
                && !region.is_empty()
                && is_account(account)
                && ["key/", "alias/"].iter().any(|kind| {
                    resource
                        .strip_prefix(kind)
                        .is_some_and(|rest| !rest.is_empty())
                })
        }
        _ => false,
    };
    let is_plain = arn
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte));
    is_key && is_plain && role.is_none_or(is_role_arn)
}

fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(
        parts.as_slice(),
        ["arn", _, "iam" | "sts", _, account, resource]
            if is_account(account) && resource.contains('/')
    ) && text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b":/_-+=,.@".contains(&byte))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const AGE: &str = "age1gkrpmauxgpk88ynuexa4pgyrve93szkyxvpktsnx8phpcjn6sagssyzz4m";

    #[test]
    fn arns_of_keys_and_aliases_are_taken_and_others_are_not() {
        for arn in [
            ARN,
            "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/dev",
            &format!("{ARN}+arn:aws:iam::111122223333:role/sealer"),
        ] {
            assert!(is_key_arn(arn), "{arn}");
        }
        for arn in [
            "",
            "alias/dev",
            "arn:aws:kms:us-east-2:XXXXXXXXXXXX:key/redacted",
            "arn:aws:s3:us-east-2:111122223333:key/x",
            "arn:aws:kms:us-east-2:111122223333:key/",
            "arn:aws:kms:us-east-2:111122223333:key/x\n    age: y",
            &format!("{ARN}+role"),
        ] {
            assert!(!is_key_arn(arn), "{arn}");
        }
    }

    #[test]
    fn a_sealed_file_gives_its_recipients_only_if_a_flat_rule_says_the_same() {
        let entry = |pairs: &[(&str, &str)]| {
            Field::Map(Fields(
                pairs
                    .iter()
                    .map(|(name, text)| ((*name).to_owned(), Field::Text((*text).to_owned())))
                    .collect(),
            ))
        };
        let branch = |kind: &str, entry: Field| {
            Fields(vec![
                (kind.to_owned(), Field::List(vec![entry])),
                ("pgp".to_owned(), Field::List(Vec::new())),
            ])
        };

        let plain = branch("kms", entry(&[("arn", ARN), ("aws_profile", "")]));
        assert_eq!(of_branch(&plain).unwrap().kms, [ARN]);
        let profile = branch("kms", entry(&[("arn", ARN), ("aws_profile", "dev")]));
        assert_eq!(of_branch(&profile), None);
        let redacted = branch("kms", entry(&[("arn", "arn:aws:kms:us-east-2:X:key/X")]));
        assert_eq!(of_branch(&redacted), None);
        let mut selective = plain.clone();
        let regex = ("encrypted_regex".to_owned(), Field::Text("^x$".to_owned()));
        selective.0.push(regex);
        let selection = of_branch(&selective).unwrap().selection;
        assert_eq!(
            selection,
            [("encrypted_regex".to_owned(), "^x$".to_owned())]
        );
        let other = branch("hc_vault", entry(&[("vault_address", "x")]));
        assert_eq!(of_branch(&other), None);
    }

    #[test]
    fn key_groups_are_taken_with_their_threshold_or_not_at_all() {
        let list = |kind: &str, name: &str, text: &str| {
            let entry = Fields::from([(name, text)]);
            (kind.to_owned(), Field::List(vec![Field::Map(entry)]))
        };
        let group = |lists: Vec<(String, Field)>| Field::Map(Fields(lists));
        let branch = |groups: Vec<Field>, threshold: i64| {
            Fields(vec![
                ("key_groups".to_owned(), Field::List(groups)),
                ("shamir_threshold".to_owned(), Field::Int(threshold)),
            ])
        };
        let kms = || group(vec![list("kms", "arn", ARN)]);
        let empty = ("hc_vault".to_owned(), Field::List(Vec::new()));
        let age = || group(vec![list("age", "recipient", AGE), empty.clone()]);
        let found = of_branch(&branch(vec![kms(), age()], 2)).unwrap();
        assert_eq!(found.threshold, 2);
        assert_eq!(found.groups[0].kms, [ARN]);
        assert_eq!(found.groups[1].age, [AGE]);

        let pgp = group(vec![list("pgp", "fp", "ABCD")]);
        for other in [
            branch(vec![kms(), pgp], 2),
            branch(vec![kms(), age()], 0),
            branch(vec![kms(), Field::Map(Fields::default())], 2),
            branch(vec![kms()], 2),
        ] {
            assert_eq!(of_branch(&other), None);
        }
    }
}
