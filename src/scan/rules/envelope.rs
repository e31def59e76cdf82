//! H004 and H010: tokens and the MAC of a sealed file that are not what they should be.

use super::super::{Finding, Rule, Sealing, Standing, Subject};
use super::structure;
use crate::metadata::LAYOUT_FIELD;

/// H004.
#[derive(Debug)]
pub(super) struct Envelope;

/// H010.
#[derive(Debug)]
pub(super) struct Mac;

impl Rule for Envelope {
    fn id(&self) -> &'static str {
        "H004"
    }

    fn summary(&self) -> &'static str {
        "A sealed file holds something that begins like a token and is none."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(sealed) = subject.sealing else {
            return;
        };
        for leaf in &sealed.leaves {
            if let Standing::Malformed(reason) = leaf.standing {
                let message = format!("the token at {} is malformed: {reason}", leaf.path);
                let place = (leaf.line, leaf.column);
                found.push(structure(self, subject, place, message));
            }
        }
        if let Standing::Malformed(_) | Standing::Clear(_) = sealed.layout {
            let message = format!("sops.{LAYOUT_FIELD} holds no token: it was changed by hand");
            found.push(structure(self, subject, (sealed.mac_line, 1), message));
        }
    }
}

impl Rule for Mac {
    fn id(&self) -> &'static str {
        "H010"
    }

    fn summary(&self) -> &'static str {
        "A sealed file has no MAC, or a malformed one."
    }

    fn check(&self, subject: &Subject<'_>, found: &mut Vec<Finding>) {
        let Sealing::Sealed(sealed) = subject.sealing else {
            return;
        };
        let message = match sealed.mac {
            Standing::Token => return,
            Standing::Empty => "the MAC of this sealed file is missing".to_owned(),
            Standing::Clear(_) => "the MAC of this sealed file is no token".to_owned(),
            Standing::Malformed(reason) => {
                format!("the MAC of this sealed file is malformed: {reason}")
            }
        };
        let place = (sealed.mac_line, 1);
        found.push(structure(self, subject, place, message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, sealed};
    use super::*;

    fn found(rule: &dyn Rule, standing: Standing, mac: Standing) -> Vec<Finding> {
        check(rule, "a.yaml", &sealed(true, standing, mac), None, None)
    }

    #[test]
    fn a_malformed_token_is_refused_and_a_good_one_is_not() {
        let bad = Standing::Malformed("its tag is missing");
        assert_eq!(found(&Envelope, bad, Standing::Token).len(), 1);
        assert!(found(&Envelope, Standing::Token, Standing::Token).is_empty());
    }

    #[test]
    fn a_layout_that_is_no_token_is_refused_and_one_that_is_or_none_is_not() {
        for (layout, count) in [
            (Standing::Empty, 0),
            (Standing::Token, 0),
            (Standing::Clear("string"), 1),
            (Standing::Malformed("its tag is missing"), 1),
        ] {
            let mut sealing = sealed(true, Standing::Token, Standing::Token);
            if let Sealing::Sealed(sealed) = &mut sealing {
                sealed.layout = layout;
            }
            let found = check(&Envelope, "a.yaml", &sealing, None, None);
            assert_eq!(found.len(), count, "{layout:?}");
        }
    }

    #[test]
    fn a_mac_that_is_no_token_is_refused_where_it_stands() {
        for mac in [
            Standing::Empty,
            Standing::Clear("string"),
            Standing::Malformed("its iv is missing"),
        ] {
            assert_eq!(found(&Mac, Standing::Token, mac)[0].line, 5);
        }
        assert!(found(&Mac, Standing::Token, Standing::Token).is_empty());
    }
}
