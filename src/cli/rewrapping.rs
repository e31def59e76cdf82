//! Key groups that change: what is shown of the change, and the data key wrapped for who is new.
//!
//! Who stays keeps the entry in the file, byte for byte, as long as the data key and the shares of it
//! do; so a recipient of a kind that this build does not have survives. All wraps succeed or nothing is
//! written.

use std::collections::{BTreeMap, BTreeSet};

use clsecrets::keys::{self, identity, label};
use clsecrets::metadata::{KeyGroups, Recipient};
use clsecrets::secret::DataKey;
use clsecrets::{Error, error};

use super::Context;
use super::opening::Opener;

/// Wraps a data key for the recipients of `wanted` that do not hold it already.
pub(crate) fn wrap_new(
    mut wanted: KeyGroups,
    old: &KeyGroups,
    data_key: &DataKey,
    name: &str,
    opener: &Opener<'_>,
    context: &Context,
) -> Result<KeyGroups, Error> {
    let has_idle = old.recipients().any(|one| !one.is_wrapped());
    let is_same_split = !differs(old, &wanted) && !has_idle;
    let is_flat = !old.are_shared() && !wanted.are_shared();
    if is_same_split || is_flat {
        let mut missing = Vec::new();
        for (at, group) in wanted.groups_mut().iter_mut().enumerate() {
            let before = Entries::of(old.groups().get(at).map(|group| &group.recipients));
            for recipient in &mut group.recipients {
                match before.get(recipient) {
                    Some(entry) if entry.is_wrapped() => *recipient = entry.clone(),
                    _ => missing.push(recipient.clone()),
                }
            }
        }
        if missing.is_empty() {
            return Ok(wanted);
        }
        // Here there is one group, whose members each hold the whole data key.
        let mut new = KeyGroups::from(missing);
        wrap_all(&mut new, data_key, name, opener, context)?;
        let new = Entries(new.recipients().map(|one| (identity(one), one)).collect());
        for group in wanted.groups_mut() {
            for recipient in &mut group.recipients {
                if let Some(entry) = new.get(recipient) {
                    *recipient = entry.clone();
                }
            }
        }
        return Ok(wanted);
    }
    wrap_all(&mut wanted, data_key, name, opener, context)?;
    Ok(wanted)
}

/// Wraps a data key, or the shares of it, for everybody.
pub(crate) fn wrap_all(
    key_groups: &mut KeyGroups,
    data_key: &DataKey,
    name: &str,
    opener: &Opener<'_>,
    context: &Context,
) -> Result<(), Error> {
    let unknown: Vec<String> = key_groups
        .recipients()
        .filter(|recipient| !keys::is_supported(recipient))
        .map(|recipient| format!("{} (kind {})", label(recipient), recipient.kind))
        .collect();
    if !unknown.is_empty() {
        let mut error = Error::new(
            clsecrets::Code::Failed,
            format!("cannot seal {name}: this build cannot renew what these recipients hold"),
        );
        for recipient in &unknown {
            error = error.detail(recipient.clone());
        }
        return Err(error
            .hint("--drop-recipient NAME takes one away, who cannot open the file any more then")
            .hint(format!(
                "sops rotate {}    # the reference tool knows more kinds",
                error::quoted(name)
            )));
    }
    let wrapping = opener
        .keyring()
        .wrap_all(key_groups, data_key, &context.settings);
    keys::block_on(wrapping)?.map_err(|error| error.about(name))
}

/// Refuses to wrap for an entry that is in a file already although nobody has wrapped for it: whoever can
/// write the file can put one in, and would read what is sealed from now on.
pub(crate) fn refuse_idle(old: &KeyGroups, new: &KeyGroups, name: &str) -> Result<(), Error> {
    let mut idle: Vec<&Recipient> = Vec::new();
    for one in old.recipients().filter(|one| !one.is_wrapped()) {
        let stays = new.recipients().any(|other| other == one);
        if stays && !idle.iter().any(|there| identity(there) == identity(one)) {
            idle.push(one);
        }
    }
    if idle.is_empty() {
        return Ok(());
    }
    let mut error = Error::new(
        clsecrets::Code::Failed,
        format!(
            "cannot seal {name} anew: it names recipients for whom nobody has wrapped its data key"
        ),
    );
    let file = error::quoted(name);
    for one in &idle {
        error = error.detail(format!("{} (kind {})", label(one), one.kind));
    }
    for one in idle {
        error = error.hint(format!(
            "clsecrets rotate -i --drop-recipient {} {file}    # takes it away",
            error::quoted(&label(one))
        ));
    }
    Err(error.hint(format!(
        "clsecrets updatekeys {file}    # wraps for those whom the creation rule names, takes away others"
    )))
}

/// Takes recipients away by their names or kinds, as `--drop-recipient` says; who is not there is told.
pub(crate) fn drop_named(
    key_groups: &mut KeyGroups,
    words: &[String],
    name: &str,
    context: &Context,
) {
    for word in words {
        let is_it = |recipient: &Recipient| label(recipient) == *word || recipient.kind == *word;
        if !key_groups.recipients().any(is_it) {
            context
                .ui
                .warn(&format!("{name}: {word} is no recipient of it"));
        }
        for group in key_groups.groups_mut() {
            group.recipients.retain(|recipient| !is_it(recipient));
        }
    }
}

/// Whether the groups, their members or how many are needed are not the same.
pub(crate) fn differs(old: &KeyGroups, new: &KeyGroups) -> bool {
    let names = |key_groups: &KeyGroups| -> Vec<Vec<String>> {
        let groups = key_groups.groups().iter();
        let names = groups.map(|group| {
            let mut names: Vec<String> = group.recipients.iter().map(identity).collect();
            names.sort();
            names
        });
        names.collect()
    };
    names(old) != names(new) || threshold(old) != threshold(new)
}

/// Recipients that a file has and will not have.
pub(crate) fn removed(old: &KeyGroups, new: &KeyGroups) -> Vec<String> {
    let stays: BTreeSet<String> = new.recipients().map(identity).collect();
    let gone = old
        .recipients()
        .filter(|one| one.is_wrapped() && !stays.contains(&identity(one)));
    gone.map(label).collect()
}

/// The change as the reference shows it: groups, and in them who stays, comes and goes.
pub(crate) fn shown(old: &KeyGroups, new: &KeyGroups) -> Vec<String> {
    let mut lines = Vec::new();
    match (threshold(old), threshold(new)) {
        (before, after) if before == after && before > 0 => {
            lines.push(format!("shamir_threshold: {after}"));
        }
        (before, after) => {
            for (mark, threshold) in [("+++", after), ("---", before)] {
                if threshold > 0 {
                    lines.push(format!("{mark} shamir_threshold: {threshold}"));
                }
            }
        }
    }
    for at in 0..old.groups().len().max(new.groups().len()) {
        let members = |of: &'_ KeyGroups| of.groups().get(at).map(|group| group.recipients.clone());
        let (before, after) = (members(old), members(new));
        let (is_before, is_after) = (Entries::of(before.as_ref()), Entries::of(after.as_ref()));
        lines.push(format!("Group {}", at + 1));
        for recipient in after.iter().flatten() {
            let mark = match is_before.get(recipient) {
                Some(entry) if entry.is_wrapped() => "   ",
                _ => "+++",
            };
            lines.push(format!("{mark} {}", label(recipient)));
        }
        for recipient in before.iter().flatten() {
            if is_after.get(recipient).is_none() {
                lines.push(format!("--- {}", label(recipient)));
            }
        }
    }
    lines
}

/// What a person should know about somebody who could open a file so far.
pub(crate) fn tell_of_the_past(removed: &[String], name: &str, context: &Context) {
    for label in removed {
        context.ui.note(&format!(
            "{name}: {label} can still open what was sealed so far: older versions stay readable for \
             whoever has them; change the secrets themselves if that matters"
        ));
    }
}

/// It means something where there are several groups only.
fn threshold(key_groups: &KeyGroups) -> i64 {
    if key_groups.are_shared() {
        key_groups.threshold()
    } else {
        0
    }
}

/// Recipients by what they are, the first of each.
struct Entries<'r>(BTreeMap<String, &'r Recipient>);

impl<'r> Entries<'r> {
    fn of(recipients: Option<&'r Vec<Recipient>>) -> Self {
        let mut entries = BTreeMap::new();
        for recipient in recipients.into_iter().flatten() {
            entries.entry(identity(recipient)).or_insert(recipient);
        }
        Self(entries)
    }

    fn get(&self, recipient: &Recipient) -> Option<&'r Recipient> {
        self.0.get(&identity(recipient)).copied()
    }
}

#[cfg(test)]
mod tests {
    use clsecrets::tree::Fields;

    use super::*;

    fn groups(all: &[&[&str]], threshold: i64) -> KeyGroups {
        let group = |names: &&[&str]| {
            let entry = |name: &&str| Recipient {
                kind: "age".to_owned(),
                fields: Fields::from([("recipient", *name), ("enc", "x")]),
            };
            names.iter().map(entry).collect::<Vec<_>>()
        };
        KeyGroups::new(all.iter().map(group).collect(), threshold)
    }

    #[test]
    fn a_change_is_shown_group_by_group() {
        let (old, new) = (groups(&[&["a", "b"]], 0), groups(&[&["b", "c"], &["d"]], 2));
        assert_eq!(
            shown(&old, &new),
            [
                "+++ shamir_threshold: 2",
                "Group 1",
                "    b",
                "+++ c",
                "--- a",
                "Group 2",
                "+++ d",
            ]
        );
        assert_eq!(removed(&old, &new), ["a"]);
        assert!(differs(&old, &new));
        assert!(!differs(&old, &groups(&[&["b", "a"]], 0)));
        assert!(differs(&new, &groups(&[&["b"], &["c", "d"]], 2)));
    }
}
