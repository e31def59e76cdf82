//! `docs/sync.md` says which rights are enough; here `sync` runs under exactly these.

use std::fs;

use serde_json::{Value, json};

use super::kubernetes::Place;
use crate::servers::User;
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
