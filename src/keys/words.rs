//! Splits a command line into words as a shell would, without a shell: quotes and backslashes,
//! nothing else. A `$` or a `;` in it is just that character.

/// The words; `None` when a quote is not closed or a backslash ends the text.
pub fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => match letters.next()? {
                            '\n' => {}
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => match letters.next()? {
                '\n' => {}
                escaped => word.get_or_insert_default().push(escaped),
            },
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn quotes_and_backslashes_are_read_as_a_shell_reads_them() {
        for (text, words) in [
            ("cat  key.txt", vec!["cat", "key.txt"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("a''b \"\"", vec!["ab", ""]),
            ("'it'\\''s'", vec!["it's"]),
            ("\"a\\\"b\\n\"", vec!["a\"b\\n"]),
            ("a\\ b $HOME;", vec!["a b", "$HOME;"]),
            ("  ", vec![]),
            (
                "'/a b/vim'  -u \"x \\\"y\\\" z\"",
                vec!["/a b/vim", "-u", "x \"y\" z"],
            ),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn an_open_quote_is_refused() {
        for text in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(split(text).is_none(), "{text}");
        }
    }
}
