//! One name for one thing: no two types of a crate have the same name, unless they are the same
//! thing on two sides.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{code_of, root, sources};

/// Names of what both state machines have: the session and the replica's core.
const OF_EACH_MACHINE: [&str; 3] = ["Effect", "Input", "Phase"];
/// Names of what both models of source have: events and values.
const OF_EACH_MODEL: [&str; 2] = ["Body", "Variant"];

#[test]
fn a_name_of_the_library_means_one_thing() {
    let files = [sources(&root().join("synckit/src")), sources(&root().join("synckit/lock"))];
    let mut files = files.concat();
    // Types in there are private and named by the protocol; errors show peers those names.
    files.retain(|file| !file.ends_with("sync/frame/column.rs"));
    assert_eq!(twice(files, &OF_EACH_MACHINE), BTreeMap::new());
}

#[test]
fn a_name_of_the_macros_means_one_thing() {
    assert_eq!(twice(sources(&root().join("synckit-derive/src")), &OF_EACH_MODEL), BTreeMap::new());
}

/// The names of types and traits that are declared in more than one file.
fn twice(files: Vec<PathBuf>, allowed: &[&str]) -> BTreeMap<String, Vec<PathBuf>> {
    let mut declared = BTreeMap::<String, Vec<PathBuf>>::new();
    for file in files {
        let of_tests = file.components().any(|part| part.as_os_str() == "tests")
            || ["tests.rs", "golden.rs", "mutations.rs"].iter().any(|name| file.ends_with(name));
        let code = if of_tests { String::new() } else { code_of(&file) };
        for name in code.lines().filter_map(declaration) {
            declared.entry(name).or_default().push(file.clone());
        }
    }
    declared.retain(|name, files| files.len() > 1 && !allowed.contains(&name.as_str()));
    declared
}

/// The name that a line declares, if it begins a type or trait.
fn declaration(line: &str) -> Option<String> {
    let words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let mut words = words.skip_while(|word| word.ends_with(')'));
    let declares = ["struct", "enum", "trait"].contains(&words.next()?);
    let name = words.next()?.split(|c: char| !c.is_alphanumeric()).next()?;
    (declares && name.starts_with(char::is_uppercase)).then(|| name.to_owned())
}
