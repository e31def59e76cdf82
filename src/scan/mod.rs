//! Finds cleartext where a sealed file should be, and credentials anywhere, before they are committed.
//!
//! It never opens anything: no key, no network, no runtime, only the content and what
//! `.sops.yaml` and `clsecrets.yaml` say about paths. What it cannot judge it does not pass over:
//! that is told apart from a finding, and refused as well. The surprise: a finding holds no
//! excerpt of the content, not even a masked one.

pub mod checks;
mod copies;
mod finding;
mod git;
pub mod known;
pub mod policy;
pub mod report;
mod rules;
mod sealed;
mod source;
mod text;
mod waiver;

pub use finding::{Finding, Report, Severity, Unjudged};
pub use policy::{Clear, Expected, Governor, Policy};
pub use rules::{RULES, data_key};
pub use sealed::{Leaf, Sealed, Sealing, Standing};
pub use source::{
    Blob, Commit, Files, Form, Former, Given, Heir, Index, Kin, Remote, Scope, Source, SourceError,
};
pub use text::Text;
pub use waiver::{Versions, Waivers, baseline};

use copies::Copies;
use known::Lookup;
use policy::CONFIGURATIONS;
use rules::{path, recipients, unsealed};

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
    /// What the creation rules say of it.
    pub expected: &'a Expected,
    /// Whether it was sealed before, and how.
    pub before: Option<&'a Sealing>,
    /// The commit that made it so, where commits are looked at.
    pub commit: Option<&'a Commit>,
    /// Values that this machine has seen in sealed files.
    pub known: Option<&'a Lookup<'a>>,
    /// Its text.
    pub text: &'a Text<'a>,
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

/// Id and summary of all that may be found: rules, and checks of sealed files.
pub fn summaries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rules = RULES.iter().map(|rule| (rule.id(), rule.summary()));
    rules.chain(checks::CHECKS.iter().map(|check| (check.id, check.summary)))
}

/// How a run judges.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'k> {
    /// The day, as days since 1970: waivers expire.
    pub today: i64,
    /// Whether the marks of other tools on a line waive as ours do.
    pub compat_allow: bool,
    /// Values that this machine has seen in sealed files.
    pub known: Option<&'k Lookup<'k>>,
}

/// Findings of one file that are told.
const MOST: usize = 1000;

/// Checks everything that a source holds against what the repository says about its paths.
pub fn run(source: &mut dyn Source, options: &Options<'_>) -> Result<Report, SourceError> {
    let mut report = Report::default();
    let policy = read_policy(source, &mut report)?;
    let waivers = read_waivers(source, &mut report, options)?;
    let mut copies = Copies::default();
    let mut checked = 0;
    let mut told = Told::default();
    let nowhere = Policy::default();
    source.visit(&|_| true, &mut |blob| {
        // Where a link leads is text like any other, and so is a message; no rule about paths is
        // about them.
        let rules = match blob.form {
            Form::File => &policy,
            Form::Link | Form::Record => &nowhere,
        };
        checked += match blob.form {
            Form::File => usize::from(!blob.is_again),
            Form::Link => usize::from(check_link(&policy, blob.path, &mut report)),
            Form::Record => 0,
        };
        check(
            rules,
            &waivers,
            options.known,
            &blob,
            &mut copies,
            &mut told,
            &mut report,
        );
    })?;
    copies.compare(source, &policy, &mut report)?;
    source.heirs(&mut |heir| follow(&heir, &policy, &waivers, &mut report))?;
    waivers.finish(&mut report);
    report.checked = checked;
    report.has_policy = !policy.is_empty();
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

/// The waivers that are about to be in force; of a version that is replaced nothing is left.
fn read_waivers(
    source: &mut dyn Source,
    report: &mut Report,
    options: &Options<'_>,
) -> Result<Waivers, SourceError> {
    let (waivers, added) = Waivers::of(&source.waivers(waiver::PATH)?, options);
    if let Err(error) = added {
        report.unjudged(waiver::PATH, error.to_string());
    }
    Ok(waivers)
}

fn check(
    policy: &Policy,
    waivers: &Waivers,
    known: Option<&Lookup<'_>>,
    blob: &Blob<'_>,
    copies: &mut Copies,
    told: &mut Told,
    report: &mut Report,
) {
    if !blob.is_again {
        *told = Told::default();
    }
    let Some(bytes) = blob.bytes else {
        if !waivers.waives_unjudged(blob.path) {
            report.unjudged(blob.path, blob.why_absent);
        }
        return;
    };
    let decoded = text::decoded(bytes);
    let bytes = decoded.as_ref().map_or(bytes, |decoded| decoded.as_slice());
    let governor = policy.governor(blob.path);
    let clear = policy.clear(blob.path);
    let expected = policy.expected(blob.path);
    let sealing = Sealing::of(blob.path, bytes, &expected.selections);
    let before = blob
        .before
        .map(|before| Sealing::of(blob.path, before, &[]));
    let text = Text::new(blob.path, bytes);
    let subject = Subject {
        path: blob.path,
        governor,
        clear,
        sealing: &sealing,
        expected: &expected,
        before: before.as_ref(),
        commit: blob.commit,
        known,
        text: &text,
    };
    if let (Some(known), Sealing::Sealed(sealed)) = (known, &sealing)
        && known.is_stale(blob.path, &sealed.mac_text)
    {
        report.notes.push(format!(
            "the index of known values is older than {}: clsecrets hook index",
            blob.path
        ));
    }
    let mut found = Vec::new();
    for rule in RULES {
        rule.check(&subject, &mut found);
        // A file with so many is refused whatever comes behind.
        found.truncate(MOST);
    }
    if blob.form != Form::File {
        found.retain(|finding| !finding.is_structure());
    }
    finding::settle(&mut found, &text, waivers, &mut report.waived);
    // A file that a rule refuses by its path or form needs no further judgement.
    let is_refused = found.iter().any(Finding::is_structure);
    if let Sealing::Unknown { reason, .. } = &sealing
        && !is_refused
        && !waivers.waives_unjudged(blob.path)
        && !std::mem::replace(&mut told.is_unjudged, true)
    {
        report.unjudged(blob.path, reason.clone());
    }
    if !is_refused && matches!(sealing, Sealing::Clear) {
        copies.consider(blob, bytes);
    }
    if blob.form == Form::Record {
        for finding in &mut found {
            finding.hint = rewording(blob.path);
        }
    }
    // Under another path only what is not told of this content already.
    found.retain(|finding| {
        let place = (finding.rule, finding.line, finding.column);
        let is_old = told.places.contains(&place);
        told.places.push(place);
        !blob.is_again || !is_old
    });
    report.findings.append(&mut found);
}

/// What was told of a content.
#[derive(Debug, Default)]
struct Told {
    places: Vec<(&'static str, usize, usize)>,
    is_unjudged: bool,
}

/// Compares a sealed file with what it may follow.
fn follow(heir: &Heir<'_>, policy: &Policy, waivers: &Waivers, report: &mut Report) {
    let expected = policy.expected(heir.path);
    let found = [
        recipients::of_heir(heir, &expected),
        data_key::of_heir(heir),
    ];
    for finding in found.into_iter().flatten() {
        take_over(finding, heir, waivers, report);
    }
}

/// Takes a finding of such a comparison, unless the file alone has shown the same.
fn take_over(mut finding: Finding, heir: &Heir<'_>, waivers: &Waivers, report: &mut Report) {
    let is_told = report
        .findings
        .iter()
        .any(|other| other.path == finding.path && other.rule == finding.rule);
    if is_told {
        return;
    }
    let text = Text::new(heir.path, heir.bytes);
    if waivers.waives(&finding, &text) {
        report.waived += 1;
    } else {
        finding.line_mark = waiver::fingerprint(&finding, &text);
        report.findings.push(finding);
    }
}

/// What the message of a commit that is about to be made is called.
pub const MESSAGE: &str = "commit message";

/// How a commit or a tag is made anew.
fn rewording(path: &str) -> String {
    match path.split_once(' ') {
        _ if path == MESSAGE => "git commit --edit --file=\"$(git rev-parse --git-path COMMIT_EDITMSG)\"    # reword it; change what was"
            .to_owned(),
        Some(("commit", name)) => format!(
            "git rebase --interactive {name}^    # reword it, before it is published; change what was"
        ),
        _ => "git tag --force --annotate NAME    # before it is published; change what was"
            .to_owned(),
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
        line_mark: String::new(),
        span: 0..0,
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
        fn waivers(&mut self, _: &str) -> Result<Versions, SourceError> {
            Ok(Versions::default())
        }

        fn elsewhere(
            &mut self,
            _: &Want<'_>,
            _: &mut dyn FnMut(Blob<'_>),
        ) -> Result<(), SourceError> {
            Ok(())
        }

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
        let report = run(&mut memory, &Options::default()).unwrap();

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
        assert_eq!(
            rules_of(&run(&mut memory, &Options::default()).unwrap()),
            ["H002"]
        );

        memory.head.clear();
        assert!(rules_of(&run(&mut memory, &Options::default()).unwrap()).is_empty());
    }

    #[test]
    fn broken_rules_refuse_unless_this_commit_replaces_them() {
        let broken = "creation_rules: [\n";
        let mut memory = Memory {
            index: vec![(".sops.yaml", broken)],
            ..Memory::default()
        };
        assert_eq!(run(&mut memory, &Options::default()).unwrap().status(), 2);

        memory.index = vec![(".sops.yaml", "creation_rules: []\n")];
        memory.head = vec![(".sops.yaml", broken)];
        let report = run(&mut memory, &Options::default()).unwrap();
        assert_eq!((report.status(), report.notes.len()), (0, 1));
    }
}
