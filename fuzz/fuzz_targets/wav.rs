//! Prompts as an administrator may record them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sasayaki_fuzz::wav(bytes));
