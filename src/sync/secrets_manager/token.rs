//! The token of a write, which becomes the version's id: it says that the version is ours, and which
//! fields of its JSON text are.
//!
//! A version never changes its text, so its fields can be told by their position. The surprise: the
//! marks are lengths of runs of fields, ours and others' in turn, because others' fields mostly stand
//! together; what does not fit into an id is not noted, and then none of the fields counts as ours.

use crate::sync::observed::OwnFields;

/// What the service takes.
const LONGEST: usize = 64;
/// Digits of the random part that can go where the marks need room: the rest is still no other one.
const SPARE: usize = 16;
/// The length of a token without a mark of its owner, by which it is known.
const UNMARKED: usize = 42;
/// Before the marks. No hexadecimal digit, so that it is in no token without marks.
const MARKED: char = 'y';
/// One digit is a length below the last of them; the last means so many and the next digit's.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
const MOST: usize = DIGITS.len() - 1;

/// A new token, for a text of which these fields are ours.
pub(super) fn with_fields(mut token: String, own: &OwnFields) -> String {
    let Some(marks) = marks(own) else {
        return token;
    };
    let excess = (token.len() + marks.len()).saturating_sub(LONGEST);
    let spare = if token.len() > UNMARKED { SPARE } else { 0 };
    if excess <= spare {
        token.truncate(token.len() - excess);
        token.push_str(&marks);
    }
    token
}

/// Which fields of a version's text are ours, as its id tells.
pub(super) fn own_fields(version: &str) -> OwnFields {
    let marks = version.strip_prefix("clsecrets-").and_then(|rest| {
        let (_, marks) = rest.rsplit_once('-')?;
        marks.strip_prefix(MARKED)
    });
    match marks {
        None => OwnFields::Unknown,
        Some("") => OwnFields::All,
        Some(marks) => read(marks).map_or(OwnFields::Unknown, OwnFields::Noted),
    }
}

fn marks(own: &OwnFields) -> Option<String> {
    let mut text = format!("-{MARKED}");
    let fields = match own {
        OwnFields::Unknown => return None,
        OwnFields::All => return Some(text),
        OwnFields::Noted(fields) => fields,
    };
    let (mut is_ours, mut rest) = (true, fields.as_slice());
    while !rest.is_empty() {
        let mut length = rest.iter().take_while(|own| **own == is_ours).count();
        rest = rest.get(length..).unwrap_or_default();
        is_ours = !is_ours;
        while length >= MOST {
            text.push(char::from(*DIGITS.last()?));
            length -= MOST;
        }
        text.push(char::from(*DIGITS.get(length)?));
    }
    Some(text)
}

fn read(marks: &str) -> Option<Vec<bool>> {
    let (mut fields, mut is_ours) = (Vec::new(), true);
    for digit in marks.bytes() {
        let length = DIGITS.iter().position(|known| *known == digit)?;
        fields.extend(std::iter::repeat_n(is_ours, length));
        if length < MOST {
            is_ours = !is_ours;
        }
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(own: &OwnFields) -> String {
        with_fields(
            format!("clsecrets-{}-{}", "0".repeat(16), "a".repeat(32)),
            own,
        )
    }

    #[test]
    fn a_token_says_which_fields_are_ours_and_has_a_length_that_the_service_takes() {
        let none = token(&OwnFields::Unknown);
        assert_eq!((none.len(), own_fields(&none)), (59, OwnFields::Unknown));
        let all = token(&OwnFields::All);
        assert_eq!((all.len(), own_fields(&all)), (61, OwnFields::All));
        // One that hexadecimal digits could be mistaken for.
        let old = format!("clsecrets-{}", "a".repeat(32));
        assert_eq!(own_fields(&old), OwnFields::Unknown);
        let new = with_fields(old, &OwnFields::Noted(vec![true, false]));
        assert_eq!(
            (new.len(), own_fields(&new)),
            (46, OwnFields::Noted(vec![true, false]))
        );
    }

    #[test]
    fn nobody_elses_version_has_fields_of_ours() {
        for version in [
            "",
            "terraform-1-y",
            "clsecrets-y",
            "clsecrets-0-yw",
            "clsecrets-0-yA",
        ] {
            assert_eq!(own_fields(version), OwnFields::Unknown, "{version}");
        }
    }

    proptest! {
        #[test]
        fn which_fields_are_ours_is_read_back_or_not_noted(
            runs in proptest::collection::vec((any::<bool>(), 1_usize..80), 1..12),
        ) {
            let fields: Vec<bool> = runs
                .iter()
                .flat_map(|(own, length)| std::iter::repeat_n(*own, *length))
                .collect();
            let noted = OwnFields::Noted(fields);
            let token = token(&noted);
            prop_assert!(token.len() <= LONGEST);
            let read = own_fields(&token);
            prop_assert!(read == noted || read == OwnFields::Unknown);
            if runs.len() < 5 {
                prop_assert_eq!(read, noted);
            }
        }
    }
}
