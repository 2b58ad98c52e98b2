//! Registration and keep-alive.

use super::*;

#[test]
fn a_registration_is_made_with_the_account_and_renewed_before_it_ends() {
    let mut rig = rig(vec![with_account(true)]);
    rig.pong(MAIN);
    let register = rig.received(MAIN, Method::Register);
    assert_eq!(register.uri, "sip:carrier.example");
    assert_eq!(register.headers.to().unwrap().uri, "sip:account@carrier.example");
    assert_eq!(register.headers.contact().unwrap().uri, "sip:main@192.0.2.1:5060;transport=udp");
    rig.send(MAIN, &challenge(&register, 401, "one"));
    let signed = rig.received(MAIN, Method::Register);
    assert!(answered_nonce(&signed, Asker::Server).is_some());
    assert_eq!(signed.headers.call_id(), register.headers.call_id());
    let mut ok = signed.reply(200, "");
    ok.headers.push("Contact", "<sip:other@192.0.2.77>;expires=9, <sip:main@192.0.2.1:5060;transport=udp>;expires=100");
    rig.send(MAIN, &Message::Response(ok));
    assert_eq!(rig.switch.trunks()[0].registered, Some(true));

    rig.after(Duration::from_secs(79));
    assert!(!rig.words(MAIN).contains(&"REGISTER".to_owned()));
    rig.after(Duration::from_secs(1));
    let renewal = rig.received(MAIN, Method::Register);
    assert!(answered_nonce(&renewal, Asker::Server).is_some(), "the nonce serves again");
    assert!(renewal.headers.cseq().unwrap().number > signed.headers.cseq().unwrap().number);
    rig.after(Duration::from_secs(21));
    assert_eq!(rig.switch.trunks()[0].registered, Some(false), "nobody renewed it");
}

#[test]
fn a_refused_registration_is_told_and_not_hammered() {
    let mut rig = rig(vec![with_account(true)]);
    let register = rig.received(MAIN, Method::Register);
    rig.reply(MAIN, &register, 403);
    assert_eq!(rig.switch.trunks()[0].registered, Some(false));
    assert_eq!(rig.trouble("main"), Some(Trouble::AccountRefused));
    for _ in 0..29 {
        rig.after(Duration::from_secs(10));
        assert!(!rig.words(MAIN).contains(&"REGISTER".to_owned()));
    }
    rig.after(Duration::from_secs(10));
    rig.received(MAIN, Method::Register);
}

#[test]
fn a_registrar_that_wants_longer_gets_it() {
    let mut rig = rig(vec![with_account(true)]);
    let register = rig.received(MAIN, Method::Register);
    let mut brief = register.reply(423, "");
    brief.headers.push("Min-Expires", "7200");
    rig.send(MAIN, &Message::Response(brief));
    rig.after(Duration::ZERO);
    assert_eq!(rig.received(MAIN, Method::Register).headers.get("Expires"), Some("7200"));
}

#[test]
fn a_trunk_that_is_as_it_was_keeps_its_registration() {
    let mut rig = rig(vec![with_account(true)]);
    let register = rig.received(MAIN, Method::Register);
    rig.reply(MAIN, &register, 200);
    rig.inbox.clear();
    rig.switch.set_trunks(rig.now, vec![with_account(true)]);
    rig.drain();
    assert!(rig.inbox.is_empty() && rig.switch.trunks()[0].registered == Some(true));
    let mut moved = with_account(true);
    moved.password = Some(Secret::new("another"));
    rig.switch.set_trunks(rig.now, vec![moved]);
    rig.drain();
    rig.received(MAIN, Method::Register);
    rig.switch.set_trunks(rig.now, vec![]);
    assert!(rig.switch.trunks().is_empty());
}
