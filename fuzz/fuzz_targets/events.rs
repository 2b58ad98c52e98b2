//! Telephone-event packets as a stranger may send them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sasayaki_fuzz::events(bytes));
