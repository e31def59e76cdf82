//! The creation rules that count for a file, and the guard of an environment's recipients and rule.
//!
//! Every command that writes a sealed file asks here: what an environment names is opened by those
//! that the rules beside `clsecrets.yaml` name, whoever was named otherwise or stands in the file
//! already; and no rule in its metadata, which anybody can change, leaves in clear what they seal.

use std::path::{Path, PathBuf};

use clap::Args;
use clsecrets::config::environments::resolved;
use clsecrets::config::{
    Compared, Environments, Guarded, Rule, RulesFile, Scope, find_environments, find_rules, guard,
    rules_of_environment,
};
use clsecrets::envelope::Sealed;
use clsecrets::format::Format;
use clsecrets::keys::Keyring;
use clsecrets::metadata::KeyGroups;
use clsecrets::{Code, Error};
use zeroize::Zeroizing;

use super::face::Face;
use super::{Context, trees};

/// Options that say which rules count, and whether they may be overruled.
#[derive(Debug, Args)]
pub(crate) struct Guarding {
    /// The creation rules [default: .sops.yaml above the file; env: `SOPS_CONFIG`].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use recipients that differ from the rule of the file's environment.
    #[arg(long)]
    force_recipients: bool,
    /// Write a file of an environment although its own rule seals less than the creation rule.
    #[arg(long)]
    force_rule: bool,
}

impl Guarding {
    /// With the rules of a file that was named, if one was.
    pub(crate) fn with_rules(config: Option<PathBuf>) -> Self {
        Self {
            config,
            force_recipients: false,
            force_rule: false,
        }
    }

    /// The rules file that counts; and if an environment names the file, the path under which the
    /// rules know it.
    pub(crate) fn rules(
        &self,
        path: &Path,
        context: &Context,
    ) -> Result<(Option<RulesFile>, Option<PathBuf>), Error> {
        let settings = &context.settings;
        let given = self.config.as_deref();
        if let Some((environments, path)) = owner(path)? {
            let rules = rules_of_environment(&environments, &path, given, settings)?;
            let rules = rules.map(|rules| RulesFile::load(&rules)).transpose()?;
            return Ok((rules, Some(path)));
        }
        let scope = match context.face {
            Face::Own => Scope::FileThenWorkingDirectory,
            Face::Sops => Scope::WorkingDirectory,
        };
        let found = find_rules(Some(path), given, scope, settings);
        for notice in &found.notices {
            context.ui.warn(notice);
        }
        let rules = found
            .rules
            .map(|(rules, _)| RulesFile::load(&rules))
            .transpose()?;
        Ok((rules, None))
    }

    /// Whether a directory or a pattern stands for this file when clear files are sealed in place: a
    /// creation rule names its path, and it is neither sealed nor the clear file of an environment,
    /// which has a sealed file of its own.
    pub(crate) fn is_to_be_sealed(&self, path: &Path, context: &Context) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_configuration = [".sops.yaml", "clsecrets.yaml"].contains(&name.as_ref());
        if is_configuration || name.ends_with(".md") || name.starts_with(".git") {
            return false;
        }
        let is_clear_file = path.parent().is_some_and(|directory| {
            let found = find_environments(directory).ok();
            let environments = found.and_then(|found| Environments::load(&found).ok());
            environments.is_some_and(|environments| {
                let mut all = environments.all().iter();
                all.any(|one| one.clear.iter().any(|clear| clear == path))
            })
        });
        if is_clear_file || trees::is_sealed(path) {
            return false;
        }
        match self.rules(path, context) {
            Ok((Some(rules), owned)) => {
                let path = owned.as_deref().unwrap_or(path);
                let rule = rules.rule_for(path).ok().flatten();
                // A rule for every path names none.
                rule.is_some_and(|rule| rule.path_regex.is_some())
            }
            _ => false,
        }
    }

    /// Lets those programs wrap that the creation rule of a file names; what only the file names is not
    /// run.
    pub(crate) fn vouch(
        &self,
        key_groups: &KeyGroups,
        keyring: &Keyring,
        path: &Path,
        context: &Context,
    ) -> Result<(), Error> {
        let mut recipients = key_groups.recipients();
        if !recipients.any(|one| keyring.is_unvouched(one, &context.settings)) {
            return Ok(());
        }
        let (rules, owned) = self.rules(path, context)?;
        let path = owned.as_deref().unwrap_or(path);
        if let Some(rules) = &rules
            && let Some(rule) = rules.rule_for(path)?
        {
            keyring.vouch_for(rule.seal_for(rules)?.recipients());
        }
        Ok(())
    }

    /// Compares the recipients of a file that is about to be written with the rule of its
    /// environment, if one names it.
    pub(crate) fn check_file(
        &self,
        key_groups: &KeyGroups,
        path: &Path,
        name: &str,
        context: &Context,
    ) -> Result<(), Error> {
        if owner(path)?.is_none() {
            return Ok(());
        }
        let (rules, owned) = self.rules(path, context)?;
        let path = owned.as_deref().unwrap_or(path);
        let rule = match &rules {
            Some(rules) => rules.rule_for(path)?,
            None => None,
        };
        self.check(key_groups, rule.as_ref(), rules.as_ref(), name, context)
    }

    /// Compares the rule in a sealed text that is about to be written with the creation rule. One of an
    /// environment's file that seals less is refused; of any other file a difference is told.
    pub(crate) fn check_rule(
        &self,
        (format, text): (&'static dyn Format, &[u8]),
        path: &Path,
        name: &str,
        context: &Context,
    ) -> Result<(), Error> {
        if !format.has_keys() {
            return Ok(());
        }
        let (rules, is_owned) = match owner(path)? {
            Some(_) => (self.rules(path, context)?, true),
            // What is wrong with rules that nobody asked for stops no write.
            None => match self.rules_quietly(path, context) {
                Some(rules) => ((Some(rules), None), false),
                None => return Ok(()),
            },
        };
        let (Some(rules), owned) = rules else {
            return Ok(());
        };
        let path = owned.as_deref().unwrap_or(path);
        let creation = match rules.rule_for(path) {
            Ok(Some(creation)) => creation,
            Err(error) if is_owned => return Err(error.into()),
            Ok(None) | Err(_) => return Ok(()),
        };
        let text = Zeroizing::new(text.to_vec());
        let sealed = Sealed::parse(format, text).map_err(|error| error.about(name, false))?;
        let compared = Compared::of(&sealed, &rules, &creation, name)?;
        if !is_owned {
            if compared.is_other() {
                context.ui.note(&compared.told());
            }
            return Ok(());
        }
        match compared.refusal() {
            None => Ok(()),
            Some(error) if self.force_rule => {
                let mut forced = error;
                forced.message.push_str(", as --force-rule allows");
                forced.hints.clear();
                context.ui.warn_of(&forced);
                Ok(())
            }
            Some(error) => Err(error),
        }
    }

    /// The rules of a file that no environment names, if they can be read.
    fn rules_quietly(&self, path: &Path, context: &Context) -> Option<RulesFile> {
        let scope = match context.face {
            Face::Own => Scope::FileThenWorkingDirectory,
            Face::Sops => Scope::WorkingDirectory,
        };
        let given = self.config.as_deref();
        let (rules, _) = find_rules(Some(path), given, scope, &context.settings).rules?;
        RulesFile::load(&rules).ok()
    }

    /// Compares recipients with a rule that was chosen already.
    pub(crate) fn check(
        &self,
        key_groups: &KeyGroups,
        rule: Option<&Rule>,
        rules: Option<&RulesFile>,
        name: &str,
        context: &Context,
    ) -> Result<(), Error> {
        let ruled = match (rule, rules) {
            (Some(rule), Some(rules)) => Some(rule.seal_for(rules)?),
            _ => None,
        };
        let shown = rules.map_or_else(String::new, |rules| rules.path().display().to_string());
        if ruled.is_none() && rules.is_some() && !self.force_recipients {
            return Err(uncovered(name, &shown));
        }
        match guard(ruled.as_ref(), key_groups) {
            Ok(Guarded::AsRuled) => Ok(()),
            Ok(Guarded::WithoutRule) => {
                context.ui.note(&format!(
                    "note: no creation rule covers {name}; its recipients are as they were named"
                ));
                Ok(())
            }
            Err(differs) if self.force_recipients => {
                let mut forced = differs.about(name, &shown);
                forced.message.push_str(", as --force-recipients allows");
                forced.hints.clear();
                context.ui.warn_of(&forced);
                Ok(())
            }
            Err(differs) => Err(differs.about(name, &shown)),
        }
    }
}

/// There are creation rules, and whoever has made an environment name another file has got round them.
fn uncovered(name: &str, rules: &str) -> Error {
    let message = format!("no creation rule of {rules} covers {name}, a file of an environment");
    Error::new(Code::Failed, message)
        .detail("so nothing says who may open it, and what it has to seal")
        .hint(format!("add a rule for it to {rules}"))
        .hint("to write it all the same: --force-recipients")
}

/// The environments that name this file, and the path under which they do. A symbolic link from
/// elsewhere is no way around them, nor is a `clsecrets.yaml` nearer to the file that names nothing.
fn owner(path: &Path) -> Result<Option<(Environments, PathBuf)>, Error> {
    for path in [path.to_path_buf(), resolved(path)] {
        let mut from = path.parent().map(Path::to_path_buf);
        while let Some(directory) = from {
            let Ok(found) = find_environments(&directory) else {
                break;
            };
            let environments = Environments::load(&found)?;
            if environments.owner_of(&path).is_some() {
                return Ok(Some((environments, resolved(&path))));
            }
            from = found.parent().and_then(Path::parent).map(Path::to_path_buf);
        }
    }
    Ok(None)
}
