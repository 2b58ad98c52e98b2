//! RTP and RTCP of a peer, and of a stranger who must not be heard.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sasayaki_fuzz::rtp(bytes));
