//! The rules of the layout: which module may use which, who may print, write, read the environment
//! or see a secret, and how long a file may be.
//!
//! Works on the text of `src/`, up to a file's own tests and without comments. A finding names file
//! and line. Widening a list below is a line that a reviewer sees.

use std::fs;
use std::path::Path;

use regex::Regex;

use crate::support::project;

/// A module may use those of a lower rank; equals do not know each other.
const RANKS: &[&[&str]] = &[
    &["tree"],
    &["format", "cipher"],
    &["metadata"],
    &["keys"],
    &["envelope"],
    &["config", "chainlink"],
    &["scan", "sync"],
    &["cli"],
];

/// These serve all modules, and use only one another.
const FOR_ALL: &[&str] = &["secret", "settings", "deadline", "error", "fs", "git"];

/// Who may see cleartext: files, or folders with a slash at the end.
const MAY_EXPOSE: &[&str] = &[
    "secret.rs",
    "settings.rs",
    "cipher/",
    // Clear values become text, and text becomes clear values.
    "format/binary.rs",
    "format/dotenv/write.rs",
    "format/ini/splice.rs",
    "format/ini/value.rs",
    "format/ini/write.rs",
    "format/json/emit.rs",
    "format/json/exact.rs",
    "format/json/read.rs",
    "format/yaml/emit.rs",
    "format/yaml/exact.rs",
    "format/yaml/scalar.rs",
    "format/yaml/splice.rs",
    "keys/",
    // The hook tells tokens from values in clear; it keeps neither.
    "scan/copies.rs",
    "scan/sealed.rs",
    // Values go from the cipher into the MAC and into the document.
    "envelope/convert.rs",
    "envelope/ahead.rs",
    "envelope/expand.rs",
    "envelope/layout/mod.rs",
    "envelope/look_back.rs",
    "envelope/open.rs",
    "envelope/pass.rs",
    // A rule may be about comments.
    "envelope/coverage.rs",
    // Tokens are found again in a text that was edited.
    "envelope/set.rs",
    // Tokens, which come in the custody of values.
    "envelope/tokens.rs",
    // Credentials are checked for their shape and put into URLs and files.
    "chainlink/composition.rs",
    "chainlink/database.rs",
    "chainlink/files.rs",
    "chainlink/generate.rs",
    "chainlink/json.rs",
    "chainlink/keystore.rs",
    "chainlink/node.rs",
    "chainlink/part.rs",
    "chainlink/rules/",
    "chainlink/toml.rs",
    "sync/",
    "cli/decrypt.rs",
    "cli/exec/",
    // They print what was asked for.
    "cli/gen.rs",
    // Marks in the place of values are made of their tokens.
    "cli/git/textconv.rs",
    "cli/render.rs",
    // Values that were opened go into the index of known values, as keyed digests.
    "cli/hook/known.rs",
];

/// Who may print bytes as they are.
const MAY_PRINT_BYTES: &[&str] = &[
    "cli/ui.rs",
    // Documents, sealed and opened, and values: byte for byte what was asked for.
    "cli/input.rs",
    "cli/gen.rs",
    "cli/git/textconv.rs",
    "cli/render.rs",
    // Our own words only.
    "cli/completion.rs",
    "cli/question.rs",
    "cli/reference.rs",
    // Lines of JSON, escaped where the file gets them, too.
    "cli/sync/journal.rs",
    // Annotations of GitHub, which are orders by nature and escape what they quote.
    "cli/hook/reporting.rs",
];

const LONGEST_FILE: usize = 500;

/// One source file.
struct Source {
    /// Relative to `src/`.
    path: String,
    text: String,
    /// The text before the tests, comments and the content of strings blanked out.
    code: String,
}

#[test]
fn a_module_uses_only_those_to_its_left() {
    let uses = Regex::new(r"\b(crate|clsecrets|(?:super::)*super)::(\{|\w+)").unwrap();
    no_findings(|source| {
        let own = source.module();
        let mut findings = Vec::new();
        for found in uses.captures_iter(&source.code) {
            let start = found.get(2).unwrap();
            let names = if start.as_str() == "{" {
                group(&source.code[start.end()..])
            } else {
                vec![start.as_str()]
            };
            let Some(depth) = source.climb(&found[1]) else {
                continue;
            };
            if depth > 0 {
                continue;
            }
            for name in names {
                if let Err(why) = may_use(own, name) {
                    findings.push((start.start(), why));
                }
            }
        }
        findings
    });
}

#[test]
fn the_rules_of_direction_hold_for_themselves() {
    assert!(may_use("format", "tree").is_ok());
    assert!(may_use("format", "format").is_ok());
    assert!(may_use("format", "Secret").is_ok());
    assert!(may_use("tree", "secret").is_ok());
    assert!(may_use("cli", "tree").is_ok());
    assert!(may_use("tree", "format").is_err());
    assert!(may_use("format", "cipher").is_err());
    assert!(may_use("scan", "sync").is_err());
    assert!(may_use("fs", "tree").is_err());
    assert!(may_use("fs", "error").is_ok());
    assert_eq!(group("a::{b, c}, d as e,\n f};x"), ["a", "d", "f"]);
    let source = Source::new("format/yaml/tokens.rs", "");
    assert_eq!(source.climb("super"), Some(2));
    assert_eq!(source.climb("super::super::super"), Some(0));
    assert_eq!(Source::new("format/mod.rs", "").climb("super"), Some(0));
    assert_eq!(
        code_of("a // b\n\"c // d\" '\"' e /* f */ g"),
        "a     \n\"      \" ' ' e         g"
    );
}

#[test]
fn every_module_of_the_library_has_a_rank() {
    for source in sources() {
        let name = source.module();
        let known = RANKS.concat().contains(&name) || FOR_ALL.contains(&name);
        let is_root = ["lib", "main"].contains(&name);
        assert!(known || is_root, "src/{}: no rank in RANKS", source.path);
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    no_findings(|source| {
        let has_text = source.text.starts_with("//!") || source.path.ends_with("/tests.rs");
        if has_text {
            vec![]
        } else {
            vec![(0, "begins without `//!`".to_owned())]
        }
    });
}

#[test]
fn no_file_is_longer_than_one_can_hold_in_mind() {
    no_findings(|source| {
        let lines = source.code.lines().count();
        if lines <= LONGEST_FILE {
            return vec![];
        }
        vec![(
            0,
            format!("{lines} lines before the tests, {LONGEST_FILE} are allowed"),
        )]
    });
}

#[test]
fn only_listed_files_see_cleartext() {
    forbid(
        r"\b(expose|release)\b",
        MAY_EXPOSE,
        "sees cleartext; see MAY_EXPOSE",
    );
}

#[test]
fn a_file_that_no_longer_sees_cleartext_leaves_the_list() {
    for entry in MAY_EXPOSE {
        if let Some(source) = sources().iter().find(|source| source.path == *entry) {
            assert!(source.code.contains("expose"), "{entry} is in MAY_EXPOSE");
        }
    }
}

#[test]
fn one_module_names_the_yaml_parser() {
    let users = ["format/yaml/tokens.rs", "format/yaml/events.rs"];
    forbid(r"\bgranit_parser\b", &users, "names granit_parser");
    let count = sources()
        .iter()
        .filter(|source| source.code.contains("granit_parser"))
        .count();
    assert!(count <= 1, "{count} files name granit_parser");
}

#[test]
fn only_the_ui_prints() {
    let ways = r"\be?print(ln)?!|\bio::(stdout|stderr)\(|\b(stdout|stderr)\(\)|\.print\(\)|\bdbg!";
    forbid(ways, &["cli/ui.rs"], "prints");
    let asking = ["cli/opening.rs", "cli/set.rs"];
    forbid(r"\brpassword::", &asking, "asks on the terminal");
}

/// Whoever prints hands over lines, in which names cannot do harm. Bytes go out as they are only where
/// they were asked for, or are orders to a workflow that escape what they quote.
#[test]
fn only_listed_files_print_bytes_as_they_are() {
    forbid(
        r"\.result\(",
        MAY_PRINT_BYTES,
        "prints bytes as they are; use ui.line, ui.lines or ui.json, or see MAY_PRINT_BYTES",
    );
    for entry in MAY_PRINT_BYTES {
        let source = sources().into_iter().find(|one| one.path == *entry);
        let uses = source.is_some_and(|one| one.code.contains(".result("));
        assert!(uses, "{entry} is in MAY_PRINT_BYTES");
    }
}

#[test]
fn only_the_command_line_reads_the_environment() {
    let ways = r"\benv::(var|vars|var_os|vars_os|args|args_os|current_dir|home_dir|temp_dir)\b|\bSystemTime::now|\bUtc::now|\bTimestamp::now|\bZoned::now";
    forbid(ways, &["cli/"], "reads the surroundings");
}

#[test]
fn only_fs_writes() {
    let ways = r"\bfs::(write|rename|copy|hard_link|create_dir(_all)?|remove_\w+|set_permissions)\b|\bFile::create|\bOpenOptions::new\b|\btempfile::|\bNamedTempFile\b";
    forbid(ways, &["fs.rs", "fs/"], "writes files");
}

#[test]
fn the_pure_modules_are_pure() {
    let ways = r"\b(std|crate)::fs\b|\bstd::(net|process|thread)\b|\btokio::|\basync\b|\bgetrandom::|\bSettings\b";
    let pure = ["tree", "format", "cipher", "metadata"];
    let ways = Regex::new(ways).unwrap();
    no_findings(|source| {
        if !pure.contains(&source.module()) {
            return vec![];
        }
        // The generator of nonces that callers hand in stands beside its trait.
        let is_free = |way: &str| source.path == "cipher/mod.rs" && way == "getrandom::";
        let reason = || "is not pure: no files, clock, chance, network or settings".to_owned();
        ways.find_iter(&source.code)
            .filter(|found| !is_free(found.as_str()))
            .map(|found| (found.start(), reason()))
            .collect()
    });
}

#[test]
fn every_file_of_tests_is_compiled() {
    let main = fs::read_to_string(project("tests/main.rs")).unwrap();
    for entry in fs::read_dir(project("tests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_module =
            path.extension().is_some_and(|ending| ending == "rs") || path.join("mod.rs").exists();
        if is_module && name != "main" {
            let line = format!("mod {name};");
            assert!(
                main.lines().any(|found| found == line),
                "tests/main.rs has no `{line}`"
            );
        }
    }
    for folder in ["tests", "tests/cli", "tests/interop"] {
        let Ok(list) = fs::read_to_string(project(folder).join("mod.rs")) else {
            continue;
        };
        for entry in fs::read_dir(project(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(name) = name.strip_suffix(".rs").filter(|name| *name != "mod") {
                let line = format!("mod {name};");
                assert!(list.contains(&line), "{folder}/mod.rs has no `{line}`");
            }
        }
    }
}

/// `Ok` if a module may name this child of the crate's root; types re-exported there are free.
fn may_use(own: &str, name: &str) -> Result<(), String> {
    let rank = |module: &str| RANKS.iter().position(|rank| rank.contains(&module));
    let is_type = name.chars().next().is_some_and(char::is_uppercase);
    if own == name || is_type || FOR_ALL.contains(&name) || ["lib", "main"].contains(&own) {
        return Ok(());
    }
    match (rank(own), rank(name)) {
        (Some(ours), Some(theirs)) if theirs < ours => Ok(()),
        (_, None) => Err(format!("`{own}` names `{name}`, which is no known module")),
        _ => Err(format!("`{own}` may not use `{name}`")),
    }
}

/// The first names of a `{…}` group of a `use`, which begins after its brace.
fn group(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                let item = text[start..at].trim();
                names.extend(
                    item.split(|c: char| !c.is_alphanumeric() && c != '_')
                        .next(),
                );
                if c == '}' {
                    break;
                }
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty() && *name != "self");
    names
}

/// Every match of a pattern outside the files (or folders) that may have it.
#[track_caller]
fn forbid(pattern: &str, allowed: &[&str], what: &str) {
    let pattern = Regex::new(pattern).unwrap();
    no_findings(|source| {
        let is_allowed = |entry: &&str| {
            source.path == **entry || entry.ends_with('/') && source.path.starts_with(*entry)
        };
        if allowed.iter().any(is_allowed) {
            return vec![];
        }
        pattern
            .find_iter(&source.code)
            .map(|found| (found.start(), what.to_owned()))
            .collect()
    });
}

#[track_caller]
fn no_findings(check: impl Fn(&Source) -> Vec<(usize, String)>) {
    let mut lines = Vec::new();
    let sources = sources();
    assert!(
        sources.len() > 10,
        "the sources are not where this test looks"
    );
    for source in &sources {
        for (at, what) in check(source) {
            let line = source.code[..at].matches('\n').count() + 1;
            lines.push(format!("src/{}:{line}: {what}", source.path));
        }
    }
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let end = if path.ends_with("/tests.rs") {
            0
        } else {
            text.find("#[cfg(test)]\nmod ").unwrap_or(text.len())
        };
        Self {
            path: path.to_owned(),
            code: code_of(&text[..end]),
            text: text.to_owned(),
        }
    }

    /// The module at the crate's root that this file belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// How deep below the crate's root a path that begins so ends up; `None` above the root.
    fn climb(&self, beginning: &str) -> Option<usize> {
        let own = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        match beginning {
            "crate" | "clsecrets" => Some(0),
            supers => own
                .split('/')
                .count()
                .checked_sub(supers.matches("super").count()),
        }
    }
}

fn sources() -> Vec<Source> {
    fn collect(folder: &Path, root: &Path, sources: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, root, sources);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                sources.push(Source::new(name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = project("src");
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The text with comments and contents of strings blanked out, so that only code is searched; line
/// ends and offsets stay.
fn code_of(text: &str) -> String {
    let parts = Regex::new(
        r#"(?s)//[^\n]*|/\*.*?\*/|\br(#*)"|b?"(?:[^"\\]|\\.)*"|'(?:[^'\\\n]|\\[^u\n]|\\u\{[0-9a-fA-F]*\})'"#,
    )
    .unwrap();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = parts.captures_at(text, at) {
        let whole = found.get(0).unwrap();
        let end = match found.get(1) {
            // A raw string ends at its quote with as many hashes.
            Some(hashes) => {
                let close = format!("\"{}", hashes.as_str());
                let rest = &text[whole.end()..];
                whole.end() + rest.find(&close).map_or(rest.len(), |at| at + close.len())
            }
            None => whole.end(),
        };
        code.push_str(&text[at..whole.start()]);
        let part = &text[whole.start()..end];
        let is_text = !part.starts_with('/');
        for (index, c) in part.char_indices() {
            let is_edge = is_text && (index == 0 || index + c.len_utf8() == part.len());
            match c {
                '\n' => code.push('\n'),
                c if is_edge => code.push(c),
                c => code.extend(std::iter::repeat_n(' ', c.len_utf8())),
            }
        }
        at = end;
    }
    code.push_str(&text[at..]);
    code
}
