//! Dial plans as an administrator may write them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sasayaki_fuzz::dialplan(bytes));
