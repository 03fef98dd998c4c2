//! `#[merge(list)]`: an ordered list that several people edit.
//!
//! The places of a list are elements of a sequence, as the characters of a text are. An item is known by
//! the place at which it was put in. A move gives it another place, and the last move holds: the place of
//! an item is a register (Kleppmann, "Moving Elements in List CRDTs", 2020), and so is its value. An item
//! that somebody takes out is out, also against concurrent edits of it.

use std::ops::Range;

use crate::id::Dot;
use crate::merge::bytes::encoded;
use crate::merge::cursor::{Bias, SequenceCursor};
use crate::merge::list_state::ListState;
use crate::merge::sequence::{SequenceElement, SequencePlace, SequenceRanges};
use crate::merge::{At, EntryRule, Given, Handle, Law, OpenConflicts, Reads, Rule, Undoing};
use crate::wire::{self, Shape, Value};

/// Most bytes of the values of one event: longer lists become several.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Items stand where their authors put them.
#[derive(Debug)]
#[non_exhaustive]
pub enum List {}

/// An operation on a `list` field.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "another operation is another rule")]
pub enum ListOp<T> {
    /// Puts items in.
    Inserted {
        /// Their values.
        values: Vec<T>,
        /// The place, beside which other items it is.
        place: SequencePlace,
    },
    /// Takes items out.
    Removed {
        /// The items.
        ranges: SequenceRanges,
    },
    /// Replaces an item's value.
    Set {
        /// The item.
        item: SequenceElement,
        /// Its value.
        value: T,
    },
    /// Puts an item at another place.
    Moved {
        /// The item.
        item: SequenceElement,
        /// The place.
        place: SequencePlace,
    },
}

/// Types that `#[merge(list)]` merges: `Vec<T>` of values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged by `list`",
    label = "needs to be a `Vec<T>` of values",
    note = "write `Vec<T>`; derive SyncValue for the items"
)]
pub trait ListField: wire::Field {
    /// The items.
    type Item: Value;

    /// The field's value.
    fn from_items(items: Vec<Self::Item>) -> Self;

    /// The items to put in when an aggregate is created with this field.
    fn items(&self) -> &[Self::Item];
}

#[diagnostic::do_not_recommend]
impl<T: Value> ListField for Vec<T> {
    type Item = T;

    fn from_items(items: Self) -> Self {
        items
    }

    fn items(&self) -> &[T] {
        self
    }
}

impl<F: ListField> Rule<F> for List {
    const LAW: Law = Law::new("list");
    const SHAPE: Shape = F::SHAPE;
    type Op = ListOp<F::Item>;
    type State = ListState<F::Item>;

    fn fold(state: &mut Self::State, op: Self::Op, at: &At<'_>) {
        match op {
            ListOp::Inserted { values, place } => state.insert(&place, values, at),
            ListOp::Removed { ranges } => state.remove(&ranges, at),
            ListOp::Set { item, value } => state.set(&item, value, at),
            ListOp::Moved { item, place } => state.move_to(&item, &place, at),
        }
    }

    fn value(state: &Self::State) -> F {
        F::from_items(state.values())
    }

    fn conflicts(state: &Self::State, open: &mut OpenConflicts<'_, '_>) {
        state.conflicts(open);
    }

    fn create(value: &F, record: &mut dyn FnMut(Self::Op)) {
        let mut before = None;
        for piece in pieces(value.items()) {
            let place = before.map_or(SequencePlace::EMPTY, SequencePlace::behind_previous);
            before = u32::try_from(piece.len()).ok();
            record(ListOp::Inserted { values: piece.to_vec(), place });
        }
    }

    fn depends(state: &Self::State, op: &Self::Op) -> Option<Vec<Dot>> {
        Some(match op {
            ListOp::Inserted { place, .. } => state.known(place.depends()),
            ListOp::Removed { ranges } => state.known(ranges.depends()),
            ListOp::Set { item, .. } => {
                let mut dots = state.known(item.depends().into_iter());
                dots.extend(state.value_heads(item));
                dots
            }
            ListOp::Moved { item, place } => {
                let mut dots = state.known(item.depends().into_iter().chain(place.depends()));
                dots.extend(state.place_heads(item));
                dots
            }
        })
    }

    fn undo(
        op: &Self::Op,
        by: &Undoing,
        before: &Self::State,
        now: &Self::State,
    ) -> Option<Vec<Self::Op>> {
        Some(match op {
            ListOp::Inserted { .. } => {
                let ranges = now.left_of(by.event());
                ranges.into_iter().map(|ranges| ListOp::Removed { ranges }).collect()
            }
            ListOp::Removed { ranges } => {
                let taken = before.taken_out(now, ranges, by.event()).into_iter();
                taken.map(|(values, place)| ListOp::Inserted { values, place }).collect()
            }
            ListOp::Set { item, .. } => before
                .value_before(now, item, by)
                .into_iter()
                .map(|(item, value)| ListOp::Set { item, value })
                .collect(),
            ListOp::Moved { item, .. } => before
                .place_before(now, item, by)
                .into_iter()
                .map(|(item, place)| ListOp::Moved { item, place })
                .collect(),
        })
    }
}

impl<F: ListField> EntryRule<F> for List {
    type Seen = ();

    fn seen(_: &Self::State) {}

    fn reset(state: &mut Self::State, (): &(), at: &At<'_>) {
        state.reset(at);
    }

    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        Some(state.last_insertions().collect())
    }

    fn affirms(op: &Self::Op) -> bool {
        matches!(op, ListOp::Inserted { .. })
    }
}

/// Positions count items. One beyond the end is the end, or no item.
impl<T: Value> Handle<'_, Vec<T>, List, Reads> {
    /// Puts an item in before the one at a position.
    pub fn insert(&self, at: usize, value: impl Given<T>) {
        let (next, values) = (self.next(), vec![value.given()]);
        if let Some(place) = self.inspect(|state| state.place_at(at, next)) {
            self.record(ListOp::Inserted { values, place });
        }
    }

    /// Puts an item in at the end.
    pub fn push(&self, value: impl Given<T>) {
        self.insert(usize::MAX, value);
    }

    /// Takes out the item at a position, as far as this replica has seen it.
    pub fn remove(&self, at: usize) {
        self.remove_range(at..at.saturating_add(1));
    }

    /// Takes out the items of a range.
    pub fn remove_range(&self, range: Range<usize>) {
        let next = self.next();
        let ranges = self.inspect(|state| state.ranges(range.clone(), next));
        ranges.into_iter().for_each(|ranges| self.record(ListOp::Removed { ranges }));
    }

    /// Replaces the value of the item at a position. Of concurrent values the last one holds.
    pub fn set(&self, at: usize, value: impl Given<T>) {
        let value = value.given();
        if let Some(item) = self.inspect(|state| state.name_at(at)) {
            self.record(ListOp::Set { item, value });
        }
    }

    /// Moves the item at a position, to stand at another one afterwards. It stays one item, whoever else
    /// moves or changes it; of concurrent moves the last one holds.
    pub fn move_to(&self, from: usize, to: usize) {
        let next = self.next();
        let behind = if to > from { to.saturating_add(1) } else { to };
        let found =
            self.inspect(|state| Some((state.name_at(from)?, state.place_at(behind, next)?)));
        if let Some((item, place)) = found.filter(|_| from != to) {
            self.record(ListOp::Moved { item, place });
        }
    }

    /// The item at a position.
    pub fn get(&self, at: usize) -> Option<T> {
        self.inspect(|state| state.get(at))
    }

    /// The items.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<T> {
        self.value().into_iter()
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.inspect(ListState::len)
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A place that stays beside its item whatever is edited: behind the one before it, or with
    /// [`Bias::Right`] before the one after it. It does not follow an item that is moved.
    pub fn cursor(&self, at: usize, bias: Bias) -> SequenceCursor {
        self.inspect(|state| state.cursor(at, bias))
    }

    /// The position of a cursor; `None` when its item has not arrived here.
    pub fn position(&self, cursor: &SequenceCursor) -> Option<usize> {
        self.inspect(|state| state.position(cursor))
    }
}

/// Items in pieces that events take.
fn pieces<T: Value>(items: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = |item: &&T| {
            bytes += encoded(*item).map_or(0, |bytes| bytes.len());
            bytes <= PIECE_BYTES_MAX
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (piece, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(piece)
    })
}
