//! The type, the labels and the annotations of an object: those that an API server would take.

use super::schema::Object;

/// Characters of a name, of a label's value and of a prefix, as an API server counts them.
const LONGEST: usize = 63;
const LONGEST_PREFIX: usize = 253;
/// Bytes of all annotations.
const ANNOTATIONS: usize = 256 * 1024;
/// What this tool writes there itself.
const OWN: &str = "clsecrets.dev/";
/// What `kubectl apply` compares with: a copy of the values, in clear.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Types of what others make, which no delivery could.
const MADE_BY_OTHERS: [(&str, &str); 3] = [
    ("kubernetes.io/service-account-token", "the cluster"),
    ("bootstrap.kubernetes.io/token", "kubeadm"),
    ("helm.sh/release.v1", "Helm"),
];

/// What this tool puts beside secrets of a cluster.
const BESIDE: [&str; 2] = [".clsecrets-copy", ".clsecrets-check"];

/// Refuses what no API server would take, and what is not for people to set.
pub(super) fn admit(object: &Object) -> Result<(), String> {
    if BESIDE.iter().any(|end| object.name.ends_with(end)) {
        return Err("clsecrets itself uses names that end like this".to_owned());
    }
    let is_marked =
        object.kind.is_some() || !object.labels.is_empty() || !object.annotations.is_empty();
    if is_marked && object.value.is_some() {
        return Err(
            "type, labels and annotations stand beside keys, not beside a value".to_owned(),
        );
    }
    let goes_there = object.only.is_empty() || object.only.iter().any(|kind| kind == "kubernetes");
    if is_marked && !goes_there {
        return Err(
            "type, labels and annotations are for kubernetes, where only: does not lead".to_owned(),
        );
    }
    if let Some(kind) = &object.kind {
        if let Some((_, who)) = MADE_BY_OTHERS.iter().find(|(name, _)| name == kind) {
            return Err(format!("secrets of type {kind} are made by {who}"));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if kind.is_empty() || kind.len() > LONGEST_PREFIX || !kind.chars().all(is_plain) {
            return Err(
                "type is not a valid type of a secret; one is kubernetes.io/tls".to_owned(),
            );
        }
    }
    for (what, names) in [
        ("label", &object.labels),
        ("annotation", &object.annotations),
    ] {
        for name in names.keys() {
            if name.starts_with(OWN) || name == LAST_APPLIED {
                return Err(format!("the {what} {name} is not for people to set"));
            }
            if !is_qualified(name) {
                return Err(format!(
                    "{name:?} is not a valid name for a {what}: letters, digits, '-', '_' and '.', at most {LONGEST}, \
                     with a prefix as in example.com/name if need be"
                ));
            }
        }
    }
    if let Some((name, _)) = object.labels.iter().find(|(_, value)| !is_value(value)) {
        return Err(format!(
            "the value of the label {name} is not valid: letters, digits, '-', '_' and '.', at most {LONGEST}"
        ));
    }
    let annotations = object.annotations.iter();
    if annotations
        .map(|(name, value)| name.len() + value.len())
        .sum::<usize>()
        > ANNOTATIONS
    {
        return Err(format!(
            "its annotations have more than {ANNOTATIONS} bytes"
        ));
    }
    Ok(())
}

/// A name with or without the prefix of who gave it.
fn is_qualified(name: &str) -> bool {
    match name.split_once('/') {
        Some((prefix, name)) => is_prefix(prefix) && is_word(name),
        None => is_word(name),
    }
}

fn is_prefix(prefix: &str) -> bool {
    let is_label = |part: &str| {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.chars().all(|c| is_inner(c) || c == '-')
            && part.starts_with(is_inner)
            && part.ends_with(is_inner)
    };
    prefix.len() <= LONGEST_PREFIX && prefix.split('.').all(is_label)
}

fn is_word(word: &str) -> bool {
    let is_outer = |c: char| c.is_ascii_alphanumeric();
    word.len() <= LONGEST
        && word.starts_with(is_outer)
        && word.ends_with(is_outer)
        && word.chars().all(|c| is_outer(c) || "-_.".contains(c))
}

fn is_value(value: &str) -> bool {
    value.is_empty() || is_word(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_an_api_server_takes() {
        for name in [
            "app",
            "a",
            "A_b.c-1",
            "example.com/app",
            "a-b.c/x",
            &"n".repeat(63),
        ] {
            assert!(is_qualified(name), "{name}");
        }
        for name in [
            "",
            "-a",
            "a-",
            "a b",
            "/a",
            "a/",
            "A.com/a",
            "a/b/c",
            "é",
            &"n".repeat(64),
        ] {
            assert!(!is_qualified(name), "{name}");
        }
        assert!(is_value("") && is_value("v1.2_x") && !is_value("a/b") && !is_value(" "));
    }
}
