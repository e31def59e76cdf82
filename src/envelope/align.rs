//! Which item of a list was which before: in order, so that as many values as possible are the same.
//!
//! An item that is put in, taken out or changed does not part the others from their tokens.

/// Above this many pairs of items the rest is matched by position.
const LIMIT: usize = 1 << 16;

/// For each new item the old one that it is matched with. `score` says how many values two items
/// share; `is_same` whether nothing differs.
pub(super) fn align<T>(
    new: &[T],
    old: &[T],
    is_same: impl Fn(&T, &T) -> bool,
    score: impl Fn(&T, &T) -> usize,
) -> Vec<Option<usize>> {
    let same = |(a, b): &(&T, &T)| is_same(a, b);
    let head = new.iter().zip(old).take_while(same).count();
    let (new_rest, old_rest) = (
        new.get(head..).unwrap_or_default(),
        old.get(head..).unwrap_or_default(),
    );
    let tail = new_rest.iter().rev().zip(old_rest.iter().rev());
    let tail = tail.take_while(same).count();
    let new_middle = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
    let old_middle = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
    let middle = if new_middle.len().saturating_mul(old_middle.len()) > LIMIT {
        let by_position = |at| (at < old_middle.len()).then_some(at);
        (0..new_middle.len()).map(by_position).collect()
    } else {
        best(new_middle, old_middle, score)
    };
    let middle = middle
        .into_iter()
        .map(|at: Option<usize>| at.map(|at| at + head));
    let last = old.len() - tail;
    let feet = (0..tail).map(|at| Some(last + at));
    (0..head).map(Some).chain(middle).chain(feet).collect()
}

/// The matching in order with the highest sum of scores.
fn best<T>(new: &[T], old: &[T], score: impl Fn(&T, &T) -> usize) -> Vec<Option<usize>> {
    // The best sum of what is left from each pair of positions on, row by row from the end.
    let mut sums = vec![vec![0; old.len() + 1]; new.len() + 1];
    let mut scores = vec![vec![0; old.len()]; new.len()];
    let cell = |rows: &[Vec<usize>], row: usize, column: usize| {
        rows.get(row)
            .and_then(|row| row.get(column))
            .copied()
            .unwrap_or(0)
    };
    for (row, a) in new.iter().enumerate().rev() {
        for (column, b) in old.iter().enumerate().rev() {
            let shared = score(a, b);
            let with = shared + cell(&sums, row + 1, column + 1);
            let without = cell(&sums, row + 1, column).max(cell(&sums, row, column + 1));
            if let Some(place) = sums.get_mut(row).and_then(|row| row.get_mut(column)) {
                *place = with.max(without);
            }
            if let Some(place) = scores.get_mut(row).and_then(|row| row.get_mut(column)) {
                *place = shared;
            }
        }
    }
    let mut found = vec![None; new.len()];
    let (mut row, mut column) = (0, 0);
    while row < new.len() && column < old.len() {
        let shared = cell(&scores, row, column);
        let here = cell(&sums, row, column);
        if shared > 0 && here == shared + cell(&sums, row + 1, column + 1) {
            if let Some(place) = found.get_mut(row) {
                *place = Some(column);
            }
            (row, column) = (row + 1, column + 1);
        } else if here == cell(&sums, row + 1, column) {
            row += 1;
        } else {
            column += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(new: &str, old: &str) -> String {
        let (new, old): (Vec<char>, Vec<char>) = (new.chars().collect(), old.chars().collect());
        // Letters of either case share something.
        let score = |a: &char, b: &char| match (a == b, a.eq_ignore_ascii_case(b)) {
            (true, _) => 2,
            (_, true) => 1,
            _ => 0,
        };
        let found = align(&new, &old, |a, b| a == b, score);
        let shown = |at: Option<usize>| at.map_or("-".to_owned(), |at| at.to_string());
        found.into_iter().map(shown).collect()
    }

    #[test]
    fn items_keep_their_places_in_order() {
        for (new, old, expected) in [
            ("abc", "abc", "012"),
            ("abxc", "abc", "01-2"),
            ("ac", "abc", "02"),
            ("aaa", "aa", "01-"),
            ("bca", "abc", "12-"),
            ("xAbc", "abc", "-012"),
            ("Abxc", "abyc", "01-3"),
            ("", "abc", ""),
            ("abc", "", "---"),
        ] {
            assert_eq!(aligned(new, old), expected, "{new} {old}");
        }
    }

    #[test]
    fn long_lists_without_anything_in_common_are_matched_by_position() {
        let (new, old): (Vec<u32>, Vec<u32>) = ((0..400).collect(), (1000..1300).collect());
        let found = align(&new, &old, |a, b| a == b, |_, _| 1);
        assert_eq!(
            (found[0], found[299], found[300]),
            (Some(0), Some(299), None)
        );
    }
}
