use super::*;
use proptest::prelude::*;

const PHONE: &str = "v=0\r\no=phone 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 9 8 0 101 100\r\na=rtpmap:9 G722/8000\r\na=rtpmap:100 telephone-event/48000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";

fn local() -> Local {
    Local {
        address: "198.51.100.7:30000".parse().unwrap(),
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        events: true,
        direction: Direction::SendRecv,
        ptime: 20,
        secured: Secured::default(),
    }
}

fn session(text: &str) -> Result<Session, BadSdp> {
    read(text.as_bytes()).map(|description| description.session)
}

#[test]
fn a_phones_offer_is_read() {
    let session = session(PHONE).unwrap();
    assert_eq!(session.remote, "192.0.2.1:4000".parse().unwrap());
    assert_eq!(session.codecs, [(Codec::G722, 9), (Codec::Pcma, 8), (Codec::Pcmu, 0)]);
    assert_eq!(session.events_beside(Codec::G722), Some(EventFormat { payload_type: 101, clock_rate: 8000 }));
    assert_eq!((session.direction, session.ptime), (Direction::SendRecv, Some(20)));
}

#[test]
fn the_streams_own_address_and_direction_win_over_the_sessions() {
    let text =
        PHONE.replace("t=0 0", "a=inactive\r\nt=0 0").replace("a=sendrecv", "c=IN IP6 2001:db8::1\r\na=sendonly");
    let session = session(&text).unwrap();
    assert_eq!(session.remote, "[2001:db8::1]:4000".parse().unwrap());
    assert_eq!(session.direction, Direction::SendOnly);
    let text = PHONE.replace("t=0 0", "a=recvonly\r\nt=0 0").replace("a=sendrecv\r\n", "");
    assert_eq!(super::tests::session(&text).unwrap().direction, Direction::RecvOnly);
}

#[test]
fn an_unspecified_address_is_a_hold() {
    let session = session(&PHONE.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0")).unwrap();
    assert_eq!(session.direction, Direction::SendOnly);
}

#[test]
fn a_dynamic_payload_type_may_carry_a_codec_and_a_static_one_may_be_taken_away() {
    let text = PHONE.replace("a=sendrecv", "a=rtpmap:8 L16/8000\r\na=rtpmap:0 pcmu/8000/1");
    assert_eq!(session(&text).unwrap().codecs, [(Codec::G722, 9), (Codec::Pcmu, 0)]);
    let text = PHONE.replace(" 9 8 0 101 100", " 97").replace("a=sendrecv", "a=rtpmap:97 PCMA/8000");
    assert_eq!(session(&text).unwrap().codecs, [(Codec::Pcma, 97)]);
}

#[test]
fn a_packet_holds_what_the_peer_likes_and_no_more_than_it_can_take() {
    for (said, ptime) in [
        ("a=ptime:30", Some(30)),
        ("a=ptime:60\r\na=maxptime:40", Some(40)),
        ("a=ptime:20\r\na=maxptime:150", Some(20)),
        ("a=maxptime:10", Some(10)),
        ("a=maxptime:60", Some(20)),
        ("a=ptime:0\r\na=maxptime:x", None),
    ] {
        assert_eq!(session(&PHONE.replace("a=ptime:20", said)).unwrap().ptime, ptime, "{said}");
    }
}

#[test]
fn what_cannot_be_used_says_why() {
    for (from, to, error) in [
        ("audio 4000", "audio 0", BadSdp::Refused),
        ("audio 4000", "audio 70000", BadSdp::Malformed),
        ("audio 4000", "video 4000", BadSdp::NoAudio),
        ("RTP/AVP", "UDP/TLS/RTP/SAVP", BadSdp::NoAudio),
        ("RTP/AVP", "RTP/SAVP", BadSdp::NoCrypto),
        ("9 8 0 101 100", "18 101", BadSdp::NoCodec),
        ("9 8 0 101 100", "8 999", BadSdp::Malformed),
        ("c=IN IP4 192.0.2.1", "c=IN IP4 239.1.2.3", BadSdp::BadAddress),
        ("c=IN IP4 192.0.2.1", "c=IN IP4 255.255.255.255", BadSdp::BadAddress),
        ("c=IN IP4 192.0.2.1", "c=IN IP4 phone.example", BadSdp::BadAddress),
        ("c=IN IP4 192.0.2.1\r\n", "", BadSdp::BadAddress),
        ("v=0", "v=1", BadSdp::Malformed),
    ] {
        assert_eq!(session(&PHONE.replace(from, to)), Err(error), "{to}");
    }
    let many = format!("{PHONE}{}", "m=video 0 RTP/AVP 31\r\n".repeat(MAX_MEDIA));
    assert_eq!(session(&many), Err(BadSdp::TooLarge));
    assert_eq!(session(&" ".repeat(MAX_SDP_BYTES + 1)), Err(BadSdp::TooLarge));
}

#[test]
fn bare_line_feeds_and_a_blank_line_at_the_end_are_borne() {
    assert!(session(&PHONE.replace("\r\n", "\n")).is_ok());
    assert!(session(&format!("{PHONE}\r\n")).is_ok());
    assert!(session(PHONE.trim_end()).is_ok());
}

#[test]
fn an_offer_of_ours_is_read_back() {
    let session = read(&offer(&Origin::new(7), &local(), None)).unwrap().session;
    assert_eq!(session.remote, local().address);
    assert_eq!(session.codecs, [(Codec::Pcmu, 0), (Codec::Pcma, 8)]);
    assert_eq!(
        (session.events, session.direction, session.ptime),
        (vec![EventFormat { payload_type: 101, clock_rate: 8000 }], Direction::SendRecv, Some(20))
    );
}

#[test]
fn an_answer_mirrors_the_offers_lines_numbers_and_order() {
    let text = PHONE.replace("t=0 0\r\n", "t=0 0\r\nm=video 5000 RTP/AVP 31\r\n").replace("101", "96");
    let offered = read(text.as_bytes()).unwrap();
    let answered = answer(&Origin::new(7), &local(), &offered).unwrap();
    let text = String::from_utf8(answered).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines, ["m=video 0 RTP/AVP 31", "m=audio 30000 RTP/AVP 8 0 96"]);
    assert!(text.contains("a=rtpmap:96 telephone-event/8000"));
}

#[test]
fn an_answer_to_a_hold_sends_nothing_back() {
    let offered = read(PHONE.replace("sendrecv", "sendonly").as_bytes()).unwrap();
    let answered = read(&answer(&Origin::new(7), &local(), &offered).unwrap()).unwrap();
    assert_eq!(answered.session.direction, Direction::RecvOnly);
}

const SOFTPHONE: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 96 0 97 98\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1; stereo=1\r\n\
    a=rtpmap:97 telephone-event/8000\r\na=rtpmap:98 telephone-event/48000\r\n";

fn both_clocks() -> Local {
    Local { codecs: Codec::ALL.to_vec(), ..local() }
}

#[test]
fn telephone_events_go_on_the_clock_of_the_codec_and_else_on_what_there_is() {
    let offered = session(SOFTPHONE).unwrap();
    let number = |codec| offered.events_beside(codec).map(|events| (events.payload_type, events.clock_rate));
    assert_eq!((number(Codec::Opus), number(Codec::Pcmu)), (Some((98, 48_000)), Some((97, 8000))));
    let alone = session(&SOFTPHONE.replace("97 98", "97")).unwrap();
    assert_eq!(alone.events_beside(Codec::Opus).map(|events| events.payload_type), Some(97));
}

#[test]
fn an_answer_with_opus_keeps_the_offers_number_and_says_two_channels() {
    let offered = read(SOFTPHONE.as_bytes()).unwrap();
    let local = Local { codecs: vec![Codec::Opus], ..local() };
    let text = String::from_utf8(answer(&Origin::new(7), &local, &offered).unwrap()).unwrap();
    assert!(text.contains("m=audio 30000 RTP/AVP 96 98\r\n"), "{text}");
    for line in ["a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1", "a=rtpmap:98 telephone-event/48000"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn an_offer_names_both_clocks_and_keeps_to_the_numbers_of_before() {
    let first = read(&offer(&Origin::new(7), &both_clocks(), None)).unwrap().session;
    assert_eq!(first.codecs, [(Codec::Pcmu, 0), (Codec::Pcma, 8), (Codec::G722, 9), (Codec::Opus, 111)]);
    let clocks: Vec<_> = first.events.iter().map(|events| (events.payload_type, events.clock_rate)).collect();
    assert_eq!(clocks, [(101, 8000), (110, 48_000)]);
    let before = read(SOFTPHONE.as_bytes()).unwrap();
    let again = Local { codecs: vec![Codec::Opus], ..local() };
    let second = read(&offer(&Origin::new(7), &again, Some(&before))).unwrap().session;
    assert_eq!((second.codecs, second.events.len()), (vec![(Codec::Opus, 96)], 1));
    assert_eq!(second.events[0].payload_type, 98);
}

#[test]
fn our_own_number_is_heard_unless_it_means_something_else_to_the_peer() {
    let peer = session(SOFTPHONE).unwrap();
    assert_eq!((peer.own_payload_type(Codec::Opus), peer.own_payload_type(Codec::Pcmu)), (111, 0));
    let peer = session(&SOFTPHONE.replace("98", "111")).unwrap();
    assert_eq!(peer.own_payload_type(Codec::Opus), 96);
}

#[test]
fn no_common_codec_has_no_answer() {
    let offered = read(PHONE.replace("9 8 0", "8").as_bytes()).unwrap();
    assert_eq!(answer(&Origin::new(7), &Local { codecs: vec![Codec::Pcmu], ..local() }, &offered), None);
}

#[test]
fn the_version_rises_and_the_id_stays() {
    let mut origin = Origin::new(7);
    let first = String::from_utf8(offer(&origin, &local(), None)).unwrap();
    origin.advance();
    let second = String::from_utf8(offer(&origin, &local(), None)).unwrap();
    assert!(first.contains("o=- 7 0 IN IP4 198.51.100.7\r\n"));
    assert!(second.contains("o=- 7 1 IN IP4 198.51.100.7\r\n"));
}

#[test]
fn directions_reverse_and_narrow() {
    assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
    assert_eq!(Direction::SendRecv.within(Direction::Inactive), Direction::Inactive);
    assert_eq!(Direction::SendOnly.within(Direction::RecvOnly), Direction::SendOnly);
}

proptest! {
    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_damage_to_a_good_description_never_panics(at in 0usize..250, with in "[ -~\r\n]{0,8}") {
        let mut bytes = PHONE.as_bytes().to_vec();
        let at = at.min(bytes.len());
        let end = (at + with.len()).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        if let Ok(description) = read(&bytes) {
            answer(&Origin::new(1), &local(), &description);
        }
    }
}

#[test]
fn reports_have_the_port_above_or_one_that_is_named_or_share_that_of_the_audio() {
    let port =
        |more: &str| session(&PHONE.replace("a=sendrecv", &format!("a=sendrecv\r\n{more}"))).unwrap().rtcp.port();
    assert_eq!(port("a=x"), 4001);
    assert_eq!(port("a=rtcp:5555"), 5555);
    assert_eq!(port("a=rtcp:5555 IN IP4 198.51.100.1"), 5555);
    assert_eq!(port("a=rtcp:x\r\na=x"), 4001);
    assert_eq!(port("a=rtcp:5555\r\na=rtcp-mux"), 4000);
}

#[test]
fn one_port_for_both_is_offered_and_answered_only_to_who_offers_it() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert!(text(offer(&Origin::new(1), &local(), None)).contains("a=rtcp-mux\r\n"));
    let answer_to =
        |offered: &str| text(answer(&Origin::new(1), &local(), &read(offered.as_bytes()).unwrap()).unwrap());
    assert!(!answer_to(PHONE).contains("rtcp-mux"));
    assert!(answer_to(&format!("{PHONE}a=rtcp-mux\r\n")).contains("a=rtcp-mux\r\n"));
}
