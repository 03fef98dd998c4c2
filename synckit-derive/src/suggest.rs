//! Lists and guesses for messages.

/// `a, b and c`, each in backquotes.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `one of `a`, `b`, or `c``, as rustc lists what it expected.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [first @ .., last] if first.len() > 1 => format!("one of {}, or {last}", first.join(", ")),
        few => few.join(" or "),
    }
}

/// The word that was probably meant, if one is near enough.
pub(crate) fn nearest<'a>(typed: &str, words: &[&'a str]) -> Option<&'a str> {
    let near_enough = 1 + typed.chars().count() / 4;
    words
        .iter()
        .map(|word| (distance(typed, word), *word))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `; did you mean …?` when one of the words was probably meant, and nothing otherwise.
pub(crate) fn did_you_mean(typed: &str, words: &[&str]) -> String {
    nearest(typed, words).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words (the restricted
/// Damerau–Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = substituted.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_recognized() {
        let words = ["lww", "max", "min", "counter", "set"];
        assert_eq!(nearest("lwww", &words), Some("lww"));
        assert_eq!(nearest("lw", &words), Some("lww"));
        assert_eq!(nearest("conuter", &words), Some("counter"));
        assert_eq!(nearest("maximum", &words), None);
        assert_eq!(nearest("register", &words), None);
    }

    #[test]
    fn lists_read_as_prose() {
        assert_eq!(one_of(&["a"]), "`a`");
        assert_eq!(one_of(&["a", "b"]), "`a` or `b`");
        assert_eq!(one_of(&["a", "b", "c"]), "one of `a`, `b`, or `c`");
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
