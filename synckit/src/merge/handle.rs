//! Handles: a field as an edit or a lowering holds it.

use std::any::Any;
use std::cell::OnceCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{AddAssign, Deref, SubAssign};
use std::rc::Rc;

use crate::id::{Dot, ReplicaId};
use crate::merge::{
    AnyState, CounterOf, Flag, Fww, JoinBy, Lww, Manual, Max, Min, Multi, Ordered, ResolveBy, Rule,
    shown,
};

/// A field of type `F`, merged by the rule `R`.
///
/// In an edit (`M` is [`Reads`]) it shows the value that the edit builds on, the edit's own changes
/// included. In a [`Lower`](crate::Lower) (`M` is [`Writes`]) it only records.
///
/// | rule | records | reads |
/// |---|---|---|
/// | `lww`, `fww`, `flag`, `multi`, `manual`, `resolve` | `set(value)` | `get()`, `*field` |
/// | `ordered` | `apply(event)`, `append(event)` | `get()`, `*field` |
/// | `max`, `min` | `raise(value)`, `lower(value)` | `get()`, `*field` |
/// | `with` | `join(value)` | `get()`, `*field` |
/// | `counter` | `add(amount)`, `+= amount`, `-= amount` | `get()`, `*field` |
/// | `set`, `set(remove_wins)` | `insert(element)`, `remove(element)` | `contains(element)` |
/// | `grow_set` | `insert(element)` | `contains(element)` |
/// | `text` | `insert(at, text)`, `delete(range)`, `replace(range, text)`, `push_str(text)`, `set(text)` | `get()`, `*field`, `slice(range)`, `cursor(at, bias)` |
/// | `list` | `insert(at, value)`, `push(value)`, `set(at, value)`, `move_to(from, to)`, `remove(at)`, `remove_range(range)` | `get(at)`, `iter()`, `len()`, `cursor(at, bias)` |
/// | `map(rule)` | `entry(key)` and what its rule records, `remove(key)` | `get(key)`, `contains_key(key)`, `entry(key)` |
/// | `map(fields)` | `entry(key).fields()` and what those record, `remove(key)` | the same |
///
/// All of them read the whole by `value()`. A handle is not assigned to: `it.title = title` is
/// `it.title.set(title)`.
///
/// A rule that is defined outside this crate gives its handle methods by an extension trait over
/// [`Handle::record`] and [`Handle::inspect`].
pub struct Handle<'a, F, R, M = Writes> {
    root: Rooted<'a>,
    field: usize,
    /// A read costs nothing while nothing has been recorded since the one before.
    values: Values<F>,
    types: PhantomData<fn() -> (R, M)>,
}

/// Marks handles that record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Writes {}

/// Marks handles that record, and read the state as the edit has it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Reads {}

/// The root behind handles: an edit, a lowering, or the entry of a map.
#[doc(hidden)]
pub trait Root {
    /// Takes the operation, an `Option<R::Op>` that holds one.
    fn record(&self, field: usize, op: &mut dyn Any);

    /// Shows the field's state, `None` while it is the default. A lowering shows nothing: its
    /// handles cannot ask.
    fn read(&self, field: usize, look: &mut dyn FnMut(Option<&dyn AnyState>)) {
        let _ = (field, look);
    }

    /// The author of the edit; `None` of a lowering, which may be anybody's.
    fn author(&self) -> Option<ReplicaId> {
        None
    }

    /// The number of changes recorded.
    fn changes(&self) -> usize {
        0
    }

    /// The event that the next operation becomes; `None` where nobody knows.
    fn next(&self) -> Option<Dot> {
        None
    }
}

/// A root, and what it takes to keep it.
#[doc(hidden)]
#[derive(Clone)]
pub struct Rooted<'a>(Node<'a>);

#[derive(Clone)]
enum Node<'a> {
    Top(&'a dyn Root),
    Shared(Rc<dyn Root + 'a>),
}

impl fmt::Debug for Rooted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooted").finish_non_exhaustive()
    }
}

/// The root of an edit or a lowering.
impl<'a> From<&'a dyn Root> for Rooted<'a> {
    fn from(root: &'a dyn Root) -> Self {
        Self(Node::Top(root))
    }
}

impl<'a> Rooted<'a> {
    pub(super) fn shared(root: Rc<dyn Root + 'a>) -> Self {
        Self(Node::Shared(root))
    }

    pub(super) fn root(&self) -> &dyn Root {
        match &self.0 {
            Node::Top(root) => *root,
            Node::Shared(root) => &**root,
        }
    }
}

impl<'a, F, R, M> Handle<'a, F, R, M> {
    /// The field at that place of an aggregate's table.
    #[doc(hidden)]
    pub fn new(root: &Rooted<'a>, field: usize) -> Self {
        Self::at(root.clone(), field)
    }

    /// The entry of a map.
    pub(super) fn of_entry(root: impl Root + 'a) -> Self {
        Self::at(Rooted::shared(Rc::new(root)), 0)
    }

    const fn at(root: Rooted<'a>, field: usize) -> Self {
        Self { root, field, values: Values(OnceCell::new()), types: PhantomData }
    }

    pub(super) fn place(&self) -> (&dyn Root, usize) {
        (self.root.root(), self.field)
    }

    /// The root that the field is reached by, and its place there.
    pub(super) const fn rooted(&self) -> (&Rooted<'a>, usize) {
        (&self.root, self.field)
    }

    /// The event that the next operation becomes.
    pub(super) fn next(&self) -> Option<Dot> {
        self.place().0.next()
    }

    /// Records an operation. Has no bound, so that its callers need none.
    pub(super) fn put<O: 'static>(&self, op: O) {
        let (root, field) = self.place();
        root.record(field, &mut Some(op));
    }

    /// Records an operation.
    pub fn record(&self, op: R::Op)
    where
        R: Rule<F>,
    {
        self.put(op);
    }
}

impl<F: 'static, R: Rule<F>> Handle<'_, F, R, Reads> {
    /// Calls `look` on the field's state, the edit's own changes included.
    pub fn inspect<T>(&self, look: impl Fn(&R::State) -> T) -> T {
        let (root, field) = self.place();
        let mut seen = None;
        root.read(field, &mut |state| {
            let state = state.and_then(|state| (state as &dyn Any).downcast_ref::<R::State>());
            seen = state.map(&look);
        });
        seen.unwrap_or_else(|| look(&R::State::default()))
    }

    /// The whole value, the edit's own changes included.
    pub fn value(&self) -> F {
        let (root, field) = self.place();
        let mut value = None;
        root.read(field, &mut |state| value = Some(shown::<F, R>(state)));
        value.unwrap_or_else(|| shown::<F, R>(None))
    }
}

/// Rules whose field is a single value, so that the handle can be read as that value.
#[diagnostic::on_unimplemented(
    message = "a field merged by `{Self}` is not a single value",
    note = "read it by its own methods, or as a whole with `value()`"
)]
pub trait SingleValue {}

impl<A> SingleValue for CounterOf<A> {}
impl SingleValue for Flag {}
impl SingleValue for Fww {}
impl<G> SingleValue for JoinBy<G> {}
impl SingleValue for Lww {}
impl SingleValue for Manual {}
impl SingleValue for Max {}
impl SingleValue for Min {}
impl SingleValue for Multi {}
impl SingleValue for Ordered {}
impl<G> SingleValue for ResolveBy<G> {}

impl<F: 'static, R: Rule<F> + SingleValue> Handle<'_, F, R, Reads> {
    /// The value, the edit's own changes included.
    pub fn get(&self) -> &F {
        self.values.at(self.place().0.changes(), || self.value())
    }
}

impl<F: 'static, R: Rule<F> + SingleValue> Deref for Handle<'_, F, R, Reads> {
    type Target = F;

    fn deref(&self) -> &F {
        self.get()
    }
}

macro_rules! assigned {
    ($($amount:ident),*) => {$(
        /// `it.visits += 1` is `it.visits.add(1)`.
        impl<F, M> AddAssign<$amount> for Handle<'_, F, CounterOf<$amount>, M> {
            fn add_assign(&mut self, amount: $amount) {
                self.add(amount);
            }
        }

        /// `it.visits -= 1` is `it.visits.add(-1)`.
        impl<F, M> SubAssign<$amount> for Handle<'_, F, CounterOf<$amount>, M> {
            fn sub_assign(&mut self, amount: $amount) {
                match amount.checked_neg() {
                    Some(negated) => self.add(negated),
                    // The least integer has no negation: it is taken away as two numbers.
                    None => {
                        self.add($amount::MAX);
                        self.add(1);
                    }
                }
            }
        }
    )*};
}
assigned!(i64, i128);

impl<F, R, M> fmt::Debug for Handle<'_, F, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("field", &self.field).finish_non_exhaustive()
    }
}

/// The values that a handle has shown, each with the number of changes recorded by then. Earlier
/// ones stay, for those who still look at them.
struct Values<F>(OnceCell<Box<ValueNode<F>>>);

struct ValueNode<F> {
    changes: usize,
    value: F,
    next: Values<F>,
}

impl<F> Values<F> {
    fn at(&self, changes: usize, read: impl FnOnce() -> F) -> &F {
        let mut last = self;
        while let Some(shown) = last.0.get() {
            if shown.changes == changes {
                return &shown.value;
            }
            last = &shown.next;
        }
        let next = || Box::new(ValueNode { changes, value: read(), next: Self(OnceCell::new()) });
        &last.0.get_or_init(next).value
    }
}
