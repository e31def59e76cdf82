//! Whose keys and labels are in the server's record, before they are applied.
//!
//! Apply leaves what is equal with whoever had it beside us. So what we wrote under a name that we no
//! longer use, and what is taken over from others, gets our name first: one owner afterwards,
//! whatever happens in between, and no value is touched.

use serde_json::{Map, Value, json};

use super::Kubernetes;
use super::write::{fields, written_meanwhile};
use crate::sync::ownership::{Owner, Whose};
use crate::sync::verdict::Verdict;
use crate::sync::{Step, TargetError};

impl Kubernetes {
    /// Puts our name to what is applied next; the version afterwards, if anything changed.
    pub(super) async fn rename(&self, step: &Step<'_>) -> Result<Option<String>, TargetError> {
        let is_adopted = matches!(step.verdict, Verdict::Adopt { .. });
        let Some(seen) = step
            .seen
            .filter(|seen| is_adopted || seen.is_under_old_name)
        else {
            return Ok(None);
        };
        let name = step.desired.name.as_str();
        let stored = self.meta(name).await?;
        if stored.resource_version != seen.version {
            return Err(written_meanwhile(name));
        }
        let mut entries = stored.managed_fields;
        if !renamed(&mut entries, &fields(step), &self.config.owner, is_adopted) {
            return Ok(None);
        }
        let named = json!({"resourceVersion": stored.resource_version, "managedFields": entries});
        let merged = self.merge(name, &named).await?;
        Ok(Some(merged.resource_version))
    }
}

/// Moves fields to our entry, from entries of ours under other names or from everybody's; whether
/// anything moved.
fn renamed(
    entries: &mut Vec<Map<String, Value>>,
    fields: &[Vec<String>],
    owner: &Owner,
    from_all: bool,
) -> bool {
    let manager = owner.manager();
    let text = |entry: &Map<String, Value>, field: &str| {
        let text = entry.get(field).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let is_own = |entry: &Map<String, Value>| {
        text(entry, "manager") == manager
            && text(entry, "operation") == "Apply"
            && text(entry, "subresource").is_empty()
    };
    let mut moved: Vec<Vec<String>> = Vec::new();
    let mut model = None;
    for entry in entries.iter_mut().filter(|entry| !is_own(entry)) {
        let whose = owner.of_manager(&text(entry, "manager"));
        if !(from_all || matches!(whose, Whose::Ours | Whose::Unmarked)) {
            continue;
        }
        let taken = take(entry, fields);
        if !taken.is_empty() {
            model.get_or_insert_with(|| entry.clone());
            moved.extend(taken);
        }
    }
    let Some(mut own) = model else {
        return false;
    };
    // What was written as a text is data.
    for field in &mut moved {
        if let Some(first) = field.first_mut().filter(|first| *first == "f:stringData") {
            "f:data".clone_into(first);
        }
    }
    take_empty(entries);
    if !entries.iter().any(&is_own) {
        own.insert("manager".to_owned(), json!(manager));
        own.insert("operation".to_owned(), json!("Apply"));
        own.remove("subresource");
        own.insert("fieldsV1".to_owned(), json!({}));
        entries.push(own);
    }
    for entry in entries.iter_mut().filter(|entry| is_own(entry)) {
        put(entry, &moved);
    }
    true
}

/// Takes fields out of an entry; those that it had.
pub(super) fn take(entry: &mut Map<String, Value>, fields: &[Vec<String>]) -> Vec<Vec<String>> {
    let Some(tree) = entry.get_mut("fieldsV1").and_then(Value::as_object_mut) else {
        return Vec::new();
    };
    let had = fields.iter().filter(|field| take_one(tree, field));
    had.cloned().collect()
}

/// Takes one field, and with the last of them what it is below; whether it was there.
fn take_one(tree: &mut Map<String, Value>, field: &[String]) -> bool {
    match field {
        [] => false,
        [name] => tree.remove(name).is_some(),
        [name, rest @ ..] => {
            let Some(below) = tree.get_mut(name).and_then(Value::as_object_mut) else {
                return false;
            };
            let was_there = take_one(below, rest);
            // The map itself is nobody's once its keys are others'.
            if was_there && below.keys().all(|key| key == ".") {
                tree.remove(name);
            }
            was_there
        }
    }
}

/// Adds fields to an entry.
pub(super) fn put(entry: &mut Map<String, Value>, fields: &[Vec<String>]) {
    for field in fields {
        let mut at = entry.entry("fieldsV1").or_insert_with(|| json!({}));
        for name in field {
            let Some(map) = at.as_object_mut() else {
                break;
            };
            at = map.entry(name.clone()).or_insert_with(|| json!({}));
        }
    }
}

/// Takes out the entries that have no field.
pub(super) fn take_empty(entries: &mut Vec<Map<String, Value>>) {
    entries.retain(|entry| {
        let tree = entry.get("fieldsV1").and_then(Value::as_object);
        !tree.is_some_and(Map::is_empty)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, tree: &Value) -> Map<String, Value> {
        let entry = json!({
            "manager": manager, "operation": operation, "apiVersion": "v1",
            "fieldsType": "FieldsV1", "fieldsV1": tree, "time": "2026-11-22T10:00:00Z",
        });
        entry.as_object().unwrap().clone()
    }

    fn data(keys: &[&str]) -> Vec<Vec<String>> {
        let places = ["f:data", "f:stringData"];
        let paths = keys
            .iter()
            .flat_map(|key| places.map(|place| vec![place.to_owned(), format!("f:{key}")]));
        paths.collect()
    }

    fn owner() -> Owner {
        Owner::new("chainlink", Some("aaaabbbbccccdddd"), "dev", [])
    }

    #[test]
    fn only_what_is_applied_moves_from_the_old_name_to_the_new_one() {
        let mut fields = vec![
            entry(
                "clsecrets-chainlink-dev",
                "Apply",
                &json!({"f:data": {"f:a": {}, "f:b": {}}}),
            ),
            entry("helm", "Update", &json!({"f:data": {".": {}, "f:a": {}}})),
        ];
        assert!(renamed(&mut fields, &data(&["a"]), &owner(), false));
        let trees: Vec<&Value> = fields.iter().map(|entry| &entry["fieldsV1"]).collect();
        assert_eq!(trees[0], &json!({"f:data": {"f:b": {}}}));
        assert_eq!(trees[1], &json!({"f:data": {".": {}, "f:a": {}}}));
        assert_eq!(trees[2], &json!({"f:data": {"f:a": {}}}));
        assert_eq!(fields[2]["manager"], owner().manager());
        assert_eq!(fields[2]["operation"], "Apply");

        // Once is enough.
        assert!(!renamed(&mut fields, &data(&["a"]), &owner(), false));
    }

    #[test]
    fn what_is_taken_over_has_one_owner_and_an_empty_entry_goes() {
        let own = owner().manager();
        let mut fields = vec![
            entry(&own, "Apply", &json!({"f:data": {"f:a": {}}})),
            entry(
                "helm",
                "Update",
                &json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}}),
            ),
            entry(
                "kubectl-edit",
                "Update",
                &json!({"f:metadata": {"f:labels": {}}, "f:stringData": {"f:b": {}}}),
            ),
        ];
        assert!(renamed(&mut fields, &data(&["a", "b"]), &owner(), true));
        assert_eq!(fields.len(), 2);
        assert_eq!(
            fields[0]["fieldsV1"],
            json!({"f:data": {"f:a": {}, "f:b": {}}})
        );
        assert_eq!(
            fields[1]["fieldsV1"],
            json!({"f:metadata": {"f:labels": {}}})
        );
    }
}
