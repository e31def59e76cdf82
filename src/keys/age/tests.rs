use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::keys::block_on;
use crate::secret::{DataKey, Secret};

/// Throwaway identities, made for these tests.
const IDENTITY: &str = "AGE-SECRET-KEY-1V74GU4CLWGUFHRRT2P0URMJSKNTFML6SD9CKXZT4M6C95629UG3QV9UXWF";
const SSH_PUBLIC: &str = include_str!("../../../fixtures/keys/age/throwaway_ed25519.pub");
const SSH_PRIVATE: &str = include_str!("../../../fixtures/keys/age/throwaway_ed25519");
const LOCKED_PUBLIC: &str = include_str!("../../../fixtures/keys/age/throwaway_locked.pub");
const LOCKED_PRIVATE: &str = include_str!("../../../fixtures/keys/age/throwaway_locked");

fn settings(vars: &[(&str, &str)]) -> Settings {
    let vars = vars
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new(vars, PathBuf::from("/"), 0)
}

fn public() -> String {
    let identity: age::x25519::Identity = IDENTITY.parse().unwrap();
    identity.to_public().to_string()
}

fn wrap(recipient: &str) -> (Recipient, DataKey) {
    let data_key = DataKey::from_bytes(&[9; 32]).unwrap();
    let mut recipient = parse(recipient).unwrap();
    let enc = {
        let vars = settings(&[]);
        let connections = Connections::default();
        let key = AgeKey::new(&recipient, &vars, &connections).unwrap();
        let portion = Portion::Whole(data_key.duplicate());
        block_on(key.wrap(&portion)).unwrap().unwrap()
    };
    recipient.fields.set("enc", crate::tree::Field::Text(enc));
    (recipient, data_key)
}

fn unwrap(
    recipient: &Recipient,
    vars: &[(&str, &str)],
    connections: &Connections,
) -> Result<DataKey, KeyError> {
    let vars = settings(vars);
    let key = AgeKey::new(recipient, &vars, connections).unwrap();
    let unwrapped = block_on(key.unwrap(recipient.wrapped().unwrap())).unwrap();
    unwrapped.map(|portion| match portion {
        Portion::Whole(data_key) => data_key,
        Portion::Share(share) => panic!("{share:?}"),
    })
}

#[test]
fn what_is_at_hand_runs_no_command_and_asks_nobody() {
    let (recipient, data_key) = wrap(&public());
    let open = |vars: &[(&str, &str)]| {
        let connections = Connections::asking(Arc::new(NeverAsk));
        at_hand(&recipient, &settings(vars), &connections)
    };
    let command = format!("echo {IDENTITY}");
    assert!(open(&[("SOPS_AGE_KEY_CMD", &command)]).is_none());
    let opened = open(&[("SOPS_AGE_KEY", IDENTITY)]).unwrap();
    assert!(matches!(opened, Portion::Whole(key) if key.ct_eq(&data_key)));
    let (locked, _) = wrap(LOCKED_PUBLIC);
    let vars = settings(&[("SOPS_AGE_KEY", LOCKED_PRIVATE)]);
    let connections = Connections::asking(Arc::new(NeverAsk));
    assert!(at_hand(&locked, &vars, &connections).is_none());
}

#[derive(Debug)]
struct Answer(&'static str);

impl Ask for Answer {
    fn passphrase(&self, _: &str) -> Option<Secret<String>> {
        Some(Secret::new(self.0.to_owned()))
    }
}

#[derive(Debug)]
struct NeverAsk;

impl Ask for NeverAsk {
    fn passphrase(&self, what: &str) -> Option<Secret<String>> {
        panic!("asked for the {what}");
    }
}

#[test]
fn a_wrapped_key_is_an_armored_file_of_64_columns_with_a_line_end() {
    let (recipient, _) = wrap(&public());
    let enc = recipient.wrapped().unwrap();
    let lines: Vec<&str> = enc.lines().collect();
    assert_eq!(lines[0], "-----BEGIN AGE ENCRYPTED FILE-----");
    assert_eq!(lines[1].len(), 64);
    assert!(enc.ends_with("\n-----END AGE ENCRYPTED FILE-----\n"));
}

#[test]
fn the_identity_may_stand_in_a_variable_with_comments_around_it() {
    let (recipient, data_key) = wrap(&public());
    let text = format!("# made for tests\n# public key: x\n  {IDENTITY}  \n");
    let opened = unwrap(
        &recipient,
        &[("SOPS_AGE_KEY", &text)],
        &Connections::default(),
    );
    assert!(opened.unwrap().ct_eq(&data_key));
}

#[test]
fn several_identities_may_stand_on_one_line() {
    let (recipient, data_key) = wrap(&public());
    let other = age::x25519::Identity::generate();
    let other = age::secrecy::ExposeSecret::expose_secret(&other.to_string()).to_owned();
    let text = format!("{other} {IDENTITY}");
    let opened = unwrap(
        &recipient,
        &[("SOPS_AGE_KEY", &text)],
        &Connections::default(),
    );
    assert!(opened.unwrap().ct_eq(&data_key));
}

#[test]
fn an_ssh_key_opens_what_is_wrapped_for_it() {
    let (recipient, data_key) = wrap(SSH_PUBLIC);
    let vars = [("SOPS_AGE_KEY", SSH_PRIVATE)];
    let opened = unwrap(&recipient, &vars, &Connections::default());
    assert!(opened.unwrap().ct_eq(&data_key));
}

#[test]
fn a_locked_ssh_key_is_opened_with_its_passphrase_only() {
    let (recipient, data_key) = wrap(LOCKED_PUBLIC);
    let vars = [("SOPS_AGE_KEY", LOCKED_PRIVATE)];
    let right = Connections::asking(Arc::new(Answer("throwaway")));
    assert!(unwrap(&recipient, &vars, &right).unwrap().ct_eq(&data_key));
    let wrong = Connections::asking(Arc::new(Answer("other")));
    assert_eq!(
        unwrap(&recipient, &vars, &wrong).unwrap_err().to_string(),
        "the passphrase of its identity was wrong or not given"
    );
    let nobody = unwrap(&recipient, &vars, &Connections::default()).unwrap_err();
    assert_eq!(nobody.hint(), Some("run the command in a terminal"));
}

#[test]
fn nobody_is_asked_for_the_passphrase_of_a_key_that_cannot_help() {
    let (recipient, _) = wrap(&public());
    let vars = [("SOPS_AGE_KEY", LOCKED_PRIVATE)];
    let error = unwrap(&recipient, &vars, &Connections::asking(Arc::new(NeverAsk))).unwrap_err();
    assert!(matches!(error, KeyError::NoIdentity { .. }), "{error}");
}

#[test]
fn a_missing_identity_names_the_places_that_were_searched_and_nothing_secret() {
    let (recipient, _) = wrap(&public());
    let typo = "AGE-SECRET-KEY-1QQQQ-canary";
    let vars = [
        ("SOPS_AGE_KEY", typo),
        ("SOPS_AGE_KEY_FILE", "/nonexistent/keys.txt"),
        ("SOPS_AGE_KEY_CMD", "false 'a"),
    ];
    let error = unwrap(&recipient, &vars, &Connections::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no identity for it was given (searched: SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD; \
         SOPS_AGE_KEY: line 1: it holds no identity; \
         SOPS_AGE_KEY_FILE: /nonexistent/keys.txt: no such file or directory; \
         SOPS_AGE_KEY_CMD: a quote in it is not closed)"
    );
    assert_eq!(
        error.hint().unwrap(),
        format!(
            "set SOPS_AGE_KEY_FILE to the file with the identity of {}",
            public()
        )
    );
}

#[test]
fn a_command_prints_the_identity_and_learns_the_recipient() {
    let (recipient, data_key) = wrap(&public());
    let script = format!(
        "sh -c 'test \"$SOPS_AGE_RECIPIENT\" = {} && echo {IDENTITY}'",
        public()
    );
    let vars = [("SOPS_AGE_KEY_CMD", script.as_str())];
    let opened = unwrap(&recipient, &vars, &Connections::default());
    assert!(opened.unwrap().ct_eq(&data_key));
}

#[test]
fn a_changed_wrapped_key_does_not_open() {
    let (mut recipient, _) = wrap(&public());
    let vars = [("SOPS_AGE_KEY", IDENTITY)];
    let set = |recipient: &mut Recipient, text: &str| {
        recipient
            .fields
            .set("enc", crate::tree::Field::Text(text.to_owned()));
    };
    for text in ["no age file", "-----BEGIN AGE ENCRYPTED FILE-----\n"] {
        set(&mut recipient, text);
        assert_eq!(
            unwrap(&recipient, &vars, &Connections::default())
                .unwrap_err()
                .to_string(),
            "its wrapped key is no age file"
        );
    }
}

#[test]
fn what_cannot_be_a_recipient_is_refused_with_the_reason() {
    for (text, reason) in [
        ("age1pq1xyz", "hybrid"),
        ("age1qqqq", "mistyped"),
        ("ssh-rsa AAAA", "no SSH public key"),
        (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",
            "SSH",
        ),
        ("hello", "begins with age1"),
        (IDENTITY, "private key"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains(IDENTITY), "{error}");
    }
}
