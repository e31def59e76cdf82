//! The way to one API server: TLS, a proxy if there is one, and pooled connections.
//!
//! The surprise: what checks a client's certificate before it is sent refuses certificates of X.509
//! version 1, which API servers take. So only what can be read is checked here.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::ConfigExt;
use percent_encoding::percent_decode_str;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, InconsistentKeys};
use url::Url;
use zeroize::Zeroizing;

use super::kubeconfig::{Cluster, User, named, wrong};
use super::proxy;
use crate::sync::TargetError;

/// A connection is made within this time, or not at all.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// A connection that nobody has used for so long is closed.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// A request without an answer; what is in it is not for people.
pub(super) type Lost = Box<dyn std::error::Error + Send + Sync>;

type Http<C> = Client<HttpsConnector<C>, Full<Bytes>>;

/// Connections to one server.
pub(super) enum Wire {
    Direct(Http<HttpConnector>),
    Tunnel(Http<Tunnel<HttpConnector>>),
    Socks(Http<SocksV5<HttpConnector>>),
}

/// What TLS is to know.
pub(super) struct Trust {
    /// The authority's certificates in PEM; without any the system's.
    pub(super) authority: Option<Vec<u8>>,
    /// The client's certificate and key in PEM.
    pub(super) identity: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// The name in the server's certificate, if it is not the one in its address.
    pub(super) name: Option<String>,
    /// Whoever answers is taken for the server.
    pub(super) is_blind: bool,
}

impl Wire {
    /// Prepares connections, of which no more than `idle` are kept.
    pub(super) fn new(
        server: &Uri,
        trust: &Trust,
        way: Option<&Url>,
        idle: usize,
        context: &str,
    ) -> Result<Self, TargetError> {
        let tls = tls(server, trust, context)?;
        let expected = match &trust.name {
            None => None,
            Some(name) => Some(ServerName::try_from(name.clone()).map_err(|_| {
                wrong(format!(
                    "the tls-server-name of the context {context} is no name"
                ))
            })?),
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIME));
        let Some(way) = way else {
            return Ok(Self::Direct(pooled(tls, expected, http, idle)));
        };
        let at = proxy::address(way).ok_or_else(|| wrong("the proxy has no address"))?;
        let decode =
            |text: &str| Zeroizing::new(percent_decode_str(text).decode_utf8_lossy().into_owned());
        let (name, password) = (
            decode(way.username()),
            decode(way.password().unwrap_or_default()),
        );
        if way.scheme() == "http" {
            let mut tunnel = Tunnel::new(at, http);
            if !name.is_empty() {
                let both = Zeroizing::new(format!("{}:{}", *name, *password));
                let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(both.as_bytes())));
                if let Ok(header) = HeaderValue::from_str(&text) {
                    tunnel = tunnel.with_auth(header);
                }
            }
            return Ok(Self::Tunnel(pooled(tls, expected, tunnel, idle)));
        }
        let mut socks = SocksV5::new(at, http);
        if !name.is_empty() {
            socks = socks.with_auth((*name).clone(), (*password).clone());
        }
        Ok(Self::Socks(pooled(tls, expected, socks, idle)))
    }

    /// Sends one request; the whole answer.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Lost> {
        let response = match self {
            Self::Direct(client) => client.request(request).await,
            Self::Tunnel(client) => client.request(request).await,
            Self::Socks(client) => client.request(request).await,
        };
        let (head, body) = response?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

impl Trust {
    /// What a kubeconfig says; what stands in it outranks the file that it names.
    pub(super) fn of(cluster: &Cluster, user: &User, context: &str) -> Result<Self, TargetError> {
        let data = |data: Option<&str>, path: Option<&String>, what: &str| {
            let unusable = |why: &str| {
                wrong(format!("the {what} of the context {context} {why}"))
                    .hint(format!("kubectl --context {context} config view --minify"))
            };
            match (data, path.filter(|path| !path.is_empty())) {
                (Some(data), _) if !data.is_empty() => {
                    let data = Zeroizing::new(data.split_ascii_whitespace().collect::<String>());
                    let decoded = STANDARD.decode(data.as_bytes());
                    decoded
                        .map(Zeroizing::new)
                        .map(Some)
                        .map_err(|_| unusable("is not base64"))
                }
                (_, Some(path)) => match crate::fs::read(path.as_ref()) {
                    Ok(content) => Ok(Some(content.bytes)),
                    Err(error) => Err(unusable(&format!(
                        "cannot be read from its file{}: {}",
                        named(path),
                        crate::fs::plain(&error)
                    ))),
                },
                _ => Ok(None),
            }
        };
        let authority = data(
            cluster.certificate_authority_data.as_deref(),
            cluster.certificate_authority.as_ref(),
            "certificate-authority",
        )?;
        let certificate = data(
            user.client_certificate_data.as_deref(),
            user.client_certificate.as_ref(),
            "client-certificate",
        )?;
        let key = data(
            user.client_key_data.text(),
            user.client_key.as_ref(),
            "client-key",
        )?;
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate.to_vec(), key)),
            (None, None) => None,
            _ => {
                return Err(wrong(format!(
                    "the user of the context {context} has one of client-certificate and \
                     client-key without the other"
                )));
            }
        };
        let is_blind = cluster.insecure_skip_tls_verify == Some(true);
        if is_blind && authority.is_some() {
            return Err(wrong(format!(
                "the cluster of the context {context} has both insecure-skip-tls-verify and a \
                 certificate-authority; keep one of them"
            )));
        }
        let name = cluster.tls_server_name.clone();
        Ok(Self {
            authority: authority.map(|pem| pem.to_vec()),
            identity,
            name: name.filter(|name| !name.is_empty()),
            is_blind,
        })
    }
}

fn pooled<C>(tls: ClientConfig, name: Option<ServerName<'static>>, way: C, idle: usize) -> Http<C>
where
    HttpsConnector<C>: hyper_util::client::legacy::connect::Connect + Clone,
{
    let builder = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    let builder = match name {
        Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
        None => builder,
    };
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(idle)
        .build(builder.enable_http1().wrap_connector(way))
}

fn tls(server: &Uri, trust: &Trust, context: &str) -> Result<ClientConfig, TargetError> {
    let unusable = |what: &str| {
        wrong(format!(
            "the {what} of the context {context} cannot be used"
        ))
        .hint(format!("kubectl --context {context} config view --minify"))
    };
    let mut config = kube::Config::new(server.clone());
    config.accept_invalid_certs = trust.is_blind;
    if let Some(pem) = &trust.authority {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let read = read.ok().filter(|read| !read.is_empty());
        let read = read.ok_or_else(|| unusable("certificate-authority"))?;
        config.root_cert = Some(read.into_iter().map(|one| one.to_vec()).collect());
    }
    let tls = config.rustls_client_config();
    let mut tls = tls.map_err(|_| unusable("certificate-authority"))?;
    if let Some((certificate, key)) = &trust.identity {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| unusable("client-certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| unusable("client-key"))?;
        let key = any_supported_type(&key).map_err(|_| unusable("client-key"))?;
        let identity = CertifiedKey::new(chain, key);
        let others = rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch);
        if identity.keys_match() == Err(others) {
            return Err(wrong(format!(
                "the client-key of the context {context} is not that of its client-certificate"
            )));
        }
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
    }
    Ok(tls)
}
