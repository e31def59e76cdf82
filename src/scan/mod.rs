//! Finds cleartext where a sealed file should be, before it is committed.
//!
//! It never opens anything: no key, no network, no runtime, only the content and what
//! `.sops.yaml` and `clsecrets.yaml` say about paths. What it cannot judge it does not pass over:
//! that is told apart from a finding, and refused as well. The surprise: a finding holds no
//! excerpt of the content, not even a masked one.

mod git;
pub mod policy;
pub mod report;
mod rules;
mod sealed;
mod source;

pub use policy::{Clear, Governor, Policy};
pub use rules::RULES;
pub use sealed::{Leaf, Sealing, Standing};
pub use source::{Blob, Files, Index, Scope, Source, SourceError};

use policy::CONFIGURATIONS;
use rules::{path, unsealed};

/// One thing that is wrong with one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id; its meaning never changes.
    pub rule: &'static str,
    /// The path from the top of the repository.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, without any of the content.
    pub message: String,
    /// A command that mends it, to be pasted.
    pub hint: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Severity {
    /// The commit is refused.
    Error,
}

/// Something that could not be checked; it is refused like a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// The path from the top of the repository.
    pub path: String,
    /// Why, without any of the content.
    pub reason: String,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the source, and of the rules.
    pub findings: Vec<Finding>,
    /// What could not be checked.
    pub unjudged: Vec<Unjudged>,
    /// What is worth knowing and refuses nothing.
    pub notes: Vec<String>,
    /// How many files were looked at.
    pub checked: usize,
}

/// One file with all that the rules ask about it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its path from the top of the repository.
    pub path: &'a str,
    /// Who says that it has to be sealed.
    pub governor: Option<Governor>,
    /// Why its path says that it is in clear.
    pub clear: Option<Clear>,
    /// Whether it is sealed, and how.
    pub sealing: &'a Sealing,
}

/// One thing that may be wrong with a file.
pub trait Rule: Send + Sync {
    /// The id; it never changes its meaning.
    fn id(&self) -> &'static str;
    /// What it refuses, for people and for reports.
    fn summary(&self) -> &'static str;
    /// Adds what it finds.
    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>);
}

impl Report {
    /// 0 clean, 1 findings, 2 something could not be judged.
    pub fn status(&self) -> u8 {
        match (self.unjudged.is_empty(), self.findings.is_empty()) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        }
    }

    fn unjudged(&mut self, path: &str, reason: impl Into<String>) {
        self.unjudged.push(Unjudged {
            path: path.to_owned(),
            reason: reason.into(),
        });
    }
}

impl Severity {
    /// The word that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
        }
    }
}

/// Checks everything that a source holds against what the repository says about its paths.
pub fn run(source: &mut dyn Source) -> Result<Report, SourceError> {
    let mut report = Report::default();
    let policy = read_policy(source, &mut report)?;
    let wanted = |path: &str| {
        policy.governor(path).is_some()
            || policy.clear(path).is_some()
            || sealed::may_be_sealed(path)
    };
    let mut checked = 0;
    source.visit(&wanted, &mut |blob| {
        if blob.is_link {
            checked += usize::from(check_link(&policy, blob.path, &mut report));
        } else {
            checked += 1;
            check(&policy, &blob, &mut report);
        }
    })?;
    report.checked = checked;
    Ok(report)
}

/// The configuration of every version that counts. A version that is about to be replaced and
/// cannot be read is only noted: otherwise the commit that mends it would be refused.
fn read_policy(source: &mut dyn Source, report: &mut Report) -> Result<Policy, SourceError> {
    let mut policy = Policy::default();
    for text in source.configuration(CONFIGURATIONS)? {
        if let Err(error) = policy.add(&text) {
            if text.is_replaced {
                report.notes.push(format!(
                    "{} at HEAD cannot be read and is left out: {error}",
                    text.path
                ));
            } else {
                report.unjudged(&text.path, error.to_string());
            }
        }
    }
    Ok(policy)
}

fn check(policy: &Policy, blob: &Blob<'_>, report: &mut Report) {
    let Some(bytes) = blob.bytes else {
        report.unjudged(blob.path, blob.why_absent);
        return;
    };
    let governor = policy.governor(blob.path);
    let clear = policy.clear(blob.path);
    let sealing = Sealing::of(blob.path, bytes);
    let subject = Subject {
        path: blob.path,
        governor,
        clear,
        sealing: &sealing,
    };
    let before = report.findings.len();
    for rule in RULES {
        rule.check(&subject, &mut report.findings);
    }
    // A file that a rule refuses by its path needs no further judgement.
    if let Sealing::Unknown { reason } = &sealing
        && report.findings.len() == before
    {
        report.unjudged(blob.path, reason.clone());
    }
}

/// Whether a link is where a sealed or a clear file belongs. What it leads to is not in the commit
/// and cannot be judged, and whoever follows it reads or writes somewhere else.
fn check_link(policy: &Policy, path: &str, report: &mut Report) -> bool {
    let what = "this is a symbolic link or a submodule";
    let (rule, message, hint) = if let Some(clear) = policy.clear(path) {
        let message = format!("{what} in the place of {clear}; it must not be committed");
        (&path::ClearPath as &dyn Rule, message, "")
    } else if let Some(governor) = policy.governor(path) {
        let message = format!("{what}, but {governor} says that it has to be sealed");
        let hint = "    # then add the sealed file itself";
        (&unsealed::Unsealed as &dyn Rule, message, hint)
    } else {
        return false;
    };
    report.findings.push(Finding {
        rule: rule.id(),
        path: path.to_owned(),
        line: 1,
        column: 1,
        severity: Severity::Error,
        message,
        hint: format!("git rm --cached -f -- {}{hint}", crate::error::quoted(path)),
    });
    true
}

#[cfg(test)]
mod tests {
    use super::source::{Configuration, Want};
    use super::*;

    /// A repository in memory.
    #[derive(Debug, Default)]
    struct Memory {
        files: Vec<(&'static str, &'static str)>,
        index: Vec<(&'static str, &'static str)>,
        head: Vec<(&'static str, &'static str)>,
    }

    impl Source for Memory {
        fn configuration(&mut self, _: &[&str]) -> Result<Vec<Configuration>, SourceError> {
            let text = |(path, text): &(&str, &str), is_replaced| Configuration {
                path: (*path).to_owned(),
                text: text.as_bytes().to_vec(),
                is_replaced,
            };
            let index = self.index.iter().map(|file| text(file, false));
            let head = self.head.iter().map(|file| text(file, true));
            Ok(index.chain(head).collect())
        }

        fn visit(
            &mut self,
            wanted: &Want<'_>,
            each: &mut dyn FnMut(Blob<'_>),
        ) -> Result<(), SourceError> {
            for (path, text) in &self.files {
                let bytes = if wanted(path) { text.as_bytes() } else { &[] };
                each(Blob::new(path, bytes));
            }
            Ok(())
        }
    }

    fn rules_of(report: &Report) -> Vec<&str> {
        report.findings.iter().map(|found| found.rule).collect()
    }

    #[test]
    fn a_clear_file_is_refused_and_a_readme_is_not() {
        let mut memory = Memory {
            files: vec![
                ("README.md", "# hello"),
                ("clear-secrets.yaml", "wallet_password: x\n"),
            ],
            ..Memory::default()
        };
        let report = run(&mut memory).unwrap();

        assert_eq!(rules_of(&report), ["H001"]);
        assert_eq!((report.status(), report.checked), (1, 2));
    }

    #[test]
    fn a_commit_that_edits_the_rules_does_not_disarm_them() {
        let rules = "creation_rules:\n  - path_regex: ^vault/\n    age: age1x\n";
        let mut memory = Memory {
            files: vec![("vault/node.txt", "hello")],
            index: vec![(".sops.yaml", "creation_rules: []\n")],
            head: vec![(".sops.yaml", rules)],
        };
        assert_eq!(rules_of(&run(&mut memory).unwrap()), ["H002"]);

        memory.head.clear();
        assert!(rules_of(&run(&mut memory).unwrap()).is_empty());
    }

    #[test]
    fn broken_rules_refuse_unless_this_commit_replaces_them() {
        let broken = "creation_rules: [\n";
        let mut memory = Memory {
            index: vec![(".sops.yaml", broken)],
            ..Memory::default()
        };
        assert_eq!(run(&mut memory).unwrap().status(), 2);

        memory.index = vec![(".sops.yaml", "creation_rules: []\n")];
        memory.head = vec![(".sops.yaml", broken)];
        let report = run(&mut memory).unwrap();
        assert_eq!((report.status(), report.notes.len()), (0, 1));
    }
}
