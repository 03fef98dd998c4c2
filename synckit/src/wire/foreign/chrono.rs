//! `chrono`: a `DateTime<Utc>`, the naive dates and times, a `TimeDelta`. A date and time with another
//! offset is equal to one without: keep the instant, and the offset in seconds beside it.

use chrono::{
    DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike as _, Utc,
};

use super::calendar::{
    self, Counted, NANOS_PER_DAY, NANOS_PER_SECOND, SAMPLES, counted, days, time_of_day,
};
use crate::wire::{Reader, Shape, Value, ValueRef, WireError, WireType, Writer};

/// The days from the first of January of the year 1 to 1970, counted from 1.
const EPOCH: i64 = 719_163;
/// The last nanosecond of a second.
const LAST_NANO: u32 = 999_999_999;

days!(NaiveDate);
time_of_day!(NaiveTime);
counted! {
    NaiveDateTime, "iso.DateTime", "date and time";
    DateTime<Utc>, "iso.Instant", "instant";
    TimeDelta, "iso.Duration", "duration";
}

fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - EPOCH
}

fn of_days(days: i64) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(days.checked_add(EPOCH)?).ok()?)
}

fn nanos_of_day(time: NaiveTime) -> i64 {
    let nanos = time.nanosecond().min(LAST_NANO);
    i64::from(time.num_seconds_from_midnight()) * NANOS_PER_SECOND + i64::from(nanos)
}

fn of_second(second: u32, nano: u32) -> Option<NaiveTime> {
    NaiveTime::from_num_seconds_from_midnight_opt(second, nano)
}

impl Counted for NaiveDateTime {
    const LIMIT: i64 = NANOS_PER_DAY;

    fn parts(&self) -> (i64, i64) {
        (days(self.date()), nanos_of_day(self.time()))
    }

    fn of_parts(whole: i64, nanos: u32, second: u32) -> Option<Self> {
        Some(Self::new(of_days(whole)?, of_second(second, nanos)?))
    }
}

impl Counted for DateTime<Utc> {
    const LIMIT: i64 = NANOS_PER_SECOND;

    fn parts(&self) -> (i64, i64) {
        (self.timestamp(), self.timestamp_subsec_nanos().min(LAST_NANO).into())
    }

    fn of_parts(whole: i64, nanos: u32, _: u32) -> Option<Self> {
        Self::from_timestamp(whole, nanos)
    }
}

impl Counted for TimeDelta {
    const LIMIT: i64 = NANOS_PER_SECOND;

    fn parts(&self) -> (i64, i64) {
        calendar::rounded_down(self.num_seconds(), self.subsec_nanos())
    }

    fn of_parts(whole: i64, nanos: u32, _: u32) -> Option<Self> {
        Self::new(whole, nanos)
    }
}
