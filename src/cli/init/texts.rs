//! The texts that `init` writes. Plain templates, so that they can carry comments.

use std::fmt::Write;

use clsecrets::fs::TEMPORARY_PREFIX;

use super::environments::Environment;
use super::recipients::{Group, Recipients};

/// `.sops.yaml`.
pub(super) fn rules(rules: &[String]) -> String {
    format!(
        "# Who can open which file; the first rule whose path_regex matches counts. Read by clsecrets\n\
         # and by sops. Each rule names the clear file too, so that sealing it finds its recipients.\n\
         creation_rules:\n{}",
        rules.concat()
    )
}

/// One rule.
pub(super) fn rule(environment: &Environment, recipients: &Recipients) -> String {
    let mut text = format!("  - path_regex: {}\n", pattern(environment));
    for (field, list) in [("kms", &recipients.kms), ("age", &recipients.age)] {
        if let [one] = list.as_slice() {
            let _ = writeln!(text, "    {field}: {one}");
        } else if !list.is_empty() {
            let _ = writeln!(text, "    {field}: >-\n      {}", list.join(",\n      "));
        }
    }
    if !recipients.groups.is_empty() {
        let _ = writeln!(text, "    shamir_threshold: {}", recipients.threshold);
        text.push_str("    key_groups:\n");
        text.extend(recipients.groups.iter().map(group));
    }
    for (field, argument) in &recipients.selection {
        if field == "mac_only_encrypted" {
            let _ = writeln!(text, "    {field}: {argument}");
        } else {
            let _ = writeln!(text, "    {field}: '{}'", argument.replace('\'', "''"));
        }
    }
    if recipients.is_empty() {
        text.push_str("    age: RECIPIENT\n");
    }
    text
}

/// One key group, as an item of a list of maps.
fn group(group: &Group) -> String {
    let mut lines = Vec::new();
    for (field, list) in [("kms", &group.kms), ("age", &group.age)] {
        if !list.is_empty() {
            lines.push(format!("{field}:"));
        }
        for entry in list {
            match entry.split_once('+').filter(|_| field == "kms") {
                None if field == "kms" => lines.push(format!("  - arn: {entry}")),
                None => lines.push(format!("  - {entry}")),
                Some((arn, role)) => {
                    lines.extend([format!("  - arn: {arn}"), format!("    role: {role}")]);
                }
            }
        }
    }
    format!("      - {}\n", lines.join("\n        "))
}

/// Matches exactly the sealed and the clear name. Names of environments need no escaping.
fn pattern(environment: &Environment) -> String {
    let escaped = |path: &str| path.replace('.', "\\.");
    let (sealed, clear) = (&environment.sealed, &environment.clear);
    match (sealed.rsplit_once('/'), clear.rsplit_once('/')) {
        (Some((folder, _)), Some((other, "clear-secrets.yaml"))) if folder == other => {
            format!("^{}/(clear|encrypted)-secrets\\.yaml$", escaped(folder))
        }
        _ => format!("^({}|{})$", escaped(sealed), escaped(clear)),
    }
}

/// `clsecrets.yaml`.
pub(super) fn environments(found: &[Environment], profile: &str, identity: &str) -> String {
    let blocks: Vec<String> = found.iter().map(|one| environment(one, profile)).collect();
    format!(
        "# The environments and where their credentials go. No secrets and no recipients in here:\n\
         # recipients stand in .sops.yaml.\n\
         version: 1\n\
         name: chainlink\n\
         # Random; the targets tell by it what this repository wrote. No secret; another repository has\n\
         # another one.\n\
         identity: {identity}\n\
         environments:\n{}",
        blocks.concat()
    )
}

/// One environment.
pub(super) fn environment(environment: &Environment, profile: &str) -> String {
    let Environment {
        name,
        sealed,
        clear,
    } = environment;
    if profile == "node-v2" {
        return nodes(environment);
    }
    format!(
        r#"  {name}:
    profile: {profile}
    sealed: {sealed}
    clear: {clear}   # kept out of Git, refused by the hook
    node: {{ version: "1.8", user_email: ops@example.com }}   # the login of the node's operator
    # database: {{ user: chainlink, host: db.{name}.example.net, name: chainlink, sslmode: verify-full }}
    targets:
      - {{ kind: directory, path: out/{name} }}
      # - {{ kind: kubernetes, context: chainlink-{name}, namespace: default, restart: [statefulset/chainlink] }}
      # - {{ kind: secretsmanager, region: us-east-2, expect_account: "111122223333", prefix: chainlink-{name}- }}
"#
    )
}

/// One environment with several nodes.
fn nodes(environment: &Environment) -> String {
    let Environment {
        name,
        sealed,
        clear,
    } = environment;
    format!(
        r#"  {name}:
    profile: node-v2
    sealed: {sealed}
    clear: {clear}   # kept out of Git, refused by the hook
    node: {{ version: "2.26", user_email: ops@example.com }}   # holds for all nodes
    database: {{ host: db.{name}.example.net, sslmode: verify-full }}   # holds for all nodes
    nodes:
      node-a: {{ database: {{ user: cl_a, name: cl_a }}, workload: statefulset/node-a }}
      # node-b: {{ user_email: b@example.com, database: {{ user: cl_b, name: cl_b }}, workload: statefulset/node-b }}
      # a node that stands in for another, on the same database:
      # node-c: {{ failover_of: node-a, database: {{ user: cl_a, name: cl_a }}, workload: statefulset/node-c }}
    # adapters: [tiingo]   # only these; without it all that the sealed file has
    targets:
      - {{ kind: directory, path: out/{name} }}
      # - {{ kind: kubernetes, context: chainlink-{name}, namespace: chainlink, expect_server: "https://…" }}
      # - {{ kind: secretsmanager, region: us-east-2, expect_account: "111122223333", prefix: chainlink/{name}/ }}
"#
    )
}

/// The lines of `.gitignore`.
pub(super) fn ignored(found: &[Environment]) -> Vec<String> {
    let mut lines: Vec<String> = ["yaml", "yml", "json", "env"]
        .iter()
        .map(|ending| format!("clear-*.{ending}"))
        .collect();
    lines.push(format!("{TEMPORARY_PREFIX}*"));
    lines.extend(found.iter().map(|one| format!("/out/{}/", one.name)));
    lines
}

/// The clear file to fill in.
pub(super) fn template(environment: &Environment, profile: &str) -> String {
    if profile == "node-v2" {
        return template_of_nodes(environment);
    }
    format!(
        "# Cleartext: Git ignores this file and the hook refuses it. Fill it in, then\n\
         #   clsecrets encrypt --env {}\n\
         # Keep the quotes: without them a value such as 0123 or 1e5 is a number. Leave out what\n\
         # the node does not use.\n\
         user_password: \"\"\n\
         wallet_password: \"\"\n\
         cryptocompare_api_key: \"\"\n\
         tiingo_api_key: \"\"\n\
         database_password: \"\"\n",
        environment.name
    )
}

/// The same for several nodes; it is sealed as it stands, and `gen` fills in what is random.
fn template_of_nodes(environment: &Environment) -> String {
    let name = &environment.name;
    format!(
        r#"# Cleartext: Git ignores this file and the hook refuses it. Fill it in, then
#   clsecrets encrypt --env {name}
# A password that nobody has to know: clsecrets gen nodes.node-a.wallet_password --env {name}
# Every value is a string: keep the quotes. What stands at the top holds for every node that does
# not say otherwise. All keys: docs/nodes.md, docs/secrets.schema.json
nodes:
  node-a:
    # user_password: ""       # of the API user, 16 to 50 bytes
    # wallet_password: ""     # opens the key ring; lost with it are the keys
    # vrf_password: ""
    # database: {{ password: "" }}
    # prometheus_auth_token: ""
    # mercury:
    #   streams-prod: {{ url: "https://…", username: "", password: "" }}
    # rpc:                    # chain id, then the Name of [[EVM.Nodes]] in config.toml
    #   "1":
    #     primary: {{ ws_url: "wss://…", http_url: "https://…" }}
    # keys:                   # imported when the node starts; each with a password of its own
    #   evm: [ {{ chain_id: "1", json: '{{"address":…}}', password: "" }} ]
    # backup:                 # kept here, never delivered
    #   ocr2: {{ json: '{{"keyType":"OCR2",…}}', password: "" }}
adapters:                     # the exact names of each adapter's variables
  # tiingo: {{ API_KEY: "" }}
  # cfbenchmarks: {{ API_USERNAME: "", API_PASSWORD: "" }}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dev() -> Environment {
        Environment {
            name: "dev".to_owned(),
            sealed: "secrets/dev/encrypted-secrets.yaml".to_owned(),
            clear: "secrets/dev/clear-secrets.yaml".to_owned(),
        }
    }

    #[test]
    fn a_rule_names_both_files_and_all_recipients() {
        let recipients = Recipients {
            kms: vec!["arn:a".to_owned(), "arn:b".to_owned()],
            age: vec!["age1x".to_owned()],
            selection: vec![("encrypted_regex".to_owned(), "it's".to_owned())],
            ..Recipients::default()
        };
        assert_eq!(
            rule(&dev(), &recipients),
            "  - path_regex: ^secrets/dev/(clear|encrypted)-secrets\\.yaml$\n    kms: >-\n      \
             arn:a,\n      arn:b\n    age: age1x\n    encrypted_regex: 'it''s'\n"
        );
    }

    #[test]
    fn a_clear_file_elsewhere_is_named_by_the_rule_too() {
        let mut environment = dev();
        environment.clear = "clear-dev-secrets.yaml".to_owned();
        assert_eq!(
            pattern(&environment),
            "^(secrets/dev/encrypted-secrets\\.yaml|clear-dev-secrets\\.yaml)$"
        );
    }

    #[test]
    fn what_is_written_is_what_the_tool_reads() {
        use clsecrets::config::{Environments, RulesFile};
        use std::path::Path;

        let prod = Environment {
            name: "prod".to_owned(),
            sealed: "tf/secrets/prod/encrypted-secrets.yaml".to_owned(),
            clear: "clear-prod-secrets.yaml".to_owned(),
        };
        let both = [dev(), prod];
        let text = environments(&both, "trackit", "abcdefghijklmnop");
        let read = Environments::parse(Path::new("/r/clsecrets.yaml"), &text).unwrap();
        assert_eq!(read.all().len(), 2);

        let recipients = Recipients {
            kms: vec![
                "arn:aws:kms:us-east-2:111122223333:key/a".to_owned(),
                "arn:aws:kms:us-east-2:111122223333:alias/b".to_owned(),
            ],
            age: vec!["age1jatpu8f7dgccuvwm0aacalahxl4vvpvmqmedgy9ssvlkhy9pevqsp0k9rx".to_owned()],
            selection: vec![("mac_only_encrypted".to_owned(), "true".to_owned())],
            ..Recipients::default()
        };
        let blocks: Vec<_> = both.iter().map(|one| rule(one, &recipients)).collect();
        let read = RulesFile::parse(Path::new("/r/.sops.yaml"), &rules(&blocks)).unwrap();
        for one in &both {
            for path in [&one.sealed, &one.clear] {
                let rule = read.rule_for(&Path::new("/r").join(path)).unwrap();
                assert_eq!(rule.map(|rule| rule.groups[0].len()), Some(3), "{path}");
            }
        }
    }

    #[test]
    fn key_groups_are_written_as_the_tool_reads_them() {
        use clsecrets::config::RulesFile;
        use std::path::Path;

        const AGE: &str = "age1jatpu8f7dgccuvwm0aacalahxl4vvpvmqmedgy9ssvlkhy9pevqsp0k9rx";
        let arn = "arn:aws:kms:us-east-2:111122223333:key/a";
        let role = format!("{arn}+arn:aws:iam::111122223333:role/sealer");
        let recipients = Recipients {
            groups: vec![
                Group {
                    kms: vec![arn.to_owned(), role],
                    age: vec![AGE.to_owned()],
                },
                Group {
                    kms: Vec::new(),
                    age: vec![AGE.to_owned()],
                },
            ],
            threshold: 2,
            ..Recipients::default()
        };
        let text = rules(&[rule(&dev(), &recipients)]);
        let read = RulesFile::parse(Path::new("/r/.sops.yaml"), &text).unwrap();
        let found = read.rule_for(&Path::new("/r").join(dev().sealed)).unwrap();
        let groups = found.unwrap().seal_for(&read).unwrap();
        let sizes: Vec<usize> = groups
            .groups()
            .iter()
            .map(|one| one.recipients.len())
            .collect();
        assert_eq!((sizes, groups.threshold()), (vec![3, 1], 2));
        let roles = groups
            .recipients()
            .filter(|one| one.fields.text("role").is_some());
        assert_eq!(roles.count(), 1);
    }

    #[test]
    fn the_template_says_nothing_that_is_a_secret() {
        let text = template(&dev(), "trackit");
        let values = text.lines().filter(|line| !line.starts_with('#'));
        assert!(values.into_iter().all(|line| line.ends_with(": \"\"")));
    }
}
