//! A run: identify all targets, observe all, check all, and only then write.
//!
//! Any failure before the first write stops the run, an unreachable target included. After that
//! targets converge one kind after the other ([`super::TARGET_KINDS`]); a failure leaves the others
//! done, and a repeat finishes it. No atomicity across systems is claimed.

use std::collections::{BTreeSet, HashSet};

use futures_util::future::join_all;

use super::guard::{self, Wallet};
use super::options::{self, Options};
use super::report::{Failure, Mode, Report, SCHEMA, SourceFile, Summary};
use super::surveyed::Surveyed;
use super::{Fault, TARGET_KINDS, TargetConfig, TargetError};
use crate::chainlink::Projection;
use crate::settings::Settings;

/// One target and what shall be there.
#[derive(Debug)]
pub struct Assignment {
    /// The target.
    pub config: TargetConfig,
    /// Its objects.
    pub projection: Projection,
    /// Whether the run is about it. Of another one only the places of the wallet password are
    /// read: whoever changes one target must not forget what the others hold.
    pub is_selected: bool,
}

/// Everything that is known before the first write. Holds cleartext, zeroed on drop.
#[derive(Debug)]
pub struct Survey {
    targets: Vec<Surveyed>,
    failures: Vec<Failure>,
    notes: Vec<String>,
    options: Options,
}

/// Looks at all targets and judges all objects; writes nothing.
pub async fn survey(
    assignments: Vec<Assignment>,
    wallets: &[Wallet],
    options: Options,
    settings: &Settings,
) -> Survey {
    let (selected, others): (Vec<_>, Vec<_>) = assignments
        .into_iter()
        .partition(|assignment| assignment.is_selected);
    let mut targets: Vec<Surveyed> = selected.into_iter().map(Surveyed::new).collect();
    let mut witnesses: Vec<Surveyed> = others.into_iter().map(Surveyed::witness).collect();
    let clock = options.patience.clock();
    let mut notes = Vec::new();
    let mut failures = mistakes(&targets, &options);
    for target in &mut targets {
        target.narrow(&options);
    }
    if failures.is_empty() {
        let all = targets.iter_mut().map(|target| {
            let label = target.label.clone();
            clock.failures(label, target.identify(settings, &options.links))
        });
        failures = join_all(all).await.into_iter().flatten().collect();
    }
    if failures.is_empty() || options.is_look {
        let reached = targets.iter_mut().filter(|target| target.is_reached());
        let all = reached.map(|target| {
            let label = target.label.clone();
            clock.failures(label, target.observe(&options))
        });
        failures.extend(join_all(all).await.into_iter().flatten());
    }
    if failures.is_empty() && options.prune {
        let names: Vec<&str> = targets
            .iter()
            .flat_map(Surveyed::places)
            .map(|(_, n)| n)
            .collect();
        failures = idle_adoptions(&names, &options);
    }
    if failures.is_empty() && !options.replace_wallet {
        let all = witnesses.iter_mut().map(|other| {
            let label = other.label.clone();
            let said = clock.of(other.testify(settings, &options.links));
            async move { said.await.map_err(|late| Failure::of(&label, None, &late)) }
        });
        for said in join_all(all).await {
            match said {
                Ok(said) => notes.extend(said),
                Err(late) => failures.push(late),
            }
        }
    }
    if failures.is_empty() || options.is_look {
        failures.extend(targets.iter().flat_map(Surveyed::refusals));
    }
    if failures.is_empty() {
        failures.extend(wallet_refusals(&targets, &witnesses, wallets, &options));
    }
    if failures.is_empty() {
        let all = targets.iter_mut().map(|target| {
            let label = target.label.clone();
            let found = clock.of(target.find_workloads(&options));
            async move { found.await.map_err(|late| Failure::of(&label, None, &late)) }
        });
        for found in join_all(all).await {
            match found {
                Ok((failed, noted)) => {
                    failures.extend(failed);
                    notes.extend(noted);
                }
                Err(late) => failures.push(late),
            }
        }
    }
    if failures.is_empty() {
        failures.extend(too_much(&targets, &options));
    }
    if failures.is_empty() {
        let all = targets.iter().map(|target| {
            let label = target.label.clone();
            clock.failures(label, target.check())
        });
        failures = join_all(all).await.into_iter().flatten().collect();
    }
    Survey {
        targets,
        failures,
        notes,
        options,
    }
}

/// Refuses all runs of which two would write the same object.
pub fn collisions(surveys: &mut [Survey]) {
    let mut seen = HashSet::new();
    let mut twice = BTreeSet::new();
    let targets = surveys.iter().flat_map(|survey| &survey.targets);
    for (place, name) in targets.flat_map(Surveyed::places) {
        if !place.is_empty() && !seen.insert((place, name)) {
            twice.insert((place.to_owned(), name.to_owned()));
        }
    }
    for (place, name) in twice {
        let error = TargetError::new(
            Fault::Configuration,
            format!("two targets write {name} in {place}"),
        )
        .hint("give one of them another name, prefix, namespace or path in clsecrets.yaml");
        if let Some(first) = surveys.first_mut() {
            first.failures.push(Failure::of("", None, &error));
        }
    }
}

/// Writes all environments, one kind of target after the other, so that what is read back is read in
/// as few batches as what was looked at; then starts anew what uses it. Does nothing for an environment
/// that something stops.
pub async fn apply(surveys: &mut [Survey]) {
    let mut surveys: Vec<&mut Survey> = surveys
        .iter_mut()
        .filter(|survey| survey.failures.is_empty())
        .collect();
    for kind in TARGET_KINDS {
        let writes = surveys.iter_mut().map(|survey| survey.write(kind.name));
        let failed = join_all(writes).await;
        let written = surveys.iter_mut().zip(failed);
        join_all(written.map(|(survey, failed)| survey.read_back(kind.name, failed))).await;
    }
    join_all(surveys.iter_mut().map(|survey| survey.restart())).await;
}

impl Survey {
    /// Whether there is nothing to do.
    pub fn is_in_sync(&self) -> bool {
        self.failures.is_empty() && !self.targets.iter().any(Surveyed::has_writes)
    }

    /// What stops the run, or went wrong in it.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// What the operator should know, and nothing depends on.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Writes this environment alone.
    pub async fn apply(&mut self) {
        apply(std::slice::from_mut(self)).await;
    }

    /// Writes the targets of a kind.
    async fn write(&mut self, kind: &str) -> Vec<Failure> {
        let options = &self.options;
        let clock = options.patience.clock();
        let of_kind = self.targets.iter_mut().filter(|t| t.kind == kind);
        let failed = join_all(of_kind.map(|target| target.write(options, &clock))).await;
        failed.into_iter().flatten().collect()
    }

    /// Reads back what was written to the targets of a kind, and finds out what came of what failed.
    async fn read_back(&mut self, kind: &str, failures: Vec<Failure>) {
        let clock = self.options.patience.clock();
        let of_kind = self.targets.iter_mut().filter(|t| t.kind == kind);
        let found = join_all(of_kind.map(|target| target.read_back(&clock))).await;
        let has_arrived = |failure: &Failure| {
            let mut arrived = found.iter().flat_map(|found| &found.arrived);
            arrived.any(|(label, object)| {
                failure.target == *label && failure.object.as_ref() == Some(object)
            })
        };
        let failures = failures.into_iter().filter(|one| !has_arrived(one));
        self.failures.extend(failures);
        let failures = found.into_iter().flat_map(|found| found.failures);
        self.failures.extend(failures);
    }

    /// Starts anew what uses what was written.
    async fn restart(&mut self) {
        let options = &self.options;
        let wait = options.restarting.wait.unwrap_or_default();
        let clock = options.patience.clock().longer(wait);
        let restarts = self.targets.iter_mut().map(|t| t.restart(options, &clock));
        let failed = join_all(restarts).await;
        self.failures.extend(failed.into_iter().flatten());
    }

    /// What was found and done.
    pub fn report(&self, environment: &str, mode: Mode, sources: Vec<SourceFile>) -> Report {
        let targets: Vec<_> = self.targets.iter().map(Surveyed::report).collect();
        Report {
            warnings: Vec::new(),
            schema: SCHEMA,
            environment: environment.to_owned(),
            mode,
            status: self.status(mode),
            sources,
            summary: Summary::of(&targets),
            targets,
            errors: self.failures.clone(),
        }
    }

    /// The exit status of the run so far.
    pub fn status(&self, mode: Mode) -> u8 {
        if !self.failures.is_empty() {
            return if self.targets.iter().any(Surveyed::has_written) {
                3
            } else {
                stopped(&self.failures, mode)
            };
        }
        let is_pending = self.targets.iter().any(Surveyed::is_pending);
        if is_pending { 2 } else { 0 }
    }
}

/// The status of a run that was stopped before it wrote. What no repetition mends comes first;
/// another writer's change is `--check`'s own news.
fn stopped(failures: &[Failure], mode: Mode) -> u8 {
    let judged = failures.iter().map(|failure| {
        if failure.drift && mode == Mode::Check {
            6
        } else {
            failure.status
        }
    });
    let statuses: Vec<u8> = judged.collect();
    [1, 4, 8, 6]
        .into_iter()
        .find(|status| statuses.contains(status))
        .unwrap_or(8)
}

/// More than the operator lets happen.
fn too_much(targets: &[Surveyed], options: &Options) -> Option<Failure> {
    let scales = targets.iter().map(Surveyed::scale);
    let (deletes, changes, existing) = scales.fold((0, 0, 0), |sum, one| {
        (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2)
    });
    let admitted = options.limits.admit(deletes, changes, existing);
    admitted.err().map(|error| Failure::of("", None, &error))
}

/// The same target twice, a name to adopt that no object has, or a removal where nobody can tell
/// whose what is there is.
fn mistakes(targets: &[Surveyed], options: &Options) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        let before = targets.get(..at).unwrap_or_default();
        if before.iter().any(|other| other.config == target.config) {
            let error = TargetError::new(Fault::Configuration, "is configured twice");
            failures.push(Failure::of(&target.label, None, &error));
        }
        if options.prune && !target.config.owner().is_marked() {
            let reason = "--prune needs an identity in clsecrets.yaml: without one nothing says which \
                          repository wrote what is there";
            let error =
                TargetError::new(Fault::Configuration, reason).hint("clsecrets init --identity");
            failures.push(Failure::of(&target.label, None, &error));
        }
    }
    let names: Vec<&str> = targets.iter().flat_map(Surveyed::names).collect();
    let is_idle = |pattern: &&String| !names.iter().any(|name| options::matches(pattern, name));
    for pattern in options.only.iter().filter(is_idle) {
        let reason = format!("--only {pattern}: no object has that name");
        let error = TargetError::new(Fault::Configuration, reason)
            .hint(format!("the objects are {}", names.join(", ")));
        failures.push(Failure::of("", None, &error));
    }
    if !options.prune {
        failures.extend(idle_adoptions(&names, options));
    }
    failures
}

/// Names to adopt that no object has. What is no longer desired can be among them as well, which is
/// known only once it has been looked for.
fn idle_adoptions(names: &[&str], options: &Options) -> Vec<Failure> {
    let adopted = options.adopt.iter();
    let idle = adopted.filter(|name| !names.contains(&name.as_str()));
    let failures = idle.map(|name| {
        let reason = format!("--adopt {name}: no object has that name");
        let error = TargetError::new(Fault::Configuration, reason)
            .hint(format!("the objects are {}", names.join(", ")));
        Failure::of("", None, &error)
    });
    failures.collect()
}

fn wallet_refusals(
    targets: &[Surveyed],
    witnesses: &[Surveyed],
    wallets: &[Wallet],
    options: &Options,
) -> Vec<Failure> {
    let all = targets.iter().chain(witnesses);
    let evidence: Vec<_> = all.flat_map(Surveyed::evidence).collect();
    let judged = wallets.iter().filter_map(|wallet| {
        let is_delivered = targets.iter().any(|one| one.delivers_wallet(&wallet.node));
        guard::judge(wallet, &evidence, is_delivered, options.replace_wallet).err()
    });
    let mut failures: Vec<Failure> = judged.map(|error| Failure::of("", None, &error)).collect();
    if !options.replace_wallet {
        failures.extend(targets.iter().flat_map(Surveyed::orphans));
    }
    failures
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::chainlink::{Desired, Entry, Form, Place};
    use crate::secret::SecretBytes;
    use crate::sync::{DirectoryConfig, Owner, Previous};

    fn assignment(path: &Path, wallet: Option<&str>) -> Assignment {
        let mut projection = Projection::default();
        projection
            .wallet
            .push(Place::whole("", "api-secrets", ".password"));
        let mut add = |name: &str, key: &str, value: &str| {
            let value = SecretBytes::copy_of(value.as_bytes());
            projection.objects.push(Desired::new(
                name,
                Form::Data,
                vec![Entry::of(key, &value, "source")],
            ));
        };
        add("tiingo", "api-key", "t");
        if let Some(wallet) = wallet {
            add("api-secrets", ".password", wallet);
        }
        Assignment {
            config: TargetConfig::Directory(DirectoryConfig {
                shown: path.display().to_string(),
                path: path.to_owned(),
                base: path.parent().unwrap().to_owned(),
                owner: Owner::default(),
            }),
            projection,
            is_selected: true,
        }
    }

    fn run(assignments: Vec<Assignment>, wallet: Option<&str>, options: &Options) -> Survey {
        let secret = |text: &str| SecretBytes::copy_of(text.as_bytes());
        let wallet = Wallet {
            node: String::new(),
            desired: wallet.map(secret),
            previous: Previous::Absent,
        };
        let settings = Settings::new([], "/".into(), 0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut survey = survey(assignments, &[wallet], options.clone(), &settings).await;
            survey.apply().await;
            survey
        })
    }

    #[test]
    fn a_second_run_has_nothing_to_do() {
        let world = tempfile::tempdir().unwrap();
        let path = world.path().join("out");
        let first = run(
            vec![assignment(&path, Some("w"))],
            Some("w"),
            &Options::default(),
        );
        let report = first.report("dev", Mode::Apply, Vec::new());
        assert_eq!((report.status, report.summary.create), (0, 2));

        let second = run(
            vec![assignment(&path, Some("w"))],
            Some("w"),
            &Options::default(),
        );
        let report = second.report("dev", Mode::Apply, Vec::new());
        assert_eq!((report.status, report.summary.in_sync), (0, 2));
    }

    #[test]
    fn one_target_that_refuses_stops_the_run_before_the_first_write() {
        let world = tempfile::tempdir().unwrap();
        let (good, bad) = (world.path().join("a"), world.path().join("b"));
        std::fs::create_dir_all(bad.join("work")).unwrap();
        let targets = vec![assignment(&good, Some("w")), assignment(&bad, Some("w"))];
        let survey = run(targets, Some("w"), &Options::default());
        assert_eq!(survey.status(Mode::Apply), 4);
        assert!(!good.exists());
    }

    #[test]
    fn another_wallet_password_is_refused_and_a_vanished_one_too() {
        let world = tempfile::tempdir().unwrap();
        let path = world.path().join("out");
        run(
            vec![assignment(&path, Some("w"))],
            Some("w"),
            &Options::default(),
        );
        for wallet in [Some("x"), None] {
            let survey = run(vec![assignment(&path, wallet)], wallet, &Options::default());
            assert_eq!(survey.status(Mode::Apply), 4);
            let file = path.join("api-secrets/.password");
            assert_eq!(std::fs::read(file).unwrap(), b"w");
        }
        let replace = Options {
            replace_wallet: true,
            ..Options::default()
        };
        let survey = run(vec![assignment(&path, Some("x"))], Some("x"), &replace);
        assert_eq!(survey.status(Mode::Apply), 0);
    }

    #[test]
    fn mistakes_are_named_before_anything_is_asked() {
        let world = tempfile::tempdir().unwrap();
        let path = world.path().join("out");
        let twice = vec![assignment(&path, None), assignment(&path, None)];
        let survey = run(twice, None, &Options::default());
        assert_eq!(survey.status(Mode::Apply), 1);

        let adopt = Options {
            adopt: vec!["nothing".to_owned()],
            ..Options::default()
        };
        let survey = run(vec![assignment(&path, None)], None, &adopt);
        assert_eq!(survey.status(Mode::Apply), 1);
        assert!(!path.exists());
    }
}
