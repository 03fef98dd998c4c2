//! Lines that a peer which holds a part of a space takes for granted: hidden commits are on the line of
//! the last commit of their author that it was sent in the session. Both sides count along.

use std::collections::{BTreeMap, BTreeSet};

use crate::block::Block;
use crate::branch::BRANCHES_MAX;
use crate::chain::{Chain, CommitId};
use crate::id::ReplicaId;
use crate::log::Bridge;

/// Of each author the commit on whose line the hidden ones are.
#[derive(Debug, Default)]
pub(super) struct LineMarks {
    /// The session began at the beginning of the log: of whom nothing was sent, nothing is shown.
    pub(super) from_beginning: bool,
    /// The number of its last event, and the chain there; number 0 when nothing of the author is shown.
    marks: BTreeMap<ReplicaId, (u64, Chain)>,
}

impl LineMarks {
    /// The marks of a session that begins at the beginning of the log.
    pub(super) const fn from_beginning() -> Self {
        Self { from_beginning: true, marks: BTreeMap::new() }
    }

    /// The mark of an author; `None` while nothing is known.
    pub(super) fn of(&self, author: &ReplicaId) -> Option<(u64, Chain)> {
        let beginning = self.from_beginning.then_some(Bridge::NOTHING);
        self.marks.get(author).copied().or(beginning)
    }

    /// Notes what is told of hidden commits: the first word of an author of whom nothing was sent.
    pub(super) fn tell(&mut self, bridges: &[Bridge]) {
        for bridge in bridges {
            // A space has no more authors: whoever tells of more makes them up.
            if self.marks.len() < BRANCHES_MAX {
                self.marks.entry(bridge.hidden.author).or_insert(bridge.after);
            }
        }
    }

    /// Notes that a run is sent, which ends with a commit.
    pub(super) fn send(&mut self, end: CommitId) {
        self.marks.insert(end.author, (end.seq, end.chain));
    }

    /// Notes what a frame brings, and adds what is taken for granted to what is told.
    pub(super) fn receive(&mut self, blocks: &[Block], bridges: &mut Vec<Bridge>) {
        self.tell(bridges);
        let mut known: BTreeSet<_> = bridges.iter().map(|bridge| bridge.hidden).collect();
        let mut grant = |hidden: CommitId, mark: Option<(u64, Chain)>| {
            let Some(after) = mark.filter(|after| *after != (hidden.seq, hidden.chain)) else {
                return;
            };
            if hidden.seq > 0 && known.insert(hidden) {
                bridges.push(Bridge { hidden, after });
            }
        };
        for block in blocks {
            for (run, end) in block.runs().iter().zip(block.ends()) {
                let (before, mark) = (run.before(), self.of(&run.replica));
                grant(before, mark.filter(|(seq, _)| *seq < before.seq));
                self.send(end);
            }
            for anchor in block.anchors() {
                grant(*anchor, self.of(&anchor.author));
            }
        }
    }
}
