//! Profile `trackit`: the objects that the `TrackIt` layout's charts mount, with the same names and
//! the same bytes.
//!
//! No labels, annotations or tags belong to it, so that Terraform sees no drift. What has no
//! source is left out and named.

use super::adapters::KNOWN;
use super::credentials::adapter_key;
use super::database::check_url;
use super::{
    ChainlinkError, Credentials, Desired, Entry, Environment, Form, Place, Projection, Skipped,
    WHOLE,
};
use crate::secret::SecretBytes;

const API_SECRETS: &str = "api-secrets";
const NODE_CREDENTIALS: &str = "node-credentials";

/// Whether the profile could have made a field of this name in a JSON text.
pub fn is_field(name: &str) -> bool {
    let fixed = ["user_email", "user_password", "wallet_password"];
    fixed.contains(&name) || name.ends_with("_api_key")
}

/// The profile over one environment: everything is checked, both projections only copy.
#[derive(Debug)]
pub struct Trackit<'a> {
    environment: &'a Environment,
    credentials: &'a Credentials,
    adapters: Vec<String>,
    database_url: Option<(SecretBytes, String)>,
    no_database: &'static str,
}

impl<'a> Trackit<'a> {
    /// Checks an environment against its credentials.
    pub fn new(
        environment: &'a Environment,
        credentials: &'a Credentials,
    ) -> Result<Self, Vec<ChainlinkError>> {
        let mut problems = Vec::new();
        let setting = |field: &str, reason: &str| ChainlinkError::Setting {
            environment: environment.name.clone(),
            field: field.to_owned(),
            reason: reason.to_owned(),
        };
        if credentials.user_password.is_some() {
            match environment.user_email.as_deref() {
                None => problems.push(setting(
                    "node.user_email",
                    "is missing; the node's API user is made of it and of user_password",
                )),
                Some(email) if !is_address(email) => {
                    problems.push(setting("node.user_email", "is no email address"));
                }
                Some(_) => {}
            }
        }
        let adapters = environment.adapters.clone().unwrap_or_else(|| {
            let found = credentials.adapters.iter();
            found.map(super::Adapter::name).collect()
        });
        let mut names = vec![API_SECRETS, environment.prefix.as_str()];
        for name in &adapters {
            if names.contains(&name.as_str()) {
                let reason = format!("has {name} twice, or it is the name of another object");
                problems.push(setting("adapters", &reason));
            }
            names.push(name);
        }
        if environment.prefix == API_SECRETS {
            problems.push(setting("name", "is the name of another object"));
        }
        let mut no_database = "no database_password and no database_url in the sealed file";
        let from = |key: &str| {
            let other = environment.password_from.as_ref();
            other.map_or_else(|| key.to_owned(), |name| format!("password_from {name}"))
        };
        let database_url = match (&credentials.database_url, &credentials.database_password) {
            (Some(url), _) => {
                if let Err(problem) = check_url(url) {
                    problems.push(problem);
                }
                Some((url.duplicate(), from("database_url")))
            }
            (None, Some(password)) => match &environment.database {
                None => {
                    no_database = "no database in clsecrets.yaml for database_password";
                    None
                }
                Some(database) => match database.url("postgres", password) {
                    Ok(url) => Some((url, from("database_password"))),
                    Err((field, reason)) => {
                        problems.push(setting(&format!("database.{field}"), &reason));
                        None
                    }
                },
            },
            (None, None) => None,
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            environment,
            credentials,
            adapters,
            database_url,
            no_database,
        })
    }

    /// Objects with data keys: for Kubernetes, and for a directory, which shows what a node mounts.
    pub fn data(&self) -> Projection {
        let mut projection = Projection::default();
        let mut entries = Vec::new();
        match &self.credentials.user_password {
            Some(password) => entries.push(Entry {
                key: ".api".to_owned(),
                value: self.api_file(password),
                sources: vec!["user_password".to_owned()],
            }),
            None => projection.skip(API_SECRETS, Some(".api"), "no user_password"),
        }
        match &self.credentials.wallet_password {
            Some(password) => entries.push(Entry::of(".password", password, "wallet_password")),
            None => projection.skip(API_SECRETS, Some(".password"), "no wallet_password"),
        }
        projection.wallet.push(Place {
            object: API_SECRETS.to_owned(),
            key: ".password".to_owned(),
        });
        projection.add(API_SECRETS, Form::Data, entries);
        for name in &self.adapters {
            match self.credentials.adapter(name) {
                Some(adapter) => {
                    let entry = Entry::of("api-key", &adapter.value, &adapter.key);
                    projection.add(name, Form::Data, vec![entry]);
                }
                None => projection.skip(name, None, &format!("no {}", adapter_key(name))),
            }
        }
        let name = self.environment.prefix.as_str();
        match &self.database_url {
            Some((url, source)) => {
                projection.add(name, Form::Data, vec![Entry::of("db-url", url, source)]);
            }
            None => projection.skip(name, Some("db-url"), self.no_database),
        }
        let fixed = [API_SECRETS, name].into_iter().map(str::to_owned);
        let known = KNOWN.iter().map(|name| (*name).to_owned());
        projection.possible = fixed.chain(known).chain(self.adapters.clone()).collect();
        projection
    }

    /// Objects with one text: for Secrets Manager.
    pub fn texts(&self, prefix: &str) -> Projection {
        let mut projection = Projection::default();
        let api_keys = format!("{prefix}api-keys");
        let delivered = self.adapters.iter();
        let mut entries: Vec<Entry> = delivered
            .filter_map(|name| self.credentials.adapter(name))
            .map(|adapter| Entry::of(&adapter.key, &adapter.value, &adapter.key))
            .collect();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        if entries.is_empty() {
            projection.skip(&api_keys, None, "no <adapter>_api_key of a listed adapter");
        }
        projection.add(&api_keys, Form::Json, entries);

        let node = format!("{prefix}{NODE_CREDENTIALS}");
        let mut entries = Vec::new();
        match (
            &self.credentials.user_password,
            &self.environment.user_email,
        ) {
            (Some(password), Some(email)) => {
                let email = SecretBytes::copy_of(email.as_bytes());
                entries.push(Entry {
                    key: "user_email".to_owned(),
                    value: email,
                    sources: Vec::new(),
                });
                entries.push(Entry::of("user_password", password, "user_password"));
            }
            _ => projection.skip(&node, Some("user_password"), "no user_password"),
        }
        match &self.credentials.wallet_password {
            Some(wallet) => {
                entries.push(Entry::of("wallet_password", wallet, "wallet_password"));
            }
            None => projection.skip(&node, Some("wallet_password"), "no wallet_password"),
        }
        projection.wallet.push(Place {
            object: node.clone(),
            key: "wallet_password".to_owned(),
        });
        projection.add(&node, Form::Json, entries);

        let url_name = format!("{prefix}psql-url");
        match &self.database_url {
            Some((url, source)) => {
                let entry = Entry::of(WHOLE, url, source);
                projection.add(&url_name, Form::Text, vec![entry]);
            }
            None => projection.skip(&url_name, None, self.no_database),
        }
        projection.possible = vec![api_keys, node, url_name];
        projection
    }

    /// Keys of the sealed files that no object is made of.
    pub fn unused(&self) -> Vec<String> {
        let mut unused = self.credentials.unused.clone();
        let listed: Vec<String> = self.adapters.iter().map(|name| adapter_key(name)).collect();
        let adapters = self.credentials.adapters.iter();
        unused.extend(
            adapters
                .filter(|adapter| !listed.contains(&adapter.key))
                .map(|adapter| adapter.key.clone()),
        );
        unused
    }

    /// The file of the API user: two lines, no line end at the end.
    fn api_file(&self, password: &SecretBytes) -> SecretBytes {
        let email = self.environment.user_email.as_deref().unwrap_or_default();
        let mut file = Vec::with_capacity(email.len() + 1 + password.len());
        file.extend_from_slice(email.as_bytes());
        file.push(b'\n');
        file.extend_from_slice(password.expose());
        SecretBytes::new(file)
    }
}

impl Projection {
    fn add(&mut self, name: &str, form: Form, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.objects.push(Desired {
                name: name.to_owned(),
                form,
                entries,
            });
        }
    }

    fn skip(&mut self, object: &str, key: Option<&str>, reason: &str) {
        self.skipped.push(Skipped {
            object: object.to_owned(),
            key: key.map(str::to_owned),
            reason: reason.to_owned(),
        });
    }
}

/// Enough of an address that the node's parser takes it and the file keeps its two lines.
fn is_address(email: &str) -> bool {
    let plain = email
        .chars()
        .all(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | ','));
    plain
        && email
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chainlink::Database;

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::copy_of(text.as_bytes())
    }

    fn environment() -> Environment {
        Environment {
            password_from: None,
            name: "dev".to_owned(),
            prefix: "chainlink".to_owned(),
            user_email: Some("ops@example.com".to_owned()),
            database: Some(Database {
                user: "chainlink".to_owned(),
                host: "db.example.net".to_owned(),
                port: None,
                name: "chainlink".to_owned(),
                sslmode: Some("require".to_owned()),
            }),
            adapters: None,
        }
    }

    fn credentials() -> Credentials {
        Credentials {
            user_password: Some(secret("correct-horse-battery-1")),
            wallet_password: Some(secret("a-long-wallet-passphrase-2")),
            database_password: Some(secret("db@1")),
            adapters: ["cryptocompare_api_key", "tiingo_api_key"]
                .map(|key| crate::chainlink::Adapter {
                    key: key.to_owned(),
                    value: secret(&key[..2]),
                })
                .into(),
            ..Credentials::default()
        }
    }

    fn shown(projection: &Projection) -> Vec<String> {
        let objects = projection.objects.iter();
        objects
            .flat_map(|object| {
                object.entries.iter().map(|entry| {
                    let value = String::from_utf8_lossy(entry.value.expose()).into_owned();
                    format!("{}/{}={value:?}", object.name, entry.key)
                })
            })
            .collect()
    }

    #[test]
    fn the_data_objects_have_the_names_and_bytes_of_the_charts() {
        let (environment, credentials) = (environment(), credentials());
        let projection = Trackit::new(&environment, &credentials).unwrap().data();
        assert_eq!(
            shown(&projection),
            [
                r#"api-secrets/.api="ops@example.com\ncorrect-horse-battery-1""#,
                r#"api-secrets/.password="a-long-wallet-passphrase-2""#,
                r#"cryptocompare/api-key="cr""#,
                r#"tiingo/api-key="ti""#,
                r#"chainlink/db-url="postgres://chainlink:db%401@db.example.net/chainlink?sslmode=require""#,
            ]
        );
        assert!(projection.skipped.is_empty());
    }

    #[test]
    fn the_text_objects_have_the_prefix_and_hold_the_same_url() {
        let (environment, credentials) = (environment(), credentials());
        let trackit = Trackit::new(&environment, &credentials).unwrap();
        let projection = trackit.texts("chainlink-dev-");
        assert_eq!(
            shown(&projection),
            [
                r#"chainlink-dev-api-keys/cryptocompare_api_key="cr""#,
                r#"chainlink-dev-api-keys/tiingo_api_key="ti""#,
                r#"chainlink-dev-node-credentials/user_email="ops@example.com""#,
                r#"chainlink-dev-node-credentials/user_password="correct-horse-battery-1""#,
                r#"chainlink-dev-node-credentials/wallet_password="a-long-wallet-passphrase-2""#,
                r#"chainlink-dev-psql-url/value="postgres://chainlink:db%401@db.example.net/chainlink?sslmode=require""#,
            ]
        );
    }

    #[test]
    fn what_has_no_source_is_left_out_and_named() {
        let mut environment = environment();
        environment.adapters = Some(vec!["tiingo".to_owned(), "bea".to_owned()]);
        environment.database = None;
        let mut credentials = credentials();
        credentials.wallet_password = None;
        let trackit = Trackit::new(&environment, &credentials).unwrap();
        let projection = trackit.data();
        let skipped: Vec<String> = projection
            .skipped
            .iter()
            .map(|skip| format!("{} {:?}: {}", skip.object, skip.key, skip.reason))
            .collect();
        assert_eq!(
            skipped,
            [
                r#"api-secrets Some(".password"): no wallet_password"#,
                "bea None: no bea_api_key",
                r#"chainlink Some("db-url"): no database in clsecrets.yaml for database_password"#,
            ]
        );
        assert_eq!(trackit.unused(), ["cryptocompare_api_key"]);
        // The guard looks there even if nothing is delivered.
        assert_eq!(projection.wallet.len(), 1);
    }

    #[test]
    fn a_missing_or_impossible_email_is_named_by_its_field() {
        for email in [None, Some("nobody"), Some("a@b\nc"), Some("@b")] {
            let mut environment = environment();
            environment.user_email = email.map(str::to_owned);
            let credentials = credentials();
            let problems = Trackit::new(&environment, &credentials).unwrap_err();
            let text = problems.first().unwrap().to_string();
            assert!(
                text.starts_with("node.user_email of environment dev"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_adapter_may_not_take_the_name_of_another_object() {
        for name in ["api-secrets", "chainlink"] {
            let mut environment = environment();
            environment.adapters = Some(vec![name.to_owned()]);
            let credentials = credentials();
            assert!(Trackit::new(&environment, &credentials).is_err(), "{name}");
        }
    }
}
