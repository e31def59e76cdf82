//! TLS that wants a client's certificate, with certificates that `openssl` makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, scratch};
use crate::support::{project, python};

/// A running front.
#[derive(Debug)]
pub(crate) struct MutualTls {
    port: String,
    folder: TempDir,
    _process: Process,
}

impl MutualTls {
    /// Before a server that speaks plain HTTP.
    pub(crate) fn before(port: u16) -> Self {
        let folder = scratch();
        let make = |line: &str| openssl(folder.path(), line);
        make(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=tests \
              -keyout ca.key -out ca.pem",
        );
        for (name, more) in [
            ("server", "subjectAltName=IP:127.0.0.1\n"),
            ("v3", "extendedKeyUsage=clientAuth\n"),
            ("other", "extendedKeyUsage=clientAuth\n"),
        ] {
            std::fs::write(folder.path().join("extensions"), more).unwrap();
            certificate(folder.path(), name, "-extfile extensions");
        }
        // Without extensions it is of version 1.
        certificate(folder.path(), "v1", "");
        let mut command = Command::new(python());
        command
            .arg(project("tests/servers/mutual_tls.py"))
            .arg(port.to_string())
            .arg(folder.path())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let (process, port) = Process::start(&mut command, &folder.path().join("log"));
        Self {
            port,
            folder,
            _process: process,
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A file of certificates or keys.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn certificate(folder: &Path, name: &str, more: &str) {
    let request = format!(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
         -keyout {name}.key -out {name}.csr"
    );
    openssl(folder, &request);
    let sign = format!(
        "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -out {name}.pem {more}"
    );
    openssl(folder, &sign);
}

fn openssl(folder: &Path, line: &str) {
    let output = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {line}: {said}");
}
