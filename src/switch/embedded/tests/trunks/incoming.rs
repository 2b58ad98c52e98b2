//! Calls in, for whom the rules name.

use super::*;

#[test]
fn a_trunk_brings_a_call_to_whom_its_rules_name() {
    let mut rig = three();
    let invite = rig.trunk_calls(MAIN, "+81312345678", "+81901234567");
    let ring = rig.received("1001", Method::Invite);
    assert_eq!(ring.headers.from().unwrap().uri, "sip:0901234567@sip.example", "as one would call back");
    rig.answer("1001", &ring, 200, sdp_of("1001", "sendrecv"));
    let ok = rig.response(MAIN, 200);
    assert_eq!(ok.headers.call_id(), invite.headers.call_id());
    rig.trunk_acknowledges(MAIN, &ok);
    assert_eq!((rig.call().status(), rig.call().caller.to_string()), (CallStatus::Inbound, "0901234567".to_owned()));

    // It is held and ended like any call.
    rig.bye(MAIN, &ok, 3);
    rig.received("1001", Method::Bye);
    assert!(rig.switch.is_idle());
}

#[test]
fn a_number_that_is_withheld_is_not_shown_though_the_trunk_tells_it() {
    let mut rig = three();
    let mut request = rig.request(Method::Invite, MAIN, "0312345678", sdp_of(MAIN, "sendrecv"));
    request.headers.set("From", "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a");
    request.headers.push("P-Asserted-Identity", "<sip:+81901234567@carrier.example>");
    request.headers.push("Privacy", "id");
    rig.send(MAIN, &Message::Request(request));
    let ring = rig.received("1001", Method::Invite);
    assert_eq!(ring.headers.from().unwrap().uri, "sip:anonymous@anonymous.invalid");
    assert_eq!(rig.call().caller.to_string(), "anonymous");
}

#[test]
fn what_is_called_at_our_registered_contact_stands_in_to() {
    let mut rig = rig(vec![with_account(true)]);
    let mut request = rig.request(Method::Invite, MAIN, "main", sdp_of(MAIN, "sendrecv"));
    request.headers.set("To", "<sip:0312345678@carrier.example>");
    rig.send(MAIN, &Message::Request(request));
    rig.received("1001", Method::Invite);
}

#[test]
fn a6_beyond_the_limit_a_call_is_refused_with_the_reason_and_a_supervisor_is_not() {
    let mut rig = three();
    rig.switch.config.max_concurrent = 1;
    rig.talk();
    rig.trunk_calls(MAIN, "0312345678", "0901234567");
    let refused = rig.response(MAIN, 503);
    assert_eq!(refused.headers.get("Warning"), Some(r#"399 sip.example "as many calls as are allowed are going on""#));
    let (leg, _) = rig.guest("0070");
    rig.attach(leg, Mode::Monitor);
    assert_eq!(rig.call().listeners, 1);
}

#[test]
fn a_record_names_the_trunk_that_took_the_call_and_whoever_called_in() {
    let mut rig = three();
    rig.invite("1000", "0399998888");
    let first = rig.received(MAIN, Method::Invite);
    rig.reply(MAIN, &first, 503);
    let second = rig.received(SPARE, Method::Invite);
    rig.answer(SPARE, &second, 200, sdp_of(SPARE, "sendrecv"));
    let outside =
        |trunk: &str, number: &str| Party::Outside { trunk: trunk.parse().unwrap(), number: number.parse().ok() };
    let record = rig.records.last().unwrap();
    assert_eq!((&record.caller, &record.callee), (&number("1000").into(), &outside("spare", "0399998888")));
    assert!(record.answered_at_ms.is_some());
    rig.trunk_calls(SPARE, "0612345678", "09077776666");
    let record = rig.records.last().unwrap();
    assert_eq!((&record.caller, &record.callee), (&outside("spare", "09077776666"), &number("1001").into()));
}
