//! Calls over a network that loses a tenth of all datagrams, repeats some and delays each by up to 300 ms, so that they
//! overtake one another: whatever people do, in the end both sides agree that it is over, and nothing is left.

use super::{
    world::{Act, Plan, World},
    *,
};

/// Calls in one world.
const CALLS: usize = 100;
/// The worlds of the ordinary suite; the long proof has 100, which is 10 000 calls.
const WORLDS: u64 = 3;
const LONG_WORLDS: u64 = 100;

struct Dice(Entropy);

impl Dice {
    fn upto(&mut self, limit: u64) -> u64 {
        (self.0.bits() % u128::from(limit)) as u64
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.upto(100) < chance
    }

    fn between(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + self.upto(to_ms - from_ms))
    }
}

fn dice(seed: u64, of: u8) -> Dice {
    let mut bytes = [of; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Dice(Entropy::from_seed(bytes))
}

fn rough(mut dice: Dice) -> world::Network {
    Box::new(move |_| {
        let copies = match () {
            () if dice.percent(10) => 0,
            () if dice.percent(5) => 2,
            () => 1,
        };
        (0..copies).map(|_| dice.between(1, 300)).collect()
    })
}

/// What happens while they talk; one of the two ends it, and the other one never does.
fn talk(dice: &mut Dice, plan: &mut Plan, ends: bool) {
    let acts = [Act::Hold, Act::Resume, Act::Update, Act::HoldByUpdate];
    for _ in 0..dice.upto(4) {
        let act = acts[dice.upto(4) as usize];
        plan.push((dice.between(500, 20_000), act));
    }
    if ends {
        plan.push((dice.between(10, 40_000), Act::HangUp));
    }
}

fn caller(dice: &mut Dice, ends: bool) -> Plan {
    let mut plan = vec![];
    if dice.percent(20) {
        let act = if dice.percent(50) { Act::HangUp } else { Act::Bye };
        plan.push((dice.between(0, 6_000), act));
    }
    talk(dice, &mut plan, ends);
    plan
}

fn callee(dice: &mut Dice, ends: bool) -> Plan {
    let mut plan = vec![];
    if dice.percent(90) {
        let act = if dice.percent(40) { Act::RingWithMedia } else { Act::Ring };
        plan.push((dice.between(0, 1_000), act));
    }
    if dice.percent(80) {
        let answer = dice.between(100, 8_000);
        plan.push((answer, Act::Answer));
        // While the 200 and the ACK are on their way.
        if ends && dice.percent(30) {
            plan.push((answer + dice.between(0, 600), Act::HangUp));
        }
    }
    if dice.percent(10) {
        plan.push((dice.between(100, 8_000), Act::Refuse(603)));
    }
    talk(dice, &mut plan, ends);
    plan
}

/// How many calls were up, by the callers.
fn live_through(seed: u64) -> usize {
    let (mut people, case) = (dice(seed, 1), format!("seed {seed}"));
    let mut world = World::new(seed as u8, rough(dice(seed, 2)));
    let phones = ["1000", "1001", "1002"];
    for _ in 0..CALLS {
        let from = people.upto(3) as usize;
        let to = (from + 1 + people.upto(2) as usize) % 3;
        // By direction, since a caller that gives up early leaves its callee's plan to its next call.
        let caller_ends = from < to;
        let (caller, callee) = (caller(&mut people, caller_ends), callee(&mut people, !caller_ends));
        world.call(phones[from], phones[to], caller, callee);
        world.run_for(people.between(0, 600));
    }
    world.run_for(Duration::from_secs(300));
    world.assert_nothing_is_left(&case);
    phones.iter().map(|phone| world.calls_of(phone).0).sum()
}

fn live(worlds: u64) {
    let up: usize = (1..=worlds).map(live_through).sum();
    // Both ends are counted. Were hardly any call answered, nothing would be proven.
    assert!(up > worlds as usize * CALLS, "{up} ends of {} calls were up", worlds as usize * CALLS);
}

#[test]
fn over_a_rough_network_all_calls_end_in_agreement_and_leave_nothing_behind() {
    live(WORLDS);
}

#[test]
#[ignore = "ten thousand calls: minutes without optimisation; tests/run --long runs it optimised"]
fn over_a_rough_network_ten_thousand_calls_end_in_agreement_and_leave_nothing_behind() {
    live(LONG_WORLDS);
}

#[test]
fn the_same_seed_is_the_same_world() {
    let log = || {
        let mut world = World::new(7, rough(dice(7, 2)));
        world.call("1000", "1001", caller(&mut dice(7, 1), true), callee(&mut dice(8, 1), false));
        world.run_for(Duration::from_secs(100));
        world.log
    };
    assert_eq!(log(), log());
}
