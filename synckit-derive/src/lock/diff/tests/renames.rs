//! Names that move between fields, and names that come back.

use super::*;

const PAIR: &str = "synckit lock 2\nevent pair\nversion 1\nmin_reader 1\n1 left u32\n2 right u32\n\
                    fingerprint ?\n";

#[test]
fn a_former_name_wins_over_a_name() {
    assert_eq!(numbers(PAIR, "left was right; right was left"), [2, 1], "a swap");
    assert_eq!(numbers(PAIR, "front was left; left; right"), [1, 3, 2], "a name used again");
    assert_eq!(numbers(PAIR, "right was left; far was right"), [1, 2], "a chain");
    assert_eq!(numbers(PAIR, "right; front was left"), [2, 1], "a plain renaming");
}

#[test]
fn a_renaming_that_is_done_is_not_done_again() {
    let swapped =
        format!("{PAIR}version 2\nmin_reader 1\n1 right u32\n2 left u32\nfingerprint ?\n");
    let as_locked = "left was right; right was left";
    assert_eq!(findings(&swapped, 2, as_locked), []);
    assert_eq!(numbers_in(&swapped, 2, as_locked), [2, 1]);
    let ambiguous = findings(&swapped, 3, as_locked);
    assert_eq!(ambiguous.len(), 2);
    assert!(ambiguous[0].1.starts_with("field `left` was `right` before version 2"));
    assert_eq!(findings(&swapped, 3, "left; right"), []);
    assert_eq!(numbers_in(&swapped, 3, "left; right"), [2, 1]);

    let renamed =
        format!("{PAIR}version 2\nmin_reader 1\n1 front u32\n2 right u32\nfingerprint ?\n");
    assert_eq!(findings(&renamed, 3, "front was left; right"), []);
    assert_eq!(numbers_in(&renamed, 3, "front was left; right"), [1, 2]);
}

#[test]
fn a_name_that_comes_back_is_asked_for() {
    let gone =
        format!("{PAIR}version 2\nmin_reader 2\n1 left u32\nreserved 2 right\nfingerprint ?\n");
    let said = findings(&gone, 3, "left; right default");
    assert!(said[0].1.starts_with("field `right` of `pair` was there before, with number 2"));
    assert_eq!(findings(&gone, 3, "left; right default new"), []);
    assert_eq!(numbers_in(&gone, 3, "left; right default new"), [1, 3]);
}

#[test]
fn a_field_that_may_be_one_that_is_gone_is_told_to_rustc() {
    let lost = |text: &str| {
        let lock = locked(PAIR);
        let lost = diff(&source(&lock, 2, text), &lock).lost;
        lost.into_iter().map(|lost| lost.into_iter().map(|lost| lost.name).collect()).collect()
    };
    let none: Vec<String> = Vec::new();
    let right = vec!["right".to_owned()];
    let all: Vec<Vec<String>> = lost("left; far default");
    assert_eq!(all, [none.clone(), right]);
    assert_eq!(lost("left; far default new"), [none.clone(), none.clone()]);
    assert_eq!(lost("left; far was right"), [none.clone(), none.clone()]);
    assert_eq!(lost("left; right; far default"), [none.clone(), none.clone(), none]);
}

fn numbers(lock: &str, text: &str) -> Vec<u32> {
    assert_eq!(findings(lock, 2, text), []);
    numbers_in(lock, 2, text)
}

fn numbers_in(lock: &str, version: u32, text: &str) -> Vec<u32> {
    let lock = locked(lock);
    diff(&source(&lock, version, text), &lock).numbers
}
