//! The table of `docs/who-hears-what.md`, measured: every state of a call, in every mode, in every codec, secured or not.

mod room;

use super::{transfer, *};
use crate::sip::sdp;
use room::{AGENT, CONSULTING, CUSTOMER, Kind, Room, SETTLING_TICKS, THIRD};
use std::collections::BTreeSet;

const TABLE: &str = include_str!("../../../../docs/who-hears-what.md");
const NOBODY: &str = "–";
/// Brings a room into a state of the table.
fn bring_about(room: &mut Room, state: &str) {
    match state {
        "talking" => {}
        "held by the agent" => room.hold(AGENT),
        "held by the customer" => room.hold(CUSTOMER),
        "held by both" => {
            room.hold(AGENT);
            room.hold(CUSTOMER);
        }
        "resumed" => {
            for line in [AGENT, CUSTOMER] {
                room.hold(line);
                room.run(SETTLING_TICKS);
                room.resume(line);
            }
        }
        "offered anew" => room.resume(CUSTOMER),
        "codec changed" => {
            room.changes_codec(CUSTOMER);
            room.resume(CUSTOMER);
        }
        "customer's packets lost" => room.is_lost(CUSTOMER),
        "agent's packets lost" => room.is_lost(AGENT),
        "agent sends the customer on: it rings" => room.send_on(AGENT),
        "agent sends the customer on: declined" => {
            room.send_on(AGENT);
            room.run(SETTLING_TICKS);
            let ring = room.rig.received("1003", Method::Invite);
            room.rig.answer("1003", &ring, 603, vec![]);
        }
        "agent sends the customer on: answered" => {
            room.hold(AGENT);
            room.send_on(AGENT);
            room.answer_ring(THIRD);
            room.gone(AGENT);
            room.comes_back(CUSTOMER);
        }
        "agent leaves while it rings: answered" => {
            room.send_on(AGENT);
            room.hangs_up(AGENT);
            room.run(SETTLING_TICKS);
            room.answer_ring(THIRD);
        }
        "customer sends the agent on: it rings" => room.send_on(CUSTOMER),
        "customer sends the agent on: answered" => {
            room.send_on(CUSTOMER);
            room.answer_ring(THIRD);
            room.gone(CUSTOMER);
        }
        "agent consults the third" => {
            room.consult();
        }
        "agent joins customer and third" => {
            let second = room.consult();
            room.refer(
                AGENT,
                &format!("<sip:1003@{DOMAIN}?Replaces={}>", transfer::escaped(&transfer::replaces(&second))),
            );
            room.gone(AGENT);
            room.gone(CONSULTING);
            room.comes_back(CUSTOMER);
        }
        "agent's place taken by its other phone" => {
            let dialog = transfer::replaces(&room.first.as_ref().unwrap().0);
            let body = room.offer(THIRD, sdp::Direction::SendRecv);
            let mut request = room.rig.request(Method::Invite, "1000", "1001", body);
            request.headers.push("Replaces", dialog);
            room.rig.authenticated("1000", request);
            let taken = room.rig.response("1000", 200);
            room.told(THIRD, &taken.body, sdp::Direction::SendRecv);
            room.gone(AGENT);
        }
        "customer's phone vanished" => room.vanish(CUSTOMER),
        "agent's phone vanished" => room.vanish(AGENT),
        "customer hangs up" => {
            room.hangs_up(CUSTOMER);
            room.gone(AGENT);
        }
        other => panic!("nobody knows how to bring about `{other}`"),
    }
}

/// State, and its cells.
fn rows() -> Vec<(&'static str, Vec<BTreeSet<&'static str>>)> {
    let table = TABLE.split_once("<!-- states -->").unwrap().1.split_once("<!-- /states -->").unwrap().0;
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let names = |cell: &&'static str| cell.split(", ").filter(|name| *name != NOBODY).collect();
    rows.map(cells).map(|cells| (cells[0], cells[1..].iter().map(names).collect())).collect()
}

fn assert_cell(state: &'static str, cells: &[BTreeSet<&'static str>], mode: Mode, kinds: [Kind; 3]) {
    let mut room = Room::new(kinds, mode);
    room.run(SETTLING_TICKS);
    bring_about(&mut room, state);
    let heard = room.listen();
    let column = 4 + Mode::ALL.iter().position(|other| *other == mode).unwrap();
    for (name, hears) in ["agent", "customer", "third", "supervisor"].into_iter().zip(&cells[..4]) {
        let mut expected = hears.clone();
        if cells[column].contains(name) {
            expected.insert("supervisor");
        }
        assert_eq!(heard[name], expected, "{state}, {mode}, {kinds:?}: what the {name} hears");
    }
}

/// Every triple of codecs, for the agent, the customer and the supervisor, and for each of them SRTP or not.
fn every_kind() -> Vec<[Kind; 3]> {
    let kinds: Vec<Kind> =
        Codec::ALL.into_iter().flat_map(|codec| [false, true].map(|secured| Kind { codec, secured })).collect();
    let triples = kinds.iter().flat_map(|agent| {
        let pairs = kinds.iter().flat_map(|customer| kinds.iter().map(|supervisor| [*customer, *supervisor]));
        pairs.map(|[customer, supervisor]| [*agent, customer, supervisor])
    });
    triples.collect()
}

/// One shuffle, dealt out to the cells in turn.
#[test]
fn the_table_of_the_manual_is_what_every_party_hears_in_every_state_and_mode() {
    const EACH: usize = 4;
    let rows = rows();
    assert!(rows.len() > 20 && rows.iter().all(|(_, cells)| cells.len() == 7));
    let (mut kinds, mut entropy) = (every_kind(), Entropy::from_seed([8; 32]));
    for last in (1..kinds.len()).rev() {
        kinds.swap(last, entropy.bits() as usize % (last + 1));
    }
    let mut deal = kinds.into_iter().cycle();
    for (state, cells) in &rows {
        for mode in Mode::ALL.iter().copied() {
            deal.by_ref().take(EACH).for_each(|kinds| assert_cell(state, cells, mode, kinds));
        }
    }
}

#[test]
#[ignore = "minutes: run by tests/run --long"]
fn the_table_holds_in_every_triple_of_codecs_secured_or_not() {
    for (state, cells) in &rows() {
        for (mode, kinds) in Mode::ALL.iter().copied().flat_map(|mode| every_kind().into_iter().map(move |k| (mode, k)))
        {
            assert_cell(state, cells, mode, kinds);
        }
    }
}

#[test]
fn two_supervisors_on_opposite_ends_each_whisper_to_their_own_end() {
    for secured in [false, true] {
        let kind = |codec, secured| Kind { codec, secured };
        let kinds = [kind(Codec::Pcmu, secured), kind(Codec::G722, !secured), kind(Codec::Opus, secured)];
        let mut room = Room::new(kinds, Mode::Whisper);
        room.supervise(THIRD, 9, Side::Callee, Mode::Whisper);
        let heard = room.listen();
        assert_eq!(heard["agent"], BTreeSet::from(["customer", "supervisor"]));
        assert_eq!(heard["customer"], BTreeSet::from(["agent", "third"]));
        for supervisor in ["supervisor", "third"] {
            assert_eq!(heard[supervisor], BTreeSet::from(["agent", "customer"]));
        }
    }
}

/// `[rtp] inactivity_timeout_ms`; on hold nobody needs to say anything.
#[test]
fn a_call_in_which_a_party_sends_nothing_for_as_long_as_is_borne_is_over_and_one_on_hold_is_not() {
    const BORNE_TICKS: u32 = 250;
    for (state, ends) in [
        ("talking", false),
        ("held by the agent", false),
        ("held by the customer", false),
        ("customer's packets lost", true),
        ("agent's packets lost", true),
    ] {
        let kinds = [Codec::Pcmu, Codec::Opus, Codec::G722].map(|codec| Kind { codec, secured: true });
        let mut room = Room::with_patience(kinds, Mode::Whisper, Some(Duration::from_secs(5)));
        room.run(SETTLING_TICKS);
        bring_about(&mut room, state);
        if state.starts_with("held") {
            room.is_lost(AGENT);
            room.is_lost(CUSTOMER);
        }
        room.run(BORNE_TICKS - 5);
        assert_eq!(room.rig.switch.calls().len(), 1, "{state}");
        room.run(10);
        assert_eq!(room.rig.switch.calls().is_empty(), ends, "{state}");
        if ends {
            assert!(room.rig.events.iter().any(|event| matches!(event, Event::CallEnded { .. })), "{state}");
            ["1000", "1001"].into_iter().for_each(|phone| drop(room.rig.received(phone, Method::Bye)));
            assert_eq!(
                room.rig.records.last().unwrap().end.map(|end| end.cause),
                Some(CallEnding::PhoneLost),
                "{state}"
            );
        }
    }
}
