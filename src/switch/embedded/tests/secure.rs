use super::{call::speaks_of_sips, *};

#[test]
fn a_contact_names_the_transport_and_is_sips_where_the_peer_speaks_of_sips_on_tls() {
    let rig = Rig::new();
    let on = |transport| Flow { transport, ..flow("1000") };
    for (transport, uri, contact, ours) in [
        (Transport::Udp, "sip:1001@house", "<sip:1000@192.0.2.10>", format!("sip:{SERVER};transport=udp")),
        (Transport::Tls, "sip:1001@house", "<sip:1000@192.0.2.10>", format!("sip:{SERVER};transport=tls")),
        (Transport::Tls, "sips:1001@house", "<sip:1000@192.0.2.10>", format!("sips:{SERVER}")),
        (Transport::Tls, "sip:1001@house", "<sips:1000@192.0.2.10>", format!("sips:{SERVER}")),
        (Transport::Udp, "sips:1001@house", "<sips:1000@192.0.2.10>", format!("sip:{SERVER};transport=udp")),
    ] {
        let mut request = Request::new(Method::Invite, uri);
        request.headers.push("Contact", contact);
        assert_eq!(rig.switch.contact(on(transport), speaks_of_sips(&request)), ours, "{transport:?} {uri} {contact}");
    }
}

const KEY: &str = "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";

/// The description of a phone over this profile, with these lines more.
fn described(phone: &str, profile: &str, lines: &str) -> Vec<u8> {
    let plain = String::from_utf8(sdp_of(phone, "sendrecv")).unwrap();
    (plain.replace("RTP/AVP", profile) + lines).into_bytes()
}

/// A rig in which these phones have policies of their own.
fn with(policies: &[(&str, SrtpPolicy)]) -> Rig {
    let mut rig = Rig::new();
    let entries = ["1000", "1001", "1002"].map(|phone| DirectoryEntry {
        srtp: policies.iter().find(|(of, _)| *of == phone).map_or(SrtpPolicy::Off, |(_, policy)| *policy),
        ..directory_entry(phone)
    });
    rig.switch.set_directory(rig.now, Directory::new(entries));
    rig.drain();
    rig
}

fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn a_phone_that_offers_what_its_policy_excludes_hears_488_and_why_and_nobody_rings() {
    for (policy, profile, lines, why) in [
        (SrtpPolicy::Required, "RTP/AVP", "", "399 sip.example \"SRTP is required of this phone\""),
        (SrtpPolicy::Off, "RTP/SAVP", KEY, "399 sip.example \"SRTP is off for this phone\""),
    ] {
        let mut rig = with(&[("1000", policy)]);
        for dialled in ["1001", "0070"] {
            let request = rig.request(Method::Invite, "1000", dialled, described("1000", profile, lines));
            rig.authenticated("1000", request);
            assert_eq!(rig.response("1000", 488).headers.get("Warning"), Some(why));
        }
        assert!(rig.switch.is_idle() && rig.words("1001").is_empty());
    }
}

#[test]
fn a_secured_leg_and_a_plain_one_make_a_call_and_neither_is_told_of_the_other() {
    let mut rig = with(&[("1000", SrtpPolicy::Allowed)]);
    let request = rig.request(Method::Invite, "1000", "1001", described("1000", "RTP/SAVP", KEY));
    rig.authenticated("1000", request);
    let ring = rig.received("1001", Method::Invite);
    let offered = text(&ring.body);
    assert!(offered.contains(" RTP/AVP ") && !offered.contains("crypto"), "{offered}");
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let answered = text(&rig.response("1000", 200).body);
    assert!(answered.contains(" RTP/SAVP ") && answered.contains("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:"));
    assert!(!answered.contains("WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"), "a key of our own");
}

#[test]
fn a_phone_of_which_srtp_is_required_is_offered_nothing_else_and_a_plain_answer_is_let_go() {
    let mut rig = with(&[("1001", SrtpPolicy::Required)]);
    rig.invite("1000", "1001");
    let ring = rig.received("1001", Method::Invite);
    let offered = text(&ring.body);
    assert!(offered.contains(" RTP/SAVP ") && offered.matches("a=crypto:").count() == 3, "{offered}");
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    rig.received("1001", Method::Bye);
    rig.response("1000", 488);
}

#[test]
fn a_re_invite_cannot_make_a_required_leg_plain() {
    let mut rig = with(&[("1000", SrtpPolicy::Required)]);
    let request = rig.request(Method::Invite, "1000", "1001", described("1000", "RTP/SAVP", KEY));
    rig.authenticated("1000", request);
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);
    rig.offer("1000", Method::Invite, &ok, 3, sdp_of("1000", "sendrecv"));
    let refused = rig.response("1000", 488);
    assert!(refused.headers.get("Warning").is_some_and(|warning| warning.contains("SRTP is required")));
    assert_eq!(rig.call().state, CallState::Talking);
}

#[test]
fn a_call_over_tls_is_not_ended_by_whoever_sends_from_the_phones_address_in_the_clear() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let id = rig.switch.legs.iter().find(|(_, leg)| leg.party.is(&number("1000"))).map(|(id, _)| *id).unwrap();
    rig.switch.legs.get_mut(&id).unwrap().flow.transport = Transport::Tls;
    rig.bye("1000", &ok, 3);
    rig.response("1000", 401);
    assert_eq!(rig.call().state, CallState::Talking);
}

/// The `m=` lines of a description.
fn streams(body: &[u8]) -> Vec<String> {
    text(body).lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect()
}

#[test]
fn of_the_same_audio_offered_secured_and_plain_the_first_is_taken_that_the_policy_allows() {
    let plain = "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n".to_owned();
    let secured = format!("m=audio 4002 RTP/SAVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n{KEY}");
    let head = text(&sdp_of("1000", "sendrecv")).split("m=").next().unwrap().to_owned();
    for (policy, first, second, taken) in [
        (SrtpPolicy::Off, &secured, &plain, 1),
        (SrtpPolicy::Allowed, &secured, &plain, 0),
        (SrtpPolicy::Allowed, &plain, &secured, 0),
        (SrtpPolicy::Required, &plain, &secured, 1),
    ] {
        let mut rig = with(&[("1000", policy)]);
        let request = rig.request(Method::Invite, "1000", "1001", format!("{head}{first}{second}").into_bytes());
        rig.authenticated("1000", request);
        let ring = rig.received("1001", Method::Invite);
        rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
        let ok = rig.response("1000", 200);
        rig.ack("1000", &ok);
        let is_refused = |body: &[u8]| streams(body).iter().map(|line| line.contains(" 0 RTP/")).collect::<Vec<_>>();
        let expected = [taken != 0, taken != 1];
        assert_eq!(is_refused(&ok.body), expected, "{policy:?}\n{}", text(&ok.body));
        assert_eq!(text(&ok.body).contains("a=crypto"), [first, second][taken] == &secured);
        // A change that comes from the other side keeps each stream in its place (RFC 3264 §8).
        let mut hold = from_callee(&mut rig, "1001", Method::Invite, &ring, 2);
        hold.set_body("application/sdp", sdp_of("1001", "sendonly"));
        rig.send("1001", &Message::Request(hold));
        let asked = rig.received("1000", Method::Invite);
        assert_eq!(is_refused(&asked.body), expected, "{policy:?}\n{}", text(&asked.body));
    }
}
