use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::chainlink::{Entry, Form};
use crate::sync::{Allowed, Owner, leftover, verdict};

fn target(path: &Path) -> Directory {
    Directory {
        config: DirectoryConfig {
            shown: "out".to_owned(),
            path: path.to_owned(),
            base: path.parent().unwrap().to_owned(),
            owner: Owner::default(),
        },
    }
}

fn desired(value: &str) -> Desired {
    Desired::new(
        "api-secrets",
        Form::Data,
        vec![Entry::of(
            ".password",
            &SecretBytes::copy_of(value.as_bytes()),
            "wallet_password",
        )],
    )
}

fn apply(target: &Directory, desired: &Desired) -> Result<(), TargetError> {
    let seen = target.look(&desired.name)?;
    let judged = verdict(desired, seen.as_ref(), Allowed::default());
    if let Some(refusal) = judged.verdict.refusal(&desired.name) {
        return Err(refusal);
    }
    target.write(&Step {
        verdict: &judged.verdict,
        desired,
        seen: seen.as_ref(),
        changes: &judged.changes,
        allowed: Allowed::default(),
    })
}

#[test]
fn a_written_object_is_private_ignored_and_has_the_exact_bytes() {
    let world = tempfile::tempdir().unwrap();
    let root = world.path().join("out/dev");
    apply(&target(&root), &desired("w")).unwrap();
    let file = root.join("api-secrets/.password");
    assert_eq!(std::fs::read(&file).unwrap(), b"w");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(
        (mode(&root), mode(&root.join("api-secrets"))),
        (0o700, 0o700)
    );
    assert_eq!(std::fs::read(root.join(".gitignore")).unwrap(), IGNORE);
}

#[test]
fn what_is_not_changed_is_not_written() {
    let world = tempfile::tempdir().unwrap();
    let root = world.path().join("out");
    apply(&target(&root), &desired("w")).unwrap();
    let file = root.join("api-secrets/.password");
    let inode = std::fs::metadata(&file).unwrap().ino();
    apply(&target(&root), &desired("w")).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().ino(), inode);
    apply(&target(&root), &desired("v")).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"v");
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let world = tempfile::tempdir().unwrap();
    std::fs::create_dir(world.path().join("src")).unwrap();
    let error = apply(&target(world.path()), &desired("w")).unwrap_err();
    assert_eq!(error.fault, Fault::Refused);
    assert!(!world.path().join(".gitignore").exists());
}

#[test]
fn links_and_open_files_are_refused() {
    let world = tempfile::tempdir().unwrap();
    let root = world.path().join("out");
    apply(&target(&root), &desired("w")).unwrap();
    let file = root.join("api-secrets/.password");

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = apply(&target(&root), &desired("v")).unwrap_err();
    assert!(error.hint.unwrap().starts_with("chmod 600 "));

    std::fs::remove_file(&file).unwrap();
    let elsewhere = world.path().join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert!(apply(&target(&root), &desired("v")).is_err());
    assert!(!elsewhere.exists());
}

#[test]
fn a_root_that_is_a_link_or_behind_one_or_open_to_others_is_refused() {
    let world = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let base = world.path();
    std::os::unix::fs::symlink(elsewhere.path(), base.join("link")).unwrap();
    for root in ["link", "link/out"] {
        let mut target = target(&base.join(root));
        target.config.base = base.to_owned();
        let error = apply(&target, &desired("w")).unwrap_err();
        assert!(error.reason.contains("is a symbolic link"), "{error:?}");
    }
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);

    let root = base.join("out");
    apply(&target(&root), &desired("w")).unwrap();
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = apply(&target(&root), &desired("v")).unwrap_err();
    assert!(error.hint.unwrap().starts_with("chmod 700 "));
}

#[test]
fn a_change_in_between_is_a_conflict() {
    let world = tempfile::tempdir().unwrap();
    let target = target(&world.path().join("out"));
    apply(&target, &desired("w")).unwrap();
    let desired = desired("v");
    let seen = target.look("api-secrets").unwrap();
    let judged = verdict(&desired, seen.as_ref(), Allowed::default());
    let file = world.path().join("out/api-secrets/.password");
    std::fs::remove_file(&file).unwrap();
    let error = target
        .write(&Step {
            verdict: &judged.verdict,
            desired: &desired,
            seen: seen.as_ref(),
            changes: &judged.changes,
            allowed: Allowed::default(),
        })
        .unwrap_err();
    assert_eq!(error.fault, Fault::Conflict);
}

#[test]
fn pruned_keys_go_and_the_folder_with_the_last_of_them() {
    let world = tempfile::tempdir().unwrap();
    let root = world.path().join("out");
    let target = target(&root);
    apply(&target, &desired("w")).unwrap();
    let prune = Allowed {
        prune: true,
        ..Allowed::default()
    };
    let seen = target.look("api-secrets").unwrap().unwrap();
    let judged = leftover("api-secrets", &seen, prune).unwrap();
    let mut nothing = desired("w");
    nothing.entries.clear();
    target
        .write(&Step {
            verdict: &judged.verdict,
            desired: &nothing,
            seen: Some(&seen),
            changes: &judged.changes,
            allowed: Allowed::default(),
        })
        .unwrap();
    assert!(!root.join("api-secrets").exists());
    assert!(root.join(".gitignore").exists());
}
