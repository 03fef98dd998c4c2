//! Merge rules: types that say how concurrent edits of a field resolve.
//!
//! A rule is a marker type that implements [`Rule<F>`](Rule) for every field type `F` that it can
//! merge. A rule folds operations into a state, and every state is a function of the *set* of
//! operations folded, so replicas that hold the same events hold the same bytes. Folding is total:
//! it cannot fail, and it has no clock, no randomness and no I/O. It may use what [`At`] says of the
//! operation: its id, its clock reading, and what its author had seen.
//!
//! | rule | marker | field | operations | resolves by |
//! |---|---|---|---|---|
//! | `lww` | [`Lww`] | any field with a default | set | the greatest stamp |
//! | `fww` | [`Fww`] | any field with a default | set | the least stamp among writes that had seen no other |
//! | `multi` | [`Multi`] | [`Conflicted`] | set | nothing: all concurrent values are shown |
//! | `manual` | [`Manual`] | [`Pending`] | set | nothing: the last agreed value holds until someone decides |
//! | `resolve = f` | [`ResolveBy`] | any field with a default | set | `f`, when the field is shown |
//! | `with = f` | [`JoinBy`] | any field with a default, `Option` of values | join | `f`, a join that you vouch for |
//! | `ordered` | [`Ordered`] | [`Replayed`] | apply | a function of yours, over all events in their total order |
//! | `max`, `min` | [`Max`], [`Min`] | ordered values, `Option` of them | raise, lower | the greatest or least value |
//! | `counter` | [`Counter`] | integers | add | the sum, each addition once |
//! | `flag` | [`Flag`] | `bool` | set | turning on wins over concurrently turning off |
//! | `set` | [`Set`] | `BTreeSet` | insert, remove | a removal takes away only what its author had seen |
//! | `set(remove_wins)` | [`RemoveWinsSet`] | `BTreeSet` | insert, remove | a removal wins over concurrent insertions |
//! | `grow_set` | [`GrowSet`] | `BTreeSet` | insert | the union |
//! | `fields` | [`PerField`] | a struct with `#[derive(SyncMerge)]` | those of its fields | field by field, by rules of their own |
//! | `text` | [`Text`] | `String` | insert, delete | the characters stand where their authors put them |
//! | `list` | [`List`] | `Vec` of values | insert, remove, set, move | items stand where their authors put them; values and moves by the greatest stamp |
//! | `map(rule)` | [`Map`] | `BTreeMap` | those of the entries, remove | entries by their own rule; a removal resets what its author had seen |
//!
//! [`docs::merge`](crate::docs::merge) explains each rule, and how to write one.

mod bytes;
mod counter;
mod cursor;
mod difference;
mod elements;
mod extreme;
mod flag;
mod fww;
mod given;
mod grow_set;
mod handle;
mod heads;
mod join;
mod list;
mod list_state;
mod lww;
mod manual;
mod map;
mod multi;
mod nested;
mod op;
mod open;
mod ordered;
mod remove_wins;
mod resets;
mod resolve;
mod rule;
mod seen;
mod sequence;
mod set;
mod shelf;
mod sum;
mod text;

pub use counter::{
    Amount, Counter, CounterField, CounterOf, CounterOp, CounterSeen, CounterState, WideCounter,
};
pub use cursor::{Bias, NoCursor, SequenceCursor};
pub use extreme::{ExtremeField, Max, MaxOp, Min, MinOp};
pub use flag::{Flag, FlagField, FlagOp};
pub use fww::{FirstWrites, Fww, FwwField, FwwOp};
pub use given::Given;
pub use grow_set::{GrowSet, GrowSetOp, GrowSetState};
pub use handle::{Handle, Reads, SingleValue, Writes};
pub use heads::{Head, Heads};
pub use join::{JoinBy, JoinField, JoinOp, JoinState, Joiner};
pub use list::{List, ListField, ListOp};
pub use list_state::ListState;
pub use lww::{Lww, LwwField, LwwOp};
pub use manual::{Agreed, Manual, ManualField, ManualOp, Pending, Proposed, SeesState};
pub use map::{Map, MapField, MapOp, MapState};
pub use multi::{Conflicted, Multi, MultiField, MultiOp};
pub use nested::{Merged, MergedState, PerField};
pub use op::{At, OpId};
pub use open::OpenConflicts;
pub use ordered::{
    Ordered, OrderedAt, OrderedEvents, OrderedField, OrderedOp, RefusalReason, RefusedEvent,
    Replay, Replayed,
};
pub use remove_wins::{RemoveWinsSet, RemoveWinsState};
pub use resolve::{ResolveBy, ResolveField, ResolveOp, Resolver};
pub use rule::{AnyField, AnyState, EntryRule, Law, MergeState, Op, RestsOn, Rule, Undoing};
pub use seen::{FieldsSeen, MapSeen, SeenPart};
pub use sequence::{SequenceElement, SequencePlace, SequenceRanges};
pub use set::{Set, SetField, SetOp, SetState};
pub use text::{Text, TextField, TextOp, TextState};

pub(crate) use bytes::{read_dot, write_dot};
pub(crate) use elements::AuthorIds;
#[doc(hidden)]
pub use extreme::{Spelt, fits_spelt};
#[doc(hidden)]
pub use handle::{Root, Rooted};
#[doc(hidden)]
pub use nested::{Creation, Folds, Taken, fits_entries_of_fields};
#[doc(hidden)]
pub use resets::Resets;
#[doc(hidden)]
pub use rule::{FieldRule, Fitting, Undone, custom, field, fits, fits_entries};
pub(crate) use rule::{Slot, shown};

#[cfg(test)]
mod tests;
