//! D2: trunks that bring mobile users.

use super::*;

#[test]
fn d2_a_mobile_trunk_brings_its_users_to_the_prefixed_codes() {
    let mut rig = three();
    rig.trunk_calls(MOBILE, "80070", "+819011112222");
    match rig.events.pop() {
        Some(Event::Dialled { source, trunk, feature, .. }) => {
            assert_eq!((source, trunk.unwrap().as_str()), (number("1002"), "mobile"));
            assert!(feature.mobile && feature.mode == Mode::Monitor && feature.short.is_none());
        }
        Some(_) | None => panic!("nobody came to the desk"),
    }
}

#[test]
fn d2_a_mobile_trunk_reaches_nothing_else() {
    let mut rig = three();
    for (called, caller, code) in [
        ("0070", "09011112222", 404),
        ("0071", "09011112222", 404),
        ("0070*9137*2468", "09011112222", 404),
        ("1000", "09011112222", 404),
        ("0312345678", "09011112222", 404),
        ("0611112222", "09011112222", 404),
        ("80070", "09011112223", 403),
        ("80070", "anonymous", 403),
        ("80070", "1002", 403),
    ] {
        rig.trunk_calls(MOBILE, called, caller);
        rig.response(MOBILE, code);
        assert!(rig.switch.is_idle() && rig.events.is_empty() && rig.inbox.is_empty(), "{called}");
    }
    rig.trunk_calls(MOBILE, "80070*9137*2468", "09011112222");
    rig.response(MOBILE, 403);
    assert!(matches!(rig.events.pop(), Some(Event::Refused { .. })) && rig.switch.is_idle());
    rig.invite("1000", "0611112222");
    rig.received(MAIN, Method::Invite);
    assert!(rig.words(MOBILE).is_empty(), "nor does a call leave by it");
}

#[test]
fn d2_an_extension_that_is_removed_takes_its_mobile_user_from_the_desk() {
    let mut rig = three();
    rig.trunk_calls(MOBILE, "80070", "09011112222");
    let Some(Event::Dialled { leg, .. }) = rig.events.pop() else { panic!("nobody came to the desk") };
    rig.command(Command::Answer { leg });
    let ok = rig.response(MOBILE, 200);
    rig.trunk_acknowledges(MOBILE, &ok);
    rig.switch.set_directory(rig.now, Directory::default());
    rig.drain();
    rig.received(MOBILE, Method::Bye);
    assert!(rig.switch.is_idle());
}
