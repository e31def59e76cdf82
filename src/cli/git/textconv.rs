//! `clsecrets git textconv`: a sealed file as text whose differences can be read.
//!
//! Masked, it needs no key and says nothing of a value: each has a mark made of its ciphertext, which
//! changes when it is sealed anew. What changes with every write, or is unreadable, is left away.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use clsecrets::envelope::OpenOptions;
use clsecrets::format::{self, Change, Document, Edits, Format, Metadata as Branch, MetadataEdit};
use clsecrets::metadata::{Metadata, Rule, Selector};
use clsecrets::tree::{Site, Step, Value, walk};
use clsecrets::{Code, Error, fs, keys};
use zeroize::Zeroizing;

use super::super::opening::Opener;
use super::super::{Context, Outcome, digest};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The sealed file
    file: PathBuf,
    /// Print cleartext, if the file can be opened
    #[arg(long)]
    reveal: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let name = args.file.display().to_string();
    let content = fs::read(&context.settings.absolute(&args.file)).map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => Code::NoFile,
            _ => Code::Input,
        };
        Error::new(code, format!("cannot read {name}: {}", fs::plain(&error)))
    })?;
    let format = format::of_name(&name);
    if args.reveal
        && let Some(text) = revealed(&args.file, format, &content.bytes, context)
    {
        context.ui.result(&text)?;
        return Ok(0);
    }
    context.ui.result(&masked(format, content.bytes))?;
    Ok(0)
}

/// The cleartext; `None` where there is no key, no seal, or something wrong with it.
fn revealed(
    file: &Path,
    format: &'static dyn Format,
    text: &[u8],
    context: &Context,
) -> Option<Zeroizing<Vec<u8>>> {
    let name = file.display().to_string();
    let opener = Opener::new(&context.settings, &context.ui, None).ok()?;
    let text = Zeroizing::new(text.to_vec());
    let opened = opener.open_text(&name, format, text, OpenOptions::default());
    let (opened, _) = opened.ok()?;
    let mut text = opened.clear_text().ok()?;
    finish(&mut text, &readers(opened.metadata()));
    Some(text)
}

/// Keys, marks in the place of values, and who can open it.
fn masked(format: &'static dyn Format, text: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if text.is_empty() {
        return text;
    }
    let unreadable = |line: usize| {
        Zeroizing::new(
            format!("# cannot be read from line {line} on; values are not shown\n").into_bytes(),
        )
    };
    let document = match format.parse(text) {
        Ok(document) => document,
        Err(error) => return unreadable(error.line),
    };
    let metadata = match &document.metadata {
        Some(Branch::Branch(fields)) => Metadata::parse(fields.clone()).ok(),
        _ => None,
    };
    let rule = metadata
        .as_ref()
        .map_or_else(Rule::default, |metadata| metadata.rule.clone());
    let marks = marks(&document, &rule);
    let places: Vec<_> = marks
        .iter()
        .map(|(site, mark)| (*site, Change::Seal(mark.clone())))
        .collect();
    let edits = Edits {
        places: &places,
        metadata: match &document.metadata {
            Some(_) => MetadataEdit::Remove,
            None => MetadataEdit::Keep,
        },
    };
    let Ok(mut text) = format.apply(&document, &edits) else {
        return unreadable(1);
    };
    let lines = match (&metadata, &document.metadata) {
        (Some(metadata), _) => readers(metadata),
        (None, Some(_)) => vec!["its metadata cannot be read".to_owned()],
        (None, None) => vec!["not sealed; values are not shown".to_owned()],
    };
    finish(&mut text, &lines);
    text
}

/// What stands in the place of each value that the rule wants sealed, and of each sealed comment.
fn marks(document: &Document, rule: &Rule) -> Vec<(Site, String)> {
    let mut selector = Selector::new(rule);
    let mut marks = Vec::new();
    let collected: Result<(), Infallible> = walk(&document.tree, &mut |step| {
        match step {
            Step::EnterMap | Step::EnterList => selector.enter(),
            Step::Leave => selector.leave(),
            Step::Key(key) => selector.key(key),
            Step::Comment(comment) => {
                selector.comment(comment.text.expose());
                marks.extend(mark(comment.text.expose()).map(|mark| (comment.site, mark)));
            }
            Step::Leaf(leaf) => {
                let is_selected = selector.value();
                let token = match &leaf.value {
                    Value::Str(text) => mark(text.expose()),
                    _ => None,
                };
                let clear = || format!("<in clear: {}>", leaf.value.type_name());
                if is_selected && !leaf.value.is_empty() {
                    marks.push((leaf.site, token.unwrap_or_else(clear)));
                }
                selector.value_done();
            }
        }
        Ok(())
    });
    match collected {
        Ok(()) => marks,
    }
}

/// A short name of a token: of its ciphertext, which nobody can tell the value by.
fn mark(token: &[u8]) -> Option<String> {
    let token = std::str::from_utf8(token).ok()?.trim();
    let inner = token.strip_prefix("ENC[")?.strip_suffix(']')?;
    let kind = inner.rsplit_once(",type:")?.1;
    let is_word = kind.bytes().all(|byte| byte.is_ascii_lowercase());
    let digest = digest::sha256(token.as_bytes());
    let digest = digest.get(..MARK)?;
    Some(format!(
        "<sealed {} {digest}>",
        if is_word { kind } else { "value" }
    ))
}

/// Who can open it and which values are sealed: a change of either is worth a look.
fn readers(metadata: &Metadata) -> Vec<String> {
    let groups = &metadata.key_groups;
    let mut lines = Vec::new();
    for (number, group) in (1..).zip(groups.groups()) {
        for recipient in &group.recipients {
            let (kind, label) = (&recipient.kind, keys::label(recipient));
            lines.push(if groups.are_shared() {
                format!("group {number} can open it: {kind} {label}")
            } else {
                format!("can open it: {kind} {label}")
            });
        }
    }
    if groups.are_shared() {
        lines.push(format!("groups needed: {}", groups.threshold()));
    }
    if metadata.rule != Rule::default() {
        let (field, argument) = (metadata.rule.kind().field(), metadata.rule.argument());
        lines.push(format!("{field}: {argument}"));
    }
    lines
}

fn finish(text: &mut Zeroizing<Vec<u8>>, lines: &[String]) {
    // Room for all of it at once: a text in clear is not to be moved about.
    let room = lines.iter().map(|line| line.len() + 3).sum::<usize>();
    let mut whole = Zeroizing::new(Vec::with_capacity(text.len() + room + 1));
    whole.extend_from_slice(text);
    if !whole.is_empty() && !whole.ends_with(b"\n") {
        whole.push(b'\n');
    }
    for line in lines {
        whole.extend_from_slice(b"# ");
        whole.extend_from_slice(line.replace(char::is_control, " ").as_bytes());
        whole.push(b'\n');
    }
    *text = whole;
}

/// Digits of a mark.
const MARK: usize = 8;
