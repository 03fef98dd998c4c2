//! What must hold at every moment, judged from what is durable and from what was ever written.

use std::collections::BTreeMap;

use super::super::ledger::Ledger;
use crate::envelope::Chain;
use crate::id::{Position, ReplicaId};
use crate::sync::SessionError;
use crate::sync::frame::GoodbyeCode;

/// Ok while the world is sound; why it is not.
pub(super) type Sound = Result<(), String>;

/// Everything that the invariants are judged by. Knows nothing of sessions.
pub(super) struct Audit {
    /// Every event ever written, by its chain.
    written: BTreeMap<ReplicaId, Vec<Chain>>,
    logs: Vec<Log>,
}

/// What one node's log holds, counted by ourselves.
#[derive(Default)]
struct Log {
    blocks: usize,
    seen: BTreeMap<ReplicaId, u64>,
    /// What the log holds before each position at which a block ends.
    prefixes: BTreeMap<Position, BTreeMap<ReplicaId, u64>>,
    /// What others were told is held here.
    promised: BTreeMap<ReplicaId, u64>,
}

impl Audit {
    pub(super) fn of(nodes: usize) -> Self {
        Self { written: BTreeMap::new(), logs: (0..nodes).map(|_| Log::default()).collect() }
    }

    /// A node's author has made the events of these blocks: nobody may ever hold others under their
    /// names.
    pub(super) fn wrote(&mut self, ledger: &Ledger, first_block: usize) {
        let chains = self.written.entry(ledger.replica()).or_default();
        for entry in ledger.blocks[first_block..].iter().flat_map(|log| log.block.entries()) {
            let before = chains.last().copied().unwrap_or(Chain::START);
            chains.push(entry.head_after(&before).chain);
        }
    }

    /// A node's log may have grown: each author's events are there without gap or repetition, are
    /// those that were written, and stand after everything that their author had seen.
    pub(super) fn grew(&mut self, node: usize, ledger: &Ledger) -> Sound {
        let log = &mut self.logs[node];
        for held in &ledger.blocks[log.blocks..] {
            for entry in held.block.entries() {
                let dot = entry.dot();
                let before = log.seen.insert(dot.replica, dot.seq).unwrap_or(0);
                if dot.seq != before + 1 {
                    return Err(format!("node {node} holds {dot} right after number {before}"));
                }
                for seen in entry.context().iter() {
                    if log.seen.get(&seen.replica).is_none_or(|seq| *seq < seen.seq) {
                        return Err(format!("node {node} holds {dot} before its cause {seen}"));
                    }
                }
            }
            for run in held.block.runs() {
                let last = crate::id::Dot { replica: run.replica, seq: run.last_seq() };
                let index = usize::try_from(last.seq - 1).unwrap();
                if held.block.chain_at(last).as_ref() != self.written[&run.replica].get(index) {
                    return Err(format!("node {node} holds other contents than written as {last}"));
                }
            }
            log.prefixes.insert(held.end(), log.seen.clone());
        }
        log.blocks = ledger.blocks.len();
        Ok(())
    }

    /// `holder` tells `author`'s node that it holds that node's log so far: it does, durably, and
    /// for ever.
    pub(super) fn acknowledged(&mut self, holder: usize, of: usize, through: Position) -> Sound {
        self.covers(holder, of, through).map_err(|missing| {
            format!("node {holder} acknowledged {through} of node {of} without {missing}")
        })?;
        let prefix = self.logs[of].prefixes.get(&through).cloned().unwrap_or_default();
        let promised = &mut self.logs[holder].promised;
        for (replica, seq) in prefix {
            let most = promised.entry(replica).or_default();
            *most = seq.max(*most);
        }
        Ok(())
    }

    /// `holder` has stored a cursor: it holds everything that lies before it.
    pub(super) fn cursor(&self, holder: usize, of: usize, cursor: Position) -> Sound {
        self.covers(holder, of, cursor).map_err(|missing| {
            format!("node {holder} has cursor {cursor} of node {of} without {missing}")
        })
    }

    /// What was promised to be held is held.
    pub(super) fn kept_promises(&self) -> Sound {
        for (node, log) in self.logs.iter().enumerate() {
            for (replica, seq) in &log.promised {
                if log.seen.get(replica).is_none_or(|held| held < seq) {
                    return Err(format!(
                        "node {node} lost {replica:.8}:{seq}, which it acknowledged"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Every node holds everything that was ever written, and all frontiers agree to the last hash.
    pub(super) fn converged<'a>(&self, mut ledgers: impl Iterator<Item = &'a Ledger>) -> bool {
        let everything = |ledger: &Ledger| {
            ledger.frontier.len() == self.written.len()
                && self.written.iter().all(|(replica, chains)| {
                    Some(&ledger.frontier.head(replica).chain) == chains.last()
                })
        };
        ledgers.all(everything)
    }

    fn covers(&self, holder: usize, of: usize, through: Position) -> Result<(), String> {
        if through == Position::START {
            return Ok(());
        }
        let Some(prefix) = self.logs[of].prefixes.get(&through) else {
            return Err("there being such a place".to_owned());
        };
        let held = &self.logs[holder].seen;
        match prefix.iter().find(|(replica, seq)| held.get(replica).is_none_or(|held| held < seq)) {
            Some((replica, seq)) => Err(format!("{replica:.8}:{seq}")),
            None => Ok(()),
        }
    }
}

/// Between correct peers sessions end because of cuts, silence, stores that fail and orderly
/// goodbyes, and for no other reason.
pub(super) fn ended_well(result: &Result<(), SessionError>) -> Sound {
    match result {
        Ok(()) => Ok(()),
        Err(SessionError::Disconnected | SessionError::Store | SessionError::TimedOut { .. }) => {
            Ok(())
        }
        Err(SessionError::PeerEnded {
            code: GoodbyeCode::Done | GoodbyeCode::Unavailable, ..
        }) => Ok(()),
        Err(error) => Err(format!("a session between correct peers ended: {error}")),
    }
}
