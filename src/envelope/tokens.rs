//! The text of each sealed place of a document, by the place's number.

use crate::secret::SecretBytes;
use crate::tree::Site;

/// Tokens by place. Dense, because places are numbered from 0: large files have one for each value.
/// Tokens are no secrets, but they come in the custody of values: parts of a sealed text, mostly.
#[derive(Debug, Default)]
pub struct Tokens(Vec<Option<SecretBytes>>);

impl Tokens {
    /// The token of a place.
    pub fn get(&self, site: Site) -> Option<&str> {
        text(self.0.get(index(site)?)?.as_ref()?)
    }

    /// Whether a place has one.
    pub fn has(&self, site: Site) -> bool {
        let place = index(site).and_then(|at| self.0.get(at));
        place.is_some_and(Option::is_some)
    }

    /// Notes the token of a place that the text has.
    pub fn insert(&mut self, site: Site, token: SecretBytes) {
        if site == Site::NEW || text(&token).is_none() {
            return;
        }
        let Some(at) = index(site) else { return };
        if self.0.len() <= at {
            self.0.resize_with(at + 1, || None);
        }
        if let Some(place) = self.0.get_mut(at) {
            *place = Some(token);
        }
    }

    /// Forgets the token of a place.
    pub fn remove(&mut self, site: Site) {
        if let Some(place) = index(site).and_then(|at| self.0.get_mut(at)) {
            *place = None;
        }
    }

    /// All of them, in the order of the places.
    pub fn iter(&self) -> impl Iterator<Item = (Site, &str)> {
        let numbered = self.0.iter().enumerate();
        numbered
            .filter_map(|(at, token)| Some((Site(u32::try_from(at).ok()?), text(token.as_ref()?)?)))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

/// A block has a line end behind its token.
fn text(token: &SecretBytes) -> Option<&str> {
    std::str::from_utf8(token.expose().trim_ascii_end()).ok()
}

fn index(site: Site) -> Option<usize> {
    usize::try_from(site.0).ok()
}
