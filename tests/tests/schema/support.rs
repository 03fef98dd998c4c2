//! A user's package in a folder of its own, built by cargo.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// An aggregate, an event and a value.
pub(crate) const PAID: &str = r#"
use synckit::{Lower, SyncEvent, SyncValue, sync_aggregate};

#[derive(SyncValue, Clone, Debug, PartialEq)]
pub(crate) struct Amount { pub cents: i64 }

#[derive(SyncEvent, Clone, Debug)]
#[event(name = "invoice.paid")]
pub(crate) struct Paid { pub by: String, pub amount: Amount }

#[sync_aggregate(name = "invoice", events(Paid))]
#[derive(Clone, Debug)]
pub(crate) struct Invoice {
    #[merge(lww)] pub title: String,
    #[merge(max)] pub pages: u32,
}

impl Lower<Paid> for Invoice {
    fn lower(event: &Paid, ops: &mut InvoiceOps<'_>) { ops.title.set(event.by.as_str()); }
}

#[cfg(test)]
synckit::schema_test!(synckit::registry![Invoice]);
"#;

/// The package.
pub(crate) struct Ledger {
    folder: TempDir,
    name: &'static str,
}

impl Ledger {
    pub(crate) fn new(name: &'static str, source: &str) -> Self {
        Self::depending(name, source, &[])
    }

    /// A package that depends on others.
    pub(crate) fn depending(name: &'static str, source: &str, on: &[&Self]) -> Self {
        let ledger = Self { folder: tempfile::tempdir().unwrap(), name };
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let synckit = workspace.join("synckit");
        let others: String = on
            .iter()
            .map(|on| format!("{} = {{ path = {:?} }}\n", on.name, on.folder.path()))
            .collect();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\ndescription = \"A ledger\"\n\
             license = \"MIT\"\n\n[dependencies]\n{others}\
             synckit = {{ path = {synckit:?}, version = \"0.1.0\", default-features = false }}\n\n[workspace]\n"
        );
        fs::create_dir(ledger.path("src")).unwrap();
        fs::write(ledger.path("Cargo.toml"), manifest).unwrap();
        // The versions that are here already: nothing is downloaded.
        fs::copy(workspace.join("Cargo.lock"), ledger.path("Cargo.lock")).unwrap();
        ledger.write(source);
        ledger
    }

    /// Blesses the locks, and tells of them in the manifest.
    pub(crate) fn bless(&self) {
        self.tell();
        self.test(&["SYNCKIT_BLESS"]).passes();
    }

    /// Tells of locks in the manifest.
    pub(crate) fn tell(&self) {
        let path = self.path("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        if !manifest.contains("synckit]") {
            let told = "\n[package.metadata.synckit]\nschemas = \"locked\"\n";
            fs::write(path, manifest + told).unwrap();
        }
    }

    /// Takes everything away that `keeps` does not keep of `schemas/`.
    pub(crate) fn lose(&self, keeps: impl Fn(&str) -> bool) {
        for file in fs::read_dir(self.path("schemas")).unwrap() {
            let file = file.unwrap();
            if !keeps(file.file_name().to_str().unwrap()) {
                fs::remove_file(file.path()).unwrap();
            }
        }
    }

    pub(crate) fn write(&self, source: &str) {
        fs::write(self.path("src/lib.rs"), source).unwrap();
    }

    pub(crate) fn write_file(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    pub(crate) fn read_file(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn has_file(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    pub(crate) fn remove_file(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    pub(crate) fn lock(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("schemas/{name}.lock"))).unwrap()
    }

    pub(crate) fn write_lock(&self, name: &str, text: &str) {
        fs::write(self.path(&format!("schemas/{name}.lock")), text).unwrap();
    }

    pub(crate) fn remove_lock(&self, name: &str) {
        fs::remove_file(self.path(&format!("schemas/{name}.lock"))).unwrap();
    }

    pub(crate) fn check(&self, variables: &[&str]) -> Outcome {
        self.check_from(self.folder.path(), variables)
    }

    pub(crate) fn set_edition(&self, edition: &str) {
        let path = self.path("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        let is_edition = |line: &&str| line.starts_with("edition = ");
        let line = manifest.lines().find(is_edition).unwrap();
        fs::write(path, manifest.replace(line, &format!("edition = \"{edition}\""))).unwrap();
    }

    pub(crate) fn clippy(&self) -> Outcome {
        self.run(&mut self.cargo(&["clippy"]))
    }

    pub(crate) fn check_with(&self, variable: &str, value: &str) -> Outcome {
        self.run(self.cargo(&["check"]).env(variable, value))
    }

    pub(crate) fn test_with(&self, variable: &str, value: &str) -> Outcome {
        self.run(self.cargo(&["test"]).env(variable, value))
    }

    pub(crate) fn check_from(&self, folder: &Path, variables: &[&str]) -> Outcome {
        self.run(
            self.cargo(&["check"])
                .current_dir(folder)
                .envs(variables.iter().map(|name| (name, "1"))),
        )
    }

    /// With nothing but what finds the tools.
    pub(crate) fn check_without_environment(&self) -> Outcome {
        let kept = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
        let kept = kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        self.run(self.cargo(&["check"]).env_clear().envs(kept).env("CARGO_TARGET_DIR", target()))
    }

    pub(crate) fn test(&self, variables: &[&str]) -> Outcome {
        self.run(self.cargo(&["test"]).envs(variables.iter().map(|name| (name, "1"))))
    }

    pub(crate) fn append_to_manifest(&self, text: &str) {
        let path = self.path("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        fs::write(path, manifest + text).unwrap();
    }

    /// A lock of a package that has none.
    pub(crate) fn write_new_lock(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path("schemas")).unwrap();
        self.write_lock(name, text);
    }

    /// The files in a folder with their texts.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, String> {
        let files = fs::read_dir(self.path(folder)).unwrap().map(|file| file.unwrap());
        let text = |file: &fs::DirEntry| fs::read_to_string(file.path()).unwrap();
        files.map(|file| (file.file_name().into_string().unwrap(), text(&file))).collect()
    }

    /// Builds the package as a program that runs `measure::main`, and keeps it under that name.
    pub(crate) fn build(&self, name: &str) -> PathBuf {
        let main = format!("fn main() {{ measure::main::<{}::second::Types>(); }}\n", self.name);
        self.build_with(name, &main)
    }

    /// Builds the package as a program with that `main`, and keeps it under that name.
    pub(crate) fn build_with(&self, name: &str, main: &str) -> PathBuf {
        self.write_file("src/main.rs", main);
        self.run(&mut self.cargo(&["build", "--quiet"])).passes();
        self.remove_file("src/main.rs");
        let kept = self.path(name);
        fs::copy(target().join("debug").join(self.name), &kept).unwrap();
        kept
    }

    /// Output of a program that runs in the folder of the package.
    pub(crate) fn run_binary(&self, program: &Path, words: &[&str]) -> String {
        fs::create_dir_all(self.path("play")).unwrap();
        let mut command = Command::new(program);
        let outcome = self.run(command.args(words).current_dir(self.folder.path()));
        outcome.passes();
        String::from_utf8(outcome.output.stdout).unwrap()
    }

    /// Output of a command of cargo, whatever its outcome.
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.cargo(arguments).output().unwrap().stdout).unwrap()
    }

    pub(crate) fn packaged_files(&self) -> String {
        let output = self.cargo(&["package", "--list", "--allow-dirty"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments).arg("--offline").arg("--manifest-path").arg(self.path("Cargo.toml"));
        cargo.current_dir(self.folder.path()).env("CARGO_TARGET_DIR", target());
        for variable in ["SYNCKIT_LOCKED", "SYNCKIT_BLESS", "RUSTFLAGS"] {
            cargo.env_remove(variable);
        }
        cargo
    }

    fn run(&self, command: &mut Command) -> Outcome {
        Outcome { output: command.output().unwrap(), name: self.name }
    }
}

/// One target folder for all packages: synckit is compiled once.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema")
}

/// Outcome of a run of cargo.
pub(crate) struct Outcome {
    output: Output,
    name: &'static str,
}

impl Outcome {
    pub(crate) fn passes(&self) {
        assert!(self.output.status.success(), "{}", self.text());
    }

    pub(crate) fn fails_with(&self, message: &str) {
        assert!(!self.output.status.success(), "{}", self.text());
        assert!(self.text().contains(message), "{}", self.text());
    }

    /// The errors of rustc.
    pub(crate) fn errors(&self) -> usize {
        let text = self.text();
        let is_error = |line: &&str| {
            line.starts_with("error") && !line.starts_with("error: could not compile")
        };
        text.lines().filter(is_error).count()
    }

    /// It passes, and nothing was compiled.
    pub(crate) fn is_fresh(&self) {
        self.passes();
        let compiled = format!(" {} v0.1.0", self.name);
        assert!(!self.text().contains(&compiled), "{}", self.text());
    }

    pub(crate) fn text(&self) -> String {
        let out = String::from_utf8_lossy(&self.output.stdout);
        format!("{out}\n{}", String::from_utf8_lossy(&self.output.stderr))
    }
}
