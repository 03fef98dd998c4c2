//! Lines of authors, as far as they have been looked through for peers that hold parts of a space.
//!
//! A search for the last commit that a filter shows of a long line takes long, if it hides most of that. Logs only
//! grow: a result stays true, and the next search ends where the one before began.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::StoreError;
use super::encoding::{RunRow, SpaceNumber, last_number};
use super::locate::{ONLY_RUNS_MAX, answer_of, written_after};
use super::rows::Rows;
use super::view;
use crate::branch::{BranchNo, Branches};
use crate::chain::{Chain, CommitId};
use crate::id::Position;
use crate::log::{LogRun, View};
use crate::sync::LineEnd;

/// Most runs of a branch that a session of a part follows back to what its peer's filter names.
const NAMED_RUNS_MAX: usize = 1_024;
/// Most stretches of a space that are remembered; then they are forgotten, and looked through again.
const STRETCHES_MAX: usize = 4_096;

/// Stretches of the branches of a space, one for each branch and view.
#[derive(Debug, Default)]
pub(super) struct ShownLines(Mutex<Stretches>);

#[derive(Debug, Default)]
struct Stretches {
    views: BTreeMap<View, BTreeMap<BranchNo, Stretch>>,
    len: usize,
}

/// A part of a branch that has been looked through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    /// The event that it ends with.
    pub(super) through: u64,
    pub(super) found: SearchEnd,
}

/// The end of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SearchEnd {
    /// The last commit that is shown, by the number of its last event and the chain there.
    Last(u64, Chain),
    /// Nothing is shown behind this event.
    NothingAfter(u64),
}

impl Stretch {
    /// The end of a search from an event, if it is known.
    pub(super) fn up_to(&self, seq: u64) -> Option<SearchEnd> {
        let lies_within = match self.found {
            SearchEnd::Last(last, _) => last <= seq,
            SearchEnd::NothingAfter(after) => after < seq,
        };
        (lies_within && seq <= self.through).then_some(self.found)
    }
}

impl ShownLines {
    /// The stretch of a branch that was looked through last.
    pub(super) fn get(&self, view: &View, no: BranchNo) -> Option<Stretch> {
        self.lock().views.get(view)?.get(&no).copied()
    }

    /// Remembers a stretch, unless more of the branch has been looked through, or functions of the application's
    /// decide, which may change their mind.
    pub(super) fn note(&self, view: &View, no: BranchNo, stretch: Stretch) {
        if view.filter.as_ref().is_some_and(|filter| filter.has_predicates()) {
            return;
        }
        let mut known = self.lock();
        let is_new = known.views.get(view).is_none_or(|lines| !lines.contains_key(&no));
        if is_new && known.len >= STRETCHES_MAX {
            *known = Stretches::default();
        }
        let Stretches { views, len } = &mut *known;
        if !views.contains_key(view) {
            views.insert(view.clone(), BTreeMap::new());
        }
        let Some(lines) = views.get_mut(view) else { return };
        if lines.get(&no).is_none_or(|known| known.through <= stretch.through) {
            *len += usize::from(lines.insert(no, stretch).is_none());
        }
    }

    /// Nothing of the log is left.
    pub(super) fn forget(&self) {
        *self.lock() = Stretches::default();
    }

    fn lock(&self) -> MutexGuard<'_, Stretches> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines of authors in a space, as a view shows them.
pub(super) struct ViewedLines<'a> {
    pub(super) rows: &'a dyn Rows,
    pub(super) number: SpaceNumber,
    pub(super) branches: &'a Branches,
    pub(super) view: &'a View,
    /// Those that have been looked through, if what is found is to be remembered.
    pub(super) shown: Option<&'a ShownLines>,
}

impl ViewedLines<'_> {
    /// The last commit shown of an author's only branch before a place in the log, unless it is too far back.
    pub(super) async fn only_end(
        &self,
        no: BranchNo,
        before: Position,
    ) -> Result<LineEnd, StoreError> {
        let Some(branch) = self.branches.get(no) else { return Ok(LineEnd::Unknown) };
        let behind = written_after(self.rows, self.number, self.branches, no, before).await?;
        let within = (branch.base(), branch.head.seq - behind);
        self.shown_within(no, within, ONLY_RUNS_MAX).await
    }

    /// The last commit shown of a branch up to another commit, unless that is not held, or it is too far back.
    pub(super) async fn last_named(&self, no: BranchNo, seq: u64) -> Result<LineEnd, StoreError> {
        if !self.branches.get(no).is_some_and(|branch| branch.spans(seq)) {
            return Ok(LineEnd::Unknown);
        }
        let found = self.rows.read(vec![view::run_read(self.number, no, seq)]).await?;
        if !view::run(self.number, no, seq, answer_of(&found))?.is_held() {
            return Ok(LineEnd::Unknown);
        }
        self.end(no, seq, NAMED_RUNS_MAX).await
    }

    /// The last commit shown of a branch up to a number, if it is among the last `most` runs of the branch or of one
    /// that it leaves.
    pub(super) async fn end(
        &self,
        no: BranchNo,
        seq: u64,
        most: usize,
    ) -> Result<LineEnd, StoreError> {
        let Some(branch) = self.branches.get(no) else { return Ok(LineEnd::Unknown) };
        let (mut at, mut seq) = (Some((no, branch)), seq.min(branch.head.seq));
        while let Some((no, branch)) = at {
            let base = branch.base();
            match self.shown_within(no, (base, seq.min(branch.head.seq)), most).await? {
                LineEnd::NOTHING => {}
                end => return Ok(end),
            }
            at = branch.leaves.and_then(|(no, _)| Some((no, self.branches.get(no)?)));
            seq = seq.min(base);
        }
        Ok(LineEnd::NOTHING)
    }

    /// A commit shown of a branch behind an event, or of one that leaves it later.
    pub(super) async fn shown_behind(
        &self,
        no: BranchNo,
        after: u64,
    ) -> Result<Option<CommitId>, StoreError> {
        let mut waiting = vec![(no, after)];
        while let Some((no, after)) = waiting.pop() {
            let Some(branch) = self.branches.get(no) else { continue };
            let found = self.shown_within(no, (after, branch.head.seq), usize::MAX).await?;
            if let LineEnd::After(seq @ 1.., chain) = found {
                return Ok(Some(CommitId { seq, chain, ..branch.head }));
            }
            let of_author = self.branches.of(&branch.head.author).iter();
            let leaves = |no: &BranchNo| Some((*no, self.branches.get(*no)?.leaves?));
            let later = of_author.filter_map(leaves);
            let later = later.filter(|(_, (parent, base))| *parent == no && *base > after);
            waiting.extend(later.map(|(no, (_, base))| (no, base)));
        }
        Ok(None)
    }

    /// The last commit shown of a branch behind an event and up to another, if it is among the last `most` runs
    /// there that have not been looked through.
    pub(super) async fn shown_within(
        &self,
        no: BranchNo,
        (after, through): (u64, u64),
        most: usize,
    ) -> Result<LineEnd, StoreError> {
        if through <= after {
            return Ok(LineEnd::NOTHING);
        }
        let (mut seq, mut left, mut all_held) = (through, most, true);
        let known = self.shown.and_then(|shown| shown.get(self.view, no));
        let note = |found, all_held| match self.shown {
            // What is not held may come later.
            Some(shown) if all_held => shown.note(self.view, no, Stretch { through, found }),
            _ => {}
        };
        while seq > after {
            match known.and_then(|known| known.up_to(seq)) {
                Some(found @ SearchEnd::Last(last, chain)) => {
                    note(found, all_held);
                    let is_within = last > after;
                    let end = LineEnd::After(last, chain);
                    return Ok(if is_within { end } else { LineEnd::NOTHING });
                }
                Some(found @ SearchEnd::NothingAfter(before)) if before <= after => {
                    note(found, all_held);
                    return Ok(LineEnd::NOTHING);
                }
                Some(SearchEnd::NothingAfter(before)) => {
                    seq = before;
                    continue;
                }
                None => {}
            }
            left = match left.checked_sub(1) {
                Some(left) => left,
                None => return Ok(LineEnd::Unknown),
            };
            let found = self.rows.read(vec![view::run_read(self.number, no, seq)]).await?;
            let begins = answer_of(&found).first().map_or(Ok(0), |row| last_number(&row.key))?;
            let run = view::run(self.number, no, seq, answer_of(&found))?;
            if run.start == RunRow::PRUNED {
                return Ok(LineEnd::Unknown);
            }
            all_held &= run.is_held();
            if run.is_held() {
                let found = self.rows.read(vec![view::block_read(self.number, run.start)]).await?;
                let log = view::block(answer_of(&found))?;
                let before = |(place, end): &(LogRun, CommitId)| {
                    place.branch == no && after < end.seq && end.seq <= seq
                };
                if let Some((_, end)) = self.view.commits(&log).into_iter().rev().find(before) {
                    note(SearchEnd::Last(end.seq, end.chain), all_held);
                    return Ok(LineEnd::After(end.seq, end.chain));
                }
            }
            seq = begins.saturating_sub(1);
        }
        note(SearchEnd::NothingAfter(after), all_held);
        Ok(LineEnd::NOTHING)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::block::tests::{Author, Written, cases, note, seal, space};
    use crate::filter::{Filter, FilterPart};
    use crate::id::Key;
    use crate::log::{Append, Source};
    use crate::store::memory::MemoryRows;
    use crate::store::rows::{Read, Row, WriteSet};
    use crate::store::{Batch, EventStore};
    use crate::sync::TraceLines;

    #[test]
    fn a_stretch_tells_of_what_lies_in_it() {
        let told = |found| [3, 4, 9, 10].map(|seq| Stretch { through: 9, found }.up_to(seq));
        let nothing = SearchEnd::NothingAfter(3);
        assert_eq!(told(nothing), [None, Some(nothing), Some(nothing), None]);
        let last = SearchEnd::Last(4, Chain::from_bytes([7; 32]));
        assert_eq!(told(last), [None, Some(last), Some(last), None]);
    }

    #[test]
    fn the_longest_stretch_counts_and_all_are_forgotten_when_there_are_too_many() {
        let (lines, view) = (ShownLines::default(), View::default());
        let stretch = |through| Stretch { through, found: SearchEnd::NothingAfter(0) };
        for through in [5, 9, 7] {
            lines.note(&view, BranchNo(0), stretch(through));
        }
        assert_eq!(lines.get(&view, BranchNo(0)), Some(stretch(9)));
        let branches = u32::try_from(STRETCHES_MAX).unwrap();
        (1..branches).for_each(|no| lines.note(&view, BranchNo(no), stretch(1)));
        lines.note(&view, BranchNo(1), stretch(2));
        assert!(lines.get(&view, BranchNo(0)).is_some(), "what is known goes on");
        lines.note(&view, BranchNo(branches), stretch(1));
        assert_eq!(lines.get(&view, BranchNo(0)), None);
        assert_eq!(lines.get(&view, BranchNo(branches)), Some(stretch(1)));
    }

    /// Counts reads.
    #[derive(Debug)]
    struct Counted(MemoryRows, Arc<AtomicU64>);

    #[async_trait]
    impl Rows for Counted {
        async fn read(&self, reads: Vec<Read>) -> Result<Vec<Vec<Row>>, StoreError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.read(reads).await
        }

        async fn write(&self, write: WriteSet) -> Result<(), StoreError> {
            self.0.write(write).await
        }

        async fn close(&self) -> Result<(), StoreError> {
            self.0.close().await
        }
    }

    /// A view of aggregates whose keys begin with `shown`.
    fn of_shown() -> View {
        let part = FilterPart::new().keyed(&b"shown"[..]);
        View { filter: Some(Filter::new().part(part)), ..View::default() }
    }

    fn write(author: &mut Author, key: &str) -> Written {
        let mut event = note(author.head.author, 1, b"milk");
        event.aggregate.key = Key::new(key.as_bytes()).unwrap();
        author.commit(vec![event])
    }

    async fn append(store: &EventStore, written: &[&Written]) {
        let append = Append { block: seal(written), source: Source::Peer };
        store.commit(Batch { append: vec![append], ..Batch::new(space()) }).await.unwrap();
    }

    #[tokio::test]
    async fn a_line_of_an_author_that_has_forked_is_looked_through_once() {
        let reads = Arc::new(AtomicU64::new(0));
        let store = EventStore::over(Counted(MemoryRows::new(), Arc::clone(&reads))).await.unwrap();
        let (view, mut ann) = (of_shown(), Author::named("ann"));
        let first = write(&mut ann, "shown");
        append(&store, &[&first]).await;
        let mut copy = ann.copied(2);
        append(&store, &[&write(&mut copy, "hidden")]).await;
        for _ in 0..100 {
            append(&store, &[&write(&mut ann, "hidden")]).await;
        }
        let ask = async || {
            let branches = store.branches(&space()).await.unwrap();
            let no = branches.iter().max_by_key(|(_, branch)| branch.head.seq).unwrap().0;
            let before = reads.load(Ordering::Relaxed);
            let lines = TraceLines {
                ends: vec![(no, u64::MAX)],
                forks: vec![(no, 1)],
                ..TraceLines::default()
            };
            let traced = store.trace(&space(), &view, &lines).await.unwrap();
            let behind = traced.forks[0].map(|behind| behind.seq);
            (traced.ends[0].end, behind, reads.load(Ordering::Relaxed) - before)
        };
        let shown = LineEnd::After(first.id.seq, first.id.chain);
        let (end, behind, count) = ask().await;
        assert_eq!((end, behind), (shown, None));
        assert!(count > 100, "{count} reads: it is a long way");
        append(&store, &[&write(&mut ann, "hidden")]).await;
        let (end, behind, count) = ask().await;
        assert_eq!((end, behind), (shown, None));
        assert!(count < 10, "{count} reads for one new run");
        let last = write(&mut ann, "shown too");
        append(&store, &[&last]).await;
        append(&store, &[&write(&mut ann, "hidden")]).await;
        let (end, behind, count) = ask().await;
        assert_eq!(end, LineEnd::After(last.id.seq, last.id.chain));
        assert_eq!(behind, Some(last.id.seq));
        assert!(count < 20, "{count} reads for two new runs");
    }

    /// An author writes some commits, shown or not, before or after a copy of it is made; then somebody asks.
    #[derive(Clone, Debug)]
    struct Step {
        author: Index,
        forks: bool,
        shown: Vec<bool>,
        asked: Vec<(Index, Index, bool)>,
    }

    fn step() -> impl Strategy<Value = Step> {
        let asked = vec((any::<Index>(), any::<Index>(), any::<bool>()), 0..4);
        let shown = vec(prop::bool::weighted(0.25), 1..4);
        (any::<Index>(), prop::bool::weighted(0.1), shown, asked)
            .prop_map(|(author, forks, shown, asked)| Step { author, forks, shown, asked })
    }

    async fn live_through(steps: Vec<Step>) {
        let (store, view) = (EventStore::in_memory().unwrap(), of_shown());
        let mut authors = vec![Author::named("ann")];
        for Step { author, forks, shown, asked } in steps {
            let place = author.index(authors.len());
            if forks {
                let nonce = authors.len() as u64 + 1;
                authors.push(authors[place].copied(nonce));
            }
            let author = &mut authors[place];
            let key = |shown| if shown { "shown" } else { "hidden" };
            let written: Vec<_> = shown.into_iter().map(|it| write(author, key(it))).collect();
            append(&store, &written.iter().collect::<Vec<_>>()).await;
            let branches = store.branches(&space()).await.unwrap();
            let known = store.ledger().spaces.of(&space());
            let (rows, number) = (store.ledger().rows(), known.number().unwrap());
            let with =
                |shown| ViewedLines { rows, number, branches: &branches, view: &view, shown };
            let [remembering, forgetful] = [Some(&known.shown), None].map(with);
            for (of, seq, is_far) in asked {
                let (no, branch) = branches.iter().nth(of.index(branches.len())).unwrap();
                let seq = 1 + seq.index(usize::try_from(branch.head.seq).unwrap()) as u64;
                let most = if is_far { usize::MAX } else { 2 };
                let end = remembering.end(no, seq, most).await.unwrap();
                let right = forgetful.end(no, seq, usize::MAX).await.unwrap();
                assert!(end == right || (!is_far && end == LineEnd::Unknown), "{end:?}, {right:?}");
                let after = seq.max(branch.base());
                let behind = remembering.shown_behind(no, after).await.unwrap();
                assert_eq!(behind, forgetful.shown_behind(no, after).await.unwrap());
            }
        }
    }

    proptest! {
        #![proptest_config(cases(100))]

        #[test]
        fn what_is_remembered_of_lines_changes_no_answer(steps in vec(step(), 1..40)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(live_through(steps));
        }
    }
}
