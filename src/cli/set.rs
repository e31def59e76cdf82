//! `clsecrets set`: one value of a sealed file. Every other value keeps its ciphertext.

use std::io::Read;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use clsecrets::cipher::SystemNonces;
use clsecrets::envelope::{Edit, OpenOptions};
use clsecrets::error::quoted;
use clsecrets::format;
use clsecrets::fs::{self, Privacy};
use clsecrets::secret::SecretBytes;
use clsecrets::tree::{Item, List, Map, Node, Path, Value};
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::encrypt::name_clear;
use super::guarding::Guarding;
use super::input::{Input, Naming, missing_is};
use super::opening::{Opener, Opening};
use super::{Context, Outcome, hook};

/// Set one value of a sealed file.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "The value is JSON, as for the reference; --raw takes a text as it is.

Examples:
  clsecrets set f.yaml '[\"tiingo_api_key\"]' --prompt
  pass show tiingo | clsecrets set f.yaml '[\"tiingo_api_key\"]' --value-stdin --raw
  clsecrets set f.yaml '[\"port\"]' 5432"
)]
pub(crate) struct Args {
    /// The sealed file.
    file: PathBuf,
    /// Where: `["key"]["key"][0]`.
    path: String,
    /// The value as JSON. Everyone on this machine can see it while the command runs.
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
    /// Read the value from standard input.
    #[arg(long, conflicts_with_all = ["value", "value_file", "prompt"])]
    value_stdin: bool,
    /// Read the value from this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["value", "prompt"])]
    value_file: Option<PathBuf>,
    /// Ask for the value without echo; it is taken as it is.
    #[arg(long, conflicts_with = "value")]
    prompt: bool,
    /// Take the text as it is, without a last line end, instead of JSON.
    #[arg(long)]
    raw: bool,
    /// Write nothing when the value is there already (this is always so; kept for scripts).
    #[arg(long)]
    idempotent: bool,
    /// Has no effect: the shares of the data key stay (kept for scripts).
    #[arg(
        long,
        value_name = "NUMBER",
        hide = true,
        allow_negative_numbers = true
    )]
    shamir_secret_sharing_threshold: Option<i64>,
    /// Add a value that the file's rule leaves in clear.
    #[arg(long)]
    allow_cleartext: bool,
    #[command(flatten)]
    guarding: Guarding,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    opening: Opening,
}

pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    let path =
        Path::parse(&args.path).map_err(|error| Error::new(Code::SetValue, error.to_string()))?;
    if path.is_root() {
        return Err(Error::new(Code::SetValue, "the path is empty")
            .hint("name a key: clsecrets set FILE '[\"key\"]' --prompt"));
    }
    let value = args.value(context)?;
    let opener = Opener::new(
        &context.settings,
        &context.ui,
        args.opening.decryption_order.as_deref(),
    )?;
    let file = context.settings.absolute(&args.file);
    let _lock = context.lock(&file)?;
    let input = Input::read(&args.file, &args.naming, &context.settings)
        .map_err(missing_is(Code::Input))?;
    input.refuse_conversion("set")?;
    let (name, stamp, format) = (input.name.clone(), input.stamp.clone(), input.format);
    let options = OpenOptions {
        ignore_mac: args.opening.ignore_mac,
    };
    let (mut opened, data_key) = opener.open(input, options)?;
    let key_groups = &opened.metadata().key_groups;
    args.guarding
        .check_file(key_groups, &file, &name, context)?;
    let edit = opened
        .set(&path, value)
        .map_err(|error| error.about(&name, false).hint(by_hand(&name)))?;
    if edit == Edit::Unchanged {
        context.ui.note(&format!(
            "{name}: {path} has this value already; nothing was written"
        ));
        return Ok(0);
    }
    let text = opened
        .seal(
            &data_key,
            &mut SystemNonces::default(),
            context.settings.now,
            args.allow_cleartext,
        )
        .map_err(|error| error.about(&name, false))?;
    args.guarding
        .check_rule((format, &text.bytes), &file, &name, context)?;
    fs::replace(&file, &text.bytes, Privacy::Umask, stamp.as_ref())?;
    hook::learn_sealed(context, &file, format, &text.bytes, &data_key);
    name_clear(&name, &text, context);
    context.ui.note(&format!("{name}: {path} is set"));
    Ok(0)
}

impl Args {
    fn value(&self, context: &Context) -> Result<Node, Error> {
        if self.prompt {
            let text = rpassword::prompt_password("Value: ")
                .map(Zeroizing::new)
                .map_err(|error| {
                    Error::new(
                        Code::Failed,
                        format!("cannot ask for the value: {}", fs::plain(&error)),
                    )
                    .hint("without a terminal: --value-stdin or --value-file")
                })?;
            return Ok(Node::text(&text));
        }
        let text = if self.value_stdin {
            let mut text = Zeroizing::new(Vec::new());
            std::io::stdin()
                .lock()
                .read_to_end(&mut text)
                .map_err(|error| {
                    Error::new(
                        Code::Input,
                        format!("cannot read standard input: {}", fs::plain(&error)),
                    )
                })?;
            text
        } else if let Some(file) = &self.value_file {
            let content = fs::read(&context.settings.absolute(file)).map_err(|error| {
                let reason = fs::plain(&error);
                Error::new(
                    Code::Input,
                    format!("cannot read {}: {reason}", file.display()),
                )
            })?;
            content.bytes
        } else if let Some(value) = &self.value {
            Zeroizing::new(value.clone().into_bytes())
        } else {
            return Err(Error::new(Code::NoFile, "no value given")
                .hint("--prompt asks for it; --value-stdin and --value-file read it"));
        };
        if self.raw {
            let text = text.strip_suffix(b"\n").unwrap_or(&text);
            return Ok(Node::new_leaf(Value::Str(SecretBytes::copy_of(text))));
        }
        // The parser's message quotes what it read, so it is not relayed.
        let json: serde_json::Value = serde_json::from_slice(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::new(
                Code::SetValue,
                format!("the value is no JSON (line {line}, column {column})"),
            )
            .hint("a JSON string stands in double quotes; --raw takes a text as it is")
        })?;
        Ok(node(json))
    }
}

/// What `set` cannot do, a person can.
fn by_hand(name: &str) -> String {
    let endings = format::of_name(name).extensions();
    let clear = format!("clear-new{}", endings.first().unwrap_or(&""));
    let name = quoted(name);
    format!(
        "clsecrets decrypt --output {clear} {name}, edit that, then: clsecrets encrypt --onto {name} {clear}"
    )
}

/// JSON to a node; integers stay integers.
fn node(json: serde_json::Value) -> Node {
    Node::new_leaf(match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::String(text) => Value::Str(SecretBytes::new(text.into_bytes())),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::Array(items) => {
            let items = items
                .into_iter()
                .map(|item| Item::Node(node(item)))
                .collect();
            return Node::List(List {
                items,
                ..List::default()
            });
        }
        serde_json::Value::Object(pairs) => {
            let mut map = Map::default();
            for (key, value) in pairs {
                map.push(key, node(value));
            }
            return Node::Map(map);
        }
    })
}
