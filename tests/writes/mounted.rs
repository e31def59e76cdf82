//! Files that are mounted by themselves, as a container gets them: they cannot be replaced.

use std::process::{Command, Stdio};

use crate::support::{Scene, not_run};

use super::sealed;

/// Whether this machine lets us mount in a namespace of our own; says so if not.
pub(super) fn can_mount(what: &str) -> bool {
    let words = ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    let tried = Command::new("unshare")
        .args(words)
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            not_run(what, &format!("unshare and mount: {}", why.trim()));
        }
        Err(error) => not_run(what, &format!("no unshare: {error}")),
    }
    false
}

fn in_a_namespace(scene: &Scene, script: &str) -> Vec<String> {
    let script = format!("set -e\nmount --bind a.yaml a.yaml\nset +e\n{script}");
    let run = scene
        .other("unshare", ["-m", "/bin/bash", "-c", &script])
        .run()
        .succeeds();
    run.out().lines().map(str::to_owned).collect()
}

#[test]
fn sealed_content_is_written_over_a_mounted_file() {
    if !can_mount("writing over a file that is mounted by itself") {
        return;
    }
    let scene = sealed(&format!("a: old\nlong: {}\n", "x".repeat(8192)));
    let inode = super::inode(&scene.path("a.yaml"));
    let script = r#"
clsecrets set a.yaml '["a"]' '"new"'; echo "set: $?"
clsecrets set a.yaml '["long"]' '"short"'; echo "set: $?"
clsecrets decrypt --extract '["a"]' a.yaml; echo
ls -A
"#;
    let lines = in_a_namespace(&scene, script);
    assert_eq!(lines, ["set: 0", "set: 0", "new", "a.yaml"]);
    assert_eq!(super::inode(&scene.path("a.yaml")), inode);
    let run = scene.run("decrypt a.yaml").succeeds();
    run.stdout("a: new\nlong: short\n");
}

#[test]
fn cleartext_is_not_written_over_a_mounted_file() {
    if !can_mount("cleartext and a file that is mounted by itself") {
        return;
    }
    let scene = sealed("a: old\n");
    let before = scene.bytes("a.yaml");
    let lines = in_a_namespace(&scene, "clsecrets decrypt -i a.yaml 2>&1; echo $?; ls -A");
    assert_eq!(
        lines.last().map(String::as_str),
        Some("a.yaml"),
        "{lines:?}"
    );
    assert_eq!(lines[lines.len() - 2], "1", "{lines:?}");
    assert!(lines[0].contains("it is mounted by itself"), "{lines:?}");
    assert_eq!(scene.bytes("a.yaml"), before);
}

#[test]
fn a_write_that_stops_half_way_leaves_the_whole_in_a_backup() {
    if !can_mount("a write over a mounted file that stops half-way") {
        return;
    }
    let scene = sealed(&format!("a: old\nlong: {}\n", "x".repeat(20_000)));
    // The disk that the file lies on is full after a part; its folder's disk is not.
    let script = r#"
set -e
mkdir disk
mount -t tmpfs -o size=36k tmpfs disk
cp a.yaml disk/a.yaml
mount --bind disk/a.yaml a.yaml
set +e
clsecrets set a.yaml '["longer"]' "\"$(head -c 30000 /dev/zero | tr '\0' y)\"" 2>&1; echo "set: $?"
clsecrets set a.yaml '["a"]' '"newer"' 2>&1; echo "again: $?"
clsecrets decrypt a.yaml 2>&1; echo "read: $?"
umount a.yaml
cp .clsecrets-tmp-backup-a.yaml a.yaml && rm .clsecrets-tmp-backup-a.yaml
clsecrets decrypt --extract '["longer"]' a.yaml | wc -c
"#;
    let run = scene
        .other("unshare", ["-m", "/bin/bash", "-c", script])
        .run()
        .succeeds();
    let text = run.out();
    for part in [
        "no space left on device",
        "the backup holds the new content whole",
        "hint: cp ",
        "set: 1",
        "a write of ",
        "was interrupted",
        "again: 1",
        "read: 1",
        "30000",
    ] {
        assert!(text.contains(part), "{part}: {run}");
    }
}
