//! Taking back what an event did to a sequence.

use super::chunks::{Content, Spot};
use super::writers::{Element, Origin};
use super::{Sequence, SequencePlace, SequenceRanges};
use crate::id::Dot;
use crate::merge::OpId;

impl<C: Content> Sequence<C> {
    /// The elements that an event inserted and that are there, as the ranges of removals.
    pub(in crate::merge) fn left_of(&self, event: Dot) -> Vec<SequenceRanges> {
        let origin = Origin { id: OpId { dot: event, index: 0 }, offset: 0 };
        let Some((first, count)) = self.writers.insertion_of(origin) else { return Vec::new() };
        let runs = self.runs_of(first, count).into_iter().filter(|(.., dead)| !dead);
        self.ranges_of(runs.map(|(_, first, count, _)| (first, count)).collect(), None)
    }

    /// The elements that an event took out and that are not there, and the places from which. This is the
    /// sequence as the author of the event saw it.
    pub(in crate::merge) fn taken_out(
        &self,
        now: &Self,
        ranges: &SequenceRanges,
        event: Dot,
    ) -> Vec<(C, SequencePlace)> {
        let mut runs = Vec::new();
        for range in ranges.iter() {
            let [first, last] = [range.first, range.last].map(|it| self.element_for(it, event));
            let (Some(first), Some(last)) = (first, last) else { continue };
            let same = first.writer == last.writer;
            if let Some(count) = last.n.checked_sub(first.n).filter(|_| same) {
                let of_it = self.runs_of(first, count + 1).into_iter();
                runs.extend(of_it.filter(|(.., dead)| !dead));
            }
        }
        runs.sort_unstable_by_key(|(spot, ..)| *spot);
        runs.into_iter().filter_map(|run| self.taken_run(now, run)).collect()
    }

    fn taken_run(
        &self,
        now: &Self,
        (spot, first, count, _): (Spot, Element, u32, bool),
    ) -> Option<(C, SequencePlace)> {
        let last = Element { n: first.n + (count - 1), ..first };
        let there = now.writers.element(self.writers.origin(last)?)?;
        let behind = now.chunks.spot(&now.writers, there)?;
        let is_dead = now.chunks.span(behind)?.dead;
        let place = now.place_behind(Some(behind), None).filter(|_| is_dead)?;
        let (content, at) = self.chunks.content(spot)?;
        Some((content.part(at..at + count), place))
    }

    pub(in crate::merge) fn element_for(
        &self,
        name: super::SequenceElement,
        event: Dot,
    ) -> Option<Element> {
        self.writers.element(name.named_by(event)?)
    }

    /// Elements of a writer as runs: where each stands, its first element, how many they are, and if they
    /// are dead.
    fn runs_of(&self, mut first: Element, mut count: u32) -> Vec<(Spot, Element, u32, bool)> {
        let mut runs = Vec::new();
        while count > 0
            && let Some(spot) = self.chunks.spot(&self.writers, first)
            && let Some(span) = self.chunks.span(spot)
            && let Some(offset) = span.offset(first)
        {
            let of_it = count.min(span.len - offset);
            runs.push((spot, first, of_it, span.dead));
            (first.n, count) = (first.n + of_it, count - of_it);
        }
        runs
    }
}
