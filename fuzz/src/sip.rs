use sasayaki::sip::{
    Message, Parsed, RAck, ReferTo, Replaces, SessionExpires, StreamFramer,
    digest::{Challenge, Credentials},
    parse_datagram,
};

/// A SIP message: what is read and written down again reads the same; no refusal is nonsense; a stream that is cut anywhere
/// gives what it gives in one piece.
pub fn sip(bytes: &[u8]) {
    match parse_datagram(bytes) {
        Parsed::Message(message) => {
            look_at(&message);
            let written = message.to_bytes();
            let Parsed::Message(again) = parse_datagram(&written) else {
                panic!("what was read is written as nonsense")
            };
            assert!(again.to_bytes() == written, "what is written down reads otherwise");
        }
        Parsed::Reject(response) => {
            assert!(response.code >= 400);
            assert!(matches!(
                parse_datagram(&response.to_bytes()),
                Parsed::Message(Message::Response(_)) | Parsed::Ignore
            ));
        }
        Parsed::KeepAlive | Parsed::Ignore => {}
    }
    let cut = bytes.first().map_or(0, |first| usize::from(*first) % (bytes.len() + 1));
    assert!(frames(&[bytes]) == frames(&[&bytes[..cut], &bytes[cut..]]), "a stream does not depend on how it is cut");
}

/// Every header that somebody reads.
fn look_at(message: &Message) {
    let headers = message.headers();
    if let Message::Request(request) = message {
        let _ = (request.parsed_uri(), request.reply(200, "").to_bytes());
    }
    let _ = (headers.cseq(), headers.via(), headers.contacts(), headers.max_forwards(), headers.expires());
    for address in [headers.from(), headers.to()].into_iter().flatten() {
        let _ = (address.tag(), address.parsed_uri());
    }
    for name in ["P-Asserted-Identity", "P-Called-Party-ID", "Route"] {
        let _ = headers.addresses(name);
    }
    let _ = (ReferTo::of(headers), Replaces::of(headers));
    let _ =
        (headers.get("RAck").map(str::parse::<RAck>), headers.get("Session-Expires").map(str::parse::<SessionExpires>));
    let _ = (headers.get("Authorization").map(str::parse::<Credentials>), Challenge::strongest(headers).is_some());
}

fn frames(pieces: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let (mut framer, mut frames) = (StreamFramer::default(), Vec::new());
    for piece in pieces {
        framer.push(piece);
        while let Some(frame) = framer.next_frame() {
            let broken = frame.is_err();
            frames.push(frame.ok().map(message_of));
            if broken {
                return frames;
            }
        }
    }
    frames
}

fn message_of(frame: sasayaki::sip::Frame) -> Vec<u8> {
    match frame {
        sasayaki::sip::Frame::Message(bytes) => bytes,
        sasayaki::sip::Frame::Ping => Vec::new(),
    }
}
