//! What an API server demands of a secret for its type, checked before anything is sent.

use super::{Fault, TargetError};
use crate::chainlink::{Desired, Mark, json};

/// What a type demands.
enum Demand {
    /// All of these keys.
    All(&'static [&'static str]),
    /// At least one of these keys.
    OneOf(&'static [&'static str]),
    /// This key, with a JSON object in it.
    Json(&'static str),
}

/// Types of which the server demands something; all others hold anything.
const DEMANDS: [(&str, Demand); 5] = [
    (
        "kubernetes.io/basic-auth",
        Demand::OneOf(&["username", "password"]),
    ),
    ("kubernetes.io/dockercfg", Demand::Json(".dockercfg")),
    (
        "kubernetes.io/dockerconfigjson",
        Demand::Json(".dockerconfigjson"),
    ),
    ("kubernetes.io/ssh-auth", Demand::All(&["ssh-privatekey"])),
    ("kubernetes.io/tls", Demand::All(&["tls.crt", "tls.key"])),
];

/// Refuses an object that has not what its configured type demands.
pub(crate) fn admit(desired: &Desired) -> Result<(), TargetError> {
    let Some(kind) = desired.marks.get(&Mark::Type) else {
        return Ok(());
    };
    let Some((_, demand)) = DEMANDS.iter().find(|(name, _)| name == kind) else {
        return Ok(());
    };
    let name = &desired.name;
    let has = |key: &&str| desired.entry(key).is_some();
    let missing = match demand {
        Demand::All(keys) => keys
            .iter()
            .find(|key| !has(key))
            .map(|key| (*key).to_owned()),
        Demand::OneOf(keys) => (!keys.iter().any(has)).then(|| keys.join(" or ")),
        Demand::Json(key) => {
            match desired.entry(key) {
                None => Some((*key).to_owned()),
                Some(entry) if !json::is_object(&entry.value) => {
                    return Err(TargetError::new(
                    Fault::Invalid,
                    format!("{key} of {name} is not a JSON object, which secrets of type {kind} need"),
                )
                .hint("kubectl create secret docker-registry --dry-run=client -o yaml shows one"));
                }
                Some(_) => None,
            }
        }
    };
    match missing {
        None => Ok(()),
        Some(key) => Err(TargetError::new(
            Fault::Invalid,
            format!("{name} has no {key}, which secrets of type {kind} need"),
        )
        .hint(format!("add it under keys: of {name} in clsecrets.yaml"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chainlink::{Entry, Form};
    use crate::secret::SecretBytes;

    fn judged(kind: &str, pairs: &[(&str, &str)]) -> Result<(), String> {
        let entries = pairs
            .iter()
            .map(|(key, value)| Entry::of(key, &SecretBytes::copy_of(value.as_bytes()), "k"));
        let mut desired = Desired::new("o", Form::Data, entries.collect());
        desired.marks.insert(Mark::Type, kind.to_owned());
        admit(&desired).map_err(|error| error.reason)
    }

    #[test]
    fn each_type_has_the_keys_that_the_server_demands() {
        let docker = "kubernetes.io/dockerconfigjson";
        assert_eq!(judged("Opaque", &[]), Ok(()));
        assert_eq!(judged("example.com/own", &[("a", "b")]), Ok(()));
        assert_eq!(
            judged("kubernetes.io/tls", &[("tls.crt", ""), ("tls.key", "")]),
            Ok(())
        );
        assert_eq!(
            judged("kubernetes.io/basic-auth", &[("password", "p")]),
            Ok(())
        );
        assert_eq!(
            judged(docker, &[(".dockerconfigjson", " {\"auths\": {}} ")]),
            Ok(())
        );
        for (kind, pairs, says) in [
            ("kubernetes.io/tls", [("tls.crt", "c")], "no tls.key"),
            (
                "kubernetes.io/basic-auth",
                [("user", "u")],
                "no username or password",
            ),
            (
                "kubernetes.io/ssh-auth",
                [("key", "k")],
                "no ssh-privatekey",
            ),
            (docker, [(".dockercfg", "{}")], "no .dockerconfigjson"),
            (
                docker,
                [(".dockerconfigjson", "{'a': 1}")],
                "is not a JSON object",
            ),
        ] {
            let said = judged(kind, &pairs).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }
}
