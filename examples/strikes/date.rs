//! A day of the calendar, as a value of the program's own that events can carry.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use synckit::SyncValue;

/// A day. Its fields stand in the order in which days are compared.
#[derive(SyncValue, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// The text is not a day in the form `1990-01-31`.
#[derive(Debug, thiserror::Error)]
#[error("not a date in the form 1990-01-31")]
pub(crate) struct NotADate;

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let mut parts = text.split('-');
        let date = Self {
            year: digits(parts.next(), 4)?,
            month: digits(parts.next(), 2)?,
            day: digits(parts.next(), 2)?,
        };
        let exists = (1..=days_of(date.year, date.month)).contains(&date.day);
        if exists && parts.next().is_none() { Ok(date) } else { Err(NotADate) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number written with exactly so many digits: `+1` and ` 1` are numbers to Rust, but not here.
fn digits<T: FromStr>(part: Option<&str>, count: usize) -> Result<T, NotADate> {
    let part = part.filter(|part| part.len() == count && part.bytes().all(|b| b.is_ascii_digit()));
    part.and_then(|part| part.parse().ok()).ok_or(NotADate)
}

/// Days of a month; 0 when there is no such month.
const fn days_of(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 0,
    }
}
