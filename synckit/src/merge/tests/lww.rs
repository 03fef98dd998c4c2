//! `#[merge(lww)]`.

use super::*;
use crate::wire::{Field, ValueRef};

#[test]
fn a_field_nobody_wrote_shows_its_default_and_takes_no_bytes() {
    let title = fold(&[]);
    assert_eq!(title.value(), "");
    assert_eq!(title.bytes(), b"");
}

#[test]
fn a_write_beats_what_its_author_had_seen_without_a_conflict() {
    let first = (moment(ANN, 1, 10, &[]), "milk");
    let second = (moment(BOB, 1, 11, &[(ANN, 1)]), "bread");
    let own_next = (moment(BOB, 2, 12, &[]), "tea");
    let title = fold(&[first, second, own_next]);
    assert_eq!(title.value(), "tea");
    assert_eq!(title.conflicts(), []);
}

#[test]
fn of_two_concurrent_writes_the_later_one_holds_and_is_in_conflict_with_the_other() {
    let from_ann = (moment(ANN, 1, 10, &[]), "milk");
    let from_bob = (moment(BOB, 1, 20, &[]), "bread");
    let expected = AnyConflict {
        aggregate: note(),
        field: "field",
        entry: String::new(),
        rule: "lww".into(),
        chosen_by: None,
        winner: Some(write(&from_bob)),
        losers: vec![write(&from_ann)],
    };
    for order in [[&from_ann, &from_bob], [&from_bob, &from_ann]] {
        let title = fold(&order.map(Clone::clone));
        assert_eq!(title.value(), "bread");
        assert_eq!(title.conflicts(), std::slice::from_ref(&expected));
    }
}

#[test]
fn two_replicas_with_equal_clocks_agree() {
    let from_ann = (moment(ANN, 1, 10, &[]), "milk");
    let from_bob = (moment(BOB, 1, 10, &[]), "bread");
    let here = fold(&[from_ann.clone(), from_bob.clone()]);
    let there = fold(&[from_bob, from_ann]);
    assert_eq!(here.bytes(), there.bytes());
    assert_eq!(here.value(), "bread", "the greater replica id holds");
}

#[test]
fn a_tie_is_decided_by_the_replica_and_never_by_its_event_numbers() {
    let from_ann = (moment(ANN, 900, 10, &[]), "milk");
    let from_bob = (moment(BOB, 1, 10, &[]), "bread");
    for order in [[&from_ann, &from_bob], [&from_bob, &from_ann]] {
        assert_eq!(fold(&order.map(Clone::clone)).value(), "bread");
    }
}

#[test]
fn one_authors_writes_at_one_clock_reading_hold_in_their_order() {
    let title = fold(&[(moment(ANN, 1, 10, &[]), "milk"), (moment(ANN, 2, 10, &[]), "bread")]);
    assert_eq!(title.value(), "bread");
    assert_eq!(title.conflicts(), []);
}

#[test]
fn within_one_event_the_later_write_holds() {
    let at = moment(ANN, 1, 10, &[]);
    let title = fold(&[(at.clone(), "milk"), (at, "bread")]);
    assert_eq!(title.value(), "bread");
    assert_eq!(title.conflicts(), []);
}

#[test]
fn a_write_that_had_seen_both_settles_a_conflict() {
    let from_ann = (moment(ANN, 1, 10, &[]), "milk");
    let from_bob = (moment(BOB, 1, 20, &[]), "bread");
    let settled = (moment(CLEO, 1, 30, &[(ANN, 1), (BOB, 1)]), "both");
    let title = fold(&[from_ann, from_bob, settled]);
    assert_eq!(title.value(), "both");
    assert_eq!(title.conflicts(), []);
}

#[test]
fn seeing_one_write_is_not_seeing_the_other() {
    let from_ann = (moment(ANN, 1, 20, &[]), "milk");
    let from_bob = (moment(BOB, 1, 10, &[]), "bread");
    let unaware = (moment(CLEO, 1, 30, &[(BOB, 1)]), "tea");
    let title = fold(&[from_bob, from_ann.clone(), unaware.clone()]);
    assert_eq!(title.value(), "tea");
    let open = title.conflicts();
    assert_eq!((open.len(), &open[0].winner), (1, &Some(write(&unaware))));
    assert_eq!(open[0].losers, [write(&from_ann)]);
}

#[test]
fn a_value_as_deep_as_an_event_can_carry_is_stored_and_restored() {
    let deepest = Nest::of_depth(crate::wire::DEPTH_MAX);
    let mut payload = Writer::new();
    deepest.write_field(1, &mut payload);
    assert!(payload.finish().is_ok(), "an event can carry it");
    let at = moment(ANN, 1, 10, &[]);
    let mut tree = Merged::<Nest, Lww>::new();
    tree.fold(LwwOp::Set(deepest), &at);
    assert_eq!(restored(&tree.bytes()), Ok(tree.state));
}

#[test]
fn concurrent_writes_of_the_same_value_are_no_conflict() {
    let from_ann = (moment(ANN, 1, 10, &[]), "milk");
    let from_bob = (moment(BOB, 1, 20, &[]), "milk");
    for order in [[&from_ann, &from_bob], [&from_bob, &from_ann]] {
        assert_eq!(fold(&order.map(Clone::clone)).conflicts(), []);
    }
}

fn fold(writes: &[(Moment, &str)]) -> Merged<String, Lww> {
    let mut state = Merged::new();
    for (place, (at, value)) in writes.iter().enumerate() {
        let earlier = writes[..place].iter().filter(|(other, _)| other.dot == at.dot).count();
        let index = u32::try_from(earlier).unwrap();
        state.fold_at(LwwOp::Set((*value).to_owned()), at, index);
    }
    state
}

fn write((at, value): &(Moment, &str)) -> crate::conflict::Write {
    crate::conflict::Write::new(&(*value).to_owned(), at.hlc, at.dot)
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nest {
    inner: Option<Box<Nest>>,
}

impl Nest {
    pub(super) fn of_depth(depth: u8) -> Self {
        (1..depth).fold(Self::default(), |inner, _| Self { inner: Some(Box::new(inner)) })
    }
}

impl Value for Nest {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Message(ValueRef::opaque("Nest", 1));

    fn write(&self, out: &mut Writer) {
        out.nested(|out| self.inner.write_field(1, out));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.nested(|input| Ok(Self { inner: Field::read_field(1, input)? }))
    }
}
