//! Two parsers, one reading: on well-formed messages ours and rsip's find the same.

use proptest::prelude::*;
use rsip::{headers::ToTypedHeader, headers::UntypedHeader, message::HeadersExt};
use sasayaki::sip::{Message, Parsed, parse_datagram};

prop_compose! {
    fn request()(
        method in prop::sample::select(vec!["INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "NOTIFY"]),
        user in "[a-z0-9]{1,10}",
        host in "[a-z][a-z0-9]{0,8}(\\.[a-z]{2,4})?",
        port in prop::option::of(1024u16..),
        display in prop::option::of("[A-Za-z]{1,10}"),
        tags in ("[a-z0-9]{4,12}", prop::option::of("[a-z0-9]{4,12}")),
        branch in "[a-z0-9]{6,20}",
        call_id in "[a-z0-9]{4,20}@[a-z0-9]{1,10}",
        number in 1u32..1_000_000,
        hops in 0u8..=70,
        body in "[ -~]{0,60}",
    ) -> String {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let display = display.map(|display| format!("\"{display}\" ")).unwrap_or_default();
        let to_tag = tags.1.map(|tag| format!(";tag={tag}")).unwrap_or_default();
        format!(
            "{method} sip:{user}@{host}{port} SIP/2.0\r\n\
            Via: SIP/2.0/UDP {host}{port};branch=z9hG4bK{branch}\r\n\
            Max-Forwards: {hops}\r\n\
            From: {display}<sip:{user}@{host}>;tag={}\r\n\
            To: <sip:{user}@{host}{port}>{to_tag}\r\n\
            Call-ID: {call_id}\r\n\
            CSeq: {number} {method}\r\n\
            Content-Length: {}\r\n\r\n{body}",
            tags.0,
            body.len(),
        )
    }
}

proptest! {
    #[test]
    fn ours_and_rsip_read_the_same_in_a_well_formed_request(text in request()) {
        let Parsed::Message(Message::Request(ours)) = parse_datagram(text.as_bytes()) else {
            panic!("refused: {text}")
        };
        let theirs = rsip::Request::try_from(text.as_bytes()).unwrap();
        let headers = &ours.headers;

        prop_assert_eq!(ours.method.as_str(), theirs.method.to_string());
        prop_assert_eq!(&ours.uri, &theirs.uri.to_string());
        prop_assert_eq!(ours.parsed_uri().unwrap().user, theirs.uri.user().map(str::to_string));
        prop_assert_eq!(ours.parsed_uri().unwrap().port, theirs.uri.port().map(|port| *port.value()));
        prop_assert_eq!(headers.call_id(), theirs.call_id_header().unwrap().value());
        prop_assert_eq!(u32::from(headers.max_forwards().unwrap().unwrap()), theirs.max_forwards_header().unwrap().num().unwrap());

        let cseq = theirs.cseq_header().unwrap().typed().unwrap();
        prop_assert_eq!(headers.cseq().unwrap().number, cseq.seq);
        let our_from = headers.from().unwrap();
        let from = theirs.from_header().unwrap().typed().unwrap();
        prop_assert_eq!(our_from.tag(), from.tag().map(|tag| tag.value()));
        prop_assert_eq!(our_from.uri, from.uri.to_string());
        prop_assert_eq!(our_from.display, from.display_name.map(|name| name.trim_matches('"').to_string()));
        let our_to = headers.to().unwrap();
        let to = theirs.to_header().unwrap().typed().unwrap();
        prop_assert_eq!(our_to.tag(), to.tag().map(|tag| tag.value()));
        let our_via = headers.via().unwrap();
        let via = theirs.via_header().unwrap().typed().unwrap();
        prop_assert_eq!(our_via.branch(), via.branch().map(|branch| branch.value()));
        prop_assert_eq!(&ours.body, &theirs.body);
    }
}
