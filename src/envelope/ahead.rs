//! Tokens of a large file opened ahead of the pass that takes them, on all cores.
//!
//! Every string that has the form of a token is opened under its path; whether the rule selects it,
//! and so whether what came out counts, is for the pass to say.

use std::convert::Infallible;
use std::ops::Range;

use crate::cipher::{Cipher, Opened as Plain, Token, TokenError};
use crate::secret::SecretBytes;
use crate::tree::{Site, Step, Trail, Tree, Value, walk};

use super::cores::on_all_cores;

/// What tokens hold, in the order of the walk.
#[derive(Debug)]
pub(super) struct Ahead(std::iter::Peekable<std::vec::IntoIter<(Site, Result<Plain, TokenError>)>>);

struct Job<'a> {
    site: Site,
    text: &'a SecretBytes,
    bound: Range<usize>,
}

impl Ahead {
    pub(super) fn open(tree: &Tree, cipher: &Cipher<'_>) -> Self {
        let (mut jobs, mut bounds) = (Vec::new(), String::new());
        let mut trail = Trail::default();
        let collected: Result<(), Infallible> = walk(tree, &mut |step| {
            match step {
                Step::EnterMap | Step::EnterList => trail.enter(),
                Step::Leave => trail.leave(),
                Step::Key(key) => trail.key(key),
                Step::Leaf(leaf) => {
                    if let Value::Str(text) = &leaf.value
                        && Token::may_be(text.expose())
                    {
                        let start = bounds.len();
                        bounds.push_str(trail.of_value());
                        jobs.push(Job {
                            site: leaf.site,
                            text,
                            bound: start..bounds.len(),
                        });
                    }
                }
                Step::Comment(_) => {}
            }
            Ok(())
        });
        match collected {
            Ok(()) => {}
        }
        let opened = on_all_cores(&jobs, |job| {
            let bound = bounds.get(job.bound.clone()).unwrap_or_default();
            let opened = Token::parse(job.text.expose());
            let opened = opened.and_then(|token| token.open(cipher, bound.as_bytes()));
            (job.site, opened)
        });
        Self(opened.into_iter().peekable())
    }

    /// What the token of the next place of the walk holds; what is no token is asked for, too.
    pub(super) fn take(&mut self, site: Site) -> Result<Plain, TokenError> {
        match self.0.next_if(|(next, _)| *next == site) {
            Some((_, opened)) => opened,
            None => Err(TokenError::NotAToken),
        }
    }
}
