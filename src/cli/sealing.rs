//! For whom and how a file is sealed: options, variables and creation rules.
//!
//! Recipients that are named on the command line or in variables replace those of the rule; for a
//! file of an environment they must agree with it.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use clsecrets::config::{Rule as CreationRule, RulesFile};
use clsecrets::keys::{self, KEY_KINDS, KeyError};
use clsecrets::metadata::pattern::PatternError;
use clsecrets::metadata::{KeyGroups, Recipient, Rule, RuleKind};
use clsecrets::{Code, Error};

use super::Context;
use super::guarding::Guarding;
use super::kinds::refuse_variables;

/// Options that say for whom and how a file is sealed.
#[derive(Debug, Args)]
pub(crate) struct Sealing {
    /// Seal for these age recipients, comma separated [env: `SOPS_AGE_RECIPIENTS`].
    #[arg(short, long, value_name = "RECIPIENT,…")]
    age: Option<String>,
    /// Seal for these AWS KMS keys: ARN, or ARN+ROLE, comma separated [env: `SOPS_KMS_ARN`].
    #[arg(short, long, value_name = "ARN,…")]
    kms: Option<String>,
    /// Seal for these PGP keys: fingerprints, comma separated [env: `SOPS_PGP_FP`].
    #[arg(short, long, value_name = "FINGERPRINT,…")]
    pgp: Option<String>,
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
    /// How many of several key groups are needed to open [default: all, or what the rule says].
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    shamir_secret_sharing_threshold: Option<i64>,
    /// Compute the MAC over sealed values only.
    #[arg(long)]
    mac_only_encrypted: bool,
    /// Seal even when the rule selects no value.
    #[arg(long)]
    pub(crate) allow_cleartext: bool,
    /// Write out aliases of sealed values: each copy is sealed under its own path.
    #[arg(long, overrides_with = "expand_aliases")]
    pub(crate) expand_aliases: bool,
    #[command(flatten)]
    pub(crate) guarding: Guarding,
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Decision {
    /// For whom.
    pub(crate) key_groups: KeyGroups,
    /// Which values.
    pub(crate) rule: Rule,
    /// Whether the MAC leaves clear values out.
    pub(crate) mac_only_encrypted: bool,
}

/// Recipients with `--encryption-context` and `--aws-profile`, each once.
pub(super) fn with_options(
    mut recipients: Vec<Recipient>,
    context: Option<&str>,
    profile: Option<&str>,
) -> Result<Vec<Recipient>, Error> {
    if let Some(text) = context {
        let context = keys::parse_context(text).map_err(|_| {
            Error::new(
                Code::Context,
                format!("--encryption-context {text} is malformed"),
            )
            .hint("write it as KEY:VALUE,KEY:VALUE")
        })?;
        keys::apply_context(&mut recipients, &context);
    }
    if let Some(profile) = profile {
        keys::apply_profile(&mut recipients, profile);
    }
    keys::deduplicate(&mut recipients);
    Ok(recipients)
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
        let (rules, owned) = self.guarding.rules(path, context)?;
        let creation = match &rules {
            Some(rules) => rules.rule_for(owned.as_deref().unwrap_or(path))?,
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
        let mut key_groups = match (&creation, &rules) {
            (Some(creation), Some(rules)) if given.is_empty() => self.ruled(creation, rules)?,
            _ => KeyGroups::from(given),
        };
        if key_groups.recipients().next().is_none() {
            return Err(no_recipients(name, rules.as_ref()));
        }
        // The rule's threshold counts whoever was named, as with the reference.
        let ruled = creation.as_ref().map(|creation| creation.shamir_threshold);
        let threshold = self
            .shamir_secret_sharing_threshold
            .filter(|given| *given != 0);
        key_groups = key_groups.with_threshold(threshold.or(ruled).unwrap_or(0));
        for label in in_several(&key_groups) {
            context.ui.warn(&format!(
                "{name}: {label} is in more than one key group, so it counts as often for the {} that \
                 are needed",
                key_groups.threshold()
            ));
        }
        if owned.is_some() {
            self.guarding.check(
                &key_groups,
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
            key_groups,
            rule,
            mac_only_encrypted,
        })
    }

    /// Recipients that are named besides the rules.
    fn given(&self, context: &Context) -> Result<Vec<Recipient>, Error> {
        refuse_variables(context)?;
        let mut recipients = Vec::new();
        for kind in KEY_KINDS {
            let text = match kind.flag {
                "age" => self.age.as_deref(),
                "kms" => self.kms.as_deref(),
                "pgp" => self.pgp.as_deref(),
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
        let named = [&self.age, &self.kms, &self.pgp]
            .iter()
            .any(|option| option.is_some());
        named
            || KEY_KINDS
                .iter()
                .any(|kind| context.settings.var(kind.env).is_some())
    }

    fn ruled(&self, creation: &CreationRule, rules: &RulesFile) -> Result<KeyGroups, Error> {
        let mut key_groups = creation.seal_for(rules)?;
        for group in key_groups.groups_mut() {
            group.recipients = self.with_options(std::mem::take(&mut group.recipients))?;
        }
        Ok(key_groups)
    }

    fn with_options(&self, recipients: Vec<Recipient>) -> Result<Vec<Recipient>, Error> {
        let context = self.encryption_context.as_deref();
        with_options(recipients, context, self.aws_profile.as_deref())
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
        match (given, ruled) {
            (Some((kind, _)), Some(ruled)) if ruled.kind != kind => {
                Err(exclude(kind, ruled.kind.field()))
            }
            (Some((kind, text)), _) => compiled(kind, text),
            (None, _) => creation.map_or_else(|| Ok(Rule::default()), rule_of),
        }
    }
}

/// Which values a creation rule selects.
pub(crate) fn rule_of(creation: &CreationRule) -> Result<Rule, Error> {
    let field = creation.selection.as_ref().map(|ruled| ruled.kind.field());
    creation
        .selected()
        .map_err(|error| unusable(field.unwrap_or_default(), &error))
}

fn compiled(kind: RuleKind, text: &str) -> Result<Rule, Error> {
    Rule::new(kind, text).map_err(|error| unusable(kind.field(), &error))
}

fn unusable(field: &str, error: &PatternError) -> Error {
    Error::new(Code::Failed, format!("{field} cannot be used: {error}"))
        .hint("nothing was sealed; correct the pattern")
}

/// Recipients that stand in more than one group.
fn in_several(key_groups: &KeyGroups) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let all = key_groups.recipients();
    all.filter(|recipient| !seen.insert(keys::identity(recipient)))
        .map(keys::label)
        .collect()
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
        .hint("age1… or ssh-ed25519 … for --age, arn:aws:kms:REGION:ACCOUNT:key/ID for --kms, a fingerprint for --pgp")
}

fn no_recipients(name: &str, rules: Option<&RulesFile>) -> Error {
    let error = Error::new(Code::Failed, format!("cannot seal {name}: no recipients"));
    let error = match rules {
        Some(rules) => {
            let rules = rules.path().display();
            error
                .detail(format!("the rule of {rules} that covers it names none"))
                .hint(format!(
                    "name them in {rules}: age: age1…, or kms: arn:aws:kms:…"
                ))
        }
        None => error
            .detail(
                "no .sops.yaml was found, and neither --age, --kms nor their variables are given",
            )
            .hint("clsecrets init    # writes .sops.yaml and makes an age key"),
    };
    error.hint("or name them here: --age age1… or --kms arn:aws:kms:…")
}
