//! Whose data keys are in the server's record, before they are applied.
//!
//! Apply leaves what is equal with whoever had it beside us. So what we wrote under a name that we no
//! longer use, and what is taken over from others, gets our name first: one owner afterwards,
//! whatever happens in between, and no value is touched.

use serde_json::{Map, Value, json};

use super::write::applied;
use super::{Answer, Kubernetes, Verb, secret, unreadable};
use crate::sync::ownership::{Owner, Whose};
use crate::sync::verdict::Verdict;
use crate::sync::{Fault, Step, TargetError};

/// As much of a secret as says who wrote it.
#[derive(serde::Deserialize)]
struct Recorded {
    metadata: Metadata,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    managed_fields: Vec<Map<String, Value>>,
}

impl Kubernetes {
    /// Puts our name to the keys that are applied next; the version afterwards, if anything changed.
    pub(super) async fn rename(&self, step: &Step<'_>) -> Result<Option<String>, TargetError> {
        let is_adopted = matches!(step.verdict, Verdict::Adopt { .. });
        let Some(seen) = step
            .seen
            .filter(|seen| is_adopted || seen.is_under_old_name)
        else {
            return Ok(None);
        };
        let name = step.desired.name.as_str();
        let path = self.path(name);
        let recorded = match self.client.send(Verb::Meta, &path, None).await? {
            Answer::Done(body) => recorded(&body)?,
            Answer::Refused(refusal) => {
                return Err(refusal.explain(&self.config, secret(name), "get"));
            }
        };
        if recorded.resource_version != seen.version {
            return Err(TargetError::new(
                Fault::Conflict,
                format!("somebody else wrote secret {name} at the same time"),
            )
            .hint("run the command again"));
        }
        let keys: Vec<&str> = applied(step).into_keys().collect();
        let mut fields = recorded.managed_fields;
        if !renamed(&mut fields, &keys, &self.config.owner, is_adopted) {
            return Ok(None);
        }
        let body = json!({"metadata": {
            "resourceVersion": recorded.resource_version,
            "managedFields": fields,
        }});
        let path = format!("{path}?fieldManager={}", self.manager);
        let body = body.to_string();
        match self
            .client
            .send(Verb::Merge, &path, Some(body.as_bytes()))
            .await?
        {
            Answer::Done(body) => Ok(Some(self::recorded(&body)?.resource_version)),
            Answer::Refused(refusal) => Err(refusal.explain(&self.config, secret(name), "patch")),
        }
    }
}

fn recorded(body: &[u8]) -> Result<Metadata, TargetError> {
    let recorded: Recorded = serde_json::from_slice(body).map_err(|_| unreadable())?;
    Ok(recorded.metadata)
}

/// Moves data keys to our entry, from entries of ours under other names or from everybody's; whether
/// anything moved.
fn renamed(
    fields: &mut Vec<Map<String, Value>>,
    keys: &[&str],
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
    let mut moved: Vec<String> = Vec::new();
    let mut model = None;
    for entry in fields.iter_mut().filter(|entry| !is_own(entry)) {
        let whose = owner.of_manager(&text(entry, "manager"));
        if !(from_all || matches!(whose, Whose::Ours | Whose::Unmarked)) {
            continue;
        }
        let taken = take(entry, keys);
        if !taken.is_empty() {
            model.get_or_insert_with(|| entry.clone());
            moved.extend(taken);
        }
    }
    let Some(mut own) = model else {
        return false;
    };
    fields.retain(|entry| is_own(entry) || !is_empty(entry));
    if !fields.iter().any(&is_own) {
        own.insert("manager".to_owned(), json!(manager));
        own.insert("operation".to_owned(), json!("Apply"));
        own.remove("subresource");
        own.insert("fieldsV1".to_owned(), json!({"f:data": {}}));
        fields.push(own);
    }
    for entry in fields.iter_mut().filter(|entry| is_own(entry)) {
        let tree = entry.get_mut("fieldsV1").and_then(Value::as_object_mut);
        let data = tree.map(|tree| tree.entry("f:data").or_insert_with(|| json!({})));
        if let Some(data) = data.and_then(Value::as_object_mut) {
            data.extend(moved.iter().map(|key| (key.clone(), json!({}))));
        }
    }
    true
}

/// Takes data keys out of an entry; those that it had, as it spells them.
fn take(entry: &mut Map<String, Value>, keys: &[&str]) -> Vec<String> {
    let mut taken = Vec::new();
    let Some(tree) = entry.get_mut("fieldsV1").and_then(Value::as_object_mut) else {
        return taken;
    };
    for place in ["f:data", "f:stringData"] {
        let Some(data) = tree.get_mut(place).and_then(Value::as_object_mut) else {
            continue;
        };
        let before = data.len();
        data.retain(|spelled, _| {
            let is_meant = spelled
                .strip_prefix("f:")
                .is_some_and(|key| keys.contains(&key));
            if is_meant && !taken.contains(spelled) {
                taken.push(spelled.clone());
            }
            !is_meant
        });
        // The map itself is nobody's once its keys are others'.
        if data.len() < before && data.keys().all(|key| key == ".") {
            tree.remove(place);
        }
    }
    taken
}

fn is_empty(entry: &Map<String, Value>) -> bool {
    let tree = entry.get("fieldsV1").and_then(Value::as_object);
    tree.is_some_and(Map::is_empty)
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
        assert!(renamed(&mut fields, &["a"], &owner(), false));
        let trees: Vec<&Value> = fields.iter().map(|entry| &entry["fieldsV1"]).collect();
        assert_eq!(trees[0], &json!({"f:data": {"f:b": {}}}));
        assert_eq!(trees[1], &json!({"f:data": {".": {}, "f:a": {}}}));
        assert_eq!(trees[2], &json!({"f:data": {"f:a": {}}}));
        assert_eq!(fields[2]["manager"], owner().manager());
        assert_eq!(fields[2]["operation"], "Apply");

        // Once is enough.
        assert!(!renamed(&mut fields, &["a"], &owner(), false));
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
        assert!(renamed(&mut fields, &["a", "b"], &owner(), true));
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
