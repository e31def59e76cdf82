//! What is another repository's in the places that ours could have.

use super::Surveyed;
use crate::chainlink::Place;
use crate::sync::observed::{Content, Writer};

impl Surveyed {
    /// Whether another repository wrote what is there, and nothing of ours is to be.
    pub(super) fn is_anothers(&self, place: &Place) -> bool {
        let mut plans = self.plans.iter();
        if plans.any(|plan| plan.desired.name == place.object && !plan.desired.entries.is_empty()) {
            return false;
        }
        let is_theirs = |writer: &Writer| writer.is_another && !writer.is_us;
        match self.seen(place).map(|seen| &seen.content) {
            Some(Content::Data(items)) => {
                let mut items = items.iter().filter(|item| item.key == place.key);
                items.any(|item| is_theirs(&item.writer))
            }
            Some(Content::Text { writer, .. } | Content::Hidden(writer)) => is_theirs(writer),
            None => false,
        }
    }
}
