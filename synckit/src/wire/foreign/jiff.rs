//! `jiff`: a `Timestamp`, civil dates and times, a `SignedDuration`. A `Zoned` depends on a database of
//! time zones, which replicas need not share: keep its timestamp, and the name of its zone beside it.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};

use super::calendar::{
    self, Counted, NANOS_PER_DAY, NANOS_PER_SECOND, SAMPLES, counted, days, time_of_day,
};
use crate::wire::{Reader, Shape, Value, ValueRef, WireError, WireType, Writer};

const EPOCH: Date = Date::constant(1970, 1, 1);

days!(Date);
time_of_day!(Time);
counted! {
    DateTime, "iso.DateTime", "date and time";
    Timestamp, "iso.Instant", "instant";
    SignedDuration, "iso.Duration", "duration";
}

fn days(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

fn of_days(days: i64) -> Option<Date> {
    // Far beyond the last day.
    let hours = days.checked_mul(24).filter(|hours| hours.abs() < 1 << 40)?;
    EPOCH.checked_add(SignedDuration::from_hours(hours)).ok()
}

fn nanos_of_day(time: Time) -> i64 {
    let since = time.duration_since(Time::midnight());
    since.as_secs() * NANOS_PER_SECOND + i64::from(since.subsec_nanos())
}

fn of_second(second: u32, nano: u32) -> Option<Time> {
    let of_minute = i8::try_from(second % 60).ok()?;
    let (minute, hour) = (i8::try_from(second / 60 % 60).ok()?, i8::try_from(second / 3_600).ok()?);
    Time::new(hour, minute, of_minute, i32::try_from(nano).ok()?).ok()
}

impl Counted for DateTime {
    const LIMIT: i64 = NANOS_PER_DAY;

    fn parts(&self) -> (i64, i64) {
        (days(self.date()), nanos_of_day(self.time()))
    }

    fn of_parts(whole: i64, nanos: u32, second: u32) -> Option<Self> {
        Some(Self::from_parts(of_days(whole)?, of_second(second, nanos)?))
    }
}

impl Counted for Timestamp {
    const LIMIT: i64 = NANOS_PER_SECOND;

    fn parts(&self) -> (i64, i64) {
        calendar::rounded_down(self.as_second(), self.subsec_nanosecond())
    }

    fn of_parts(whole: i64, nanos: u32, _: u32) -> Option<Self> {
        let second = i128::from(NANOS_PER_SECOND);
        let nanos = i128::from(whole).checked_mul(second)?.checked_add(nanos.into())?;
        Self::from_nanosecond(nanos).ok()
    }
}

impl Counted for SignedDuration {
    const LIMIT: i64 = NANOS_PER_SECOND;

    fn parts(&self) -> (i64, i64) {
        calendar::rounded_down(self.as_secs(), self.subsec_nanos())
    }

    fn of_parts(whole: i64, nanos: u32, _: u32) -> Option<Self> {
        Some(Self::new(whole, i32::try_from(nanos).ok()?))
    }
}
