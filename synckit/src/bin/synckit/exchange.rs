//! `synckit sync`, `synckit backup` and `synckit restore`: stores that hold what others hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;
use synckit::Hub;
use synckit::id::SpaceId;
use synckit::replica::{SyncOptions, SyncReport};
use synckit::store::EventStore;
use synckit::sync::Direction;
use synckit::transport::tls::{CertifiedKey, TrustRoots};
use synckit::transport::{Credentials, GrpcTransport};

use crate::bar;
use crate::exit::{Cause, Exit};
use crate::files::{make, read, spaces_of, write};
use crate::output::Output;

/// Longest file with a token, in bytes.
const TOKEN_BYTES_MAX: u64 = 8 * 1024;
/// Most files that were replaced are kept beside a store.
const KEPT_MAX: u32 = 100;

/// Means by which a hub is talked to.
#[derive(Args, Debug)]
pub(crate) struct PeerAccess {
    /// A file with the token to show; nothing else stands in it
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Authorities to believe, PEM; those of the system otherwise
    #[arg(long, value_name = "FILE")]
    roots: Option<PathBuf>,
    /// Certificate to show, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Talks to another machine without encryption
    #[arg(long)]
    plain_text: bool,
}

impl PeerAccess {
    pub(crate) fn to(&self, url: &str) -> Result<GrpcTransport, Exit> {
        let settings = |error| Exit::settings(format!("{error:#}"));
        let transport =
            if self.plain_text { GrpcTransport::plain_text } else { GrpcTransport::new };
        let mut transport = transport(url).map_err(settings)?;
        if let Some(roots) = &self.roots {
            transport = transport.roots(TrustRoots::from_file(roots).map_err(settings)?);
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            let key = CertifiedKey::from_files(certificate, key).map_err(settings)?;
            transport = transport.identity(key);
        }
        match &self.token_file {
            Some(path) => transport.credentials(&token(path)?).map_err(settings),
            None => Ok(transport),
        }
    }
}

fn token(path: &Path) -> Result<Credentials, Exit> {
    use std::io::Read;
    let unread = |error: String| Exit::settings(format!("read {}: {error}", path.display()));
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| unread(error.to_string()))?;
    file.take(TOKEN_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unread(error.to_string()))?;
    Ok(Credentials::bearer(text.trim()))
}

/// Ways that events go.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum SyncWay {
    Both,
    Push,
    Pull,
}

/// Sync a store with a hub once, without the types of its events
#[derive(Args, Debug)]
pub(crate) struct Sync {
    /// The store's file, which no other program has open
    file: PathBuf,
    /// The hub's address, such as https://hub.example:7700
    url: String,
    #[command(flatten)]
    access: PeerAccess,
    /// A space; may stand several times. All of the file, or `default`, otherwise
    #[arg(long = "space", value_name = "NAME")]
    spaces: Vec<SpaceId>,
    /// Ways that events go
    #[arg(long, value_enum, default_value_t = SyncWay::Both)]
    direction: SyncWay,
    /// Makes the file when it is not there
    #[arg(long)]
    create: bool,
    /// Ends after so many seconds, for each space
    #[arg(long, value_name = "SECONDS")]
    within: Option<u64>,
}

impl Sync {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let transport = self.access.to(&self.url)?;
        let store = if self.create { make(&self.file)? } else { write(&self.file)? };
        let store = Arc::new(store);
        let mut spaces = self.spaces.clone();
        if spaces.is_empty() {
            spaces.extend(spaces_of(&store).await?.into_iter().map(|space| space.id));
        }
        if spaces.is_empty() {
            spaces.push(SpaceId::default());
        }
        let hub = Hub::builder().over(Arc::clone(&store));
        let mut options = SyncOptions::new().direction(match self.direction {
            SyncWay::Both => Direction::Both,
            SyncWay::Push => Direction::Push,
            SyncWay::Pull => Direction::Pull,
        });
        if let Some(seconds) = self.within {
            options = options.within(Duration::from_secs(seconds));
        }
        let mut failed = None;
        for space in &spaces {
            let bar = bar::of_events(out, "syncing", 0);
            let syncing = hub.sync_once(space, transport.clone(), options.clone());
            match bar::watching(&bar, syncing, async || done(&hub)).await {
                Ok(report) => tell(out, space, &report)?,
                // The other spaces need not wait for this one.
                Err(error) => failed = Some(Exit::of_sync(&error)),
            }
        }
        out.flush()?;
        let closed = store.close().await.map_err(|error| Exit::of_store(&error));
        match failed {
            Some(exit) => Err(exit),
            None => closed,
        }
    }
}

/// The events that were exchanged, of those that are known.
fn done(hub: &Hub) -> Option<(u64, u64)> {
    let progress = hub.open_sessions().first()?.progress;
    let done = progress.events_sent + progress.events_received;
    Some((done, done + progress.to_send + progress.to_receive))
}

fn tell(out: &mut Output, space: &SpaceId, report: &SyncReport) -> Result<(), Exit> {
    let millis = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX);
    out.tell(
        || {
            json!({
                "space": space.as_str(),
                "pushed": report.pushed,
                "pulled": report.pulled,
                "bytes_pushed": report.bytes_pushed,
                "bytes_pulled": report.bytes_pulled,
                "millis": millis,
                "peer_clock_ahead_ms": report.peer_clock_ahead_ms,
            })
        },
        || {
            format!(
                "{space}: pushed {} events, pulled {}, in {millis} ms",
                report.pushed, report.pulled
            )
        },
    )
}

/// Back a store up, also while a hub has it open; again later for what is new
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// The store's file
    file: PathBuf,
    /// The backup's file; made when it is not there
    backup: PathBuf,
}

impl Backup {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let from = read(&self.file).await?;
        let to = make(&self.backup)?;
        let ends = async |store: &EventStore| {
            let spaces = spaces_of(store).await.ok()?;
            Some(spaces.iter().map(|space| space.end.position.0).sum::<u64>())
        };
        let look = async || Some((ends(&to).await?, ends(&from).await?));
        let bar = bar::of_events(out, "backing up", 0);
        let report = bar::watching(&bar, from.back_up(&to), look).await;
        let closed = to.close().await.map_err(|error| Exit::of_store(&error));
        let report = report.map_err(|error| Exit::of_sync(&error))?;
        closed?;
        let backup = self.backup.display();
        out.tell(
            || json!({ "spaces": report.spaces, "new_events": report.events }),
            || format!("{} new events of {} spaces are in {backup}", report.events, report.spaces),
        )
    }
}

/// Put a backup in the place of a store, which is kept beside it
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The backup's file
    backup: PathBuf,
    /// The place; whatever stands there is renamed
    file: PathBuf,
}

impl Restore {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let from = read(&self.backup).await?;
        let made = beside(&self.file, ".restoring");
        if made.exists() {
            fs::remove_file(&made).map_err(|error| at(&made, &error))?;
        }
        let report = fill(&from, &made).await;
        let report = report.inspect_err(|_| drop(fs::remove_file(&made)))?;
        if self.file.exists() {
            // Whoever has it open would go on with the old file.
            drop(write(&self.file)?);
        }
        let kept = put_in_place(&made, &self.file, "replaced")?;
        let kept = kept.map(|kept| kept.display().to_string());
        out.tell(
            || json!({ "events": report, "kept": kept }),
            || {
                let file = self.file.display();
                let kept = kept.as_ref().map(|kept| format!("; what stood there is {kept}"));
                format!("{file} holds {report} events{}", kept.unwrap_or_default())
            },
        )
    }
}

/// A store of its own with what a backup holds: two that are restored from one have two keys.
async fn fill(from: &EventStore, made: &Path) -> Result<u64, Exit> {
    let to = make(made)?;
    let report = from.back_up(&to).await;
    let closed = to.close().await.map_err(|error| Exit::of_store(&error));
    let report = report.map_err(|error| Exit::of_sync(&error))?;
    closed?;
    Ok(report.events)
}

/// Gives a file that was made beside it a place. Another file that stands there is kept, under a name that
/// says what befell it, and returned.
pub(crate) fn put_in_place(
    made: &Path,
    place: &Path,
    befell: &str,
) -> Result<Option<PathBuf>, Exit> {
    let mut kept = None;
    if place.exists() {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let names = (1..=KEPT_MAX).map(|number| format!("{name}.{befell}-{number}"));
        let free = names.map(|name| place.with_file_name(name)).find(|name| !name.exists());
        let free = free.ok_or_else(|| {
            let text = format!("{KEPT_MAX} {befell} files are kept beside {}", place.display());
            Exit::new(Cause::Store, format!("{text}; move them away"))
        })?;
        fs::rename(place, &free).map_err(|error| at(&free, &error))?;
        kept = Some(free);
    }
    fs::rename(made, place).map_err(|error| at(place, &error))?;
    // Word of its opening goes with it; without that it would take another key, which does no harm.
    let _ = fs::rename(beside(made, ".opening"), beside(place, ".opening"));
    Ok(kept)
}

/// A hidden name in the same folder.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}{ending}"))
}

fn at(path: &Path, error: &std::io::Error) -> Exit {
    Exit::new(Cause::Store, format!("{}: {error}", path.display()))
}
