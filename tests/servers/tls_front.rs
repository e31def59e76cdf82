//! TLS with an authority of its own before a server, and a proxy that is the only way to it.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, scratch};
use crate::support::{project, python};

/// The name of the server; it resolves nowhere.
const HOST: &str = "aws.internal.test";

/// Its address, for those who know the way.
pub(crate) const TLS_FRONT: &str = "https://aws.internal.test";

/// A running front with its proxy.
#[derive(Debug)]
pub(crate) struct TlsFront {
    port: String,
    folder: TempDir,
    _process: Process,
}

impl TlsFront {
    /// Before the server at this port.
    pub(crate) fn before(port: u16) -> Self {
        let folder = scratch();
        let mut command = Command::new(python());
        command
            .arg(project("tests/servers/tls_front.py"))
            .arg(port.to_string())
            .arg(HOST)
            .args([folder.path().join("ca.pem"), folder.path().join("connects")])
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let (process, port) = Process::start(&mut command, &folder.path().join("log"));
        Self {
            port,
            folder,
            _process: process,
        }
    }

    /// The address of the proxy.
    pub(crate) fn proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// How often somebody came through the proxy.
    pub(crate) fn connects(&self) -> usize {
        let text = std::fs::read_to_string(self.folder.path().join("connects"));
        text.unwrap_or_default().lines().count()
    }
}
