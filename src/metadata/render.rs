//! Metadata to fields, as the reference 3.13 writes them: names sorted at every level, empty lists
//! left out. Fields that nobody here knows stay.

use crate::tree::{Field, Fields};

use super::groups::sorted;
use super::{LAYOUT_FIELD, Metadata, RuleKind};

impl Metadata {
    /// The branch to be written.
    pub fn render(&self) -> Fields {
        let mut fields = self.fields.clone();
        self.key_groups.render(&mut fields);
        fields.set("lastmodified", Field::Text(self.last_modified.clone()));
        fields.set("mac", Field::Text(self.mac.clone().unwrap_or_default()));
        fields.set("version", Field::Text(self.version.clone()));
        for kind in RuleKind::ALL {
            if kind != self.rule.kind() {
                fields.remove(kind.field());
            }
        }
        fields.set(
            self.rule.kind().field(),
            Field::Text(self.rule.argument().to_owned()),
        );
        match &self.layout {
            Some(layout) => fields.set(LAYOUT_FIELD, Field::Text(layout.clone())),
            None => drop(fields.remove(LAYOUT_FIELD)),
        }
        if self.mac_only_encrypted {
            fields.set("mac_only_encrypted", Field::Bool(true));
        } else {
            fields.remove("mac_only_encrypted");
        }
        sorted(fields)
    }
}
