//! H060: tokens that tell their kind by their form, and headers that carry credentials.

mod forms;

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::super::text::{Dialect, Mark, Text, chance, harmless};
use super::super::{Finding, Rule, Severity, Subject};
use super::claim::{self, Claim};
use super::value;

/// H060.
#[derive(Debug)]
pub(super) struct Tokens;

const HINT: &str =
    "revoke it where it was issued; keep the new one in a sealed file or in the store of your CI";

impl Rule for Tokens {
    fn id(&self) -> &'static str {
        "H060"
    }

    fn summary(&self) -> &'static str {
        "A token or a private key of a known form, or a header with credentials."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let text = subject.text;
        for at in text.marks(Mark::Pem) {
            if let Some(span) = pem(text, at) {
                let message = "a private key begins here".to_owned();
                found.push(told(self, subject, span, message));
            }
        }
        for at in text.marks(Mark::Prefix) {
            let Some((span, what, is_sure)) = forms::at(text, at) else {
                continue;
            };
            // A token of somebody's service opens it wherever it stands.
            let is_made = ["an age identity", "a JSON web token"].contains(&what);
            let message = format!("this is {what}");
            let mut told = if is_made {
                told(self, subject, span, message)
            } else {
                value(self, subject, span, message, HINT)
            };
            if !is_sure {
                told.severity = Severity::Warning;
            }
            found.push(told);
        }
        for at in text.marks(Mark::Header) {
            if let Some((span, what)) = header(text, at) {
                found.push(value(self, subject, span, format!("this is {what}"), HINT));
            }
        }
        for (span, name) in claim::of(subject, Claim::Cloud) {
            let message = format!("{name} is a key of a cloud account");
            found.push(told(self, subject, span, message));
        }
    }
}

/// What tests come with is made for them; it is told all the same.
fn told(rule: &dyn Rule, subject: &Subject<'_>, span: Range<usize>, message: String) -> Finding {
    let is_of_tests = subject.text.is_of_tests(span.start);
    let mut told = value(rule, subject, span, message, HINT);
    if is_of_tests {
        told.severity = Severity::Warning;
    }
    told
}

/// The body of a private key in PEM, if there is one: documentation often has the first line only.
fn pem(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let label = text.slice(at + 11..at + 60);
    let end = memchr::memmem::find(label, b"-----")?;
    let label = label.get(..end)?;
    let is_private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    if !is_private
        || !label
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || b" 0123456789".contains(byte))
    {
        return None;
    }
    let start = at + 11 + end + 5;
    let body = text.slice(start..start + 600);
    let stop = memchr::memmem::find(body, b"-----END").unwrap_or(body.len());
    let body = body.get(..stop)?;
    // Line ends may be written as `\n`, and lines may be quoted, indented, commented or joined.
    let longest = body
        .split(|byte| {
            byte.is_ascii_whitespace() || b"\"'`,+\\:;#*|>".contains(byte) && !matches!(byte, b'+')
        })
        .map(|part| {
            part.strip_prefix(b"n")
                .filter(|rest| rest.len() % 4 == 0)
                .unwrap_or(part)
        })
        .filter(|part| {
            part.iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        })
        .filter(|part| !harmless::is_monotonous(part) && chance::distinct(part) >= 12)
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0);
    let is_elided = harmless::contains(body, b"...") || harmless::contains(body, "…".as_bytes());
    (longest >= 40 && !is_elided).then_some(at..start)
}

/// `Authorization: Basic …`, `Bearer …`, `curl -u user:password`, `"auth": "…"` of Docker.
fn header(text: &Text<'_>, at: usize) -> Option<(Range<usize>, &'static str)> {
    let word = text.slice(at..at + 8).to_ascii_lowercase();
    let line = text.line(text.line_at(at));
    if word.starts_with(b"curl ") {
        let rest = text.slice(at..line.end.min(at + 2000));
        let flag = [&b" -u "[..], b" --user ", b" -u", b" --user="]
            .iter()
            .find_map(|flag| Some(memchr::memmem::find(rest, flag)? + flag.len()))?;
        let from = at + flag;
        let rest = text.slice(from..line.end);
        let skip = rest
            .iter()
            .take_while(|byte| b"\"' ".contains(byte))
            .count();
        let rest = rest.get(skip..)?;
        let end = rest
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || b"\"'".contains(byte))
            .unwrap_or(rest.len());
        let colon = rest.get(..end)?.iter().position(|byte| *byte == b':')?;
        let secret = rest.get(colon + 1..end)?;
        let is_real = !harmless::is_harmless(secret, true)
            && (chance::looks_random(secret, 10) || chance::looks_chosen(secret));
        return is_real.then_some((
            from + skip + colon + 1..from + skip + end,
            "a password on a command line",
        ));
    }
    let is_docker = word.starts_with(b"\"auth\"") || word.starts_with(b"auth:");
    if is_docker || word.starts_with(b"basic ") {
        let from = if is_docker {
            at + word.iter().position(|byte| *byte == b':').unwrap_or(6) + 1
        } else {
            at + 6
        };
        let rest = text.slice(from..line.end.min(from + 1024));
        let skip = rest
            .iter()
            .take_while(|byte| b"\"': ".contains(byte))
            .count();
        let length = rest
            .get(skip..)?
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
            .count();
        let span = from + skip..from + skip + length;
        let encoded = text.slice(span.clone());
        let decoded = zeroize::Zeroizing::new(
            STANDARD
                .decode(encoded)
                .or_else(|_| STANDARD_NO_PAD.decode(encoded))
                .ok()?,
        );
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let secret = decoded.get(colon + 1..)?;
        let is_text = decoded.iter().all(u8::is_ascii_graphic);
        let is_code = text.dialect() == Dialect::Code && !chance::looks_random(secret, 12);
        let is_real = length >= 12
            && colon > 0
            && is_text
            && !harmless::is_harmless(secret, true)
            && !is_code;
        return is_real.then_some((span, "a user with a password in base64"));
    }
    if word.starts_with(b"bearer ") {
        let from = at + 7;
        let length = text
            .slice(from..from + 4096)
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte))
            .count();
        let token = text.slice(from..from + length);
        let is_real = chance::looks_random(token, 20)
            && !harmless::is_harmless(token, true)
            && !forms::is_public_jwt(token);
        return is_real.then_some((from..from + length, "a bearer token"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(text: &str) -> usize {
        let text = Text::new("a.md", text.as_bytes());
        text.marks(Mark::Header)
            .filter_map(|at| header(&text, at))
            .count()
    }

    #[test]
    fn headers_and_options_with_credentials_are_found() {
        for text in [
            "Authorization: Bearer q7Gz2mWx9Lp4Rt8Vb1NcKd5s",
            "curl -u 'ops:Tr0ub4dor&3' https://x",
            "Authorization: Basic b3BzOlRyMHViNGRvciYz",
            "\"auth\": \"b3BzOlRyMHViNGRvciYz\"",
        ] {
            assert_eq!(heads(text), 1, "{text}");
        }
        for text in [
            "Authorization: Bearer <token>",
            "Bearer ${TOKEN}",
            "curl -u user:pass https://x",
            "Basic dXNlcjpwYXNz",
            "basic authentication",
            "auth: none",
        ] {
            assert_eq!(heads(text), 0, "{text}");
        }
    }

    #[test]
    fn a_private_key_has_a_body() {
        let body = "MHcCAQEEIKm8Zq3vT1xW9yL5nR7bC2dF4gH6jK8pQ0sU1wY3zA5BoAoGCCqGSM49";
        let found = |text: String| {
            let text = Text::new("a", text.as_bytes());
            text.marks(Mark::Pem)
                .filter_map(|at| pem(&text, at))
                .count()
        };
        assert_eq!(
            found(format!(
                "-----BEGIN EC PRIVATE KEY-----\n{body}\n-----END EC PRIVATE KEY-----"
            )),
            1
        );
        assert_eq!(
            found(format!(
                "\"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\\n\""
            )),
            1
        );
        assert_eq!(
            found(format!("  -----BEGIN OPENSSH PRIVATE KEY-----\n  {body}\n")),
            1
        );
        assert_eq!(
            found("-----BEGIN PRIVATE KEY-----\nMIIE...\n".to_owned()),
            0
        );
        assert_eq!(found(format!("-----BEGIN CERTIFICATE-----\n{body}\n")), 0);
        assert_eq!(
            found("const HEADER = \"-----BEGIN PRIVATE KEY-----\";".to_owned()),
            0
        );
    }
}
