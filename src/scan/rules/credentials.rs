//! H031: the password of a database in a variable, a setting, or the file that clients read.

use super::super::text::{chance, harmless};
use super::super::{Finding, Rule, Subject};
use super::claim::{self, Claim};
use super::value;

/// H031.
#[derive(Debug)]
pub(super) struct Database;

const HINT: &str = "seal it: clsecrets set FILE '[\"database_password\"]'; then change the password of the database";

impl Rule for Database {
    fn id(&self) -> &'static str {
        "H031"
    }

    fn summary(&self) -> &'static str {
        "A variable, a setting or a `.pgpass` file holds the password of a database."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        for (span, name) in claim::of(subject, Claim::Database) {
            let message = format!("{name} holds the password of a database");
            found.push(value(self, subject, span, message, HINT));
        }
        let name = subject.path.rsplit('/').next().unwrap_or_default();
        if name == ".pgpass" || name == "pgpass" || name == "pgpass.conf" {
            lines(self, subject, found);
        }
    }
}

/// `host:port:database:user:password`, a colon in a field behind a backslash.
fn lines(rule: &dyn Rule, subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let text = subject.text;
    for number in 0..text.lines() {
        let range = text.line(number);
        let line = text.slice(range.clone());
        let mut colons = line.iter().enumerate().filter(|(at, byte)| {
            **byte == b':' && at.checked_sub(1).and_then(|before| line.get(before)) != Some(&b'\\')
        });
        let Some((fourth, _)) = colons.nth(3) else {
            continue;
        };
        let secret = line.get(fourth + 1..).unwrap_or_default();
        let is_stand_in = harmless::is_harmless(secret, true) && !chance::looks_chosen(secret);
        if !line.starts_with(b"#") && !is_stand_in {
            let message =
                "a line of this password file holds the password of a database".to_owned();
            let span = range.start + fourth + 1..range.end;
            found.push(value(rule, subject, span, message, HINT));
        }
    }
}
