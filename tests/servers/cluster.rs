//! The API server with etcd inside, and users and namespaces in it.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use http::{Method, Request};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, scratch};
use super::unique;
use crate::support::peer;

/// A running API server.
#[derive(Debug)]
pub(crate) struct Cluster {
    admin: User,
    process: Option<Process>,
    folder: TempDir,
}

/// A namespace that belongs to one test.
#[derive(Debug)]
pub(crate) struct Namespace {
    /// Its name.
    pub(crate) name: String,
    admin: User,
}

/// Somebody who can talk to the server: a kubeconfig.
#[derive(Debug, Clone)]
pub(crate) struct User(Value);

/// The API server that tests share.
pub(crate) fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}

impl Cluster {
    /// A server of its own, for a test that stops it.
    pub(crate) fn start() -> Self {
        let folder = scratch();
        let (process, admin) = serve(&folder);
        Self {
            admin,
            process: Some(process),
            folder,
        }
    }

    /// Kills the server, at once.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Has it take connections and answer nothing.
    pub(crate) fn freeze(&self) {
        self.process.as_ref().unwrap().signal("-STOP");
    }

    /// Has it go on.
    pub(crate) fn thaw(&self) {
        self.process.as_ref().unwrap().signal("-CONT");
    }

    /// Starts it again with all that it held, at another address.
    pub(crate) fn start_again(&mut self) {
        let (process, admin) = serve(&self.folder);
        self.process = Some(process);
        self.admin = admin;
    }

    /// The administrator.
    pub(crate) fn admin(&self) -> &User {
        &self.admin
    }

    /// Makes a namespace.
    pub(crate) fn namespace(&self) -> Namespace {
        let name = unique("test-");
        let body = json!({"metadata": {"name": name}});
        self.admin.must("POST", "/api/v1/namespaces", Some(&body));
        Namespace {
            admin: self.admin.within(&name),
            name,
        }
    }
}

fn serve(folder: &TempDir) -> (Process, User) {
    let mut command = Command::new(peer("kube-apiserver"));
    command
        .arg(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("PATH", std::env::var_os("PATH").unwrap());
    let (process, _) = Process::start(&mut command, &folder.path().join("log"));
    let kubeconfig = std::fs::read(folder.path().join("kubeconfig")).unwrap();
    (process, User(serde_json::from_slice(&kubeconfig).unwrap()))
}

impl Namespace {
    /// The administrator, with this namespace as the context's own.
    pub(crate) fn admin(&self) -> &User {
        &self.admin
    }

    /// The path of one of its Secrets.
    pub(crate) fn secret_path(&self, name: &str) -> String {
        format!("/api/v1/namespaces/{}/secrets/{name}", self.name)
    }

    /// A Secret as the server has it.
    pub(crate) fn secret(&self, name: &str) -> Option<Value> {
        match self.admin.request("GET", &self.secret_path(name), None) {
            (200, secret) => Some(secret),
            (404, _) => None,
            (status, answer) => panic!("secret {name}: {status} {answer}"),
        }
    }

    /// Writes a Secret as another field manager would: by server-side apply.
    pub(crate) fn put_secret(&self, name: &str, data: &[(&str, &str)], manager: &str) -> Value {
        let data: serde_json::Map<String, Value> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
        let path = self.secret_path(name);
        let path = format!("{path}?fieldManager={manager}&force=true");
        self.admin.must("PATCH", &path, Some(&body))
    }

    /// A service account that may do this here: (API group, resource, verbs).
    pub(crate) fn user(&self, rules: &[(&str, &str, &[&str])]) -> User {
        let name = unique("user-");
        let granted: Vec<Value> = rules
            .iter()
            .map(|(group, resource, verbs)| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs}))
            .collect();
        let metadata = json!({"name": name});
        let core = format!("/api/v1/namespaces/{}", self.name);
        let rbac = format!(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{}",
            self.name
        );
        let make = |path: String, body: Value| self.admin.must("POST", &path, Some(&body));
        make(
            format!("{core}/serviceaccounts"),
            json!({"metadata": metadata}),
        );
        make(
            format!("{rbac}/roles"),
            json!({"metadata": metadata, "rules": granted}),
        );
        make(
            format!("{rbac}/rolebindings"),
            json!({
                "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.name}],
            }),
        );
        let token = make(
            format!("{core}/serviceaccounts/{name}/token"),
            json!({"spec": {}}),
        );
        let mut user = self.admin.clone();
        user.0["users"][0]["user"] = json!({"token": token["status"]["token"]});
        user.wait_until_allowed(&self.name, rules);
        user
    }
}

/// The way from a proxy to an API server: TLS, and whoever the caller says to be.
#[derive(Debug)]
pub(crate) struct Upstream {
    server: Value,
    runtime: tokio::runtime::Handle,
}

impl Upstream {
    /// Passes a request on; the answer as it goes over a wire.
    pub(super) fn forward(&self, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let mut request = Request::builder().method(method).uri(path);
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            let name = name.to_ascii_lowercase();
            if ["authorization", "content-type", "accept"].contains(&name.as_str()) {
                request = request.header(name, value.trim());
            }
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let kubeconfig: Kubeconfig = serde_json::from_value(self.server.clone()).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        self.runtime.spawn(async move {
            let answer = async {
                let options = KubeConfigOptions::default();
                let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
                    .await
                    .ok()?;
                config.default_retry = false;
                let client = Client::try_from(config).ok()?;
                let answer = client.send(request).await.ok()?;
                let (parts, body) = answer.into_parts();
                let body = body.collect_bytes().await.ok()?;
                let mut bytes = format!("HTTP/1.1 {}\r\nConnection: close\r\n", parts.status);
                for name in ["content-type", "retry-after"] {
                    if let Some(value) = parts.headers.get(name) {
                        write!(bytes, "{name}: {}\r\n", value.to_str().ok()?).ok()?;
                    }
                }
                write!(bytes, "Content-Length: {}\r\n\r\n", body.len()).ok()?;
                let mut bytes = bytes.into_bytes();
                bytes.extend_from_slice(&body);
                Some(bytes)
            };
            sender.send(answer.await).ok();
        });
        let answer = receiver.recv().ok().flatten();
        answer.ok_or_else(|| std::io::ErrorKind::ConnectionAborted.into())
    }
}

impl User {
    /// The text of a kubeconfig; its one context is called `test`.
    pub(crate) fn kubeconfig(&self) -> String {
        self.0.to_string()
    }

    /// The same user, who comes to another address.
    pub(crate) fn at(&self, server: &str) -> Self {
        let mut user = self.clone();
        user.0["clusters"][0]["cluster"] = json!({"server": server});
        user
    }

    /// The way to the server for a proxy; the proxy's clients bring their own tokens.
    pub(crate) fn upstream(&self) -> Upstream {
        let mut server = self.0.clone();
        server["users"][0]["user"] = json!({});
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        Upstream {
            server,
            runtime: handle,
        }
    }

    /// The address that the kubeconfig names.
    pub(crate) fn server(&self) -> &str {
        self.0["clusters"][0]["cluster"]["server"].as_str().unwrap()
    }

    /// One request that must succeed.
    #[track_caller]
    pub(crate) fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.request(method, path, body);
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    }

    /// One request and its answer; a PATCH is a server-side apply.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let kind = match method {
            "PATCH" => "application/apply-patch+yaml",
            _ => "application/json",
        };
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("content-type", kind)
            .body(Body::from(
                body.map(Value::to_string).unwrap_or_default().into_bytes(),
            ))
            .unwrap();
        let kubeconfig: Kubeconfig = serde_json::from_value(self.0.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .unwrap();
            config.default_retry = false;
            let client = Client::try_from(config).unwrap();
            let answer = client.send(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect_bytes().await.unwrap();
            let text = String::from_utf8_lossy(&body).into_owned();
            (
                status,
                serde_json::from_str(&text).unwrap_or(Value::String(text)),
            )
        })
    }

    fn within(&self, namespace: &str) -> Self {
        let mut user = self.clone();
        user.0["contexts"][0]["context"]["namespace"] = json!(namespace);
        user
    }

    /// A new role takes effect when the server's own watch has seen it.
    fn wait_until_allowed(&self, namespace: &str, rules: &[(&str, &str, &[&str])]) {
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let is_allowed = |(group, resource, verbs): &(&str, &str, &[&str])| {
            let what = json!({"namespace": namespace, "group": group, "resource": resource, "verb": verbs[0]});
            let body = json!({"spec": {"resourceAttributes": what}});
            let (_, answer) = self.request("POST", path, Some(&body));
            answer["status"]["allowed"] == json!(true)
        };
        for _ in 0..200 {
            if rules.iter().all(is_allowed) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("the role of a new user has not taken effect after five seconds");
    }
}
