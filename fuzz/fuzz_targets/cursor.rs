#![no_main]

use synckit::testing::fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::cursor(bytes));
