//! Metadata to fields, as the reference 3.13 writes them: names sorted at every level, empty lists
//! left out. Fields that nobody here knows stay.

use crate::tree::{Field, Fields};

use super::parse::KINDS;
use super::{Metadata, Recipient};

impl Metadata {
    /// The branch to be written.
    pub fn render(&self) -> Fields {
        let mut fields = self.fields.clone();
        for name in ["key_groups", "shamir_threshold"].into_iter().chain(KINDS) {
            // A threshold without groups has no effect, but the reference keeps it.
            if name != "shamir_threshold" {
                fields.remove(name);
            }
        }
        let mut kinds: Vec<&str> = Vec::new();
        for recipient in &self.recipients {
            if !kinds.contains(&recipient.kind.as_str()) {
                kinds.push(&recipient.kind);
            }
        }
        for kind in kinds {
            let of_kind = self
                .recipients
                .iter()
                .filter(|recipient| recipient.kind == kind);
            fields.set(kind, Field::List(of_kind.map(entry).collect()));
        }
        fields.set("lastmodified", Field::Text(self.last_modified.clone()));
        fields.set("mac", Field::Text(self.mac.clone().unwrap_or_default()));
        fields.set("version", Field::Text(self.version.clone()));
        fields.set(
            self.rule.kind().field(),
            Field::Text(self.rule.argument().to_owned()),
        );
        if self.mac_only_encrypted {
            fields.set("mac_only_encrypted", Field::Bool(true));
        }
        sorted(fields)
    }
}

fn entry(recipient: &Recipient) -> Field {
    Field::Map(sorted(recipient.fields.clone()))
}

fn sorted(mut fields: Fields) -> Fields {
    fields.0.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields
}
