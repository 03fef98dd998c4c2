//! Python with the `protobuf` package, where there is one.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io};

use serde_json::Value;

/// A Python that has the package: `SYNCKIT_PYTHON`, or `python3`.
pub(crate) struct Python(OsString);

impl Python {
    /// `None`, and a word about it, if there is none and the environment does not insist on it.
    pub(crate) fn find() -> Option<Self> {
        let python = env::var_os("SYNCKIT_PYTHON").unwrap_or_else(|| "python3".into());
        let asked = Command::new(&python).args(["-c", "import google.protobuf"]).output();
        let lacking = match asked {
            Ok(output) if output.status.success() => return Some(Self(python)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let why = format!(
            "{} cannot `import google.protobuf`: {lacking}\ninstall the package `protobuf`, or say in \
             SYNCKIT_PYTHON which Python has it",
            python.display()
        );
        assert!(
            env::var_os("SYNCKIT_REQUIRE_SERVICES").is_none_or(|required| required != "1"),
            "SYNCKIT_REQUIRE_SERVICES=1, but {why}"
        );
        // Past the test harness, which keeps what tests print to itself.
        let mut loud = io::stderr();
        let told = format!("\nSKIPPED: no other protobuf library has read the events; {why}\n\n");
        loud.write_all(told.as_bytes()).unwrap();
        None
    }

    /// Reads payloads, each with the name of its message; returns each as JSON and encoded again.
    pub(crate) fn decode(
        &self,
        descriptors: &[u8],
        payloads: &[(String, String)],
    ) -> Vec<(Value, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("descriptors");
        fs::write(&file, descriptors).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto/decode.py");
        let mut python = Command::new(&self.0)
            .args([&script, &file])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: String =
            payloads.iter().map(|(name, payload)| format!("{name} {payload}\n")).collect();
        // Its input is closed at once; it answers less than a pipe holds.
        python.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success(), "decode.py: {}", output.status);
        let answers = String::from_utf8(output.stdout).unwrap();
        answers.lines().map(answer).collect()
    }
}

fn answer(line: &str) -> (Value, Vec<u8>) {
    let mut answer: Value = serde_json::from_str(line).unwrap();
    let again = unhex(answer["again"].as_str().unwrap());
    (answer["value"].take(), again)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
