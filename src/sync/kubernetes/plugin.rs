//! Plug-ins of a kubeconfig that log in (`aws eks get-token`): run without a terminal, bounded in time,
//! and none of their own words is passed on.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::Deserialize;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::kubeconfig::{Cluster, Exec, Hidden, Variable, wrong};
use crate::settings::without_identities;
use crate::sync::{Fault, TargetError, printable};

/// How long a plug-in may take: nobody is asked anything.
const PATIENCE: Duration = Duration::from_mins(1);
/// More than any answer of a plug-in has.
const LONGEST: u64 = 1 << 20;

/// What a plug-in gave.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Given {
    pub(super) token: Hidden,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key_data: Hidden,
    pub(super) expiration_timestamp: Option<String>,
}

/// A plug-in, ready to run.
#[derive(Debug)]
pub(super) struct Plugin {
    exec: Exec,
    command: String,
    /// What it is told, in `KUBERNETES_EXEC_INFO`.
    info: String,
    context: String,
}

impl Plugin {
    /// Checks what the kubeconfig says of a plug-in. `authority` is the cluster's, in base64.
    pub(super) fn of(
        exec: Exec,
        cluster: &Cluster,
        authority: Option<String>,
        context: &str,
    ) -> Result<Self, TargetError> {
        let user = format!("the user of the context {context}");
        let Some(command) = exec.command.clone().filter(|command| !command.is_empty()) else {
            return Err(wrong(format!("{user} has a plug-in without a command")));
        };
        if exec.interactive_mode.as_deref() == Some("Always") {
            return Err(wrong(format!(
                "{user} logs in with a plug-in that asks on the terminal"
            ))
            .hint("set interactiveMode: IfAvailable in the kubeconfig"));
        }
        let names = exec.env.iter().flatten().map(|one| one.name.as_str());
        let values = exec.env.iter().flatten().filter_map(|one| one.value.text());
        let mut words = names.clone().chain(values);
        let words_of_command = exec.args.iter().flatten().map(String::as_str);
        let mut names = names;
        if words.any(|word| word.contains('\0'))
            || words_of_command
                .chain([command.as_str()])
                .any(|word| word.contains('\0'))
            || names.any(|name| name.is_empty() || name.contains('='))
        {
            return Err(wrong(format!(
                "{user} has a plug-in that cannot be started"
            )));
        }
        let is_told = exec.provide_cluster_info == Some(true);
        let told = is_told.then(|| cluster.for_plugin(authority));
        let mut spec = serde_json::json!({"interactive": false});
        if let (Some(told), Some(spec)) = (told, spec.as_object_mut()) {
            let told = serde_json::to_value(told).unwrap_or_default();
            spec.insert("cluster".to_owned(), told);
        }
        let info = serde_json::json!({
            "kind": "ExecCredential",
            "apiVersion": exec.api_version,
            "spec": spec,
        });
        Ok(Self {
            command,
            info: info.to_string(),
            context: context.to_owned(),
            exec,
        })
    }

    /// Runs it.
    pub(super) async fn run(&self) -> Result<Given, TargetError> {
        let mut command = Command::new(&self.command);
        command
            .args(self.exec.args.iter().flatten())
            .env("KUBERNETES_EXEC_INFO", &self.info)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        without_identities(&mut command);
        for Variable { name, value } in self.exec.env.iter().flatten() {
            command.env(name, value.text().unwrap_or_default());
        }
        let child = command.spawn().map_err(|error| {
            self.failed(&format!("cannot be started: {}", crate::fs::plain(&error)))
        })?;
        let mut running = Running {
            child,
            is_over: false,
        };
        let Some(output) = running.child.stdout.take() else {
            return Err(self.failed("has no output"));
        };
        let ended = follow(output, Pid::from_child(&running.child));
        let Ok(output) = tokio::time::timeout(PATIENCE, ended).await else {
            let seconds = PATIENCE.as_secs();
            let mut error = self.failed(&format!("has not ended after {seconds} s"));
            error.fault = Fault::Unreachable;
            return Err(error);
        };
        let status = running.end();
        let code = match status {
            Some(status) if status.success() => return self.read(&output.unwrap_or_default()),
            Some(status) => status.code(),
            None => None,
        };
        Err(self.failed(&match code {
            Some(code) => format!("ended with status {code}"),
            None => "was killed".to_owned(),
        }))
    }

    fn read(&self, output: &[u8]) -> Result<Given, TargetError> {
        #[derive(Deserialize)]
        struct Answer {
            kind: Option<String>,
            status: Option<Given>,
        }
        let read: Option<Answer> = serde_json::from_slice(output).ok();
        let read = read.filter(|read| read.kind.as_deref() == Some("ExecCredential"));
        let given = read.and_then(|read| read.status);
        let has_any = |given: &Given| {
            let has_certificate =
                given.client_certificate_data.is_some() && given.client_key_data.text().is_some();
            given.token.text().is_some() || has_certificate
        };
        given
            .filter(has_any)
            .ok_or_else(|| self.failed("gave no credentials"))
    }

    fn failed(&self, what: &str) -> TargetError {
        let name = self.command.rsplit('/').next().unwrap_or_default();
        let Self { context, .. } = self;
        TargetError::new(
            Fault::Denied,
            format!(
                "cannot log in: the plug-in {} of the kubeconfig {what}",
                printable(name)
            ),
        )
        .hint(format!("kubectl --context {context} auth whoami"))
    }
}

/// A plug-in that is killed, with all that it has started, when nobody waits for it any more.
struct Running {
    child: Child,
    is_over: bool,
}

impl Running {
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        self.is_over = true;
        self.child.wait().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Its output, once it has ended; it is not reaped here, so that its number stays its own.
async fn follow(output: ChildStdout, pid: Pid) -> Option<Zeroizing<Vec<u8>>> {
    let (ends, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
        let read = output.take(LONGEST).read_to_end(&mut bytes);
        let until = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), until) {}
        let _ = ends.send(read.ok().map(|_| bytes));
    });
    ended.await.ok().flatten()
}
