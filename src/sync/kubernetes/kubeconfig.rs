//! What a kubeconfig says of a context, read as `kubectl` reads it: files of `KUBECONFIG` in their
//! order, of which the first to name something wins, and paths beside the file that names them.
//!
//! No word of a file goes into an error, for the next word may be a token.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::settings::Settings;
use crate::sync::{Fault, TargetError, printable};

/// The extension of a cluster that is for its users' plug-ins.
const FOR_PLUGINS: &str = "client.authentication.k8s.io/exec";
/// More than any kubeconfig has.
const LONGEST: usize = 16 << 20;

/// One file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    #[serde(deserialize_with = "null_is_none")]
    clusters: Vec<NamedCluster>,
    #[serde(deserialize_with = "null_is_none")]
    users: Vec<NamedUser>,
    #[serde(deserialize_with = "null_is_none")]
    contexts: Vec<NamedContext>,
}

#[derive(Debug, Deserialize)]
struct NamedCluster {
    name: String,
    #[serde(default, deserialize_with = "null_is_none")]
    cluster: Cluster,
}

#[derive(Debug, Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default, deserialize_with = "null_is_none")]
    user: User,
}

#[derive(Debug, Deserialize)]
struct NamedContext {
    name: String,
    #[serde(default, deserialize_with = "null_is_none")]
    context: Context,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Context {
    cluster: Option<String>,
    user: Option<String>,
}

/// How a cluster is reached.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Cluster {
    pub(super) server: Option<String>,
    pub(super) certificate_authority: Option<String>,
    pub(super) certificate_authority_data: Option<String>,
    pub(super) insecure_skip_tls_verify: Option<bool>,
    pub(super) tls_server_name: Option<String>,
    pub(super) proxy_url: Option<String>,
    extensions: Option<Vec<Extension>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extension {
    name: String,
    extension: serde_json::Value,
}

/// As whom.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct User {
    pub(super) client_certificate: Option<String>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) client_key_data: Hidden,
    pub(super) token: Hidden,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Hidden,
    #[serde(rename = "as")]
    pub(super) impersonate: Option<String>,
    #[serde(rename = "as-uid")]
    pub(super) impersonate_uid: Option<String>,
    #[serde(rename = "as-groups")]
    pub(super) impersonate_groups: Option<Vec<String>>,
    #[serde(rename = "as-user-extra")]
    pub(super) impersonate_extra: Option<BTreeMap<String, Vec<String>>>,
    pub(super) exec: Option<Exec>,
    pub(super) auth_provider: Option<Provider>,
}

/// A plug-in that logs in.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Exec {
    pub(super) api_version: Option<String>,
    pub(super) command: Option<String>,
    pub(super) args: Option<Vec<String>>,
    pub(super) env: Option<Vec<Variable>>,
    pub(super) interactive_mode: Option<String>,
    pub(super) provide_cluster_info: Option<bool>,
}

/// A variable for a plug-in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: Hidden,
}

/// A provider of logins that is a part of the client.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) config: Option<BTreeMap<String, Hidden>>,
}

/// A text that is not shown; none if it is empty.
#[derive(Default)]
pub(super) struct Hidden(Option<Secret<String>>);

impl Hidden {
    pub(super) fn text(&self) -> Option<&str> {
        let text = self.0.as_ref()?.expose().as_str();
        (!text.is_empty()).then_some(text)
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.map(Secret::new)))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What a plug-in is told of the cluster, if it asks for that.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ForPlugin<'a> {
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure_skip_tls_verify: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a serde_json::Value>,
}

impl Cluster {
    /// What a plug-in is told of it; `authority` is in base64.
    pub(super) fn for_plugin(&self, authority: Option<String>) -> ForPlugin<'_> {
        let mut extensions = self.extensions.iter().flatten();
        let config = extensions.find(|extension| extension.name == FOR_PLUGINS);
        ForPlugin {
            server: self.server.as_deref().unwrap_or_default(),
            tls_server_name: self.tls_server_name.as_deref(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            certificate_authority_data: authority,
            proxy_url: self.proxy_url.as_deref(),
            config: config.map(|extension| &extension.extension),
        }
    }
}

/// The cluster and the user of a context.
pub(super) fn find(context: &str, settings: &Settings) -> Result<(Cluster, User), TargetError> {
    let mut all = File::default();
    let mut is_there = false;
    for path in paths(settings) {
        if let Some(file) = read(&path)? {
            is_there = true;
            all.clusters.extend(file.clusters);
            all.users.extend(file.users);
            all.contexts.extend(file.contexts);
        }
    }
    if !is_there {
        return Err(
            wrong("there is not a kubeconfig").hint("set KUBECONFIG, or write ~/.kube/config")
        );
    }
    let names: Vec<String> = all
        .contexts
        .iter()
        .map(|one| printable(&one.name))
        .collect();
    let mut contexts = all.contexts.into_iter();
    let Some(NamedContext { context: found, .. }) = contexts.find(|one| one.name == context) else {
        let known = if names.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", names.join(", "))
        };
        return Err(wrong(format!(
            "the kubeconfig has no context {context}; {known}"
        )));
    };
    let mut clusters = all.clusters.into_iter();
    let cluster = clusters
        .find(|one| Some(&one.name) == found.cluster.as_ref())
        .map(|one| one.cluster)
        .filter(|cluster| cluster.server.as_ref().is_some_and(|url| !url.is_empty()));
    let Some(cluster) = cluster else {
        let reason =
            format!("the context {context} of the kubeconfig has no cluster with a server");
        return Err(wrong(reason).hint(format!("kubectl --context {context} config view --minify")));
    };
    // Who has no user comes as nobody.
    let mut users = all.users.into_iter();
    let user = users.find(|one| Some(&one.name) == found.user.as_ref());
    Ok((cluster, user.map(|one| one.user).unwrap_or_default()))
}

/// One file; `None` if it is not there, which is no fault of a list.
fn read(path: &Path) -> Result<Option<File>, TargetError> {
    let content = match crate::fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let reason = crate::fs::plain(&error);
            return Err(wrong(format!("cannot read {}: {reason}", path.display())));
        }
    };
    let read = text(&content.bytes).and_then(|text| parse(&text));
    let Some(mut file) = read else {
        return Err(
            wrong(format!("{} is not a kubeconfig", path.display())).hint(format!(
                "kubectl --kubeconfig {} config view",
                path.display()
            )),
        );
    };
    if let Some(folder) = path.parent() {
        anchor(&mut file, folder);
    }
    Ok(Some(file))
}

/// The first document of a text; nothing in it is nothing said.
fn parse(text: &str) -> Option<File> {
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Result<Vec<Option<File>>, _> =
        serde_saphyr::from_multiple_with_options(text, options);
    let first = documents.ok()?.into_iter().next().flatten();
    Some(first.unwrap_or_default())
}

/// A text in UTF-8, or in UTF-16 with a mark, as PowerShell writes it.
fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    if bytes.len() > LONGEST {
        return None;
    }
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let mut units: Zeroizing<Vec<u16>> = Zeroizing::new(Vec::with_capacity(pairs.len()));
        units.extend(pairs.iter().copied().map(unit));
        odd.is_empty().then(|| String::from_utf16(&units).ok())?
    };
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes)?,
        [0xEF, 0xBB, 0xBF, rest @ ..] => std::str::from_utf8(rest).ok()?.to_owned(),
        _ => std::str::from_utf8(bytes).ok()?.to_owned(),
    };
    Some(Zeroizing::new(text))
}

/// Paths in a file are from its folder on. A command without a slash is looked for in `PATH`.
fn anchor(file: &mut File, folder: &Path) {
    let anchor = |path: &mut Option<String>| {
        if let Some(path) = path.as_mut().filter(|path| !path.is_empty())
            && let Some(whole) = folder.join(&*path).to_str()
        {
            whole.clone_into(path);
        }
    };
    for one in &mut file.clusters {
        anchor(&mut one.cluster.certificate_authority);
    }
    for NamedUser { user, .. } in &mut file.users {
        anchor(&mut user.client_certificate);
        anchor(&mut user.client_key);
        anchor(&mut user.token_file);
        let command = user.exec.as_mut().map(|exec| &mut exec.command);
        if let Some(command) = command
            && command.as_ref().is_some_and(|path| path.contains('/'))
        {
            anchor(command);
        }
    }
}

fn paths(settings: &Settings) -> Vec<PathBuf> {
    match settings.var("KUBECONFIG") {
        Some(list) => std::env::split_paths(list)
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| settings.absolute(&path))
            .collect(),
        None => settings
            .home()
            .map(|home| home.join(".kube/config"))
            .into_iter()
            .collect(),
    }
}

fn null_is_none<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A path that a kubeconfig names, if it looks like one: a key can be in its place by mistake.
pub(super) fn named(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+~ ".contains(c);
    if name.len() <= 64 && name.chars().all(is_plain) {
        format!(" {}", printable(path))
    } else {
        String::new()
    }
}

pub(super) fn wrong(reason: impl Into<String>) -> TargetError {
    TargetError::new(Fault::Configuration, reason)
}
