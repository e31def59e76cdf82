//! For whom and how a file is sealed: options, variables, creation rules, and the guard of
//! environments.
//!
//! Recipients that are named on the command line or in variables replace those of the rule; for a
//! file of an environment they must agree with it.

use std::path::Path;

use clap::Args;
use clsecrets::config::{
    Environments, Guarded, Rule as CreationRule, RulesFile, Scope, find_environments, find_rules,
    guard, rules_of_environment,
};
use clsecrets::keys::{self, KEY_KINDS, KeyError};
use clsecrets::metadata::{Recipient, Rule, RuleKind};
use clsecrets::{Code, Error};

use super::Context;

/// Options that say for whom and how a file is sealed.
#[derive(Debug, Args)]
pub(crate) struct Sealing {
    /// Seal for these age recipients, comma separated [env: `SOPS_AGE_RECIPIENTS`].
    #[arg(short, long, value_name = "RECIPIENT,…")]
    age: Option<String>,
    /// Seal for these AWS KMS keys: ARN, or ARN+ROLE, comma separated [env: `SOPS_KMS_ARN`].
    #[arg(short, long, value_name = "ARN,…")]
    kms: Option<String>,
    /// The AWS profile to note for these KMS keys.
    #[arg(long, value_name = "NAME")]
    aws_profile: Option<String>,
    /// The encryption context for these KMS keys.
    #[arg(long, value_name = "KEY:VALUE,…")]
    encryption_context: Option<String>,
    /// Leave keys with this ending in clear.
    #[arg(long, value_name = "SUFFIX")]
    unencrypted_suffix: Option<String>,
    /// Seal only keys with this ending.
    #[arg(long, value_name = "SUFFIX")]
    encrypted_suffix: Option<String>,
    /// Leave keys that match in clear.
    #[arg(long, value_name = "PATTERN")]
    unencrypted_regex: Option<String>,
    /// Seal only keys that match.
    #[arg(long, value_name = "PATTERN")]
    encrypted_regex: Option<String>,
    /// Leave what follows a comment that matches in clear.
    #[arg(long, value_name = "PATTERN")]
    unencrypted_comment_regex: Option<String>,
    /// Seal only what follows a comment that matches.
    #[arg(long, value_name = "PATTERN")]
    encrypted_comment_regex: Option<String>,
    /// Compute the MAC over sealed values only.
    #[arg(long)]
    mac_only_encrypted: bool,
    /// The creation rules [default: .sops.yaml above the file; env: `SOPS_CONFIG`].
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// Seal even when the rule selects no value.
    #[arg(long)]
    pub(crate) allow_cleartext: bool,
    /// Use recipients that differ from the rule of the file's environment.
    #[arg(long)]
    pub(crate) force_recipients: bool,
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Decision {
    /// For whom.
    pub(crate) recipients: Vec<Recipient>,
    /// Which values.
    pub(crate) rule: Rule,
    /// Whether the MAC leaves clear values out.
    pub(crate) mac_only_encrypted: bool,
}

impl Sealing {
    /// Decides for a file; `path` is what rules match, `name` what messages say.
    pub(crate) fn decide(
        &self,
        path: &Path,
        name: &str,
        context: &Context,
    ) -> Result<Decision, Error> {
        let given_rule = self.given_rule()?;
        let (rules, is_owned) = self.rules(path, context)?;
        let creation = match &rules {
            Some(rules) => rules.rule_for(path)?,
            None => None,
        };
        if let (Some(rules), None) = (&rules, &creation)
            && rules.has_rules()
            && !self.names_recipients(context)
        {
            return Err(Error::new(
                Code::Failed,
                format!(
                    "no creation rule of {} covers {name}",
                    rules.path().display()
                ),
            )
            .hint("add a rule whose path_regex matches it, or name recipients: --age, --kms"));
        }
        let given = self.given(context)?;
        let ruled = match (&creation, &rules) {
            (Some(creation), Some(rules)) if given.is_empty() => self.ruled(creation, rules)?,
            _ => Vec::new(),
        };
        let mut recipients = if given.is_empty() { ruled } else { given };
        keys::deduplicate(&mut recipients);
        if recipients.is_empty() {
            return Err(no_recipients(name));
        }
        if is_owned {
            self.check(
                &recipients,
                creation.as_ref(),
                rules.as_ref(),
                name,
                context,
            )?;
        }
        let rule = Self::selection(given_rule, creation.as_ref())?;
        let mac_only_encrypted =
            self.mac_only_encrypted || creation.is_some_and(|creation| creation.mac_only_encrypted);
        Ok(Decision {
            recipients,
            rule,
            mac_only_encrypted,
        })
    }

    /// Compares the recipients that a file has already with the rule of its environment.
    pub(crate) fn check_recipients(
        &self,
        recipients: &[Recipient],
        path: &Path,
        name: &str,
        context: &Context,
    ) -> Result<(), Error> {
        let (rules, is_owned) = self.rules(path, context)?;
        let creation = match &rules {
            Some(rules) => rules.rule_for(path)?,
            None => None,
        };
        if !is_owned {
            return Ok(());
        }
        self.check(recipients, creation.as_ref(), rules.as_ref(), name, context)
    }

    /// The rules file that counts, and whether an environment names the file.
    fn rules(&self, path: &Path, context: &Context) -> Result<(Option<RulesFile>, bool), Error> {
        let settings = &context.settings;
        let given = self.config.as_deref();
        let from = path.parent().unwrap_or(Path::new("/"));
        if let Ok(found) = find_environments(from) {
            let environments = Environments::load(&found)?;
            if environments.owner_of(path).is_some() {
                let rules = rules_of_environment(&environments, path, given, settings)?;
                let rules = rules.map(|rules| RulesFile::load(&rules)).transpose()?;
                return Ok((rules, true));
            }
        }
        let found = find_rules(Some(path), given, Scope::FileThenWorkingDirectory, settings);
        for notice in &found.notices {
            context.ui.warn(notice);
        }
        let rules = found
            .rules
            .map(|(rules, _)| RulesFile::load(&rules))
            .transpose()?;
        Ok((rules, false))
    }

    /// Recipients that are named besides the rules.
    fn given(&self, context: &Context) -> Result<Vec<Recipient>, Error> {
        let mut recipients = Vec::new();
        for kind in KEY_KINDS {
            let text = match kind.flag {
                "age" => self.age.as_deref(),
                "kms" => self.kms.as_deref(),
                _ => None,
            };
            if let Some(text) = text.or_else(|| context.settings.var(kind.env)) {
                recipients
                    .extend(keys::recipients_from(kind, text).map_err(|error| malformed(&error))?);
            }
        }
        self.with_options(recipients)
    }

    fn names_recipients(&self, context: &Context) -> bool {
        let named = [&self.age, &self.kms].iter().any(|option| option.is_some());
        named
            || KEY_KINDS
                .iter()
                .any(|kind| context.settings.var(kind.env).is_some())
    }

    fn ruled(&self, creation: &CreationRule, rules: &RulesFile) -> Result<Vec<Recipient>, Error> {
        self.with_options(creation.seal_for(rules)?)
    }

    fn with_options(&self, mut recipients: Vec<Recipient>) -> Result<Vec<Recipient>, Error> {
        if let Some(text) = &self.encryption_context {
            let context = keys::parse_context(text).map_err(|error| {
                Error::new(
                    Code::Context,
                    format!("malformed --encryption-context: {error}"),
                )
                .hint("write it as KEY:VALUE,KEY:VALUE")
            })?;
            keys::apply_context(&mut recipients, &context);
        }
        if let Some(profile) = &self.aws_profile {
            keys::apply_profile(&mut recipients, profile);
        }
        Ok(recipients)
    }

    fn check(
        &self,
        recipients: &[Recipient],
        creation: Option<&CreationRule>,
        rules: Option<&RulesFile>,
        name: &str,
        context: &Context,
    ) -> Result<(), Error> {
        let ruled = match (creation, rules) {
            (Some(creation), Some(rules)) => Some(creation.seal_for(rules)?),
            _ => None,
        };
        let shown = rules.map_or_else(String::new, |rules| rules.path().display().to_string());
        match guard(ruled.as_deref(), recipients) {
            Ok(Guarded::AsRuled) => Ok(()),
            Ok(Guarded::WithoutRule) => {
                context.ui.note(&format!(
                    "note: no creation rule covers {name}; its recipients are as they were named"
                ));
                Ok(())
            }
            Err(differs) if self.force_recipients => {
                let text = differs.about(name, &shown);
                context
                    .ui
                    .warn(&format!("{}, as --force-recipients allows", text.message));
                Ok(())
            }
            Err(differs) => Err(differs.about(name, &shown)),
        }
    }

    /// The rule of the command line; two of them exclude each other.
    fn given_rule(&self) -> Result<Option<(RuleKind, &str)>, Error> {
        let options = [
            (RuleKind::UnencryptedSuffix, &self.unencrypted_suffix),
            (RuleKind::EncryptedSuffix, &self.encrypted_suffix),
            (RuleKind::UnencryptedRegex, &self.unencrypted_regex),
            (RuleKind::EncryptedRegex, &self.encrypted_regex),
            (
                RuleKind::UnencryptedCommentRegex,
                &self.unencrypted_comment_regex,
            ),
            (
                RuleKind::EncryptedCommentRegex,
                &self.encrypted_comment_regex,
            ),
        ];
        let mut given = options
            .into_iter()
            .filter_map(|(kind, text)| text.as_deref().map(|text| (kind, text)))
            .filter(|(_, text)| !text.is_empty());
        match (given.next(), given.next()) {
            (Some((first, _)), Some((second, _))) => Err(exclude(first, second.field())),
            (first, _) => Ok(first),
        }
    }

    fn selection(
        given: Option<(RuleKind, &str)>,
        creation: Option<&CreationRule>,
    ) -> Result<Rule, Error> {
        let ruled = creation.and_then(|creation| creation.selection.as_ref());
        let (kind, text) = match (given, ruled) {
            (Some((kind, _)), Some(ruled)) if ruled.field != kind.field() => {
                return Err(exclude(kind, ruled.field));
            }
            (Some(given), _) => given,
            (None, Some(ruled)) => {
                let kind = RuleKind::ALL
                    .into_iter()
                    .find(|kind| kind.field() == ruled.field);
                let kind = kind.ok_or_else(|| Error::internal("a rule of no kind"))?;
                (kind, ruled.value.as_str())
            }
            (None, None) => return Ok(Rule::default()),
        };
        Rule::new(kind, text).map_err(|error| {
            Error::new(
                Code::Failed,
                format!("{} cannot be used: {error}", kind.field()),
            )
            .hint("nothing was sealed; correct the pattern")
        })
    }
}

fn exclude(first: RuleKind, second: &str) -> Error {
    Error::new(
        Code::Conflict,
        format!("{} and {second} exclude each other", first.field()),
    )
    .hint("one rule says which values are sealed")
}

fn malformed(error: &KeyError) -> Error {
    Error::new(Code::Failed, error.to_string())
        .hint("age1… or ssh-ed25519 … for --age, arn:aws:kms:REGION:ACCOUNT:key/ID for --kms")
}

fn no_recipients(name: &str) -> Error {
    Error::new(Code::Failed, format!("cannot seal {name}: no recipients"))
        .detail("no .sops.yaml was found, and neither --age, --kms nor their variables are given")
        .hint("clsecrets init    # writes .sops.yaml and makes an age key")
        .hint("or name them: --age age1… or --kms arn:aws:kms:…")
}
