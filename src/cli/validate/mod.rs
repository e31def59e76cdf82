//! `validate`: would an environment work? Judges the sealed files, the credentials in them, what becomes
//! of them, and if asked to the exported keys and what is live. Writes nothing and asks nobody else.

mod files;
mod live;
mod told;
mod urls;

use clap::{Args as Arguments, ValueEnum};
use clsecrets::chainlink::rules::{self, RULES, Subject};
use clsecrets::chainlink::{At, Credentials, Finding, Objects};
use clsecrets::config::{Environments, find_environments};
use clsecrets::sync::{TargetConfig, admit};
use clsecrets::{Code, Error};

use super::delivery::{Loaded, project};
use super::opening::Opener;
use super::sync::options::Timeout;
use super::{Context, Outcome};
use told::Told;

/// Judge environments by the rules of Chainlink nodes and adapters.
#[derive(Debug, Default, Arguments)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// The environment, as clsecrets.yaml calls it; may be given several times, and then values that
    /// two of them share are found, too.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["all", "rules"])]
    pub(crate) env: Vec<String>,
    /// All environments.
    #[arg(long, conflicts_with = "env")]
    pub(crate) all: bool,
    /// Judge the clear files, before they are sealed.
    #[arg(long)]
    pub(crate) clear: bool,
    /// Open exported keys with their passwords: about a second each.
    #[arg(long)]
    pub(crate) deep: bool,
    /// Look at the targets as well: owners, deletions, variables of pods. Writes nothing.
    #[arg(long)]
    pub(crate) live: bool,
    /// Look for RPC URLs with tokens in the files beside clsecrets.yaml.
    #[arg(long)]
    pub(crate) scan: bool,
    /// Leave a rule out; may be given several times.
    #[arg(long, value_name = "V###")]
    pub(crate) skip: Vec<String>,
    /// Count warnings as findings: status 1.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Let paths of clsecrets.yaml lead out of the repository.
    #[arg(long)]
    pub(crate) outside: bool,
    /// List the rules, and judge nothing.
    #[arg(long)]
    pub(crate) rules: bool,
    /// How to report.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Short for --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) timeout: Timeout,
}

/// How to report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Sarif,
}

const EXAMPLES: &str = "\
Examples:
  clsecrets validate --env dev                 the sealed file and what becomes of it
  clsecrets validate --env dev --clear         the clear file, before it is sealed
  clsecrets validate --all --deep              and do the exported keys open?
  clsecrets validate --env prod --live         and what do the cluster and AWS say?
  clsecrets validate --all --format sarif      for a code host
  clsecrets validate --rules                   what is judged

Status: 0 nothing to refuse, 1 findings, 2 something could not be judged, 3 usage";

/// Runs the command.
pub(crate) fn run(args: &Args, context: &Context) -> Outcome {
    if args.rules {
        for rule in RULES {
            let (id, severity) = (rule.id, rule.severity.name());
            context
                .ui
                .line(&format!("{id}  {severity:<7}  {}", rule.summary))?;
        }
        return Ok(0);
    }
    let usage = |message: String| Error::new(Code::Other(3), message);
    if let Some(id) = args
        .skip
        .iter()
        .find(|id| !RULES.iter().any(|rule| rule.id == **id))
    {
        return Err(
            usage(format!("--skip {id}: there is no such rule")).hint("clsecrets validate --rules")
        );
    }
    let judged = judge(args, context).map_err(|error| Error {
        code: Code::Input,
        ..error
    });
    let told = judged?;
    told.print(args, context)
}

fn judge(args: &Args, context: &Context) -> Result<Told, Error> {
    let file = find_environments(&context.settings.cwd)?;
    let environments = Environments::load(&file)?;
    let names: Vec<String> = if args.all {
        let all = environments.all().iter();
        all.map(|environment| environment.name.clone()).collect()
    } else {
        args.env.clone()
    };
    let patience = args.timeout.begin(context)?;
    let opener = Opener::new(&context.settings, &context.ui, None)?.until(context.deadline());
    let mut told = Told::default();
    let mut read: Vec<(Loaded, Credentials)> = Vec::new();
    for name in &names {
        let environment = environments.environment(name)?;
        environments.admit_paths(environment, args.outside)?;
        let files = files::read(&environments, environment, args.clear, &opener, &mut told);
        let Some(files) = files else {
            continue;
        };
        let mut loaded = Loaded::new(&environments, environment, files, context)?;
        files::judge(&loaded, environment, &environments, context, &mut told);
        let (credentials, findings) = loaded.credentials()?;
        loaded.environment.take_nodes_of(&credentials);
        told.add(&loaded, findings);
        told.add(&loaded, of_environment(&loaded, &credentials, args.deep));
        for (other, theirs) in &read {
            told.add(&loaded, rules::judge_two(&credentials, theirs, &other.name));
        }
        read.push((loaded, credentials));
    }
    if args.scan {
        urls::judge(environments.directory(), &mut told);
    }
    if args.live {
        for (loaded, _) in read {
            live::judge(loaded, &patience, context, &mut told)?;
        }
    }
    told.leave_out(&args.skip);
    Ok(told)
}

/// What the rules say about credentials and settings, and what targets can hold.
fn of_environment(loaded: &Loaded, credentials: &Credentials, is_deep: bool) -> Vec<Finding> {
    let environment = &loaded.environment;
    let mut findings = Vec::new();
    let objects = Objects::new(environment, credentials, &mut findings);
    findings.extend(rules::judge(&Subject {
        environment,
        credentials,
        objects: &objects,
        is_deep,
    }));
    for (at, config) in loaded.targets.iter().enumerate() {
        for object in &project(&objects, config).objects {
            let Err(error) = admit(config, object) else {
                continue;
            };
            let rule = match config {
                TargetConfig::SecretsManager(_) if error.reason.contains("ARN") => "V081",
                TargetConfig::SecretsManager(_) => "V080",
                _ => "V070",
            };
            let place = At::setting(&format!("targets.{at}"));
            let message = format!("{}: {}", config.label(), error.reason);
            let finding = Finding::new(rule, place, message);
            findings.push(match error.hint {
                Some(hint) => finding.fix(hint),
                None => finding,
            });
        }
    }
    findings
}
