//! Invariants at every moment, judged from what is durable and from what was ever written.

use std::collections::{BTreeMap, BTreeSet};

use super::super::ledger::Ledger;
use crate::block::Run;
use crate::branch::Fork;
use crate::chain::CommitId;
use crate::clock::Hlc;
use crate::filter::Filter;
use crate::id::{AggregateId, Dot, Position};
use crate::log::{Cursor, Digest, LogBlock};
use crate::ruling::{Rulings, is_control};
use crate::sync::SessionError;
use crate::sync::frame::GoodbyeCode;

/// Ok while the world is sound; why it is not.
pub(super) type Sound = Result<(), String>;

/// Everything that the invariants are judged by. Knows nothing of sessions.
pub(super) struct Audit {
    /// Every commit ever written, and everything that its author had seen.
    written: BTreeMap<CommitId, BTreeSet<CommitId>>,
    /// The aggregates of every commit that stands in a log.
    about: BTreeMap<CommitId, BTreeSet<AggregateId>>,
    /// The commits that are given before each place of any log there ever was, by the digest that peers are told.
    prefixes: BTreeMap<[u8; 32], BTreeSet<CommitId>>,
    logs: Vec<Log>,
    /// Commits that must be everywhere in the end: held by somebody when troubles ended, or
    /// written after that.
    must: Option<BTreeSet<CommitId>>,
}

/// The content of one node's log, counted by ourselves.
#[derive(Clone, Default)]
struct Log {
    blocks: usize,
    held: BTreeSet<CommitId>,
    /// Commits of which others were told that they are held here.
    promised: BTreeSet<CommitId>,
    /// The filters by which its file has held a part; none when it has held everything.
    filters: Option<Vec<Filter>>,
}

impl Audit {
    pub(super) fn of(filters: &[Option<Filter>]) -> Self {
        let of = |filter: &Option<Filter>| Log {
            filters: filter.clone().map(|filter| vec![filter]),
            ..Log::default()
        };
        Self {
            written: BTreeMap::new(),
            about: BTreeMap::new(),
            prefixes: BTreeMap::from([(*Digest::START.as_bytes(), BTreeSet::new())]),
            logs: filters.iter().map(of).collect(),
            must: None,
        }
    }

    /// A commit was made by someone who had seen others.
    pub(super) fn wrote(&mut self, commit: CommitId, seen: BTreeSet<CommitId>) -> Sound {
        if self.written.insert(commit, seen).is_some() {
            return Err(format!("two edits have the name {commit:?}"));
        }
        self.must.iter_mut().for_each(|must| {
            must.insert(commit);
        });
        Ok(())
    }

    /// A node's file has been replaced by another: what the old one promised went with it.
    pub(super) fn replaced(&mut self, node: usize, ledger: &Ledger) {
        let held = ledger.commits().copied().collect();
        let filters = ledger.filter.clone().map(|filter| vec![filter]);
        let (blocks, promised) = (ledger.blocks.len(), BTreeSet::new());
        self.logs[node] = Log { blocks, held, promised, filters };
    }

    /// A node has lost what was not durable there. What it promised it holds.
    pub(super) fn crashed(&mut self, node: usize, ledger: &Ledger) {
        let log = &mut self.logs[node];
        log.blocks = ledger.blocks.len();
        log.held = ledger.commits().copied().collect();
    }

    /// A node's log may have grown: every commit is there once, is one that was written, follows the
    /// one before it on its chain, and stands after everything that its context names.
    pub(super) fn grew(&mut self, node: usize, ledger: &Ledger) -> Sound {
        let log = &mut self.logs[node];
        let grown = &ledger.blocks[log.blocks..];
        let mut refusals = grown
            .iter()
            .any(|held| held.block.has_tombstones())
            .then(|| ledger.rulings(grown[0].start));
        for held in grown {
            let block = &held.block;
            refusals.iter_mut().for_each(|it| drop(it.note(block)));
            let mut before: Vec<_> = block.runs().iter().map(Run::before).collect();
            for commit in block.commits() {
                let entries = commit.entries.clone().filter_map(|index| block.entry(index));
                let seen = entries.flat_map(|entry| entry.context_rows());
                let mut seen = seen.map(|(anchor, _)| block.anchors()[*anchor]);
                // A part lacks causes that its filter hides; which are seen is judged in the end.
                let is_part = ledger.filter.is_some();
                if let Some(cause) = seen.find(|cause| !is_part && !log.held.contains(cause)) {
                    return Err(format!(
                        "node {node} holds {:?} before its cause {cause:?}",
                        commit.id
                    ));
                }
                let before = std::mem::replace(&mut before[commit.run], commit.id);
                if before.seq > 0 && !is_part && !log.held.contains(&before) {
                    return Err(format!("node {node} lacks {before:?}, which others follow"));
                }
                if !self.written.contains_key(&commit.id) {
                    return Err(format!("node {node} holds {:?}, which nobody wrote", commit.id));
                }
                let is_tombstone = block.is_tombstone(commit);
                let is_refused = refusals.as_ref().is_none_or(|it| it.refuses(&commit.id));
                if is_tombstone && !is_refused {
                    return Err(format!(
                        "node {node} lacks what {:?} says, which nobody refused",
                        commit.id
                    ));
                }
                let entries = commit.entries.clone().filter_map(|index| block.entry(index));
                let about: BTreeSet<_> = entries.map(|entry| entry.aggregate().clone()).collect();
                let is_own = ledger.own_keys().contains(&commit.id.author);
                let named = |filter: &Filter| about.iter().any(|id| filter.names(id));
                if log.filters.as_ref().is_some_and(|it| !is_own && !it.iter().any(named)) {
                    return Err(format!(
                        "node {node} holds {:?}, which its filter hides",
                        commit.id
                    ));
                }
                self.about.insert(commit.id, about);
                if !log.held.insert(commit.id) {
                    return Err(format!("node {node} holds {:?} twice", commit.id));
                }
            }
            let given = given(ledger, &log.held);
            let prefix = self.prefixes.entry(*told(ledger, held).digest.as_bytes());
            let prefix = prefix.or_insert_with(|| given.clone());
            prefix.retain(|commit| given.contains(commit));
        }
        log.blocks = ledger.blocks.len();
        Ok(())
    }

    /// `holder` tells another that it holds that one's log so far: it does, durably.
    pub(super) fn acknowledged(
        &mut self,
        node: usize,
        holder: &Ledger,
        of: &Ledger,
        through: Position,
    ) -> Sound {
        // Another log has taken the place of the one that is acknowledged: nobody hears of it.
        let Some(log) = of.blocks.iter().find(|log| log.end() == through) else { return Ok(()) };
        let prefix = self.prefixes.get(told(of, log).digest.as_bytes()).ok_or("no such place")?;
        let named: Vec<_> = prefix.iter().filter(|commit| self.is_named(holder, commit)).collect();
        if let Some(missing) = named.iter().find(|commit| !holder.holds(commit)) {
            return Err(format!("node {node} acknowledged {through} without {missing:?}"));
        }
        let named = named.into_iter().copied().collect::<Vec<_>>();
        self.logs[node].promised.extend(named);
        Ok(())
    }

    /// A cursor has been stored: everything that lies before it is held.
    pub(super) fn cursor(&self, holder: &Ledger, cursor: Cursor) -> Sound {
        let prefix = self.prefixes.get(cursor.digest.as_bytes());
        let prefix = prefix.ok_or("a cursor is no place of any log")?;
        let mut named = prefix.iter().filter(|commit| self.is_named(holder, commit));
        match named.find(|commit| !holder.holds(commit)) {
            Some(missing) => {
                Err(format!("{} has cursor {} without {missing:?}", holder.name, cursor.position))
            }
            None => Ok(()),
        }
    }

    /// A node that has been given a narrower filter keeps its log, and gives less of it.
    pub(super) fn narrowed(&mut self, ledger: &Ledger) {
        let mut held = BTreeSet::new();
        for log in &ledger.blocks {
            held.extend(log.block.commits().iter().map(|commit| commit.id));
            let given = given(ledger, &held);
            let prefix = self.prefixes.entry(*told(ledger, log).digest.as_bytes());
            prefix.or_insert_with(|| given.clone()).retain(|commit| given.contains(commit));
        }
    }

    /// A node's file holds, from here on, what a filter names.
    pub(super) fn holds_by(&mut self, node: usize, filter: Option<&Filter>) {
        let filters = &mut self.logs[node].filters;
        match (filters, filter) {
            (Some(filters), Some(filter)) => filters.push(filter.clone()),
            (filters, None) => *filters = None,
            // What it held before it may hold on.
            (None, Some(_)) => {}
        }
    }

    /// A node is about to forget what it holds: others hold it.
    pub(super) fn forgets<'a>(
        &self,
        node: usize,
        others: impl Iterator<Item = &'a Ledger> + Clone,
    ) -> Sound {
        let mut held = self.logs[node].held.iter();
        match held.find(|commit| !others.clone().any(|other| other.holds(commit))) {
            Some(lost) => Err(format!("node {node} forgets {lost:?}, which nobody else holds")),
            None => Ok(()),
        }
    }

    /// True when a store is to hold a commit.
    fn is_named(&self, holder: &Ledger, commit: &CommitId) -> bool {
        let about = self.about.get(commit).into_iter().flatten();
        holder.filter.as_ref().is_none_or(|filter| about.into_iter().any(|id| filter.names(id)))
    }

    /// Troubles have ended: what somebody holds now will be everywhere.
    pub(super) fn survives<'a>(&mut self, ledgers: impl Iterator<Item = &'a Ledger>) {
        self.must = Some(ledgers.flat_map(|ledger| ledger.commits().copied()).collect());
    }

    /// Checks that whatever was promised to be held is held.
    pub(super) fn kept_promises(&self) -> Sound {
        for (node, log) in self.logs.iter().enumerate() {
            if let Some(lost) = log.promised.iter().find(|commit| !log.held.contains(commit)) {
                return Err(format!("node {node} lost {lost:?}, which it acknowledged"));
            }
        }
        Ok(())
    }

    /// Every node holds everything that survived, and the same as every other. (What was under way
    /// from a file that was then replaced may have survived too.)
    pub(super) fn converged<'a>(&self, mut ledgers: impl Iterator<Item = &'a Ledger>) -> bool {
        let Some(first) = ledgers.next() else { return true };
        self.must.iter().flatten().all(|commit| first.holds(commit))
            && ledgers.all(|ledger| match ledger.filter {
                None => ledger.commits().eq(first.commits()),
                Some(_) => {
                    let mut named = first.commits().filter(|id| self.is_named(ledger, id));
                    named.all(|id| ledger.holds(id)) && ledger.commits().all(|id| first.holds(id))
                }
            })
    }

    /// No write holds over one whose author had seen it.
    pub(super) fn ordered(&self, ledger: &Ledger) -> Sound {
        let (rulings, void) = (ledger.rulings(ledger.head()), ledger.void());
        let mut last: BTreeMap<_, ((Hlc, Dot), CommitId)> = BTreeMap::new();
        for log in &ledger.blocks {
            for (position, event) in log.stamped(&ledger.branches, &rulings, Position::START) {
                let index = usize::try_from(position.0 - log.start.0 - 1).unwrap();
                let mut commits = log.block.commits().iter();
                let commit = commits.find(|commit| commit.entries.contains(&index)).unwrap().id;
                let stamp = (event.hlc, event.dot);
                let held = last.entry(event.entry.aggregate()).or_insert((stamp, commit));
                *held = (*held).max((stamp, commit));
            }
        }
        for log in &ledger.blocks {
            for commit in log.block.commits() {
                if rulings.refuses(&commit.id) || void.contains(&commit.id) {
                    continue;
                }
                let aggregate = log.block.entry(commit.entries.start).unwrap().aggregate();
                let Some((_, holds)) = last.get(aggregate) else { continue };
                if is_control(aggregate) {
                    continue;
                }
                let saw = self.written[&commit.id].contains(holds)
                    || ledger.behind(&commit.id).contains(holds);
                if *holds != commit.id && saw {
                    return Err(format!("{holds:?} holds over {:?}, which saw it", commit.id));
                }
            }
        }
        Ok(())
    }

    /// All nodes know the same forks, call each event the same in merging, and know of each exactly
    /// what its author had seen.
    pub(super) fn agree<'a>(&self, ledgers: impl Iterator<Item = &'a Ledger>) -> Sound {
        let mut first: Option<(Vec<Fork>, BTreeMap<_, _>)> = None;
        let mut void_of_first = None;
        for ledger in ledgers {
            let rulings = ledger.rulings(ledger.head());
            // What a closing leaves may be hidden from a part.
            let void = void_of_first.get_or_insert_with(|| ledger.void());
            let mut dots = BTreeMap::new();
            let mut stamps = Vec::new();
            for log in &ledger.blocks {
                let stamped = log.stamped(&ledger.branches, &Rulings::new(), Position::START);
                let mut stamped: BTreeMap<_, _> = stamped.collect();
                for commit in log.block.commits() {
                    let last = log.block.entry(commit.entries.end - 1).unwrap();
                    let dot = ledger.identity(&commit.id);
                    dots.insert(commit.id, (dot, last.aggregate().clone()));
                    let position = Position(log.start.0 + commit.entries.end as u64);
                    // Of a tombstone there is none.
                    stamps.extend(stamped.remove(&position).map(|event| (commit.id, event)));
                }
            }
            for (id, event) in &stamps {
                let behind = ledger.behind(id);
                for (other, (dot, aggregate)) in dots.iter().filter(|(other, _)| *other != id) {
                    // Nobody sees what was refused by then.
                    let filter = ledger.filter.as_ref();
                    if aggregate != event.entry.aggregate()
                        || filter.is_some_and(|filter| !filter.names(aggregate))
                        || rulings.refuses(other)
                        || void.contains(other)
                    {
                        continue;
                    }
                    let saw = self.written[id].contains(other) || behind.contains(other);
                    if event.stamp().saw(*dot) != saw {
                        let did = if saw { "saw" } else { "never saw" };
                        return Err(format!("{id:?} {did} {other:?}"));
                    }
                }
            }
            if let (Some(_), Some((_, of_first))) = (&ledger.filter, &first) {
                // Past forks, too, whichever branches a filter hides.
                let mut named = dots.iter().filter(|(id, _)| self.is_named(ledger, id));
                if named.any(|(id, dot)| of_first.get(id) != Some(dot)) {
                    return Err(format!("{} calls events otherwise than the first", ledger.name));
                }
                continue;
            }
            let told = (ledger.branches.forks(), dots);
            if first.get_or_insert_with(|| told.clone()) != &told {
                return Err(format!("{} tells other branches than the first", ledger.name));
            }
        }
        Ok(())
    }
}

/// The commits of its log that a store gives others: a part gives only those written in it.
fn given(ledger: &Ledger, held: &BTreeSet<CommitId>) -> BTreeSet<CommitId> {
    let own = ledger.writers();
    let gives = |id: &&CommitId| ledger.filter.is_none() || own.contains(&id.author);
    held.iter().filter(gives).copied().collect()
}

/// The end of a block as the store tells peers.
fn told(ledger: &Ledger, log: &LogBlock) -> Cursor {
    if ledger.filter.is_some() { log.cursor().in_part() } else { log.cursor() }
}

/// Between correct stores sessions end because of cuts, silence, stores that fail and orderly
/// goodbyes, and for no other reason.
///
/// `may_lack` is true where a part may have seen what others wrote and its peer does not hold yet, which it cannot
/// give: where it has it from another replica, and where its file has been copied and the copy meets another hub.
pub(super) fn ended_well(result: &Result<(), SessionError>, may_lack: bool) -> Sound {
    match result {
        Ok(()) => Ok(()),
        Err(SessionError::Refused(refusal)) if may_lack && refusal.too_early().is_some() => Ok(()),
        Err(
            SessionError::Denied(_)
            | SessionError::Disconnected
            | SessionError::Store { .. }
            | SessionError::TimedOut { .. },
        ) => Ok(()),
        Err(SessionError::PeerEnded {
            code: GoodbyeCode::Done | GoodbyeCode::Forbidden | GoodbyeCode::Unavailable,
            ..
        }) => Ok(()),
        Err(error) => Err(format!("a session between correct peers ended: {error}")),
    }
}
