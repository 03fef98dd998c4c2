//! Finding commits in a log: answers to what admission and sessions ask.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::Mutex as AsyncMutex;

use super::encoding::{RunRow, SpaceNumber, last_number};
use super::refusals::Refusals;
use super::rows::{Row, Rows};
use super::seal::Damage;
use super::shown::ViewedLines;
use super::{StoreError, view};
use crate::block::{Block, Commit};
use crate::branch::{Branch, BranchNo, Branches};
use crate::chain::{Chain, CommitId};
use crate::id::{Dot, Position};
use crate::log::{Answers, LogBlock, Question, View};
use crate::sync::LineEnd;

/// Most blocks that are read to name commits in the middle of their runs.
const INSIDE_BLOCKS_MAX: usize = 16;
/// Most runs of an author that a session follows back to what its peer holds.
pub(super) const ONLY_RUNS_MAX: usize = 64;
/// Most commits that are looked for in one read.
const LOCATE_AT_ONCE: usize = 1_024;

/// Answers what admission asks; `view` is the store's own.
pub(super) async fn answer(
    rows: &dyn Rows,
    number: SpaceNumber,
    (branches, view, refusals): (&Branches, &View, &AsyncMutex<Refusals>),
    questions: &BTreeSet<Question>,
    answers: &mut Answers,
) -> Result<(), StoreError> {
    let holds = questions.iter().filter_map(|question| match question {
        Question::Holds(commit) => Some(*commit),
        Question::Next(..) | Question::Names(..) | Question::Refuses(_) => None,
    });
    let holds: Vec<_> = holds.collect();
    for (commit, branch) in holds.iter().zip(locate(rows, number, branches, &holds).await?) {
        answers.holds(*commit, branch);
    }
    for question in questions {
        match question {
            Question::Holds(_) => {}
            Question::Refuses(commit) => {
                let mut refusals = refusals.lock().await;
                answers.refuses(*commit, refusals.hold(rows, number, commit).await?);
            }
            Question::Next(no, seq) => {
                answers.next(*no, *seq, next(rows, number, *no, *seq).await?);
            }
            Question::Names(no, after) => {
                let end = branches.get(*no).map_or(*after, |branch| branch.head.seq);
                let lines = ViewedLines { rows, number, branches, view, shown: None };
                let found = lines.shown_within(*no, (*after, end), ONLY_RUNS_MAX).await?;
                answers.names(*no, *after, matches!(found, LineEnd::After(1.., _)));
            }
        }
    }
    Ok(())
}

/// The branch of each commit; `None` when it is not held and never was.
pub(super) async fn locate(
    rows: &dyn Rows,
    number: SpaceNumber,
    branches: &Branches,
    commits: &[CommitId],
) -> Result<Vec<Option<BranchNo>>, StoreError> {
    let mut located: Vec<_> = commits.iter().map(|commit| branches.ending_with(commit)).collect();
    let mut asked = Vec::new();
    for (index, commit) in commits.iter().enumerate().filter(|(index, _)| located[*index].is_none())
    {
        let of_author = branches.of(&commit.author).iter();
        let spans = |no: &&BranchNo| branches.get(**no).is_some_and(|it| it.spans(commit.seq));
        asked.extend(of_author.filter(spans).map(|no| (index, *no)));
    }
    for asked in asked.chunks(LOCATE_AT_ONCE) {
        let reads =
            asked.iter().map(|(index, no)| view::run_read(number, *no, commits[*index].seq));
        let found = rows.read(reads.collect()).await?;
        let mut inside = Vec::new();
        for ((index, no), run) in asked.iter().zip(&found) {
            let commit = &commits[*index];
            let run = view::run(number, *no, commit.seq, run)?;
            if (run.last_seq, run.end) == (commit.seq, commit.chain) {
                located[*index] = Some(*no);
            } else if run.last_seq != commit.seq && run.is_held() {
                inside.push((run.start, *index, *no));
            }
        }
        // Many may stand in one block, which is read once.
        inside.sort_unstable();
        for of_block in inside.chunk_by(|a, b| a.0 == b.0) {
            let held = commits_at(rows, number, of_block[0].0).await?;
            let held = of_block.iter().filter(|(_, index, _)| held.contains(&commits[*index]));
            held.for_each(|(_, index, no)| located[*index] = Some(*no));
        }
    }
    Ok(located)
}

/// The last blocks that hold events of a branch up to a number; at most `most`.
pub(super) async fn written_through(
    rows: &dyn Rows,
    number: SpaceNumber,
    branches: &Branches,
    no: BranchNo,
    (seq, most): (u64, usize),
) -> Result<Vec<Block>, StoreError> {
    let mut blocks: Vec<Block> = Vec::new();
    let Some(branch) = branches.get(no) else { return Ok(blocks) };
    let mut seq = branch.head.seq.min(seq);
    while branch.spans(seq) && blocks.len() < most {
        let found = rows.read(vec![view::run_read(number, no, seq)]).await?;
        let run = view::run(number, no, seq, answer_of(&found))?;
        let found = rows.read(vec![view::block_read(number, run.start)]).await?;
        if answer_of(&found).is_empty() {
            // What stood before was pruned.
            break;
        }
        let log = view::block(answer_of(&found))?;
        let mut runs = log.block.runs().iter().zip(&log.runs);
        let run = runs.find(|(run, place)| {
            place.branch == no && (run.first_seq..=run.last_seq()).contains(&seq)
        });
        let missing = Damage::new("a block does not hold the run that it should");
        seq = run.ok_or(missing)?.0.first_seq - 1;
        blocks.push(log.block);
    }
    Ok(blocks)
}

/// The number of a branch's events that stand behind a position of the log. Takes time in the
/// logarithm of the branch's length.
pub(super) async fn written_after(
    rows: &dyn Rows,
    number: SpaceNumber,
    branches: &Branches,
    no: BranchNo,
    after: Position,
) -> Result<u64, StoreError> {
    let Some(branch) = branches.get(no) else { return Ok(0) };
    // Events up to `before` stand at or before the position; those from `behind` on do not.
    let (mut before, mut behind) = (branch.base(), branch.head.seq + 1);
    let mut asked = branch.head.seq;
    while before + 1 < behind {
        let found = rows.read(vec![view::run_read(number, no, asked)]).await?;
        let begins = answer_of(&found).first().map_or(Ok(0), |row| last_number(&row.key))?;
        let run = view::run(number, no, asked, answer_of(&found))?;
        if !run.is_held() || run.start < after.0 {
            before = run.last_seq;
        } else {
            behind = begins;
        }
        asked = before + (behind - before) / 2;
    }
    Ok(branch.head.seq - before)
}

/// The blocks that hold events, each block once, in log order. An event that is not held has none, nor
/// has one whose block was pruned.
pub(super) async fn holding(
    rows: &dyn Rows,
    number: SpaceNumber,
    branches: &Branches,
    events: &[Dot],
) -> Result<Vec<LogBlock>, StoreError> {
    let place = |event: &Dot| Some((branches.of_writer(&event.replica)?, event.seq));
    let spans = |(no, seq): &(BranchNo, u64)| branches.get(*no).is_some_and(|it| it.spans(*seq));
    let places: Vec<_> = events.iter().filter_map(place).filter(spans).collect();
    let runs = places.iter().map(|(no, seq)| view::run_read(number, *no, *seq)).collect();
    let mut starts = BTreeSet::new();
    for ((no, seq), run) in places.iter().zip(&rows.read(runs).await?) {
        let run = view::run(number, *no, *seq, run)?;
        starts.extend(run.is_held().then_some(run.start));
    }
    let blocks = starts.iter().map(|start| view::block_read(number, *start)).collect();
    let found = rows.read(blocks).await?;
    let held = found.iter().filter(|rows| !rows.is_empty());
    Ok(held.map(|rows| view::block(rows)).collect::<Result<_, _>>()?)
}

/// Commits at distances of about 1, 2, 4 … events before the heads of all branches: the nearest of
/// each first, at most `most`. Where many runs span several distances, their ends stand for them.
pub(super) async fn earlier(
    rows: &dyn Rows,
    number: SpaceNumber,
    branches: &Branches,
    most: usize,
) -> Result<Vec<CommitId>, StoreError> {
    let mut commits = Vec::new();
    let mut paths: Vec<_> = branches.heads().map(Path::from).collect();
    let mut inside = Inside { rows, number, blocks: BTreeMap::new() };
    for distance in (0..u64::BITS).map(|doublings| 1 << doublings) {
        let far = |(no, branch): (BranchNo, &Branch)| {
            let path = paths.get(no.0 as usize)?;
            let seq = branch.head.seq.saturating_sub(distance).min(path.below);
            (seq > branch.base()).then_some((no, seq))
        };
        let asked: Vec<_> = branches.iter().filter_map(far).collect();
        for asked in asked.chunks(LOCATE_AT_ONCE) {
            if commits.len() >= most {
                break;
            }
            let reads = asked.iter().map(|(no, seq)| view::run_read(number, *no, *seq));
            let found = rows.read(reads.collect()).await?;
            for ((no, seq), run) in asked.iter().zip(&found) {
                let begins = run.first().map_or(Ok(0), |row| last_number(&row.key))?;
                let run = view::run(number, *no, *seq, run)?;
                let Some(path) = paths.get_mut(no.0 as usize) else { continue };
                let end = CommitId { seq: run.last_seq, chain: run.end, ..path.last };
                let commit = if end.seq < path.last.seq {
                    Some(end)
                } else {
                    inside.commit(*no, *seq, &run).await?
                };
                match commit {
                    Some(commit) => {
                        commits.push(commit);
                        *path = Path::from(commit);
                    }
                    None => path.below = begins.saturating_sub(1),
                }
            }
        }
        if asked.is_empty() || commits.len() >= most {
            break;
        }
    }
    commits.truncate(most);
    Ok(commits)
}

/// The way back along a branch: the last commit named, and the number at or before which the next one
/// is looked for.
struct Path {
    last: CommitId,
    below: u64,
}

impl From<CommitId> for Path {
    fn from(last: CommitId) -> Self {
        Self { last, below: last.seq.saturating_sub(1) }
    }
}

/// Blocks that are looked into.
struct Inside<'a> {
    rows: &'a dyn Rows,
    number: SpaceNumber,
    /// By the places where they begin.
    blocks: BTreeMap<u64, LogBlock>,
}

impl Inside<'_> {
    /// The last commit of a run that ends at or before a number, if there is one and not too many
    /// blocks were looked into.
    async fn commit(
        &mut self,
        no: BranchNo,
        seq: u64,
        run: &RunRow,
    ) -> Result<Option<CommitId>, StoreError> {
        if !run.is_held() {
            return Ok(None);
        }
        if !self.blocks.contains_key(&run.start) {
            if self.blocks.len() == INSIDE_BLOCKS_MAX {
                return Ok(None);
            }
            let found = self.rows.read(vec![view::block_read(self.number, run.start)]).await?;
            self.blocks.insert(run.start, view::block(answer_of(&found))?);
        }
        let Some(log) = self.blocks.get(&run.start) else { return Ok(None) };
        let before = |commit: &&Commit| log.runs[commit.run].branch == no && commit.id.seq <= seq;
        Ok(log.block.commits().iter().rev().find(before).map(|commit| commit.id))
    }
}

/// The commits of the block that begins at a place.
async fn commits_at(
    rows: &dyn Rows,
    number: SpaceNumber,
    start: u64,
) -> Result<BTreeSet<CommitId>, StoreError> {
    let found = rows.read(vec![view::block_read(number, start)]).await?;
    let log = view::block(answer_of(&found))?;
    Ok(log.block.commits().iter().map(|commit| commit.id).collect())
}

/// The chain after the commit that follows an event on a branch.
async fn next(
    rows: &dyn Rows,
    number: SpaceNumber,
    no: BranchNo,
    seq: u64,
) -> Result<Chain, StoreError> {
    let found = rows.read(vec![view::run_read(number, no, seq + 1)]).await?;
    let run = view::run(number, no, seq + 1, answer_of(&found))?;
    if run.start == RunRow::HIDDEN {
        return Box::pin(next(rows, number, no, run.last_seq)).await;
    }
    if run.start == RunRow::PRUNED {
        return Ok(run.end);
    }
    let found = rows.read(vec![view::block_read(number, run.start)]).await?;
    let log = view::block(answer_of(&found))?;
    let follows = |commit: &&Commit| log.runs[commit.run].branch == no && commit.id.seq > seq;
    let missing = Damage::new("a block does not hold the commits that it should");
    Ok(log.block.commits().iter().find(follows).ok_or(missing)?.id.chain)
}

pub(super) fn answer_of(found: &[Vec<Row>]) -> &[Row] {
    found.first().map_or(&[], Vec::as_slice)
}
