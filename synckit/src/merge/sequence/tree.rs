//! The tree of elements, and the place in their order that it gives to each.
//!
//! FugueMax of Weidner and Kleppmann, "The Art of the Fugue: Minimizing Interleaving in Collaborative
//! Text Editing", 2023. Each element is a child of another one, on its left or on its right; the order is
//! that of a walk through the tree. Children on the left stand in the order of their names. Those on the
//! right stand in the reverse order of the elements before which their authors put them, and of their
//! names where these are the same. So the order is a function of the tree and hence of the set of
//! insertions, whatever an insertion claims, and insertions that are concurrent do not interleave.

use std::cmp::{Ordering, Reverse};

use super::chunks::{Chunks, Content, ElementRun, Side, Spot};
use super::writers::{Element, Writers};
use crate::merge::shelf::Shelf;

/// A child that does not simply go on with its parent's run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Edge {
    /// Nobody stands for the beginning.
    parent: Element,
    side: Side,
    child: Element,
}

/// The parent of those that have none.
const BEGINNING: Element = Element { writer: u32::MAX, n: u32::MAX };

/// The edges of the tree, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges(Shelf<Edge>);

/// The whole tree, for looking at.
pub(super) struct Tree<'a, C> {
    pub(super) edges: &'a Edges,
    pub(super) chunks: &'a Chunks<C>,
    pub(super) writers: &'a Writers,
}

impl Edge {
    pub(super) fn of(span: &ElementRun) -> Option<Self> {
        let parent = span.parent();
        let continues = parent.is_some_and(|parent| span.continues(parent));
        let parent = parent.unwrap_or(BEGINNING);
        (!continues).then_some(Self { parent, side: span.side, child: span.first })
    }
}

impl Edges {
    pub(super) fn of(mut edges: Vec<Edge>) -> Self {
        edges.sort_unstable();
        Self(Shelf::of(&edges))
    }

    pub(super) fn insert(&mut self, span: &ElementRun) {
        if let Some(edge) = Edge::of(span) {
            self.0.insert(self.0.find(|other| *other < edge), edge);
        }
    }

    fn children(&self, parent: Element, side: Side) -> impl Iterator<Item = Element> {
        let begin = self.0.find(|edge| (edge.parent, edge.side) < (parent, side));
        let of_it = move |edge: &&Edge| (edge.parent, edge.side) == (parent, side);
        self.0.from(begin).take_while(of_it).map(|edge| edge.child)
    }

    /// The parents of children on the right, from one element to another of its writer.
    fn right_parents(&self, first: Element, last: Element) -> impl Iterator<Item = Element> {
        let begin = self.0.find(|edge| edge.parent < first);
        let edges = self.0.from(begin).take_while(move |edge| edge.parent <= last);
        edges.filter(|edge| edge.side == Side::Right).map(|edge| edge.parent)
    }
}

impl<C: Content> Tree<'_, C> {
    fn span(&self, element: Element) -> Option<(Spot, &ElementRun)> {
        let spot = self.chunks.spot(self.writers, element)?;
        Some((spot, self.chunks.span(spot)?))
    }

    /// The element that goes on with the run of another one.
    fn next_in_run(&self, element: Element) -> Option<Element> {
        let next = Element { n: element.n.checked_add(1)?, ..element };
        let (_, span) = self.span(next)?;
        (span.first != next || span.continues(element)).then_some(next)
    }

    fn children(&self, parent: Option<Element>, side: Side) -> impl Iterator<Item = Element> {
        let run = parent.filter(|_| side == Side::Right);
        let next = run.and_then(|parent| self.next_in_run(parent));
        self.edges.children(parent.unwrap_or(BEGINNING), side).chain(next)
    }

    pub(super) fn has_right_children(&self, parent: Option<Element>) -> bool {
        self.children(parent, Side::Right).next().is_some()
    }

    /// The element before which another one was put, as a place in the order.
    fn put_before(&self, element: Element) -> (bool, Option<Spot>) {
        let right = self.span(element).and_then(|(_, span)| span.right);
        self.place(right)
    }

    /// The place of an element; that of the end comes last.
    fn place(&self, element: Option<Element>) -> (bool, Option<Spot>) {
        match element {
            Some(element) => (false, self.chunks.spot(self.writers, element)),
            None => (true, None),
        }
    }

    /// The order of two children of one parent, each with the place before which it was put.
    fn siblings(
        &self,
        side: Side,
        (one, one_before): (Element, (bool, Option<Spot>)),
        (other, other_before): (Element, (bool, Option<Spot>)),
    ) -> Ordering {
        let by_place = match side {
            Side::Left => Ordering::Equal,
            Side::Right => Reverse(one_before).cmp(&Reverse(other_before)),
        };
        by_place.then_with(|| self.writers.order(one).cmp(&self.writers.order(other)))
    }

    /// The place of a run that is to be inserted: an element, and if it stands behind that one.
    pub(super) fn place_of(&self, span: &ElementRun) -> (Option<Spot>, bool) {
        let (parent, side) = (span.parent(), span.side);
        let new = (span.first, self.place(span.right));
        let (mut next, mut last) = (None, None);
        for child in self.children(parent, side) {
            let child = (child, self.put_before(child));
            if self.siblings(side, child, new).is_gt() {
                if next.is_none_or(|next| self.siblings(side, child, next).is_lt()) {
                    next = Some(child);
                }
            } else if last.is_none_or(|last| self.siblings(side, child, last).is_gt()) {
                last = Some(child);
            }
        }
        let spot = |element| self.chunks.spot(self.writers, element);
        match (next, last, side) {
            (Some((next, _)), ..) => (spot(self.leftmost(next)), false),
            (None, Some((last, _)), Side::Right) => (spot(self.rightmost(last)), true),
            (None, None, Side::Right) => (parent.and_then(spot), parent.is_some()),
            (None, _, Side::Left) => (parent.and_then(spot), false),
        }
    }

    /// The first element of those below one, and that one.
    fn leftmost(&self, mut element: Element) -> Element {
        let least = |element| {
            self.edges.children(element, Side::Left).min_by_key(|child| self.writers.order(*child))
        };
        while let Some(child) = least(element) {
            element = child;
        }
        element
    }

    /// The last element of those below one, and that one.
    fn rightmost(&self, mut element: Element) -> Element {
        while let Some((_, span)) = self.span(element) {
            let last = span.last();
            let mut parents = self.edges.right_parents(element, last);
            // Where a run goes on, that may be the last child of all or not.
            let next = parents.find_map(|parent| {
                let child = self.last_child(parent)?;
                (parent == last || Some(child) != self.next_in_run(parent)).then_some(child)
            });
            match next.or_else(|| self.next_in_run(last)) {
                Some(child) => element = child,
                None => return last,
            }
        }
        element
    }

    fn last_child(&self, parent: Element) -> Option<Element> {
        let children = self.children(Some(parent), Side::Right);
        let children = children.map(|child| (child, self.put_before(child)));
        children.max_by(|one, other| self.siblings(Side::Right, *one, *other)).map(|(it, _)| it)
    }
}
