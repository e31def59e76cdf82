//! One object in a run: what shall be there, what is, what has to happen, how far it came.

use super::guard::{self, Becoming};
use super::observed::{Content, Halfway, Observed, Setting, SettingChange};
use super::report::{KeyReport, ObjectReport, Phase};
use super::verdict::{Allowed, Changes, Judgement, Verdict, WHOLE_TEXT, verdict};
use super::{Fault, Step, Target, TargetError};
use crate::chainlink::{Desired, Form, Place, WHOLE};

/// Seconds since 1970 as a time that people read.
fn time(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.to_string())
}

/// What has to happen to one object.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) desired: Desired,
    pub(super) seen: Option<Observed>,
    pub(super) judged: Judgement,
    pub(super) phase: Phase,
    allowed: Allowed,
    /// The version before the first write.
    before: Option<String>,
    after: Option<String>,
    owners: Vec<String>,
}

impl Plan {
    /// Judges a desired object.
    pub(super) fn of(desired: Desired, seen: Option<Observed>, allowed: Allowed) -> Self {
        let judged = verdict(&desired, seen.as_ref(), allowed);
        Self::new(desired, seen, judged, allowed)
    }

    /// An object that is ours and no longer desired.
    pub(super) fn leftover(
        name: &str,
        seen: Observed,
        judged: Judgement,
        allowed: Allowed,
    ) -> Self {
        let desired = Desired::new(
            name,
            match seen.content {
                Content::Text { .. } => Form::Json,
                _ => Form::Data,
            },
            Vec::new(),
        );
        Self::new(desired, Some(seen), judged, allowed)
    }

    fn new(desired: Desired, seen: Option<Observed>, judged: Judgement, allowed: Allowed) -> Self {
        let version = seen.as_ref().map(|seen| seen.version.clone());
        Self {
            before: version.filter(|version| !version.is_empty()),
            owners: seen.as_ref().map(Observed::owners).unwrap_or_default(),
            desired,
            seen,
            judged,
            phase: Phase::Observed,
            allowed,
            after: None,
        }
    }

    /// Whether others changed it, and it is not ours to end that.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.judged.verdict, Verdict::Foreign { .. })
    }

    /// What would write it again after we have taken it over.
    pub(super) fn keeper(&self) -> Option<String> {
        let is_taken = match self.judged.verdict {
            Verdict::Foreign { .. } | Verdict::Adopt { .. } | Verdict::Replace => true,
            Verdict::Update => !self.judged.changes.equal_of_others.is_empty(),
            _ => false,
        };
        let keeper = self.seen.as_ref()?.keeper.as_ref().filter(|_| is_taken)?;
        Some(format!("belongs to {}: {}", keeper.who, keeper.next))
    }

    /// Notes that we had written it before.
    pub(super) fn was_ours(&mut self) {
        let us = "clsecrets".to_owned();
        if !self.owners.contains(&us) {
            self.owners.insert(0, us);
        }
    }

    pub(super) fn is_write(&self) -> bool {
        self.judged.verdict.is_write()
    }

    /// Whether something that is to be written is not.
    pub(super) fn is_pending(&self) -> bool {
        self.is_write() && self.phase != Phase::Verified
    }

    pub(super) fn was_written(&self) -> bool {
        self.after.is_some()
    }

    /// Objects and keys that go, what is deleted and made anew included.
    pub(super) fn deletes(&self) -> usize {
        match self.judged.verdict {
            Verdict::Remove | Verdict::Replace => 1,
            Verdict::Update | Verdict::Adopt { .. } => {
                let Changes {
                    removed, settings, ..
                } = &self.judged.changes;
                let goes = |setting: &&Setting| setting.change == SettingChange::Removed;
                removed.len() + settings.iter().filter(goes).count()
            }
            _ => 0,
        }
    }

    /// What else there is to say of it.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(seen) = &self.seen else {
            return notes;
        };
        notes.extend(match (seen.halfway, &self.judged.verdict) {
            (None, _) => None,
            (Some(Halfway::Gone), Verdict::Replace) => Some(
                "a replacement was stopped when the old secret was gone; this finishes it".to_owned(),
            ),
            (Some(Halfway::Gone), _) => Some(format!(
                "a replacement was stopped when the old secret was gone; what it held is in the secret \
                 {}.clsecrets-copy",
                self.desired.name
            )),
            (Some(Halfway::There), verdict) => verdict.is_write().then(|| {
                "a replacement was stopped before its end; this finishes it".to_owned()
            }),
        });
        let left = seen.settings.iter();
        let left = left.filter(|setting| !self.judged.changes.settings.contains(setting));
        notes.extend(left.map(|setting| {
            let name = &setting.name;
            match setting.change {
                SettingChange::Unknown => {
                    format!("not known whether {name} is as configured")
                }
                SettingChange::Added => {
                    format!("it has no {name}; to give it one, add --apply-settings")
                }
                SettingChange::Changed => {
                    format!(
                        "its {name} is not the configured one; to change it, add --apply-settings"
                    )
                }
                SettingChange::Removed => {
                    format!("its {name} is not configured; to remove it, add --apply-settings")
                }
            }
        }));
        notes
    }

    /// Whether something that is there becomes something else.
    pub(super) fn changes(&self) -> bool {
        self.is_write() && self.judged.verdict != Verdict::Create
    }

    /// Whether the keystore password is a part of it.
    pub(super) fn holds(&self, places: &[Place]) -> bool {
        let is_of = |place: &&Place| place.object == self.desired.name;
        let mut places = places.iter().filter(is_of);
        places.any(|place| self.desired.entry(&place.key).is_some())
    }

    /// Whether the run writes something else to a place, or takes it away.
    pub(super) fn overwrites(&self, place: &Place) -> bool {
        if place.object != self.desired.name || !self.is_write() {
            return false;
        }
        let Changes {
            changed, removed, ..
        } = &self.judged.changes;
        let is_text = |seen: &Observed| matches!(&seen.content, Content::Text { .. });
        let is_whole = self.judged.verdict == Verdict::Remove
            // A text that has no fields is replaced as a whole.
            || changed.iter().any(|key| key == WHOLE)
                && self.seen.as_ref().is_some_and(is_text)
            || removed.iter().any(|key| key == WHOLE_TEXT);
        is_whole || changed.iter().chain(removed).any(|key| *key == place.key)
    }

    /// Whether a keystore password goes, or becomes another one, beside the places that are guarded
    /// by what the sealed files say.
    pub(super) fn loses_wallet(&self, guarded: &[Place]) -> bool {
        let Some(seen) = self.seen.as_ref().filter(|_| self.is_write()) else {
            return false;
        };
        let Changes {
            changed, removed, ..
        } = &self.judged.changes;
        let is_guarded = |key: &str| {
            let mut places = guarded.iter();
            places.any(|place| place.object == self.desired.name && place.key == key)
        };
        let is_removed = self.judged.verdict == Verdict::Remove;
        let goes =
            |key: &str| !is_guarded(key) && (is_removed || removed.iter().any(|gone| gone == key));
        let becomes = |key: &str| {
            let is_changed = !is_guarded(key) && changed.iter().any(|changed| changed == key);
            let entry = self.desired.entry(key).filter(|_| is_changed)?;
            Some(Becoming {
                value: entry.value.duplicate(),
                by_name: entry.is_given(),
            })
        };
        guard::is_lost(&seen.content, goes, becomes)
    }

    pub(super) fn step(&self) -> Step<'_> {
        Step {
            verdict: &self.judged.verdict,
            desired: &self.desired,
            seen: self.seen.as_ref(),
            changes: &self.judged.changes,
            allowed: self.allowed,
        }
    }

    /// Writes; once more if somebody else wrote in between and nothing speaks against it.
    pub(super) async fn write(
        &mut self,
        target: &dyn Target,
        wallet: &[Place],
    ) -> Result<(), TargetError> {
        self.phase = Phase::Failed;
        let written = self.send(target, wallet).await;
        if written.as_ref().is_err_and(|error| error.is_lost) {
            self.phase = Phase::Unknown;
        }
        written
    }

    async fn send(&mut self, target: &dyn Target, wallet: &[Place]) -> Result<(), TargetError> {
        let is_restored = self.judged.verdict == Verdict::Restore;
        let version = match target.apply(&self.step()).await {
            Ok(written) if !is_restored => written.version,
            Ok(written) => {
                self.after = Some(written.version);
                match self.again(target, wallet).await? {
                    Some(version) => version,
                    None => return Ok(()),
                }
            }
            Err(error) if error.fault == Fault::Conflict => {
                let is_guarded = self.holds(wallet);
                self.look_again(target).await?;
                if let Some(refusal) = self.judged.verdict.refusal(&self.desired.name) {
                    return Err(refusal);
                }
                if !self.is_write() {
                    // Our own write, whose answer was lost, or the same by somebody else.
                    self.phase = Phase::Verified;
                    return Ok(());
                }
                if is_guarded || self.judged.verdict == Verdict::Restore {
                    // What the guard has compared is no longer there.
                    return Err(error);
                }
                target.apply(&self.step()).await?.version
            }
            Err(error) => return Err(error),
        };
        self.after = Some(version);
        self.phase = Phase::Written;
        Ok(())
    }

    /// After a restoration: what can be read now is judged, and written if it differs.
    async fn again(
        &mut self,
        target: &dyn Target,
        wallet: &[Place],
    ) -> Result<Option<String>, TargetError> {
        self.look_again(target).await?;
        if let Some(refusal) = self.judged.verdict.refusal(&self.desired.name) {
            return Err(refusal);
        }
        let seen = self.seen.as_ref();
        let is_replaced = |place: &Place| guard::is_replaced(place, seen, &self.desired);
        let mut places = wallet.iter();
        if places.any(|place| self.overwrites(place) && is_replaced(place)) {
            return Err(TargetError::new(
                Fault::Refused,
                "was restored and holds another wallet_password, or one that cannot be read; the \
                 node's key ring would no longer open",
            )
            .hint(
                "restore the old value; only if the key ring was recreated, add \
                 --replace-wallet-password",
            ));
        }
        if !self.is_write() {
            self.judged.verdict = Verdict::Restore;
            self.phase = Phase::Written;
            return Ok(None);
        }
        let written = target.apply(&self.step()).await?;
        self.judged.verdict = Verdict::Restore;
        Ok(Some(written.version))
    }

    async fn look_again(&mut self, target: &dyn Target) -> Result<(), TargetError> {
        let names = [self.desired.name.clone()];
        self.seen = match target.observe(&names).await?.pop() {
            Some(answer) => answer?,
            None => None,
        };
        self.judged = verdict(&self.desired, self.seen.as_ref(), self.allowed);
        Ok(())
    }

    /// Judges what is there after a write.
    pub(super) fn verify(&mut self, now: Option<Observed>) -> Result<(), TargetError> {
        let is_as_desired = self.is_done(now.as_ref());
        self.seen = now;
        if !is_as_desired {
            self.phase = Phase::Failed;
            return Err(TargetError::new(
                Fault::Conflict,
                "was written, but what is there now differs; somebody else wrote too",
            )
            .hint("run the command again"));
        }
        self.phase = Phase::Verified;
        Ok(())
    }

    /// Looks at what is there after a write that nobody answered; whether it arrived.
    pub(super) fn find_out(&mut self, now: Option<Observed>) -> bool {
        let is_done = self.is_done(now.as_ref());
        if is_done {
            let version = now.as_ref().map(|now| now.version.clone());
            self.after = Some(version.unwrap_or_default());
            self.seen = now;
            self.phase = Phase::Verified;
        }
        is_done
    }

    fn is_done(&self, now: Option<&Observed>) -> bool {
        match (&self.judged.verdict, now) {
            (Verdict::Remove, None) => true,
            (Verdict::Remove, Some(now)) => matches!(now.content, Content::Hidden(_)),
            // Of an object of others only our keys had to go.
            (_, None) => self.desired.entries.is_empty(),
            (_, Some(_)) => self.is_desired(now),
        }
    }

    /// Whether what is there has what is desired, and nothing of what had to go.
    fn is_desired(&self, now: Option<&Observed>) -> bool {
        let allowed = Allowed {
            prune: false,
            adopt: false,
            ..self.allowed
        };
        let judged = verdict(&self.desired, now, allowed);
        let stays = |key: &String| judged.changes.kept.contains(key);
        let mut removed = self.judged.changes.removed.iter();
        judged.verdict == Verdict::InSync && !removed.any(stays)
    }

    pub(super) fn report(&self) -> ObjectReport {
        let Changes {
            added,
            changed,
            removed,
            kept,
            unclaimed,
            foreign,
            settings,
            ..
        } = &self.judged.changes;
        let lists = [
            ("added", added),
            ("changed", changed),
            ("removed", removed),
            ("kept", kept),
            ("unclaimed", unclaimed),
            ("foreign", foreign),
        ];
        let keys = lists.into_iter().flat_map(|(op, names)| {
            names.iter().map(move |name| KeyReport {
                name: name.clone(),
                op,
            })
        });
        // Who set a label is no owner of the data, and is named where it matters.
        let mut owners = self.owners.clone();
        if let Verdict::Foreign { writers, .. } | Verdict::Adopt { from: writers } =
            &self.judged.verdict
        {
            let others = writers.iter().filter(|name| !self.owners.contains(name));
            owners.extend(others.cloned());
        }
        let mut sources: Vec<String> = Vec::new();
        for source in self.desired.entries.iter().flat_map(|entry| &entry.sources) {
            if !sources.contains(source) {
                sources.push(source.clone());
            }
        }
        ObjectReport {
            name: self.desired.name.clone(),
            op: self.judged.verdict.word(),
            phase: self.phase,
            keys: keys.collect(),
            settings: settings
                .iter()
                .map(|setting| KeyReport {
                    name: setting.name.clone(),
                    op: match setting.change {
                        SettingChange::Added => "added",
                        SettingChange::Changed | SettingChange::Unknown => "changed",
                        SettingChange::Removed => "removed",
                    },
                })
                .collect(),
            notes: self.notes(),
            sources,
            owners,
            keeper: self.keeper(),
            written: self
                .seen
                .as_ref()
                .and_then(|seen| seen.written)
                .and_then(time),
            before: self.before.clone(),
            after: self.after.clone().filter(|after| !after.is_empty()),
        }
    }
}
