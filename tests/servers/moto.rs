//! moto: KMS, STS and Secrets Manager over plain HTTP.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, scratch};
use super::{proxy, unique};
use crate::support::{project, python};

/// The account that moto answers for.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A running moto.
#[derive(Debug)]
pub(crate) struct Moto {
    port: u16,
    _process: Process,
    _home: TempDir,
}

/// The moto that tests share.
pub(crate) fn moto() -> &'static Moto {
    static SHARED: OnceLock<Moto> = OnceLock::new();
    SHARED.get_or_init(Moto::start)
}

impl Moto {
    /// A moto of its own, for a test that stops it or changes what all would see.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One that takes as many calls a second as it can.
    pub(crate) fn without_quotas() -> Self {
        Self::with(&[("WITHOUT_QUOTAS", "1")])
    }

    fn with(vars: &[(&str, &str)]) -> Self {
        let home = scratch();
        let mut command = Command::new(python());
        command
            .arg(project("tests/servers/moto_fixed.py"))
            .arg(home.path())
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(vars.iter().copied())
            .env("HOME", home.path())
            .env("PATH", std::env::var_os("PATH").unwrap());
        let (process, port) = Process::start(&mut command, &home.path().join("log"));
        Self {
            port: port.parse().unwrap(),
            _process: process,
            _home: home,
        }
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Variables with which AWS clients come here.
    pub(crate) fn env(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ]
    }

    /// Makes a KMS key; its ARN.
    pub(crate) fn key(&self, region: &str) -> String {
        let made = self.call(region, "TrentService.CreateKey", &json!({}));
        made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// Makes an alias of a key; the alias's ARN.
    pub(crate) fn alias(&self, region: &str, key: &str) -> String {
        let name = unique("alias/test-");
        let id = key.rsplit('/').next().unwrap();
        let body = json!({"AliasName": name, "TargetKeyId": id});
        self.call(region, "TrentService.CreateAlias", &body);
        format!("arn:aws:kms:{region}:{ACCOUNT}:{name}")
    }

    /// A secret's current value, as `GetSecretValue` answers.
    pub(crate) fn secret(&self, region: &str, name: &str) -> Option<Value> {
        let target = "secretsmanager.GetSecretValue";
        let (status, answer) = self.ask(region, target, &json!({"SecretId": name}));
        match (status, answer["__type"].as_str()) {
            (200, _) => Some(answer),
            (_, Some(kind)) if kind.contains("ResourceNotFound") => None,
            _ => panic!("{target}: {status} {answer}"),
        }
    }

    /// Every call that must succeed; `target` is service and action, as in `X-Amz-Target`.
    #[track_caller]
    pub(crate) fn call(&self, region: &str, target: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(region, target, body);
        assert_eq!(status, 200, "{target}: {answer}");
        answer
    }

    /// The same, with the status of the answer.
    pub(crate) fn ask(&self, region: &str, target: &str, body: &Value) -> (u16, Value) {
        let service = match target.split('.').next().unwrap() {
            "TrentService" => "kms",
            service => service,
        };
        let mut body = body.clone();
        let is_write = ["CreateSecret", "PutSecretValue", "UpdateSecret"];
        if is_write
            .iter()
            .any(|name| target.ends_with(&format!(".{name}")))
        {
            // As an SDK does, for whoever names none.
            let token = unique("0123456789abcdef0123456789abcdef-");
            let token = body["ClientRequestToken"]
                .as_str()
                .map_or(token, str::to_owned);
            body["ClientRequestToken"] = json!(token);
        }
        let body = body.to_string();
        // moto looks at the region in the credential, not at the signature.
        let request = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: {target}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {length}\r\n\r\n{body}",
            port = self.port,
            length = body.len(),
        );
        let answer = proxy::forward(self.port, request.as_bytes()).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body = if body.is_empty() { "null" } else { body };
        (status, serde_json::from_str(body).unwrap())
    }
}
