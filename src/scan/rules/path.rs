//! H001: a file whose path says that it holds cleartext.

use super::super::{Clear, Finding, Rule, Sealing, Subject};
use super::finding;
use crate::error::quoted;

/// H001.
#[derive(Debug)]
pub(in crate::scan) struct ClearPath;

impl Rule for ClearPath {
    fn id(&self) -> &'static str {
        "H001"
    }

    fn summary(&self) -> &'static str {
        "A file whose path says that it holds cleartext is not sealed."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let (Some(clear), Sealing::Clear) = (&subject.clear, subject.sealing) else {
            return;
        };
        let path = quoted(subject.path);
        let unstage = format!("git rm --cached -f -- {path}");
        let ignored = quoted(&format!("/{}", subject.path));
        let hint = match clear {
            // Ignored already, or by a pattern.
            Clear::Environment(name) => format!("{unstage} && clsecrets encrypt --env {name}"),
            Clear::Temporary => unstage,
            Clear::Target(_) | Clear::Copy | Clear::Name => {
                format!("{unstage} && echo {ignored} >> .gitignore")
            }
        };
        let message = format!("this is {clear}; it must not be committed");
        found.push(finding(self, subject, (1, 1), message, hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(clear: Option<Clear>, sealing: &Sealing) -> Vec<Finding> {
        super::super::tests::check(
            &ClearPath,
            "my secrets/clear-secrets.yaml",
            sealing,
            None,
            clear,
        )
    }

    #[test]
    fn a_clear_path_is_refused_with_a_way_out() {
        let found = check(Some(Clear::Name), &Sealing::Clear);
        assert_eq!(
            found[0].hint,
            "git rm --cached -f -- 'my secrets/clear-secrets.yaml' \
             && echo '/my secrets/clear-secrets.yaml' >> .gitignore"
        );
    }

    #[test]
    fn other_paths_pass_and_so_does_what_cannot_be_judged_here() {
        assert!(check(None, &Sealing::Clear).is_empty());
        let unknown = Sealing::Unknown {
            reason: String::new(),
            repeated: None,
        };
        assert!(check(Some(Clear::Name), &unknown).is_empty());
    }
}
