//! Who wrote a data key last, as the API server remembers it in `managedFields`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use crate::sync::observed::Writer;
use crate::sync::printable;

/// The writers of each data key. A key that nobody is recorded for is not in it.
pub(super) fn of_data(fields: &[ManagedFieldsEntry], us: &str) -> BTreeMap<String, Writer> {
    let mut writers: BTreeMap<String, Writer> = BTreeMap::new();
    for entry in fields {
        let data = entry
            .fields_v1
            .as_ref()
            .and_then(|tree| tree.0.get("f:data"));
        let Some(keys) = data.and_then(serde_json::Value::as_object) else {
            continue;
        };
        let manager = entry.manager.as_deref().unwrap_or_default();
        for key in keys.keys().filter_map(|key| key.strip_prefix("f:")) {
            let writer = writers.entry(key.to_owned()).or_default();
            if manager == us {
                writer.is_us = true;
            } else {
                let name = known(manager);
                if !writer.others.contains(&name) {
                    writer.others.push(name);
                }
            }
        }
    }
    writers
}

/// A field manager, as people know the program.
fn known(manager: &str) -> String {
    let name = printable(manager);
    let program = match name.to_ascii_lowercase().as_str() {
        "helm" => "Helm",
        "hashicorp" | "terraform" => "Terraform",
        "externalsecrets" => "External Secrets",
        lower if lower.starts_with("external-secrets") => "External Secrets",
        lower if lower.starts_with("kubectl") => "kubectl",
        lower if lower.starts_with("argocd") => "Argo CD",
        lower if lower.starts_with("kustomize-controller") => "Flux",
        lower if lower.starts_with("clsecrets-") => "another environment of clsecrets",
        "" => return "an unnamed writer".to_owned(),
        _ => return name,
    };
    format!("{program} ({name})")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1;
    use serde_json::json;

    use super::*;

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
        let owners = of_data(&fields, "clsecrets-chainlink-dev");
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
    fn programs_are_named_and_control_characters_are_not_relayed() {
        assert_eq!(known("HashiCorp"), "Terraform (HashiCorp)");
        assert_eq!(
            known("kubectl-client-side-apply"),
            "kubectl (kubectl-client-side-apply)"
        );
        assert_eq!(
            known("external-secrets"),
            "External Secrets (external-secrets)"
        );
        assert_eq!(known("a\u{1b}[31mb"), "a[31mb");
    }
}
