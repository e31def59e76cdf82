//! Documents from a seed: everything that YAML has and the format takes, with comments and empty
//! lines in every position.

use std::fmt::Write as _;

/// Documents with comments and empty lines in every position, from a seed.
pub(crate) struct Generator {
    state: u64,
    comments: u32,
    /// Whole nodes that an alias may name, and whether they are maps.
    anchors: Vec<(String, bool)>,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            comments: 0,
            anchors: Vec::new(),
        }
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    pub(crate) fn document(&mut self) -> String {
        let mut text = String::new();
        if self.below(8) == 0 {
            let head = self.one(&["---\n", "%YAML 1.1\n---\n", "--- # head\n", "--- !!map\n"]);
            self.lines(&mut text, 0);
            text.push_str(head);
        }
        self.lines(&mut text, 0);
        self.map(&mut text, 0, 0);
        self.lines(&mut text, 0);
        while self.below(5) == 0 {
            text.push_str(self.one(&["---\n", "--- # marker\n", "...\n---\n", "---\n\n"]));
            self.anchors.clear();
            self.lines(&mut text, 0);
            if self.below(6) == 0 {
                text.push_str(self.one(&["null\n", "~\n", "{}\n", "{a: 1}\n", ""]));
                continue;
            }
            self.map(&mut text, 0, 0);
            self.lines(&mut text, 0);
        }
        text
    }

    /// Comment lines and empty lines, now and then at another indentation.
    fn lines(&mut self, text: &mut String, indent: usize) {
        while self.below(4) == 0 {
            if self.below(3) == 0 {
                text.push('\n');
                continue;
            }
            let indent = match self.below(6) {
                0 => indent + 2,
                1 => indent.saturating_sub(2),
                _ => indent,
            };
            self.comments += 1;
            let _ = writeln!(text, "{}# c{}", " ".repeat(indent), self.comments);
        }
    }

    fn behind(&mut self, text: &mut String) {
        if self.below(6) == 0 {
            self.comments += 1;
            let _ = write!(text, " # b{}", self.comments);
        }
        text.push('\n');
    }

    fn map(&mut self, text: &mut String, indent: usize, depth: u32) {
        let pairs = 1 + self.below(4);
        for at in 0..pairs {
            if at > 0 {
                self.lines(text, indent);
            }
            let blanks = " ".repeat(indent);
            match self.below(16) {
                0 => {
                    let _ = write!(text, "{blanks}? k{at}");
                    self.behind(text);
                    let _ = write!(text, "{blanks}:");
                }
                1 => {
                    let _ = write!(text, "{blanks}&key{} k{at}:", self.comments);
                }
                2 if at == 0 => {
                    let _ = write!(text, "{blanks}<<:");
                    self.merged(text, indent, depth);
                    continue;
                }
                _ => {
                    let _ = write!(text, "{blanks}k{at}:");
                }
            }
            self.value(text, indent, depth);
        }
    }

    fn list(&mut self, text: &mut String, indent: usize, depth: u32) {
        for at in 0..=self.below(3) {
            if at > 0 {
                self.lines(text, indent);
            }
            let _ = write!(text, "{}-", " ".repeat(indent));
            match self.below(6) {
                0 if depth < 3 => {
                    text.push(' ');
                    let mut inner = String::new();
                    self.map(&mut inner, indent + 2, depth + 1);
                    text.push_str(inner.trim_start());
                }
                1 if depth < 3 => {
                    text.push(' ');
                    let mut inner = String::new();
                    self.list(&mut inner, indent + 2, depth + 1);
                    text.push_str(inner.trim_start());
                }
                2 if depth < 3 => {
                    self.behind(text);
                    self.lines(text, indent + 2);
                    self.map(text, indent + 2, depth + 1);
                }
                _ => self.scalar(text, indent),
            }
        }
    }

    /// What a merge key may have.
    fn merged(&mut self, text: &mut String, indent: usize, depth: u32) {
        let mut maps = self.anchors.iter().filter(|(_, is_map)| *is_map);
        let map = maps.next_back().map(|(name, _)| name.clone());
        match (map, self.below(4)) {
            (Some(map), 0 | 1) => {
                let _ = write!(text, " *{map}");
                self.behind(text);
            }
            (Some(map), 2) => {
                let _ = write!(text, " [*{map}, {{z: 1}}]");
                self.behind(text);
            }
            _ if depth < 3 => {
                self.behind(text);
                self.map(text, indent + 2, depth + 1);
            }
            _ => text.push_str(" {y: x}\n"),
        }
    }

    /// An alias of something before, if there is anything.
    fn alias(&mut self) -> Option<String> {
        let count = self.anchors.len() as u64;
        let at = usize::try_from((count > 0).then(|| self.below(count))?).unwrap();
        Some(format!("*{}", self.anchors[at].0))
    }

    /// Now and then an anchor or a tag; the anchor is known once its node is whole.
    fn properties(&mut self, text: &mut String, tag: &str) -> Option<String> {
        if self.below(12) == 0 {
            let _ = write!(text, " {tag}");
        }
        (self.below(4) == 0).then(|| {
            self.comments += 1;
            let name = format!("n-{}_x", self.comments);
            let _ = write!(text, " &{name}");
            name
        })
    }

    fn whole(&mut self, anchor: Option<String>, is_map: bool) {
        // A copy of a copy of a copy soon fills the test's output.
        if self.anchors.len() < 4 {
            self.anchors.extend(anchor.map(|name| (name, is_map)));
        }
    }

    fn value(&mut self, text: &mut String, indent: usize, depth: u32) {
        match self.below(8) {
            0 | 1 if depth < 3 => {
                let anchor = self.properties(text, "!!map");
                self.behind(text);
                self.lines(text, indent + 2);
                self.map(text, indent + 2, depth + 1);
                self.whole(anchor, true);
            }
            2 | 3 if depth < 3 => {
                let anchor = self.properties(text, "!local");
                self.behind(text);
                let inner = indent + if self.below(2) == 0 { 2 } else { 0 };
                self.lines(text, inner);
                self.list(text, inner, depth + 1);
                self.whole(anchor, false);
            }
            4 => {
                let flow = self.one(&[
                    "[]",
                    "{}",
                    "[a, 'b']",
                    "{x: 1, y: z}",
                    "[\n  a,\n  b\n]",
                    "{ # f\n}",
                    "{? x : y, ? z}",
                    "[? a : b, c]",
                    "[!!str 1, !!int 2, !l m]",
                ]);
                let anchor = self.properties(text, "!<tag:example.org,2000:flow>");
                let _ = write!(
                    text,
                    " {}",
                    flow.replace('\n', &format!("\n{}", " ".repeat(indent + 1)))
                );
                self.behind(text);
                self.whole(anchor, false);
            }
            _ => self.scalar(text, indent),
        }
    }

    fn scalar(&mut self, text: &mut String, indent: usize) {
        if self.below(5) == 0
            && let Some(alias) = self.alias()
        {
            let flow = self.one(&["A", "[A, A]", "{x: A, y: [A ]}", "A"]);
            let _ = write!(text, " {}", flow.replace('A', &alias));
            return self.behind(text);
        }
        let anchor = self.properties(text, "!!str");
        self.content(text, indent);
        self.whole(anchor, false);
    }

    fn content(&mut self, text: &mut String, indent: usize) {
        match self.below(7) {
            0 => {
                let header = self.one(&["|", "|-", "|+", ">", ">-", "|2-", ">2", "|+2", ">+"]);
                let header = if indent == 0 {
                    header
                } else {
                    header.trim_matches('2')
                };
                let _ = write!(text, " {header}");
                self.behind(text);
                for _ in 0..=self.below(2) {
                    let _ = writeln!(text, "{}text # no comment", " ".repeat(indent + 2));
                    if self.below(4) == 0 {
                        text.push('\n');
                    }
                }
            }
            1 => self.behind(text),
            _ => {
                let scalar = self.one(&[
                    "v",
                    "'q # q'",
                    "\"d\"",
                    "12",
                    "1.5",
                    "true",
                    "~",
                    "two words",
                    "2024-01-02",
                    "2024-1-2 3:4:5.60",
                    "2024-01-02T03:04:05+02:00",
                    "0x1F",
                    "-0b101",
                    "0o17",
                    "017",
                    "1_000",
                    "+.inf",
                    ".NaN",
                    "6.02e+23",
                    ".5_0",
                    "12:30:45",
                    "yes",
                    "<<",
                    "a\tb",
                    "\"\\x41\\u00e9\\U0001F600\"",
                ]);
                let _ = write!(text, " {scalar}");
                self.behind(text);
            }
        }
    }
}
