//! `render`: the objects that an environment becomes, without asking any target. Values are masked.

use std::fmt::Write;

use clap::Args as Arguments;
use clsecrets::Error;
use clsecrets::chainlink::rules::RULES;
use clsecrets::sync::{Assignment, Form};
use serde::Serialize;
use zeroize::Zeroizing;

use super::sync::options::Timeout;
use super::{Context, Outcome, environment};

/// What stands for every value, whatever its length.
const MASK: &str = "••••";

/// Show the objects that an environment becomes, with values masked.
#[derive(Debug, Default, Arguments)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// The environment, as clsecrets.yaml calls it.
    #[arg(long, value_name = "NAME")]
    pub(crate) env: String,
    /// Print the values themselves, exactly as they would be delivered: everyone who sees the
    /// screen or the log has them.
    #[arg(long, conflicts_with_all = ["json", "format"])]
    pub(crate) show: bool,
    /// With --show: print bytes instead, so that white space and line ends can be seen.
    #[arg(long, requires = "show")]
    pub(crate) hex: bool,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
    /// Let paths of clsecrets.yaml lead out of the repository.
    #[arg(long)]
    pub(crate) outside: bool,
    /// Print for machines.
    #[arg(long)]
    pub(crate) json: bool,
    /// How to print: text or json.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], conflicts_with = "json")]
    pub(crate) format: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  clsecrets render --env dev            names of objects and keys, and their sources
  clsecrets render --env dev --json     the same for a script
  clsecrets render --env dev --show     with the values in clear
  clsecrets render --env dev --show --hex";

/// Everything, as machines read it.
#[derive(Debug, Serialize)]
struct Rendered {
    schema: &'static str,
    environment: String,
    targets: Vec<Target>,
}

#[derive(Debug, Serialize)]
struct Target {
    kind: &'static str,
    label: String,
    objects: Vec<Object>,
    skipped: Vec<Skipped>,
}

#[derive(Debug, Serialize)]
struct Object {
    name: String,
    form: &'static str,
    keys: Vec<Key>,
}

#[derive(Debug, Serialize)]
struct Key {
    name: String,
    value: &'static str,
    sources: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Skipped {
    object: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    reason: String,
}

/// Runs the command.
pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    args.timeout.begin(context)?;
    let loaded = environment::load(&args.env, args.outside, context)?;
    let environment = loaded.name.clone();
    let delivery = loaded.deliver(None, &every_rule())?;
    for note in &delivery.notes {
        context.ui.note(&format!("note: {note}"));
    }
    if args.show {
        for assignment in &delivery.assignments {
            show(assignment, args.hex, context)?;
        }
        return Ok(0);
    }
    let rendered = Rendered {
        schema: "clsecrets.dev/render/v1",
        environment,
        targets: delivery.assignments.iter().map(target).collect(),
    };
    if args.json || args.format.as_deref() == Some("json") {
        context.ui.json(&rendered)?;
    } else {
        for line in rendered.targets.iter().flat_map(lines) {
            context.ui.line(&line)?;
        }
    }
    Ok(0)
}

/// Every value between two lines of its own, byte for byte; or in hexadecimal.
fn show(assignment: &Assignment, hex: bool, context: &Context) -> Result<(), Error> {
    for object in &assignment.projection.objects {
        for entry in &object.entries {
            let bytes = entry.value.expose();
            let (label, name, key) = (assignment.config.label(), &object.name, &entry.key);
            let length = bytes.len();
            context
                .ui
                .line(&format!("--- {label} {name} {key} ({length} bytes)"))?;
            if hex {
                context.ui.result(&dump(bytes))?;
            } else {
                context.ui.result(bytes)?;
                // The line end of the next mark is not the value's.
                context.ui.result(b"\n")?;
            }
        }
    }
    Ok(())
}

/// Sixteen bytes a line: where, in hexadecimal, and as text where it is text.
fn dump(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 5 + 96));
    for (at, line) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "{:08x} ", at * 16);
        for column in 0..16 {
            match line.get(column) {
                Some(byte) => {
                    let _ = write!(text, " {byte:02x}");
                }
                None => text.push_str("   "),
            }
        }
        text.push_str("  |");
        let plain = |byte: &u8| {
            if byte.is_ascii_graphic() {
                char::from(*byte)
            } else {
                '.'
            }
        };
        text.extend(line.iter().map(plain));
        text.push_str("|\n");
    }
    Zeroizing::new(std::mem::take(&mut *text).into_bytes())
}

/// Whoever looks wants to see what is wrong, too; `sync` refuses it.
fn every_rule() -> Vec<String> {
    RULES.iter().map(|rule| rule.id.to_owned()).collect()
}

fn target(assignment: &Assignment) -> Target {
    let projection = &assignment.projection;
    let objects = projection.objects.iter().map(|object| Object {
        name: object.name.clone(),
        form: match object.form {
            Form::Data => "data",
            Form::Text => "text",
            Form::Json => "json",
        },
        keys: object
            .entries
            .iter()
            .map(|entry| Key {
                name: entry.key.clone(),
                value: MASK,
                sources: entry.sources.clone(),
            })
            .collect(),
    });
    let skipped = projection.skipped.iter().map(|skip| Skipped {
        object: skip.object.clone(),
        key: skip.key.clone(),
        reason: skip.reason.clone(),
    });
    Target {
        kind: assignment.config.kind(),
        label: assignment.config.label(),
        objects: objects.collect(),
        skipped: skipped.collect(),
    }
}

fn lines(target: &Target) -> Vec<String> {
    let mut lines = vec![target.label.clone()];
    for object in &target.objects {
        lines.push(format!("  {} ({})", object.name, object.form));
        let names = object.keys.iter().map(|key| key.name.len());
        let width = names.max().unwrap_or_default();
        for key in &object.keys {
            let source = if key.sources.is_empty() {
                "clsecrets.yaml".to_owned()
            } else {
                key.sources.join(", ")
            };
            lines.push(format!("    {:<width$}  {MASK}  from {source}", key.name));
        }
    }
    for skip in &target.skipped {
        let key = skip.key.as_ref().map(|key| format!(" {key}"));
        lines.push(format!(
            "  skipped {}{}: {}",
            skip.object,
            key.unwrap_or_default(),
            skip.reason
        ));
    }
    lines
}
