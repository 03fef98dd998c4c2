//! Sequences as edits look at them: indices, and names of the elements there.

use std::ops::Range;

use super::chunks::{Content, Spot};
use super::place::{ElementRange, Next, PlaceName};
use super::writers::{Element, Origin};
use super::{Sequence, SequenceElement, SequencePlace, SequenceRanges};
use crate::id::{Dot, ReplicaId};

/// Most ranges of one removal, so that it fits into an event.
const RANGES_MAX: usize = 4_096;

/// `next` is the event that the author writes next, which names own elements shortly.
impl<C: Content> Sequence<C> {
    pub(in crate::merge) fn name(
        &self,
        element: Element,
        next: Option<Dot>,
    ) -> Option<SequenceElement> {
        Some(SequenceElement::new(self.writers.origin(element)?, next))
    }

    /// The place of an insertion at an index; at the end when there are not as many elements.
    pub(in crate::merge) fn place_at(
        &self,
        index: usize,
        next: Option<Dot>,
    ) -> Option<SequencePlace> {
        let left = index.min(self.len()).checked_sub(1);
        self.place_behind(left.and_then(|left| self.chunks.alive_at(left)), next)
    }

    /// The place behind an element, or at the beginning.
    pub(super) fn place_behind(
        &self,
        left: Option<Spot>,
        next: Option<Dot>,
    ) -> Option<SequencePlace> {
        let after = match left {
            Some(left) => self.chunks.after(left),
            None => self.chunks.first(),
        };
        let left =
            left.and_then(|left| Some((self.chunks.element(left)?, self.chunks.span(left)?)));
        let after = after.and_then(|after| self.chunks.element(after));
        if self.tree().has_right_children(left.map(|(left, _)| left)) {
            return Some(SequencePlace(PlaceName::Before(self.name(after?, next)?)));
        }
        let follows = match (left, after) {
            (Some((_, span)), after) if span.right == after => Next::Same,
            (_, None) => Next::End,
            (_, Some(after)) => Next::Element(self.name(after, next)?),
        };
        let left = match left {
            Some((left, _)) => Some(self.name(left, next)?),
            None => None,
        };
        Some(SequencePlace(PlaceName::After(left, follows)))
    }

    /// The elements at some indices, as the ranges of removals that follow one another.
    pub(in crate::merge) fn ranges(
        &self,
        at: Range<usize>,
        next: Option<Dot>,
    ) -> Vec<SequenceRanges> {
        let mut left = at.end.min(self.len()).saturating_sub(at.start);
        let (mut runs, mut spot) = (Vec::new(), self.chunks.alive_at(at.start));
        while left > 0
            && let Some((at, span)) = spot.and_then(|at| Some((at, self.chunks.span(at)?)))
        {
            if !span.dead
                && let Some(first) = self.chunks.element(at)
                && let Some(offset) = span.offset(first)
            {
                let count = (span.len - offset).min(u32::try_from(left).unwrap_or(u32::MAX));
                runs.push((first, count));
                left -= count as usize;
            }
            spot = self.chunks.after_span(at);
        }
        self.ranges_of(runs, next)
    }

    /// Names runs of elements.
    pub(in crate::merge) fn ranges_of(
        &self,
        mut runs: Vec<(Element, u32)>,
        next: Option<Dot>,
    ) -> Vec<SequenceRanges> {
        runs.sort_unstable();
        let mut joined: Vec<(Element, u32)> = Vec::new();
        for (first, count) in runs {
            match joined.last_mut() {
                Some((before, len))
                    if before.writer == first.writer && before.n + *len == first.n =>
                {
                    *len += count;
                }
                _ => joined.push((first, count)),
            }
        }
        let origins = |(first, count): (Element, u32)| {
            let last = Element { n: first.n + (count - 1), ..first };
            Some((self.writers.origin(first)?, self.writers.origin(last)?))
        };
        let mut ranges: Vec<_> = joined.into_iter().filter_map(origins).collect();
        let own = next.map(|next| next.replica);
        let author = |origin: &Origin| -> Option<ReplicaId> {
            Some(origin.id.dot.replica).filter(|replica| Some(*replica) != own)
        };
        ranges.sort_unstable_by_key(|(first, _)| (author(first), *first));
        let named = |(part, later): (&[(Origin, Origin)], u64)| {
            let next = next.map(|next| Dot { seq: next.seq.saturating_add(later), ..next });
            let name = |origin| SequenceElement::new(origin, next);
            let range = |(first, last): &(Origin, Origin)| ElementRange {
                first: name(*first),
                last: name(*last),
            };
            SequenceRanges::of(part.iter().map(range).collect())
        };
        ranges.chunks(RANGES_MAX).zip(0..).map(named).collect()
    }

    /// The name of the element at an index.
    pub(in crate::merge) fn origin_at(&self, index: usize) -> Option<Origin> {
        self.writers.origin(self.chunks.element(self.chunks.alive_at(index)?)?)
    }

    /// The number of elements before one, and if it is there itself; `None` when it never was.
    pub(in crate::merge) fn index_of(&self, origin: Origin) -> Option<(usize, bool)> {
        let spot = self.chunks.spot(&self.writers, self.writers.element(origin)?)?;
        Some((self.chunks.index(spot), !self.chunks.span(spot)?.dead))
    }
}
