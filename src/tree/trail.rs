//! Where a walk stands: the text that is bound into tokens, kept up as the walk goes.

use super::path::{Element, Path};

/// The position of a walk. `bound` grows and shrinks with it, so that no path is built per value.
#[derive(Debug, Default)]
pub struct Trail {
    bound: String,
    frames: Vec<Frame>,
}

#[derive(Debug)]
struct Frame {
    /// Length of the bound text at the container.
    bound: usize,
    /// Whether the next value has a key.
    has_key: bool,
    /// Values visited, if it is a list.
    items: usize,
}

impl Trail {
    /// A map or a list begins.
    pub fn enter(&mut self) {
        self.frames.push(Frame {
            bound: self.bound.len(),
            has_key: false,
            items: 0,
        });
    }

    /// The innermost one ends.
    pub fn leave(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.bound.truncate(frame.bound);
        }
    }

    /// The next value has this key.
    pub fn key(&mut self, key: &str) {
        if let Some(frame) = self.frames.last_mut() {
            frame.has_key = true;
            self.bound.truncate(frame.bound);
            self.bound.push_str(key);
            self.bound.push(':');
        }
    }

    /// The next value is an item of a list.
    pub fn item(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.items += 1;
        }
    }

    /// The associated data of the value that comes next.
    pub fn of_value(&self) -> &str {
        if self.bound.is_empty() {
            ":"
        } else {
            &self.bound
        }
    }

    /// The associated data of a comment in the innermost container.
    pub fn of_comment(&self) -> &str {
        let length = self.frames.last().map_or(0, |frame| frame.bound);
        match self.bound.get(..length) {
            None | Some("") => ":",
            Some(bound) => bound,
        }
    }

    /// The associated data of every container on the way, innermost first.
    pub fn of_containers(&self) -> impl Iterator<Item = &str> {
        self.frames
            .iter()
            .rev()
            .map(|frame| match self.bound.get(..frame.bound) {
                None | Some("") => ":",
                Some(bound) => bound,
            })
    }

    /// The path of the value that comes next, for messages.
    pub fn path(&self) -> Path {
        let mut path = Path::root();
        let ends = self
            .frames
            .iter()
            .skip(1)
            .map(|frame| frame.bound)
            .chain([self.bound.len()]);
        for (frame, end) in self.frames.iter().zip(ends) {
            if frame.has_key {
                let key = self
                    .bound
                    .get(frame.bound..end.saturating_sub(1))
                    .unwrap_or_default();
                path.push(Element::Key(key.to_owned()));
            } else if frame.items > 0 {
                path.push(Element::Index(frame.items - 1));
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_text_follows_the_walk() {
        let mut trail = Trail::default();
        trail.enter();
        assert_eq!(trail.of_comment(), ":");
        trail.key("a");
        assert_eq!((trail.of_value(), trail.of_comment()), ("a:", ":"));
        trail.enter();
        trail.item();
        trail.item();
        assert_eq!((trail.of_value(), trail.of_comment()), ("a:", "a:"));
        trail.enter();
        trail.key("c");
        assert_eq!((trail.of_value(), trail.of_comment()), ("a:c:", "a:"));
        assert_eq!(trail.path().to_string(), "[\"a\"][1][\"c\"]");
        trail.leave();
        trail.leave();
        trail.key("b");
        assert_eq!(trail.of_value(), "b:");
        assert_eq!(trail.path().to_string(), "[\"b\"]");
    }
}
