//! The rules of `validate`: one table, and the functions that judge by it.
//!
//! An id never changes its meaning. A message names keys, lengths and places, never a value. Rules
//! that need more than credentials and settings (recipients, files, targets, the cluster) have their
//! entry here and are judged where that is known.

mod adapters;
mod database;
mod keys;
mod nodes;
pub(super) mod values;

use super::credentials::Credentials;
use super::environment::Environment;
use super::finding::Finding;
use super::profiles::Objects;

use Severity::{Error, Note, Warning};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is good to know.
    Note,
    /// It is told, and refuses nothing.
    Warning,
    /// Nothing is delivered.
    Error,
}

impl Severity {
    /// Its word in a report.
    pub fn name(self) -> &'static str {
        match self {
            Note => "note",
            Warning => "warning",
            Error => "error",
        }
    }
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id.
    pub id: &'static str,
    /// How bad it is, unless the circumstances say otherwise.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub summary: &'static str,
    /// What to do.
    pub fix: &'static str,
}

macro_rules! rules {
    ($($id:literal $severity:ident $summary:literal $fix:literal;)*) => {
        /// Every rule, by ascending id.
        pub const RULES: &[Rule] = &[$(Rule { id: $id, severity: $severity, summary: $summary, fix: $fix }),*];
    };
}

rules! {
    "V001" Error "the sealed file of an environment is not sealed" "clsecrets encrypt --env";
    "V002" Error "a value in a sealed file is in clear" "clsecrets decrypt --env, then: clsecrets encrypt --env";
    "V003" Error "a sealed file does not open: another key, or it was changed without one" "restore it from Git; clsecrets status says who can open it";
    "V004" Error "a value is no string, and its digits may be lost already" "quote it in the clear file";
    "V005" Warning "a value looks as if YAML had read it as a number or a time before" "compare it with the original and quote it";
    "V006" Error "one credential is given twice" "keep one of them";
    "V007" Error "a value is a placeholder (a warning where the environment is not protected)" "set the real value: clsecrets set, or clsecrets gen";
    "V008" Warning "a key is not known, or nothing is made of it" "nothing is made of it; remove it, or let objects of profile custom use it";
    "V009" Warning "two credentials have the same value" "make one of them anew: clsecrets gen";
    "V010" Error "a value begins or ends with white space" "remove it; the node refuses it and an adapter sends it";
    "V011" Error "a value has a line break or a NUL, or is no text" "give it one line of text; files would be cut there or refused";
    "V012" Warning "a password has other characters than ASCII" "limits count bytes; use ASCII if a tool on the way does not know UTF-8";
    "V013" Error "a value is itself a sealed one, ENC[…]: it was sealed twice, or copied from a sealed file" "open the file that it is from, and set what it stands for";
    "V020" Error "a keystore or VRF password has less than 16 bytes" "if the key ring is older than this rule: node.allow_legacy_keystore: true; else clsecrets gen";
    "V021" Error "the API user's password has less than 16 or more than 50 bytes" "clsecrets gen";
    "V022" Error "the API user's password contains the email address" "clsecrets gen";
    "V023" Error "the API user's email address is missing or is none" "set node.user_email in clsecrets.yaml";
    "V024" Warning "a keystore or database password has more than 50 bytes" "the node's documentation says 16 to 50";
    "V025" Warning "a password is easy to guess" "clsecrets gen";
    "V030" Error "a database URL cannot be built, or has no password" "see database: in clsecrets.yaml";
    "V031" Error "a database password breaks the node's rule: 16 bytes, no white space outside (a warning before node 2.6)" "give the role another password: docs/rotate.md";
    "V032" Error "a database URL has characters that must be percent-encoded" "give database_password and the parts of the URL in clsecrets.yaml instead";
    "V033" Warning "a database connection may be in clear (an error where the environment is protected, but for trackit)" "sslmode: verify-full, or require";
    "V034" Warning "the password in a URL's query overrides the one before the host" "keep one of them";
    "V035" Warning "a database is called like a test database, so the node does not check its password" "rename it";
    "V036" Error "two nodes have one database" "if one stands in for the other: failover_of; else give each its own";
    "V040" Error "an adapter lacks a variable that it does not start without" "add it below adapters";
    "V041" Warning "an adapter or a variable is not in the catalogue" "check the spelling; newer adapters are not in it yet";
    "V042" Error "the name of a variable is none that a shell could set" "letters, digits and _, no digit first";
    "V043" Warning "a value is empty: an adapter takes it for unset (an error but for variables of adapters)" "give it a value, or remove the key";
    "V044" Note "an adapter signs or moves money: its credentials are a wallet" "run it in a namespace of its own";
    "V045" Error "an object of profile custom needs a credential that is not there" "add it to the sealed file, or add optional: true";
    "V050" Error "an exported key is no key as a node exports it, or has another address" "export it again: chainlink keys eth export";
    "V051" Error "an exported key does not open with its password (--deep)" "export it again with a password of its own";
    "V052" Error "an exported key lacks its JSON, its password or its chain" "give all of them or none";
    "V053" Warning "an exported key has the keystore password" "export it again with a password of its own";
    "V054" Error "a backup would be delivered" "leave it out: backups stay in the sealed file";
    "V060" Error "the profile does not fit the node's version" "profile: node-v2 from 2.0 on, trackit before";
    "V061" Error "a node from 2.6 on does not start with explorer secrets" "remove explorer_access_key and explorer_secret";
    "V062" Error "two secrets files of a node have the same field" "keep it in one of them";
    "V063" Warning "a workload sets a variable that overrides a credential (--live)" "remove the variable from the pod's specification";
    "V064" Warning "an RPC URL with a token stands in clear (--scan)" "move it below rpc: in the sealed file";
    "V070" Error "a target cannot hold an object: its name, a key or its size, or its name is taken" "see the message";
    "V071" Error "an object in the cluster belongs to another manager and differs (--live)" "compare the two, then: clsecrets sync --adopt";
    "V072" Error "an object in the cluster is immutable and would change (--live)" "clsecrets sync --replace-immutable";
    "V080" Error "a name or a value is none that Secrets Manager can hold" "see the message";
    "V081" Error "a name ends in a hyphen and six characters, like the end of an ARN" "choose another prefix in clsecrets.yaml";
    "V082" Error "a secret is scheduled for deletion (--live)" "restore it: clsecrets sync does it for its own";
    "V083" Error "these credentials lead to another account or cluster (--live)" "see expect_account and expect_server in clsecrets.yaml";
    "V090" Warning "one key more or less decides whether a sealed file opens" "add a second recipient to .sops.yaml, then: clsecrets updatekeys";
    "V091" Warning "a data key is older than a year" "clsecrets rotate";
    "V092" Error "Git has a clear file, or would take it" "git rm --cached, and clsecrets init";
}

/// Rules without which nothing can be delivered: they cannot be skipped.
pub const NEEDED: &[&str] = &[
    "V001", "V003", "V013", "V023", "V030", "V045", "V054", "V070", "V080",
];

/// The rule of an id; the first if there is none, which a test excludes.
pub fn rule(id: &str) -> &'static Rule {
    const NONE: &Rule = &Rule {
        id: "V000",
        severity: Error,
        summary: "",
        fix: "",
    };
    RULES.iter().find(|rule| rule.id == id).unwrap_or(NONE)
}

/// What is judged.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The settings.
    pub environment: &'a Environment,
    /// The credentials.
    pub credentials: &'a Credentials,
    /// What becomes of them.
    pub objects: &'a Objects<'a>,
    /// Whether exported keys are opened, which takes a second each.
    pub is_deep: bool,
}

/// Judges an environment by all rules that need no more than this.
pub fn judge(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    values::judge(subject, &mut findings);
    nodes::judge(subject, &mut findings);
    database::judge(subject, &mut findings);
    adapters::judge(subject, &mut findings);
    keys::judge(subject, &mut findings);
    findings
}

/// Compares two environments: a credential of one that opens the other, too.
pub fn judge_two(one: &Credentials, other: &Credentials, name: &str) -> Vec<Finding> {
    values::shared(one, other, name)
}

#[cfg(test)]
mod tests;
