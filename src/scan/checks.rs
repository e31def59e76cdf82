//! What `check` tells besides the rules of the hook: it knows creation rules and recipients as they
//! are used, and with `--online` what a file holds.

use super::{Finding, Severity};

/// One kind of finding of `check`; its id never changes its meaning.
#[derive(Debug)]
pub struct Check {
    /// The id.
    pub id: &'static str,
    /// What it tells, for people and for reports.
    pub summary: &'static str,
}

/// A file that was named is not sealed.
pub const NOT_SEALED: &Check = &Check {
    id: "C001",
    summary: "A file that was named is not sealed.",
};
/// Recipients against the creation rule.
pub const RECIPIENTS: &Check = &Check {
    id: "C002",
    summary: "The recipients of a sealed file are not those of its creation rule.",
};
/// A recipient twice.
pub const TWICE: &Check = &Check {
    id: "C003",
    summary: "A key group of a sealed file names a recipient twice.",
};
/// The selection against the creation rule.
pub const SELECTION: &Check = &Check {
    id: "C004",
    summary: "A sealed file selects its values otherwise than its creation rule says.",
};
/// The age of the data key.
pub const AGE: &Check = &Check {
    id: "C005",
    summary: "The data key of a sealed file is older than it may be.",
};
/// What opening it shows.
pub const OPENS: &Check = &Check {
    id: "C006",
    summary: "A sealed file does not open with its data key, or its MAC does not agree; needs --online.",
};
/// Recipients against each other.
pub const DIVIDED: &Check = &Check {
    id: "C007",
    summary: "A recipient of a sealed file holds another data key than the others; needs --online.",
};

/// All of them, in the order of the ids.
pub const CHECKS: &[&Check] = &[
    NOT_SEALED, RECIPIENTS, TWICE, SELECTION, AGE, OPENS, DIVIDED,
];

impl Check {
    /// A finding about a file.
    pub fn finding(
        &self,
        path: &str,
        severity: Severity,
        message: String,
        hint: String,
    ) -> Finding {
        Finding {
            rule: self.id,
            path: path.to_owned(),
            line: 1,
            column: 1,
            severity,
            message,
            hint,
            line_mark: String::new(),
            span: 0..0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<_> = CHECKS.iter().map(|check| check.id).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }
}
