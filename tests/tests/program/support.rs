//! The program, started, told things, and ended.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use synckit::transport::tls::TrustRoots;
use synckit::{Replica, registry, sync_aggregate};
use synckit_tests::built_synckit;
use tempfile::TempDir;

/// The page about the program.
pub(crate) const PAGE: &str = include_str!("../../../synckit/docs/program.md");

#[sync_aggregate(name = "till")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Till {
    #[merge(lww)]
    pub(crate) title: String,
}

pub(crate) async fn replica() -> Replica {
    Replica::builder().registry(registry![Till]).in_memory().await.unwrap()
}

pub(crate) async fn sell(at: &Replica, title: &str) {
    at.create(&Till { title: title.to_owned() }).await.unwrap();
}

/// A folder for one story.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    /// Writes `hub.pem` and `hub.key`, for this machine, and tells whom to believe.
    pub(crate) fn certify(&self) -> TrustRoots {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        self.write("hub.pem", &made.cert.pem());
        self.write("hub.key", &made.signing_key.serialize_pem());
        TrustRoots::from_pem(made.cert.pem().as_bytes()).unwrap()
    }

    /// `synckit hub` in this folder, ready to start.
    pub(crate) fn hub(&self, args: &[&str]) -> Command {
        self.program(&[&["hub"], args].concat())
    }

    /// The program in this folder, ready to start, without settings from outside.
    pub(crate) fn program(&self, args: &[&str]) -> Command {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        let mut command = Command::new(BUILT.get_or_init(built_synckit));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["SYNCKIT_HUB_", "OTEL_"].iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(&*name);
            }
        }
        command.current_dir(self.path()).stdin(Stdio::null()).env_remove("NOTIFY_SOCKET");
        command.args(args);
        command
    }

    /// Runs `synckit hub` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        said(self.hub(args).output().unwrap())
    }

    /// Runs another command to its end.
    pub(crate) fn does(&self, args: &[&str]) -> Said {
        said(self.program(args).output().unwrap())
    }

    /// Serves `hub.redb` on a free port.
    pub(crate) fn serve(&self, args: &[&str]) -> Running {
        let args = [&["hub.redb", "--listen", "127.0.0.1:0"], args].concat();
        Running::start(self.hub(&args), self.path().join("log"))
    }
}

/// Exit code and output.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Checks that the program failed with a code and told why in one line, which it returns.
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        self.err.strip_prefix("error: ").unwrap_or_else(|| panic!("{self:?}")).trim_end()
    }
}

impl Said {
    /// Checks that all went well, and returns the lines.
    pub(crate) fn lines(&self) -> Vec<&str> {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out.lines().collect()
    }

    /// The same lines as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.values()
    }

    /// The lines as JSON, whatever the exit code. The page about the program names their members.
    pub(crate) fn values(&self) -> Vec<Value> {
        let lines = self.out.lines();
        let read = |line| -> Value {
            let value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            for member in Value::as_object(&value).into_iter().flat_map(|object| object.keys()) {
                let told = [format!("`{member}`"), format!("\"{member}\"")];
                assert!(told.iter().any(|told| PAGE.contains(told)), "{member} is not documented");
            }
            value
        };
        lines.map(read).collect()
    }
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A hub that serves. Killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
    log: PathBuf,
}

impl Running {
    /// Starts it, and waits until it listens. Its log goes to a file.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Self {
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let read = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
        read.unwrap();
        let url = line.trim_end().strip_prefix("listening on ").map(str::to_owned);
        let url = url.unwrap_or_else(|| panic!("{line:?} {}", fs::read_to_string(&log).unwrap()));
        Self { child, url, log }
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{signal}")).arg(self.child.id().to_string());
        assert!(kill.status().unwrap().success());
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to end, and waits until it has.
    pub(crate) async fn end(self) -> Option<i32> {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits until it has ended. Replicas go on meanwhile: the hub has something to tell them.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        let waiting = tokio::task::spawn_blocking(move || self.child.wait().unwrap().code());
        waiting.await.unwrap()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until a line of the log holds a text.
    pub(crate) async fn logs(&self, text: &str) {
        let found = async {
            while !self.log().contains(text) {
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(std::time::Duration::from_secs(30), found).await;
        assert!(found.is_ok(), "{text:?} is not in {}", self.log());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
