//! Values of other crates: their bytes, which stay what they are, and what is refused.

use std::fmt::Debug;

use ::time::{OffsetDateTime, PrimitiveDateTime, UtcDateTime};
use ::uuid::Uuid;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use jiff::civil;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use url::Url;

use crate::wire::{Reader, Shape, Unknown, Value, WireError, Writer};

#[test]
fn instants_are_the_same_bytes_in_all_crates() {
    // 2026-02-28T23:59:59.5Z, and half a second before 1970.
    for (seconds, nanos, bytes) in [
        (1_772_323_199, 500_000_000, "0c08fe859c9a0d1080cab5ee01"),
        (-1, 500_000_000, "0808011080cab5ee01"),
        (0, 0, "0408001000"),
    ] {
        let nano = i32::try_from(nanos).unwrap();
        is::<Timestamp>(&Timestamp::new(seconds, nano).unwrap(), bytes);
        is::<DateTime<Utc>>(&DateTime::from_timestamp(seconds, nanos).unwrap(), bytes);
        let utc = UtcDateTime::from_unix_timestamp(seconds).unwrap();
        is::<UtcDateTime>(&utc.replace_nanosecond(nanos).unwrap(), bytes);
        let offset = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        is::<OffsetDateTime>(&offset.replace_nanosecond(nanos).unwrap(), bytes);
    }
    let there = ::time::UtcOffset::from_hms(2, 0, 0).unwrap();
    let moved = OffsetDateTime::UNIX_EPOCH.to_offset(there);
    assert_eq!(written(&moved), written(&OffsetDateTime::UNIX_EPOCH));
}

#[test]
fn dates_and_times_are_the_same_bytes_in_all_crates() {
    let date = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    is(&date, "8cb502");
    is(&civil::date(2024, 2, 29), "8cb502");
    let of_time = ::time::Date::from_calendar_date(2024, ::time::Month::February, 29).unwrap();
    is(&of_time, "8cb502");
    is(&NaiveDate::from_ymd_opt(1969, 12, 31).unwrap(), "01");
    is(&civil::date(1969, 12, 31), "01");

    let last = NaiveTime::from_hms_nano_opt(23, 59, 59, 999_999_999).unwrap();
    is(&last, "ffffbb8ac9d213");
    is(&civil::time(23, 59, 59, 999_999_999), "ffffbb8ac9d213");
    is(&::time::Time::from_hms_nano(23, 59, 59, 999_999_999).unwrap(), "ffffbb8ac9d213");

    is(&date.and_hms_opt(0, 15, 37).unwrap(), "0b088cb5021080b4b5cca21b");
    is(&civil::date(2024, 2, 29).at(0, 15, 37, 0), "0b088cb5021080b4b5cca21b");
    let at = ::time::Time::from_hms(0, 15, 37).unwrap();
    is(&PrimitiveDateTime::new(of_time, at), "0b088cb5021080b4b5cca21b");
}

#[test]
fn durations_are_the_same_bytes_in_all_crates() {
    for (millis, bytes) in [(1_500, "0808021080cab5ee01"), (-500, "0808011080cab5ee01")] {
        is(&SignedDuration::from_millis(millis), bytes);
        is(&TimeDelta::milliseconds(millis), bytes);
        is(&::time::Duration::milliseconds(millis), bytes);
    }
    is(&SignedDuration::MAX, "1108feffffffffffffffff0110ff93ebdc03");
    is(&::time::Duration::MAX, "1108feffffffffffffffff0110ff93ebdc03");
    // What lies before the least whole second is that second.
    let least = written(&SignedDuration::MIN);
    assert_eq!(read::<SignedDuration>(&least), Ok(SignedDuration::new(i64::MIN, 0)));
}

#[test]
fn identifiers_numbers_and_addresses() {
    is(&Uuid::from_u128(0xa1a2_a3a4), "10000000000000000000000000a1a2a3a4");
    is(&Decimal::new(-1_250, 2), "052d31322e35");
    is(&Decimal::new(1_000, 0), "0431303030");
    is(&Decimal::MAX, "1d3739323238313632353134323634333337353933353433393530333335");
    assert_eq!(written(&Decimal::new(1_500, 3)), written(&Decimal::new(15, 1)));
    let mut nothing = Decimal::new(0, 5);
    nothing.set_sign_negative(true);
    is(&nothing, "0130");
    is(
        &Url::parse("HTTP://Example.com:80/a b").unwrap(),
        "18687474703a2f2f6578616d706c652e636f6d2f6125323062",
    );
}

#[test]
fn what_is_not_canonical_or_not_known_is_refused() {
    let text = |text: &str| written(&text.to_owned());
    for number in ["1.50", "-0", "1e3", "+1", "01", ".5", "1_000", ""] {
        let read = read::<Decimal>(&text(number));
        assert!(matches!(read, Err(WireError::Invalid { .. })), "{number}: {read:?}");
    }
    for url in ["HTTP://example.com/", "http://example.com", "nothing", ""] {
        assert!(matches!(read::<Url>(&text(url)), Err(WireError::Invalid { .. })), "{url}");
    }
    assert!(read::<Uuid>(&text("0123456789abcde")).is_err());
    // A second has not so many nanoseconds, and a day not so many seconds.
    let over = b"\x08\x08\x00\x10\x80\x94\xeb\xdc\x03";
    refused::<Timestamp>(over);
    refused::<DateTime<Utc>>(over);
    refused::<UtcDateTime>(over);
    refused::<NaiveDateTime>(b"\x0a\x08\x00\x10\x80\x80\xbc\x8a\xc9\xd2\x13");
    // The year 250,000 is known to one of the crates.
    let far = written(&NaiveDate::from_ymd_opt(250_000, 1, 1).unwrap());
    assert_eq!(read::<NaiveDate>(&far), Ok(NaiveDate::from_ymd_opt(250_000, 1, 1).unwrap()));
    refused::<civil::Date>(&far[1..]);
    refused::<::time::Date>(&far[1..]);
    for days in [i64::MIN, i64::MAX].map(|days| written(&days)) {
        refused::<NaiveDate>(&days[1..]);
        refused::<civil::Date>(&days[1..]);
        refused::<::time::Date>(&days[1..]);
    }
}

#[test]
fn a_leap_second_is_the_last_nanosecond_before_it_ends() {
    let day = NaiveDate::from_ymd_opt(2016, 12, 31).unwrap();
    let leap = day.and_hms_nano_opt(23, 59, 59, 1_500_000_000).unwrap();
    let last = day.and_hms_nano_opt(23, 59, 59, 999_999_999).unwrap();
    assert_eq!(read(&written(&leap)), Ok(last));
    assert_eq!(read(&written(&leap.and_utc())), Ok(last.and_utc()));
    assert_eq!(read(&written(&leap.time())), Ok(last.time()));
}

#[test]
fn samples_are_values() {
    sampled::<Timestamp>();
    sampled::<civil::DateTime>();
    sampled::<DateTime<Utc>>();
    sampled::<PrimitiveDateTime>();
    sampled::<TimeDelta>();
    sampled::<Decimal>();
    sampled::<Url>();
}

fn sampled<T: Value>() {
    let (Shape::Message(named) | Shape::Enum(named)) = T::SHAPE else { panic!("not opaque") };
    assert!(!named.samples().is_empty());
    for sample in named.samples() {
        let mut input = Reader::new(sample, Unknown::Refuse);
        let value = T::read(&mut input).unwrap();
        input.finish().unwrap();
        let mut out = Writer::new();
        value.write(&mut out);
        assert_eq!(&out.finish().unwrap(), sample);
    }
}

/// The value has these bytes, and is read from them.
#[track_caller]
fn is<T: Value>(value: &T, bytes: &str) {
    let found: String = written(value)[1..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, bytes, "{value:?}");
    assert_eq!(read::<T>(&written(value)).as_ref(), Ok(value));
}

/// A field with this content is refused as a value that the type does not have.
#[track_caller]
fn refused<T: Value + Debug>(content: &[u8]) {
    let tag = if T::WIRE == crate::wire::WireType::Len { 0x0a } else { 0x08 };
    let read = read::<T>(&[&[tag], content].concat());
    assert!(matches!(read, Err(WireError::OutOfRange { .. })), "{read:?}");
}

fn written<T: Value>(value: &T) -> Vec<u8> {
    let mut out = Writer::new();
    crate::wire::Field::write_field(value, 1, &mut out);
    out.finish().unwrap()
}

fn read<T: Value>(bytes: &[u8]) -> Result<T, WireError> {
    let mut input = Reader::new(bytes, Unknown::Refuse);
    let value = <T as crate::wire::Field>::read_field(1, &mut input)?;
    input.finish().map(|()| value)
}
