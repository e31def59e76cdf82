use super::*;
use crate::error::Error;

const FULL: &str = r#"
version: 1
name: chainlink
environments:
  dev:
    profile: trackit
    sealed: secrets/dev/encrypted-secrets.yaml
    clear: secrets/dev/clear-secrets.yaml
    protected: false
    node: { version: "1.8", user_email: ops@example.com }
    database: { user: chainlink, host: db.dev.example.net, name: chainlink, sslmode: verify-full,
                password_from: { secretsmanager: rds, field: password } }
    adapters: [tiingo, cryptocompare]
    nodes: {}
    targets:
      - { kind: directory, path: out/dev }
      - { kind: kubernetes, context: chainlink-dev, namespace: default,
          expect_server: "https://k", restart: [statefulset/chainlink] }
      - { kind: secretsmanager, region: us-east-2, profile: dev, expect_account: "111122223333", prefix: chainlink-dev-, kms_key: alias/chainlink-dev }
    objects: []
  prod:
    profile: trackit
    sealed: [secrets/prod/a.yaml, secrets/prod/b.yaml]
    protected: true
"#;

fn parse(text: &str) -> Result<Environments, ConfigError> {
    Environments::parse(Path::new("/repo/clsecrets.yaml"), text)
}

fn text_of(result: Result<Environments, ConfigError>) -> String {
    Error::from(result.unwrap_err()).to_string()
}

fn with(line: &str) -> String {
    format!(
        "version: 1\nenvironments:\n  dev:\n    profile: trackit\n    sealed: a.yaml\n    {line}\n"
    )
}

#[test]
fn the_whole_schema_is_read_and_paths_begin_at_the_file() {
    let all = parse(FULL).unwrap();
    assert_eq!(all.name.as_deref(), Some("chainlink"));
    let dev = all.environment("dev").unwrap();
    let sealed = Path::new("/repo/secrets/dev/encrypted-secrets.yaml");
    let clear = Path::new("/repo/secrets/dev/clear-secrets.yaml");
    assert_eq!(dev.sealed, [sealed]);
    assert_eq!(dev.clear_of(sealed), Some(clear));
    assert_eq!(dev.sealed_of(clear), Some(sealed));
    assert!(!dev.is_protected);
    assert_eq!(dev.node.version.as_deref(), Some("1.8"));
    let database = dev.database.as_ref().unwrap();
    assert_eq!(database.port, None);
    assert_eq!(
        database.password_from.as_ref().unwrap().field.as_deref(),
        Some("password")
    );
    let kinds: Vec<&str> = dev.targets.iter().map(Target::kind).collect();
    assert_eq!(kinds, ["directory", "kubernetes", "secretsmanager"]);
    let path = PathBuf::from("/repo/out/dev");
    assert_eq!(dev.targets[0], Target::Directory { path });
    let prod = all.environment("prod").unwrap();
    assert_eq!(prod.sealed.len(), 2);
    assert!(prod.is_protected);
}

#[test]
fn a_mistyped_key_is_refused_with_the_line_and_a_suggestion() {
    let text = text_of(parse(&with("protectd: true")));
    assert_eq!(
        text,
        "/repo/clsecrets.yaml:6:5: unknown key protectd\nhint: did you mean protected?"
    );
}

#[test]
fn a_mistyped_key_of_a_target_is_refused_too() {
    let text = text_of(parse(&with(
        "targets: [{ kind: directory, path: out, mode: 7 }]",
    )));
    assert!(text.contains("unknown"), "{text}");
    let text = text_of(parse(&with("targets: [{ kind: kubernets }]")));
    assert!(text.contains("did you mean kubernetes?"), "{text}");
}

#[test]
fn the_version_is_compulsory_and_known() {
    let text = text_of(parse("environments: {}\n"));
    assert!(text.contains("the key version is missing"), "{text}");
    let text = text_of(parse("version: 2\n"));
    assert!(text.contains("version 2 is not known"), "{text}");
    assert!(text_of(parse("# empty\n")).contains("it is empty"));
}

#[test]
fn an_unknown_environment_lists_the_known_ones() {
    let all = parse(FULL).unwrap();
    let error = Error::from(all.environment("prd").unwrap_err());
    assert_eq!(
        error.to_string(),
        "/repo/clsecrets.yaml has no environment prd\n  known environments: dev, prod\n\
         hint: did you mean --env prod?"
    );
}

#[test]
fn nodes_and_objects_belong_to_their_profiles() {
    let node_v2 = |lines: &str| parse(&with(lines).replace("trackit", "node-v2"));
    let custom = |lines: &str| parse(&with(lines).replace("trackit", "custom"));
    let nodes = "nodes: { a: { version: '2.26' }, b: { failover_of: a } }";
    let all = node_v2(nodes).unwrap();
    assert_eq!(all.environment("dev").unwrap().nodes.len(), 2);
    for (text, says) in [
        (text_of(parse(&with(nodes))), "profile trackit has no nodes"),
        (
            text_of(parse(&with("objects: [{ name: x, value: k }]"))),
            "profile trackit has no objects of its own",
        ),
        (text_of(node_v2("nodes: { A: {} }")), "node A: a name has"),
        (
            text_of(node_v2("nodes: { a: { failover_of: b } }")),
            "node a: failover_of names no other node",
        ),
        (
            text_of(custom("adapters: []")),
            "profile custom needs objects",
        ),
        (
            text_of(custom("objects: [{ name: x }]")),
            "object x needs either keys or a value",
        ),
        (
            text_of(custom("objects: [{ name: x, only: [helm], value: k }]")),
            "helm is no kind of target",
        ),
        (
            text_of(custom(
                "objects: [{ name: x, value: { key: a, literal: b } }]",
            )),
            "a value is one of key,",
        ),
        (
            text_of(custom("objects: [{ name: x, keys: { a: { kye: b } } }]")),
            "unknown key kye",
        ),
        (
            text_of(custom("objects: [{ name: x, type: Opaque, value: k }]")),
            "stand beside keys, not beside a value",
        ),
        (
            text_of(custom(
                "objects: [{ name: x, only: [directory], type: Opaque, keys: { a: k } }]",
            )),
            "are for kubernetes",
        ),
        (
            text_of(custom(
                "objects: [{ name: x, type: helm.sh/release.v1, keys: { a: k } }]",
            )),
            "are made by Helm",
        ),
        (
            text_of(custom(
                "objects: [{ name: x, labels: { 'a b': c }, keys: { a: k } }]",
            )),
            "is not a valid name for a label",
        ),
        (
            text_of(custom(
                "objects: [{ name: x, labels: { a: 'b c' }, keys: { a: k } }]",
            )),
            "the value of the label a is not valid",
        ),
        (
            text_of(custom(
                "objects: [{ name: x, annotations: { clsecrets.dev/copy-of: b }, keys: { a: k } }]",
            )),
            "is not for people to set",
        ),
        (
            text_of(custom(
                "objects: [{ name: x.clsecrets-copy, keys: { a: k } }]",
            )),
            "itself uses names that end like this",
        ),
    ] {
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn an_object_is_spelled_out_with_names_of_keys_and_compositions() {
    let text = "objects: [{ name: x, only: [kubernetes], keys: { a: wallet_password, \
                b: { lines: [{ literal: l }, { key: k, optional: true }] } } }]";
    let all = parse(&with(text).replace("trackit", "custom")).unwrap();
    let object = &all.environment("dev").unwrap().objects[0];
    assert_eq!(object.keys["a"], Value::Name("wallet_password".to_owned()));
    let Value::Made(made) = &object.keys["b"] else {
        panic!("{object:?}");
    };
    assert_eq!(made.words(), ["lines"]);
    assert_eq!(made.below().len(), 2);
}

#[test]
fn no_file_is_named_twice_and_clear_files_come_in_pairs() {
    let text = text_of(parse(&with("clear: ./x/../a.yaml")));
    assert!(text.contains("/repo/a.yaml is named twice"), "{text}");
    let text = text_of(parse(&with("clear: [b, c]")));
    assert!(text.contains("one file for each sealed file"), "{text}");
    let second = format!(
        "{}  prod:\n    profile: trackit\n    sealed: a.yaml\n",
        with("")
    );
    assert!(text_of(parse(&second)).contains("named twice"));
}

#[test]
fn the_owner_of_a_file_is_found_by_its_sealed_or_clear_name() {
    let all = parse(FULL).unwrap();
    let owner = |path: &str| all.owner_of(Path::new(path)).map(|one| one.name.as_str());
    assert_eq!(owner("/repo/secrets/dev/clear-secrets.yaml"), Some("dev"));
    assert_eq!(owner("/repo/x/../secrets/prod/b.yaml"), Some("prod"));
    assert_eq!(owner("/repo/secrets/prod/c.yaml"), None);
}

#[test]
fn a_symbolic_link_does_not_hide_the_owner() {
    let directory = tempfile::tempdir().unwrap();
    let sealed = directory.path().join("a.yaml");
    std::fs::File::create_new(&sealed).unwrap();
    let link = directory.path().join("link.yaml");
    std::os::unix::fs::symlink(&sealed, &link).unwrap();
    let path = directory.path().join("clsecrets.yaml");
    let all = Environments::parse(&path, &with("")).unwrap();
    assert!(all.owner_of(&link).is_some());
}

#[test]
fn a_name_is_fit_for_object_names() {
    for name in ["Dev", "-a", "a_b", "''", "a."] {
        let text = with("").replace("dev:", &format!("{name}:"));
        assert!(parse(&text).is_err(), "{name}");
    }
}
