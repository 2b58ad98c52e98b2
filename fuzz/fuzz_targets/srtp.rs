//! SRTP and SRTCP as a stranger may send them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sasayaki_fuzz::srtp(bytes));
