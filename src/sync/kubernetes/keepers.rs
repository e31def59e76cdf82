//! What keeps a secret as it is: an operator or a deployment tool that would write it again. Who takes
//! such a secret over has to know what happens next.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::sync::observed::Keeper;
use crate::sync::printable;

/// Whose a secret is as a whole, if its metadata tells.
pub(super) fn keeper(metadata: &ObjectMeta) -> Option<Keeper> {
    by_owner(metadata)
        .or_else(|| by_marks(metadata))
        .or_else(|| by_manager(metadata))
}

/// An object of the cluster whose controller watches over it.
fn by_owner(metadata: &ObjectMeta) -> Option<Keeper> {
    let owner = metadata.owner_references.iter().flatten().next()?;
    let (kind, name) = (printable(&owner.kind), printable(&owner.name));
    let (who, next) = match kind.as_str() {
        "ExternalSecret" => (
            format!("the ExternalSecret {name}"),
            "External Secrets writes its own values again at its next refresh",
        ),
        "SealedSecret" => (
            format!("the SealedSecret {name}"),
            "the controller of Sealed Secrets unseals its own values again",
        ),
        _ => (
            format!("the {kind} {name}"),
            "its controller may write it again",
        ),
    };
    let next = format!("{next}, and the secret is deleted with it");
    Some(Keeper { who, next })
}

/// Labels and annotations that deployment tools leave.
fn by_marks(metadata: &ObjectMeta) -> Option<Keeper> {
    let annotation = |name: &str| Some(printable(metadata.annotations.as_ref()?.get(name)?));
    let label = |name: &str| Some(printable(metadata.labels.as_ref()?.get(name)?));
    if let Some(release) = annotation("meta.helm.sh/release-name") {
        let next = if is_applied_by_helm(metadata) {
            "the next helm upgrade stops at a conflict where its chart has other values"
        } else {
            "the next helm upgrade writes the values of its chart again"
        };
        return Some(Keeper {
            who: format!("the Helm release {release}"),
            next: format!(
                "{next}, and helm uninstall deletes it; to keep it, give it the annotation \
                 helm.sh/resource-policy: keep in the chart, upgrade, and then take it out of the chart"
            ),
        });
    }
    if let Some(name) = label("kustomize.toolkit.fluxcd.io/name") {
        return Some(Keeper {
            who: format!("the Kustomization {name} of Flux"),
            next: "Flux applies its own values again at its next reconciliation".to_owned(),
        });
    }
    let tracked = annotation("argocd.argoproj.io/tracking-id");
    tracked.map(|tracked| Keeper {
        who: format!(
            "the application {} of Argo CD",
            tracked.split(':').next().unwrap_or_default()
        ),
        next: "Argo CD applies its own values again when it syncs".to_owned(),
    })
}

/// Terraform leaves nothing but its name as a field manager.
fn by_manager(metadata: &ObjectMeta) -> Option<Keeper> {
    let managers = metadata.managed_fields.iter().flatten();
    let mut managers = managers.filter_map(|entry| entry.manager.as_deref());
    managers
        .any(|manager| ["hashicorp", "terraform"].contains(&manager.to_ascii_lowercase().as_str()))
        .then(|| Keeper {
            who: "Terraform".to_owned(),
            next: "the next terraform apply writes its own values again, and terraform destroy deletes \
                   it; first take it out of the state: terraform state rm"
                .to_owned(),
        })
}

/// Helm 4 applies on the server, Helm 3 merges and writes.
fn is_applied_by_helm(metadata: &ObjectMeta) -> bool {
    metadata.managed_fields.iter().flatten().any(|entry| {
        entry.manager.as_deref() == Some("helm") && entry.operation.as_deref() == Some("Apply")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kept(metadata: Value) -> Option<(String, String)> {
        let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
        keeper(&metadata).map(|keeper| (keeper.who, keeper.next))
    }

    #[test]
    fn each_keeper_is_named_with_what_it_does_next() {
        let owned = |kind: &str| {
            json!({"ownerReferences": [
                {"apiVersion": "v1", "kind": kind, "name": "n", "uid": "u", "controller": true}
            ]})
        };
        for (metadata, who, next) in [
            (
                owned("ExternalSecret"),
                "the ExternalSecret n",
                "next refresh",
            ),
            (owned("SealedSecret"), "the SealedSecret n", "unseals"),
            (owned("Other"), "the Other n", "may write it again"),
            (
                json!({"annotations": {"meta.helm.sh/release-name": "r"}}),
                "the Helm release r",
                "writes the values of its chart again",
            ),
            (
                json!({"annotations": {"meta.helm.sh/release-name": "r"},
                       "managedFields": [{"manager": "helm", "operation": "Apply"}]}),
                "the Helm release r",
                "stops at a conflict",
            ),
            (
                json!({"managedFields": [{"manager": "HashiCorp"}]}),
                "Terraform",
                "state rm",
            ),
            (
                json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "k"}}),
                "the Kustomization k of Flux",
                "reconciliation",
            ),
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "a:/Secret:n/s"}}),
                "the application a of Argo CD",
                "when it syncs",
            ),
        ] {
            let (found, then) = kept(metadata).unwrap();
            assert_eq!(found, who);
            assert!(then.contains(next), "{then}");
        }
        assert_eq!(
            kept(json!({"managedFields": [{"manager": "kubectl-edit"}]})),
            None
        );
    }
}
