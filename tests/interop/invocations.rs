//! Command lines as scripts, charts, providers and Makefiles have them, run by both tools: the same
//! standard output, status and files.
//!
//! Sealed files cannot be equal, so both are opened by the reference; clear files are compared to the
//! byte. Inputs stand in the reference's own layout.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use crate::support::{BINARY, OTHER_RECIPIENT, RECIPIENT, Run, Scene, fixture, peer};

/// A shell's lines, each with what uses it so; `sops` is one tool or the other.
const LINES: &[(&str, &str)] = &[
    // helm-secrets: `sops` behind its driver, and its check for sealed files.
    (
        "helm-secrets decrypt",
        "sops --decrypt --input-type yaml --output-type yaml sealed.yaml",
    ),
    (
        "helm-secrets decrypt to a file",
        "sops --decrypt --input-type yaml --output-type yaml --output out.dec sealed.yaml",
    ),
    (
        "helm-secrets in place",
        "sops --decrypt --in-place sealed.yaml",
    ),
    (
        "helm-secrets encrypt",
        "sops --encrypt --input-type yaml --output-type yaml --in-place plain.yaml",
    ),
    (
        "helm-secrets encrypt to stdout",
        "sops --encrypt --input-type yaml --output-type yaml plain.yaml > new.yaml",
    ),
    (
        "helm-secrets version",
        "sops --version --disable-version-check | head -1",
    ),
    (
        "helm-secrets version in words",
        "sops --version | cut -d' ' -f2",
    ),
    // ksops and vals: the file by its path, the format by its name or given.
    ("ksops decrypt", "sops -d sealed.yaml"),
    (
        "ksops from stdin",
        "sops decrypt --input-type yaml --output-type yaml < sealed.yaml",
    ),
    (
        "ksops named stdin",
        "sops decrypt --filename-override x.yaml /dev/stdin < sealed.yaml",
    ),
    ("vals json", "sops --decrypt --output-type json sealed.yaml"),
    (
        "vals one value",
        "sops --decrypt --extract '[\"nested\"][\"password\"]' sealed.yaml",
    ),
    (
        "vals dotenv",
        "sops -d --input-type dotenv --output-type dotenv sealed.env",
    ),
    // The Terraform provider's package opens data of a given format; on the command line that is:
    (
        "terraform raw",
        "sops -d --input-type binary --output-type binary sealed.bin",
    ),
    (
        "terraform json",
        "sops -d --input-type json --output-type json sealed.json",
    ),
    // git: textconv is called with a file, also one that is not sealed.
    ("textconv", "sops -d sealed.yaml"),
    ("textconv of clear", "sops -d plain.yaml; echo $?"),
    (
        "textconv without key",
        "SOPS_AGE_KEY= SOPS_AGE_KEY_FILE= sops -d sealed.yaml 2>/dev/null; echo $?",
    ),
    ("gitdiff", "sops decrypt sealed.yaml"),
    // pre-commit hooks.
    ("filestatus", "sops filestatus sealed.yaml"),
    ("filestatus of clear", "sops filestatus plain.yaml"),
    (
        "filestatus json",
        "sops filestatus --input-type json sealed.json",
    ),
    ("filestatus of env", "sops filestatus sealed.env"),
    (
        "filestatus of nothing",
        "sops filestatus missing.yaml; echo $?",
    ),
    ("filestatus of no map", "sops filestatus list.yaml; echo $?"),
    (
        "grep in a hook",
        "grep -q sops sealed.yaml && sops filestatus sealed.yaml | grep -q true && echo sealed",
    ),
    ("encrypted twice", "sops -e sealed.yaml; echo $?"),
    // Makefile idioms.
    ("make encrypt", "sops -e plain.yaml > new.yaml"),
    ("make encrypt env", "sops -e plain.env > new.env"),
    ("make encrypt json", "sops -e plain.json > new.json"),
    ("make encrypt ini", "sops -e plain.ini > new.ini"),
    ("make encrypt binary", "sops -e plain.txt > new.txt"),
    ("make decrypt", "sops -d sealed.yaml > out.dec"),
    ("make output", "sops -d --output out.dec sealed.yaml"),
    ("make in place", "sops -e -i plain.yaml"),
    ("make in place, long", "sops encrypt --in-place plain.yaml"),
    ("make flags behind", "sops encrypt plain.yaml --in-place"),
    ("make short with value", "sops -e -a AGE_A -i plain.yaml"),
    (
        "make env var",
        "SOPS_AGE_RECIPIENTS=AGE_B sops -e -i plain.yaml; grep -c recipient: plain.yaml",
    ),
    (
        "make other config",
        "sops --config other.yaml -e -i plain.yaml; grep -c recipient: plain.yaml",
    ),
    (
        "make config variable",
        "SOPS_CONFIG=other.yaml sops encrypt -i plain.yaml; grep -c recipient: plain.yaml",
    ),
    (
        "make stdin",
        "sops encrypt --filename-override plain.yaml < plain.yaml > new.yaml",
    ),
    (
        "make stdin without name",
        "sops encrypt < plain.yaml; echo $?",
    ),
    (
        "make stdin in place",
        "sops decrypt -i < sealed.yaml; echo $?",
    ),
    (
        "make pipe to env",
        "eval $(sops -d --output-type dotenv flat.yaml | sed 's/^/export /'); echo $TOKEN",
    ),
    (
        "make jq",
        "sops -d --output-type json sealed.yaml | tr -d '\\n\\t' ",
    ),
    ("make mode of go", "sops -decrypt=true sealed.yaml"),
    (
        "make output type behind",
        "sops -d sealed.yaml --output-type json",
    ),
    (
        "make wrong type word",
        "sops -d --input-type yml sealed.yaml",
    ),
    ("make two files", "sops -d sealed.yaml flat.yaml"),
    ("make two modes", "sops -e -d sealed.yaml"),
    (
        "make both outputs",
        "sops -d -i --output x sealed.yaml; echo $?",
    ),
    ("make missing", "sops -d missing.yaml; echo $?"),
    ("make nothing", "sops; echo $?"),
    (
        "make unknown flag",
        "sops -d --bogus sealed.yaml >/dev/null; echo $?",
    ),
    (
        "make unknown flag behind",
        "sops decrypt sealed.yaml --bogus >/dev/null; echo $?",
    ),
    (
        "make order",
        "sops -d --decryption-order age,kms sealed.yaml",
    ),
    (
        "make order twice",
        "sops -d --decryption-order age,age sealed.yaml; echo $?",
    ),
    (
        "make order variable",
        "SOPS_DECRYPTION_ORDER=kms,age sops decrypt sealed.yaml",
    ),
    (
        "make ignore mac",
        "sed -i 's/clear_unencrypted: seen/clear_unencrypted: other/' sealed.yaml; sops -d sealed.yaml; echo $?; sops -d --ignore-mac sealed.yaml",
    ),
    (
        "make local key service",
        "sops --enable-local-keyservice=true -d sealed.yaml",
    ),
    (
        "make key service",
        "sops decrypt --keyservice tcp://127.0.0.1:1 sealed.yaml",
    ),
    ("make verbose", "sops --verbose -d sealed.yaml"),
    // Rules on the line.
    (
        "rule suffix",
        "sops -e --encrypted-suffix _s plain.yaml > new.yaml || echo $?",
    ),
    (
        "rule unencrypted suffix",
        "sops -e --unencrypted-suffix d plain.yaml > new.yaml",
    ),
    (
        "rule regex",
        "sops encrypt --encrypted-regex '^(password|user)$' plain.yaml > new.yaml; grep -c ENC new.yaml",
    ),
    (
        "rule unencrypted regex",
        "sops -e --unencrypted-regex '^nested$' plain.yaml > new.yaml; grep -c ENC new.yaml",
    ),
    (
        "two rules",
        "sops -e --encrypted-regex a --unencrypted-regex b plain.yaml; echo $?",
    ),
    (
        "mac only encrypted",
        "sops --mac-only-encrypted encrypt --encrypted-regex '^user$' plain.yaml > new.yaml; grep -c mac_only new.yaml",
    ),
    (
        "context malformed",
        "sops -e --kms arn:aws:kms:us-east-1:1:key/a --encryption-context a plain.yaml; echo $?",
    ),
    // set, unset, extract.
    ("set", "sops set sealed.yaml '[\"user\"]' '\"bob\"'"),
    (
        "set new",
        "sops set sealed.yaml '[\"new\"][\"deep\"]' '{\"a\": [1, true]}'",
    ),
    (
        "set item",
        "sops set sealed.yaml '[\"list\"][0]' '\"first\"'",
    ),
    (
        "set append",
        "sops set sealed.yaml '[\"list\"][9]' '\"last\"'",
    ),
    ("set negative", "sops set sealed.yaml '[\"port\"]' -5.5"),
    (
        "set old form",
        "sops --set '[\"user\"] \"carol\"' sealed.yaml",
    ),
    (
        "set value file",
        "echo '\"dave\"' > v; sops set --value-file sealed.yaml '[\"user\"]' v",
    ),
    (
        "set stdin",
        "echo '\"erin\"' | sops set --value-stdin sealed.yaml '[\"user\"]'",
    ),
    (
        "set idempotent",
        "cp sealed.yaml before; sops set --idempotent sealed.yaml '[\"user\"]' '\"alice\"'; cmp before sealed.yaml && rm before",
    ),
    (
        "set no json",
        "sops set sealed.yaml '[\"user\"]' bob; echo $?",
    ),
    (
        "set bad path",
        "sops set sealed.yaml user '\"bob\"'; echo $?",
    ),
    ("set too few", "sops set sealed.yaml; echo $?"),
    ("set on json", "sops set sealed.json '[\"user\"]' '\"bob\"'"),
    ("unset", "sops unset sealed.yaml '[\"user\"]'"),
    (
        "unset nested",
        "sops unset sealed.yaml '[\"nested\"][\"password\"]'",
    ),
    ("unset item", "sops unset sealed.yaml '[\"list\"][1]'"),
    (
        "unset missing",
        "sops unset sealed.yaml '[\"missing\"]'; echo $?",
    ),
    (
        "unset missing, idempotent",
        "cp sealed.yaml before; sops unset --idempotent sealed.yaml '[\"missing\"]' && cmp before sealed.yaml && rm before",
    ),
    ("unset on json", "sops unset sealed.json '[\"list\"][0]'"),
    ("unset on env", "sops unset sealed.env '[\"USER\"]'"),
    ("unset on ini", "sops unset sealed.ini '[\"db\"][\"host\"]'"),
    ("unset too few", "sops unset sealed.yaml; echo $?"),
    ("extract", "sops -d --extract '[\"user\"]' sealed.yaml"),
    (
        "extract number",
        "sops decrypt --extract '[\"port\"]' sealed.yaml",
    ),
    (
        "extract map",
        "sops decrypt --extract '[\"nested\"]' sealed.yaml",
    ),
    (
        "extract item",
        "sops decrypt --extract \"['list'][1]\" sealed.yaml",
    ),
    (
        "extract json",
        "sops decrypt --output-type json --extract '[\"nested\"]' sealed.yaml",
    ),
    (
        "extract missing",
        "sops decrypt --extract '[\"missing\"]' sealed.yaml; echo $?",
    ),
    (
        "extract malformed",
        "sops decrypt --extract 'user' sealed.yaml; echo $?",
    ),
    // rotate, updatekeys, groups.
    ("rotate", "sops -r sealed.yaml > new.yaml"),
    ("rotate in place", "sops rotate -i sealed.yaml"),
    (
        "rotate and add",
        "sops rotate -i --add-age AGE_B sealed.yaml; grep -c recipient: sealed.yaml",
    ),
    (
        "rotate old form",
        "sops -r -i --add-age AGE_B sealed.yaml; sops -r -i --rm-age AGE_B sealed.yaml; grep -c recipient: sealed.yaml",
    ),
    ("rotate output", "sops rotate --output new.yaml sealed.yaml"),
    ("rotate missing", "sops rotate -i missing.yaml; echo $?"),
    ("old rotate missing", "sops -r -i missing.yaml; echo $?"),
    (
        "set in missing",
        "sops set missing.yaml '[\"a\"]' 1; echo $?",
    ),
    (
        "unset in missing",
        "sops unset missing.yaml '[\"a\"]'; echo $?",
    ),
    (
        "updatekeys missing",
        "sops updatekeys -y missing.yaml; echo $?",
    ),
    (
        "exec-env missing",
        "sops exec-env missing.yaml true; echo $?",
    ),
    (
        "exec-file missing",
        "sops exec-file missing.yaml true; echo $?",
    ),
    (
        "groups missing",
        "sops groups delete --file missing.yaml 0; echo $?",
    ),
    ("rotate without a file", "sops rotate -i; echo $?"),
    (
        "updatekeys",
        "cp other.yaml .sops.yaml; sops updatekeys -y sealed.yaml",
    ),
    (
        "updatekeys asked",
        "cp other.yaml .sops.yaml; echo y | sops updatekeys sealed.yaml",
    ),
    (
        "updatekeys no",
        "cp other.yaml .sops.yaml; echo n | sops updatekeys sealed.yaml; echo $?; grep -c recipient: sealed.yaml",
    ),
    (
        "updatekeys nobody",
        "cp other.yaml .sops.yaml; sops updatekeys sealed.yaml < /dev/null; echo $?",
    ),
    (
        "updatekeys asked again",
        "cp other.yaml .sops.yaml; printf 'what\\ny\\n' | sops updatekeys sealed.yaml; grep -c recipient: sealed.yaml",
    ),
    (
        "updatekeys up to date",
        "cp sealed.yaml before; sops updatekeys -y sealed.yaml; echo $?; cmp before sealed.yaml && rm before",
    ),
    (
        "updatekeys without rules",
        "rm .sops.yaml; sops updatekeys -y sealed.yaml; echo $?",
    ),
    (
        "groups add",
        "sops groups add -f sealed.yaml -i --age AGE_B; grep -c recipient: sealed.yaml",
    ),
    (
        "groups add and delete",
        "sops groups add --file sealed.yaml --in-place --age AGE_B; SOPS_AGE_KEY_FILE=both sops groups delete --file sealed.yaml --in-place 1; grep -c recipient: sealed.yaml",
    ),
    // exec and edit.
    (
        "exec-env",
        "sops exec-env flat.yaml 'echo \"$TOKEN $COUNT $ON\"; exit 7'; echo $?",
    ),
    (
        "exec-env pristine",
        "sops exec-env --pristine flat.yaml env | grep -v '^PWD\\|^_\\|^SHLVL' | sort",
    ),
    (
        "exec-env same process",
        "sops exec-env --same-process flat.yaml 'echo $TOKEN; exit 3'; echo $?",
    ),
    (
        "exec-env killed",
        "sops exec-env flat.yaml 'kill -9 $$'; echo $?",
    ),
    ("exec-env nested", "sops exec-env sealed.yaml true; echo $?"),
    ("exec-env words", "sops exec-env flat.yaml echo a; echo $?"),
    (
        "exec-env dotenv",
        "sops exec-env sealed.env 'echo $USER_NAME'",
    ),
    ("exec-file", "sops exec-file sealed.yaml 'cat {}'"),
    (
        "exec-file twice named",
        "sops exec-file --no-fifo sealed.yaml 'cat {} {} | wc -l'",
    ),
    (
        "exec-file type",
        "sops exec-file --output-type json flat.yaml 'cat {}'",
    ),
    (
        "exec-file name",
        "sops exec-file --no-fifo --filename c.yaml sealed.yaml 'basename {}'",
    ),
    (
        "exec-file status",
        "sops exec-file sealed.yaml 'cat {} > /dev/null; exit 9'; echo $?",
    ),
    ("edit", "EDITOR='sed -i s/alice/bob/' sops sealed.yaml"),
    (
        "edit, its own command",
        "EDITOR='sed -i s/alice/bob/' sops edit sealed.yaml",
    ),
    ("edit unchanged", "EDITOR=true sops sealed.yaml; echo $?"),
    ("edit failed", "EDITOR=false sops sealed.yaml; echo $?"),
    (
        "edit without editor",
        "EDITOR=/no/such sops sealed.yaml; echo $?",
    ),
    (
        "edit copied",
        "printf 'user: zed\\n' > next; EDITOR='cp next' sops sealed.yaml",
    ),
    ("edit removed", "EDITOR=rm sops sealed.yaml; echo $?"),
    ("edit new", "EDITOR='cp plain.yaml' sops new.yaml"),
    ("edit new unchanged", "EDITOR=true sops new.yaml; echo $?"),
    (
        "edit own editor",
        "SOPS_EDITOR='sed -i s/alice/bob/' EDITOR=false sops sealed.yaml",
    ),
    (
        "edit shown keys",
        "EDITOR='grep -c lastmodified' sops -s sealed.yaml; echo $?",
    ),
];

/// Where the two differ on purpose, with what ours does; `docs/differences.md` says why.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "make unknown flag behind",
        "an option that there is not is refused",
    ),
    ("rule suffix", "a rule that selects no value is refused"),
    (
        "groups add and delete",
        "what is left of two groups needs no threshold",
    ),
];

const PLAIN: &str = "\
# the node's own
user: alice
nested:
    password: p4ss-word
    clear_unencrypted: seen
list:
    - one
    - two
port: 5432
ratio: 1.5
";

fn world() -> Scene {
    let rules = |recipients: &str| format!("creation_rules:\n    - age: {recipients}\n");
    let scene = Scene::with_age()
        .file(".sops.yaml", rules(RECIPIENT))
        .file(
            "other.yaml",
            rules(&format!("{RECIPIENT},{OTHER_RECIPIENT}")),
        )
        .file("plain.yaml", PLAIN)
        .file(
            "plain.json",
            "{\n\t\"user\": \"alice\",\n\t\"list\": [\n\t\t\"one\",\n\t\t2\n\t]\n}\n",
        )
        .file(
            "plain.env",
            "# of the node\nUSER=alice\nUSER_NAME=al ice\nTOKEN=a=b\n",
        )
        .file("plain.ini", "[db]\nhost = example.net\nuser = alice\n")
        .file("plain.txt", "just text\n")
        .file("list.yaml", "- one\n- two\n")
        .file("flat-plain.yaml", "TOKEN: t-0ken\nCOUNT: 3\n\"ON\": true\n");
    let both = ["A", "B"].map(|name| {
        std::fs::read_to_string(fixture(&format!("vectors/keys/age-{name}.txt"))).unwrap()
    });
    scene.write("both", both.concat());
    for (from, to) in [
        ("plain.yaml", "sealed.yaml"),
        ("plain.json", "sealed.json"),
        ("plain.env", "sealed.env"),
        ("plain.ini", "sealed.ini"),
        ("plain.txt", "sealed.bin"),
        ("flat-plain.yaml", "flat.yaml"),
    ] {
        scene
            .sops(&format!("encrypt --output {to} {from}"))
            .succeeds();
    }
    scene
}

/// What a tool printed, and what all files hold, sealed ones opened by the reference.
fn outcome(line: &str, tool: &std::path::Path) -> (Run, BTreeMap<String, String>) {
    let scene = world();
    let programs = scene.root().join("tools");
    std::fs::create_dir(&programs).unwrap();
    symlink(tool, programs.join("sops")).unwrap();
    let line = line
        .replace("AGE_A", RECIPIENT)
        .replace("AGE_B", OTHER_RECIPIENT);
    let path = std::env::var("PATH").unwrap();
    let run = scene
        .other("/bin/bash", ["-c", &line])
        .env("PATH", format!("{}:{path}", programs.display()))
        .reveals()
        .run();
    let mut files = BTreeMap::new();
    for file in scene.files() {
        let content = scene.bytes(&file);
        let is_sealed = ["lastmodified", "ENC["]
            .iter()
            .all(|word| memchr::memmem::find(&content, word.as_bytes()).is_some());
        let shown = if is_sealed {
            let opened = scene
                .other(peer("sops"), ["decrypt", &file])
                .env(
                    "SOPS_AGE_KEY_FILE",
                    scene.path("both").display().to_string(),
                )
                .reveals()
                .run();
            format!("sealed, {}: {}", opened.status, opened.out())
        } else {
            String::from_utf8_lossy(&content).into_owned()
        };
        files.insert(file, shown);
    }
    (run, files)
}

#[test]
fn scripts_see_the_same_of_both_tools() {
    let next = std::sync::Mutex::new(LINES.iter());
    let differences = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((name, line)) = next.lock().unwrap().next() else {
                        break;
                    };
                    let (theirs, their_files) = outcome(line, &peer("sops"));
                    let (ours, our_files) = outcome(line, std::path::Path::new(BINARY));
                    let is_known = OTHERWISE.iter().any(|(known, _)| known == name);
                    let is_same = ours.status == theirs.status
                        && ours.out() == theirs.out()
                        && our_files == their_files;
                    if is_same == is_known {
                        let files: Vec<_> = our_files
                            .iter()
                            .filter(|(file, content)| their_files.get(*file) != Some(content))
                            .map(|(file, content)| {
                                format!(
                                    "{file}\n--- ours\n{content}--- theirs\n{:?}",
                                    their_files.get(file)
                                )
                            })
                            .chain(
                                their_files
                                    .keys()
                                    .filter(|file| !our_files.contains_key(*file))
                                    .map(|file| format!("only theirs: {file}")),
                            )
                            .collect();
                        differences.lock().unwrap().push(format!(
                            "=== {name}: {line}\n--- ours\n{ours}\n--- theirs\n{theirs}\n{}",
                            files.join("\n")
                        ));
                    }
                }
            });
        }
    });
    let differences = differences.into_inner().unwrap();
    assert!(
        differences.is_empty(),
        "{} of {} lines differ\n{}",
        differences.len(),
        LINES.len(),
        differences.join("\n")
    );
}
