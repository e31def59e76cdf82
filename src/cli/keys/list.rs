//! `clsecrets keys list`: every recipient with the files that it can open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clsecrets::Error;
use clsecrets::envelope::Sealed;
use clsecrets::keys::{identity, label};
use clsecrets::metadata::KeyGroups;
use serde_json::{Value, json};

use super::super::input::{Input, Naming};
use super::super::trees::{self, Search};
use super::super::{Context, Outcome};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sealed files, directories, or patterns in quotes
    #[arg(default_value = ".")]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A recipient and the files that it is in.
struct Reader {
    kind: String,
    label: String,
    files: Vec<Place>,
}

/// Where it stands in a file.
struct Place {
    file: String,
    /// Its group, counted from 1, and how many groups there are and are needed.
    group: Option<(usize, usize, i64)>,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let search = Search {
        takes: &trees::is_sealed,
        with_ignored: false,
    };
    let files = trees::files(&args.files, &search, context)?;
    let outcomes = trees::each(files, "reading", context, |file| groups(file, context));
    let mut failed = Vec::new();
    let mut readers: BTreeMap<(String, String), Reader> = BTreeMap::new();
    for (file, outcome) in outcomes {
        match outcome {
            Ok(key_groups) => add(&file, &key_groups, &mut readers),
            Err(error) => failed.push(error),
        }
    }
    let readers: Vec<Reader> = readers.into_values().collect();
    if args.json {
        context.ui.json(&json(&readers))?;
    } else {
        context.ui.lines(lines(&readers))?;
    }
    // What cannot be read may be opened by anybody: a list without it is not whole.
    let statuses: Vec<u8> = failed.iter().map(|error| context.ui.fail(error)).collect();
    Ok(statuses.first().copied().unwrap_or(0))
}

fn groups(file: &Path, context: &Context) -> Result<KeyGroups, Error> {
    let input = Input::read(file, &Naming::default(), &context.settings)?;
    let name = input.name;
    let sealed =
        Sealed::parse(input.format, input.text).map_err(|error| error.about(&name, true))?;
    Ok(sealed.metadata().key_groups.clone())
}

fn add(file: &Path, groups: &KeyGroups, readers: &mut BTreeMap<(String, String), Reader>) {
    let count = groups.groups().len();
    for (number, group) in (1..).zip(groups.groups()) {
        for recipient in &group.recipients {
            let key = (recipient.kind.clone(), identity(recipient));
            let reader = readers.entry(key).or_insert_with(|| Reader {
                kind: recipient.kind.clone(),
                label: label(recipient),
                files: Vec::new(),
            });
            reader.files.push(Place {
                file: file.display().to_string(),
                group: (count > 1).then(|| (number, count, groups.threshold())),
            });
        }
    }
}

fn lines(readers: &[Reader]) -> Vec<String> {
    let mut lines = Vec::new();
    for reader in readers {
        lines.push(format!("{} {}", reader.kind, reader.label));
        lines.extend(reader.files.iter().map(|place| match place.group {
            None => format!("    {}", place.file),
            Some((number, count, needed)) => format!(
                "    {}  with others: group {number} of {count}, {needed} needed",
                place.file
            ),
        }));
    }
    lines
}

fn json(readers: &[Reader]) -> Value {
    let recipients = readers.iter().map(|reader| {
        let files = reader.files.iter().map(|place| {
            json!({
                "path": place.file,
                "group": place.group.map(|(number, _, _)| number),
                "groups_needed": place.group.map(|(_, _, needed)| needed),
            })
        });
        json!({
            "kind": reader.kind,
            "name": reader.label,
            "files": files.collect::<Vec<_>>(),
        })
    });
    json!({ "recipients": recipients.collect::<Vec<_>>() })
}
