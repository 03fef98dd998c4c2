//! Authors of elements: names of elements as events give them, and as a state holds them.

use std::sync::Arc;

use crate::id::{Dot, ReplicaId};
use crate::merge::shelf::Shelf;
use crate::merge::{At, OpId};

/// An element as a state names it: the `n`th that its writer inserted. Writers are numbered in the order
/// in which the state met them, which differs between replicas and stands in no bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::merge) struct Element {
    pub(in crate::merge) writer: u32,
    pub(in crate::merge) n: u32,
}

/// An element as events name it: by the operation that inserted it, and its place in that one's run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Origin {
    pub(crate) id: OpId,
    pub(crate) offset: u32,
}

/// Consecutive events of a writer, each with one insertion of `each` elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Insertions {
    pub(super) seq: u64,
    pub(super) index: u32,
    pub(super) events: u32,
    pub(super) each: u32,
    /// The first element.
    pub(super) n: u32,
}

/// The elements of a writer, from `n` to the next such piece, stand in a chunk.
#[derive(Clone, Copy, Debug)]
struct Piece {
    n: u32,
    chunk: u32,
}

/// An author, and what it inserted.
#[derive(Clone, Debug)]
pub(super) struct Inserter {
    pub(super) replica: ReplicaId,
    /// The number of its elements.
    pub(super) count: u32,
    pub(super) insertions: Shelf<Insertions>,
    pieces: Shelf<Piece>,
}

/// All authors.
#[derive(Clone, Debug, Default)]
pub(super) struct Writers {
    writers: Vec<Arc<Inserter>>,
    /// Their numbers, ascending by replica.
    by_replica: Arc<Vec<(ReplicaId, u32)>>,
}

impl Insertions {
    /// The operation of the event at that place.
    fn id(&self, replica: ReplicaId, event: u32) -> OpId {
        OpId { dot: Dot { replica, seq: self.seq + u64::from(event) }, index: self.index }
    }
}

impl Inserter {
    /// Adds insertions of consecutive events, which come after all of its own. False when they do not,
    /// or there are too many elements.
    pub(super) fn insert(&mut self, seq: u64, index: u32, events: u32, each: u32) -> bool {
        let last = self.insertions.last();
        let last = last.map(|run| (run.seq + u64::from(run.events - 1), run.index));
        let end = seq.checked_add(u64::from(events.saturating_sub(1)));
        if last.is_some_and(|last| last >= (seq, index)) || end.is_none() {
            return false;
        }
        let all = events.checked_mul(each).and_then(|more| self.count.checked_add(more));
        let Some(count) = all else { return false };
        match self.insertions.last_mut() {
            Some(last)
                if (last.index, last.each) == (index, each)
                    && last.seq.checked_add(u64::from(last.events)) == Some(seq) =>
            {
                last.events += events;
            }
            _ => self.insertions.push(Insertions { seq, index, events, each, n: self.count }),
        }
        self.count = count;
        true
    }

    /// The number of elements whose insertion the author of an operation had seen. They come first.
    pub(super) fn seen(&self, at: &At<'_>) -> u32 {
        let saw = |run: &Insertions, event: u32| at.saw(run.id(self.replica, event));
        let place = self.insertions.find(|run| saw(run, 0));
        let last = self.insertions.before(place).and_then(|last| self.insertions.get(last));
        last.map_or(0, |run| {
            let (mut seen, mut unseen) = (1, run.events);
            while seen < unseen {
                let middle = seen.midpoint(unseen);
                if saw(run, middle) { seen = middle + 1 } else { unseen = middle }
            }
            run.n + seen * run.each
        })
    }

    /// The place in `insertions` of the last one that begins at or before an operation.
    fn insertion(&self, seq: u64, index: u32) -> Option<&Insertions> {
        let place = self.insertions.find(|run| (run.seq, run.index) <= (seq, index));
        self.insertions.get(self.insertions.before(place)?)
    }

    fn assign(&mut self, first: u32, end: u32, chunk: u32) {
        let at = |shelf: &Shelf<Piece>, n: u32| {
            let place = shelf.find(|piece| piece.n <= n);
            shelf.before(place).and_then(|place| shelf.get(place)).map(|piece| piece.chunk)
        };
        let (before, after) = (first.checked_sub(1), at(&self.pieces, end));
        let before = before.and_then(|n| at(&self.pieces, n));
        let starts = |n: u32| move |piece: &Piece| piece.n < n;
        loop {
            let place = self.pieces.find(starts(first));
            if self.pieces.get(place).is_none_or(|piece| piece.n > end) {
                break;
            }
            self.pieces.remove(place);
        }
        if before != Some(chunk) {
            self.pieces.insert(self.pieces.find(starts(first)), Piece { n: first, chunk });
        }
        if end < self.count
            && let Some(after) = after.filter(|after| *after != chunk)
        {
            self.pieces.insert(self.pieces.find(starts(end)), Piece { n: end, chunk: after });
        }
    }
}

impl Writers {
    pub(super) fn len(&self) -> usize {
        self.writers.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Inserter)> {
        (0..).zip(self.writers.iter().map(|writer| &**writer))
    }

    /// Numbers in the order of their replicas.
    pub(super) fn sorted(&self) -> impl Iterator<Item = u32> {
        self.by_replica.iter().map(|(_, number)| *number)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Inserter> {
        self.writers.get(number as usize).map(|writer| &**writer)
    }

    pub(super) fn find(&self, replica: &ReplicaId) -> Option<(u32, &Inserter)> {
        let place = self.by_replica.binary_search_by(|(other, _)| other.cmp(replica)).ok()?;
        let number = self.by_replica[place].1;
        Some((number, self.get(number)?))
    }

    /// The writer of that replica, which may be new.
    pub(super) fn enter(&mut self, replica: ReplicaId) -> Option<(u32, &mut Inserter)> {
        let number = match self.by_replica.binary_search_by(|(other, _)| other.cmp(&replica)) {
            Ok(place) => self.by_replica[place].1,
            Err(place) => {
                let number = u32::try_from(self.writers.len()).ok()?;
                Arc::make_mut(&mut self.by_replica).insert(place, (replica, number));
                let (insertions, pieces) = (Shelf::default(), Shelf::default());
                self.writers.push(Arc::new(Inserter { replica, count: 0, insertions, pieces }));
                number
            }
        };
        Some((number, Arc::make_mut(self.writers.get_mut(number as usize)?)))
    }

    /// The element of that name.
    pub(super) fn element(&self, origin: Origin) -> Option<Element> {
        let OpId { dot: Dot { replica, seq }, index } = origin.id;
        let (number, writer) = self.find(&replica)?;
        let run = writer.insertion(seq, index)?;
        let event = u32::try_from(seq - run.seq).ok().filter(|event| *event < run.events)?;
        let exists = run.index == index && origin.offset < run.each;
        exists.then(|| Element { writer: number, n: run.n + event * run.each + origin.offset })
    }

    /// The name of an element.
    pub(super) fn origin(&self, element: Element) -> Option<Origin> {
        let writer = self.get(element.writer)?;
        let place = writer.insertions.find(|run| run.n <= element.n);
        let run = writer.insertions.get(writer.insertions.before(place)?)?;
        let (event, offset) = ((element.n - run.n) / run.each, (element.n - run.n) % run.each);
        Some(Origin { id: run.id(writer.replica, event), offset })
    }

    /// The elements that an operation inserted, given its first one: the first, and how many.
    pub(super) fn insertion_of(&self, origin: Origin) -> Option<(Element, u32)> {
        let element = self.element(origin)?;
        let OpId { dot, index } = origin.id;
        let run = self.get(element.writer)?.insertion(dot.seq, index)?;
        Some((element, run.each))
    }

    /// The number of all elements.
    pub(super) fn total(&self) -> u64 {
        self.writers.iter().map(|writer| u64::from(writer.count)).sum()
    }

    /// The place of a writer in the order of replicas.
    pub(super) fn rank(&self, number: u32) -> Option<u32> {
        let replica = self.get(number)?.replica;
        let place = self.by_replica.binary_search_by(|(other, _)| other.cmp(&replica)).ok()?;
        u32::try_from(place).ok()
    }

    /// Compares elements by their names, as all replicas do.
    pub(super) fn order(&self, element: Element) -> (Option<ReplicaId>, u32) {
        (self.get(element.writer).map(|writer| writer.replica), element.n)
    }

    /// The chunk that an element stands in.
    pub(super) fn chunk(&self, element: Element) -> Option<u32> {
        let writer = self.get(element.writer).filter(|writer| element.n < writer.count)?;
        let place = writer.pieces.find(|piece| piece.n <= element.n);
        Some(writer.pieces.get(writer.pieces.before(place)?)?.chunk)
    }

    /// Notes for all elements in which chunk they stand: the first one of each run, ascending.
    pub(super) fn assign_all(&mut self, runs: &[(Element, u32)]) {
        for of_one in runs.chunk_by(|(one, _), (other, _)| one.writer == other.writer) {
            let mut pieces: Vec<_> =
                of_one.iter().map(|(first, chunk)| Piece { n: first.n, chunk: *chunk }).collect();
            pieces.dedup_by_key(|piece| piece.chunk);
            if let Some(writer) = self.writers.get_mut(of_one[0].0.writer as usize) {
                Arc::make_mut(writer).pieces = Shelf::of(&pieces);
            }
        }
    }

    /// Notes that elements stand in a chunk.
    pub(super) fn assign(&mut self, first: Element, count: u32, chunk: u32) {
        if let Some(writer) = self.writers.get_mut(first.writer as usize) {
            let last = Element { n: first.n + (count - 1), ..first };
            let is_end = last.n + 1 == writer.count;
            let newest = writer.pieces.last();
            // Typing goes on in the chunk where it was.
            if is_end && newest.is_some_and(|piece| piece.n <= first.n && piece.chunk == chunk) {
                return;
            }
            Arc::make_mut(writer).assign(first.n, first.n + count, chunk);
        }
    }
}
