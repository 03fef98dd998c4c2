//! Suites live in `tests/`. Here stands what several of them need.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Builds a program of the workspace as this crate was built, and returns where it is.
///
/// # Panics
/// When it cannot be built.
pub fn built(name: &str, args: &[&str]) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--message-format", "json"]).args(args);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
    let output = cargo.output().expect("cargo runs");
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let messages = messages.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let mut built = messages.filter_map(|message: Value| {
        let named = message["target"]["name"] == name;
        message["executable"].as_str().filter(|_| named).map(PathBuf::from)
    });
    built.next_back().expect("cargo built the program")
}

/// Builds `synckit`, and returns where it is.
pub fn built_synckit() -> PathBuf {
    built("synckit", &["--package", "synckit", "--bin", "synckit", "--features", "otel"])
}
