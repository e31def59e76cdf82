//! H007: a comment in clear in a sealed file, where the file's own rule seals comments.

use super::super::text::{Text, chance, harmless};
use super::super::{Finding, Rule, Sealing, Severity, Subject};
use super::structure;

/// H007.
#[derive(Debug)]
pub(super) struct ClearRemark;

impl Rule for ClearRemark {
    fn id(&self) -> &'static str {
        "H007"
    }

    fn summary(&self) -> &'static str {
        "A sealed file holds a comment in clear; it refuses one that carries a credential."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(sealed) = subject.sealing else {
            return;
        };
        for remark in &sealed.remarks {
            let message = if remark.is_credential {
                "a comment in clear in this sealed file seems to hold a credential"
            } else {
                "this comment of a sealed file is in clear, although the file's rule seals comments"
            };
            let place = (remark.line, remark.column);
            let mut finding = structure(self, subject, place, message.to_owned());
            if !remark.is_credential {
                finding.severity = Severity::Warning;
            }
            found.push(finding);
        }
    }
}

/// Whether a comment names a secret with its value, or holds a piece that chance has made.
pub(in crate::scan) fn is_credential(text: &[u8]) -> bool {
    let judged = Text::new("comment.md", text);
    let is_named = judged.assigned().iter().any(|found| {
        !harmless::is_harmless(
            judged.slice(found.value.span.clone()),
            found.value.is_quoted,
        )
    });
    is_named
        || text
            .split(|byte| byte.is_ascii_whitespace() || b"\"'`,;()".contains(byte))
            .any(|word| chance::looks_random(word, 16) || chance::looks_chosen(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_with_a_value_is_told_from_one_with_words() {
        assert!(is_credential(b" old password: Xk29vQpLm3ZtR7wB"));
        assert!(is_credential(b" was Tr0ub4dor&3 before"));
        assert!(is_credential(b"db password is zebra-orchid"));
        assert!(!is_credential(b" rotate the password every 90 days"));
        assert!(!is_credential(b" see https://example.com/docs/secrets"));
    }
}
