//! The difference of two texts: few insertions and deletions that make one the other.

use std::ops::Range;

/// Most characters of a difference. What differs in more is replaced as a whole.
const EDITS_MAX: usize = 256;

/// Parts of the old text, in characters and the last one first, each with what takes its place.
///
/// Myers, "An O(ND) Difference Algorithm and Its Variations", 1986, behind the beginning and before the
/// end that both texts share.
pub(super) fn difference(old: &str, new: &str) -> Vec<(Range<usize>, String)> {
    let (old, new): (Vec<_>, Vec<_>) = (old.chars().collect(), new.chars().collect());
    let equal = |(a, b): &(&char, &char)| a == b;
    let begin = old.iter().zip(&new).take_while(equal).count();
    let (old, new) = (&old[begin..], &new[begin..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(equal).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    let whole = || (!old.is_empty() || !new.is_empty()).then_some((0..old.len(), 0..new.len()));
    let edits = path(old, new).unwrap_or_else(|| whole().into_iter().collect());
    let text = |range: Range<usize>| new[range].iter().collect();
    let moved = |(was, is): (Range<usize>, _)| (was.start + begin..was.end + begin, text(is));
    edits.into_iter().map(moved).collect()
}

/// The ranges that differ, of the old text and of the new one, the last one first; `None` when they are
/// too many.
fn path(old: &[char], new: &[char]) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let most = EDITS_MAX.min(old.len() + new.len());
    // The furthest places in the old text by diagonal, and those of each step before it.
    let mut furthest = vec![0_usize; 2 * most + 3];
    let mut steps = Vec::new();
    for edits in 0..=most {
        steps.push(furthest[most + 1 - edits..=most + 1 + edits].to_vec());
        for diagonal in (0..=2 * edits).step_by(2).map(|of| most + 1 + of - edits) {
            let (above, below) = (furthest[diagonal + 1], furthest[diagonal - 1]);
            let goes_down =
                diagonal == most + 1 - edits || (diagonal != most + 1 + edits && below < above);
            let mut x = if goes_down { above } else { below + 1 };
            let mut y = (x + most + 1) - diagonal;
            while old.get(x).is_some_and(|c| new.get(y) == Some(c)) {
                (x, y) = (x + 1, y + 1);
            }
            furthest[diagonal] = x;
            if x >= old.len() && y >= new.len() {
                return Some(back(&steps, old.len(), new.len()));
            }
        }
    }
    None
}

/// The way back through the steps.
fn back(steps: &[Vec<usize>], mut x: usize, mut y: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let mut ranges: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for (edits, furthest) in steps.iter().enumerate().skip(1).rev() {
        // The place of a diagonal in what this step had before it: as many on either side as edits.
        let diagonal = x + edits - y;
        let at = |diagonal: usize| furthest.get(diagonal).copied().unwrap_or(0);
        let goes_down =
            diagonal == 0 || (diagonal != 2 * edits && at(diagonal - 1) < at(diagonal + 1));
        let (from_x, from) = if goes_down {
            (at(diagonal + 1), diagonal + 1)
        } else {
            (at(diagonal - 1), diagonal - 1)
        };
        let from_y = from_x + edits - from;
        let (was, is) = if goes_down {
            (from_x..from_x, from_y..from_y + 1)
        } else {
            (from_x..from_x + 1, from_y..from_y)
        };
        match ranges.last_mut() {
            Some((later, new)) if later.start == was.end && new.start == is.end => {
                (later.start, new.start) = (was.start, is.start);
            }
            _ => ranges.push((was, is)),
        }
        (x, y) = (from_x, from_y);
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    #[test]
    fn two_words_that_differ_are_two_edits() {
        let edits = difference("the quick brown fox", "a quick brown foxes");
        assert_eq!(edits, [(19..19, "es".to_owned()), (0..3, "a".to_owned())]);
        assert_eq!(difference("same", "same"), []);
        let long = "x".repeat(400);
        assert_eq!(difference("abc", &format!("a{long}c")), [(1..2, long)]);
    }

    proptest! {
        #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

        #[test]
        fn the_edits_make_one_text_the_other(old in "[abé]{0,20}", new in "[abé]{0,20}") {
            let mut text: Vec<_> = old.chars().collect();
            let edits = difference(&old, &new);
            for (range, with) in &edits {
                text.splice(range.clone(), with.chars());
            }
            prop_assert_eq!(text.iter().collect::<String>(), &*new);
            // As few as there can be: those of a longest common subsequence.
            let (old, new): (Vec<_>, Vec<_>) = (old.chars().collect(), new.chars().collect());
            let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
            for (i, a) in old.iter().enumerate() {
                for (j, b) in new.iter().enumerate() {
                    common[i + 1][j + 1] = if a == b {
                        common[i][j] + 1
                    } else {
                        common[i][j + 1].max(common[i + 1][j])
                    };
                }
            }
            let count = |(was, is): &(Range<usize>, String)| was.len() + is.chars().count();
            let least = old.len() + new.len() - 2 * common[old.len()][new.len()];
            prop_assert_eq!(edits.iter().map(count).sum::<usize>(), least);
        }
    }
}
