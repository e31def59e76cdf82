//! H071 and H072: Secrets of Kubernetes in clear, as manifests and as arguments of commands.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::super::text::{Dialect, Mark, Text, harmless};
use super::super::{Finding, Rule, Sealing, Subject};
use super::claim::{self, Claim};
use super::{shown, value};
use crate::error::quoted;

/// H071.
#[derive(Debug)]
pub(super) struct Manifest;

/// H072.
#[derive(Debug)]
pub(super) struct Literals;

/// More objects than this are in no file that people commit.
const MOST: usize = 5000;

/// How far from its kind the values of an object are looked for in JSON.
const NEAR: usize = 1 << 13;

impl Rule for Manifest {
    fn id(&self) -> &'static str {
        "H071"
    }

    fn summary(&self) -> &'static str {
        "A `kind: Secret` of Kubernetes with its values in clear, or in base64, which is the same."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let text = subject.text;
        if !matches!(
            text.dialect(),
            Dialect::Yaml | Dialect::Json | Dialect::Prose | Dialect::Other
        ) || matches!(subject.sealing, Sealing::Sealed(_))
        {
            return;
        }
        let hint = format!(
            "clsecrets encrypt --encrypted-regex '^(data|stringData)$' --in-place {}",
            quoted(subject.path)
        );
        let mut told = Vec::new();
        let kinds = text.marks(Mark::Noun).filter(|at| secret_kind(text, *at));
        for at in kinds.take(MOST) {
            let Some(entry) = first_value(text, at) else {
                continue;
            };
            if !told.contains(&entry.0.start) {
                told.push(entry.0.start);
                let message = format!("this Secret has {} in clear", entry.1);
                found.push(value(self, subject, entry.0, message, &hint));
            }
        }
    }
}

impl Rule for Literals {
    fn id(&self) -> &'static str {
        "H072"
    }

    fn summary(&self) -> &'static str {
        "A command carries a secret into a cluster as an argument: `--from-literal`, `--set`."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let hint = "deliver it with `clsecrets sync`, or with --from-file and a file that is not committed";
        for (span, name) in claim::of(subject, Claim::Literal) {
            let message = format!("{name} stands as a literal in this command");
            found.push(value(self, subject, span, message, hint));
        }
        let text = subject.text;
        for at in text.marks(Mark::Literal) {
            if let Some((span, name)) = literal(text, at) {
                let message = format!("{name} stands as a literal in this command");
                found.push(value(self, subject, span, message, hint));
            }
        }
    }
}

/// `--from-literal=.password=x`: any key of a secret counts, also one without a telling name.
fn literal(text: &Text<'_>, at: usize) -> Option<(Range<usize>, String)> {
    let rest = text.slice(at..at + 512).strip_prefix(b"--from-literal")?;
    let end = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(rest.len());
    let rest = rest.get(..end)?;
    let skip = rest
        .iter()
        .take_while(|byte| b"= \"'".contains(byte))
        .count();
    let equals = skip + rest.get(skip..)?.iter().position(|byte| *byte == b'=')?;
    let name = rest.get(skip..equals)?;
    let quote = rest.get(equals + 1).filter(|byte| b"\"'".contains(byte));
    let from = equals + 1 + usize::from(quote.is_some());
    let body = rest.get(from..)?;
    let is_end = |byte: &u8| {
        quote.map_or(
            byte.is_ascii_whitespace() || b"\"'\\`".contains(byte),
            |quote| byte == quote,
        )
    };
    let length = body.iter().position(is_end).unwrap_or(body.len());
    let secret = body.get(..length)?;
    let is_named = super::super::text::naming::kind(name).is_some();
    let start = at + 14 + from;
    let is_user = [&b"user"[..], b"host", b"port", b"name", b"email"]
        .iter()
        .any(|end| name.to_ascii_lowercase().ends_with(end));
    (!is_named
        && !is_user
        && !name.contains(&b' ')
        && secret.len() >= 6
        && !harmless::is_harmless(secret, true))
    .then(|| (start..start + length, shown(name)))
}

/// Whether the word is the value of `kind`.
fn secret_kind(text: &Text<'_>, at: usize) -> bool {
    let before = text.slice(at.saturating_sub(12)..at);
    let word = text.slice(at..at + 7);
    let ends = word.get(6).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let trimmed: Vec<u8> = before
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace() && !b"\"'".contains(byte))
        .collect();
    word.starts_with(b"Secret") && ends && trimmed.ends_with(b"kind:")
}

/// The first value of `data` or `stringData` of the object that has this kind.
fn first_value(text: &Text<'_>, at: usize) -> Option<(Range<usize>, String)> {
    let number = text.line_at(at);
    let line = text.slice(text.line(number));
    if line.trim_ascii_start().starts_with(b"\"") || line.trim_ascii_start().starts_with(b"{") {
        return in_json(text, at);
    }
    let trimmed = line.trim_ascii_start();
    let depth = text.depth(number) + if trimmed.starts_with(b"- ") { 2 } else { 0 };
    let is_end = |number: usize| {
        let line = text.slice(text.line(number));
        line.starts_with(b"---")
            || line.starts_with(b"```")
            || !line.trim_ascii().is_empty()
                && (text.depth(number) < depth && !line.trim_ascii_start().starts_with(b"#"))
    };
    // The object: upward and downward from its kind.
    let first = (0..number)
        .rev()
        .take(200)
        .take_while(|above| !is_end(*above))
        .last()
        .unwrap_or(number);
    let last = (number + 1..text.lines())
        .take(1000)
        .take_while(|below| !is_end(*below))
        .last()
        .unwrap_or(number);
    let mut is_inside = false;
    for current in first..=last {
        let range = text.line(current);
        let line = text.slice(range.clone());
        let content = line.trim_ascii();
        if content.is_empty() || content.starts_with(b"#") {
            continue;
        }
        let own = text.depth(current) + if content.starts_with(b"- ") { 2 } else { 0 };
        if own == depth {
            let key = content.strip_prefix(b"- ").unwrap_or(content);
            is_inside = [&b"data:"[..], b"stringData:", b"'data':", b"\"data\":"]
                .iter()
                .any(|start| key.starts_with(start));
            continue;
        }
        if !is_inside || own <= depth {
            continue;
        }
        let Some(colon) = content.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = content.get(..colon)?;
        let start = range.start + (line.len() - line.trim_ascii_start().len()) + colon + 1;
        let mut span = start..range.end;
        let secret = text.slice(span.clone()).trim_ascii();
        if secret.first().is_some_and(|byte| b"|>".contains(byte)) {
            // The first line of the block that says something: `.api` begins with an address.
            let block = (current + 1..=last).take_while(|below| text.depth(*below) > own);
            let Some(telling) = block
                .map(|below| text.line(below))
                .find(|line| is_value(text.slice(line.clone())))
            else {
                continue;
            };
            span = telling;
        }
        if is_value(text.slice(span.clone())) {
            let secret = text.slice(span.clone());
            let lead = secret.len() - secret.trim_ascii_start().len();
            return Some((span.start + lead..span.end, shown(name)));
        }
    }
    None
}

fn is_value(secret: &[u8]) -> bool {
    let secret = secret.trim_ascii();
    let secret = match secret {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => secret,
    };
    if secret.is_empty() || harmless::is_harmless(secret, true) {
        return false;
    }
    // Values of `data` are base64 of what has to be judged.
    match STANDARD.decode(secret) {
        Ok(decoded) if secret.len() % 4 == 0 => {
            let decoded = Zeroizing::new(decoded);
            std::str::from_utf8(&decoded).is_err() || !harmless::is_harmless(&decoded, true)
        }
        _ => true,
    }
}

/// The same in JSON: the members of `data` between the braces of the object.
fn in_json(text: &Text<'_>, at: usize) -> Option<(Range<usize>, String)> {
    let from = at.saturating_sub(NEAR);
    let window = text.slice(from..at + NEAR);
    let own = at - from;
    for key in [&b"\"stringData\""[..], b"\"data\""] {
        for found in memchr::memmem::find_iter(window, key) {
            // No other object's kind stands between the two.
            let (low, high) = (found.min(own), found.max(own));
            let between = window.get(low..high).unwrap_or_default();
            if memchr::memmem::find_iter(between, b"\"kind\"").count() > 1 {
                continue;
            }
            let start = from + found + key.len();
            let rest = text.slice(start..start + NEAR);
            let open = rest.iter().take(8).position(|byte| *byte == b'{')?;
            let close = rest
                .iter()
                .position(|byte| *byte == b'}')
                .unwrap_or(rest.len());
            let mut offset = open + 1;
            for member in rest.get(open + 1..close)?.split(|byte| *byte == b',') {
                let colon = member.iter().position(|byte| *byte == b':');
                if let Some(colon) = colon
                    && is_value(member.get(colon + 1..).unwrap_or_default())
                {
                    let name = member.get(..colon)?.trim_ascii();
                    let value = start + offset + colon + 1..start + offset + member.len();
                    let name: Vec<u8> = name.iter().copied().filter(|byte| *byte != b'"').collect();
                    return Some((value, shown(&name)));
                }
                offset += member.len() + 1;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let text = Text::new(path, text.as_bytes());
        text.marks(Mark::Noun)
            .filter(|at| secret_kind(&text, *at))
            .filter_map(|at| first_value(&text, at))
            .map(|(span, _)| String::from_utf8_lossy(text.slice(span)).into_owned())
            .collect()
    }

    #[test]
    fn the_values_of_a_secret_are_found_before_and_behind_its_kind() {
        let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ntype: Opaque\ndata:\n  api-key: cTdHejJtV3g5THA0UnQ4VmIxTmM=\n";
        assert_eq!(found("a.yaml", secret).len(), 1);
        assert_eq!(
            found(
                "a.yaml",
                "stringData:\n  .password: zebra-orchid-71\nkind: Secret\n"
            ),
            ["zebra-orchid-71"]
        );
        let list = "kind: List\nitems:\n- kind: ConfigMap\n  data:\n    a: zebra-orchid-70\n- apiVersion: v1\n  kind: Secret\n  data:\n    a: zebra-orchid-71\n";
        assert_eq!(found("a.yaml", list), ["zebra-orchid-71"]);
        let json = "{\"kind\": \"Secret\", \"data\": {\"a\": \"cTdHejJtV3g5THA0UnQ4VmIxTmM=\"}}";
        assert_eq!(found("a.json", json).len(), 1);
    }

    #[test]
    fn templates_empty_and_sealed_secrets_and_other_kinds_are_none() {
        for text in [
            "kind: Secret\nstringData:\n  a: {{ .Values.a }}\n",
            "kind: Secret\ndata: {}\n",
            "kind: SealedSecret\ndata:\n  a: zebra-orchid-71\n",
            "kind: Secret\ndata:\n  a: Y2hhbmdlbWU=\n",
            "kind: ConfigMap\ndata:\n  a: zebra-orchid-71\n---\nkind: Secret\nmetadata:\n  name: zebra-orchid-71\n",
            "kind: Secret\ndata:\n  a: ENC[AES256_GCM,data:x]\n",
        ] {
            assert!(found("a.yaml", text).is_empty(), "{text}");
        }
    }
}
