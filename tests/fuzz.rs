//! The corpora of `fuzz/`, replayed: what a fuzzer once found interesting is fed again on every run.

use std::{fs, path::Path};

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// Feeds every file of a corpus; how many there are.
fn replay(corpus: &str, target: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(corpus);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| {
            let path = file.expect("a folder that can be listed").path();
            let bytes = fs::read(&path).expect("a file that can be read");
            assert!(std::panic::catch_unwind(|| target(&bytes)).is_ok(), "{}", path.display());
        })
        .count()
}

#[test]
fn telephone_events_of_the_corpus_break_nothing() {
    assert!(replay("events", fuzz::events) > 50);
}

#[test]
fn sip_messages_of_the_corpus_break_nothing() {
    assert!(replay("sip", fuzz::sip) > 50);
}

#[test]
fn session_descriptions_of_the_corpus_break_nothing() {
    assert!(replay("sdp", fuzz::sdp) > 50);
}

#[test]
fn rtp_and_rtcp_of_the_corpus_break_nothing() {
    assert!(replay("rtp", fuzz::rtp) > 50);
}

#[test]
fn srtp_of_the_corpus_breaks_nothing() {
    assert!(replay("srtp", fuzz::srtp) > 5);
}

#[test]
fn short_dials_of_the_corpus_break_nothing() {
    assert!(replay("shortdial", fuzz::shortdial) > 50);
}

#[test]
fn dial_plans_of_the_corpus_break_nothing() {
    assert!(replay("dialplan", fuzz::dialplan) > 50);
}

#[test]
fn recordings_of_the_corpus_break_nothing() {
    assert!(replay("wav", fuzz::wav) > 20);
}
