//! Admitting the blocks of one batch, in order, on top of what is held, before anything is written.

mod answers;
mod awaited;
mod forks;
mod tombstones;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Anchor, Append, BRANCHES_MAX, Begin, Branch, BranchNo, Branches, Bridge, Chain, CommitId,
    Cursor, Hidden, LogBlock, LogRun, Refusal, ReplicaId, Source, SpaceId, repack,
};
use crate::block::{Block, Commit, Run};
use crate::filter::Filter;
use crate::ruling::Rulings;
pub(crate) use answers::{Answers, Question};
use forks::{Forks, told_bridges, told_forks};

/// Result of admitting a batch.
#[derive(Debug)]
pub(crate) enum Decision {
    /// This has to be known first.
    Ask(BTreeSet<Question>),
    /// It is admitted.
    Admit(Admitted),
}

/// The writes.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// The blocks to append; none when everything is held already.
    pub(crate) blocks: Vec<LogBlock>,
    /// The branches that are new or have grown.
    pub(crate) branches: BTreeMap<BranchNo, Branch>,
    /// The end of the log after it.
    pub(crate) end: Cursor,
    /// Runs of commits that the store's filter hides.
    pub(crate) gaps: Vec<Gap>,
    /// True if a peer sent commits under this store's own key that this store does not hold (the
    /// store is a copy, has been copied, or was restored from a copy), or a hub's event that closes
    /// the key. The store writes on under another key.
    pub(crate) own_key_is_spent: bool,
    /// True if the branches have forks that the log does not show.
    pub(crate) tells: bool,
}

/// Hidden commits between two of a branch, or before its first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gap {
    pub(crate) branch: BranchNo,
    /// The number of the first event that they can have.
    pub(crate) first_seq: u64,
    /// The number of their last event.
    pub(crate) last_seq: u64,
    /// The chain there.
    pub(crate) end: Chain,
}

/// A batch that is to be appended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission<'a> {
    /// The space appended to.
    pub(crate) space: &'a SpaceId,
    /// The branches held.
    pub(crate) branches: &'a Branches,
    /// The end of the log.
    pub(crate) end: Cursor,
    /// The key that this store writes under.
    pub(crate) own: ReplicaId,
    /// The blocks, in order.
    pub(crate) append: &'a [Append],
    /// The bound that a hub sets to the branches of one author.
    pub(crate) cap: Option<&'a Cap>,
    /// Word about hidden commits, if the store holds a part of the space.
    pub(crate) hidden: Option<&'a Hidden>,
    /// The store's filter, if the blocks come from a peer that holds a part too, or from the store itself: what it
    /// names and the store lacks is not hidden, but on its way from others.
    pub(crate) awaits: Option<&'a Filter>,
}

/// A bound to the branches of one author, set by a hub that can close keys.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Cap {
    /// Most branches of an author whose key is open.
    pub(crate) most: usize,
    /// The authors whose keys are closed.
    pub(crate) closed: BTreeSet<ReplicaId>,
}

impl Admission<'_> {
    /// Decides with the answers given so far, or asks for more. To be called again until it decides.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing of the batch is then to be written.
    pub(crate) fn decide(&self, answers: &Answers) -> Result<Decision, Refusal> {
        let mut staging = Staging::new(self, answers);
        staging.tell_held()?;
        for append in self.append {
            if let Err(refusal) = staging.admit(append) {
                // While something is asked, what seems to be missing may have been asked for.
                return if staging.questions.is_empty() {
                    Err(refusal)
                } else {
                    Ok(staging.decision())
                };
            }
        }
        Ok(staging.decision())
    }
}

/// Result of looking a commit up.
enum Lookup {
    Held(BranchNo),
    Absent,
    /// It has been asked for.
    Asked,
}

/// The place of what follows hidden commits.
enum Across {
    /// Behind the end of a branch, at a number.
    End(BranchNo, u64),
    /// Behind an event of a branch that others follow.
    Inside(BranchNo, u64),
    /// Somewhere along a branch, or beside it.
    Along(BranchNo),
    /// Behind nothing of its author.
    Nothing,
    /// It has been asked for.
    Asked,
    Unknown,
}

/// The branch of a commit that a context refers to and of whose author nothing is held: what is hidden
/// has no effect here.
const HIDDEN: BranchNo = BranchNo((1 << 31) - 1);

/// The branch that takes the fresh commits of a run.
enum Target {
    /// All are held.
    Nowhere,
    /// After the end of a branch.
    Extend(BranchNo),
    /// After the end of a branch and hidden commits, of which the number of the first event is given.
    Skip(BranchNo, u64),
    /// Begins the first branch of its author.
    Begin,
    /// Leaves a branch after an event. The chain after the commit that follows there, where that is hidden.
    Leave(BranchNo, u64, Option<Chain>),
    /// Not known before what was asked is answered.
    Asked,
}

struct Staging<'a> {
    batch: &'a Admission<'a>,
    answers: &'a Answers,
    /// The forks that are told, by the commits on whose chains they are.
    forks: BTreeMap<CommitId, Forks>,
    /// The bridges that are told, by the hidden commits.
    bridges: BTreeMap<CommitId, &'a Bridge>,
    /// Identities of merging that this batch adds, at most.
    writers: usize,
    changed: BTreeMap<BranchNo, Branch>,
    /// Branches that this batch begins.
    begun: Vec<(ReplicaId, BranchNo)>,
    /// Commits that this batch appends, by branch, ascending.
    staged: BTreeMap<BranchNo, Vec<(u64, Chain)>>,
    questions: BTreeSet<Question>,
    blocks: Vec<LogBlock>,
    gaps: Vec<Gap>,
    end: Cursor,
    own_key_is_spent: bool,
    tells: bool,
    /// Rulings among the blocks, if there are tombstones among them.
    rulings: Option<Rulings>,
    /// The block was written here, or read out of this store's damaged file.
    is_local: bool,
}

impl<'a> Staging<'a> {
    fn new(batch: &'a Admission<'a>, answers: &'a Answers) -> Self {
        let has_tombstones = batch.append.iter().any(|append| append.block.has_tombstones());
        Self {
            batch,
            answers,
            forks: told_forks(batch.hidden),
            bridges: told_bridges(batch.hidden),
            writers: 0,
            changed: BTreeMap::new(),
            begun: Vec::new(),
            staged: BTreeMap::new(),
            questions: BTreeSet::new(),
            blocks: Vec::new(),
            gaps: Vec::new(),
            end: batch.end,
            own_key_is_spent: false,
            tells: false,
            rulings: has_tombstones.then(Rulings::new),
            is_local: false,
        }
    }

    fn decision(self) -> Decision {
        if !self.questions.is_empty() {
            return Decision::Ask(self.questions);
        }
        Decision::Admit(Admitted {
            blocks: self.blocks,
            branches: self.changed,
            end: self.end,
            gaps: self.gaps,
            own_key_is_spent: self.own_key_is_spent,
            tells: self.tells,
        })
    }

    fn admit(&mut self, append: &Append) -> Result<(), Refusal> {
        let block = &append.block;
        self.is_local = append.source == Source::Local;
        if block.space() != self.batch.space {
            let (expected, found) = (self.batch.space.clone(), block.space().clone());
            return Err(Refusal::OtherSpace { expected, found });
        }
        let mut held_through = Vec::with_capacity(block.runs().len());
        let mut runs = Vec::with_capacity(block.runs().len());
        for run in 0..block.runs().len() {
            let commits: Vec<_> = block.commits_of(run).collect();
            let forks = self.forks_of(&commits);
            let (place, held) = self.place(block, run, &commits, &forks)?;
            held_through.push(commits.get(held).map_or(u64::MAX, |first| first.id.seq - 1));
            let place_of_run = self.stage(&place, &commits[held..])?;
            if !matches!(place, Target::Nowhere | Target::Asked) {
                self.tell(place_of_run.branch, &forks)?;
            }
            if held == 0 {
                self.note_gap(&place, place_of_run.branch, &block.runs()[run]);
            }
            runs.push(place_of_run);
            let fresh = !matches!(place, Target::Nowhere | Target::Asked);
            self.own_key_is_spent |= fresh
                && append.source == Source::Peer
                && block.runs()[run].replica == self.batch.own;
        }
        let fresh: Vec<_> =
            block.commits().iter().map(|commit| held_through[commit.run] < commit.id.seq).collect();
        if fresh.contains(&true) {
            self.own_key_is_spent |= append.source == Source::Peer && self.closes_own_key(block);
            self.check_tombstones(block, &fresh)?;
            self.append(block, &fresh, &runs)?;
        }
        Ok(())
    }

    /// Finds where the commits of a run belong, and how many of them are held already.
    fn place(
        &mut self,
        block: &Block,
        run: usize,
        commits: &[&Commit],
        forks: &[(u64, Chain)],
    ) -> Result<(Target, usize), Refusal> {
        let before = block.runs()[run].before();
        if let Some(branch) = self.ending_with(&before) {
            return Ok((Target::Extend(branch), 0));
        }
        let Some(last) = commits.last() else { return Ok((Target::Nowhere, 0)) };
        if let Lookup::Held(_) = self.lookup(&last.id) {
            return Ok((Target::Nowhere, commits.len()));
        }
        for (index, commit) in commits.iter().enumerate().rev() {
            if let Some(branch) = self.ending_with(&commit.id) {
                return Ok((Target::Extend(branch), index + 1));
            }
        }
        let root = match self.lookup(&before) {
            Lookup::Held(branch) => branch,
            Lookup::Asked => return Ok((Target::Asked, commits.len())),
            Lookup::Absent if before.seq == 0 => return Ok((Target::Begin, 0)),
            Lookup::Absent => match self.lookup(&commits[0].id) {
                // It was hidden already when what follows it came.
                Lookup::Held(branch) => branch,
                Lookup::Asked => return Ok((Target::Asked, commits.len())),
                Lookup::Absent => return self.place_across(before, commits, forks),
            },
        };
        // The run leaves what is held: before its first commit, or after one of its commits.
        let (mut held, mut branch, mut not_held) = (0, root, commits.len());
        while held < not_held {
            let middle = held + (not_held - held) / 2;
            match self.lookup(&commits[middle].id) {
                Lookup::Held(on) => (held, branch) = (middle + 1, on),
                Lookup::Absent => not_held = middle,
                Lookup::Asked => return Ok((Target::Asked, commits.len())),
            }
        }
        let after = if held == 0 { before.seq } else { commits[held - 1].id.seq };
        Ok((Target::Leave(branch, after, None), held))
    }

    /// Notes the fresh commits of a run; where they belong.
    fn stage(&mut self, place: &Target, fresh: &[&Commit]) -> Result<LogRun, Refusal> {
        let nowhere = LogRun { branch: BranchNo(0), end: Chain::from_bytes([0; 32]), begins: None };
        let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else {
            return Ok(nowhere);
        };
        let (head, first) = (last.id, first.id.chain);
        let begin = |leaves| Branch { head, first, leaves, forks: Vec::new() };
        let (branch, begins) = match place {
            Target::Nowhere | Target::Asked => return Ok(nowhere),
            Target::Extend(no) | Target::Skip(no, _) => {
                if let Some(mut branch) = self.branch(*no).cloned() {
                    branch.head = head;
                    self.changed.insert(*no, branch);
                }
                (*no, None)
            }
            Target::Begin => (self.begin(begin(None))?, Some(Begin { first, leaves: None })),
            Target::Leave(parent, after, hidden) => {
                let first = hidden.unwrap_or(first);
                let no = self.begin(Branch { first, ..begin(Some((*parent, *after))) })?;
                let next = self.note_fork(*parent, *after);
                let leaves = next.map(|next| (*parent, *after, next));
                (no, Some(Begin { first, leaves }))
            }
        };
        let staged = self.staged.entry(branch).or_default();
        staged.extend(fresh.iter().map(|commit| (commit.id.seq, commit.id.chain)));
        Ok(LogRun { branch, end: head.chain, begins })
    }

    /// The place across hidden commits, the last of which is given.
    fn across(&mut self, hidden: &CommitId) -> Across {
        if self.batch.hidden.is_none() {
            return Across::Unknown;
        }
        if let Some(shown) = self.bridges.get(hidden).map(|bridge| bridge.shown()) {
            match self.lookup(&shown) {
                Lookup::Held(no) if shown.seq >= hidden.seq => return Across::Along(no),
                Lookup::Held(no) if self.branch(no).is_some_and(|it| it.head == shown) => {
                    return Across::End(no, shown.seq);
                }
                Lookup::Held(no) => return Across::Inside(no, shown.seq),
                Lookup::Asked => return Across::Asked,
                Lookup::Absent if shown.seq == 0 => return Across::Nothing,
                Lookup::Absent => return Across::Unknown,
            }
        }
        let mut lines = self.of(&hidden.author);
        match (lines.next(), lines.next()) {
            (None, _) => Across::Nothing,
            (Some((no, branch)), None) if branch.head.seq < hidden.seq => {
                Across::End(no, branch.head.seq)
            }
            (Some((no, _)), None) => Across::Along(no),
            (Some(_), Some(_)) => Across::Unknown,
        }
    }

    /// Notes the hidden commits before a run.
    fn note_gap(&mut self, place: &Target, branch: BranchNo, run: &Run) {
        let first_seq = match place {
            Target::Skip(_, first_seq) => *first_seq,
            Target::Begin => 1,
            Target::Leave(_, after, _) => after + 1,
            Target::Nowhere | Target::Asked | Target::Extend(_) => return,
        };
        if first_seq < run.first_seq {
            let (last_seq, end) = (run.first_seq - 1, run.chain_before);
            self.gaps.push(Gap { branch, first_seq, last_seq, end });
        }
    }

    fn begin(&mut self, branch: Branch) -> Result<BranchNo, Refusal> {
        let index = self.batch.branches.len() + self.begun.len();
        if index >= BRANCHES_MAX {
            return Err(Refusal::TooManyReplicas);
        }
        self.check_cap(branch.head.author, index)?;
        self.count_writers(2)?;
        let no = BranchNo(u32::try_from(index).map_err(|_| Refusal::TooManyReplicas)?);
        self.begun.push((branch.head.author, no));
        self.changed.insert(no, branch);
        Ok(no)
    }

    /// True when a hub closes this store's own key in a block.
    fn closes_own_key(&self, block: &Block) -> bool {
        Rulings::closings(block).iter().any(|closing| closing.author == self.batch.own)
    }

    /// Checks that an author may begin another branch, the space's branch number `index`.
    fn check_cap(&self, author: ReplicaId, index: usize) -> Result<(), Refusal> {
        let Some(cap) = self.batch.cap else { return Ok(()) };
        if cap.closed.contains(&author) {
            // What no longer counts may not take the room of those who do.
            return if index < BRANCHES_MAX / 2 { Ok(()) } else { Err(Refusal::Closed { author }) };
        }
        // What is still asked may change which branches begin.
        if self.questions.is_empty() && self.of(&author).count() >= cap.most {
            return Err(Refusal::Crowded { author });
        }
        Ok(())
    }

    /// Records on a branch that another leaves it; the chain after the commit that follows there,
    /// unless that has to be asked.
    fn note_fork(&mut self, parent: BranchNo, after: u64) -> Option<Chain> {
        let mut branch = self.branch(parent)?.clone();
        match branch.forks.binary_search_by_key(&after, |(seq, _)| *seq) {
            Ok(index) => Some(branch.forks[index].1),
            Err(index) => {
                let next = self.next(parent, &branch, after)?;
                branch.forks.insert(index, (after, next));
                self.changed.insert(parent, branch);
                Some(next)
            }
        }
    }

    fn append(&mut self, block: &Block, fresh: &[bool], runs: &[LogRun]) -> Result<(), Refusal> {
        let anchors = self.anchors(block, fresh)?;
        check_order(block, fresh)?;
        let packed = if fresh.contains(&false) { repack(block, fresh)? } else { None };
        let (block, runs, anchors) = match packed {
            None => (block.clone(), runs.to_vec(), anchors),
            Some(packed) => {
                let place = |end: CommitId| block.ends().iter().position(|id| *id == end);
                let kept = packed.ends().into_iter().filter_map(place).map(|run| runs[run]);
                let runs = kept.collect();
                let place = |anchor| block.anchors().iter().position(|id| id == anchor);
                let kept = packed.anchors().iter().filter_map(place).map(|index| anchors[index]);
                let anchors = kept.collect();
                (packed, runs, anchors)
            }
        };
        let Cursor { position: start, digest } = self.end;
        let digest = digest.then(&block);
        let log = LogBlock { start, block, runs, anchors, digest };
        self.end = log.cursor();
        self.blocks.push(log);
        Ok(())
    }

    /// The places of the commits that contexts refer to, all of which are held, in the block, or hidden.
    fn anchors(&mut self, block: &Block, fresh: &[bool]) -> Result<Vec<Anchor>, Refusal> {
        let mut anchors = Vec::with_capacity(block.anchors().len());
        for anchor in block.anchors() {
            anchors.push(match self.lookup(anchor) {
                Lookup::Held(branch) => Anchor::on(branch),
                Lookup::Asked => Anchor::on(BranchNo(0)),
                Lookup::Absent if let Some((after, missing)) = self.lacks(block, fresh, anchor) => {
                    return Err(Refusal::Missing { after, missing });
                }
                Lookup::Absent if self.batch.hidden.is_some() => match self.across(anchor) {
                    // Of a peer that does not know all that lies before, which may come later.
                    Across::End(no, _) | Across::Inside(no, _) if !self.is_told_all(anchor) => {
                        Anchor::on(no)
                    }
                    Across::Along(no) => Anchor::on(no),
                    // What comes later is on another line, and then may have lower numbers.
                    Across::End(no, last) | Across::Inside(no, last) => {
                        Anchor { beside: Some(last), ..Anchor::on(no) }
                    }
                    Across::Nothing | Across::Asked | Across::Unknown => Anchor::on(HIDDEN),
                },
                Lookup::Absent => {
                    let fresh = block.commits().iter().zip(fresh).find(|(_, fresh)| **fresh);
                    let after = fresh.map_or(anchor.dot(), |(commit, _)| commit.id.dot());
                    return Err(Refusal::Missing { after, missing: *anchor });
                }
            });
        }
        Ok(anchors)
    }

    fn branch(&self, no: BranchNo) -> Option<&Branch> {
        self.changed.get(&no).or_else(|| self.batch.branches.get(no))
    }

    /// The branches of an author, those that this batch begins included.
    fn of(&self, author: &ReplicaId) -> impl Iterator<Item = (BranchNo, &Branch)> {
        let held = self.batch.branches.of(author).iter().copied();
        let begun = self.begun.iter().filter(move |(of, _)| of == author).map(|(_, no)| *no);
        held.chain(begun).filter_map(|no| Some((no, self.branch(no)?)))
    }

    fn ending_with(&self, commit: &CommitId) -> Option<BranchNo> {
        self.of(&commit.author).find(|(_, branch)| branch.head == *commit).map(|(no, _)| no)
    }

    /// Looks a commit up: at the ends of branches, among what is staged, and in the store.
    fn lookup(&mut self, commit: &CommitId) -> Lookup {
        if commit.seq == 0 {
            let first = self.of(&commit.author).find(|(_, branch)| branch.leaves.is_none());
            return first.map_or(Lookup::Absent, |(no, _)| Lookup::Held(no));
        }
        let found = self.of(&commit.author).find(|(no, branch)| {
            let staged = self.staged.get(no).map_or(&[][..], Vec::as_slice);
            branch.head == *commit || staged.binary_search(&(commit.seq, commit.chain)).is_ok()
        });
        if let Some((no, _)) = found {
            return Lookup::Held(no);
        }
        let stored = self.batch.branches.of(&commit.author).iter();
        let spans = |no: &BranchNo| {
            self.batch.branches.get(*no).is_some_and(|branch| branch.spans(commit.seq))
        };
        if !stored.clone().any(spans) {
            return Lookup::Absent;
        }
        match self.answers.holds.get(commit) {
            Some(Some(branch)) => Lookup::Held(*branch),
            Some(None) => Lookup::Absent,
            None => {
                self.questions.insert(Question::Holds(*commit));
                Lookup::Asked
            }
        }
    }

    /// The chain after the commit that follows an event on a branch.
    fn next(&mut self, no: BranchNo, branch: &Branch, seq: u64) -> Option<Chain> {
        if seq == branch.base() {
            return Some(branch.first);
        }
        let staged = self.staged.get(&no).map_or(&[][..], Vec::as_slice);
        let behind = staged.partition_point(|(staged, _)| *staged <= seq);
        let stored = self.batch.branches.get(no).is_some_and(|stored| seq < stored.head.seq);
        if !stored {
            return staged.get(behind).map(|(_, chain)| *chain);
        }
        let known = self.answers.next.get(&(no, seq)).copied();
        if known.is_none() {
            self.questions.insert(Question::Next(no, seq));
        }
        known
    }
}

/// Checks that within a block, too, every fresh commit stands after what it follows and what its
/// author had seen.
fn check_order(block: &Block, fresh: &[bool]) -> Result<(), Refusal> {
    let commits = block.commits();
    let places: BTreeMap<_, _> =
        (0..).zip(commits).filter(|(index, _)| fresh[*index]).map(|(i, c)| (c.id, i)).collect();
    let follows = block.runs().iter().any(|run| places.contains_key(&run.before()));
    if !follows && !block.anchors().iter().any(|anchor| places.contains_key(anchor)) {
        return Ok(());
    }
    for (index, commit) in commits.iter().enumerate().filter(|(index, _)| fresh[*index]) {
        let entries = commit.entries.clone().filter_map(|index| block.entry(index));
        let seen = entries.flat_map(|entry| entry.context_rows());
        let seen = seen.map(|(anchor, _)| block.anchors()[*anchor]);
        let mut before = seen.chain([block.runs()[commit.run].before()]);
        let later = |id: &CommitId| places.get(id).is_some_and(|place| *place >= index);
        if let Some(missing) = before.find(later) {
            return Err(Refusal::Missing { after: commit.id.dot(), missing });
        }
    }
    Ok(())
}
