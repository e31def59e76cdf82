//! One node with what it has: its own credentials, else those of the top level, and the database URL
//! that is made of them. Every profile asks here, so that there is one place where a URL is built.

use super::credentials::{Credentials, Slot};
use super::database::{Database, UrlFault, check_url};
use super::environment::{Environment, NodeSettings};
use super::finding::{At, Finding};
use crate::secret::SecretBytes;

/// A value and the keys that it is made of.
pub(super) type Made = (SecretBytes, Vec<String>);

/// One node.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) settings: &'a NodeSettings,
    credentials: &'a Credentials,
    /// The database URL, and that of the replica.
    pub(super) database_url: Option<Made>,
    pub(super) backup_url: Option<Made>,
    /// Why there is no database URL.
    pub(super) no_database: &'static str,
}

/// Which of the two URLs.
struct Which {
    url: &'static str,
    password: &'static str,
    parts: Option<Database>,
}

impl<'a> Node<'a> {
    /// Puts a node together; what is wrong with it goes to `findings`.
    pub(super) fn new(
        settings: &'a NodeSettings,
        environment: &Environment,
        credentials: &'a Credentials,
        scheme: &str,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut this = Self {
            settings,
            credentials,
            database_url: None,
            backup_url: None,
            no_database: "no database_password and no database_url in the sealed file",
        };
        this.email(environment, findings);
        let main = Which {
            url: "url",
            password: "password",
            parts: settings.database.clone(),
        };
        let backup = Which {
            url: "backup_url",
            password: "backup_password",
            parts: settings.database.as_ref().and_then(Database::backup),
        };
        if main.parts.is_none() && this.is_only_password() {
            this.no_database = "no database in clsecrets.yaml for database_password";
        }
        this.database_url = this.url(&main, environment, scheme, findings);
        this.backup_url = this.url(&backup, environment, scheme, findings);
        this
    }

    pub(super) fn name(&self) -> &'a str {
        &self.settings.name
    }

    /// The credential of a path, its own or that of the top level.
    pub(super) fn get(&self, path: &str) -> Option<&'a Slot> {
        self.credentials.of_node(self.name(), path)
    }

    /// Where it has what is below a path.
    pub(super) fn place(&self, path: &str) -> Option<String> {
        self.credentials.place_of_node(self.name(), path)
    }

    /// The file of the API user: two lines, no line end at the end.
    pub(super) fn api_file(&self) -> Option<Made> {
        let slot = self.get("user_password")?;
        let email = self.settings.user_email.as_deref()?;
        let mut file = Vec::with_capacity(email.len() + 1 + slot.value.len());
        file.extend_from_slice(email.as_bytes());
        file.push(b'\n');
        file.extend_from_slice(slot.value.expose());
        Some((SecretBytes::new(file), vec![slot.key.clone()]))
    }

    fn email(&self, environment: &Environment, findings: &mut Vec<Finding>) {
        if self.get("user_password").is_none() {
            return;
        }
        let field = environment.setting_of(self.settings, "user_email");
        let reason = match self.settings.user_email.as_deref() {
            None => "is missing; the node's API user is made of it and of user_password",
            Some(email) if !is_address(email) => "is no email address",
            Some(_) => return,
        };
        let message = format!("{field} of environment {} {reason}", environment.name);
        findings.push(Finding::new("V023", At::setting(&field), message));
    }

    fn is_only_password(&self) -> bool {
        self.get("database/url").is_none() && self.get("database/password").is_some()
    }

    /// A URL given whole, or made of a password and the parts in `clsecrets.yaml`. What stands nearer
    /// to the node counts.
    fn url(
        &self,
        which: &Which,
        environment: &Environment,
        scheme: &str,
        findings: &mut Vec<Finding>,
    ) -> Option<Made> {
        let own = format!("nodes/{}/database", self.name());
        for place in [own.as_str(), "database"] {
            let get = |name: &str| self.credentials.get(&format!("{place}/{name}"));
            match (get(which.url), get(which.password)) {
                (Some(url), Some(password)) => {
                    let message = format!("{} and {} exclude one another", password.key, url.key);
                    findings.push(Finding::new("V006", url.at(), message).fix("keep one of them"));
                    return None;
                }
                (Some(url), None) => {
                    if let Err(fault) = check_url(&url.value) {
                        findings.push(bad_url(url, fault));
                    }
                    return Some((url.value.duplicate(), vec![url.key.clone()]));
                }
                (None, Some(password)) => {
                    let parts = which.parts.as_ref()?;
                    return match parts.url(scheme, &password.value) {
                        Ok(url) => Some((url, vec![password.key.clone()])),
                        Err((field, reason)) => {
                            let field = format!("database.{field}");
                            let field = environment.setting_of(self.settings, &field);
                            let message =
                                format!("{field} of environment {} {reason}", environment.name);
                            findings.push(Finding::new("V030", At::setting(&field), message));
                            None
                        }
                    };
                }
                (None, None) => {}
            }
        }
        None
    }
}

fn bad_url(slot: &Slot, fault: UrlFault) -> Finding {
    let (rule, reason) = match fault {
        UrlFault::Encoding(reason) => ("V032", reason),
        UrlFault::Part(reason) => ("V030", reason),
    };
    Finding::new(rule, slot.at(), format!("{} {reason}", slot.key))
}

/// Enough of an address that the node's parser takes it and the file keeps its two lines.
pub(super) fn is_address(email: &str) -> bool {
    let plain = email
        .chars()
        .all(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | ','));
    plain
        && email
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
}
