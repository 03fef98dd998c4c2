//! The rules of the macros' crate.

use std::path::PathBuf;

use super::{code_of, declared_in, files_within, read, root, sources, uses};

/// The modules in the order in which `lib.rs` declares them: each uses only those above it.
const STAGES: [&str; 9] =
    ["case", "suggest", "ctxt", "rule", "attr", "ast", "lock", "valid", "expand"];

/// Names that generated code may not use without a path: users may have types and macros of
/// these names, and modules without a prelude.
const PRELUDE: [&str; 22] = [
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Eq",
    "Err",
    "From",
    "Into",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "Result",
    "Send",
    "Some",
    "String",
    "Sync",
    "ToString",
    "Vec",
];

#[test]
fn stages_are_declared_in_the_order_of_the_pipeline() {
    let declared = declared_in(&root().join("synckit-derive/src/lib.rs"));
    assert_eq!(declared[..STAGES.len()], STAGES);
    assert_eq!(
        declared[STAGES.len()..],
        ["mutations"],
        "tests of the whole stand below the stages"
    );
}

#[test]
fn a_stage_uses_only_stages_above_it() {
    let src = root().join("synckit-derive/src");
    let mut wrong = Vec::new();
    for (place, stage) in STAGES.iter().enumerate() {
        for file in files_within(&src, stage) {
            for used in uses(&file) {
                if STAGES[place + 1..].contains(&used.as_str()) {
                    wrong.push(format!("{} uses crate::{used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_pipelines_page_names_every_stage() {
    let lib = read(&root().join("synckit-derive/src/lib.rs"));
    let page: String = lib.lines().take_while(|line| line.starts_with("//!")).collect();
    let missing: Vec<_> =
        STAGES.iter().filter(|stage| !page.contains(&format!("`{stage}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_model_is_never_changed_by_a_later_stage() {
    let src = root().join("synckit-derive/src");
    let mut wrong = Vec::new();
    for file in ["lock", "valid", "expand"].iter().flat_map(|stage| files_within(&src, stage)) {
        let code = code_of(&file);
        for model in ["Event", "Kind", "Value", "Aggregate", "Field", "MergedField", "History"] {
            if code.contains(&format!("&mut {model}")) {
                wrong.push(format!("{} takes &mut {model}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn generated_code_names_everything_by_absolute_paths() {
    let mut wrong = Vec::new();
    for file in code("synckit-derive/src") {
        for quoted in split(&code_of(&file)).quoted {
            for name in relative(&quoted) {
                wrong.push(format!("{}: {name} in {quoted}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_macros_do_not_panic() {
    let panicking =
        [".unwrap()", ".expect(", "panic!(", "unreachable!(", "assert!(", "assert_eq!("];
    let mut wrong = Vec::new();
    for file in code("synckit-derive/src") {
        let code = split(&code_of(&file)).rest;
        for word in panicking.iter().filter(|word| code.contains(**word)) {
            wrong.push(format!("{} has {word}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_lock_format_is_known_in_one_place() {
    let words = ["\"fingerprint", "\"min_reader", "0xcbf2_9ce4", "\"reserved ", "\"synckit lock"];
    let mut wrong = Vec::new();
    for file in ["synckit/src", "synckit-derive/src"].iter().flat_map(|folder| code(folder)) {
        let code = code_of(&file);
        for word in words.iter().filter(|word| code.contains(**word)) {
            wrong.push(format!("{} has {word}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The files of a folder that are not tests.
fn code(folder: &str) -> Vec<PathBuf> {
    let mut files = sources(&root().join(folder));
    files.retain(|file| {
        !["golden.rs", "mutations.rs", "tests.rs"].iter().any(|name| file.ends_with(name))
            && !file.components().any(|part| part.as_os_str() == "tests")
    });
    files
}

/// Code in two parts: what stands in `quote!`, each call by itself, and everything else.
struct Split {
    quoted: Vec<String>,
    rest: String,
}

fn split(code: &str) -> Split {
    let mut split = Split { quoted: Vec::new(), rest: String::new() };
    let mut rest = code;
    let next = |text: &str| {
        let starts = ["quote!", "quote_spanned!"];
        starts.iter().filter_map(|start| Some((text.find(start)?, start.len()))).min()
    };
    while let Some((at, length)) = next(rest) {
        split.rest.push_str(&rest[..at]);
        let call = &rest[at + length..];
        let end = closing(call);
        let inside = &call[..end];
        split.quoted.push(inside.split_once("=>").map_or(inside, |(_, quoted)| quoted).to_owned());
        rest = &call[end..];
    }
    split.rest.push_str(rest);
    split
}

/// The place at which the delimiter that opens first is closed.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    for (at, char) in text.char_indices() {
        match char {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The names in generated code that are looked up where the user's code stands.
fn relative(quoted: &str) -> Vec<String> {
    let without_texts: String = quoted.split('"').step_by(2).collect();
    let mut found = Vec::new();
    let mut before = String::new();
    let mut rest = without_texts.as_str();
    while let Some(start) = rest.find(|c: char| c.is_alphabetic() || c == '_') {
        before.push_str(&rest[..start]);
        let word = rest[start..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
        let after = &rest[start + word.len()..];
        let is_absolute = before.ends_with("::") || before.ends_with('#') || before.ends_with('.');
        let leads = after.starts_with("::") && !after.starts_with("::<");
        let is_looked_up = leads || after.starts_with("!") && !after.starts_with("!=");
        let is_own = ["Self", "WAY", "core"].contains(&word) || word.starts_with('_');
        if !is_absolute && !is_own && (is_looked_up || PRELUDE.contains(&word)) {
            found.push(word.to_owned());
        }
        before.push_str(word);
        rest = after;
    }
    found
}

#[test]
fn relative_names_are_found() {
    assert_eq!(relative(" Ok(Vec::new()) "), ["Ok", "Vec"]);
    assert_eq!(relative("panic!(\"{}\", Some(1))"), ["panic", "Some"]);
    let absolute =
        "::core::option::Option::Some(#krate::wire::Reader::new(), Self::X, input.take())";
    assert!(relative(absolute).is_empty());
}
