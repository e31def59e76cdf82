//! What a file keeps when it is written, and what is left alone: lists of users, links, files that
//! have not changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{XattrFlags, getxattr, setxattr};
use rustix::io::Errno;

use super::{inode, sealed};
use crate::support::{RECIPIENT, Scene, not_run};

const ACCESS: &str = "system.posix_acl_access";
const DEFAULT: &str = "system.posix_acl_default";

/// A list that lets one more user (1234) in: as the kernel has it, tags, rights and ids.
fn list(mask: u16) -> Vec<u8> {
    let none = u32::MAX;
    let entries = [
        (0x01, 6, none),
        (0x02, 4, 1234),
        (0x04, 0, none),
        (0x10, mask, none),
        (0x20, 0, none),
    ];
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        bytes.extend(u16::to_le_bytes(tag));
        bytes.extend(u16::to_le_bytes(rights));
        bytes.extend(u32::to_le_bytes(id));
    }
    bytes
}

fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 1024];
    match getxattr(path, name, value.as_mut_slice()) {
        Ok(length) => Some(value[..length].to_vec()),
        Err(Errno::NODATA) => None,
        Err(error) => panic!("{name}: {error}"),
    }
}

#[test]
fn who_else_may_read_a_file_stays_as_it_was() {
    let scene = sealed("a: old\n");
    let file = scene.path("a.yaml");
    if let Err(error) = setxattr(&file, ACCESS, &list(4), XattrFlags::empty()) {
        return not_run("lists of users", &error.to_string());
    }
    setxattr(&file, "user.note", b"kept", XattrFlags::empty()).unwrap();
    scene.run("set a.yaml '[\"a\"]' 1").succeeds();
    assert_eq!(attribute(&file, ACCESS), Some(list(4)));
    assert_eq!(attribute(&file, "user.note").as_deref(), Some(&b"kept"[..]));

    // A list that the directory gives to new files is not for one that has none.
    let scene = sealed("a: old\n");
    let file = scene.path("a.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    setxattr(scene.path(""), DEFAULT, &list(7), XattrFlags::empty()).unwrap();
    scene.run("set a.yaml '[\"a\"]' 1").succeeds();
    assert_eq!(attribute(&file, ACCESS), None);
    assert_eq!(scene.mode("a.yaml"), 0o640);
}

#[test]
fn a_link_is_followed_to_its_end_and_one_that_leads_nowhere_is_refused() {
    let scene = sealed("a: old\n");
    for folder in ["one", "two"] {
        fs::create_dir(scene.path(folder)).unwrap();
    }
    symlink("../two/b.yaml", scene.path("one/c.yaml")).unwrap();
    symlink("../a.yaml", scene.path("two/b.yaml")).unwrap();
    scene.run("set one/c.yaml '[\"a\"]' '\"new\"'").succeeds();
    scene.run("decrypt a.yaml").succeeds().stdout("a: new\n");
    assert!(scene.path("one/c.yaml").is_symlink() && scene.path("two/b.yaml").is_symlink());

    symlink("nothing.yaml", scene.path("nowhere.yaml")).unwrap();
    scene
        .run("decrypt --output nowhere.yaml a.yaml")
        .fails(3)
        .stdout("")
        .matches(&scene, "link-nowhere");
    symlink("loop.yaml", scene.path("loop.yaml")).unwrap();
    scene
        .run("decrypt --output loop.yaml a.yaml")
        .fails(3)
        .stdout("");
    scene
        .run("decrypt --output slash.yaml/ a.yaml")
        .fails(3)
        .stdout("");
    scene
        .run("decrypt --output two/ a.yaml")
        .fails(3)
        .stdout("");
    assert!(!scene.has("nothing.yaml") && !scene.has("slash.yaml"));
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let scene = Scene::with_age()
        .file(".sops.yaml", format!("creation_rules:\n  - age: {RECIPIENT}\n"))
        .file(
            "clsecrets.yaml",
            "version: 1\nname: n\nenvironments:\n  dev:\n    profile: trackit\n    sealed: a.yaml\n    clear: clear.yaml\n    targets: []\n",
        )
        .file("clear.yaml", "a: value\n");
    scene.run("encrypt --env dev").succeeds();
    let state = |file: &str| {
        let path = scene.path(file);
        let found: SystemTime = fs::metadata(&path).unwrap().modified().unwrap();
        (inode(&path), found, scene.bytes(file))
    };
    let before = (state("a.yaml"), state("clear.yaml"));
    for line in [
        "set a.yaml '[\"a\"]' '\"value\"'",
        "encrypt --env dev",
        "encrypt --onto a.yaml clear.yaml",
        "decrypt --env dev",
    ] {
        scene.run(line).succeeds();
        assert_eq!((state("a.yaml"), state("clear.yaml")), before, "{line}");
    }
}

#[test]
fn a_file_system_without_locks_is_named() {
    let scene = sealed("a: old\n");
    let args = [
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "inject=flock:error=ENOLCK",
        "--",
        crate::support::BINARY,
    ];
    let args = args.iter().chain(&["set", "a.yaml", "[\"a\"]", "\"new\""]);
    if std::process::Command::new("strace")
        .arg("-V")
        .output()
        .is_err()
    {
        return not_run("a file system without locks", "no strace");
    }
    scene
        .other("strace", args)
        .run()
        .succeeds()
        .stderr_has("has no locks: no locks available; before it is written");
    scene.run("decrypt a.yaml").succeeds().stdout("a: new\n");
}
