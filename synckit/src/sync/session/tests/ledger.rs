//! The simplest store that keeps its promises: a log in memory that counts as durable.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::block::{Block, BlockPacker};
use crate::branch::{Anchor, BranchNo, Branches, Coverage};
use crate::chain::{Chain, CommitId};
use crate::clock::{HybridClock, UnixMillis};
use crate::envelope::{Context, Envelope, Metadata, Seen};
use crate::event::EventRef;
use crate::filter::Filter;
use crate::id::{AggregateId, Dot, Key, Name, Position, ReplicaId, SpaceId};
use crate::key::ReplicaKey;
use crate::log::{
    Admission, Admitted, Answers, Append, Cap, Cursor, Decision, Hidden, LogBlock, LogRun, Page,
    Question, READ_BYTES_MAX, Refusal, Source, View, Witness,
};
use crate::ruling::{Closing, Control, Rulings};
use crate::schema::TypesText;
use crate::sync::{HeldPart, LineEnd, Recollection, TraceLines, Traced, TracedLine};

/// A mistake that a store could make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Mistake {
    /// A cursor is held for a place of the log if the log is as long.
    ChecksByNumber,
    /// Tells a peer's holdings by author and number.
    CoversByNumber,
    /// A commit is held for known by author and number.
    HoldsByNumber,
    /// A tombstone is taken of whatever commit it comes.
    TakesAnyTombstone,
    /// Two openings of copies draw the same random bits.
    RepeatsNonce,
}

/// Everything that survives a crash.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) name: String,
    pub(super) key: ReplicaKey,
    /// The number of keys it has had.
    keys: u32,
    /// Drawn at each opening: two stores that write under one key never write the same.
    pub(super) nonce: u64,
    pub(super) space: SpaceId,
    pub(super) blocks: Vec<LogBlock>,
    pub(super) branches: Branches,
    /// The number of times that it was told of forks which its log does not show.
    pub(super) told: u64,
    pub(super) cursors: BTreeMap<ReplicaId, Cursor>,
    /// Stored states; what they reflect, the forks known then, and up to where rulings were known.
    pub(super) states: BTreeMap<AggregateId, Bytes>,
    pub(super) mark: Option<(Position, u32, Position)>,
    /// Most blocks that one read returns.
    pub(super) page_blocks_max: usize,
    /// The peer that each block came from, by its position. No correct store needs to know.
    pub(super) sources: BTreeMap<u64, ReplicaId>,
    pub(super) mistake: Option<Mistake>,
    /// The part of the space that it holds.
    pub(super) filter: Option<Filter>,
    /// Types of events that others told, by their names.
    pub(super) types: BTreeMap<[u8; 32], TypesText>,
    /// The keys that it has had, the latest one last.
    had: Vec<ReplicaId>,
    /// The number of these that it had when it last forgot everything.
    had_before: usize,
    /// The branch of each commit held.
    commits: BTreeMap<CommitId, BranchNo>,
    clock: HybridClock,
}

impl Ledger {
    /// An empty store; the name makes its key.
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: ReplicaKey::from_seed(blake3::hash(name.as_bytes()).as_bytes()),
            keys: 1,
            nonce: 0,
            space: SpaceId::default(),
            blocks: Vec::new(),
            branches: Branches::new(),
            told: 0,
            cursors: BTreeMap::new(),
            states: BTreeMap::new(),
            mark: None,
            page_blocks_max: usize::MAX,
            sources: BTreeMap::new(),
            mistake: None,
            filter: None,
            types: BTreeMap::new(),
            had: Vec::new(),
            had_before: 0,
            commits: BTreeMap::new(),
            clock: HybridClock::default(),
        }
    }

    /// Writes on under another key.
    pub(super) fn take_new_key(&mut self) {
        self.keys += 1;
        self.had.push(self.key.id());
        let seed = blake3::hash(format!("{} {} {}", self.name, self.keys, self.nonce).as_bytes());
        self.key = ReplicaKey::from_seed(seed.as_bytes());
    }

    /// Forgets everything but who it was, and writes on under another key.
    pub(super) fn forget(&mut self) {
        self.blocks.clear();
        self.branches = Branches::new();
        self.cursors.clear();
        self.states.clear();
        self.mark = None;
        self.sources.clear();
        self.commits.clear();
        self.take_new_key();
        self.had_before = self.had.len();
    }

    pub(super) fn replica(&self) -> ReplicaId {
        self.key.id()
    }

    /// Events that the log holds.
    pub(super) fn head(&self) -> Position {
        self.end().position
    }

    pub(super) fn end(&self) -> Cursor {
        self.blocks.last().map_or(Cursor::START, LogBlock::cursor)
    }

    /// The rulings of hubs in the log up to a position.
    pub(super) fn rulings(&self, through: Position) -> Rulings {
        let mut rulings = Rulings::new();
        for log in self.blocks.iter().filter(|log| log.end() <= through) {
            log.rule(&mut rulings, &self.branches);
        }
        rulings
    }

    pub(super) fn holds(&self, commit: &CommitId) -> bool {
        self.commits.contains_key(commit)
    }

    pub(super) fn commits(&self) -> impl Iterator<Item = &CommitId> {
        self.commits.keys()
    }

    /// The commit that this store's next one follows. A key has one branch here: as soon as another
    /// store is seen to write under it, this one takes a new key.
    pub(super) fn own_head(&self) -> CommitId {
        let own = self.branches.of(&self.replica()).first().and_then(|no| self.branches.get(*no));
        own.map_or_else(|| CommitId::root(&self.space, self.replica()), |branch| branch.head)
    }

    /// The commits behind one on its author's chain.
    pub(super) fn behind(&self, commit: &CommitId) -> Vec<CommitId> {
        let path = self.cover(&[*commit]);
        let behind = |other: &&CommitId| path.covers(self.commits[*other], other.seq);
        self.commits.keys().filter(behind).copied().collect()
    }

    /// The context of an author that has seen all that is held.
    pub(super) fn seen(&self) -> Context {
        let own = self.own_head();
        let heads = self.branches.heads().filter(|head| *head != own);
        Context::of(heads.map(|on| Seen { on, seq: on.seq }))
    }

    /// The context of an author that has seen all events of an aggregate that are held.
    pub(super) fn seen_of(&self, aggregate: &AggregateId) -> Context {
        let own = self.own_head();
        let mut last = BTreeMap::new();
        for log in &self.blocks {
            for entry in log.block.entries().filter(|entry| entry.aggregate() == aggregate) {
                last.insert(log.runs[entry.run()].branch, entry.dot().seq);
            }
        }
        let seen = last.into_iter().filter_map(|(no, seq)| {
            let on = self.branches.get(no)?.head;
            (on != own).then_some(Seen { on, seq })
        });
        Context::of(seen)
    }

    /// The keys that it has had, and the one that it has.
    pub(super) fn own_keys(&self) -> Vec<ReplicaId> {
        self.had.iter().copied().chain([self.replica()]).collect()
    }

    /// The keys under which all that is held was written here.
    pub(super) fn writers(&self) -> BTreeSet<ReplicaId> {
        self.own_keys().split_off(self.had_before).into_iter().collect()
    }

    /// Commits events of this replica whose author had seen `context`.
    pub(super) fn write(
        &mut self,
        wall: UnixMillis,
        context: &Context,
        payloads: &[Bytes],
    ) -> CommitId {
        let events = payloads.iter().map(|payload| (note(), context.clone(), payload.clone()));
        self.write_events(wall, events.collect())
    }

    /// Commits events about aggregates, of which their author had seen so much.
    pub(super) fn write_events(
        &mut self,
        wall: UnixMillis,
        events: Vec<(AggregateId, Context, Bytes)>,
    ) -> CommitId {
        let block = self.pack(wall, events);
        let commit = block.ends()[0];
        self.append(&[block], &Hidden::default(), Source::Local).unwrap();
        commit
    }

    /// Commits one event of a few bytes, `count` times.
    pub(super) fn write_notes(&mut self, wall: UnixMillis, count: usize) {
        for _ in 0..count {
            let seen = self.seen();
            self.write(wall, &seen, &[Bytes::from_static(b"milk")]);
        }
    }

    fn pack(&mut self, wall: UnixMillis, events: Vec<(AggregateId, Context, Bytes)>) -> Block {
        let before = self.own_head();
        let count = events.len() as u64;
        let commit: Vec<_> = (1..)
            .zip(events)
            .map(|(nth, (aggregate, context, payload))| Envelope {
                dot: Dot { replica: self.replica(), seq: before.seq + nth },
                aggregate,
                event: EventRef {
                    name: Name::new("note.written").unwrap(),
                    version: 1,
                    min_reader: 1,
                },
                hlc: self.clock.tick(wall),
                context,
                last: nth == count,
                metadata: Metadata::new(),
                extensions: Bytes::new(),
                payload,
                tombstone: false,
            })
            .collect();
        let mut packer = BlockPacker::new(self.space.clone());
        packer.push_commit(&before, self.nonce, &commit).unwrap();
        packer.finish(|end| end.sign(&self.key)).unwrap()
    }

    /// Commits what a peer sent together with the cursor behind it; where what was new stands.
    pub(super) fn commit(
        &mut self,
        blocks: &[Block],
        peer: ReplicaId,
        cursor: Cursor,
    ) -> Result<(Position, Position), Refusal> {
        self.commit_part(blocks, &Hidden::default(), peer, cursor)
    }

    /// Commits what a peer sent of a part of its log.
    pub(super) fn commit_part(
        &mut self,
        blocks: &[Block],
        hidden: &Hidden,
        peer: ReplicaId,
        cursor: Cursor,
    ) -> Result<(Position, Position), Refusal> {
        let start = self.head();
        self.append(blocks, hidden, Source::Peer)?;
        self.cursors.insert(peer, cursor);
        let fresh = self.blocks.iter().filter(|log| log.start >= start);
        self.sources.extend(fresh.map(|log| (log.start.0, peer)));
        Ok((start, self.head()))
    }

    /// The author of whom blocks would begin one branch too many.
    pub(super) fn crowded(&self, blocks: &[Block], most: usize) -> Option<ReplicaId> {
        let crowded = |closed| {
            let admitted =
                self.admit(blocks, &Hidden::default(), Source::Peer, Some(&Cap { most, closed }));
            match admitted.err()? {
                Refusal::Crowded { author } => Some(author),
                _ => None,
            }
        };
        let author = crowded(BTreeSet::new())?;
        let closed: BTreeSet<_> = self.rulings(self.head()).closed().copied().collect();
        if closed.contains(&author) { crowded(closed) } else { Some(author) }
    }

    /// The commits of authors whose keys hubs have closed before them.
    pub(super) fn void(&self) -> BTreeSet<CommitId> {
        let mut void = BTreeSet::new();
        let mut rulings = Rulings::new();
        for (_, control) in self.blocks.iter().flat_map(|log| rulings.controls(&log.block)) {
            if let Control::Closed(Closing { author, heads }) = control {
                let counted: BTreeSet<_> =
                    heads.iter().flat_map(|head| self.behind(head)).collect();
                let of_author = self.commits.keys().filter(|commit| commit.author == author);
                void.extend(of_author.filter(|commit| !counted.contains(commit)));
            }
        }
        void
    }

    fn admit(
        &self,
        blocks: &[Block],
        hidden: &Hidden,
        source: Source,
        cap: Option<&Cap>,
    ) -> Result<Admitted, Refusal> {
        let append: Vec<_> =
            blocks.iter().map(|block| Append { block: block.clone(), source }).collect();
        let admission = Admission {
            space: &self.space,
            branches: &self.branches,
            end: self.end(),
            own: self.replica(),
            append: &append,
            cap,
            hidden: self.filter.as_ref().map(|_| hidden),
            awaits: self
                .filter
                .as_ref()
                .filter(|_| source == Source::Local || hidden.witness != Witness::Whole),
        };
        let mut answers = Answers::default();
        loop {
            match admission.decide(&answers)? {
                Decision::Admit(admitted) => return Ok(admitted),
                Decision::Ask(questions) => self.answer(&questions, &mut answers),
            }
        }
    }

    fn append(&mut self, blocks: &[Block], hidden: &Hidden, source: Source) -> Result<(), Refusal> {
        let admitted = self.admit(blocks, hidden, source, None)?;
        for log in admitted.blocks {
            log.extend(&mut self.branches).unwrap();
            self.push(log);
        }
        for (no, branch) in admitted.branches {
            if !admitted.tells {
                assert_eq!(self.branches.get(no), Some(&branch), "a log tells its branches");
            }
            self.branches.set(no, branch).unwrap();
        }
        self.told += u64::from(admitted.tells);
        if admitted.own_key_is_spent {
            self.take_new_key();
        }
        Ok(())
    }

    /// Commits what a peer has sent, and no cursor.
    pub(super) fn commit_first(&mut self, blocks: &[Block]) -> Result<(), Refusal> {
        self.append(blocks, &Hidden::default(), Source::Peer)
    }

    /// Commits what this replica wrote; what of it was new.
    pub(super) fn commit_own(&mut self, blocks: &[Block]) -> Result<Vec<LogBlock>, Refusal> {
        let first = self.blocks.len();
        self.append(blocks, &Hidden::default(), Source::Local)?;
        Ok(self.blocks[first..].to_vec())
    }

    /// Appends without asking whether the block belongs there.
    pub(super) fn push(&mut self, log: LogBlock) {
        for commit in log.block.commits() {
            self.commits.insert(commit.id, log.runs[commit.run].branch);
        }
        log.block.entries().for_each(|entry| self.clock.observe(entry.hlc()));
        self.blocks.push(log);
    }

    /// A mistake that a store could make: what is held is appended again.
    pub(super) fn push_again(&mut self, blocks: &[Block]) {
        let held = blocks.iter().filter(|block| block.ends().iter().all(|end| self.holds(end)));
        for block in held.cloned().collect::<Vec<_>>() {
            let runs = block.ends().into_iter().map(|end| LogRun {
                branch: self.commits[&end],
                end: end.chain,
                begins: None,
            });
            let runs = runs.collect();
            let anchors = block.anchors().iter();
            let anchors = anchors.map(|on| Anchor::on(self.commits[on])).collect();
            let Cursor { position: start, digest } = self.end();
            let digest = digest.then(&block);
            self.push(LogBlock { start, block, runs, anchors, digest });
        }
    }

    fn answer(&self, questions: &BTreeSet<Question>, answers: &mut Answers) {
        assert!(!questions.is_empty());
        for question in questions {
            match *question {
                Question::Holds(commit) => {
                    answers.holds(commit, self.branch_of(&commit, Mistake::HoldsByNumber));
                }
                Question::Next(no, seq) => answers.next(no, seq, self.next(no, seq).unwrap()),
                Question::Names(no, after) => answers.names(no, after, self.names(no, after)),
                Question::Refuses(commit) => {
                    let takes_any = self.mistake == Some(Mistake::TakesAnyTombstone);
                    let refuses = takes_any || self.rulings(self.head()).refuses(&commit);
                    answers.refuses(commit, refuses);
                }
            }
        }
    }

    fn next(&self, no: BranchNo, seq: u64) -> Option<Chain> {
        let of_branch = self.commits.iter().filter(|(_, branch)| **branch == no);
        let after = of_branch.map(|(commit, _)| commit).filter(|commit| commit.seq > seq);
        after.min_by_key(|commit| commit.seq).map(|commit| commit.chain)
    }

    /// The log after a position.
    pub(super) fn read_after(&self, after: Position) -> Page {
        let first = self.blocks.partition_point(|block| block.end() <= after);
        let mut page = Page { head: self.head(), ..Page::empty(after) };
        let mut bytes = 0;
        for block in self.blocks[first..].iter().take(self.page_blocks_max) {
            bytes += block.block.bytes().len();
            if bytes > READ_BYTES_MAX && !page.blocks.is_empty() {
                break;
            }
            page.through = block.end();
            page.blocks.push(block.clone());
        }
        page
    }

    pub(super) fn cursor(&self, peer: &ReplicaId) -> Option<Cursor> {
        self.cursors.get(peer).copied().filter(|cursor| cursor.position > Position::START)
    }

    /// The ledger's knowledge of a peer.
    pub(super) fn recall(&self, peer: &ReplicaId, types: Option<[u8; 32]>) -> Recollection {
        let cursor = self.cursor(peer);
        let frontier = if cursor.is_some() { Vec::new() } else { self.frontier() };
        let part = self.filter.clone().map(|filter| HeldPart { filter, writers: self.writers() });
        let lacks_types = types.is_some_and(|hash| !self.types.contains_key(&hash));
        Recollection { cursor, frontier, head: self.head(), part, lacks_types }
    }

    /// The heads of all branches, and the commits 1, 2, 4 … before each.
    pub(super) fn frontier(&self) -> Vec<CommitId> {
        let mut frontier: Vec<_> = self.branches.heads().collect();
        for (no, branch) in self.branches.iter() {
            let of_branch = self.commits.iter().filter(|(_, on)| **on == no);
            let mut path: Vec<_> = of_branch.map(|(commit, _)| *commit).collect();
            path.sort_unstable_by_key(|commit| std::cmp::Reverse(commit.seq));
            assert_eq!(path.first(), Some(&branch.head));
            let mut distance = 1;
            while let Some(commit) = path.get(distance) {
                frontier.push(*commit);
                distance *= 2;
            }
        }
        frontier
    }

    /// True if a cursor is a place of this log, which is given in part or whole.
    pub(super) fn check(&self, cursor: Cursor, in_part: bool) -> bool {
        if self.mistake == Some(Mistake::ChecksByNumber) {
            return cursor.position <= self.head();
        }
        let mut places = self.blocks.iter().map(LogBlock::cursor);
        cursor == Cursor::START || places.any(|place| place.is_given(cursor, in_part))
    }

    /// The part of this log behind the commits.
    pub(super) fn cover(&self, commits: &[CommitId]) -> Coverage {
        let mut coverage = Coverage::new();
        for commit in commits {
            if let Some(no) = self.branch_of(commit, Mistake::CoversByNumber) {
                coverage.add(&self.branches, no, commit.seq);
            }
        }
        coverage
    }

    /// True if this one's filter names a commit behind an event of a branch.
    fn names(&self, no: BranchNo, after: u64) -> bool {
        let view =
            View { filter: self.filter.clone(), reader: Some(self.replica()), writers: None };
        let mut shown = self.blocks.iter().flat_map(|log| view.commits(log));
        shown.any(|(place, id)| place.branch == no && id.seq > after)
    }

    /// The places where lines of authors hang among what a view shows.
    pub(super) fn trace(&self, view: &View, lines: &TraceLines) -> Traced {
        let of_block = |log| view.commits(log).into_iter().map(|commit| (log.start, commit));
        let shown: Vec<_> = self.blocks.iter().flat_map(of_block).collect();
        let lineage = |(no, seq): &(BranchNo, u64)| {
            let forks = self.branches.forks_before(*no, u64::MAX);
            let is_only = self.branches.is_only(*no);
            let mut path = Coverage::new();
            path.add(&self.branches, *no, if is_only { u64::MAX } else { *seq });
            let sent = shown.iter().filter(|(start, _)| !is_only || *start < lines.before);
            let before = sent.filter(|(_, (place, id))| path.covers(place.branch, id.seq));
            let last = before.map(|(_, (_, id))| id).max_by_key(|id| id.seq);
            let end = last.map_or(LineEnd::NOTHING, |last| LineEnd::After(last.seq, last.chain));
            TracedLine { is_only, end, forks }
        };
        let named = |(no, seq): &(BranchNo, u64)| {
            if !self.commits.iter().any(|(commit, on)| (on, commit.seq) == (no, *seq)) {
                return LineEnd::Unknown;
            }
            let mut path = Coverage::new();
            path.add(&self.branches, *no, *seq);
            let before = shown.iter().filter(|(_, (place, id))| path.covers(place.branch, id.seq));
            let last = before.map(|(_, (_, id))| id).max_by_key(|id| id.seq);
            last.map_or(LineEnd::NOTHING, |last| LineEnd::After(last.seq, last.chain))
        };
        let behind = |(no, after): &(BranchNo, u64)| {
            let next = CommitId { seq: after + 1, ..self.branches.get(*no)?.head };
            let follows = |(_, (place, id)): &&(Position, (LogRun, CommitId))| {
                let mut path = Coverage::new();
                path.add(&self.branches, place.branch, id.seq);
                id.author == next.author && id.seq > *after && path.covers(*no, next.seq)
            };
            shown.iter().rev().find(follows).map(|(_, (_, id))| *id)
        };
        Traced {
            ends: lines.ends.iter().map(lineage).collect(),
            named: lines.named.iter().map(named).collect(),
            forks: lines.forks.iter().map(behind).collect(),
        }
    }

    /// The identity of a commit's last event in merging.
    pub(super) fn identity(&self, commit: &CommitId) -> Dot {
        self.branches.dot(self.commits[commit], commit.seq)
    }

    /// The branch of a commit; with a mistake, of any that has its author and number.
    fn branch_of(&self, commit: &CommitId, mistake: Mistake) -> Option<BranchNo> {
        let mut others = self.commits.iter();
        let other = others.find(|(other, _)| other.dot() == commit.dot()).map(|(_, no)| *no);
        let held = self.commits.get(commit).copied();
        held.or(other.filter(|_| self.mistake == Some(mistake)))
    }
}

fn note() -> AggregateId {
    AggregateId { kind: Name::new("note").unwrap(), key: Key::new(b"shopping").unwrap() }
}
