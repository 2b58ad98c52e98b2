//! Keys by SIP INFO between the parties of a call.

use super::*;
use crate::dtmf;

/// What a phone says by INFO in its call, and the media commands that follow.
fn say(rig: &mut Rig, ok: &Response, cseq: u32, content_type: &str, body: &[u8]) -> Vec<media::Command> {
    let mut info = rig.in_dialog("1000", Method::Info, ok, cseq);
    info.set_body(content_type, body.to_vec());
    rig.media.clear();
    rig.send("1000", &Message::Request(info));
    std::mem::take(&mut rig.media)
}

fn keys(commands: &[media::Command]) -> Vec<(LegId, char)> {
    let key = |command: &media::Command| match command {
        media::Command::Info { leg, digit } => Some((*leg, digit.as_char())),
        media::Command::Open { .. }
        | media::Command::Secure { .. }
        | media::Command::Configure { .. }
        | media::Command::Hear(_)
        | media::Command::Play { .. }
        | media::Command::StopPlaying { .. }
        | media::Command::Listen { .. }
        | media::Command::Close { .. } => None,
    };
    commands.iter().filter_map(key).collect()
}

fn by_info(commands: &[media::Command]) -> bool {
    commands.iter().any(|command| matches!(command, media::Command::Configure { params, .. } if params.info))
}

#[test]
fn a_key_by_info_joins_the_other_keys_and_goes_to_nobody_as_it_came() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let caller = rig.switch.calls.values().next().unwrap().caller;
    let commands = say(&mut rig, &ok, 3, "application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n");
    rig.response("1000", 200);
    assert_eq!(keys(&commands), [(caller, '5')]);
    assert!(!by_info(&commands), "it takes telephone-events");
    assert!(rig.inbox.iter().all(|(to, _)| *to != address("1001")));
}

#[test]
fn what_is_no_key_is_passed_on_as_it_is() {
    let mut rig = Rig::new();
    let (ok, _) = rig.talk();
    let commands = say(&mut rig, &ok, 3, "application/media_control+xml", b"<picture_fast_update/>");
    rig.response("1000", 200);
    assert!(commands.is_empty());
    assert_eq!(rig.received("1001", Method::Info).body, b"<picture_fast_update/>");
}

#[test]
fn a_phone_without_events_that_says_keys_by_info_gets_them_so() {
    let mut rig = Rig::new();
    let plain = String::from_utf8(sdp_of("1000", "sendrecv")).unwrap().replace("8 0 101", "8 0");
    let invite = rig.request(Method::Invite, "1000", "1001", plain.into_bytes());
    rig.authenticated("1000", invite);
    let ring = rig.received("1001", Method::Invite);
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response("1000", 200);
    rig.ack("1000", &ok);
    let caller = rig.switch.calls.values().next().unwrap().caller;
    assert!(by_info(&say(&mut rig, &ok, 3, "application/dtmf", b"#")));
    assert!(!by_info(&say(&mut rig, &ok, 4, "application/dtmf", b"#")), "once is enough");
    rig.switch.media_event(rig.now, media::Event::Key { leg: caller, digit: Digit::STAR });
    rig.drain();
    let told = rig.received("1000", Method::Info);
    assert!(dtmf::parse_info(told.headers.get("Content-Type").unwrap(), &told.body) == Some(Digit::STAR));
}

/// A phone that lists INFO in Allow need not know of keys; one that accepts their bodies does.
#[test]
fn a_phone_without_events_that_accepts_keys_by_info_gets_them_so_before_it_has_said_one() {
    let plain = |phone| String::from_utf8(sdp_of(phone, "sendrecv")).unwrap().replace("8 0 101", "8 0").into_bytes();
    for (row, value, taken) in [
        ("Accept", "application/sdp, application/dtmf-relay", true),
        ("Accept", "application/sdp, application/DTMF-Relay;q=0.5", true),
        ("Accept", "application/sdp", false),
        ("Allow", "INVITE, ACK, BYE, INFO", false),
    ] {
        let mut rig = Rig::new();
        let mut invite = rig.request(Method::Invite, "1000", "1001", plain("1000"));
        invite.headers.push(row, value);
        rig.authenticated("1000", invite);
        let ring = rig.received("1001", Method::Invite);
        rig.media.clear();
        rig.answer_with("1001", &ring, 200, &[(row, value)], plain("1001"));
        let informed = rig.media.iter().filter_map(|command| match command {
            media::Command::Configure { leg, params } => Some((*leg, params.info)),
            _ => None,
        });
        let informed: std::collections::BTreeMap<LegId, bool> = informed.collect();
        assert_eq!(informed.into_values().collect::<Vec<_>>(), [taken; 2], "{row}: {value}");
    }
}
