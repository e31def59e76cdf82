//! The keystore passwords of an environment in its sealed files at HEAD, for the wallet guard.

use clsecrets::chainlink::Credentials;
use clsecrets::chainlink::model::Kind;
use clsecrets::envelope::Opened;
use clsecrets::secret::SecretBytes;
use clsecrets::sync::Previous;

/// What was found of them.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// By path: `wallet_password`, `nodes/node-a/wallet_password`.
    found: Vec<(String, SecretBytes)>,
    /// Why something could not be looked up, if so.
    unreadable: Option<String>,
}

impl Head {
    /// A file that could not be looked up.
    pub(crate) fn unreadable(why: impl Into<String>) -> Self {
        Self {
            found: Vec::new(),
            unreadable: Some(why.into()),
        }
    }

    /// Those of an opened file.
    pub(crate) fn of(opened: &Opened) -> Self {
        let (credentials, findings) = Credentials::read(&[("", opened.tree())]);
        let wallets = credentials
            .all()
            .filter(|(_, slot)| slot.kind == Kind::WalletPassword);
        let unclear = findings
            .iter()
            .any(|found| found.message.contains("wallet_password"));
        Self {
            found: wallets
                .map(|(path, slot)| (path.to_owned(), slot.value.duplicate()))
                .collect(),
            unreadable: unclear.then(|| "wallet_password at HEAD is no string".to_owned()),
        }
    }

    /// With those of another file.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.found.extend(other.found);
        self.unreadable = self.unreadable.or(other.unreadable);
        self
    }

    /// That of a node: its own, else that of the top level. Of several files one that has it counts,
    /// and then one that could not be read.
    pub(crate) fn of_node(&self, node: &str) -> Previous {
        let own = format!("nodes/{node}/wallet_password");
        let get = |wanted: &str| self.found.iter().find(|(path, _)| path == wanted);
        match (
            get(&own).or_else(|| get("wallet_password")),
            &self.unreadable,
        ) {
            (Some((_, value)), _) => Previous::Value(value.duplicate()),
            (None, Some(why)) => Previous::Unreadable(why.clone()),
            (None, None) => Previous::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&str, &str)]) -> Head {
        let pairs = pairs
            .iter()
            .map(|(path, value)| ((*path).to_owned(), SecretBytes::copy_of(value.as_bytes())));
        Head {
            found: pairs.collect(),
            unreadable: None,
        }
    }

    fn is(previous: &Previous, value: &str) -> bool {
        matches!(previous, Previous::Value(found) if found.ct_eq(&SecretBytes::copy_of(value.as_bytes())))
    }

    #[test]
    fn of_several_files_the_one_that_has_the_password_counts() {
        let both = Head::unreadable("why").and(head(&[("wallet_password", "w")]));
        assert!(is(&both.of_node(""), "w"));
        let none = Head::default().and(Head::unreadable("why"));
        assert!(matches!(none.of_node(""), Previous::Unreadable(_)));
        assert!(matches!(Head::default().of_node(""), Previous::Absent));
    }

    #[test]
    fn a_node_has_its_own_password_or_that_of_the_top_level() {
        let head = head(&[("wallet_password", "w"), ("nodes/a/wallet_password", "a")]);
        assert!(is(&head.of_node("a"), "a"));
        assert!(is(&head.of_node("b"), "w"));
    }
}
