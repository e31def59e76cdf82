//! A question that is answered with y or n, in the words of the reference, so that scripts which
//! answer it keep working.

use std::io::BufRead;

use clsecrets::{Code, Error};

use super::Context;
use super::face::Face;

/// The question of the reference.
pub(crate) fn is_confirmed(context: &Context) -> Result<bool, Error> {
    is_answered("Is this okay? (y/n):", context)
}

/// Asks until the answer is `y` or `n`. The end of the input is no answer.
pub(crate) fn is_answered(question: &str, context: &Context) -> Result<bool, Error> {
    let mut input = std::io::stdin().lock();
    loop {
        match context.face {
            Face::Sops => context.ui.result(question.as_bytes())?,
            Face::Own => context.ui.prompt(question),
        }
        let mut line = String::new();
        let read = input.read_line(&mut line).unwrap_or(0);
        match line.trim() {
            "y" => return Ok(true),
            "n" => return Ok(false),
            _ if read == 0 => {
                return Err(
                    Error::new(Code::Failed, "nobody answered; nothing was written")
                        .hint("--yes answers the question"),
                );
            }
            _ => {}
        }
    }
}
