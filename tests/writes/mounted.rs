//! Files that nothing can take the place of: mounts of their own, files of another owner.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use super::{TEMPORARY, sealed};
use crate::support::{Run, Scene, is_root, not_run};

#[test]
fn a_mounted_file_is_sealed_in_place_and_never_gets_cleartext() {
    if is_impossible("writing a mounted file") {
        return;
    }
    let scene = mounted("a: old\nlong: abcdefghij\n");
    let inode = fs::metadata(scene.path("source/a.yaml")).unwrap().ino();
    in_mount(&scene, "clsecrets set a.yaml '[\"a\"]' '\"new\"'").succeeds();
    in_mount(&scene, "clsecrets decrypt a.yaml")
        .succeeds()
        .stdout("a: new\nlong: abcdefghij\n");
    scene.write("clear.yaml", "a: newer\nlong: 1\n");
    in_mount(&scene, "clsecrets encrypt --onto a.yaml clear.yaml").succeeds();
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml", "source/a.yaml"]);
    let found = fs::metadata(scene.path("source/a.yaml")).unwrap();
    assert_eq!(found.ino(), inode);
    scene
        .run("decrypt source/a.yaml")
        .succeeds()
        .stdout("a: newer\nlong: 1\n");

    let before = scene.bytes("source/a.yaml");
    for (name, line) in [
        ("in-place", "clsecrets decrypt -i a.yaml"),
        ("output", "clsecrets decrypt --output a.yaml a.yaml"),
    ] {
        let script = format!("mount --bind source/a.yaml a.yaml && {line}");
        let run = scene
            .other("unshare", ["-m", "/bin/sh", "-c", &script])
            .run();
        run.fails(1)
            .stdout("")
            .matches(&scene, &format!("mounted-file-{name}"));
    }
    assert_eq!(scene.bytes("source/a.yaml"), before);
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml", "source/a.yaml"]);
}

#[test]
fn an_interrupted_write_of_a_mounted_file_stops_the_next_until_it_is_finished() {
    if is_impossible("an interrupted write of a mounted file") {
        return;
    }
    let scene = mounted("a: old\n");
    let backup = format!("{TEMPORARY}backup-a.yaml");
    scene.write("b.yaml", "a: new\n");
    scene
        .run(&format!(
            "encrypt -i --age {} b.yaml",
            crate::support::RECIPIENT
        ))
        .succeeds();
    fs::rename(scene.path("b.yaml"), scene.path(&backup)).unwrap();
    // Torn: the new beginning and nothing behind it.
    let old = scene.bytes("source/a.yaml");
    let torn = &scene.bytes(&backup)[..100];
    scene.write("source/a.yaml", torn);
    in_mount(&scene, "clsecrets set a.yaml '[\"a\"]' 1")
        .fails(1)
        .matches(&scene, "interrupted-write-set");
    assert_eq!(scene.bytes("source/a.yaml"), torn);
    let run = in_mount(&scene, "clsecrets decrypt a.yaml").stdout("");
    assert_ne!(run.status, 0, "{run}");
    let order = run.err();
    let order = order.lines().find_map(|line| line.strip_prefix("hint: "));
    let order = order.unwrap().to_owned();
    assert!(order.starts_with("cp "), "{run}");
    in_mount(&scene, &order).succeeds();
    in_mount(&scene, "clsecrets decrypt a.yaml")
        .succeeds()
        .stdout("a: new\n");
    assert_eq!(scene.files(), ["a.yaml", "source/a.yaml"]);

    // One that came to its end but for the backup is in nobody's way.
    scene.write("source/a.yaml", &old);
    scene.write(&backup, &old);
    in_mount(&scene, "clsecrets set a.yaml '[\"a\"]' '\"last\"'").succeeds();
    scene
        .run("decrypt source/a.yaml")
        .succeeds()
        .stdout("a: last\n");
    assert_eq!(scene.files(), ["a.yaml", "source/a.yaml"]);
}

#[test]
fn a_full_disk_under_a_mounted_file_changes_nothing() {
    if is_impossible("a full disk under a mounted file") {
        return;
    }
    let scene = mounted(&format!("a: old\nlong: {}\n", "x".repeat(3000)));
    fs::create_dir(scene.path("disk")).unwrap();
    let script = r#"
set -e
mount -t tmpfs -o size=64k tmpfs disk
cp source/a.yaml disk/a.yaml
mount --bind disk/a.yaml a.yaml
dd if=/dev/zero of=disk/rest bs=1k 2>/dev/null || true
cksum < a.yaml
set +e
printf 'a: old\nlong: %s\n' "$(head -c 9000 /dev/zero | tr '\0' y)" > clear.yaml
clsecrets encrypt --onto a.yaml clear.yaml; echo "onto: $?"
cksum < a.yaml
rm disk/rest
clsecrets encrypt --onto a.yaml clear.yaml; echo "onto: $?"
clsecrets decrypt a.yaml | cmp - clear.yaml; echo "same: $?"
"#;
    let run = scene
        .other("unshare", ["-m", "/bin/bash", "-c", script])
        .run()
        .succeeds();
    let lines: Vec<String> = run.out().lines().map(str::to_owned).collect();
    assert_eq!(lines[1], "onto: 1", "{run}");
    assert_eq!(lines[0], lines[2], "{run}");
    assert_eq!(lines[3..], ["onto: 0", "same: 0"], "{run}");
    let said = run.err();
    assert!(said.contains("a.yaml: no space left on device"), "{run}");
    assert!(!said.contains("written in part"), "{run}");
    assert_eq!(scene.files(), ["a.yaml", "clear.yaml", "source/a.yaml"]);
}

#[test]
fn a_file_of_another_owner_keeps_it_or_is_left_alone() {
    if !is_root() {
        return not_run("a file of another owner", "only root can give files away");
    }
    let scene = sealed("a: old\n");
    scene.other("true", [""; 0]).unprivileged().run().succeeds();
    let file = scene.path("a.yaml");
    let own = |mode: u32| {
        std::os::unix::fs::chown(&file, Some(1234), Some(4321)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    let script = |line: &str| {
        let args = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
        let words = line.split(' ').map(str::to_owned);
        let binary = scene.root().join("bin/unprivileged").display().to_string();
        let all: Vec<String> = args
            .map(str::to_owned)
            .into_iter()
            .chain([binary])
            .chain(words)
            .collect();
        scene.other("setpriv", all).run()
    };
    scene.cmd(["--version"]).unprivileged().run().succeeds();

    // Writable for everybody: in place, so that owner and mode stay.
    own(0o646);
    script("set a.yaml [\"a\"] 5").succeeds();
    let found = fs::metadata(&file).unwrap();
    assert_eq!(
        (found.uid(), found.gid(), found.mode() & 0o7777),
        (1234, 4321, 0o646)
    );
    scene.run("decrypt a.yaml").succeeds().stdout("a: 5\n");
    let before = scene.bytes("a.yaml");
    script("decrypt -i a.yaml")
        .fails(1)
        .stdout("")
        .matches(&scene, "other-owner-clear");
    // Readable only: it stays as it is, and nobody else gets to read it.
    own(0o644);
    script("set a.yaml [\"a\"] 6")
        .fails(1)
        .matches(&scene, "other-owner-sealed");
    assert_eq!(scene.bytes("a.yaml"), before);
    assert_eq!(scene.files(), ["a.yaml"]);
}

/// A sealed file `source/a.yaml`, and an empty one that it is to be mounted over.
fn mounted(text: &str) -> Scene {
    let scene = sealed(text);
    fs::create_dir(scene.path("source")).unwrap();
    fs::rename(scene.path("a.yaml"), scene.path("source/a.yaml")).unwrap();
    scene.write("a.yaml", "");
    scene
}

fn in_mount(scene: &Scene, line: &str) -> Run {
    let script = format!("mount --bind source/a.yaml a.yaml && {line}");
    scene
        .other("unshare", ["-m", "/bin/sh", "-c", &script])
        .run()
}

/// Whether this machine lets us mount nothing; that is said then.
pub(crate) fn is_impossible(what: &str) -> bool {
    let trial = Command::new("unshare")
        .args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .stdin(Stdio::null())
        .output();
    match trial {
        Ok(output) if output.status.success() => false,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            not_run(what, &format!("unshare and mount: {}", why.trim()));
            true
        }
        Err(error) => {
            not_run(what, &format!("no unshare: {error}"));
            true
        }
    }
}

/// Whether this machine lets us mount; says so if not.
pub(super) fn can_mount(what: &str) -> bool {
    !is_impossible(what)
}
