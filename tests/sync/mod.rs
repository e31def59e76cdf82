//! `sync` and `render`, the binary against real servers: a Kubernetes API server with etcd inside,
//! and moto. Files are sealed by the reference tool.

#[cfg(feature = "aws")]
mod beside;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod deadline;
mod directory;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod faults;
mod flags;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod fleet;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod histories;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod keepers;
#[cfg(feature = "kubernetes")]
mod kubeconfig;
#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod lost;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod marks;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod ownership;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod patience;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod replaced;
#[cfg(feature = "aws")]
mod reviewed;
#[cfg(feature = "kubernetes")]
mod rights;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod scale;
mod schema;
#[cfg(feature = "aws")]
mod secrets_manager;
#[cfg(feature = "aws")]
mod settings;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod spellings;
#[cfg(feature = "kubernetes")]
mod status;
#[cfg(all(feature = "kubernetes", feature = "aws"))]
mod surroundings;
mod wallet;
#[cfg(feature = "kubernetes")]
mod workloads;

use serde_json::Value;

use crate::support::{RECIPIENT, Run, Scene};

/// What every environment here begins with.
const SECRETS: [(&str, &str); 5] = [
    ("user_password", "correct-horse-battery-1"),
    ("wallet_password", "a-long-wallet-passphrase-2"),
    ("cryptocompare_api_key", "cc_0123456789abcdef"),
    ("tiingo_api_key", "tg_01&23<45\"6\\789é"),
    ("database_password", "p4ss#with/odd%chars@16"),
];

/// The identity of the repository that every world is.
#[cfg(feature = "kubernetes")]
const IDENTITY: &str = "testtesttesttest";

/// The URL that the last of them becomes.
const DATABASE_URL: &str =
    "postgres://chainlink:p4ss%23with%2Fodd%25chars%4016@db.example.net/chainlink?sslmode=require";

/// An environment called `dev` with its secrets, and the scene that it is in.
struct World {
    scene: Scene,
    secrets: Vec<(String, String)>,
}

impl World {
    /// With these targets, one a line of a YAML list.
    fn new(scene: Scene, targets: &[&str]) -> Self {
        let mut text = "\
version: 1
name: chainlink
identity: testtesttesttest
environments:
  dev:
    profile: trackit
    sealed: sealed.yaml
    node: { user_email: ops@example.com }
    database: { user: chainlink, host: db.example.net, name: chainlink, sslmode: require }
    targets:
"
        .to_owned();
        for target in targets {
            text.push_str("      - ");
            text.push_str(target);
            text.push('\n');
        }
        let secrets = SECRETS.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let world = Self {
            scene: scene.file("clsecrets.yaml", text),
            secrets: secrets.into(),
        };
        world.seal();
        world
    }

    /// Seals the secrets with one of them changed or taken out.
    fn set(&mut self, key: &str, value: Option<&str>) {
        self.secrets.retain(|(name, _)| name != key);
        if let Some(value) = value {
            self.secrets.push((key.to_owned(), value.to_owned()));
        }
        self.seal();
    }

    fn seal(&self) {
        let lines = self.secrets.iter();
        // A JSON text is a YAML text in double quotes.
        let clear: Vec<String> = lines
            .map(|(key, value)| format!("{key}: {}\n", Value::from(value.as_str())))
            .collect();
        self.scene.write("clear.yaml", clear.concat());
        let line = format!("encrypt --age {RECIPIENT} clear.yaml");
        let sealed = self.scene.sops(&line).succeeds();
        self.scene.write("sealed.yaml", &sealed.stdout);
    }

    /// Gives `clsecrets.yaml` another identity, or takes it away.
    #[cfg(feature = "kubernetes")]
    fn identify(&self, identity: Option<&str>) {
        let text = self.scene.read("clsecrets.yaml");
        let line = identity.map(|identity| format!("identity: {identity}\n"));
        let line = line.unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with("identity:"));
        let text: Vec<String> = lines.map(|line| format!("{line}\n")).collect();
        let text = text.concat();
        let text = text.replacen("name: chainlink\n", &format!("name: chainlink\n{line}"), 1);
        self.scene.write("clsecrets.yaml", text);
    }

    /// Runs `sync --env dev` with more words.
    fn sync(&self, words: &str) -> Run {
        self.scene.run(&format!("sync --env dev {words}"))
    }

    /// Delivers, and gives the report of a run that succeeds.
    #[track_caller]
    fn apply(&self) -> Value {
        let report = self.sync("-y --json").succeeds().json();
        schema::is_valid(&self.scene, &report);
        report
    }

    /// Fails if any value of this environment, in any encoding, is where it should not be.
    #[track_caller]
    fn leaks_nothing(&self, allowed: &[&str]) {
        let mut values: Vec<&str> = self
            .secrets
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        values.push(DATABASE_URL);
        let mut files = vec!["clear.yaml"];
        files.extend(allowed);
        assert_eq!(self.scene.leaks(&values, &files), Vec::<String>::new());
    }
}

/// `name: op [key ops]` of each object of the first target, to compare a run in one look.
fn ops(report: &Value) -> Vec<String> {
    let objects = report["targets"][0]["objects"].as_array().unwrap();
    objects
        .iter()
        .map(|object| {
            let keys = object["keys"].as_array().unwrap().iter();
            let keys: Vec<String> = keys
                .map(|key| format!("{} {}", text(&key["op"]), text(&key["name"])))
                .collect();
            let (name, op) = (text(&object["name"]), text(&object["op"]));
            format!("{name}: {op} [{}]", keys.join(", "))
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
