//! `#[merge(counter)]`.

use super::*;

#[test]
fn concurrent_additions_are_all_counted() {
    assert_eq!(sum(&[2, 3, -1]).value(), 4);
}

#[test]
fn a_sum_of_nothing_takes_no_bytes() {
    assert_eq!(sum(&[]).bytes(), b"");
    assert_eq!(sum(&[5, -5]).bytes(), b"", "nor one that comes to nothing");
}

#[test]
fn a_sum_beyond_the_field_is_shown_clamped_and_kept_in_full() {
    assert_eq!(sum(&[i64::MAX, i64::MAX]).value(), i64::MAX);
    assert_eq!(sum(&[i64::MAX, i64::MAX, -i64::MAX, -1]).value(), i64::MAX - 1);
}

#[test]
fn an_overflow_on_the_way_does_not_depend_on_the_order() {
    let [up, down] = [i64::MAX, i64::MIN];
    let expected = sum(&[up, down, up, down, 7]).bytes();
    for order in [[up, up, down, down, 7], [down, down, 7, up, up], [7, down, up, up, down]] {
        let sum = sum(&order);
        assert_eq!(sum.bytes(), expected);
        assert_eq!(sum.value(), 5);
    }
}

#[test]
fn a_counter_comes_back_from_its_bytes() {
    for amounts in [&[1][..], &[-1], &[i64::MIN, i64::MIN], &[i64::MAX; 3]] {
        let sum = sum(amounts);
        assert_eq!(restored::<CounterState>(&sum.bytes()), Ok(sum.state));
    }
}

#[test]
fn a_total_in_other_bytes_or_of_zero_is_refused() {
    for total in [&[1; 25][..], &[1, 0], &[255, 255], &[]] {
        let mut out = Writer::new();
        out.tag(1, WireType::Len);
        out.enclosed(|out| {
            out.tag(1, WireType::Len);
            out.bytes(total);
        });
        let read = restored::<CounterState>(&out.finish().unwrap());
        assert!(matches!(read, Err(WireError::Invalid { .. })), "{total:?}");
    }
}

#[test]
fn a_sum_below_zero_is_shown_as_zero_by_an_unsigned_field_and_kept() {
    let mut counter = Merged::<u32, Counter>::new();
    counter.fold(CounterOp::Added(-5), &moment(ANN, 1, 1, &[]));
    assert_eq!(counter.value(), 0);
    counter.fold(CounterOp::Added(7), &moment(BOB, 1, 1, &[]));
    assert_eq!(counter.value(), 2);
}

#[test]
fn creating_a_counter_records_its_value_exactly() {
    fn created<F: CounterField<A> + std::fmt::Debug, A: Amount>(value: F) -> usize {
        let mut counter = Merged::<F, CounterOf<A>>::new();
        let mut ops = Vec::new();
        CounterOf::<A>::create(&value, &mut |op| ops.push(op));
        for (seq, op) in (1..).zip(&ops) {
            counter.fold(*op, &moment(ANN, seq, seq, &[]));
        }
        assert_eq!(counter.value(), value);
        ops.len()
    }
    assert_eq!([created(0_u64), created(i64::MAX), created(i64::MIN)], [0, 1, 1]);
    assert_eq!([created(i64::MAX as u64), created(u64::MAX)], [1, 3]);
    assert_eq!([created(i128::MIN), created(u128::MAX), created(u8::MAX)], [1, 3, 1]);
}

fn sum(amounts: &[i64]) -> Merged<i64, Counter> {
    let mut counter = Merged::new();
    for (seq, amount) in (1..).zip(amounts) {
        counter.fold(CounterOp::Added(*amount), &moment(ANN, seq, seq, &[]));
    }
    counter
}
