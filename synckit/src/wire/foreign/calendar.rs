//! Dates and times, whichever crate they are of.
//!
//! | name | written as |
//! |---|---|
//! | `iso.Date` | days since 1970 |
//! | `iso.Time` | nanoseconds since midnight |
//! | `iso.DateTime` | both |
//! | `iso.Instant` | seconds since 1970 UTC, and nanoseconds |
//! | `iso.Duration` | seconds, and nanoseconds |
//!
//! Of two parts of a count the first is rounded down, and the second is not negative. The crates
//! differ in the first and last day that they know: a value beyond is refused when it is read. A leap
//! second is the last nanosecond before it ends.

use crate::wire::{Field, Reader, WireError, Writer};

pub(super) const NANOS_PER_SECOND: i64 = 1_000_000_000;
pub(super) const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SECOND;

/// A value that is counted in two parts, the second less than `LIMIT` nanoseconds.
pub(super) trait Counted: Sized {
    const LIMIT: i64;

    fn parts(&self) -> (i64, i64);

    /// `None` when this crate knows no such value.
    fn of_parts(whole: i64, nanos: u32, second: u32) -> Option<Self>;
}

/// Writes both parts.
pub(super) fn write((whole, nanos): (i64, i64), out: &mut Writer) {
    out.nested(|out| {
        whole.write_field(1, out);
        nanos.unsigned_abs().write_field(2, out);
    });
}

/// Reads both parts: the first, and seconds and nanoseconds of the second.
pub(super) fn read<T: Counted>(
    input: &mut Reader<'_>,
    target: &'static str,
) -> Result<T, WireError> {
    input.nested(|input| {
        let (whole, nanos) = (i64::read_field(1, input)?, u64::read_field(2, input)?);
        let (second, nano) = split(nanos, T::LIMIT, "nanoseconds")?;
        let value = T::of_parts(whole, nano, second);
        value.ok_or(WireError::OutOfRange { value: whole.into(), target })
    })
}

/// Nanoseconds below the limit, as seconds and nanoseconds.
pub(super) fn split(nanos: u64, limit: i64, target: &'static str) -> Result<(u32, u32), WireError> {
    let refused = WireError::OutOfRange { value: nanos.into(), target };
    if nanos >= limit.unsigned_abs() {
        return Err(refused);
    }
    let second = NANOS_PER_SECOND.unsigned_abs();
    match (u32::try_from(nanos / second), u32::try_from(nanos % second)) {
        (Ok(seconds), Ok(nanos)) => Ok((seconds, nanos)),
        _ => Err(refused),
    }
}

/// Seconds and nanoseconds of the same sign, rounded down to seconds.
pub(super) fn rounded_down(seconds: i64, nanos: i32) -> (i64, i64) {
    match (nanos, seconds.checked_sub(1)) {
        (0.., _) => (seconds, nanos.into()),
        (_, Some(before)) => (before, NANOS_PER_SECOND + i64::from(nanos)),
        // Earlier than what can be told.
        (_, None) => (seconds, 0),
    }
}

/// Implements `Value` for what is written as one number.
macro_rules! days {
    ($type:ty) => {
        impl Value for $type {
            const WIRE: WireType = WireType::Varint;
            const SHAPE: Shape = Shape::Enum(ValueRef::opaque("iso.Date", 1));

            fn write(&self, out: &mut Writer) {
                out.zigzag(days(*self));
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                let days = input.zigzag()?;
                of_days(days).ok_or(WireError::OutOfRange { value: days.into(), target: "date" })
            }
        }
    };
}
pub(super) use days;

macro_rules! time_of_day {
    ($type:ty) => {
        impl Value for $type {
            const WIRE: WireType = WireType::Varint;
            const SHAPE: Shape = Shape::Enum(ValueRef::opaque("iso.Time", 1));

            fn write(&self, out: &mut Writer) {
                out.varint(nanos_of_day(*self).unsigned_abs());
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                let nanos = input.varint()?;
                let (second, nano) = calendar::split(nanos, NANOS_PER_DAY, "time of day")?;
                of_second(second, nano)
                    .ok_or(WireError::OutOfRange { value: nanos.into(), target: "time of day" })
            }
        }
    };
}
pub(super) use time_of_day;

/// Implements `Value` for what is counted in two parts.
macro_rules! counted {
    ($($type:ty, $name:literal, $target:literal;)*) => {$(
        impl Value for $type {
            const WIRE: WireType = WireType::Len;
            const SHAPE: Shape = Shape::Message(ValueRef::opaque($name, 1).with_samples(SAMPLES));

            fn write(&self, out: &mut Writer) {
                calendar::write(self.parts(), out);
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                calendar::read(input, $target)
            }
        }
    )*};
}
pub(super) use counted;

/// Values with their lengths.
pub(super) const SAMPLES: &[&[u8]] = &[
    b"\x04\x08\x00\x10\x00",
    b"\x04\x08\x02\x10\x01",
    b"\x04\x08\x01\x10\x64",
    b"\x06\x08\xc0\xb8\x02\x10\x00",
    b"\x08\x08\xa0\x9c\x01\x10\x80\x94\x23",
];
