//! `synckit verify` and `synckit repair`: files that are damaged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use synckit::Hub;
use synckit::branch::Branches;
use synckit::id::{Name, Position};
use synckit::replica::SyncOptions;
use synckit::store::{EventStore, LIST_ROWS_MAX, StoreErrorKind, StoredSpace};

use crate::bar;
use crate::exchange::{PeerAccess, put_in_place};
use crate::exit::{Cause, Exit};
use crate::files::{Blocks, read, spaces_of, write};
use crate::output::Output;

/// Read everything that a store holds, and check it; the exit code is 5 when something is damaged
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The store's file
    file: PathBuf,
}

/// Counts of things that were read without finding damage.
#[derive(Default)]
struct Sound {
    spaces: u64,
    events: u64,
    states: u64,
}

impl Verify {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let (sound, damages) = verify(&self.file, out).await?;
        for damage in &damages {
            out.tell(|| json!({ "damaged": damage }), || format!("damaged: {damage}"))?;
        }
        let Sound { spaces, events, states } = sound;
        out.tell(
            || {
                let sound = damages.is_empty();
                json!({ "sound": sound, "spaces": spaces, "events": events, "states": states })
            },
            || format!("{events} events and {states} states of {spaces} spaces are sound"),
        )?;
        if damages.is_empty() {
            return Ok(());
        }
        let file = self.file.display();
        let text = format!("{file} is damaged; `synckit repair {file}` saves what can be read");
        Err(Exit::new(Cause::Found, text))
    }
}

/// Reads everything; returns what is sound, and texts that say what is not.
async fn verify(file: &Path, out: &Output) -> Result<(Sound, Vec<String>), Exit> {
    let (mut sound, mut damages) = (Sound::default(), Vec::new());
    let store = match EventStore::open_read_only(file).await {
        Ok(store) => store,
        Err(error) if *error.kind() == StoreErrorKind::Corrupt => {
            damages.push(format!("{error:#}"));
            return Ok((sound, damages));
        }
        Err(error) => return Err(Exit::of_store(&error)),
    };
    let spaces = match spaces_of(&store).await {
        Ok(spaces) => spaces,
        Err(exit) => {
            damages.push(exit.to_string());
            Vec::new()
        }
    };
    let events = spaces.iter().map(|space| space.end.position.0 - space.begins.0).sum();
    let bar = bar::of_events(out, "verifying", events);
    for space in spaces {
        sound.spaces += 1;
        if let Err(damage) = space_of(&store, &space, &mut sound, &bar).await {
            damages.push(format!("space `{}`: {damage}", space.id));
        }
    }
    Ok((sound, damages))
}

async fn space_of(
    store: &EventStore,
    space: &StoredSpace,
    sound: &mut Sound,
    bar: &ProgressBar,
) -> Result<(), String> {
    let in_part = store.filter(&space.id).await.map_err(|error| format!("{error:#}"))?.is_some();
    let mut kinds: BTreeSet<Name> = BTreeSet::new();
    let (mut branches, mut end, mut bytes) = (Branches::new(), Position::START, 0);
    let mut blocks = Blocks::of(store, &space.id, Position::START);
    loop {
        let page = blocks.next().await.map_err(|exit| exit.to_string())?;
        if page.is_empty() {
            break;
        }
        for log in &page {
            let at = |error: &dyn std::fmt::Display| format!("behind {}: {error}", log.start.0);
            if !in_part {
                log.block.check_authors().map_err(|error| at(&error))?;
                if space.begins == Position::START {
                    log.extend(&mut branches).map_err(|error| at(&error))?;
                }
            }
            kinds.extend(log.block.aggregates().iter().map(|aggregate| aggregate.kind.clone()));
            end = log.end();
            bytes += log.block.bytes().len() as u64;
            sound.events += log.block.len() as u64;
            bar.inc(log.block.len() as u64);
        }
    }
    // The last commits say everything about what stands before them.
    let stored = store.branches(&space.id).await.map_err(|error| format!("{error:#}"))?;
    let is_whole = !in_part && space.begins == Position::START;
    // Another program may have written meanwhile.
    if is_whole && end == space.end.position && branches.heads().ne(stored.heads()) {
        return Err("its log does not hold what its branches say".to_owned());
    }
    if end == space.end.position && bytes != space.bytes {
        return Err("its log does not have the bytes that its row says".to_owned());
    }
    for kind in kinds {
        let mut after = None;
        loop {
            let states = store.states(&space.id, &kind, after.as_ref(), LIST_ROWS_MAX).await;
            let states = states.map_err(|error| format!("{error:#}"))?;
            sound.states += states.len() as u64;
            let Some((last, _)) = states.into_iter().next_back() else { break };
            after = Some(last);
        }
    }
    Ok(())
}

/// Put a fresh store with everything that can be read in the place of a damaged file
#[derive(Args, Debug)]
pub(crate) struct Repair {
    /// The store's file. It is kept under another name
    file: PathBuf,
    /// Fetches what is missing from the hub at this address
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    #[command(flatten)]
    access: PeerAccess,
}

impl Repair {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let (sound, damages) = verify(&self.file, out).await?;
        if damages.is_empty() {
            out.tell(
                || json!({ "sound": true, "events": sound.events }),
                || format!("{} is sound: nothing to repair", self.file.display()),
            )?;
        } else {
            self.salvage(out).await?;
        }
        let Some(url) = &self.from else { return Ok(()) };
        let transport = self.access.to(url)?;
        let store = Arc::new(write(&self.file)?);
        let hub = Hub::builder().over(Arc::clone(&store));
        for space in spaces_of(&store).await? {
            let synced = hub.sync_once(&space.id, transport.clone(), SyncOptions::new()).await;
            let report = synced.map_err(|error| Exit::of_sync(&error))?;
            let left = store.left(&space.id).await.map_err(|error| Exit::of_store(&error))?;
            let waiting: u64 = left.iter().map(|range| range.last + 1 - range.first).sum();
            out.tell(
                || {
                    let name = space.id.as_str();
                    json!({ "space": name, "fetched": report.pulled, "waiting": waiting })
                },
                || {
                    let (id, fetched) = (&space.id, report.pulled);
                    format!("{id}: fetched {fetched} events; {waiting} wait for what is lost")
                },
            )?;
        }
        store.close().await.map_err(|error| Exit::of_store(&error))
    }

    async fn salvage(&self, out: &mut Output) -> Result<(), Exit> {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let fresh = self.file.with_file_name(format!(".{name}.repaired"));
        if fresh.exists() {
            std::fs::remove_file(&fresh).map_err(|error| Exit::new(Cause::Store, error))?;
        }
        let report = EventStore::salvage(&self.file, &fresh).await;
        let report = report.map_err(|error| Exit::of_store(&error))?;
        let kept = put_in_place(&fresh, &self.file, "damaged")?;
        // It opens.
        drop(read(&self.file).await?);
        let kept = kept.map(|kept| kept.display().to_string());
        let events: u64 = report.spaces.iter().map(|space| space.events).sum();
        out.tell(
            || json!({ "sound": false, "kept": kept, "events": events, "report": report.to_string() }),
            || report.to_string(),
        )
    }
}
