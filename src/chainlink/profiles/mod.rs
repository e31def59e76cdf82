//! Profiles: what the credentials of an environment become.

mod cluster;
mod custom;
mod node_v2;
mod trackit;

use std::collections::{BTreeSet, HashSet};

use super::catalogue::plain;
use super::credentials::Credentials;
use super::desired::{Desired, Entry, Form, Possible, Projection};
use super::environment::{Environment, NodeSettings, Profile};
use super::finding::{At, Finding};
use super::node::{Made, Node};
use custom::Custom;

/// An environment with its credentials, ready to be projected. Everything is put together here, both
/// projections only copy.
#[derive(Debug)]
pub struct Objects<'a> {
    environment: &'a Environment,
    credentials: &'a Credentials,
    pub(super) nodes: Vec<Node<'a>>,
    /// Names of adapters, as people write them.
    pub(super) adapters: Vec<String>,
    custom: Custom,
}

impl<'a> Objects<'a> {
    /// Puts them together; what is wrong with the environment goes to `findings`.
    pub fn new(
        environment: &'a Environment,
        credentials: &'a Credentials,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let scheme = match environment.profile {
            Profile::Trackit => "postgres",
            _ => "postgresql",
        };
        let settings: Vec<&NodeSettings> = if environment.nodes.is_empty() {
            vec![&environment.node]
        } else {
            environment.nodes.iter().collect()
        };
        let is_custom = environment.profile == Profile::Custom;
        let nodes = settings.into_iter().filter(|_| !is_custom);
        let nodes = nodes
            .map(|node| Node::new(node, environment, credentials, scheme, findings))
            .collect();
        let adapters = environment.adapters.clone().unwrap_or_else(|| {
            let found = credentials.adapters().into_iter();
            found.map(str::to_owned).collect()
        });
        let custom = if is_custom {
            Custom::new(environment, credentials, findings)
        } else {
            Custom::default()
        };
        let this = Self {
            environment,
            credentials,
            nodes,
            adapters,
            custom,
        };
        this.names(findings);
        this
    }

    /// Objects with data keys: for Kubernetes, and for a directory, which shows what a node mounts.
    pub fn data(&self, target: &str) -> Projection {
        match self.environment.profile {
            Profile::Trackit => trackit::data(self),
            Profile::NodeV2 => node_v2::data(self),
            Profile::CllCluster => cluster::data(self),
            Profile::Custom => self.custom.data(target),
        }
    }

    /// Objects with one text: for Secrets Manager.
    pub fn texts(&self, prefix: &str) -> Projection {
        match self.environment.profile {
            Profile::Trackit => trackit::texts(self, prefix),
            Profile::NodeV2 | Profile::CllCluster => node_v2::texts(self, prefix),
            Profile::Custom => self.custom.texts(prefix),
        }
    }

    /// Keys of the files that none of these objects is made of, though they could be delivered.
    pub fn unused<'p>(&self, projections: impl Iterator<Item = &'p Projection>) -> Vec<String> {
        let objects = projections.flat_map(|projection| &projection.objects);
        let entries = objects.flat_map(|object: &Desired| &object.entries);
        let used: BTreeSet<&str> = entries
            .flat_map(|entry| entry.sources.iter().map(String::as_str))
            .collect();
        let slots = self.credentials.all().filter(|(path, _)| {
            // Backups stay where they are, and an address is only compared.
            !super::is_kept(path) && !path.ends_with("/address")
        });
        let known = slots.map(|(_, slot)| slot.key.as_str());
        let unknown = self
            .credentials
            .unknown()
            .iter()
            .map(|one| one.key.as_str());
        let is_used = |key: &str| {
            let below = format!("{key}.");
            let mut next = used.range(below.as_str()..);
            used.contains(key) || next.next().is_some_and(|used| used.starts_with(&below))
        };
        let all = known.chain(unknown).filter(|key| !is_used(key));
        all.map(str::to_owned).collect()
    }

    /// The nodes whose key rings the wallet guard watches.
    pub fn wallet_nodes(&self) -> Vec<String> {
        match self.environment.profile {
            Profile::Custom => self.custom.wallet_nodes(),
            Profile::Trackit => vec![String::new()],
            _ => self
                .nodes
                .iter()
                .map(|node| node.name().to_owned())
                .collect(),
        }
    }

    /// No two objects may have one name.
    fn names(&self, findings: &mut Vec<Finding>) {
        let mut seen: HashSet<String> = HashSet::new();
        let objects = self.data("kubernetes").objects;
        let names = objects.iter().map(|object| object.name.clone());
        // Those without a source count, too: they can have one tomorrow.
        let adapters = self
            .adapters
            .iter()
            .filter(|name| self.environment.profile != Profile::Custom && !self.is_delivered(name));
        let adapters = adapters.map(|name| self.adapter_object(name));
        for name in names.chain(adapters) {
            if seen.contains(&name) {
                let field = match self.environment.profile {
                    Profile::Custom => "objects",
                    _ if self.adapters.iter().any(|a| self.adapter_object(a) == name) => "adapters",
                    _ => "nodes",
                };
                let message = format!(
                    "{field} of environment {} has {name} twice, or it is the name of another object",
                    self.environment.name
                );
                findings.push(Finding::new("V070", At::setting(field), message));
            }
            seen.insert(name);
        }
    }

    fn is_delivered(&self, adapter: &str) -> bool {
        match self.environment.profile {
            Profile::Trackit => self.api_key(adapter).is_some(),
            _ => !self.credentials.variables(adapter).is_empty(),
        }
    }

    fn adapter_object(&self, name: &str) -> String {
        match self.environment.profile {
            Profile::Trackit => name.to_owned(),
            _ => format!("adapter-{}", name.to_ascii_lowercase().replace('_', "-")),
        }
    }

    fn api_key(&self, adapter: &str) -> Option<&'a super::credentials::Slot> {
        self.credentials
            .get(&format!("adapters/{}/API_KEY", plain(adapter)))
    }

    /// One object for each adapter, with the names of its variables; and its API key under the name
    /// that charts mount besides.
    fn adapters_data(&self, projection: &mut Projection) {
        for name in &self.adapters {
            let object = self.adapter_object(name);
            let mut entries = self.variables(name);
            if let Some(slot) = self.api_key(name) {
                entries.push(Entry::of("api-key", &slot.value, &slot.key));
            }
            if entries.is_empty() {
                projection.skip(&object, None, &format!("no adapters.{name}"));
            }
            projection.add(&object, Form::Data, entries);
        }
    }

    fn variables(&self, adapter: &str) -> Vec<Entry> {
        let variables = self.credentials.variables(adapter).into_iter();
        variables
            .map(|(name, slot)| Entry::of(name, &slot.value, &slot.key))
            .collect()
    }
}

/// An entry of something made, if it is there.
fn entry(key: &str, made: Option<Made>) -> Option<Entry> {
    let (value, sources) = made?;
    Some(Entry::made(key, value, sources))
}

/// An entry of a text that is no secret.
fn literal(key: &str, text: &str) -> Entry {
    let value = crate::secret::SecretBytes::copy_of(text.as_bytes());
    Entry::made(key, value, Vec::new())
}

/// A second custody of something made.
fn again(made: Option<&Made>) -> Option<Made> {
    made.map(|(value, sources)| (value.duplicate(), sources.clone()))
}

/// What a target knows to be ours is looked at.
const OURS: Possible = Possible::Ours;
