//! `synckit diff`: what one store holds and another one lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use synckit::Hub;
use synckit::branch::BranchNo;
use synckit::chain::CommitId;
use synckit::id::{Position, ReplicaId, SpaceId};
use synckit::replica::SyncOptions;
use synckit::store::EventStore;
use synckit::sync::Direction;

use crate::exchange::PeerAccess;
use crate::exit::{Cause, Exit};
use crate::files::{Blocks, read, spaces_of};
use crate::output::Output;

/// Show what one store holds and the other one lacks; the exit code is 5 when they differ
#[derive(Args, Debug)]
pub(crate) struct FileDiff {
    /// One store's file
    one: PathBuf,
    /// The other's, or the address of a hub, which is asked for everything that it holds
    other: String,
    /// One space; all of both files otherwise, or of the file where the other is a hub
    #[arg(long, value_name = "NAME")]
    space: Option<SpaceId>,
    #[command(flatten)]
    access: PeerAccess,
}

/// Consecutive events of an author.
struct Missing {
    author: ReplicaId,
    first: u64,
    last: u64,
}

impl FileDiff {
    pub(crate) async fn run(&self, out: &mut Output) -> Result<(), Exit> {
        let one = read(&self.one).await?;
        let mut spaces = names(&one).await?;
        let other = if self.other.contains("://") {
            if let Some(space) = &self.space {
                spaces = BTreeSet::from([space.clone()]);
            }
            self.fetch(&spaces).await?
        } else {
            read(Path::new(&self.other)).await?
        };
        spaces.extend(names(&other).await?);
        spaces.retain(|space| self.space.as_ref().is_none_or(|wanted| space == wanted));
        let mut differ = false;
        let (left, right) = (self.one.as_path(), Path::new(&self.other));
        for space in &spaces {
            for (name, held, by) in [(left, &one, &other), (right, &other, &one)] {
                for missing in lacking(space, held, by).await? {
                    differ = true;
                    let Missing { author, first, last } = missing;
                    let name = name.display();
                    out.tell(
                        || {
                            json!({
                                "space": space.as_str(),
                                "only": name.to_string(),
                                "author": author.to_string(),
                                "first": first,
                                "last": last,
                            })
                        },
                        || {
                            format!(
                                "only in {name}: {space}: events {first} to {last} of {author:.8}"
                            )
                        },
                    )?;
                }
            }
        }
        // Nothing more is to be said.
        if differ { Err(Exit::new(Cause::Found, "")) } else { Ok(()) }
    }
}

impl FileDiff {
    /// Everything that a hub holds of some spaces, in memory.
    async fn fetch(&self, spaces: &BTreeSet<SpaceId>) -> Result<EventStore, Exit> {
        let transport = self.access.to(&self.other)?;
        let failed = |error| Exit::of_sync(&error);
        let hub = Hub::builder().in_memory().map_err(failed)?;
        let pull = SyncOptions::new().direction(Direction::Pull);
        for space in spaces {
            hub.sync_once(space, transport.clone(), pull.clone()).await.map_err(failed)?;
        }
        hub.store().share().map_err(|error| Exit::of_store(&error))
    }
}

async fn names(store: &EventStore) -> Result<BTreeSet<SpaceId>, Exit> {
    Ok(spaces_of(store).await?.into_iter().map(|space| space.id).collect())
}

/// The events of a space that one store holds and another one lacks.
async fn lacking(
    space: &SpaceId,
    held: &EventStore,
    by: &EventStore,
) -> Result<Vec<Missing>, Exit> {
    let failed = |error| Exit::of_store(&error);
    // A branch whose head is held is held whole; what is behind the other's commits is, too. The rest
    // is looked up, commit by commit, up to the first one that is missing.
    let branches = held.branches(space).await.map_err(failed)?;
    let mut whole = BTreeSet::new();
    for (no, branch) in branches.iter() {
        if holds(by, space, branch.head).await? {
            whole.insert(no);
        }
    }
    let frontier = by.frontier(space).await.map_err(failed)?;
    let known = held.cover(space, &frontier).await.map_err(failed)?;
    let mut missing: BTreeMap<BranchNo, Missing> = BTreeMap::new();
    let mut blocks = Blocks::of(held, space, Position::START);
    loop {
        let page = blocks.next().await?;
        if page.is_empty() {
            return Ok(missing.into_values().collect());
        }
        let runs = page.iter().flat_map(|log| {
            let ends = log.runs.iter().zip(log.block.runs());
            ends.enumerate().map(move |(run, (place, of))| (log, run, place.branch, of))
        });
        for (log, run, branch, of) in runs {
            if whole.contains(&branch) || known.covers(branch, of.last_seq()) {
                continue;
            }
            if let Some(before) = missing.get_mut(&branch) {
                before.last = of.last_seq();
                continue;
            }
            for commit in log.block.commits_of(run) {
                if !known.covers(branch, commit.id.seq) && !holds(by, space, commit.id).await? {
                    let first = commit.id.seq + 1 - commit.entries.len() as u64;
                    let (author, last) = (of.replica, of.last_seq());
                    missing.insert(branch, Missing { author, first, last });
                    break;
                }
            }
        }
    }
}

/// True when a store holds a commit.
async fn holds(store: &EventStore, space: &SpaceId, commit: CommitId) -> Result<bool, Exit> {
    let covered = store.cover(space, &[commit]).await;
    Ok(!covered.map_err(|error| Exit::of_store(&error))?.is_empty())
}
