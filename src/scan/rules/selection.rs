//! H005 and H006: sealed files whose rule seals less than it should.

use super::super::{Finding, Rule, Sealing, Standing, Subject};
use super::structure;

/// H005.
#[derive(Debug)]
pub(super) struct Selection;

/// H006.
#[derive(Debug)]
pub(super) struct Telling;

impl Rule for Selection {
    fn id(&self) -> &'static str {
        "H005"
    }

    fn summary(&self) -> &'static str {
        "A sealed file in which nothing is sealed, or less than its creation rule says."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(sealed) = subject.sealing else {
            return;
        };
        let is_clear = |standing: Standing| matches!(standing, Standing::Clear(_));
        let mut ruled = sealed
            .leaves
            .iter()
            .filter(|leaf| leaf.is_ruled && !leaf.is_selected && is_clear(leaf.standing));
        if let Some(first) = ruled.next() {
            let others = ruled.count();
            let rules = subject
                .expected
                .paths
                .first()
                .map_or("its creation rule", String::as_str);
            let message = format!(
                "the rule in this file leaves {} in clear{}, which the creation rule of {rules} seals",
                first.path,
                if others == 0 {
                    String::new()
                } else {
                    format!(" and {others} more")
                },
            );
            found.push(structure(
                self,
                subject,
                (first.line, first.column),
                message,
            ));
            return;
        }
        let has_token = sealed
            .leaves
            .iter()
            .any(|leaf| leaf.standing == Standing::Token);
        // What its own rule selects and is in clear is told value by value.
        let unselected = sealed
            .leaves
            .iter()
            .find(|leaf| !leaf.is_selected && is_clear(leaf.standing));
        let is_told = sealed.leaves.iter().any(|leaf| {
            leaf.is_selected && !matches!(leaf.standing, Standing::Token | Standing::Empty)
        });
        if let Some(leaf) = unselected
            && !has_token
            && !is_told
        {
            let message = "this file has the metadata of a sealed file, but not one value in it is sealed; \
                           its rule selects none";
            found.push(structure(
                self,
                subject,
                (leaf.line, leaf.column),
                message.to_owned(),
            ));
        }
    }
}

impl Rule for Telling {
    fn id(&self) -> &'static str {
        "H006"
    }

    fn summary(&self) -> &'static str {
        "A sealed file leaves a value in clear whose name says that it is secret."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(sealed) = subject.sealing else {
            return;
        };
        for leaf in &sealed.leaves {
            let Standing::Clear(kind) = leaf.standing else {
                continue;
            };
            // One that the creation rule seals is told by H005, one that the file's rule seals by H003.
            if leaf.is_telling && !leaf.is_selected && !leaf.is_ruled {
                let message = format!(
                    "the {kind} at {} is left in clear by the file's rule, but its name says that it is secret",
                    leaf.path
                );
                found.push(structure(self, subject, (leaf.line, leaf.column), message));
            }
        }
    }
}
