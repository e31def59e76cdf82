//! What `docs/` says, asked of the binary: the tables of `docs/format.md`, and the links.

use std::fs;
use std::path::Path;

use regex::Regex;

#[cfg(any(feature = "aws", feature = "kubernetes"))]
use crate::example::example;
use crate::support::{RECIPIENT, Scene, project};

/// Rows of the table whose first heading is this; cells are code, with `\n` for a line end, or text.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(project(page)).unwrap();
    let mut lines = text.lines();
    let found = lines.any(|line| line.starts_with(&format!("| {heading} |")));
    assert!(found, "{page} has no table that begins with {heading}");
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let inner = row.trim_matches('|');
        inner.split('|').map(|cell| code(cell.trim())).collect()
    };
    rows.map(cells).collect()
}

fn code(cell: &str) -> String {
    let inside = |mark| cell.strip_prefix(mark)?.strip_suffix(mark);
    match inside("``").map(str::trim).or_else(|| inside("`")) {
        Some(code) => code.replace("\\n", "\n"),
        None => cell.to_owned(),
    }
}

#[test]
fn what_the_layout_keeps_is_what_the_page_says() {
    let scene = Scene::with_age();
    let rows = table("docs/format.md", "sealed");
    assert!(rows.len() > 8, "{rows:?}");
    let json = table("docs/format.md", "sealed JSON");
    assert!(json.len() > 3, "{json:?}");
    let files = rows.iter().map(|row| ("a.yaml", row));
    let layout =
        Regex::new(r#""clsecrets_layout": ?"[^"]*",\s*|\n *clsecrets_layout: ENC\[[^\]]*\]"#);
    let layout = layout.unwrap();
    for (file, row) in files.chain(json.iter().map(|row| ("a.json", row))) {
        scene.write(file, format!("{}\n", row[0]));
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} {file}"))
            .succeeds();
        let opened = scene.run(&format!("decrypt {file}")).succeeds();
        opened.stdout(format!("{}\n", row[0]));
        // Another tool's write drops it.
        let sealed = scene.read(file);
        assert!(layout.is_match(&sealed), "{sealed}");
        scene.write(file, layout.replace_all(&sealed, "").as_bytes());
        let opened = scene.run(&format!("decrypt {file}")).succeeds();
        opened.stdout(format!("{}\n", row[1]));
    }
}

#[test]
fn what_is_refused_is_what_the_page_says() {
    let scene = Scene::with_age();
    let rows = table("docs/format.md", "refused");
    assert!(rows.len() > 5, "{rows:?}");
    let others = [("JSON", "a.json"), ("dotenv", "a.env"), ("INI", "a.ini")];
    let others =
        others.map(|(name, file)| (file, table("docs/format.md", &format!("refused {name}"))));
    let others = others.iter().flat_map(|(file, rows)| {
        assert!(rows.len() > 1, "{rows:?}");
        rows.iter().map(|row| (*file, row))
    });
    let files = rows.iter().map(|row| ("a.yaml", row));
    for (file, row) in files.chain(others) {
        scene.write(file, format!("{}\n", row[0]));
        let run = scene.run(&format!("encrypt --age {RECIPIENT} {file}"));
        assert_ne!(run.status, 0, "{run}");
        run.stdout("").stderr_has(&row[1]);
    }
}

#[test]
fn ordinary_documents_come_back_byte_for_byte() {
    let scene = Scene::with_age();
    for text in [
        "# head\n\na:   b # behind\n\nc:\n- 'it''s'\n- \"x\\ny\"\n- yes\n- 1:30\n\n# foot\n",
        "a: |\n  one\n\n  two\nb: |-\n    three\n",
        "---\na: b\n---\nc: d\n...\n",
        "\u{feff}a: b\r\nc: [1, \"2\"]\r\n",
        "a: &anchor b\nempty:\nnothing: ~\nno: []\n",
    ] {
        scene.write("a.yaml", text);
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
            .succeeds();
        scene.run("decrypt a.yaml").succeeds().stdout(text);
    }
}

/// The first block of code in this language that has these words.
#[cfg(any(feature = "aws", feature = "kubernetes"))]
fn block(page: &str, language: &str, words: &str) -> String {
    let text = fs::read_to_string(project(page)).unwrap();
    let all = Regex::new(&format!("(?s)\n```{language}\n(.*?)```\n")).unwrap();
    let mut found = all.captures_iter(&text).map(|found| found[1].to_owned());
    found.find(|block| block.contains(words)).unwrap()
}

/// The worked example with one target.
#[cfg(any(feature = "aws", feature = "kubernetes"))]
fn with_target(scene: &Scene, target: &str) {
    let whole = scene.read("clsecrets.yaml");
    let (before, _) = whole.split_once("      - {").unwrap();
    scene.write("clsecrets.yaml", format!("{before}      - {target}\n"));
}

#[cfg(feature = "kubernetes")]
#[test]
fn the_role_of_the_page_is_enough_and_not_more_than_enough() {
    use crate::servers::cluster;

    #[derive(serde::Deserialize)]
    struct Role {
        rules: Vec<Rule>,
    }
    #[derive(serde::Deserialize)]
    struct Rule {
        resources: Vec<String>,
        verbs: Vec<String>,
    }
    let role: Role = serde_yaml::from_str(&block("docs/sync.md", "yaml", "kind: Role")).unwrap();
    let verbs: Vec<&str> = role.rules[0].verbs.iter().map(String::as_str).collect();
    // The first rule is to deliver; the others are tried in `tests/sync/rights.rs`.
    assert_eq!(role.rules[0].resources, ["secrets"]);

    let delivers = |verbs: &[&str]| {
        let place = cluster().namespace();
        let scene = example();
        let kubeconfig = scene.home("kubeconfig").display().to_string();
        let scene = scene.env("KUBECONFIG", kubeconfig);
        let user = place.user(&[("", "secrets", verbs)]);
        fs::write(scene.home("kubeconfig"), user.kubeconfig()).unwrap();
        let target = format!(
            "{{ kind: kubernetes, context: test, namespace: {} }}",
            place.name
        );
        with_target(&scene, &target);
        if scene.run("sync --env dev -y").status != 0 {
            return false;
        }
        let file = "secrets/dev/encrypted-secrets.yaml";
        scene
            .run(&format!("set {file} '[\"tiingo_api_key\"]' '\"new\"'"))
            .succeeds();
        scene.run("sync --env dev -y").status == 0
    };
    assert!(delivers(&verbs));
    for verb in &verbs {
        let others: Vec<&str> = verbs
            .iter()
            .copied()
            .filter(|other| other != verb)
            .collect();
        assert!(!delivers(&others), "{verb} is not needed");
    }
}

#[cfg(feature = "aws")]
#[test]
fn the_actions_of_the_page_are_those_that_are_called() {
    use std::collections::BTreeSet;

    use crate::servers::{Fault, Proxy, moto, unique};

    let policy = block("docs/sync.md", "json", "secretsmanager:");
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let allowed: BTreeSet<String> = statements
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action| action.as_str().unwrap().replace(':', "."))
        .collect();

    let proxy = Proxy::to(moto().port());
    let scene = example()
        .envs(moto().env())
        .env("AWS_ENDPOINT_URL", proxy.url());
    let prefix = unique("least-");
    with_target(
        &scene,
        &format!("{{ kind: secretsmanager, region: us-east-2, prefix: {prefix}- }}"),
    );
    let file = "secrets/dev/encrypted-secrets.yaml";
    for value in ["one", "two"] {
        scene.run("sync --env dev -y").succeeds();
        scene
            .run(&format!("set {file} '[\"tiingo_api_key\"]' '\"{value}\"'"))
            .succeeds();
        // Where batches are not allowed, secrets are read one by one.
        let denied = Fault::error("AccessDeniedException");
        proxy.on("secretsmanager.BatchGetSecretValue", denied);
    }
    scene.run("sync --env dev -y").succeeds();
    let called: BTreeSet<String> = proxy.calls().into_iter().collect();
    let called: BTreeSet<String> = called.into_iter().filter(|call| call != "sts").collect();
    assert_eq!(called, allowed);
}

#[test]
fn links_lead_to_files_that_are_there() {
    let link = Regex::new(r"\]\(([^)#]+)(#[^)]*)?\)").unwrap();
    let mut pages = vec![
        project("README.md"),
        project("SECURITY.md"),
        project("CHANGELOG.md"),
        project("secrets/README.md"),
    ];
    for entry in fs::read_dir(project("docs")).unwrap() {
        pages.push(entry.unwrap().path());
    }
    let mut count = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if !target.starts_with("https://") {
                let path = page.parent().unwrap_or(Path::new("/")).join(target);
                assert!(path.exists(), "{}: {target}", page.display());
                count += 1;
            }
        }
    }
    assert!(count > 5);
}
