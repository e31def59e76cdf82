//! Who wrote a data key last, as the API server remembers it in `managedFields`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time};

use crate::chainlink::Mark;
use crate::sync::observed::Writer;
use crate::sync::ownership::{Owner, Whose};
use crate::sync::printable;

/// The writers of each data key. A key that nobody is recorded for is not in it.
pub(super) fn of_data(fields: &[ManagedFieldsEntry], us: &Owner) -> BTreeMap<String, Writer> {
    let mut writers: BTreeMap<String, Writer> = BTreeMap::new();
    let mut ours: BTreeMap<&str, Option<&Time>> = BTreeMap::new();
    for entry in fields {
        let whose = whose(entry, us);
        for key in keys(entry, "f:data") {
            let writer = writers.entry(key.to_owned()).or_default();
            if is_us(&whose) {
                ours.insert(key, entry.time.as_ref());
            }
            writer.add(whose.clone(), || shown(entry));
        }
    }
    // Who applies `stringData` changes the data without becoming its recorded owner; the previous
    // one stays recorded. So what is not older than our own write may be theirs.
    for entry in fields {
        let whose = whose(entry, us);
        if is_us(&whose) {
            continue;
        }
        for key in keys(entry, "f:stringData") {
            let theirs = entry.time.as_ref();
            let is_older = ours.get(key).is_some_and(|ours| *ours > theirs);
            if !is_older {
                let writer = writers.entry(key.to_owned()).or_default();
                writer.add(whose.clone(), || shown(entry));
            }
        }
    }
    writers
}

/// The writers of type, labels and annotations. What nobody is recorded for is not in it.
pub(super) fn of_marks(fields: &[ManagedFieldsEntry], us: &Owner) -> BTreeMap<Mark, Writer> {
    let mut writers: BTreeMap<Mark, Writer> = BTreeMap::new();
    for entry in fields {
        let mut marks = Vec::new();
        if has(entry, "f:type") {
            marks.push(Mark::Type);
        }
        marks.extend(names(entry, "f:labels").map(Mark::Label));
        marks.extend(names(entry, "f:annotations").map(Mark::Annotation));
        for mark in marks {
            let writer = writers.entry(mark).or_default();
            writer.add(whose(entry, us), || shown(entry));
        }
    }
    writers
}

/// Whether we said that a secret is immutable.
pub(super) fn is_immutable_by_us(fields: &[ManagedFieldsEntry], us: &Owner) -> bool {
    let mut ours = fields.iter().filter(|entry| is_us(&whose(entry, us)));
    ours.any(|entry| has(entry, "f:immutable"))
}

/// When we wrote last, in seconds since 1970.
pub(super) fn last_written(fields: &[ManagedFieldsEntry], us: &Owner) -> Option<i64> {
    let ours = fields.iter().filter(|entry| is_us(&whose(entry, us)));
    let times = ours.filter_map(|entry| Some(entry.time.as_ref()?.0.as_second()));
    times.max()
}

/// Whether data of ours has another manager than the one that we write as now.
pub(super) fn has_old_name(fields: &[ManagedFieldsEntry], us: &Owner) -> bool {
    let now = us.manager();
    fields.iter().any(|entry| {
        entry.manager.as_deref() != Some(now.as_str())
            && is_us(&whose(entry, us))
            && keys(entry, "f:data").next().is_some()
    })
}

/// Whether data is ours, or of a namesake of ours.
pub(super) fn concern(fields: &[ManagedFieldsEntry], us: &Owner) -> bool {
    fields.iter().any(|entry| {
        let manager = entry.manager.as_deref().unwrap_or_default();
        (is_us(&whose(entry, us)) || us.is_namesake(manager))
            && keys(entry, "f:data").next().is_some()
    })
}

fn whose(entry: &ManagedFieldsEntry, us: &Owner) -> Whose {
    us.of_manager(entry.manager.as_deref().unwrap_or_default())
}

fn is_us(whose: &Whose) -> bool {
    matches!(whose, Whose::Ours | Whose::Unmarked)
}

fn keys<'a>(entry: &'a ManagedFieldsEntry, field: &str) -> impl Iterator<Item = &'a str> {
    let tree = entry.fields_v1.as_ref().and_then(|tree| tree.0.get(field));
    let keys = tree.and_then(serde_json::Value::as_object);
    keys.into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("f:"))
}

fn has(entry: &ManagedFieldsEntry, field: &str) -> bool {
    let tree = entry.fields_v1.as_ref();
    tree.is_some_and(|tree| tree.0.get(field).is_some())
}

/// Names below a part of the metadata.
fn names(entry: &ManagedFieldsEntry, part: &str) -> impl Iterator<Item = String> {
    let tree = entry.fields_v1.as_ref();
    let part = tree.and_then(|tree| tree.0.get("f:metadata")?.get(part)?.as_object());
    let keys = part.into_iter().flatten();
    keys.filter_map(|(key, _)| Some(key.strip_prefix("f:")?.to_owned()))
}

fn shown(entry: &ManagedFieldsEntry) -> String {
    known(entry.manager.as_deref().unwrap_or_default())
}

/// A field manager, as people know the program.
fn known(manager: &str) -> String {
    let name = printable(manager);
    let program = match name.to_ascii_lowercase().as_str() {
        "helm" => "Helm",
        "hashicorp" | "terraform" => "Terraform",
        "externalsecrets" => "External Secrets",
        lower if lower.starts_with("external-secrets") => "External Secrets",
        lower if lower.starts_with("argocd") => "Argo CD",
        lower if lower.starts_with("kustomize-controller") => "Flux",
        "" => return "an unnamed writer".to_owned(),
        "kubectl" => return "kubectl apply --server-side".to_owned(),
        "kubectl-client-side-apply" => return "kubectl apply".to_owned(),
        lower if lower.starts_with("kubectl-") => return name.replacen('-', " ", 1),
        _ => return name,
    };
    format!("{program} ({name})")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1;
    use serde_json::json;

    use super::*;

    fn us() -> Owner {
        Owner::new("chainlink", None, "dev", [])
    }

    fn entry(manager: &str, fields: serde_json::Value) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn each_key_has_its_writers() {
        let fields = [
            entry(
                "clsecrets-chainlink-dev",
                json!({"f:data": {".": {}, "f:.api": {}, "f:both": {}}}),
            ),
            entry(
                "helm",
                json!({"f:data": {"f:api-key": {}, "f:both": {}}, "f:type": {}}),
            ),
            entry("x", json!({"f:metadata": {}})),
        ];
        let owners = of_data(&fields, &us());
        assert_eq!(owners.len(), 3);
        assert!(owners.get(".api").unwrap().is_us_alone());
        assert_eq!(
            owners.get("api-key").unwrap(),
            &Writer::other("Helm (helm)")
        );
        let both = owners.get("both").unwrap();
        assert!(both.is_us && !both.is_us_alone());
    }

    #[test]
    fn string_data_that_is_not_older_than_our_write_counts_as_theirs() {
        let at = |seconds: i64, mut entry: ManagedFieldsEntry| {
            entry.time = Some(
                serde_json::from_value(json!(format!("2026-11-22T10:00:{seconds:02}Z"))).unwrap(),
            );
            entry
        };
        let ours = || entry("clsecrets-chainlink-dev", json!({"f:data": {"f:k": {}}}));
        let theirs = || entry("helm", json!({"f:stringData": {"f:k": {}}}));
        let later = of_data(&[at(1, ours()), at(2, theirs())], &us());
        assert!(!later.get("k").unwrap().is_us_alone());
        let same = of_data(&[at(1, ours()), at(1, theirs())], &us());
        assert!(!same.get("k").unwrap().is_us_alone());
        let older = of_data(&[at(2, ours()), at(1, theirs())], &us());
        assert!(older.get("k").unwrap().is_us_alone());
        let alone = of_data(&[theirs()], &us());
        assert_eq!(alone.get("k").unwrap(), &Writer::other("Helm (helm)"));
    }

    #[test]
    fn programs_are_named_and_control_characters_are_not_relayed() {
        assert_eq!(known("HashiCorp"), "Terraform (HashiCorp)");
        assert_eq!(known("kubectl-client-side-apply"), "kubectl apply");
        assert_eq!(known("kubectl-edit"), "kubectl edit");
        assert_eq!(
            known("external-secrets"),
            "External Secrets (external-secrets)"
        );
        assert_eq!(known("a\u{1b}[31mb"), "a[31mb");
    }
}
