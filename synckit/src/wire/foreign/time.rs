//! `time`: a `UtcDateTime`, an `OffsetDateTime` without its offset, by which it is not compared, dates and
//! times, a `Duration`.

use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime};

use super::calendar::{
    self, Counted, NANOS_PER_DAY, NANOS_PER_SECOND, SAMPLES, counted, days, time_of_day,
};
use crate::wire::{Reader, Shape, Value, ValueRef, WireError, WireType, Writer};

/// The Julian day of 1970.
const EPOCH: i64 = 2_440_588;

days!(Date);
time_of_day!(Time);
counted! {
    PrimitiveDateTime, "iso.DateTime", "date and time";
    UtcDateTime, "iso.Instant", "instant";
    OffsetDateTime, "iso.Instant", "instant";
    Duration, "iso.Duration", "duration";
}

fn days(date: Date) -> i64 {
    i64::from(date.to_julian_day()) - EPOCH
}

fn of_days(days: i64) -> Option<Date> {
    Date::from_julian_day(i32::try_from(days.checked_add(EPOCH)?).ok()?).ok()
}

fn nanos_of_day(time: Time) -> i64 {
    let (hour, minute, second, nano) = time.as_hms_nano();
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    seconds * NANOS_PER_SECOND + i64::from(nano)
}

fn of_second(second: u32, nano: u32) -> Option<Time> {
    let part = |part: u32| u8::try_from(part).ok();
    let (hour, minute) = (part(second / 3_600)?, part(second / 60 % 60)?);
    Time::from_hms_nano(hour, minute, part(second % 60)?, nano).ok()
}

impl Counted for PrimitiveDateTime {
    const LIMIT: i64 = NANOS_PER_DAY;

    fn parts(&self) -> (i64, i64) {
        (days(self.date()), nanos_of_day(self.time()))
    }

    fn of_parts(whole: i64, nanos: u32, second: u32) -> Option<Self> {
        Some(Self::new(of_days(whole)?, of_second(second, nanos)?))
    }
}

macro_rules! instants {
    ($($type:ident),*) => {$(
        impl Counted for $type {
            const LIMIT: i64 = NANOS_PER_SECOND;

            fn parts(&self) -> (i64, i64) {
                (self.unix_timestamp(), self.nanosecond().into())
            }

            fn of_parts(whole: i64, nanos: u32, _: u32) -> Option<Self> {
                Self::from_unix_timestamp(whole).ok()?.replace_nanosecond(nanos).ok()
            }
        }
    )*};
}
instants!(UtcDateTime, OffsetDateTime);

impl Counted for Duration {
    const LIMIT: i64 = NANOS_PER_SECOND;

    fn parts(&self) -> (i64, i64) {
        calendar::rounded_down(self.whole_seconds(), self.subsec_nanoseconds())
    }

    fn of_parts(whole: i64, nanos: u32, _: u32) -> Option<Self> {
        Some(Self::new(whole, i32::try_from(nanos).ok()?))
    }
}
