//! Named sets of characters: POSIX classes, Unicode categories and scripts.
//!
//! A name that is not in these lists is refused, even where the reference knows it.

/// Ranges of a POSIX class, by its name between the colons.
pub(super) fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "alnum" => "0-9A-Za-z",
        "alpha" => "A-Za-z",
        "ascii" => "\\x00-\\x7F",
        "blank" => "\\t\\x20",
        "cntrl" => "\\x00-\\x1F\\x7F",
        "digit" => "0-9",
        "graph" => "\\x21-\\x7E",
        "lower" => "a-z",
        "print" => "\\x20-\\x7E",
        "punct" => "\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E",
        "space" => "\\t-\\r\\x20",
        "upper" => "A-Z",
        "word" => "0-9A-Za-z_",
        "xdigit" => "0-9A-Fa-f",
        _ => return None,
    })
}

/// Ranges of `\d`, `\s`, `\w`: ASCII only, and `\s` without the vertical tab.
pub(super) fn perl(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        's' => "\\t\\n\\x0C\\r\\x20",
        'w' => "0-9A-Za-z_",
        _ => return None,
    })
}

/// A Unicode category or script in the words of the `regex` crate.
pub(super) fn unicode(name: &str) -> Option<String> {
    if name == "Any" {
        return Some("\\x00-\\x{10FFFF}".to_owned());
    }
    if CATEGORIES.contains(&name) {
        return Some(format!("\\p{{gc={name}}}"));
    }
    SCRIPTS.contains(&name).then(|| format!("\\p{{sc={name}}}"))
}

/// General categories. `C`, `Cn` and `Cs` are left out: their meaning changed between releases of
/// the reference's compiler, and no text has surrogates.
const CATEGORIES: &[&str] = &[
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "Cc",
    "Cf", "Co",
];

const SCRIPTS: &[&str] = &[
    "Arabic",
    "Armenian",
    "Bengali",
    "Braille",
    "Cherokee",
    "Common",
    "Cyrillic",
    "Devanagari",
    "Ethiopic",
    "Georgian",
    "Greek",
    "Gujarati",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Inherited",
    "Kannada",
    "Katakana",
    "Khmer",
    "Lao",
    "Latin",
    "Malayalam",
    "Mongolian",
    "Myanmar",
    "Oriya",
    "Sinhala",
    "Tamil",
    "Telugu",
    "Thai",
    "Tibetan",
];
