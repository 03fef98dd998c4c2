//! `synckit doctor`: what could keep a store from being written or synced on this machine.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;
use synckit::Hub;
use synckit::id::SpaceId;
use synckit::replica::SyncOptions;
use synckit::store::EventStore;
use synckit::sync::Direction;
use synckit::transport::Transport;

use crate::exchange::PeerAccess;
use crate::exit::{Cause, Exit};
use crate::output::Output;

/// Bytes that the disk is tried with.
const PROBE_BYTES: usize = 1024 * 1024;
/// A disk that takes longer to make that durable is slow, in milliseconds.
const SLOW_MS: u128 = 100;
/// Clocks that differ by more are worth a look, in milliseconds.
const CLOCK_MS: u64 = 2_000;

/// Check a file, its disk, a hub's address, certificate and token, and the clock
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// A store's file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A hub's address
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// The space to ask the hub for
    #[arg(long, value_name = "NAME", default_value = "default")]
    space: SpaceId,
    #[command(flatten)]
    access: PeerAccess,
}

/// A check, and what came of it: good news, or what is wrong with what to do.
type Finding = (&'static str, Result<String, String>);

impl Doctor {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        if self.file.is_none() && self.hub.is_none() {
            return Err(Exit::settings("name what to check: --file FILE, --hub URL, or both"));
        }
        let mut findings = Vec::new();
        if let Some(file) = &self.file {
            findings.push(("disk", disk(file)));
            findings.push(("file", store(file).await));
            findings.push(("secrecy", secrecy(file)));
        }
        if let Some(url) = &self.hub {
            self.hub(url, &mut findings).await?;
        }
        let mut failed = false;
        for (what, found) in findings {
            failed |= found.is_err();
            let (is_good, text) = match found {
                Ok(text) => (true, text),
                Err(text) => (false, text),
            };
            out.tell(
                || json!({ "check": what, "good": is_good, "text": text }),
                || format!("{}  {what:<8} {text}", if is_good { "good" } else { "BAD " }),
            )?;
        }
        // Each has been told.
        if failed { Err(Exit::new(Cause::Found, "")) } else { Ok(()) }
    }

    async fn hub(&self, url: &str, findings: &mut Vec<Finding>) -> Result<(), Exit> {
        let transport = self.access.to(url)?;
        let begun = Instant::now();
        if let Err(error) = transport.connect().await {
            findings.push(("hub", Err(format!("{error:#}"))));
            return Ok(());
        }
        findings.push(("hub", Ok(format!("answers within {} ms", begun.elapsed().as_millis()))));
        // A store that holds nothing, and wants nothing: the hub only says who may come in.
        let nothing = Hub::builder().in_memory().map_err(|error| Exit::of_sync(&error))?;
        let push = SyncOptions::new().direction(Direction::Push);
        let synced = nothing.sync_once(&self.space, transport, push).await;
        findings.push((
            "rights",
            match &synced {
                Ok(_) => Ok(format!("space `{}` may be written", self.space)),
                Err(error) => Err(format!("{error:#}")),
            },
        ));
        if let Ok(report) = synced {
            let ahead = report.peer_clock_ahead_ms;
            let text = format!("the hub's is {ahead} ms ahead of this machine's");
            findings.push((
                "clock",
                if ahead.unsigned_abs() <= CLOCK_MS {
                    Ok(text)
                } else {
                    Err(format!("{text}; set the one that is wrong"))
                },
            ));
        }
        Ok(())
    }
}

/// Tries to make something durable beside a file.
fn disk(file: &Path) -> Result<String, String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let probe = file.with_file_name(format!(".{name}.probe-{}", std::process::id()));
    let begun = Instant::now();
    let written = File::create_new(&probe).and_then(|mut file| {
        file.write_all(&vec![0x5a; PROBE_BYTES])?;
        file.sync_all()
    });
    let took = begun.elapsed().as_millis();
    let _ = fs::remove_file(&probe);
    match written {
        Err(error) => {
            Err(format!("{error}; this program may not write beside the file, or no space is left"))
        }
        Ok(()) if took > SLOW_MS => Err(format!(
            "1 MiB was durable after {took} ms: each edit waits for this disk; use a faster one"
        )),
        Ok(()) => Ok(format!("1 MiB was durable after {took} ms")),
    }
}

async fn store(file: &Path) -> Result<String, String> {
    if !file.exists() {
        return Ok("is not there yet".to_owned());
    }
    let store = EventStore::open_read_only(file).await;
    let store = store.map_err(|error| Exit::of_store(&error).to_string())?;
    let spaces = store.spaces(None, usize::MAX).await;
    let spaces = spaces.map_err(|error| Exit::of_store(&error).to_string())?;
    let events: u64 = spaces.iter().map(|space| space.end.position.0 - space.begins.0).sum();
    Ok(format!(
        "opens; {events} events of {} spaces; `synckit verify` reads them all",
        spaces.len()
    ))
}

/// Checks that nobody else may read the file.
#[cfg(unix)]
fn secrecy(file: &Path) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(found) = fs::metadata(file) else { return Ok("there is nothing to read".to_owned()) };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok("only its owner may read it".to_owned());
    }
    let file = file.display();
    Err(format!("it holds a secret key, and others may read it (mode {mode:o}): chmod 600 {file}"))
}

#[cfg(not(unix))]
fn secrecy(_: &Path) -> Result<String, String> {
    Ok("is not checked on this system".to_owned())
}
