//! `text` and `list`, held against FugueMax as its paper has it: a tree of single elements, walked from the root.
//!
//! The specification knows what people did (inserted at an index, deleted a range) and who had seen what,
//! and nothing of references, runs or states.

use std::cell::RefCell;
use std::ops::Range;

use super::*;

/// A change that somebody made to the elements that it saw.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Insert { at: usize, what: Vec<char> },
    Remove(Range<usize>),
    Set { at: usize, what: char },
    Move { from: usize, to: usize },
}

#[test]
fn a_text_is_a_walk_through_the_tree_of_its_characters() {
    let deeds = RefCell::new(Vec::new());
    holds_in::<String, Text>(
        |rng, state, next| {
            let deed = Deed::draw(rng, state.0.len());
            deeds.borrow_mut().push(deed.clone());
            match deed {
                Deed::Insert { at, what } => {
                    let place = state.0.place_at(at, Some(next)).unwrap();
                    TextOp::Inserted { text: what.iter().collect(), place }
                }
                Deed::Remove(range) => {
                    let ranges = state.0.ranges(range, Some(next)).pop().unwrap_or_default();
                    TextOp::Deleted { ranges }
                }
                Deed::Set { .. } | Deed::Move { .. } => unreachable!("no deed on a text"),
            }
        },
        |_| false,
        |history| {
            let deeds = deeds.borrow();
            let tree = Tree::of(history, &deeds[deeds.len() - history.len()..]);
            tree.shown(|_| true).iter().map(|node| tree.nodes[*node].what).collect()
        },
        |_| Vec::new(),
    );
}

#[test]
fn a_list_has_each_item_at_its_last_place_with_its_last_value() {
    let deeds = RefCell::new(Vec::new());
    let tree = |history: &[Made<ListOp<char>>]| {
        let deeds = deeds.borrow();
        Tree::of(history, &deeds[deeds.len() - history.len()..])
    };
    holds_in::<Vec<char>, List>(
        |rng, state, next| {
            let deed = Deed::draw_on_list(rng, state.len());
            deeds.borrow_mut().push(deed.clone());
            let next = Some(next);
            match deed {
                Deed::Insert { at, what: values } => {
                    ListOp::Inserted { values, place: state.place_at(at, next).unwrap() }
                }
                Deed::Remove(range) => {
                    ListOp::Removed { ranges: state.ranges(range, next).pop().unwrap_or_default() }
                }
                Deed::Set { at, what: value } => {
                    ListOp::Set { item: state.name_at(at).unwrap(), value }
                }
                Deed::Move { from, to } => ListOp::Moved {
                    item: state.name_at(from).unwrap(),
                    place: state.place_at(to, next).unwrap(),
                },
            }
        },
        |_| false,
        |history| {
            let tree = tree(history);
            tree.shown(|_| true).iter().map(|node| tree.value(*node)).collect()
        },
        |history| {
            let tree = tree(history);
            tree.shown(|_| true).iter().filter_map(|node| tree.open(*node)).collect()
        },
    );
}

impl Deed {
    fn draw(rng: &mut Rng, len: usize) -> Self {
        let at = rng.below(len + 1);
        if rng.below(3) > 0 || len == 0 {
            // Often at the same place as others.
            let at = [0, at, at, len][rng.below(4)];
            let what = (0..=rng.below(4)).map(|_| ['a', 'b', 'é', '𝄞'][rng.below(4)]).collect();
            Self::Insert { at, what }
        } else {
            Self::Remove(at..len.min(at + 1 + rng.below(3)))
        }
    }
}

impl Deed {
    fn draw_on_list(rng: &mut Rng, len: usize) -> Self {
        match rng.below(5) {
            0 if len > 0 => Self::Set { at: rng.below(len), what: ['x', 'y'][rng.below(2)] },
            1 if len > 0 => Self::Move { from: rng.below(len), to: rng.below(len + 1) },
            _ => Self::draw(rng, len),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Left,
    Right,
}

#[derive(Debug)]
pub(super) struct Node {
    event: Dot,
    offset: usize,
    parent: Option<usize>,
    side: Side,
    right_origin: Option<usize>,
    what: char,
    removed_by: Vec<Dot>,
    /// The item that was moved here.
    of: Option<usize>,
    sets: Vec<(Dot, char)>,
}

#[derive(Debug, Default)]
struct Tree {
    /// Of each event, its clock and what its author had seen.
    events: std::collections::BTreeMap<Dot, (Hlc, BTreeSet<Dot>)>,
    nodes: Vec<Node>,
    /// The walk.
    order: Vec<usize>,
}

impl Tree {
    fn of<O>(history: &[Made<O>], deeds: &[Deed]) -> Self {
        let mut tree = Self::default();
        for (made, deed) in history.iter().zip(deeds) {
            let event = made.at.dot;
            tree.events.insert(event, (made.at.hlc, made.seen.clone()));
            let sees = |dot: &Dot| made.seen.contains(dot) || *dot == event;
            match deed {
                Deed::Insert { at, what } => {
                    for (offset, what) in what.iter().enumerate() {
                        tree.insert(at + offset, *what, (event, offset), sees);
                    }
                }
                Deed::Remove(range) => {
                    for node in tree.shown(sees)[range.clone()].to_vec() {
                        let item = tree.item(node);
                        tree.nodes[item].removed_by.push(event);
                    }
                }
                Deed::Set { at, what } => {
                    let item = tree.item(tree.shown(sees)[*at]);
                    tree.nodes[item].sets.push((event, *what));
                }
                Deed::Move { from, to } => {
                    let item = tree.item(tree.shown(sees)[*from]);
                    tree.insert(*to, ' ', (event, 0), sees);
                    tree.nodes.last_mut().unwrap().of = Some(item);
                }
            }
        }
        tree
    }

    /// The elements that somebody sees who sees these events, without those removed by then.
    fn shown(&self, sees: impl Fn(&Dot) -> bool) -> Vec<usize> {
        let is_there = |node: &&usize| {
            let of = self.item(**node);
            let item = &self.nodes[of];
            let is_there = sees(&item.event) && !item.removed_by.iter().any(&sees);
            let moves = self.nodes.iter().filter(|node| node.of == Some(of) && sees(&node.event));
            let last = self.heads(moves.map(|node| node.event)).into_iter().next();
            is_there && last.unwrap_or(item.event) == self.nodes[**node].event
        };
        self.order.iter().filter(is_there).copied().collect()
    }

    /// The item that is at a node, or was.
    fn item(&self, node: usize) -> usize {
        self.nodes[node].of.unwrap_or(node)
    }

    /// The writes that no other of them had seen, the last one first.
    fn heads(&self, writes: impl Iterator<Item = Dot>) -> Vec<Dot> {
        let writes: Vec<_> = writes.collect();
        let is_seen = |dot: &Dot| writes.iter().any(|later| self.events[later].1.contains(dot));
        let mut heads: Vec<_> = writes.iter().copied().filter(|dot| !is_seen(dot)).collect();
        heads.sort_by_key(|dot| std::cmp::Reverse((self.events[dot].0, *dot)));
        heads
    }

    fn value(&self, node: usize) -> char {
        let item = &self.nodes[self.item(node)];
        let last = self.heads(item.sets.iter().map(|(event, _)| *event)).into_iter().next();
        let set = item.sets.iter().find(|(event, _)| Some(*event) == last);
        set.map_or(item.what, |(_, what)| *what)
    }

    fn open(&self, node: usize) -> Option<Open> {
        let item = &self.nodes[self.item(node)];
        let heads = self.heads(item.sets.iter().map(|(event, _)| *event));
        let value = |dot: &Dot| item.sets.iter().find(|(event, _)| event == dot).unwrap().1;
        let winner = heads.first()?;
        let lost: BTreeSet<_> =
            heads.iter().filter(|head| value(head) != value(winner)).copied().collect();
        (!lost.is_empty()).then_some((Some(*winner), lost))
    }

    fn insert(
        &mut self,
        at: usize,
        what: char,
        (event, offset): (Dot, usize),
        sees: impl Fn(&Dot) -> bool,
    ) {
        let left = at.checked_sub(1).map(|left| self.shown(&sees)[left]);
        let mut rest =
            self.order.iter().copied().skip_while(|node| left.is_some_and(|left| left != *node));
        if left.is_some() {
            rest.next();
        }
        let right = rest.find(|node| sees(&self.nodes[*node].event));
        let is_child =
            |node: &Node| node.parent == left && node.side == Side::Right && sees(&node.event);
        let (parent, side) =
            if self.nodes.iter().any(is_child) { (right, Side::Left) } else { (left, Side::Right) };
        let right_origin = right;
        let removed_by = Vec::new();
        let (of, sets) = (None, Vec::new());
        self.nodes.push(Node {
            event,
            offset,
            parent,
            side,
            right_origin,
            what,
            removed_by,
            of,
            sets,
        });
        let mut order = Vec::new();
        self.walk(None, &mut order);
        self.order = order;
    }

    fn walk(&self, node: Option<usize>, order: &mut Vec<usize>) {
        self.children(node, Side::Left).into_iter().for_each(|child| self.walk(Some(child), order));
        order.extend(node);
        self.children(node, Side::Right)
            .into_iter()
            .for_each(|child| self.walk(Some(child), order));
    }

    fn children(&self, parent: Option<usize>, side: Side) -> Vec<usize> {
        let is_child = |node: &usize| {
            let node = &self.nodes[*node];
            node.parent == parent && node.side == side && (parent.is_some() || side == Side::Right)
        };
        let mut children: Vec<_> = (0..self.nodes.len()).filter(is_child).collect();
        children.sort_by_key(|node| {
            let node = &self.nodes[*node];
            let place = |of: usize| self.order.iter().position(|node| *node == of).unwrap();
            let before = match side {
                Side::Left => 0,
                Side::Right => node.right_origin.map_or(usize::MAX, place),
            };
            (std::cmp::Reverse(before), node.event.replica, node.event.seq, node.offset)
        });
        children
    }
}
