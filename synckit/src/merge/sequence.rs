//! Elements in an order that several people edit: what text and lists are made of.
//!
//! Elements are never forgotten: one that was removed stays as a name and a place, because others may
//! be inserted beside it by someone who had not seen the removal. Runs of consecutive elements take the
//! room of one. The state stands on shelves and in chunks that copies share, so an edit costs what it
//! changes and a little of the square root of the number of runs.

mod chunks;
mod edit;
mod items;
mod place;
mod stored;
mod tree;
mod undo;
mod writers;

pub(crate) use chunks::Content;
use chunks::{Chunks, ElementRun, Side};
use place::{ElementRange, Next, PlaceName};
pub use place::{SequenceElement, SequencePlace, SequenceRanges};
pub(in crate::merge) use stored::StoredSequence;
use tree::{Edges, Tree};
pub(in crate::merge) use writers::Element;
pub(crate) use writers::Origin;
use writers::Writers;

use crate::id::Dot;
use crate::merge::At;

/// The elements of a field, with content of type `C`.
#[derive(Clone, Debug)]
pub(super) struct Sequence<C> {
    chunks: Chunks<C>,
    edges: Edges,
    writers: Writers,
}

impl<C> Default for Sequence<C> {
    fn default() -> Self {
        Self { chunks: Chunks::default(), edges: Edges::default(), writers: Writers::default() }
    }
}

impl<C: Content> Sequence<C> {
    /// True when nothing was ever inserted.
    pub(super) fn is_fresh(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The number of elements that are not removed.
    pub(super) const fn len(&self) -> usize {
        self.chunks.alive()
    }

    /// True when another one may be equal.
    pub(super) fn resembles(&self, other: &Self) -> bool {
        let counts = |one: &Self| (one.len(), one.writers.len(), one.writers.total());
        counts(self) == counts(other)
    }

    /// The content, part by part.
    pub(super) fn content(&self) -> impl Iterator<Item = &C> {
        self.chunks.iter().map(|chunk| &chunk.content)
    }

    fn tree(&self) -> Tree<'_, C> {
        Tree { edges: &self.edges, chunks: &self.chunks, writers: &self.writers }
    }

    /// Folds an insertion of `len` elements, which are removed already when they have no content. Returns
    /// the first one. An insertion of none, or of more than a writer can name, changes nothing.
    pub(super) fn insert(
        &mut self,
        place: &SequencePlace,
        len: usize,
        content: Option<C>,
        at: &At<'_>,
    ) -> Option<Element> {
        let len = u32::try_from(len).ok().filter(|len| *len > 0)?;
        let (side, left, right) = self.resolve(place, at);
        let (dot, index) = (at.id().dot, at.id().index);
        let (writer, of) = self.writers.enter(dot.replica)?;
        let first = Element { writer, n: of.count };
        if !of.insert(dot.seq, index, 1, len) {
            return None;
        }
        let span = ElementRun { first, len, dead: content.is_none(), side, left, right };
        let place = self.tree().place_of(&span);
        self.edges.insert(&span);
        self.chunks.insert(&mut self.writers, place, span, content.unwrap_or_default());
        Some(first)
    }

    /// The element to which an operation refers, if its author had seen it and it is known.
    pub(super) fn find(&self, name: &SequenceElement, at: &At<'_>) -> Option<Element> {
        self.writers.element(name.of(at)?)
    }

    /// The place in the tree that an insertion's author meant. Elements that the author cannot have
    /// seen, or that are not there, take no part in it; without any, the insertion goes
    /// beside all else, as one into an empty sequence does.
    fn resolve(
        &self,
        place: &SequencePlace,
        at: &At<'_>,
    ) -> (Side, Option<Element>, Option<Element>) {
        let find = |name: &SequenceElement| self.find(name, at);
        let (left, next) = match &place.0 {
            PlaceName::Before(right) => {
                return match find(right) {
                    Some(right) => (Side::Left, None, Some(right)),
                    None => (Side::Right, None, None),
                };
            }
            PlaceName::After(left, next) => (left, next),
        };
        let found = left.as_ref().and_then(find);
        let right = match next {
            Next::End => None,
            Next::Same => found.and_then(|left| {
                let spot = self.chunks.spot(&self.writers, left)?;
                self.chunks.span(spot)?.right
            }),
            Next::Element(right) => find(right),
        };
        if left.is_some() && found.is_none() && right.is_some() {
            return (Side::Left, None, right);
        }
        (Side::Right, found, right)
    }

    /// Folds a removal, of the elements that its author had seen.
    pub(super) fn remove(&mut self, ranges: &SequenceRanges, at: &At<'_>) {
        for range in ranges.iter() {
            for (first, count) in self.range(range, at) {
                self.kill(first, count);
            }
        }
    }

    /// Removes elements of a writer.
    pub(super) fn kill(&mut self, mut first: Element, mut count: u32) {
        while count > 0
            && let Some(spot) = self.chunks.spot(&self.writers, first)
        {
            let (done, _) = self.chunks.kill(&mut self.writers, spot, count);
            (first.n, count) = (first.n + done, count - done);
        }
    }

    /// The elements of a range: those of one writer, or of several where its author had forked.
    pub(super) fn range(&self, range: &ElementRange, at: &At<'_>) -> Vec<(Element, u32)> {
        let (Some(first), Some(last)) = (range.first.of(at), range.last.of(at)) else {
            return Vec::new();
        };
        let mut elements = Vec::new();
        let (start, end) = (first.id.dot, last.id.dot);
        let path = at.path(start.replica, end.replica);
        for replica in &path {
            let Some((writer, of)) = self.writers.find(replica) else { continue };
            let begin = match (*replica == start.replica).then(|| self.writers.element(first)) {
                Some(Some(first)) => first.n,
                Some(None) => continue,
                None => 0,
            };
            let end = match (*replica == end.replica).then(|| self.writers.element(last)) {
                Some(Some(last)) => last.n + 1,
                Some(None) => continue,
                None => of.count,
            };
            if begin < end {
                elements.push((Element { writer, n: begin }, end - begin));
            }
        }
        elements
    }

    /// All elements that the author of an operation had seen, by writer.
    pub(super) fn seen(&self, at: &At<'_>) -> Vec<(Element, u32)> {
        let first = |writer| Element { writer, n: 0 };
        self.writers.iter().map(|(writer, of)| (first(writer), of.seen(at))).collect()
    }

    /// The last insertion of each writer.
    pub(super) fn last_insertions(&self) -> impl Iterator<Item = Dot> {
        let last = |of: &writers::Inserter| {
            let run = of.insertions.last()?;
            Some(Dot { replica: of.replica, seq: run.seq + u64::from(run.events - 1) })
        };
        self.writers.iter().filter_map(move |(_, of)| last(of))
    }

    /// The other authors' events that the author of an insertion or removal refers to, as far as they
    /// are there.
    pub(super) fn known(&self, dots: impl Iterator<Item = Dot>) -> Vec<Dot> {
        let mut known: Vec<Dot> = Vec::new();
        for dot in dots {
            if self.writers.find(&dot.replica).is_none() {
                continue;
            }
            match known.iter_mut().find(|other| other.replica == dot.replica) {
                Some(other) => other.seq = dot.seq.max(other.seq),
                None => known.push(dot),
            }
        }
        known
    }
}
