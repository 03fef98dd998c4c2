//! Values of the standard library and of other crates that protobuf has no type for.
//!
//! Each has a name and a version of its own in schemas, such as `std.Duration@1`: a field that held
//! a plain number or text cannot become one of them unnoticed. Their order is that of the Rust type.
//! Those of other crates stand behind features. Dates and times are named after what they are, not
//! after the crate, so that a program may go from one crate to another.

#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
mod calendar;
#[cfg(feature = "chrono")]
mod chrono;
#[cfg(feature = "rust_decimal")]
mod decimal;
#[cfg(feature = "jiff")]
mod jiff;
#[cfg(feature = "time")]
mod time;
#[cfg(feature = "url")]
mod url;
#[cfg(feature = "uuid")]
mod uuid;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::shape::{Scalar, Shape, ValueRef};
use super::value::{Value, WireType};
use super::{Reader, WireError, Writer};

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// Seconds and nanoseconds.
impl Value for Duration {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Message(ValueRef::opaque("std.Duration", 1));

    fn write(&self, out: &mut Writer) {
        out.nested(|out| {
            out.tag(1, WireType::Varint);
            out.varint(self.as_secs());
            out.tag(2, WireType::Varint);
            out.varint(self.subsec_nanos().into());
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.nested(|input| {
            let seconds = <u64 as super::Field>::read_field(1, input)?;
            let nanos = <u32 as super::Field>::read_field(2, input)?;
            if nanos >= NANOS_PER_SECOND {
                return Err(WireError::OutOfRange { value: nanos.into(), target: "nanoseconds" });
            }
            Ok(Self::new(seconds, nanos))
        })
    }
}

/// Microseconds since 1970, rounded down: what every platform can tell. The year 294,000 is as far
/// as it goes.
impl Value for SystemTime {
    const WIRE: WireType = WireType::Varint;
    const SHAPE: Shape = Shape::Enum(ValueRef::opaque("std.SystemTime", 1));

    fn write(&self, out: &mut Writer) {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        out.zigzag(match self.duration_since(UNIX_EPOCH) {
            Ok(after) => micros(after),
            Err(before) => {
                let before = before.duration();
                let rest = i64::from(before.subsec_nanos() % 1_000 > 0);
                micros(before).saturating_neg().saturating_sub(rest)
            }
        });
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let micros = input.zigzag()?;
        let (seconds, rest) =
            (micros.div_euclid(MICROS_PER_SECOND), micros.rem_euclid(MICROS_PER_SECOND));
        let rest = Duration::from_micros(rest.unsigned_abs());
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let at = match seconds {
            0.. => UNIX_EPOCH.checked_add(whole),
            _ => UNIX_EPOCH.checked_sub(whole),
        };
        at.and_then(|at| at.checked_add(rest))
            .ok_or(WireError::OutOfRange { value: micros.into(), target: "SystemTime" })
    }
}

/// Big-endian, so that unsigned ones are sorted by their bytes.
macro_rules! wide {
    ($($type:ident $name:literal),*) => {$(
        impl Value for $type {
            const WIRE: WireType = WireType::Len;
            const SHAPE: Shape = Shape::Message(ValueRef::opaque($name, 1));

            fn write(&self, out: &mut Writer) {
                out.bytes(&self.to_be_bytes());
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                <[u8; 16]>::read(input).map(Self::from_be_bytes)
            }
        }
    )*};
}
wide!(u128 "std.u128", i128 "std.i128");

macro_rules! non_zero {
    ($($type:ident of $inner:ident $name:literal),*) => {$(
        impl Value for $type {
            const WIRE: WireType = WireType::Varint;
            const SHAPE: Shape = Shape::Enum(ValueRef::opaque($name, 1));

            fn write(&self, out: &mut Writer) {
                self.get().write(out);
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                let value = $inner::read(input)?;
                Self::new(value).ok_or(WireError::OutOfRange { value: 0, target: stringify!($type) })
            }
        }
    )*};
}
non_zero!(
    NonZeroU8 of u8 "std.NonZeroU8",
    NonZeroU16 of u16 "std.NonZeroU16",
    NonZeroU32 of u32 "std.NonZeroU32",
    NonZeroU64 of u64 "std.NonZeroU64",
    NonZeroI8 of i8 "std.NonZeroI8",
    NonZeroI16 of i16 "std.NonZeroI16",
    NonZeroI32 of i32 "std.NonZeroI32",
    NonZeroI64 of i64 "std.NonZeroI64"
);

macro_rules! addresses {
    ($($type:ident $length:literal $name:literal),*) => {$(
        impl Value for $type {
            const WIRE: WireType = WireType::Len;
            const SHAPE: Shape = Shape::Message(ValueRef::opaque($name, 1));

            fn write(&self, out: &mut Writer) {
                out.bytes(&self.octets());
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                <[u8; $length]>::read(input).map(Self::from)
            }
        }
    )*};
}
addresses!(Ipv4Addr 4 "std.Ipv4Addr", Ipv6Addr 16 "std.Ipv6Addr");

/// Four or sixteen bytes.
impl Value for IpAddr {
    const WIRE: WireType = WireType::Len;
    const SHAPE: Shape = Shape::Message(ValueRef::opaque("std.IpAddr", 1));

    fn write(&self, out: &mut Writer) {
        match self {
            Self::V4(address) => address.write(out),
            Self::V6(address) => address.write(out),
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let bytes = input.bytes()?;
        let v4 = <[u8; 4]>::try_from(bytes).map(Self::from);
        v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(Self::from))
            .map_err(|_| WireError::Invalid { expected: "address of 4 or 16 bytes" })
    }
}

/// Text, whoever owns it.
macro_rules! texts {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const WIRE: WireType = WireType::Len;
            const SHAPE: Shape = Shape::Scalar(Scalar::Text);

            fn write(&self, out: &mut Writer) {
                out.bytes(self.as_bytes());
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
                String::read(input).map(Self::from)
            }
        }
    )*};
}
texts!(Box<str>, Cow<'static, str>);

#[cfg(test)]
#[cfg(all(
    feature = "chrono",
    feature = "jiff",
    feature = "rust_decimal",
    feature = "time",
    feature = "url",
    feature = "uuid"
))]
mod crates;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Field, Unknown};

    #[test]
    fn values_are_read_as_they_were_written() {
        comes_back(Duration::new(u64::MAX, 999_999_999));
        comes_back(Duration::ZERO);
        comes_back(UNIX_EPOCH);
        comes_back(UNIX_EPOCH + Duration::from_micros(1_764_000_000_123_456));
        comes_back(UNIX_EPOCH - Duration::from_micros(1));
        comes_back(u128::MAX);
        comes_back(i128::MIN);
        comes_back(NonZeroU8::MAX);
        comes_back(NonZeroI64::MIN);
        comes_back(IpAddr::from([127, 0, 0, 1]));
        comes_back(IpAddr::from(Ipv6Addr::LOCALHOST));
        comes_back(Ipv4Addr::BROADCAST);
        comes_back(Box::<str>::from("ä"));
        comes_back(Cow::Borrowed("text"));
    }

    #[test]
    fn a_time_is_rounded_down_to_microseconds() {
        let nanos = Duration::from_nanos(1_999);
        let micro = Duration::from_micros(1);
        assert_eq!(read::<SystemTime>(&written(&(UNIX_EPOCH + nanos))), Ok(UNIX_EPOCH + micro));
        let before = UNIX_EPOCH - nanos;
        assert_eq!(read::<SystemTime>(&written(&before)), Ok(UNIX_EPOCH - micro * 2));
    }

    #[test]
    fn bytes_that_are_no_value_are_refused() {
        let too_many_nanos = written(&Duration::new(1, 0));
        let mut too_many_nanos = too_many_nanos[..too_many_nanos.len() - 1].to_vec();
        too_many_nanos.extend([0x80, 0x94, 0xeb, 0xdc, 0x03]);
        too_many_nanos[1] += 4;
        assert!(matches!(read::<Duration>(&too_many_nanos), Err(WireError::OutOfRange { .. })));
        assert!(matches!(read::<NonZeroU32>(&written(&0u32)), Err(WireError::OutOfRange { .. })));
        let three = written(&String::from("abc"));
        assert!(matches!(read::<IpAddr>(&three), Err(WireError::Invalid { .. })));
        assert!(matches!(read::<u128>(&three), Err(WireError::Invalid { .. })));
    }

    fn comes_back<T: Value>(value: T) {
        assert_eq!(read::<T>(&written(&value)), Ok(value));
    }

    fn written<T: Value>(value: &T) -> Vec<u8> {
        let mut out = Writer::new();
        value.write_field(1, &mut out);
        out.finish().unwrap()
    }

    fn read<T: Value>(bytes: &[u8]) -> Result<T, WireError> {
        let mut input = Reader::new(bytes, Unknown::Refuse);
        let value = T::read_field(1, &mut input)?;
        input.finish().map(|()| value)
    }
}
