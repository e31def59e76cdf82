//! The wallet guard: whatever holds the keystore password that is in use, and however it is spelled
//! there, another one is refused and the same one is not.

use serde_json::Value;

use crate::support::{RECIPIENT, Run, Scene};

const OLD: &str = "the-wallet-password-in-use-1";
const NEW: &str = "another-wallet-password-2";

/// Environment `dev` of a Git repository; what HEAD has sealed is what is to be delivered, so that
/// only the target can tell what is in use.
struct Ring {
    scene: Scene,
}

impl Ring {
    /// `settings` are the lines of the environment.
    fn new(scene: Scene, settings: &str) -> Self {
        let text = format!(
            "version: 1\nname: ring\nenvironments:\n  dev:\n    sealed: sealed.yaml\n{settings}"
        );
        let scene = scene.file("clsecrets.yaml", text);
        scene.git("add clsecrets.yaml").succeeds();
        Self { scene }
    }

    fn in_folder(settings: &str) -> Self {
        let target = "    targets: [{ kind: directory, path: out/dev }]\n";
        Self::new(Scene::with_age().in_git(), &format!("{target}{settings}"))
    }

    /// Seals and commits these fields.
    fn seal(&self, fields: &[(&str, &str)]) -> &Self {
        let lines = fields.iter();
        let lines = lines.map(|(key, value)| format!("{key}: {}\n", Value::from(*value)));
        let clear: Vec<String> = lines.collect();
        self.scene.write("clear.yaml", clear.concat());
        let line = format!("encrypt --age {RECIPIENT} clear.yaml");
        let sealed = self.scene.sops(&line).succeeds();
        self.scene.write("sealed.yaml", &sealed.stdout);
        self.scene.git("add sealed.yaml").succeeds();
        self.scene.git("commit -qm sealed").succeeds();
        self
    }

    fn sync(&self, words: &str) -> Run {
        self.scene.run(&format!("sync --env dev {words}"))
    }

    /// Fails unless the run is refused and leaves the file as it is.
    #[track_caller]
    fn refuses_to_overwrite(&self, file: &str, content: &str) {
        self.scene.write(file, content);
        self.sync("-y")
            .fails(4)
            .stderr_has("wallet_password")
            .stderr_has("--replace-wallet-password");
        assert_eq!(self.scene.read(file), content);
        assert!(!self.sync("--check").fails(4).err().contains(OLD));
    }
}

/// Every way to spell `Password.Keystore`, with `W` in the place of the password.
pub(super) const SPELLINGS: [&str; 13] = [
    "[Password]\nKeystore = \"W\"\n",
    "[Password]\nKeystore = 'W'\n",
    "[Password]\nKeystore = \"\"\"W\"\"\"\n",
    "[Password]\nKeystore = '''\nW'''\n",
    "Password = { Keystore = \"W\" }\n",
    "Password.Keystore = \"W\"\n",
    "[\"Password\"]\n\"Keystore\" = \"W\"\n",
    "[ Password ]\nKeystore = \"W\"\n",
    "[password]\nkeystore = \"W\"\n",
    "\u{feff}[Password]\nKeystore = \"W\"\n",
    "[Password]\r\nKeystore = \"W\" # kept\r\n",
    "[Password]\nKeystore = \"\\u0074W\"\n",
    "[Password.VRF]\n[Database]\nKeystore = \"other\"\n[PASSwORD]\nKEYSTORE = \"W\"\n",
];

pub(super) fn spelled(spelling: &str, password: &str) -> String {
    if let Some(rest) = spelling.find("\\u0074").and(password.strip_prefix('t')) {
        return spelling.replace('W', rest);
    }
    spelling.replace("\\u0074", "").replace('W', password)
}

const NODE: &str = "    profile: node-v2
    nodes:
      n1: { user_email: ops@example.com, version: \"2.26\" }
";

fn node(wallet: &str) -> [(&str, &str); 3] {
    [
        ("user_password", "correct-horse-battery-1"),
        ("wallet_password", wallet),
        (
            "database_url",
            "postgresql://n:a-long-password-16@db.example.net/n?sslmode=verify-full",
        ),
    ]
}

#[test]
fn another_password_in_toml_of_any_spelling_is_refused() {
    let ring = Ring::in_folder(NODE);
    ring.seal(&node(OLD)).sync("-y").succeeds();
    let file = "out/dev/n1-secrets/secrets.toml";
    let written = ring.scene.read(file);
    ring.seal(&node(NEW));
    // Only the TOML tells.
    ring.scene.write("out/dev/n1-secrets/.password", NEW);
    for spelling in SPELLINGS {
        ring.refuses_to_overwrite(file, &spelled(spelling, OLD));
    }
    for unreadable in [
        "[Password]\nKeystore = 1\n",
        "[Password\nKeystore = 'x'\n",
        "Password = 'x'\n",
        "no TOML",
    ] {
        ring.refuses_to_overwrite(file, unreadable);
    }
    ring.scene.write(file, written);
    ring.sync("-y --replace-wallet-password").succeeds();
    assert!(ring.scene.read(file).contains(NEW));
}

#[test]
fn the_same_password_in_toml_of_any_spelling_is_no_other_one() {
    let ring = Ring::in_folder(NODE);
    ring.seal(&node(OLD)).sync("-y").succeeds();
    let file = "out/dev/n1-secrets/secrets.toml";
    let written = ring.scene.read(file);
    for spelling in SPELLINGS {
        ring.scene.write(file, spelled(spelling, OLD));
        ring.sync("-y").succeeds();
        assert_eq!(ring.scene.read(file), written);
    }
}

/// How `custom` can deliver it: the composition of a key, and what stands there with `W`.
const COMPOSITIONS: [(&str, &str); 8] = [
    ("wallet_password", "W"),
    (
        "{ lines: [{ literal: ops@example.com }, wallet_password] }",
        "ops@example.com\nW",
    ),
    (
        "{ json: { user: { literal: u }, wallet: wallet_password } }",
        "{\"n\": 1.0, \"wallet\": \"W\"}",
    ),
    (
        "{ dsn: { user: { literal: u }, password: wallet_password, host: { literal: h }, database: { literal: d } } }",
        "postgresql://u:W@h/d",
    ),
    (
        "{ json: { file: { lines: [{ literal: a }, wallet_password] } } }",
        "{\"file\":\"a\\nW\"}",
    ),
    ("{ key: wallet_password, optional: true }", "W"),
    ("{ file: wallet.txt }", "W"),
    ("{ file: secrets.toml }", "[Password]\nKeystore = 'W'\n"),
];

fn custom(how: &str) -> Ring {
    let settings = format!(
        "    profile: custom\n    objects:\n      - name: o\n        keys:\n          .password: {how}\n          x: user_password\n"
    );
    let ring = Ring::in_folder(&settings);
    ring.scene.write("wallet.txt", OLD);
    ring.scene.write(
        "secrets.toml",
        format!("[Password]\nKeystore = \"{OLD}\"\n"),
    );
    ring
}

fn fields(wallet: &str) -> [(&str, &str); 2] {
    [
        ("user_password", "correct-horse-battery-1"),
        ("wallet_password", wallet),
    ]
}

#[test]
fn another_password_is_refused_wherever_a_composition_puts_it() {
    let file = "out/dev/o/.password";
    for (how, content) in COMPOSITIONS {
        let ring = custom(how);
        ring.seal(&fields(OLD)).sync("-y").succeeds();
        let written = ring.scene.read(file);
        assert!(written.contains(OLD), "{how}");
        ring.seal(&fields(NEW));
        ring.scene.write("wallet.txt", NEW);
        ring.scene.write(
            "secrets.toml",
            format!("[Password]\nKeystore = \"{NEW}\"\n"),
        );
        ring.refuses_to_overwrite(file, &written);
        ring.refuses_to_overwrite(file, &content.replace('W', OLD));
        ring.sync("-y --replace-wallet-password").succeeds();
        assert!(ring.scene.read(file).contains(NEW), "{how}");
    }
}

#[test]
fn a_value_that_is_put_together_otherwise_is_refused_and_the_same_password_is_not() {
    let file = "out/dev/o/.password";
    for (how, content) in COMPOSITIONS {
        let ring = custom(how);
        ring.seal(&fields(OLD)).sync("-y").succeeds();
        let written = ring.scene.read(file);
        ring.scene.write(file, content.replace('W', OLD));
        ring.sync("-y").succeeds();
        assert_eq!(ring.scene.read(file), written, "{how}");
        if how.contains("lines") || how.contains("dsn") || how.contains("json") {
            ring.refuses_to_overwrite(file, "something else");
        }
    }
}

#[test]
fn a_password_that_leaves_a_composition_is_refused() {
    let how = "{ json: { a: user_password, w: { key: wallet_password, optional: true } } }";
    let ring = custom(how);
    ring.seal(&fields(OLD)).sync("-y").succeeds();
    let written = ring.scene.read("out/dev/o/.password");
    ring.seal(&fields(OLD)[..1]);
    ring.refuses_to_overwrite("out/dev/o/.password", &written);
}

#[cfg(feature = "aws")]
mod store {
    use serde_json::json;

    use super::{NEW, OLD, Ring, fields};
    use crate::servers::{moto, unique};
    use crate::support::Scene;
    use crate::sync::secrets_manager::{REGION, Store};
    use crate::sync::text;

    fn put(id: &str, value: &str) {
        Store::call(
            "PutSecretValue",
            &json!({"SecretId": id, "SecretString": value}),
        );
    }

    #[test]
    fn fields_of_any_type_beside_the_password_do_not_hide_it() {
        let prefix = unique("ring") + "-";
        let settings = format!(
            "    profile: trackit\n    node: {{ user_email: ops@example.com }}\n    \
             targets: [{{ kind: secretsmanager, region: {REGION}, prefix: {prefix} }}]\n"
        );
        let scene = Scene::with_age().in_git().envs(moto().env());
        let ring = Ring::new(scene, &settings);
        ring.seal(&fields(OLD)).sync("-y").succeeds();
        let id = format!("{prefix}node-credentials");
        ring.seal(&fields(NEW));
        for more in [
            "\"n\":1",
            "\"n\":1.0",
            "\"n\":null",
            "\"n\":{\"a\":[true]}",
            "\"n\":[]",
        ] {
            let content = format!("{{{more},\"wallet_password\":\"{OLD}\"}}");
            put(&id, &content);
            ring.sync(&format!("-y --adopt {id}"))
                .fails(4)
                .stderr_has("wallet_password differs from secretsmanager");
            let now = moto().secret(REGION, &id).unwrap();
            assert_eq!(text(&now["SecretString"]), content);
        }
        for content in [
            format!("{{\"wallet_password\":[\"{OLD}\"]}}"),
            format!("{{\"wallet_password\":\"{OLD}\",\"wallet_password\":\"{NEW}\"}}"),
            format!("{{\"wallet_password\":\"{OLD}\""),
            OLD.to_owned(),
        ] {
            put(&id, &content);
            ring.sync(&format!("-y --adopt {id}")).fails(4);
            let now = moto().secret(REGION, &id).unwrap();
            assert_eq!(text(&now["SecretString"]), content);
        }
    }

    #[test]
    fn a_part_of_a_field_is_compared() {
        let prefix = unique("ring") + "-";
        let settings = format!(
            "    profile: custom\n    targets: [{{ kind: secretsmanager, region: {REGION}, prefix: {prefix} }}]\n    \
             objects:\n      - name: o\n        keys:\n          p: {{ lines: [{{ literal: a }}, wallet_password] }}\n      \
             - name: dsn\n        value: {{ dsn: {{ user: {{ literal: u }}, password: wallet_password, host: {{ literal: h }}, database: {{ literal: d }} }} }}\n"
        );
        let scene = Scene::with_age().in_git().envs(moto().env());
        let ring = Ring::new(scene, &settings);
        ring.seal(&fields(OLD)).sync("-y").succeeds();
        ring.seal(&fields(NEW));
        for name in ["o", "dsn"] {
            let id = format!("{prefix}{name}");
            let before = moto().secret(REGION, &id).unwrap();
            ring.sync(&format!("-y --only {id}"))
                .fails(4)
                .stderr_has("wallet_password differs from ");
            let now = moto().secret(REGION, &id).unwrap();
            assert_eq!(now["VersionId"], before["VersionId"]);
        }
    }
}
