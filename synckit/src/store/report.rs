//! Reports of salvage: what was saved out of a damaged file.

use std::fmt;
use std::path::PathBuf;

use crate::id::{ReplicaId, SpaceId};

/// Report of a salvage. `Display` gives it line by line, for logs.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SalvageReport {
    /// The damaged file, where it is kept. It was only read.
    pub damaged: PathBuf,
    /// The id under which the store wrote last, if its key could be read.
    pub author: Option<ReplicaId>,
    /// True when the store writes on under its key. It takes another one when the key could not be
    /// read, or when events under it may be lost: numbers would be given twice.
    pub keeps_key: bool,
    /// The spaces of which anything could be read, by name.
    pub spaces: Vec<SalvagedSpace>,
    /// True when it is proved that all events of the file are in the log: only states and cursors,
    /// which come again by themselves, can have been damaged.
    pub is_whole: bool,
}

/// Report of the salvage of a space.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SalvagedSpace {
    /// The space.
    pub space: SpaceId,
    /// The number of events in its log.
    pub events: u64,
    /// Events that are kept and no part of the log yet: they follow events that could not be read,
    /// and are admitted when those come from a peer. See
    /// [`EventStore::left`](crate::store::EventStore::left).
    pub left: Vec<EventRange>,
    /// Events that are known to have been there and could not be read. A peer that has them gives
    /// them back at the next sync; those that were never synced are lost.
    pub lost: Vec<EventRange>,
    /// True when it is proved that the log ended where this one does. Otherwise events at its end may
    /// be lost beyond those named.
    pub ends_known: bool,
}

/// Consecutive events of an author.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(clippy::exhaustive_structs, reason = "there is no more to a range")]
pub struct EventRange {
    /// The author.
    pub author: ReplicaId,
    /// The number of the first event.
    pub first: u64,
    /// The number of the last event.
    pub last: u64,
}

impl fmt::Display for SalvageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "salvaged {}", self.damaged.display())?;
        f.write_str(match (self.is_whole, self.keeps_key) {
            (true, _) => ": every event is there",
            (false, true) => "",
            (false, false) => "; the store writes on under another key",
        })?;
        for space in &self.spaces {
            write!(f, "\nspace `{}`: {} events", space.space, space.events)?;
            list(f, "waiting for what they follow", &space.left)?;
            list(f, "unreadable, to be had from peers that hold them", &space.lost)?;
            if !space.ends_known {
                f.write_str("; its end is not known")?;
            }
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, told: &str, ranges: &[EventRange]) -> fmt::Result {
    if ranges.is_empty() {
        return Ok(());
    }
    write!(f, "; {told}:")?;
    for EventRange { author, first, last } in ranges {
        write!(f, " {author:.8} {first}-{last}")?;
    }
    Ok(())
}
