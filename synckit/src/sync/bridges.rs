//! Bridges: where the commits that a filter hides leave those that a peer is sent.
//!
//! A peer that holds a part of a space takes a commit that follows hidden ones to stand behind the last one
//! of its author that it was sent in the session. Where that is not so it is told which commit it is. What it
//! holds from others does not count: they may hold another line of that author. Of an author that has forked
//! here it is told always, and where on the way to the commit the chain has forked: past a fork, events have
//! another identity in merging.

use std::collections::BTreeMap;

use super::limits::{FRAME_BRIDGES_MAX, FRAME_FORKS_MAX};
use super::marks::LineMarks;
use crate::branch::BranchNo;
use crate::chain::{Chain, CommitId};
use crate::id::{Position, ReplicaId};
use crate::log::{Bridge, ForkMark, Hidden, LogBlock, LogRun};

/// Most places of anchors that are remembered.
const ANCHORS_MAX: usize = 4_096;

/// Knowledge of where commits of a branch hang, as far as a peer can see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LineEnd {
    /// The last commit that the peer is sent: the number of its last event, and the chain there; number
    /// 0 when there is none.
    After(u64, Chain),
    /// Not known: it is too far back, or it has been pruned.
    Unknown,
}

impl LineEnd {
    /// The peer is sent nothing of the line.
    pub(crate) const NOTHING: Self = Self::After(Bridge::NOTHING.0, Bridge::NOTHING.1);
}

/// A line of an author's commits, as a store holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a session needs all of it")]
pub struct TracedLine {
    /// True when the author has written on one line, and the log has nothing of forks.
    pub is_only: bool,
    /// The last commit that the peer is sent: up to the number asked for, or, of an only line, before the
    /// place in the log.
    pub end: LineEnd,
    /// The forks on the way to the end of the branch, ascending: of each the number of the last event that
    /// its branches share, and the chain after the commit that follows on that way.
    pub forks: Vec<(u64, Chain)>,
}

/// Questions of a session to its store before it sends a block.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a driver must answer all of it")]
pub struct TraceLines {
    /// The place in the log where the block begins.
    pub before: Position,
    /// Branches, and numbers of events on them or before them: the answer to each is a [`TracedLine`].
    pub ends: Vec<(BranchNo, u64)>,
    /// Branches, and the numbers of commits on them: the answer to each is the last commit up to there that the
    /// peer's filter names, whether it is sent that or has to get it from others. Not known if the commit itself is
    /// not held.
    pub named: Vec<(BranchNo, u64)>,
    /// Branches past forks, with the numbers of the last events shared: the answer to each is a commit
    /// behind the fork that the peer is sent, if there is one.
    pub forks: Vec<(BranchNo, u64)>,
}

impl TraceLines {
    /// True if nothing is asked.
    pub(super) const fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.named.is_empty() && self.forks.is_empty()
    }
}

/// The answers to [`TraceLines`], in their order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[allow(clippy::exhaustive_structs, reason = "a session needs all of it")]
pub struct Traced {
    /// The places where the branches hang.
    pub ends: Vec<TracedLine>,
    /// The last commits that are named.
    pub named: Vec<LineEnd>,
    /// Commits behind the forks.
    pub forks: Vec<Option<CommitId>>,
}

/// Lines of authors, as far as a session has asked or seen.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    /// The store holds a part of the space, and sends what was written there. The peer takes nothing for granted.
    of_part: bool,
    /// Lines that the peer takes for granted.
    marks: LineMarks,
    authors: BTreeMap<ReplicaId, AuthorLines>,
    /// Of each branch of those that have forked, up to what has been sent.
    lines: BTreeMap<(ReplicaId, BranchNo), KnownLine>,
    /// Of commits of those that contexts refer to; if the store holds a part, of all of these, and of those that runs
    /// follow, the last one that the peer's filter names.
    anchors: BTreeMap<(BranchNo, u64), LineEnd>,
    /// The place in the log up to which forks have been noticed.
    noticed: Position,
    /// Forks noticed of which it has to be asked what the peer holds behind them.
    unasked: Vec<NoticedFork>,
    /// Forks to be told on the chains of commits that the peer holds.
    due: Vec<ForkMark>,
}

/// Lines of an author of whom something has been asked or seen.
#[derive(Clone, Copy, Debug)]
enum AuthorLines {
    /// It has written on one line: the last commit of it that the peer is sent, up to where the session has
    /// come.
    Single(LineEnd),
    Forked,
}

/// A branch.
#[derive(Debug)]
struct KnownLine {
    end: LineEnd,
    /// The forks on the way to its end; none when that has to be asked.
    forks: Option<Vec<(u64, Chain)>>,
    /// The number of these that the peer has been told.
    told: usize,
}

/// A branch past a fork.
#[derive(Clone, Copy, Debug)]
struct NoticedFork {
    no: BranchNo,
    after: u64,
    next: Chain,
}

impl Bridges {
    /// Those of a session of a store that holds all of the space, or a part.
    pub(super) fn new(of_part: bool) -> Self {
        Self { of_part, ..Self::default() }
    }

    /// The session begins at the beginning of the log.
    pub(super) fn begin(&mut self) {
        if !self.of_part {
            self.marks = LineMarks::from_beginning();
        }
    }

    /// Notes the forks that begin with a block of the log. What was known of their authors' lines has to
    /// be asked again.
    pub(super) fn notice(&mut self, log: &LogBlock) {
        // A part may have been told of a fork by one that did not know where it is.
        if self.of_part || log.end() <= self.noticed {
            return;
        }
        self.noticed = log.end();
        for (run, place) in log.block.runs().iter().zip(&log.runs) {
            let Some(begin) = place.begins else { continue };
            let Some((parent, after, next)) = begin.leaves else { continue };
            let first = begin.first;
            self.unasked.push(NoticedFork { no: parent, after, next });
            self.unasked.push(NoticedFork { no: place.branch, after, next: first });
            self.authors.insert(run.replica, AuthorLines::Forked);
            let of_author = (run.replica, BranchNo(0))..=(run.replica, BranchNo(u32::MAX));
            self.lines.range_mut(of_author).for_each(|(_, line)| line.forks = None);
        }
    }

    /// Notes a block that the peer holds from here on, as far as it is sent it.
    pub(super) fn pass(&mut self, held: &[LogBlock]) {
        for (place, end) in ends(held) {
            let reached = LineEnd::After(end.seq, end.chain);
            match self.lines_of(&end.author) {
                Some(AuthorLines::Single(_)) => {
                    self.authors.insert(end.author, AuthorLines::Single(reached));
                }
                Some(AuthorLines::Forked) => {
                    if let Some(line) = self.lines.get_mut(&(end.author, place.branch))
                        && line.end != LineEnd::Unknown
                    {
                        line.end = reached;
                    }
                }
                None => {}
            }
        }
    }

    /// Questions to be asked before a block that begins at a place is sent, of which the peer is sent `shown`.
    pub(super) fn unknown(&self, shown: &[LogBlock], before: Position) -> TraceLines {
        if self.of_part {
            let asked = runs(shown).filter(|(_, before)| !self.was_sent(before));
            let asked = asked.chain(anchors(shown)).map(|(no, id)| (no, id.seq));
            let mut named: Vec<_> = asked.filter(|of| !self.anchors.contains_key(of)).collect();
            named.sort_unstable();
            named.dedup();
            return TraceLines { before, named, ..TraceLines::default() };
        }
        let lines = runs(shown).filter(|(no, before)| match self.lines_of(&before.author) {
            Some(AuthorLines::Single(_)) => false,
            Some(AuthorLines::Forked) => {
                let line = self.lines.get(&(before.author, *no));
                line.is_none_or(|line| line.forks.is_none())
            }
            None => true,
        });
        let anchors = anchors(shown).filter(|(no, id)| match self.lines_of(&id.author) {
            Some(AuthorLines::Single(_)) => false,
            Some(AuthorLines::Forked) => self.before(shown, *no, *id).is_none(),
            None => true,
        });
        let mut ends: Vec<_> = lines.chain(anchors).map(|(no, id)| (no, id.seq)).collect();
        ends.sort_unstable();
        ends.dedup();
        let forks = self.unasked.iter().map(|fork| (fork.no, fork.after)).collect();
        TraceLines { before, ends, named: Vec::new(), forks }
    }

    /// Takes the answers to what was asked before a block is sent.
    pub(super) fn learn(&mut self, shown: &[LogBlock], asked: &TraceLines, found: Traced) {
        let authors: BTreeMap<_, _> = runs(shown)
            .chain(anchors(shown))
            .map(|(no, commit)| ((no, commit.seq), commit.author))
            .collect();
        let lines: Vec<_> = runs(shown).map(|(no, before)| (no, before.seq)).collect();
        for (of, TracedLine { is_only, end, forks }) in asked.ends.iter().zip(found.ends) {
            let Some(author) = authors.get(of) else { continue };
            if is_only {
                self.authors.insert(*author, AuthorLines::Single(end));
                continue;
            }
            self.authors.insert(*author, AuthorLines::Forked);
            if lines.contains(of) {
                let line = self.lines.entry((*author, of.0)).or_insert(KnownLine {
                    end,
                    forks: None,
                    told: 0,
                });
                (line.forks, line.told) = (Some(forks), 0);
            } else {
                self.anchors.insert(*of, end);
            }
        }
        self.anchors.extend(asked.named.iter().copied().zip(found.named));
        let asked = self.unasked.drain(..asked.forks.len().min(self.unasked.len()));
        let marks = asked.zip(found.forks).filter_map(|(NoticedFork { after, next, .. }, on)| {
            Some(ForkMark { on: on?, after, next })
        });
        self.due.extend(marks);
    }

    /// Everything that the peer has to be told with a block.
    pub(super) fn of(&self, shown: &[LogBlock]) -> Hidden {
        let hidden = runs(shown).map(|of| (of, true)).chain(anchors(shown).map(|of| (of, false)));
        let hidden = hidden.filter(|((_, hidden), _)| hidden.seq > 0);
        let mut first_sent = BTreeMap::new();
        for (_, end) in ends(shown) {
            first_sent.entry(end.author).or_insert(end.seq);
        }
        let bridge = |((no, hidden), is_run): ((BranchNo, CommitId), bool)| {
            let end = match self.lines_of(&hidden.author) {
                // The peer may lack the commit itself, if the filter names it.
                _ if self.of_part => match self.anchors.get(&(no, hidden.seq))? {
                    LineEnd::After(seq, chain) => {
                        return Some(Bridge { hidden, after: (*seq, *chain) });
                    }
                    LineEnd::Unknown => return None,
                },
                None => return None,
                Some(AuthorLines::Single(end)) => {
                    let first = first_sent.get(&hidden.author);
                    // It stands on the line that it is sent with the block.
                    if first.is_some_and(|first| !is_run || *first <= hidden.seq) {
                        return None;
                    }
                    self.not_granted(hidden, end)?
                }
                Some(AuthorLines::Forked) => self.before(shown, no, hidden)?,
            };
            match end {
                LineEnd::After(seq, chain) if (seq, chain) != (hidden.seq, hidden.chain) => {
                    Some(Bridge { hidden, after: (seq, chain) })
                }
                _ => None,
            }
        };
        let bridges = hidden.filter_map(bridge).take(FRAME_BRIDGES_MAX).collect();
        let mut told = BTreeMap::new();
        let mut forks = Vec::new();
        for (place, on) in ends(shown) {
            let Some(line) = self.lines.get(&(on.author, place.branch)) else { continue };
            let told = told.entry(place.branch).or_insert(line.told);
            let due = line.forks.iter().flatten().skip(*told);
            let behind: Vec<_> = due.take_while(|(after, _)| *after < on.seq).collect();
            *told += behind.len();
            forks.extend(behind.into_iter().map(|(after, next)| ForkMark {
                on,
                after: *after,
                next: *next,
            }));
        }
        // An author with more forks than that has made them to be a burden: the last ones count.
        forks.drain(..forks.len().saturating_sub(FRAME_FORKS_MAX));
        Hidden { bridges, forks, ..Hidden::default() }
    }

    /// Notes that the peer is sent a block, with what [`Bridges::of`] said of it.
    pub(super) fn told(&mut self, shown: &[LogBlock], hidden: &Hidden) {
        if !self.of_part {
            self.marks.tell(&hidden.bridges);
        }
        for (place, on) in ends(shown) {
            self.marks.send(on);
            let Some(line) = self.lines.get_mut(&(on.author, place.branch)) else { continue };
            let behind = line.forks.iter().flatten().take_while(|(after, _)| *after < on.seq);
            line.told = line.told.max(behind.count());
        }
        if self.anchors.len() > ANCHORS_MAX {
            self.anchors.clear();
        }
    }

    /// True if a commit is the last one of its author that was sent.
    fn was_sent(&self, commit: &CommitId) -> bool {
        self.marks.of(&commit.author) == Some((commit.seq, commit.chain))
    }

    /// True if something is to be told of commits that the peer holds.
    pub(super) const fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Takes what is to be told of commits that the peer holds, as much as a frame takes beside `others`.
    pub(super) fn take_due(&mut self, others: usize) -> Vec<ForkMark> {
        let room = FRAME_FORKS_MAX.saturating_sub(others);
        self.due.drain(..self.due.len().min(room)).collect()
    }

    /// Knowledge of an author. Of whom a session from the beginning has seen nothing, it has sent nothing.
    fn lines_of(&self, author: &ReplicaId) -> Option<AuthorLines> {
        let unseen = self.marks.from_beginning.then_some(AuthorLines::Single(LineEnd::NOTHING));
        self.authors.get(author).copied().or(unseen)
    }

    /// The end of an author's only line, where the peer would take a hidden commit to stand elsewhere.
    fn not_granted(&self, hidden: CommitId, end: LineEnd) -> Option<LineEnd> {
        let LineEnd::After(last, _) = end else { return None };
        let granted = |(mark, _)| hidden.seq <= mark || mark == last;
        let mark = self.marks.of(&hidden.author);
        (!mark.is_some_and(granted)).then_some(end)
    }

    /// The last commit of a branch of an author that has forked, up to another one, that the peer holds once it
    /// has been sent the block up to there. `None` when that has to be looked up.
    fn before(&self, shown: &[LogBlock], no: BranchNo, commit: CommitId) -> Option<LineEnd> {
        let line = match self.lines.get(&(commit.author, no)).map(|line| line.end) {
            Some(LineEnd::After(last, chain)) => {
                let of_block = ends(shown).filter(|(place, _)| place.branch == no);
                let ends = of_block.map(|(_, end)| (end.seq, end.chain)).chain([(last, chain)]);
                let last =
                    ends.filter(|(last, _)| *last <= commit.seq).max_by_key(|(last, _)| *last);
                last.map(|(last, chain)| LineEnd::After(last, chain))
            }
            line => line,
        };
        line.or_else(|| self.anchors.get(&(no, commit.seq)).copied())
    }
}

/// The branch of each run, and the commit that the run follows; those left out that begin an author's first
/// branch, which need not be asked for.
fn runs(shown: &[LogBlock]) -> impl Iterator<Item = (BranchNo, CommitId)> {
    let runs = shown.iter().flat_map(|log| log.block.runs().iter().zip(&log.runs));
    let forks = |place: &LogRun| place.begins.is_some_and(|begin| begin.leaves.is_some());
    let asked = runs.filter(move |(run, place)| run.before().seq > 0 || forks(place));
    asked.map(|(run, place)| (place.branch, run.before()))
}

/// The branch of each commit that contexts refer to, and the commit.
fn anchors(shown: &[LogBlock]) -> impl Iterator<Item = (BranchNo, CommitId)> {
    let anchors = |log: &LogBlock| {
        let of_log =
            log.anchors.iter().map(|anchor| anchor.branch).zip(log.block.anchors().iter().copied());
        of_log.collect::<Vec<_>>()
    };
    shown.iter().flat_map(anchors)
}

/// The last commit of each run, with the run's place.
fn ends(shown: &[LogBlock]) -> impl Iterator<Item = (LogRun, CommitId)> {
    shown.iter().flat_map(|log| log.runs.iter().copied().zip(log.ends()))
}
