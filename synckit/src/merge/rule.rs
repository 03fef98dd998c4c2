//! The contract of a rule, and the form without types in which an aggregate's table holds it.

use std::any::Any;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::sync::Arc;

use crate::conflict::Conflicts;
use crate::id::{Dot, ReplicaId};
use crate::merge::resets::Resets;
use crate::merge::{At, Head, OpenConflicts, SeenPart};
use crate::wire::{FieldSchema, Reader, Shape, WireError, Writer};

/// The name of a rule with its arguments, as in lock files, and the version of its semantics.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    name: &'static str,
    version: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Fields(&'static [&'static dyn AnyField]),
    Plain,
    Nested(&'static Law),
    Custom,
    Joined,
}

impl Law {
    /// A rule of this crate.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, version: 1, kind: Kind::Plain }
    }

    /// A rule whose entries are merged by `inner`.
    pub(crate) const fn nested(name: &'static str, inner: &'static Self) -> Self {
        Self { name, version: 1, kind: Kind::Nested(inner) }
    }

    /// A rule that is defined outside this crate. `name` is the marker's name in snake case.
    ///
    /// Raise `version`, and that of the aggregates with such fields, whenever the same operations
    /// come to another state or value than before: replicas then replay their logs.
    pub const fn custom(name: &'static str, version: u32) -> Self {
        Self { name, version, kind: Kind::Custom }
    }

    /// The rules of a struct's fields.
    pub(super) const fn fields(table: &'static [&'static dyn AnyField]) -> Self {
        Self { name: "fields", version: 1, kind: Kind::Fields(table) }
    }

    /// The rule `with`, by the path of its function and the revision of that.
    #[doc(hidden)]
    pub const fn with(function: &'static str, revision: u32) -> Self {
        Self { name: function, version: revision, kind: Kind::Joined }
    }
}

impl Law {
    /// The law of the entries, however deep, if it is one of maps.
    const fn innermost(&self) -> &Self {
        match self.kind {
            Kind::Nested(inner) => inner.innermost(),
            Kind::Fields(_) | Kind::Plain | Kind::Custom | Kind::Joined => self,
        }
    }

    /// True when the application's own code says what an operation depends on, and may say all.
    pub(crate) fn names_all(&self) -> bool {
        match self.innermost().kind {
            Kind::Fields(table) => table.iter().any(|field| field.law().names_all()),
            Kind::Custom => true,
            Kind::Nested(_) | Kind::Plain | Kind::Joined => false,
        }
    }

    /// True when a [policy](crate::policy) may choose among concurrent writes.
    pub(crate) fn takes_policies(&self) -> bool {
        match self.innermost() {
            Self { kind: Kind::Fields(table), .. } => {
                table.iter().any(|field| field.law().takes_policies())
            }
            Self { kind: Kind::Plain, name, .. } => matches!(*name, "resolve" | "manual"),
            _ => false,
        }
    }

    /// The text in lock files, which has the version of code outside this crate.
    pub(crate) fn locked(&self) -> String {
        match self.kind {
            Kind::Plain => self.name.to_owned(),
            Kind::Fields(table) => {
                let locked = |field: &&dyn AnyField| {
                    format!("{}:{}", field.schema().name, field.law().locked())
                };
                let fields: Vec<_> = table.iter().map(locked).collect();
                format!("{}({})", self.name, fields.join(","))
            }
            Kind::Nested(inner) => format!("{}({})", self.name, inner.locked()),
            Kind::Custom => format!("rule({}@{})", self.name, self.version),
            Kind::Joined => format!("with({}@{})", self.name, self.version),
        }
    }
}

/// `lww`, `map(counter)`, `rule(first_write)`.
impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Plain | Kind::Fields(_) => f.write_str(self.name),
            Kind::Nested(inner) => write!(f, "{}({inner})", self.name),
            Kind::Custom => write!(f, "rule({})", self.name),
            Kind::Joined => write!(f, "with({})", self.name),
        }
    }
}

/// The state of a field: what its rule keeps of the operations folded.
pub trait MergeState: Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// Writes the state as fields `number`, or nothing when it is the default.
    fn write_field(&self, number: u32, out: &mut Writer);

    /// Reads what [`MergeState::write_field`] wrote; the default when nothing was written.
    ///
    /// # Errors
    /// When the bytes are not what a state writes: equal states have equal bytes.
    fn read_field(number: u32, input: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// A merge rule for fields of type `F`. Implement it on a marker type.
///
/// # Contract
/// The state after folding is a function of the set of operations folded. Operations arrive in some
/// order in which each follows everything that its author had seen, and each author's stand in
/// their own order; each arrives once. A rule must come to the same state in all such orders.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no merge rule for `{F}`",
    label = "no rule for this type",
    note = "implement synckit::merge::Rule<{F}> for {Self}"
)]
pub trait Rule<F>: 'static {
    /// Name, arguments and version of the semantics.
    const LAW: Law;
    /// The field's shape in schemas and lock files.
    const SHAPE: Shape;
    /// An operation on the field.
    type Op: Clone + Debug + Send + Sync + 'static;
    /// The state: what is kept of the operations.
    type State: MergeState;

    /// Folds an operation. Total: whatever the operation, there is a result.
    fn fold(state: &mut Self::State, op: Self::Op, at: &At<'_>);

    /// The value that the field shows.
    fn value(state: &Self::State) -> F;

    /// Notes the open conflicts: concurrent writes that do not hold, and that no later writer of the
    /// field has seen. A rule under which nothing is lost has none.
    fn conflicts(state: &Self::State, open: &mut OpenConflicts<'_, '_>) {
        let _ = (state, open);
    }

    /// Records the operations that make a fresh field this one.
    fn create(value: &F, record: &mut dyn FnMut(Self::Op));

    /// True when the operation takes effect whatever its author had seen.
    fn commutes(op: &Self::Op) -> bool {
        let _ = op;
        false
    }

    /// The operations that `op` takes the place of, or takes away, where its author sees this state;
    /// `None` for all that are in it. They are its causal context: what it does not name counts as
    /// concurrent. So a context is as long as there are concurrent operations, and not as there are
    /// writers.
    fn depends(state: &Self::State, op: &Self::Op) -> Option<Vec<Dot>> {
        let _ = (state, op);
        None
    }

    /// The law of the rule that merges the operation: that of a struct's field.
    #[doc(hidden)]
    fn law_of(op: &Self::Op) -> &'static Law {
        let _ = op;
        &Self::LAW
    }

    /// The events that the shown value rests on, for explanations.
    fn rests_on(state: &Self::State) -> RestsOn {
        let _ = state;
        RestsOn::Changes
    }

    /// The operations that take `op` back: none when somebody else's have taken its place, `None`
    /// when nothing can. The author of `op` had seen `before`, and the field has come to be `now`.
    fn undo(
        op: &Self::Op,
        by: &Undoing,
        before: &Self::State,
        now: &Self::State,
    ) -> Option<Vec<Self::Op>> {
        let _ = (op, by, before, now);
        None
    }
}

/// A commit that is taken back, and the edit that does it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Undoing {
    /// The commit's first event, and the number of its last.
    first: Dot,
    last: u64,
    /// The edit's first event.
    edit: Dot,
    /// The event of the commit that is taken back.
    event: Dot,
}

impl Undoing {
    pub(crate) const fn new(first: Dot, last: u64, edit: Dot, event: Dot) -> Self {
        Self { first, last, edit, event }
    }

    /// The event whose operation is taken back.
    pub const fn event(&self) -> Dot {
        self.event
    }

    /// The author of the edit.
    pub(crate) const fn author(&self) -> ReplicaId {
        self.edit.replica
    }

    /// True when an event is the commit's or the edit's.
    pub fn made(&self, event: Dot) -> bool {
        let of_commit = event.replica == self.first.replica
            && (self.first.seq..=self.last).contains(&event.seq);
        of_commit || self.is_of_edit(event)
    }

    /// True when an event is the edit's.
    pub(super) fn is_of_edit(&self, event: Dot) -> bool {
        event.replica == self.edit.replica && event.seq >= self.edit.seq
    }
}

/// The events that a field's value rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RestsOn {
    /// Each that changed the state.
    Changes,
    /// The last one that changed the state.
    LastChange,
    /// These, each of which adds to it.
    Events(Vec<Dot>),
    /// These, in whose place others would stand.
    Heads(Vec<Dot>),
}

impl RestsOn {
    /// Those that wrote heads.
    pub(crate) fn heads<'a, T: 'a>(heads: impl IntoIterator<Item = &'a Head<T>>) -> Self {
        Self::Heads(heads.into_iter().map(|head| head.id.dot).collect())
    }
}

/// A rule that merges the entries of a map: one that can forget what the author of a removal had
/// seen, and keep the rest.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot merge the entries of a map",
    label = "cannot forget what the author of a removal had seen",
    note = "implement synckit::merge::EntryRule<{V}> for {Self}, with `type Seen = ()`"
)]
pub trait EntryRule<V>: Rule<V> {
    /// Carried by a removal: the part of the entry that its author had seen. `()` when the context
    /// says it all.
    type Seen: SeenPart;

    /// Says what an author that sees this state has seen.
    fn seen(state: &Self::State) -> Self::Seen;

    /// Forgets what the author of the removal at `at` had seen.
    fn reset(state: &mut Self::State, seen: &Self::Seen, at: &At<'_>);

    /// The operations that a removal takes away where its author sees this state; `None` for all that
    /// are in it.
    fn reset_depends(state: &Self::State) -> Option<Vec<Dot>> {
        let _ = state;
        None
    }

    /// True when the operation makes the entry exist.
    fn affirms(op: &Self::Op) -> bool;
}

/// The operations of the rule `R` on fields of type `F`.
pub type Op<F, R> = <R as Rule<F>>::Op;

/// A state whose type only its field's rule knows.
pub trait AnyState: Any + Debug + Send + Sync {
    #[doc(hidden)]
    fn copy(&self) -> Arc<dyn AnyState>;
    #[doc(hidden)]
    fn write_any(&self, number: u32, out: &mut Writer);
    #[doc(hidden)]
    fn equals(&self, other: &dyn AnyState) -> bool;
}

impl<S: MergeState> AnyState for S {
    fn copy(&self) -> Arc<dyn AnyState> {
        Arc::new(self.clone())
    }

    fn write_any(&self, number: u32, out: &mut Writer) {
        self.write_field(number, out);
    }

    fn equals(&self, other: &dyn AnyState) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }
}

/// The state of a field; `None` while it is the default. Copies share it until one is changed.
pub(crate) type Slot = Option<Arc<dyn AnyState>>;

/// A field of an aggregate, its name, its number and its rule, without types.
pub trait AnyField: Send + Sync {
    /// The field's number, name and shape.
    fn schema(&self) -> FieldSchema;

    /// The law of its rule.
    fn law(&self) -> &'static Law;

    /// True when its conflicts are not listed.
    fn is_quiet(&self) -> bool;

    #[doc(hidden)]
    fn fold(&self, slot: &mut Option<Arc<dyn AnyState>>, op: &mut dyn Any, at: &At<'_>);

    #[doc(hidden)]
    fn conflicts(&self, state: &dyn AnyState, open: &mut Conflicts<'_>);

    /// The same of a struct's field, within the field that holds the struct.
    #[doc(hidden)]
    fn conflicts_within(&self, state: &dyn AnyState, open: &mut OpenConflicts<'_, '_>);

    /// True when the operation, an `Option<R::Op>` that holds one, needs no context.
    #[doc(hidden)]
    fn commutes(&self, op: &dyn Any) -> bool;

    /// The events that the operation depends on; `None` for all.
    #[doc(hidden)]
    fn depends(&self, state: Option<&dyn AnyState>, op: &dyn Any) -> Option<Vec<Dot>>;

    #[doc(hidden)]
    fn rests_on(&self, state: &dyn AnyState) -> RestsOn;

    /// The law of the rule that merges the operation, an `Option<R::Op>` that holds one.
    #[doc(hidden)]
    fn law_of(&self, op: &dyn Any) -> &'static Law;

    /// Records the operations that take one back; false when nothing can.
    #[doc(hidden)]
    fn undo(&self, undone: Undone<'_>, record: &mut dyn FnMut(Box<dyn Any>)) -> bool;

    #[doc(hidden)]
    fn read(&self, input: &mut Reader<'_>) -> Result<Option<Arc<dyn AnyState>>, WireError>;

    /// The work of its rule in an entry of a map; `None` where it cannot stand in one.
    #[doc(hidden)]
    fn resets(&self) -> Option<&Resets>;
}

/// An operation that is to be taken back.
#[doc(hidden)]
#[non_exhaustive]
#[derive(Debug)]
pub struct Undone<'a> {
    /// An `Option<R::Op>` that holds it.
    pub op: &'a mut dyn Any,
    /// The commit that carried it.
    pub by: &'a Undoing,
    /// The field as its author had seen it.
    pub before: Option<&'a dyn AnyState>,
    /// The field as it is.
    pub now: Option<&'a dyn AnyState>,
}

impl Debug for dyn AnyField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FieldSchema { number, name, shape, .. } = self.schema();
        let quiet = if self.is_quiet() { " quiet" } else { "" };
        write!(f, "{number} {name} {shape} merge {:?}{quiet}", self.law())
    }
}

/// A field of type `F`, merged by the rule `R`. Knows no event, so that all aggregates share the
/// code of equal types and rules.
#[doc(hidden)]
#[derive(Debug)]
pub struct FieldRule<F, R> {
    number: u32,
    name: &'static str,
    quiet: bool,
    resets: Option<Resets>,
    types: PhantomData<fn() -> (F, R)>,
}

impl<F, R> FieldRule<F, R> {
    /// The field without a list of its conflicts.
    #[must_use]
    pub const fn quiet(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// The field, of a struct that may stand in an entry of a map.
    #[must_use]
    pub const fn in_entries(self) -> Self
    where
        F: 'static,
        R: EntryRule<F>,
    {
        Self { resets: Some(Resets::of::<F, R>()), ..self }
    }
}

/// An entry of an aggregate's table of fields.
#[doc(hidden)]
pub const fn field<F, R: Rule<F>>(number: u32, name: &'static str) -> FieldRule<F, R> {
    FieldRule { number, name, quiet: false, resets: None, types: PhantomData }
}

/// An entry whose rule stands outside this crate, under the name that lock files give it.
#[doc(hidden)]
#[allow(clippy::panic, reason = "a panic at compile time is a compile error")]
pub const fn custom<F, R: Rule<F>>(
    number: u32,
    name: &'static str,
    rule: &'static str,
    message: &str,
) -> FieldRule<F, R> {
    let law = R::LAW.innermost();
    let is_custom = matches!(law.kind, Kind::Custom);
    if !is_custom || !synckit_lock::shape::same(law.name.as_bytes(), rule.as_bytes()) {
        panic!("{}", message);
    }
    field(number, name)
}

/// The type `T`, by a detour that ends where the constant has an error: rustc says nothing more about a
/// type with an error.
#[doc(hidden)]
pub type Fitting<T, const N: usize> = <[T; N] as IntoIterator>::Item;

/// 1 when the rule merges the type; an error of rustc when it does not.
#[doc(hidden)]
pub const fn fits<F, R: Rule<F>>() -> usize {
    1
}

/// The same of a rule that is defined outside this crate, and the entries of a map.
#[doc(hidden)]
pub const fn fits_entries<V, R: EntryRule<V, Seen = ()>>() -> usize {
    1
}

impl<F: 'static, R: Rule<F>> AnyField for FieldRule<F, R> {
    fn schema(&self) -> FieldSchema {
        FieldSchema::new(self.number, self.name, R::SHAPE)
    }

    fn law(&self) -> &'static Law {
        &R::LAW
    }

    fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn fold(&self, slot: &mut Slot, op: &mut dyn Any, at: &At<'_>) {
        let Some(op) = op.downcast_mut::<Option<R::Op>>().and_then(Option::take) else { return };
        changed::<F, R>(slot, |state| R::fold(state, op, at));
    }

    fn conflicts(&self, state: &dyn AnyState, open: &mut Conflicts<'_>) {
        if let Some(state) = (state as &dyn Any).downcast_ref::<R::State>()
            && !self.quiet
        {
            R::conflicts(state, &mut OpenConflicts::of_field(self.name, &R::LAW, open));
        }
    }

    fn conflicts_within(&self, state: &dyn AnyState, open: &mut OpenConflicts<'_, '_>) {
        if let Some(state) = (state as &dyn Any).downcast_ref::<R::State>()
            && !self.quiet
        {
            R::conflicts(state, &mut open.within(self.name, &R::LAW));
        }
    }

    fn commutes(&self, op: &dyn Any) -> bool {
        let op = op.downcast_ref::<Option<R::Op>>().and_then(Option::as_ref);
        op.is_some_and(R::commutes)
    }

    fn depends(&self, state: Option<&dyn AnyState>, op: &dyn Any) -> Option<Vec<Dot>> {
        let op = op.downcast_ref::<Option<R::Op>>()?.as_ref()?;
        match state {
            Some(state) => R::depends((state as &dyn Any).downcast_ref()?, op),
            // Nothing is there that it could depend on.
            None => Some(Vec::new()),
        }
    }

    fn rests_on(&self, state: &dyn AnyState) -> RestsOn {
        (state as &dyn Any).downcast_ref().map_or(RestsOn::Changes, R::rests_on)
    }

    fn law_of(&self, op: &dyn Any) -> &'static Law {
        let op = op.downcast_ref::<Option<R::Op>>().and_then(Option::as_ref);
        op.map_or(&R::LAW, R::law_of)
    }

    fn undo(&self, undone: Undone<'_>, record: &mut dyn FnMut(Box<dyn Any>)) -> bool {
        let Some(op) = undone.op.downcast_mut::<Option<R::Op>>().and_then(Option::take) else {
            return false;
        };
        let fresh = R::State::default();
        let [before, now] = [undone.before, undone.now].map(|state| {
            state.and_then(|state| (state as &dyn Any).downcast_ref()).unwrap_or(&fresh)
        });
        let Some(ops) = R::undo(&op, undone.by, before, now) else { return false };
        ops.into_iter().for_each(|op| record(Box::new(Some(op))));
        true
    }

    fn read(&self, input: &mut Reader<'_>) -> Result<Slot, WireError> {
        let state = R::State::read_field(self.number, input)?;
        Ok((state != R::State::default()).then(|| Arc::new(state) as Arc<dyn AnyState>))
    }

    fn resets(&self) -> Option<&Resets> {
        self.resets.as_ref()
    }
}

/// Changes the state in a slot, of which copies may share it.
pub(super) fn changed<F, R: Rule<F>>(slot: &mut Slot, change: impl FnOnce(&mut R::State)) {
    let shared = slot.get_or_insert_with(|| Arc::new(R::State::default()));
    if Arc::get_mut(shared).is_none() {
        *shared = shared.copy();
    }
    let state = Arc::get_mut(shared).map(|state| state as &mut dyn Any);
    if let Some(state) = state.and_then(|state| state.downcast_mut::<R::State>()) {
        change(state);
        if *state == R::State::default() {
            *slot = None;
        }
    }
}

/// The value that a field of this type and rule shows.
pub(crate) fn shown<F, R: Rule<F>>(state: Option<&dyn AnyState>) -> F {
    match state.and_then(|state| (state as &dyn Any).downcast_ref::<R::State>()) {
        Some(state) => R::value(state),
        None => R::value(&R::State::default()),
    }
}
