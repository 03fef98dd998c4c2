//! `#[merge(set)]`: add wins.

use std::collections::BTreeSet;

use super::lww::Nest;
use super::*;

#[test]
fn a_removal_takes_what_its_author_had_seen() {
    let mut tags = Tags::new();
    tags.fold(SetOp::Inserted(milk()), &moment(ANN, 1, 1, &[]));
    tags.fold(SetOp::Removed(milk()), &moment(BOB, 1, 2, &[(ANN, 1)]));
    assert_eq!(tags.value(), BTreeSet::new());
    assert_eq!(tags.bytes(), b"", "and leaves nothing behind");
}

#[test]
fn a_removal_leaves_what_its_author_had_not_seen() {
    let mut tags = Tags::new();
    tags.fold(SetOp::Inserted(milk()), &moment(ANN, 1, 1, &[]));
    tags.fold(SetOp::Removed(milk()), &moment(BOB, 1, 9, &[]));
    assert_eq!(tags.value(), [milk()].into());
}

#[test]
fn an_insertion_concurrent_with_the_removal_survives_it() {
    let first = moment(ANN, 1, 1, &[]);
    let removal = moment(BOB, 1, 9, &[(ANN, 1)]);
    let again = moment(CLEO, 1, 2, &[(ANN, 1)]);
    for removal_first in [true, false] {
        let mut tags = Tags::new();
        tags.fold(SetOp::Inserted(milk()), &first);
        if removal_first {
            tags.fold(SetOp::Removed(milk()), &removal);
            tags.fold(SetOp::Inserted(milk()), &again);
        } else {
            tags.fold(SetOp::Inserted(milk()), &again);
            tags.fold(SetOp::Removed(milk()), &removal);
        }
        assert_eq!(tags.value(), [milk()].into());
    }
}

#[test]
fn an_author_inserting_again_survives_a_removal_of_the_first_time() {
    let (first, again) = (moment(ANN, 1, 1, &[]), moment(ANN, 2, 2, &[]));
    let removal = moment(BOB, 1, 9, &[(ANN, 1)]);
    let mut tags = Tags::new();
    tags.fold(SetOp::Inserted(milk()), &first);
    tags.fold(SetOp::Inserted(milk()), &again);
    tags.fold(SetOp::Removed(milk()), &removal);
    assert_eq!(tags.value(), [milk()].into());
}

#[test]
fn of_one_authors_insertions_of_an_element_only_the_last_is_kept() {
    let mut often = Tags::new();
    for seq in 1..=9 {
        often.fold(SetOp::Inserted(milk()), &moment(ANN, seq, seq, &[]));
    }
    let mut once = Tags::new();
    once.fold(SetOp::Inserted(milk()), &moment(ANN, 9, 9, &[]));
    assert_eq!(often.bytes(), once.bytes());
}

#[test]
fn a_removal_takes_its_own_authors_insertions() {
    let mut tags = Tags::new();
    tags.fold(SetOp::Inserted(milk()), &moment(ANN, 1, 1, &[]));
    tags.fold(SetOp::Removed(milk()), &moment(ANN, 2, 2, &[]));
    assert_eq!(tags.value(), BTreeSet::new());
}

#[test]
fn within_one_event_the_later_operation_holds() {
    let at = moment(ANN, 1, 1, &[]);
    let mut tags = Tags::new();
    tags.fold_at(SetOp::Inserted(milk()), &at, 0);
    tags.fold_at(SetOp::Removed(milk()), &at, 1);
    assert_eq!(tags.value(), BTreeSet::new());
    tags.fold_at(SetOp::Inserted(milk()), &at, 2);
    assert_eq!(tags.value(), [milk()].into());
}

#[test]
fn removing_what_was_never_there_changes_nothing() {
    let mut tags = Tags::new();
    tags.fold(SetOp::Removed(milk()), &moment(ANN, 1, 1, &[]));
    assert_eq!(tags.bytes(), b"");
}

#[test]
fn elements_that_their_type_calls_equal_end_alike_everywhere() {
    let [upper, lower] = ["Milk", "milk"].map(|text| Caseless(text.into()));
    let (from_ann, from_bob) = (moment(ANN, 1, 1, &[]), moment(BOB, 1, 1, &[]));
    let mut here = Merged::<BTreeSet<Caseless>, Set>::new();
    here.fold(SetOp::Inserted(upper.clone()), &from_ann);
    here.fold(SetOp::Inserted(lower.clone()), &from_bob);
    let mut there = Merged::<BTreeSet<Caseless>, Set>::new();
    there.fold(SetOp::Inserted(lower.clone()), &from_bob);
    there.fold(SetOp::Inserted(upper.clone()), &from_ann);
    assert_eq!(here.bytes(), there.bytes());
    assert_eq!(here.value().len(), 1);
    assert_eq!(here.value().first().map(|one| &one.0), there.value().first().map(|one| &one.0));
    here.fold(SetOp::Removed(upper.clone()), &moment(CLEO, 1, 2, &[(ANN, 1), (BOB, 1)]));
    assert!(here.value().is_empty(), "a removal takes both");
}

/// Compares by `Ord` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranked(u64);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[allow(clippy::non_canonical_partial_ord_impl, reason = "it is the point")]
impl PartialOrd for Ranked {
    fn partial_cmp(&self, _: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl Value for Ranked {
    const WIRE: WireType = u64::WIRE;
    const SHAPE: Shape = u64::SHAPE;

    fn write(&self, out: &mut Writer) {
        self.0.write(out);
    }

    fn read(input: &mut crate::wire::Reader<'_>) -> Result<Self, WireError> {
        u64::read(input).map(Self)
    }
}

#[test]
fn elements_are_found_by_their_order_alone() {
    let mut ranks = Merged::<BTreeSet<Ranked>, Set>::new();
    let insert = |seq| (SetOp::Inserted(Ranked(seq * 7 % 10)), moment(ANN, seq, seq, &[]));
    for (op, at) in (1..=9).map(insert) {
        ranks.fold(op, &at);
    }
    assert_eq!(ranks.value(), (1..=9).map(Ranked).collect());
    ranks.fold(SetOp::Removed(Ranked(4)), &moment(ANN, 10, 10, &[]));
    assert_eq!(ranks.value().len(), 8);
}

#[test]
fn an_element_as_deep_as_an_event_can_carry_is_stored_and_restored() {
    let mut nests = Merged::<BTreeSet<Nest>, Set>::new();
    let at = moment(ANN, 1, 1, &[]);
    nests.fold(SetOp::Inserted(Nest::of_depth(crate::wire::DEPTH_MAX)), &at);
    assert_eq!(restored(&nests.bytes()), Ok(nests.state.clone()));
    let before = nests.state.clone();
    nests.fold(SetOp::Inserted(Nest::of_depth(crate::wire::DEPTH_MAX + 1)), &at);
    assert_eq!(nests.state, before, "one that no event can carry is passed over");
}

#[test]
fn states_that_no_set_writes_are_refused() {
    let entry = |element: &str, dots: &[(u8, u64)]| {
        let mut out = Writer::new();
        out.tag(1, WireType::Len);
        out.enclosed(|out| {
            crate::wire::Field::write_field(&element.to_owned(), 1, out);
            for (author, seq) in dots {
                out.tag(2, WireType::Len);
                out.enclosed(|out| write_dot(1, dot(*author, *seq), out));
            }
        });
        out.finish().unwrap()
    };
    let read = |entries: &[Vec<u8>]| {
        restored(&entries.concat()).map(|tags| <Set as Rule<BTreeSet<String>>>::value(&tags))
    };
    let sound = entry("a", &[(ANN, 1), (BOB, 2)]);
    assert_eq!(read(&[sound.clone(), entry("b", &[(ANN, 1)])]).map(|tags| tags.len()), Ok(2));
    assert_eq!(read(&[entry("b", &[(ANN, 1)]), sound.clone()]), Err(unsorted(1)));
    assert_eq!(read(&[sound.clone(), sound]), Err(unsorted(1)));
    assert_eq!(read(&[entry("a", &[])]), Err(WireError::Missing { number: 2 }));
    assert_eq!(read(&[entry("a", &[(BOB, 1), (ANN, 1)])]), Err(unsorted(2)));
    assert_eq!(read(&[entry("a", &[(ANN, 1), (ANN, 2)])]), Err(unsorted(2)));
    let nameless = read(&[entry("a", &[(ANN, 0)])]);
    assert_eq!(nameless, Err(WireError::Invalid { expected: "operation id" }));
}

type Tags = Merged<BTreeSet<String>, Set>;

fn milk() -> String {
    "milk".into()
}

const fn unsorted(number: u32) -> WireError {
    WireError::Unsorted { number }
}
