//! Single elements of a sequence: what lists look at and change.

use super::chunks::Content;
use super::writers::{Element, Origin};
use super::{Sequence, SequenceElement, SequencePlace, SequenceRanges};
use crate::id::{Dot, ReplicaId};
use crate::merge::OpId;

impl<C: Content> Sequence<C> {
    /// True when there is or was such an element.
    pub(in crate::merge) fn has(&self, element: Element) -> bool {
        self.writers.get(element.writer).is_some_and(|writer| element.n < writer.count)
    }

    /// The element of a writer.
    pub(in crate::merge) fn of_writer(&self, replica: &ReplicaId, n: u32) -> Option<Element> {
        let (writer, of) = self.writers.find(replica)?;
        (n < of.count).then_some(Element { writer, n })
    }

    /// Orders elements as all replicas do: by the place of the writer among all, and by number.
    pub(in crate::merge) fn order(&self, element: Element) -> (u32, u32) {
        (self.writers.rank(element.writer).unwrap_or(u32::MAX), element.n)
    }

    pub(in crate::merge) fn is_alive(&self, element: Element) -> bool {
        let spot = self.chunks.spot(&self.writers, element);
        spot.and_then(|spot| self.chunks.span(spot)).is_some_and(|span| !span.dead)
    }

    /// The number of elements before one that are not removed.
    pub(in crate::merge) fn index(&self, element: Element) -> Option<usize> {
        Some(self.chunks.index(self.chunks.spot(&self.writers, element)?))
    }

    /// The element at an index among those that are not removed.
    pub(in crate::merge) fn element_at(&self, index: usize) -> Option<Element> {
        self.chunks.element(self.chunks.alive_at(index)?)
    }

    /// The content of that element.
    pub(in crate::merge) fn content_at(&self, index: usize) -> Option<C> {
        let (content, at) = self.chunks.content(self.chunks.alive_at(index)?)?;
        Some(content.part(at..at + 1))
    }

    /// Removes an element, and returns its content.
    pub(in crate::merge) fn kill_one(&mut self, element: Element) -> Option<C> {
        let spot = self.chunks.spot(&self.writers, element)?;
        self.chunks.kill(&mut self.writers, spot, 1).1
    }

    /// Puts an element that was removed in again, with this content.
    pub(in crate::merge) fn revive(&mut self, element: Element, content: C) {
        if let Some(spot) = self.chunks.spot(&self.writers, element) {
            self.chunks.revive(&mut self.writers, spot, content);
        }
    }

    /// Gives an element other content.
    pub(in crate::merge) fn replace(&mut self, element: Element, content: C) {
        if let Some(spot) = self.chunks.spot(&self.writers, element) {
            self.chunks.replace(spot, content);
        }
    }

    /// The element of that name, which gives the author.
    pub(in crate::merge) fn named(&self, name: &SequenceElement) -> Option<Element> {
        let event = name.depends()?;
        self.element_for(*name, event)
    }

    /// The elements in the ranges of an event.
    pub(in crate::merge) fn named_by(&self, ranges: &SequenceRanges, event: Dot) -> Vec<Element> {
        let mut elements = Vec::new();
        for range in ranges.iter() {
            let ends = [range.first, range.last].map(|name| self.element_for(name, event));
            if let [Some(first), Some(last)] = ends
                && first.writer == last.writer
            {
                elements.extend((first.n..=last.n).map(|n| Element { n, ..first }));
            }
        }
        elements
    }

    /// The elements that an event inserted.
    pub(in crate::merge) fn inserted_by(&self, event: Dot) -> impl Iterator<Item = Element> {
        let origin = Origin { id: OpId { dot: event, index: 0 }, offset: 0 };
        let inserted = self.writers.insertion_of(origin).into_iter();
        inserted.flat_map(|(first, count)| {
            (first.n..first.n + count).map(move |n| Element { n, ..first })
        })
    }

    /// An element of another state of this field.
    pub(in crate::merge) fn same(&self, other: &Self, element: Element) -> Option<Element> {
        self.writers.element(other.writers.origin(element)?)
    }

    /// The place behind an element, removed or not.
    pub(in crate::merge) fn place_behind_element(&self, element: Element) -> Option<SequencePlace> {
        self.place_behind(Some(self.chunks.spot(&self.writers, element)?), None)
    }
}
