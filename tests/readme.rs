//! Every command of the README is run: the tour is the recorded demo, and the commands for AWS and
//! Kubernetes meet real servers.

use std::fs;

use regex::Regex;

use crate::support::project;

fn readme() -> String {
    fs::read_to_string(project("README.md")).unwrap()
}

/// The blocks of code in this language under a heading.
fn blocks(text: &str, heading: &str, language: &str) -> Vec<String> {
    let start = text.find(&format!("\n## {heading}\n")).unwrap();
    let rest = &text[start + 4..];
    let end = rest.find("\n## ").unwrap_or(rest.len());
    let block = Regex::new(&format!("(?s)\n```{language}\n(.*?)```\n")).unwrap();
    let found = block.captures_iter(&rest[..end]);
    found.map(|found| found[1].to_owned()).collect()
}

/// The tour is the demo, command for command; `CLSECRETS_BLESS=1` takes its output over.
#[test]
fn the_tour_is_the_demo() {
    let expected = fs::read_to_string(project("tests/demo.expected")).unwrap();
    let mut runs = expected
        .trim()
        .split("\n\n$ ")
        .enumerate()
        .map(|(at, run)| {
            let prompt = if at == 0 { "" } else { "$ " };
            format!("{prompt}{run}")
        });
    let mut text = readme();
    for block in blocks(&text.clone(), "The tour", "console") {
        let commands = block.lines().filter(|line| line.starts_with("$ "));
        let part: Vec<String> = commands.map(|_| runs.next().unwrap()).collect();
        text = text.replacen(&block, &format!("{}\n", part.join("\n\n")), 1);
    }
    assert_eq!(runs.next(), None, "the tour ends before the demo does");
    if std::env::var_os("CLSECRETS_BLESS").is_some() {
        fs::write(project("README.md"), &text).unwrap();
    }
    assert_eq!(readme(), text, "the tour differs from tests/demo.expected");
}

#[cfg(all(feature = "aws", feature = "kubernetes"))]
mod clouds {
    use serde_json::Value;

    use super::{blocks, readme};
    use crate::servers::{Namespace, cluster, moto};
    use crate::support::{Run, Scene, peer};

    const HEADING: &str = "With AWS and Kubernetes";
    const ARN: &str = "arn:aws:kms:us-east-2:111122223333:alias/chainlink-dev";
    const ACCOUNT: &str = "111122223333";
    const CREDENTIALS: &str = "\
user_password: correct-horse-battery-1
wallet_password: a-long-wallet-passphrase-2
cryptocompare_api_key: cc_0123456789abcdef
tiingo_api_key: tg_fedcba9876543210
database_password: p4ss#with/odd%chars@16
";

    /// A reader with an account, a cluster and a key of other names than the README's.
    struct Reader {
        scene: Scene,
        namespace: Namespace,
        key: String,
    }

    impl Reader {
        fn new() -> Self {
            let namespace = cluster().namespace();
            let key = moto().alias("us-east-2", &moto().key("us-east-2"));
            let scene = Scene::new().envs(moto().env()).in_git();
            let kubeconfig = scene.home("kubeconfig").display().to_string();
            let programs = peer("sops").parent().unwrap().display().to_string();
            let path = format!(
                "{}:{programs}:{}",
                scene.root().join("bin").display(),
                std::env::var("PATH").unwrap()
            );
            let scene = scene
                .env("KUBECONFIG", kubeconfig)
                .env("EDITOR", "cp ../home/clear.yaml")
                .env("PATH", path);
            let mut user: Value = serde_json::from_str(&namespace.admin().kubeconfig()).unwrap();
            user["contexts"][0]["name"] = "chainlink-dev".into();
            user["current-context"] = "chainlink-dev".into();
            std::fs::write(scene.home("kubeconfig"), user.to_string()).unwrap();
            std::fs::write(scene.home("clear.yaml"), CREDENTIALS).unwrap();
            Self {
                scene,
                namespace,
                key,
            }
        }

        /// The README's words, with the names of this world.
        fn here(&self, text: &str) -> String {
            let account = self.key.split(':').nth(4).unwrap();
            text.replace(ARN, &self.key)
                .replace(ACCOUNT, account)
                .replace(
                    "namespace: chainlink ",
                    &format!("namespace: {} ", self.namespace.name),
                )
                .replace("chainlink-dev-", &format!("{}-dev-", self.namespace.name))
        }

        fn run(&self, line: &str) -> Run {
            let act = self.scene.other("/bin/bash", ["-c", &self.here(line)]);
            if line.contains("--prompt") {
                let answers = [("Value:", "tg_a-new-key")];
                return act.on_terminal(&answers).run();
            }
            if line.starts_with("sops decrypt") {
                return act.reveals().run();
            }
            act.run()
        }
    }

    #[test]
    fn the_commands_for_aws_and_kubernetes_do_what_the_readme_says() {
        let text = readme();
        let reader = Reader::new();
        let scripts = blocks(&text, HEADING, "sh");
        let [set_up, deliver, later] = scripts.as_slice() else {
            panic!("{scripts:?}");
        };
        for line in set_up.lines() {
            reader.run(line).succeeds();
        }
        let environments = blocks(&text, HEADING, "yaml").remove(0);
        reader
            .scene
            .write("clsecrets.yaml", reader.here(&environments));

        for line in deliver.lines() {
            let status = if line.contains("--dry-run") { 2 } else { 0 };
            let run = reader.run(line).fails(status);
            if line.contains("-y ") {
                run.stdout_has(": 4 created").stdout_has(": 3 created");
            } else if line.contains("--check ") && !line.contains("--json") {
                run.stdout_has("nothing to do (7 objects in sync)");
            }
        }
        let name = format!("{}-dev-psql-url", reader.namespace.name);
        let stored = moto().secret("us-east-2", &name).unwrap();
        assert_eq!(
            stored["SecretString"],
            "postgres://chainlink:p4ss%23with%2Fodd%25chars%4016@db.dev.example.net/chainlink?sslmode=verify-full"
        );
        assert!(reader.namespace.secret("api-secrets").is_some());

        for line in later.lines() {
            let run = reader.run(line).succeeds();
            if line.starts_with("sops decrypt") {
                run.stdout(CREDENTIALS.replace("tg_fedcba9876543210", "tg_a-new-key"));
            }
        }
    }
}
