//! Maps and lists, in blocks and in flow, with the comments that stand in them.

use super::super::{Fault, FormatError};
use super::grammar::{Content, Next, Parser, Raw, absent};

impl Parser<'_> {
    /// Goes over a dash; the heads that wait for it go to a whole collection behind it.
    fn dash(&mut self) {
        let before = self.head.len();
        self.take();
        if before > 0 && matches!(self.peek(), Next::BlockSequence | Next::BlockMapping) {
            let rest = self.head.split_off(before);
            self.stem = std::mem::replace(&mut self.head, rest);
        }
    }

    pub(super) fn block_list(&mut self) -> Result<Raw, FormatError> {
        let start = self.offset();
        let mut node = absent(start);
        node.head = std::mem::take(&mut self.stem);
        self.take();
        let mut items = Vec::new();
        loop {
            match self.peek() {
                Next::BlockEntry => {
                    self.dash();
                    items.push(self.value_or_absent(&[Next::BlockEntry, Next::BlockEnd], true)?);
                }
                Next::BlockEnd => break,
                _ => return self.refuse(Fault::Syntax, "expected '- '"),
            }
        }
        node.span.end = self.offset();
        self.take();
        node.content = Content::List {
            items,
            is_flow: false,
        };
        Ok(node)
    }

    pub(super) fn indentless_list(&mut self) -> Result<Raw, FormatError> {
        const ENDS: [Next; 4] = [Next::BlockEntry, Next::Key, Next::Value, Next::BlockEnd];
        let mut node = absent(self.offset());
        let mut items = Vec::new();
        while self.peek() == Next::BlockEntry {
            self.dash();
            if ENDS.contains(&self.peek()) {
                items.push(absent(self.offset()));
            } else {
                items.push(self.value(true, false)?);
            }
        }
        node.span.end = self.offset();
        node.content = Content::List {
            items,
            is_flow: false,
        };
        Ok(node)
    }

    pub(super) fn block_map(&mut self) -> Result<Raw, FormatError> {
        const ENDS: [Next; 3] = [Next::Key, Next::Value, Next::BlockEnd];
        let start = self.offset();
        let mut node = absent(start);
        node.head = std::mem::take(&mut self.stem);
        self.take();
        let mut pairs: Vec<(Raw, Raw)> = Vec::new();
        loop {
            let mut key = match self.peek() {
                Next::Key => {
                    self.take();
                    self.value_or_absent(&ENDS, true)?
                }
                Next::Value => absent(self.offset()),
                Next::BlockEnd => break,
                _ => return self.refuse(Fault::Syntax, "expected a key"),
            };
            // A foot that was found at a key stands below what comes before it.
            if !key.foot.is_empty()
                && let Some((previous, _)) = pairs.last_mut()
            {
                previous.foot = std::mem::take(&mut key.foot);
            }
            let mut value = if self.peek() == Next::Value {
                self.take();
                self.value_or_absent(&ENDS, true)?
            } else {
                absent(self.offset())
            };
            if key.foot.is_empty() {
                key.foot = std::mem::take(&mut value.foot);
            }
            pairs.push((key, value));
        }
        node.span.end = self.offset();
        let end = self.node(Content::Absent, 0..0);
        self.take();
        node.line = end.line;
        match pairs.last_mut() {
            Some((last, _)) if !end.foot.is_empty() => last.foot = end.foot,
            _ => node.foot = end.foot,
        }
        node.content = Content::Map {
            pairs,
            is_flow: false,
        };
        Ok(node)
    }

    pub(super) fn flow_list(&mut self) -> Result<Raw, FormatError> {
        let mut node = self.open_flow();
        let mut items = Vec::new();
        while self.peek() != Next::FlowSequenceEnd {
            self.separator(items.is_empty())?;
            match self.peek() {
                Next::FlowSequenceEnd => break,
                Next::Key => items.push(self.pair_in_list()?),
                _ => items.push(self.value(false, false)?),
            }
        }
        self.close_flow(&mut node);
        node.content = Content::List {
            items,
            is_flow: true,
        };
        Ok(node)
    }

    pub(super) fn flow_map(&mut self) -> Result<Raw, FormatError> {
        const ENDS: [Next; 3] = [Next::Value, Next::FlowEntry, Next::FlowMappingEnd];
        let mut node = self.open_flow();
        let mut pairs = Vec::new();
        while self.peek() != Next::FlowMappingEnd {
            self.separator(pairs.is_empty())?;
            let key = match self.peek() {
                Next::FlowMappingEnd => break,
                Next::Key => {
                    self.take();
                    self.value_or_absent(&ENDS, false)?
                }
                Next::Value => absent(self.offset()),
                _ => self.value(false, false)?,
            };
            let value = if self.peek() == Next::Value {
                self.take();
                self.value_or_absent(&ENDS, false)?
            } else {
                absent(self.offset())
            };
            pairs.push((key, value));
        }
        for (key, value) in &mut pairs {
            if key.foot.is_empty() {
                key.foot = std::mem::take(&mut value.foot);
            }
        }
        self.close_flow(&mut node);
        node.content = Content::Map {
            pairs,
            is_flow: true,
        };
        Ok(node)
    }

    /// `? key : value` in a flow list: a map of one pair.
    fn pair_in_list(&mut self) -> Result<Raw, FormatError> {
        const ENDS: [Next; 3] = [Next::Value, Next::FlowEntry, Next::FlowSequenceEnd];
        let mut node = absent(self.offset());
        self.take();
        let key = self.value_or_absent(&ENDS, false)?;
        let value = if self.peek() == Next::Value {
            self.take();
            self.value_or_absent(&ENDS, false)?
        } else {
            absent(self.offset())
        };
        node.span.end = key.span.end.max(value.span.end);
        node.content = Content::Map {
            pairs: vec![(key, value)],
            is_flow: true,
        };
        Ok(node)
    }

    fn open_flow(&mut self) -> Raw {
        let start = self.offset();
        let node = self.node(Content::Absent, start..start);
        self.take();
        node
    }

    fn close_flow(&mut self, node: &mut Raw) {
        let end = self.node(Content::Absent, 0..0);
        node.line = end.line;
        node.foot = end.foot;
        node.span.end = self.take().map_or(self.text.len(), |token| token.end);
    }

    fn separator(&mut self, is_first: bool) -> Result<(), FormatError> {
        if is_first {
            return Ok(());
        }
        if self.peek() != Next::FlowEntry {
            return self.refuse(Fault::Syntax, "expected ',' or the end of the collection");
        }
        self.take();
        self.peek();
        Ok(())
    }
}
