//! One environment of `clsecrets.yaml`, as far as its objects depend on it. Plain values.

use super::composition::ObjectSpec;
use super::credentials::Credentials;
use super::database::Database;
use super::version::Version;

/// What the credentials of an environment become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// The objects of the `TrackIt` charts.
    #[default]
    Trackit,
    /// Files of a node from version 2 on, and variables of adapters.
    NodeV2,
    /// The objects of Chainlink Labs' cluster chart.
    CllCluster,
    /// What `objects` spells out.
    Custom,
}

/// One environment.
#[derive(Debug, Default)]
pub struct Environment {
    /// Its name: `dev`.
    pub name: String,
    /// The name that object names begin with: `chainlink`.
    pub prefix: String,
    /// What its credentials become.
    pub profile: Profile,
    /// Whether a person has to confirm by name.
    pub is_protected: bool,
    /// The node, where there is one; what holds for all nodes else.
    pub node: NodeSettings,
    /// The external adapters; `None` means those that the sealed file has.
    pub adapters: Option<Vec<String>>,
    /// The nodes, where there are several. Each is complete.
    pub nodes: Vec<NodeSettings>,
    /// Objects of profile `custom`.
    pub objects: Vec<ObjectSpec>,
}

/// One node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSettings {
    /// Its name, which object names begin with.
    pub name: String,
    /// Its version.
    pub version: Option<Version>,
    /// The email address of its API user.
    pub user_email: Option<String>,
    /// Where its database is.
    pub database: Option<Database>,
    /// The node whose database it shares, to stand in for it.
    pub failover_of: Option<String>,
    /// What runs it: `statefulset/chainlink`.
    pub workload: Option<String>,
    /// Whether its key ring may be older than the rule of sixteen bytes.
    pub has_legacy_keystore: bool,
}

impl Environment {
    /// Where `clsecrets.yaml` names no nodes and the sealed files do, these are the nodes.
    pub fn take_nodes_of(&mut self, credentials: &Credentials) {
        let has_nodes = matches!(self.profile, Profile::NodeV2 | Profile::CllCluster);
        if !has_nodes || !self.nodes.is_empty() {
            return;
        }
        let names = credentials.below("nodes").into_iter();
        self.nodes = names
            .map(|name| NodeSettings {
                name: name.to_owned(),
                ..self.node.clone()
            })
            .collect();
    }

    /// Where a setting of a node stands below the environment.
    pub fn setting_of(&self, node: &NodeSettings, field: &str) -> String {
        let is_own = self.nodes.iter().any(|own| own.name == node.name);
        match (is_own, field.starts_with("database")) {
            (true, _) => format!("nodes.{}.{field}", node.name),
            (false, true) => field.to_owned(),
            (false, false) => format!("node.{field}"),
        }
    }
}
