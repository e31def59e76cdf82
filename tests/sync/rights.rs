//! `docs/sync.md` says which rights are enough; here `sync` runs under exactly these.

use std::fs;

use serde_json::{Value, json};

use super::kubernetes::Place;
use crate::servers::{Fault, Proxy, User};
use crate::support::project;

/// The rules of the Role in `docs/sync.md`, with the comment before each.
fn documented() -> Vec<(String, Value)> {
    let page = fs::read_to_string(project("docs/sync.md")).unwrap();
    let (_, role) = page.split_once("kind: Role\n").unwrap();
    let (role, _) = role.split_once("```").unwrap();
    let mut rules = Vec::new();
    let mut comment = String::new();
    for line in role.lines() {
        if let Some(text) = line.trim().strip_prefix("# ") {
            text.clone_into(&mut comment);
        } else if let Some(rule) = line.trim().strip_prefix("- ") {
            rules.push((comment.clone(), serde_yaml::from_str(rule).unwrap()));
        }
    }
    rules
}

/// A user of a place with the documented rules whose comments begin so.
pub(super) fn user(place: &Place, features: &[&str]) -> User {
    let rules = documented();
    let chosen = rules
        .iter()
        .filter(|(comment, _)| features.iter().any(|feature| comment.starts_with(feature)));
    let words = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut granted = Vec::new();
    for (_, rule) in chosen {
        for resource in words(&rule["resources"]) {
            let group = words(&rule["apiGroups"]).remove(0);
            granted.push((group, resource, words(&rule["verbs"])));
        }
    }
    assert!(granted.len() >= features.len());
    let granted: Vec<(&str, &str, Vec<&str>)> = granted
        .iter()
        .map(|(group, resource, verbs)| {
            let verbs = verbs.iter().map(String::as_str).collect();
            (group.as_str(), resource.as_str(), verbs)
        })
        .collect();
    let granted: Vec<(&str, &str, &[&str])> = granted
        .iter()
        .map(|(group, resource, verbs)| (*group, *resource, verbs.as_slice()))
        .collect();
    place.namespace.user(&granted)
}

#[test]
fn to_deliver_the_first_rule_is_enough_and_the_others_are_for_what_they_say() {
    let mut place = Place::new();
    place.log_in(&user(&place, &["to deliver"]).kubeconfig());
    place.world.apply();
    place.world.set("tiingo_api_key", None);
    place.world.apply();
    place
        .world
        .sync("-y --prune")
        .fails(4)
        .stderr_has("not allowed to delete secret tiingo");

    let rights = ["to deliver", "to read many", "--prune"];
    place.log_in(&user(&place, &rights).kubeconfig());
    place.world.sync("-y --prune").succeeds();
    place
        .world
        .set("cryptocompare_api_key", Some("changed-key-000"));
    place.patch("cryptocompare", &json!({"immutable": true}));
    place.world.sync("-y --replace-immutable").succeeds();
}

#[test]
fn restarts_and_their_rollout_need_the_rules_that_name_them() {
    let place = Place::new();
    place.deployment("tiingo");
    let rights = ["to deliver", "restarts", "--wait", "--wait, to say"];
    place.log_in(&user(&place, &rights).kubeconfig());
    // No controller: it waits for as long as it may.
    place
        .world
        .sync("-y --wait=1s")
        .fails(3)
        .stderr_has("its controller has not seen the change");
    place
        .world
        .sync("-y")
        .succeeds()
        .stdout_has("nothing to do");
}

/// All that a run can need of secrets.
const SECRETS: [&str; 5] = ["get", "list", "create", "patch", "delete"];

/// One secret to make, and one that is immutable and has to be made anew.
fn two_to_write() -> Place {
    let place = Place::with_objects(&[
        "{ name: first, keys: { a: user_password } }",
        "{ name: second, keys: { a: cryptocompare_api_key } }",
    ]);
    place.world.apply();
    place.patch("first", &json!({"immutable": true}));
    let path = place.namespace.secret_path("second");
    place.namespace.admin().must("DELETE", &path, None);
    place.world.rewrite("a: user_password", "a: tiingo_api_key");
    place
}

#[test]
fn each_right_that_is_missing_alone_is_named_whether_it_is_asked_for_or_found_out() {
    for missing in SECRETS {
        for is_asked in [true, false] {
            let place = two_to_write();
            let rights: Vec<&str> = SECRETS
                .into_iter()
                .filter(|verb| *verb != missing)
                .collect();
            let user = place.namespace.user(&[("", "secrets", &rights)]);
            let proxy = Proxy::to_cluster(place.namespace.admin().upstream());
            place.log_in(&user.at(&proxy.url()).kubeconfig());
            if !is_asked {
                // Some clusters do not tell what one may do.
                let silent = Fault::Refuse(403, "Forbidden", None);
                proxy.on("POST selfsubjectaccessreviews", silent);
            }
            let before = place.versions();
            let run = place.world.sync("-y --replace-immutable");
            let what = format!("{missing} {is_asked}: {}", run.err());
            match (missing, is_asked) {
                // Nothing depends on it.
                ("list", _) => {
                    assert_eq!(run.status, 0, "{what}");
                    assert!(
                        what.contains("not allowed to list secrets, so leftovers"),
                        "{what}"
                    );
                }
                // What cannot be asked beforehand is found out when it is needed, and nothing is gone.
                ("delete", false) => {
                    assert_eq!(run.status, 3, "{what}");
                    assert!(
                        what.contains("not allowed to delete secret first"),
                        "{what}"
                    );
                    assert!(place.namespace.secret("first").is_some());
                }
                _ => {
                    assert_eq!(run.status, 4, "{what}");
                    let said = format!("not allowed to {missing} secret ");
                    assert!(what.contains(&said), "{what}");
                    assert!(
                        what.contains(&format!("grant {missing} on secrets")),
                        "{what}"
                    );
                    assert_eq!(place.versions(), before);
                }
            }
            // With the right it goes on from wherever it was.
            place.log_in(&place.namespace.admin().kubeconfig());
            place.world.sync("-y --replace-immutable").succeeds();
            assert_eq!(place.versions().len(), 2);
            assert_eq!(place.namespace.secret("first").unwrap()["immutable"], true);
        }
    }
}

#[test]
fn each_right_that_a_restart_lacks_is_named() {
    let all = ["get", "list", "patch"];
    for missing in all {
        let place = Place::new();
        place.deployment("tiingo");
        let rights: Vec<&str> = all.into_iter().filter(|verb| *verb != missing).collect();
        let secrets: &[&str] = &["get", "list", "create", "patch"];
        let rules = [
            ("", "secrets", secrets),
            ("apps", "deployments", &rights),
            ("apps", "statefulsets", &all),
            ("apps", "daemonsets", &all),
        ];
        place.log_in(&place.namespace.user(&rules).kubeconfig());
        let run = place.world.sync("-y --wait=1s");
        match missing {
            "list" => {
                run.succeeds().stderr_has("not allowed to list deployments");
            }
            "patch" => {
                run.fails(4)
                    .stderr_has("not allowed to patch deployment ")
                    .stderr_has("grant patch on deployments");
                assert!(place.versions().is_empty());
            }
            _ => {
                // To follow it, it has to be read.
                run.fails(3).stderr_has("not allowed to get deployment ");
            }
        }
    }
}
