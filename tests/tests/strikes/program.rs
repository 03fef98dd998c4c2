//! The program: built once, run as a process.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use synckit_tests::built;

/// The reports that come with the example.
pub(crate) const REPORTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/birdstrikes.csv");

/// Exit code and output of a run of the program.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Standard output, which must be one JSON document and nothing else.
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.out);
        parsed.unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Checks that the program failed and told why in one line, which it returns.
    pub(crate) fn failed(&self) -> &str {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        self.err.strip_prefix("error: ").unwrap_or_else(|| panic!("{self:?}")).trim_end()
    }
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Said {
    said(strikes(args).stdin(Stdio::null()).output().unwrap())
}

/// The program with arguments, ready to start.
pub(crate) fn strikes(args: &[&str]) -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(BUILT.get_or_init(|| {
        built("strikes", &["--package", "synckit-examples", "--example", "strikes"])
    }));
    command.args(args);
    command
}

/// The header and the first `count` reports of the file that comes with the example.
pub(crate) fn first_reports(count: usize) -> String {
    let reports = std::fs::read_to_string(REPORTS).unwrap();
    reports.lines().take(count + 1).flat_map(|line| [line, "\n"]).collect()
}

/// Writes a file of reports, and gives its path as an argument.
pub(crate) fn write(dir: &Path, reports: impl AsRef<[u8]>) -> String {
    let path = dir.join("reports.csv");
    std::fs::write(&path, reports).unwrap();
    path.to_str().unwrap().to_owned()
}

fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}
