//! RFC 5407: messages that cross, each case with its section. Phone 1000 calls 1001; both are machines that keep the RFCs,
//! and the switch is the callee of the one and the caller of the other.

use super::{
    world::{Act, Passing, Plan, World},
    *,
};

/// How it stands half a minute later.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Talking,
    OnHold,
    Over,
}

struct Race {
    section: &'static str,
    what: &'static str,
    offers: bool,
    /// Which message is lost or late: the phone, whether the phone sends it, its gist, which of them, and how late it is in
    /// milliseconds, `LOST`, or everything that is lost.
    special: &'static [(&'static str, bool, &'static str, usize, u64)],
    /// Milliseconds after the call.
    caller: &'static [(u64, Act)],
    /// Milliseconds after it rings, which is 40 ms after the call.
    callee: &'static [(u64, Act)],
    end: End,
    /// Whether the caller and the callee were ever in a call.
    up: (usize, usize),
}

const LOST: u64 = u64::MAX;
const FROM: bool = true;
const TO: bool = false;

const RACES: [Race; 18] = [
    Race {
        section: "3.1.1",
        what: "the INVITE comes again after the answer",
        offers: true,
        special: &[
            ("1000", TO, "180 INVITE", 0, LOST),
            ("1000", TO, "100 INVITE", 0, LOST),
            ("1000", TO, "200 INVITE", 0, LOST),
        ],
        caller: &[],
        callee: &[(10, Act::Ring), (150, Act::Answer)],
        end: End::Talking,
        up: (1, 1),
    },
    Race {
        section: "3.1.2",
        what: "CANCEL meets our 200",
        offers: true,
        special: &[("1000", TO, "200 INVITE", 0, 300)],
        caller: &[(1_200, Act::HangUp)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.1.2",
        what: "our CANCEL meets the 200",
        offers: true,
        special: &[("1001", FROM, "200 INVITE", 0, 300)],
        caller: &[(1_200, Act::HangUp)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::Over,
        up: (0, 1),
    },
    Race {
        section: "3.1.3",
        what: "BYE in the early dialog meets our 200",
        offers: true,
        special: &[("1000", TO, "200 INVITE", 0, 300)],
        caller: &[(1_200, Act::Bye)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.1.4",
        what: "re-INVITE overtakes the ACK",
        offers: true,
        special: &[("1000", FROM, "ACK", 1, LOST)],
        caller: &[(1_100, Act::Hold)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::OnHold,
        up: (1, 1),
    },
    Race {
        section: "3.1.5",
        what: "re-INVITE overtakes the ACK that holds the answer",
        offers: false,
        special: &[("1000", FROM, "ACK", 1, LOST)],
        caller: &[(1_100, Act::Hold)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::OnHold,
        up: (1, 1),
    },
    Race {
        section: "3.1.6",
        what: "BYE overtakes the ACK",
        offers: true,
        special: &[("1000", FROM, "ACK", 1, LOST)],
        caller: &[(1_100, Act::HangUp)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.2.1",
        what: "BYE meets BYE",
        offers: true,
        special: &[],
        caller: &[(3_040, Act::HangUp)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer), (3_000, Act::HangUp)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.2.2",
        what: "re-INVITE meets our BYE",
        offers: true,
        special: &[],
        caller: &[(3_045, Act::Hold)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer), (3_000, Act::HangUp)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.2.2",
        what: "our re-INVITE meets BYE",
        offers: true,
        special: &[("1001", FROM, "BYE", 0, 40)],
        caller: &[(3_030, Act::Hold)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer), (3_000, Act::HangUp)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.2.3",
        what: "the 200 for our re-INVITE comes after our BYE",
        offers: true,
        special: &[("1001", FROM, "200 INVITE", 1, 300)],
        caller: &[(3_000, Act::Hold), (3_100, Act::HangUp)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.2.4",
        what: "the callee hangs up before the caller's ACK has come",
        offers: true,
        special: &[("1000", FROM, "ACK", 1, 2_000)],
        caller: &[],
        callee: &[(10, Act::Ring), (1_000, Act::Answer), (1_500, Act::HangUp)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.2.4",
        what: "the callee hangs up before the caller has our 200",
        offers: true,
        special: &[("1000", TO, "200 INVITE", 0, 800)],
        caller: &[],
        callee: &[(10, Act::Ring), (1_000, Act::Answer), (1_300, Act::HangUp)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.2.4",
        what: "our ACK is lost, and the caller hangs up",
        offers: true,
        special: &[("1001", TO, "ACK", 0, LOST)],
        caller: &[(1_200, Act::HangUp)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.3.1",
        what: "re-INVITE meets re-INVITE",
        offers: true,
        special: &[],
        caller: &[(3_040, Act::Hold)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer), (3_000, Act::Hold)],
        end: End::OnHold,
        up: (1, 1),
    },
    Race {
        section: "3.3.2",
        what: "UPDATE meets re-INVITE",
        offers: true,
        special: &[],
        caller: &[(3_040, Act::HoldByUpdate)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer), (3_000, Act::Hold)],
        end: End::OnHold,
        up: (1, 1),
    },
    Race {
        section: "B",
        what: "BYE while a re-INVITE has no answer yet",
        offers: true,
        special: &[("1001", TO, "INVITE", 1, 500)],
        caller: &[(3_000, Act::Hold), (3_100, Act::HangUp)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer)],
        end: End::Over,
        up: (1, 1),
    },
    Race {
        section: "3.3.3",
        what: "REFER meets our BYE",
        offers: true,
        special: &[],
        caller: &[(3_050, Act::Refer)],
        callee: &[(10, Act::Ring), (1_000, Act::Answer), (3_000, Act::HangUp)],
        end: End::Over,
        up: (1, 1),
    },
];

fn plan(acts: &[(u64, Act)]) -> Plan {
    acts.iter().map(|(ms, act)| (Duration::from_millis(*ms), *act)).collect()
}

/// Only the first time that each special message passes is special.
fn network(race: &Race) -> world::Network {
    let (special, mut seen) = (race.special, vec![0; race.special.len()]);
    World::steady(move |passing: &Passing<'_>| {
        let mut fate = None;
        for ((phone, to_switch, gist, nth, late_ms), seen) in special.iter().zip(&mut seen) {
            if (passing.phone, passing.to_switch, passing.gist) == (*phone, *to_switch, *gist) {
                if *seen == *nth {
                    fate = Some(match *late_ms {
                        LOST => vec![],
                        ms => vec![Duration::from_millis(ms)],
                    });
                }
                *seen += 1;
            }
        }
        fate
    })
}

#[test]
fn every_race_ends_as_it_should_and_both_sides_agree() {
    for race in RACES {
        let case = format!("RFC 5407 §{}: {}", race.section, race.what);
        let mut world = World::new(1, network(&race));
        let (caller, callee) = (plan(race.caller), plan(race.callee));
        match race.offers {
            true => world.call("1000", "1001", caller, callee),
            false => world.call_without_offer("1000", "1001", caller, callee),
        }
        world.run_for(Duration::from_secs(30));
        let end = match world.switch.calls().pop().map(|call| call.state) {
            Some(CallState::Talking) => End::Talking,
            Some(CallState::OnHold) => End::OnHold,
            Some(CallState::Ringing) => panic!("{case}: it rings"),
            None => End::Over,
        };
        let log = world.log.join("\n");
        assert_eq!(end, race.end, "{case}\n{log}");
        let ((caller, caller_up), (callee, callee_up)) = (world.calls_of("1000"), world.calls_of("1001"));
        assert_eq!((caller, callee), race.up, "{case}\n{log}");
        let still = usize::from(end != End::Over);
        assert_eq!((caller_up, callee_up), (still, still), "{case}: both sides agree\n{log}");
        if race.section == "3.3.3" {
            assert!(log.contains("1000 < 481 REFER") && !log.contains("1002 <"), "{case}: nobody rings\n{log}");
        }
        let loses = race.special.iter().any(|special| special.4 == LOST);
        assert!(!loses || log.contains("lost"), "{case}: what was to be lost never came\n{log}");
        world.switch.hang_up_everybody(world.now);
        world.run_for(Duration::from_secs(120));
        world.assert_nothing_is_left(&case);
    }
}
