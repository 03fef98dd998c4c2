//! The words of the house, as far as a machine can check them.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn docs_open_with_a_verb_or_the_thing() {
    let openers = ["How", "What", "Where", "Whether", "Which", "Who", "Whose", "Why"];
    holds(&files(&["rs"]), |line, before| {
        let opens = ["/// ", "//! "].iter().any(|mark| line.starts_with(mark));
        let first = line.get(4..).and_then(|text| text.split(' ').next()).unwrap_or_default();
        !(opens && !before.starts_with("//") && openers.contains(&first))
    });
}

#[test]
fn the_words_are_those_of_the_field() {
    let other = [
        "anew",
        "apart from each other",
        "fold again",
        "folded again",
        "folds again",
        "for ever",
        "made apart",
        "send again",
        "sends again",
        "sent again",
        "written apart",
    ];
    holds(&files(&["rs", "md", "proto"]), |line, _| {
        !other.iter().any(|words| contains_words(line, words))
    });
}

#[test]
fn decisions_on_a_bool_are_ifs() {
    holds(&files(&["rs"]), |line, _| !line.starts_with("true =>") && !line.starts_with("false =>"));
}

/// Every line has a property, given the line and the one before it without their indentation.
fn holds(files: &[PathBuf], property: impl Fn(&str, &str) -> bool) {
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let mut before = "";
        for (place, line) in text.lines().map(str::trim_start).enumerate() {
            if !property(line, before) {
                found.push(format!("{}:{}: {line}", file.display(), place + 1));
            }
            before = line;
        }
    }
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
}

fn contains_words(line: &str, words: &str) -> bool {
    let at_an_end = |text: Option<char>| text.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    line.match_indices(words).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + words.len()..]);
        at_an_end(before.chars().next_back()) && at_an_end(after.chars().next())
    })
}

/// The files under version control that have one of these extensions, this one left out.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap();
            if path.is_symlink() || name.starts_with('.') || name == "target" {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else if extensions.iter().any(|end| path.extension().is_some_and(|have| have == *end))
            {
                files.push(path);
            }
        }
    }
    files.retain(|file| !file.ends_with("words.rs"));
    files.sort();
    files
}
