//! What may be dialled.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sasayaki_fuzz::shortdial(bytes));
