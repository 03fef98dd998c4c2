//! Exact sums of integers of up to 128 bits.

use crate::wire::{Reader, Scalar, Shape, Value, WireError, WireType, Writer};

/// Bytes of a sum.
const SUM_BYTES: usize = 24;

/// A sum in 192 bits, two's complement. An addition changes it by less than 2^128 and a space holds
/// fewer than 2^64 events, so no order of additions overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sum {
    high: i64,
    low: u128,
}

impl Sum {
    pub(super) const ZERO: Self = Self { high: 0, low: 0 };

    pub(super) const fn of(amount: i128) -> Self {
        Self { high: if amount < 0 { -1 } else { 0 }, low: amount.cast_unsigned() }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self.high.wrapping_add(other.high);
        Self { high: if carry { high.wrapping_add(1) } else { high }, low }
    }

    pub(super) const fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let high = self.high.wrapping_sub(other.high);
        Self { high: if borrow { high.wrapping_sub(1) } else { high }, low }
    }

    /// The sum, or the integer nearest to it.
    pub(super) const fn to_i128(self) -> i128 {
        let low = self.low.cast_signed();
        match self.high {
            0 if low >= 0 => low,
            -1 if low < 0 => low,
            0.. => i128::MAX,
            _ => i128::MIN,
        }
    }

    /// The sum, or the integer nearest to it.
    pub(super) const fn to_u128(self) -> u128 {
        match self.high {
            0 => self.low,
            1.. => u128::MAX,
            _ => 0,
        }
    }

    fn to_le_bytes(self) -> [u8; SUM_BYTES] {
        let mut bytes = [0; SUM_BYTES];
        bytes[..16].copy_from_slice(&self.low.to_le_bytes());
        bytes[16..].copy_from_slice(&self.high.to_le_bytes());
        bytes
    }
}

/// The fewest bytes that hold the sum, the least significant first.
impl Value for Sum {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Scalar(Scalar::Bytes);

    fn write(&self, out: &mut Writer) {
        let bytes = self.to_le_bytes();
        let sign = if self.high < 0 { 0xff } else { 0 };
        let mut length = SUM_BYTES;
        while length > 0 && bytes[length - 1] == sign {
            length -= 1;
        }
        // The last byte tells the sign.
        if bytes[..length].last().map_or(sign != 0, |last| (last >= &0x80) != (sign != 0)) {
            length += 1;
        }
        out.bytes(&bytes[..length]);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        const INVALID: WireError = WireError::Invalid { expected: "sum in the fewest bytes" };
        let bytes = input.bytes()?;
        let negative = bytes.last().is_some_and(|last| *last >= 0x80);
        let mut padded = [if negative { 0xff } else { 0 }; SUM_BYTES];
        padded.get_mut(..bytes.len()).ok_or(INVALID)?.copy_from_slice(bytes);
        let (low, high) = padded.split_at(16);
        let low = low.try_into().map_err(|_| INVALID)?;
        let high = high.try_into().map_err(|_| INVALID)?;
        let sum = Self { high: i64::from_le_bytes(high), low: u128::from_le_bytes(low) };
        let mut canonical = Writer::new();
        sum.write(&mut canonical);
        if canonical.written().get(1..) == Some(bytes) { Ok(sum) } else { Err(INVALID) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Unknown;

    const SAMPLES: [i128; 11] =
        [0, 1, -1, 127, 128, -128, -129, i64::MAX as i128, i64::MIN as i128, i128::MAX, i128::MIN];

    #[test]
    fn a_sum_has_one_encoding_and_comes_back() {
        let far = Sum::of(i128::MAX).plus(Sum::of(i128::MAX)).plus(Sum::of(2));
        let sums = SAMPLES.map(Sum::of);
        for sum in sums.into_iter().chain([far, Sum::ZERO.minus(far)]) {
            let mut out = Writer::new();
            sum.write(&mut out);
            let bytes = out.finish().unwrap();
            assert_eq!(Sum::read(&mut Reader::new(&bytes, Unknown::Refuse)), Ok(sum));
            let mut longer = vec![bytes[0] + 1];
            longer.extend(&bytes[1..]);
            longer.push(if sum.high < 0 { 0xff } else { 0 });
            let read = Sum::read(&mut Reader::new(&longer, Unknown::Refuse));
            assert!(matches!(read, Err(WireError::Invalid { .. })), "{sum:?}");
        }
    }

    #[test]
    fn sums_beyond_the_integer_are_shown_as_its_end() {
        let top = Sum::of(i128::MAX);
        assert_eq!(top.plus(Sum::of(1)).to_i128(), i128::MAX);
        assert_eq!(top.plus(Sum::of(1)).to_u128(), 1 << 127);
        assert_eq!(top.plus(top).plus(Sum::of(2)).to_u128(), u128::MAX);
        let bottom = Sum::of(i128::MIN).plus(Sum::of(-1));
        assert_eq!((bottom.to_i128(), bottom.to_u128()), (i128::MIN, 0));
        assert_eq!(bottom.plus(Sum::of(1)).to_i128(), i128::MIN);
    }

    #[test]
    fn what_is_added_and_taken_away_leaves_nothing_in_any_order() {
        for a in SAMPLES.map(Sum::of) {
            for b in SAMPLES.map(Sum::of) {
                assert_eq!(a.plus(b), b.plus(a));
                assert_eq!(a.plus(b).minus(a), b);
                assert_eq!(a.minus(b).plus(b), a);
                assert_eq!(a.minus(b) > Sum::ZERO, a > b);
            }
        }
    }
}
