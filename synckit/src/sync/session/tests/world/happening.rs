//! Happenings of a simulated world.

use super::Place;
use super::accident::Accident;
use super::ahead::Passing;
use super::desk::Errand;
use crate::block::Block;
use crate::chain::CommitId;
use crate::id::ReplicaId;
use crate::log::{Cursor, Hidden};
use crate::sync::{Frame, Input};

/// Something that happens at some moment.
pub(super) enum Happening {
    Accident(Accident),
    Arrives(Place, Frame),
    Crashes(usize),
    Cut {
        edge: usize,
    },
    DeskTold(usize, u64, crate::replica_core::Input),
    Dials {
        edge: usize,
        again: bool,
    },
    HangsUp(Place),
    Partitioned {
        edge: usize,
        until: u64,
    },
    Persists(Place, Persist),
    Recalls(Place, (ReplicaId, Option<[u8; 32]>), Option<Cursor>, Vec<CommitId>),
    /// A node is opened with another filter.
    Refilters(usize, u64),
    Restarts(usize),
    Runs(usize, u64, Errand),
    /// A node's clock is set, so many milliseconds from the world's.
    Steps(usize, i64),
    Stops(usize),
    Told(Place, Input),
    TimesOut(Place),
    Writes(usize),
    Written(Place, Passing),
}

/// A commit on its way to a disk.
pub(super) struct Persist {
    pub(super) incarnation: u64,
    pub(super) peer: ReplicaId,
    pub(super) blocks: Vec<Block>,
    pub(super) hidden: Hidden,
    pub(super) cursor: Cursor,
}

impl Happening {
    /// Numbers that tell it from others in a trace.
    pub(super) fn numbers(&self) -> [u64; 3] {
        let at = |place: &Place| (place.connection * 2 + place.side) as u64;
        match self {
            Self::Arrives(place, frame) => [1, at(place), frame.size() as u64],
            Self::Crashes(node) => [2, *node as u64, 0],
            Self::Cut { edge } => [3, *edge as u64, 0],
            Self::Dials { edge, again } => [4, *edge as u64, u64::from(*again)],
            Self::HangsUp(place) => [5, at(place), 0],
            Self::Partitioned { edge, until } => [6, *edge as u64, *until],
            Self::Persists(place, persist) => [7, at(place), persist.cursor.position.0],
            Self::Recalls(place, ..) => [8, at(place), 0],
            Self::Restarts(node) => [9, *node as u64, 0],
            Self::Stops(edge) => [10, *edge as u64, 0],
            Self::Told(place, _) => [11, at(place), 0],
            Self::TimesOut(place) => [12, at(place), 0],
            Self::Writes(node) => [13, *node as u64, 0],
            Self::Written(place, _) => [19, at(place), 0],
            Self::DeskTold(node, incarnation, _) => [14, *node as u64, *incarnation],
            Self::Runs(node, incarnation, _) => [15, *node as u64, *incarnation],
            Self::Accident(accident) => [16, accident.number(), 0],
            Self::Refilters(node, choice) => [18, *node as u64, *choice],
            Self::Steps(node, skew) => [17, *node as u64, skew.unsigned_abs()],
        }
    }
}
