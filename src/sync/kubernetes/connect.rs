//! From a context of the kubeconfig to connections, made once in a run. There is no default cluster:
//! the context is named in `clsecrets.yaml`, and may have to lead to an expected server.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use zeroize::Zeroizing;

use super::client::Client;
use super::kubeconfig::{self, Cluster, wrong};
use super::login::Login;
use super::plugin::Plugin;
use super::proxy::proxy;
use super::wire::{Trust, Wire};
use crate::settings::Settings;
use crate::sync::limits::is_label;
use crate::sync::{Fault, KubernetesConfig, TargetError};

/// The context that means the pod's own cluster.
const IN_CLUSTER: &str = "in-cluster";
/// Where a pod has what it needs for that.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Requests of one cluster at a time.
const OF_ONE: usize = 16;
/// Requests of all clusters at a time, so that a run has few files open, however many they are.
const OF_ALL: usize = 32;

/// The clusters of a run, by context.
pub(in crate::sync) struct Clusters {
    known: Mutex<BTreeMap<String, Arc<Known>>>,
    all: Arc<Semaphore>,
}

/// What came of the first to connect; the others take it as it is.
type Known = OnceCell<Result<Arc<Connection>, TargetError>>;

/// One API server.
pub(super) struct Connection {
    pub(super) wire: Wire,
    pub(super) login: Login,
    /// Its address, as it is shown.
    pub(super) server: String,
    /// What every path begins with.
    pub(super) base: String,
    /// Whom it takes us for; asked once, also when there is no answer.
    pub(super) user: OnceCell<Result<String, TargetError>>,
    own: Semaphore,
    all: Arc<Semaphore>,
}

impl Default for Clusters {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            all: Arc::new(Semaphore::new(OF_ALL)),
        }
    }
}

impl fmt::Debug for Clusters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clusters").finish_non_exhaustive()
    }
}

impl Connection {
    /// Waits until a request may go.
    pub(super) async fn turn(&self) -> (Option<SemaphorePermit<'_>>, Option<SemaphorePermit<'_>>) {
        let own = self.own.acquire().await;
        (own.ok(), self.all.acquire().await.ok())
    }
}

impl Clusters {
    /// Connects, if nobody has yet in this run.
    pub(super) async fn connect(
        &self,
        config: &KubernetesConfig,
        settings: &Settings,
    ) -> Result<Client, TargetError> {
        if !is_label(&config.namespace) {
            return Err(wrong(format!(
                "{} is not a valid name for a namespace",
                config.namespace
            )));
        }
        let manager = config.owner.manager();
        if manager.len() > 128 || !manager.chars().all(is_plain) {
            return Err(wrong(format!(
                "{manager} is not a valid name for a field manager; shorten the name of the environment"
            )));
        }
        let (known, number) = {
            let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let known = Arc::clone(all.entry(config.context.clone()).or_default());
            (known, all.len())
        };
        let connection = known.get_or_init(|| {
            // Boxed, for it is large, and whoever only waits for it needs no room for it.
            let open = Box::pin(open(&config.context, settings, number, &self.all));
            async { Ok(Arc::new(open.await?)) }
        });
        let connection = connection.await.clone()?;
        let server = &connection.server;
        if let Some(expected) = &config.expect_server
            && expected.trim_end_matches('/') != server.trim_end_matches('/')
        {
            return Err(TargetError::new(
                Fault::WrongPlace,
                format!(
                    "the context {} leads to {server}, not to {expected}",
                    config.context
                ),
            )
            .hint("correct the context in the kubeconfig, or expect_server in clsecrets.yaml"));
        }
        Ok(Client { connection })
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// How many connections are kept that nobody uses: few where there are many clusters.
fn idle(number: usize) -> usize {
    match number {
        0..=2 => OF_ONE,
        3..=32 => 1,
        _ => 0,
    }
}

async fn open(
    context: &str,
    settings: &Settings,
    number: usize,
    all: &Arc<Semaphore>,
) -> Result<Connection, TargetError> {
    let (server, cluster, login, mut trust) = if context == IN_CLUSTER {
        of_pod(settings)?
    } else {
        let (cluster, mut user) = kubeconfig::find(context, settings)?;
        let trust = Trust::of(&cluster, &user, context)?;
        let server = address(&cluster, context)?;
        let authority = trust.authority.as_ref().map(|pem| STANDARD.encode(pem));
        let plugin = user
            .exec
            .take()
            .map(|exec| Plugin::of(exec, &cluster, authority, context))
            .transpose()?;
        let login = Login::of(&user, plugin, context, settings.now)?;
        (server, cluster, login, trust)
    };
    if let Some(given) = login.begin().await?
        && let (Some(certificate), Some(key)) =
            (given.client_certificate_data, given.client_key_data.text())
    {
        let key = Zeroizing::new(key.as_bytes().to_vec());
        trust.identity = Some((certificate.into_bytes(), key));
    }
    let way = proxy(cluster.proxy_url.as_deref(), &server, settings)?;
    let wire = Wire::new(&server, &trust, way.as_ref(), idle(number), context)?;
    let shown = server.to_string();
    Ok(Connection {
        wire,
        login,
        base: shown.trim_end_matches('/').to_owned(),
        server: shown,
        user: OnceCell::new(),
        own: Semaphore::new(OF_ONE),
        all: Arc::clone(all),
    })
}

/// A server's address; without a scheme it is `https`, so that no token goes out in clear by accident.
fn address(cluster: &Cluster, context: &str) -> Result<Uri, TargetError> {
    let server = cluster.server.as_deref().unwrap_or_default();
    let whole = if server.contains("://") {
        server.to_owned()
    } else {
        format!("https://{server}")
    };
    let address: Option<Uri> = whole.parse().ok();
    address
        .filter(|uri| {
            let has_login = uri
                .authority()
                .is_none_or(|whole| whole.as_str().contains('@'));
            let is_plain = uri.query().is_none() && !has_login;
            matches!(uri.scheme_str(), Some("https" | "http")) && is_plain
        })
        .ok_or_else(|| {
            wrong(format!(
                "the server of the context {context} is not an address; one looks like https://HOST:PORT"
            ))
        })
}

/// What a pod has: a token, an authority, and variables with the server's address.
fn of_pod(settings: &Settings) -> Result<(Uri, Cluster, Login, Trust), TargetError> {
    let absent = || wrong("this process does not run in a pod with a service account");
    let folder = Path::new(ACCOUNT);
    let host = settings.var("KUBERNETES_SERVICE_HOST").ok_or_else(absent)?;
    let port = settings.var("KUBERNETES_SERVICE_PORT").ok_or_else(absent)?;
    let port: u16 = port.parse().map_err(|_| absent())?;
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let server = format!("https://{host}:{port}");
    let server: Uri = server.parse().map_err(|_| absent())?;
    let authority = crate::fs::read(&folder.join("ca.crt")).map_err(|_| absent())?;
    let token = folder.join("token");
    if !token.is_file() {
        return Err(absent());
    }
    let trust = Trust {
        authority: Some(authority.bytes.to_vec()),
        identity: None,
        name: None,
        is_blind: false,
    };
    let login = Login::by_file(&token, IN_CLUSTER);
    Ok((server, Cluster::default(), login, trust))
}

#[cfg(test)]
mod tests;
