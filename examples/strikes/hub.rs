//! The hub: a process of its own, which this program starts from its own executable.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Stdio;

use synckit::Hub;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::failure::Failure;

/// Serves a hub: the body of the hub's process. Prints the address, and works until standard input
/// ends, which it also does when the parent is killed.
pub(crate) async fn serve(store: &Path, listen: &str) -> Result<(), Failure> {
    let hub = Hub::builder().open(store).await?.serve(listen).await?;
    writeln!(io::stdout(), "{}", hub.url())?;
    // Nothing is expected there; only the end is waited for.
    let (mut input, mut nowhere) = (tokio::io::stdin(), tokio::io::sink());
    tokio::select! {
        _ = tokio::io::copy(&mut input, &mut nowhere) => {}
        // Typed at a terminal it reaches parent and child alike; the hub ends in good order all the same.
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(hub.shut_down().await?)
}

/// The hub's process, seen by its parent. Dropping it kills it, which loses nothing that the hub
/// acknowledged.
#[derive(Debug)]
pub(crate) struct HubProcess {
    child: Child,
    /// The hub works for as long as this is open.
    stdin: Option<ChildStdin>,
    url: String,
}

impl HubProcess {
    /// Starts the process, and waits until it listens.
    pub(crate) async fn start(store: &Path, listen: &str) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["hub", "--listen", listen, "--data"])
            .arg(store)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut url = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut url).await?;
        }
        let stdin = child.stdin.take();
        let mut hub = Self { child, stdin, url: url.trim_end().to_owned() };
        if hub.url.is_empty() { Err(hub.ended().await) } else { Ok(hub) }
    }

    /// The address that it listens on.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Tells the hub to end, and waits until its file is closed.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        drop(self.stdin.take());
        if self.child.wait().await?.success() { Ok(()) } else { Err(self.ended().await) }
    }

    /// Waits until the process has ended by itself, and says why it did.
    pub(crate) async fn ended(&mut self) -> Failure {
        let mut said = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            // Whatever can be read of it; it only helps to explain.
            let _ = stderr.read_to_string(&mut said).await;
        }
        match (self.child.wait().await, said.trim()) {
            (Ok(status), "") => format!("the hub ended: {status}").into(),
            (Err(error), "") => format!("the hub was lost: {error}").into(),
            (_, said) => format!("the hub: {}", said.trim_start_matches("error: ")).into(),
        }
    }
}
