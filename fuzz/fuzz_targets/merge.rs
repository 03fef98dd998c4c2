#![no_main]

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/tests/fuzz/types.rs"]
mod types;

use synckit::testing::fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::merge::<types::Shed>(bytes));
