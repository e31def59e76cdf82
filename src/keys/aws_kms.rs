//! The `kms` kind: keys of AWS KMS, given as `arn` or `arn+role`.
//!
//! The region is the key's, never the environment's. Recipients of one account share a client.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use std::sync::LazyLock;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::aws::{Account, Fault, is_region};
use super::{Connections, KeyError, KeyKind, MasterKey, Task};
use crate::error::quoted;
use crate::metadata::Recipient;
use crate::secret::Portion;
use crate::settings::Settings;
use crate::tree::{Field, Fields};

/// The `kms` list of a file.
pub(super) static KIND: KeyKind = KeyKind {
    field: "kms",
    flag: "kms",
    env: "SOPS_KMS_ARN",
    name: "arn",
    is_dated: true,
    parse,
    at_hand: None,
    connect: |recipient, settings, connections| {
        Box::pin(async move {
            let key = KmsKey::connect(recipient, settings, connections).await?;
            Ok(Box::new(key) as Box<dyn MasterKey>)
        })
    },
};

/// Clients of one run, by account.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<BTreeMap<Account, Client>>);

#[derive(Debug)]
struct KmsKey {
    arn: String,
    account: Account,
    context: HashMap<String, String>,
    client: Client,
}

impl KmsKey {
    async fn connect(
        recipient: &Recipient,
        settings: &Settings,
        connections: &Connections,
    ) -> Result<Self, KeyError> {
        let fields = &recipient.fields;
        let text = |name| fields.text(name).filter(|text| !text.is_empty());
        let arn = text("arn").unwrap_or_default().to_owned();
        let account = Account {
            profile: text("aws_profile").map(profile).transpose()?,
            region: region(&arn)?,
            role: text("role").map(role).transpose()?,
        };
        let context = context(fields)?;
        let client = connections
            .kms
            .client(&account, settings, connections)
            .await
            .map_err(|fault| failed(&account, "assume its role", &fault))?;
        Ok(Self {
            arn,
            account,
            context,
            client,
        })
    }

    async fn seal(&self, portion: &Portion) -> Result<String, KeyError> {
        let answer = self
            .client
            .encrypt()
            .key_id(&self.arn)
            .plaintext(Blob::new(portion.expose().to_vec()))
            .set_encryption_context(self.context())
            .send()
            .await
            .map_err(|error| failed(&self.account, "wrap the data key", &Fault::of(&error)))?;
        match answer.ciphertext_blob() {
            Some(blob) if !blob.as_ref().is_empty() => Ok(STANDARD.encode(blob.as_ref())),
            _ => Err(KeyError::NoDataKey),
        }
    }

    async fn open(&self, wrapped: &str) -> Result<Portion, KeyError> {
        let blob = STANDARD
            .decode(wrapped.trim())
            .map_err(|_| refused("its wrapped key is no base64"))?;
        let answer = self
            .client
            .decrypt()
            .key_id(&self.arn)
            .ciphertext_blob(Blob::new(blob))
            .set_encryption_context(self.context())
            .send()
            .await
            .map_err(|error| failed(&self.account, "unwrap the data key", &Fault::of(&error)))?;
        let plain = answer.plaintext.ok_or(KeyError::NoDataKey)?;
        let plain = Zeroizing::new(plain.into_inner());
        Portion::from_bytes(&plain).ok_or(KeyError::NoDataKey)
    }

    fn context(&self) -> Option<HashMap<String, String>> {
        (!self.context.is_empty()).then(|| self.context.clone())
    }
}

impl MasterKey for KmsKey {
    fn label(&self) -> String {
        self.arn.clone()
    }

    fn wrap<'a>(&'a self, portion: &'a Portion) -> Task<'a, String, KeyError> {
        Box::pin(self.seal(portion))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a str) -> Task<'a, Portion, KeyError> {
        Box::pin(self.open(wrapped))
    }
}

impl Clients {
    async fn client(
        &self,
        account: &Account,
        settings: &Settings,
        connections: &Connections,
    ) -> Result<Client, Fault> {
        let mut clients = self.0.lock().await;
        if let Some(client) = clients.get(account) {
            return Ok(client.clone());
        }
        let config = connections.aws.config(account, settings).await?;
        let client = Client::new(&config);
        clients.insert(account.clone(), client.clone());
        Ok(client)
    }
}

/// `arn` or `arn+role`; blanks are dropped.
fn parse(text: &str) -> Result<Recipient, KeyError> {
    let text: String = text.split_whitespace().collect();
    let (arn, role) = match text.split_once("+arn:") {
        Some((arn, role)) => (arn, format!("arn:{role}")),
        None => (text.as_str(), String::new()),
    };
    region(arn)?;
    if !role.is_empty() {
        self::role(&role)?;
    }
    let mut fields = Fields::from([("arn", arn), ("aws_profile", "")]);
    if !role.is_empty() {
        fields.set("role", Field::Text(role));
    }
    Ok(Recipient {
        kind: KIND.field.to_owned(),
        fields,
    })
}

/// The region of a key's ARN. It becomes part of the name of the host that is called, so it has to be
/// one, whatever else a file says.
fn region(arn: &str) -> Result<String, KeyError> {
    let found = ARN.as_ref().and_then(|pattern| pattern.captures(arn));
    let region = found.as_ref().and_then(|captures| captures.get(1));
    match region {
        Some(region) if is_region(region.as_str()) => Ok(region.as_str().to_owned()),
        Some(_) => Err(malformed(
            arn,
            "what stands for its region is no region of AWS, such as eu-west-1",
        )),
        None => Err(malformed(
            arn,
            "the form is arn:aws:kms:REGION:ACCOUNT:key/ID or …:alias/NAME",
        )),
    }
}

/// A role that is assumed before the key is used.
fn role(text: &str) -> Result<String, KeyError> {
    let is_role = ROLE
        .as_ref()
        .is_some_and(|role_arn| role_arn.is_match(text));
    if !is_role {
        return Err(malformed(
            text,
            "a role is named as in arn:aws:iam::111122223333:role/name",
        ));
    }
    Ok(text.to_owned())
}

/// A profile of the AWS configuration of whoever opens the file.
fn profile(text: &str) -> Result<String, KeyError> {
    if text.len() > LONGEST_PROFILE || text.chars().any(char::is_control) {
        return Err(malformed(
            "its aws_profile",
            "it is too long for the name of a profile, or has characters that are not printed",
        ));
    }
    Ok(text.to_owned())
}

/// The encryption context as texts; numbers and booleans of an unquoted file become texts as the
/// reference makes them.
fn context(fields: &Fields) -> Result<HashMap<String, String>, KeyError> {
    let pairs = match fields.get("context") {
        None | Some(Field::Null) => return Ok(HashMap::new()),
        Some(Field::Map(map)) => &map.0,
        Some(_) => return Err(refused("its encryption context is no map")),
    };
    pairs
        .iter()
        .map(|(key, field)| {
            let text = match field {
                Field::Text(text) => text.clone(),
                Field::Int(number) => number.to_string(),
                Field::Bool(flag) => u8::from(*flag).to_string(),
                _ => return Err(refused("its encryption context holds more than texts")),
            };
            Ok((key.clone(), text))
        })
        .collect()
}

fn failed(account: &Account, what: &str, fault: &Fault) -> KeyError {
    let reason = match fault {
        Fault::Denied(code) => format!("refused to {what}: {code}"),
        Fault::Absent(code) => format!("the key does not exist: {code}"),
        Fault::Answer(code) => match code.as_str() {
            "DisabledException" => format!("the key is disabled: {code}"),
            "KMSInvalidStateException" | "KeyUnavailableException" => {
                format!("the key is not in a usable state: {code}")
            }
            "InvalidCiphertextException" | "IncorrectKeyException" => {
                format!("the wrapped key is not of this key and encryption context: {code}")
            }
            _ => format!("refused to {what}: {code}"),
        },
        other => other.reason(),
    };
    let hint = match fault {
        Fault::Denied(_) | Fault::Absent(_) | Fault::Invalid(_) => Some(account.who_am_i()),
        Fault::Expired(_) | Fault::NoCredentials(_) => Some(match &account.profile {
            Some(profile) => format!(
                "aws sso login --profile {}, or renew its keys",
                quoted(profile)
            ),
            None => "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
        }),
        Fault::Throttled(_) => Some("run the command again in a moment".to_owned()),
        _ => None,
    };
    match fault {
        Fault::Unreachable(_) => KeyError::Unreachable {
            reason: format!("AWS KMS in {} {reason}", account.region),
        },
        Fault::Late => KeyError::Unreachable { reason },
        _ => KeyError::Refused { reason, hint },
    }
}

fn refused(reason: &str) -> KeyError {
    KeyError::Refused {
        reason: reason.to_owned(),
        hint: None,
    }
}

fn malformed(label: &str, reason: &str) -> KeyError {
    KeyError::Malformed {
        label: label.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The ARN of a key. The reference takes anything for a region and a name; services have these.
static ARN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\Aarn:aws[0-9A-Za-z_-]{0,32}:kms:([^:]{1,64}):[0-9]{1,32}:(?:key|alias)/[0-9A-Za-z:/_-]{1,256}\z",
    )
    .ok()
});

static ROLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\Aarn:aws[0-9A-Za-z_-]{0,32}:iam::[0-9]{1,32}:role/[0-9A-Za-z_+=,.@/-]{1,576}\z")
        .ok()
});

/// Characters of a profile's name.
const LONGEST_PROFILE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const ARN_TEXT: &str = "arn:aws:kms:eu-west-1:111122223333:key/4f-1";

    #[test]
    fn an_arn_gives_its_region_and_may_bring_a_role() {
        let plain = parse(ARN_TEXT).unwrap();
        assert_eq!(
            plain.fields,
            Fields::from([("arn", ARN_TEXT), ("aws_profile", "")])
        );
        let role = "arn:aws:iam::111122223333:role/opener";
        let with_role = parse(&format!(" {ARN_TEXT} + {role}")).unwrap();
        assert_eq!(with_role.fields.text("arn"), Some(ARN_TEXT));
        assert_eq!(with_role.fields.text("role"), Some(role));
        assert_eq!(region(ARN_TEXT).unwrap(), "eu-west-1");
        let china = "arn:aws-cn:kms:cn-north-1:1:alias/chainlink";
        assert_eq!(region(china).unwrap(), "cn-north-1");
    }

    #[test]
    fn what_is_no_key_of_kms_is_refused() {
        for text in [
            "",
            "alias/x",
            "arn:aws:kms:REGION:ACCOUNT_ID:key/x",
            "arn:aws:s3:::bucket",
            "arn:aws:kms:eu-west-1:1:key/",
            "arn:aws:kms:eu-west-1:1:key/x+arn:aws:s3:::b",
            "arn:aws:kms:eu-west-1:1:key/x+arn:aws:iam::1:role/a b\u{7}",
            "arn:aws:kms:evil.example/:1:key/x",
            "arn:aws:kms:evil.example:1:key/x",
            "arn:aws:kms:evil.example#:1:key/x",
            "arn:aws:kms:user@evil-west-1:1:key/x",
            "arn:aws:kms:localhost:1:key/x",
            "arn:aws:kms:eu-west-1.evil-example-1:1:key/x",
            "arn:aws:kms::1:key/x",
        ] {
            assert!(
                matches!(parse(text), Err(KeyError::Malformed { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn an_entry_of_a_file_is_held_to_the_same_before_anything_is_called() {
        let settings = Settings::new(std::iter::empty(), "/".into(), 0);
        let connections = Connections::default();
        for (name, text) in [
            ("arn", "arn:aws:kms:evil.example/:1:key/x"),
            ("role", "https://evil.example/"),
            ("role", "arn:aws:iam::1:role/a\nb"),
            ("aws_profile", "a\nb"),
            ("aws_profile", &"x".repeat(300)),
        ] {
            let mut fields = Fields::from([("arn", ARN_TEXT)]);
            fields.set(name, Field::Text(text.to_owned()));
            let kind = "kms".to_owned();
            let recipient = Recipient { kind, fields };
            let connecting = KmsKey::connect(&recipient, &settings, &connections);
            let error = crate::keys::block_on(connecting).unwrap().unwrap_err();
            assert!(
                matches!(error, KeyError::Malformed { .. }),
                "{name}: {text}"
            );
        }
    }

    #[test]
    fn a_context_of_texts_is_sent_and_anything_else_refused() {
        let mut fields = Fields::from([("arn", ARN_TEXT)]);
        assert!(context(&fields).unwrap().is_empty());
        let pairs = vec![
            ("env".to_owned(), Field::Text("dev".to_owned())),
            ("n".to_owned(), Field::Int(7)),
        ];
        fields.set("context", Field::Map(Fields(pairs)));
        let sent = context(&fields).unwrap();
        assert_eq!(sent["env"], "dev");
        assert_eq!(sent["n"], "7");
        fields.set("context", Field::Text("env:dev".to_owned()));
        assert!(context(&fields).is_err());
    }

    #[test]
    fn a_refusal_names_the_code_and_the_next_step() {
        let account = Account {
            profile: Some("node-dev".to_owned()),
            region: "eu-west-1".to_owned(),
            role: None,
        };
        let denied = Fault::Denied("AccessDeniedException".to_owned());
        let error = failed(&account, "unwrap the data key", &denied);
        assert_eq!(
            error.to_string(),
            "refused to unwrap the data key: AccessDeniedException"
        );
        assert_eq!(
            error.hint(),
            Some("aws sts get-caller-identity --profile node-dev")
        );
    }
}
