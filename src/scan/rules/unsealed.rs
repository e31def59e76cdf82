//! H002: a file that has to be sealed and has no metadata.

use super::super::{Finding, Governor, Rule, Sealing, Subject};
use super::finding;
use crate::error::quoted;

/// H002.
#[derive(Debug)]
pub(in crate::scan) struct Unsealed;

impl Rule for Unsealed {
    fn id(&self) -> &'static str {
        "H002"
    }

    fn summary(&self) -> &'static str {
        "A file that a creation rule, an environment or its name says is sealed is not."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        // A clear file that a rule matches too is refused as a clear file, once.
        let (Some(governor), None, Sealing::Clear) =
            (&subject.governor, &subject.clear, subject.sealing)
        else {
            return;
        };
        let path = quoted(subject.path);
        let seal = match governor {
            Governor::Environment(name) => format!("clsecrets encrypt --env {name}"),
            Governor::Rule(_) | Governor::Name => format!("clsecrets encrypt --in-place {path}"),
        };
        let message = format!("this file is not sealed, but {governor} says that it is");
        let hint = format!("{seal} && git add -- {path}");
        found.push(finding(self, subject, (1, 1), message, hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Clear;

    fn check(governor: Option<Governor>, clear: Option<Clear>) -> Vec<Finding> {
        super::super::tests::check(
            &Unsealed,
            "secrets/a.yaml",
            &Sealing::Clear,
            governor,
            clear,
        )
    }

    #[test]
    fn a_governed_file_without_metadata_is_refused_once() {
        let rule = || Some(Governor::Rule(".sops.yaml".to_owned()));
        let found = check(rule(), None);

        assert_eq!(
            found[0].hint,
            "clsecrets encrypt --in-place secrets/a.yaml && git add -- secrets/a.yaml"
        );
        assert!(check(rule(), Some(Clear::Name)).is_empty());
        assert!(check(None, None).is_empty());
    }
}
