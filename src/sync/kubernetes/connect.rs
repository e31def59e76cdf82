//! From a context of the kubeconfig to a client. There is no default cluster: the context is named
//! in `clsecrets.yaml`, and may have to lead to an expected server.
//!
//! The errors of the parser are not relayed, because they quote the file, tokens included.

use std::path::PathBuf;
use std::time::Duration;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::client::{Client, cannot_log_in};
use crate::error::quoted;
use crate::settings::{IDENTITIES, Settings};
use crate::sync::limits::is_label;
use crate::sync::{Fault, KubernetesConfig, TargetError, printable};

/// The context that means the pod's own cluster.
const IN_CLUSTER: &str = "in-cluster";

/// Connects, and tells the server's address.
pub(super) async fn connect(
    config: &KubernetesConfig,
    settings: &Settings,
) -> Result<(Client, String), TargetError> {
    let wrong = |reason: String| TargetError::new(Fault::Configuration, reason);
    if !is_label(&config.namespace) {
        return Err(wrong(format!(
            "{} is no name for a namespace",
            config.namespace
        )));
    }
    let manager = config.owner.manager();
    if manager.len() > 128 || !manager.chars().all(is_plain) {
        return Err(wrong(format!(
            "{manager} is no name for a field manager; shorten the name of the environment"
        )));
    }
    let mut kube = if config.context == IN_CLUSTER {
        Config::incluster().map_err(|_| {
            wrong("this process does not run in a pod with a service account".to_owned())
        })?
    } else {
        from_context(config, settings).await?
    };
    let server = kube.cluster_url.to_string();
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
    if kube.proxy_url.is_some() {
        return Err(wrong(
            "a proxy is set (HTTPS_PROXY, or proxy-url in the kubeconfig), and this build reaches \
             clusters only directly"
                .to_owned(),
        )
        .hint("env -u HTTPS_PROXY -u https_proxy clsecrets sync …"));
    }
    kube.connect_timeout = Some(Duration::from_secs(5));
    kube.default_retry = false;
    let client = kube::Client::try_from(kube).map_err(|error| {
        if matches!(error, kube::Error::Auth(_)) {
            return cannot_log_in();
        }
        wrong(format!(
            "the credentials of the context {} cannot be used",
            config.context
        ))
        .hint(format!(
            "kubectl --context {} auth whoami",
            quoted(&config.context)
        ))
    })?;
    Ok((Client::new(client, &server), server))
}

/// Programs that log in to a cluster do not get what opens files.
fn withhold_identities(kubeconfig: &mut Kubeconfig) {
    let users = kubeconfig.auth_infos.iter_mut();
    for user in users.filter_map(|user| user.auth_info.as_mut()) {
        if let Some(exec) = &mut user.exec {
            let withheld = exec.drop_env.get_or_insert_default();
            withheld.extend(IDENTITIES.map(str::to_owned));
        }
        if let Some(provider) = &mut user.auth_provider {
            let withheld = provider.config.entry("cmd-drop-env".to_owned());
            let withheld = withheld.or_default();
            withheld.push(' ');
            withheld.push_str(&IDENTITIES.join(" "));
        }
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

async fn from_context(
    config: &KubernetesConfig,
    settings: &Settings,
) -> Result<Config, TargetError> {
    let wrong = |reason: String| TargetError::new(Fault::Configuration, reason);
    let paths = kubeconfig_paths(settings);
    let mut merged: Option<Kubeconfig> = None;
    for path in &paths {
        let read = match Kubeconfig::read_from(path) {
            Ok(read) => read,
            // As kubectl does: a file of the list that is not there is left out.
            Err(KubeconfigError::ReadConfig(error, _))
                if error.kind() == std::io::ErrorKind::NotFound =>
            {
                continue;
            }
            Err(KubeconfigError::ReadConfig(error, _)) => {
                let reason = crate::fs::plain(&error);
                return Err(wrong(format!("cannot read {}: {reason}", path.display())));
            }
            Err(_) => return Err(wrong(format!("{} is no kubeconfig", path.display()))),
        };
        merged = Some(match merged {
            None => read,
            Some(first) => first.merge(read).map_err(|_| {
                wrong(format!(
                    "{} does not go with the other kubeconfigs",
                    path.display()
                ))
            })?,
        });
    }
    let Some(mut kubeconfig) = merged else {
        return Err(wrong("there is no kubeconfig".to_owned())
            .hint("set KUBECONFIG, or write ~/.kube/config"));
    };
    let contexts = kubeconfig.contexts.iter();
    let names: Vec<String> = contexts.map(|context| printable(&context.name)).collect();
    if !names.contains(&config.context) {
        let known = if names.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", names.join(", "))
        };
        return Err(wrong(format!(
            "the kubeconfig has no context {}; {known}",
            config.context
        )));
    }
    withhold_identities(&mut kubeconfig);
    let options = KubeConfigOptions {
        context: Some(config.context.clone()),
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|_| {
            wrong(format!(
                "the cluster or the user of the context {} is not complete in the kubeconfig",
                config.context
            ))
            .hint(format!(
                "kubectl --context {} config view --minify",
                quoted(&config.context)
            ))
        })
}

fn kubeconfig_paths(settings: &Settings) -> Vec<PathBuf> {
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
