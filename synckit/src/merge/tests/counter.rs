//! `#[merge(counter)]`.

use super::*;

#[test]
fn concurrent_additions_are_all_counted() {
    assert_eq!(sum(&[2, 3, -1]).value(), 4);
}

#[test]
fn a_sum_of_nothing_takes_no_bytes() {
    assert_eq!(sum(&[]).bytes(), []);
    assert_eq!(sum(&[5, -5]).bytes(), [], "nor one that comes to nothing");
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
fn a_total_of_another_length_or_of_zero_is_refused() {
    for total in [&[1; 15][..], &[1; 17], &[], &[0; 16]] {
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

fn sum(amounts: &[i64]) -> Merged<i64, Counter> {
    let mut counter = Merged::new();
    for (seq, amount) in (1..).zip(amounts) {
        counter.fold(CounterOp::Added(*amount), &moment(ANN, seq, seq, &[]));
    }
    counter
}
