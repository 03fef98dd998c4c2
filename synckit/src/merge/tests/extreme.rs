//! `#[merge(max)]` and `#[merge(min)]`.

use super::*;

#[test]
fn the_greatest_and_the_least_value_hold_in_any_order() {
    for order in [[3, 1, 2], [1, 2, 3], [2, 3, 1]] {
        assert_eq!(max::<u8>(&order).value(), 3);
        assert_eq!(min::<u8>(&order).value(), 1);
    }
}

#[test]
fn a_field_nobody_wrote_shows_its_default() {
    assert_eq!(max::<u8>(&[]).value(), 0);
    assert_eq!(min::<u8>(&[]).value(), 0);
    assert_eq!(max::<Option<u8>>(&[]).value(), None);
    assert_eq!(min::<u8>(&[]).bytes(), b"");
}

#[test]
fn the_default_does_not_take_part_until_it_is_written() {
    assert_eq!(min::<u8>(&[7]).value(), 7, "though 0 is less");
    assert_eq!(max::<i8>(&[-7]).value(), -7, "though 0 is greater");
    assert_eq!(min::<u8>(&[7, 0]).value(), 0);
}

#[test]
fn an_optional_field_is_none_until_it_is_written() {
    assert_eq!(min::<Option<u8>>(&[7, 9]).value(), Some(7));
    assert_eq!(max::<Option<i8>>(&[-7, -9]).value(), Some(-7));
}

#[test]
fn a_written_default_is_stored() {
    let lowest = min::<u8>(&[0]);
    assert_eq!(restored::<JoinState<u8>>(&lowest.bytes()), Ok(lowest.state.clone()));
    assert_ne!(lowest.state, JoinState::default());
}

#[test]
fn values_that_their_type_calls_equal_are_decided_alike_everywhere() {
    let [upper, lower] = ["Milk", "milk"].map(|text| Caseless(text.into()));
    let orders = [[upper.clone(), lower.clone()], [lower, upper]];
    let [here, there] = orders.clone().map(|order| max::<Caseless>(&order).bytes());
    assert_eq!(here, there);
    let [here, there] = orders.map(|order| min::<Caseless>(&order).bytes());
    assert_eq!(here, there);
}

fn max<F: ExtremeField>(values: &[F::Value]) -> Merged<F, Max> {
    let mut state = Merged::new();
    for (seq, value) in (1..).zip(values) {
        state.fold(MaxOp::Raised(value.clone()), &moment(ANN, seq, seq, &[]));
    }
    state
}

fn min<F: ExtremeField>(values: &[F::Value]) -> Merged<F, Min> {
    let mut state = Merged::new();
    for (seq, value) in (1..).zip(values) {
        state.fold(MinOp::Lowered(value.clone()), &moment(ANN, seq, seq, &[]));
    }
    state
}
