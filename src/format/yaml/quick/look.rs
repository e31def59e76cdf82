//! What the second reader finds, shown to somebody and not kept.

use crate::format::{Looked, Shown};

use super::{Scalar, Sink, run};

/// Reads a text whose characters were checked and shows what it holds, if it is of the common layout.
pub(in super::super) fn look(
    text: &str,
    show: &mut dyn FnMut(Shown<'_>) -> bool,
) -> Option<Looked> {
    let sink = Showing {
        show,
        is_going_on: true,
    };
    let (sink, entry) = run(text, sink)?;
    Some(Looked {
        agrees: sink.is_going_on,
        metadata: entry.and_then(|(composed, _)| composed.metadata),
    })
}

struct Showing<'s> {
    show: &'s mut dyn FnMut(Shown<'_>) -> bool,
    is_going_on: bool,
}

impl Showing<'_> {
    /// What follows is read all the same: it may be of another layout, and then nothing was said.
    fn show(&mut self, shown: Shown<'_>) {
        self.is_going_on = self.is_going_on && (self.show)(shown);
    }
}

impl<'t> Sink<'t> for Showing<'_> {
    fn enter_map(&mut self, _start: usize) -> Option<()> {
        self.show(Shown::EnterMap);
        Some(())
    }

    fn enter_list(&mut self, _start: usize, _behind_indicator: usize) -> Option<()> {
        self.show(Shown::EnterList);
        Some(())
    }

    fn leave(&mut self) -> Option<()> {
        self.show(Shown::Leave);
        Some(())
    }

    fn key(&mut self, key: &'t str) -> Option<()> {
        self.show(Shown::Key(key));
        Some(())
    }

    fn scalar(&mut self, scalar: Scalar<'t>) -> Option<()> {
        match scalar.as_string() {
            Some(text) => self.show(Shown::Text(text)),
            None => self.show(Shown::Value(&scalar.value()?)),
        }
        Some(())
    }
}
