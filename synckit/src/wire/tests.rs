//! Promises of the codec: one value, one encoding, and no other bytes are read.

mod depth;
mod interop;
mod refusal;
mod round_trip;
mod samples;

use proptest::test_runner::Config;

use super::{Message, Unknown, WireError, decode, decode_with, encode};

/// `cases` random cases; a failure prints its minimal input and leaves no file behind.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}
