//! The metadata of a sealed file as far as it is judged here: its rule, its recipients, its lines.

use crate::format::Format;
use crate::metadata::{Rule, RuleKind};
use crate::tree::{Field, Fields};

/// A recipient by a name that compares: `age` and `age1…`, `kms` and its ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::scan) struct Named {
    /// The list that it stands in.
    pub(in crate::scan) kind: &'static str,
    /// Its name.
    pub(in crate::scan) name: String,
    /// The wrapped data key: ciphertext.
    pub(in crate::scan) wrapped: String,
}

/// The lists of metadata, and the fields that make a recipient's name.
const LISTS: &[(&str, &[&str])] = &[
    ("kms", &["arn"]),
    ("age", &["recipient"]),
    ("pgp", &["fp"]),
    ("gcp_kms", &["resource_id"]),
    ("hckms", &["key_id"]),
    ("azure_kv", &["vault_url", "name", "version"]),
    ("hc_vault", &["vault_address", "engine_path", "key_name"]),
];

/// All recipients, those of key groups too.
pub(super) fn recipients(fields: &Fields) -> Vec<Named> {
    let mut found = of_group(fields);
    if let Some(Field::List(groups)) = fields.get("key_groups") {
        for group in groups {
            if let Field::Map(group) = group {
                found.extend(of_group(group));
            }
        }
    }
    found
}

fn of_group(group: &Fields) -> Vec<Named> {
    let mut found = Vec::new();
    for (kind, names) in LISTS {
        let Some(Field::List(list)) = group.get(kind) else {
            continue;
        };
        for entry in list {
            let Field::Map(entry) = entry else { continue };
            let parts: Vec<&str> = names.iter().filter_map(|name| entry.text(name)).collect();
            found.push(Named {
                kind,
                name: normal(kind, &parts.join("/")),
                wrapped: entry.text("enc").unwrap_or_default().to_owned(),
            });
        }
    }
    found
}

/// The name in a form that compares.
pub(in crate::scan) fn normal(kind: &str, name: &str) -> String {
    let name = name.trim();
    match kind {
        "kms" => name.split('+').next().unwrap_or(name).to_owned(),
        "pgp" => name.replace([' ', '0'], "").to_ascii_uppercase(),
        "azure_kv" => name
            .replace("/keys/", "/")
            .trim_end_matches('/')
            .replace("//", "/"),
        "hc_vault" => name
            .replace("/v1/", "/")
            .replace("/keys/", "/")
            .replace("//", "/"),
        _ => name.to_owned(),
    }
}

/// The file's rule. The rest of its metadata may well be broken; that is for the rules to tell.
pub(super) fn rule_of(branch: &Fields) -> Result<Rule, String> {
    let mut rule = None;
    for kind in RuleKind::ALL {
        let argument = match branch.get(kind.field()) {
            None | Some(Field::Null) => continue,
            Some(Field::Text(text)) if text.is_empty() => continue,
            Some(Field::Text(text)) => text,
            Some(_) => return Err(format!("its {} is no text", kind.field())),
        };
        if rule.is_some() {
            return Err("its metadata has more than one rule about what is sealed".to_owned());
        }
        let made = Rule::new(kind, argument);
        rule = Some(made.map_err(|_| format!("its {} cannot be used", kind.field()))?);
    }
    Ok(rule.unwrap_or_default())
}

pub(super) fn is_set(branch: &Fields, name: &str) -> bool {
    match branch.get(name) {
        Some(Field::Bool(flag)) => *flag,
        Some(Field::Text(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Whether a name is one of a format that other readers of sealed files have.
pub(super) fn is_data(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let endings = [".env", ".ini", ".toml", ".properties", ".conf", ".cfg"];
    name.starts_with(".env") || endings.iter().any(|ending| name.ends_with(ending))
}

/// Whether a text that nobody here reads has the fields of metadata.
pub(super) fn has_fields(bytes: &[u8]) -> bool {
    [
        "sops_mac",
        "sops_version",
        "sops_lastmodified",
        "[sops]",
        "\"sops\"",
        "sops:",
    ]
    .iter()
    .any(|field| memchr::memmem::find(bytes, field.as_bytes()).is_some())
}

/// The last line that begins with the field: the metadata stands at the end.
pub(super) fn mac_line(source: &[u8]) -> usize {
    let starts: [&[u8]; 7] = [
        b"mac:",
        b"mac ",
        b"mac=",
        b"\"mac\"",
        b"sops_mac=",
        b"sops:",
        b"\"sops\":",
    ];
    let lines = source.split(|byte| *byte == b'\n').enumerate();
    let is_one = |text: &[u8]| starts.iter().any(|start| text.starts_with(start));
    lines
        .filter(|(_, text)| is_one(text.trim_ascii_start()))
        .last()
        .map_or(1, |(at, _)| at + 1)
}

/// The documents of a text that have content and no metadata, as lines from 1.
pub(super) fn uncovered(format: &dyn Format, source: &[u8]) -> Vec<(usize, usize)> {
    if format.name() != "yaml" {
        return Vec::new();
    }
    let mut documents: Vec<(usize, bool, bool)> = vec![(1, false, false)];
    let mut count = 0;
    for (at, line) in source.split(|byte| *byte == b'\n').enumerate() {
        count = at + 1;
        let rest = line.strip_prefix(b"---");
        if rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace)) {
            documents.push((at + 2, false, false));
        } else if let Some((_, has_content, is_covered)) = documents.last_mut() {
            let text = line.trim_ascii();
            *has_content |= !text.is_empty() && !text.starts_with(b"#") && text != b"...";
            *is_covered |= line.starts_with(b"sops:") || line.starts_with(b"\"sops\":");
        }
    }
    let starts: Vec<usize> = documents.iter().map(|(start, ..)| *start).collect();
    documents
        .iter()
        .enumerate()
        .filter(|(_, (_, has_content, is_covered))| *has_content && !is_covered)
        .map(|(at, (start, ..))| (*start, starts.get(at + 1).copied().unwrap_or(count + 2) - 1))
        .collect()
}
