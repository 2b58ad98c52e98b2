use super::*;
use crate::access::password;
use proptest::prelude::*;

const START: u64 = 1_700_000_000_000;
const YEAR_MS: u64 = 365 * DAY_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

fn failing_at(minutes: &[u64]) -> Budget {
    minutes.iter().fold(Budget::default(), |budget, minute| POLICY.after_failure(&budget, START + minute * MINUTE_MS))
}

fn judged(budget: &Budget, minutes: u64) -> Verdict {
    POLICY.judge(budget, START + minutes * MINUTE_MS)
}

fn locked_until(minutes: u64) -> Verdict {
    Verdict::Locked { until_ms: START + minutes * MINUTE_MS }
}

#[test]
fn the_fifth_failure_locks_for_fifteen_minutes_and_each_further_one_for_twice_as_long() {
    assert_eq!(judged(&failing_at(&[0, 1, 2, 3]), 3), Verdict::Open);
    let five = failing_at(&[0, 1, 2, 3, 14]);
    assert_eq!(
        (judged(&five, 14), judged(&five, 28), judged(&five, 29)),
        (locked_until(29), locked_until(29), Verdict::Open)
    );
    assert_eq!(judged(&failing_at(&[0, 1, 2, 3, 14, 29]), 29), locked_until(29 + 30));
    assert_eq!(judged(&failing_at(&[0, 1, 2, 3, 14, 29, 59]), 59), locked_until(59 + 60));
}

#[test]
fn no_lock_is_longer_than_a_week() {
    let mut budget = Budget::default();
    for failure in 1..40u64 {
        let now_ms = START + failure * POLICY.longest_lock_ms;
        budget = POLICY.after_failure(&budget, now_ms);
        assert!(budget.locked_until_ms.is_none_or(|until_ms| until_ms - now_ms <= POLICY.longest_lock_ms));
    }
    assert_eq!(POLICY.failures_to_longest_lock(), 15);
}

#[test]
fn an_attempt_while_locked_changes_nothing_be_it_wrong_or_right() {
    let locked = failing_at(&[0, 0, 0, 0, 0]);
    assert_eq!(failing_at(&[0, 0, 0, 0, 0, 5, 10, 14]), locked);
    let grace = Grace::default();
    assert_eq!(POLICY.after_success(&locked, grace, START + MINUTE_MS), (locked, grace));
}

#[test]
fn a_right_password_forgives_a_bad_day_and_then_one_failure_a_day() {
    let (budget, grace) = POLICY.after_success(&failing_at(&[0, 1, 2, 3]), Grace::default(), START);
    assert_eq!((budget.failures, POLICY.forgivable(grace, START)), (0, 0));
    let next_day = START + DAY_MS;
    let again = [0, 1, 2].iter().fold(budget, |budget, minute| POLICY.after_failure(&budget, next_day + minute));
    let (budget, grace) = POLICY.after_success(&again, grace, next_day + HOUR_MS);
    assert_eq!((budget.failures, POLICY.forgivable(grace, next_day + HOUR_MS)), (2, 0));
    assert_eq!(POLICY.forgivable(grace, START + 30 * DAY_MS), POLICY.most_forgiven);
}

#[test]
fn after_a_lock_the_next_right_password_leaves_room_for_mistakes() {
    let (budget, _) = POLICY.after_success(&failing_at(&[0, 0, 0, 0, 0]), Grace::default(), START + 15 * MINUTE_MS);
    assert_eq!((budget.failures, budget.locked_until_ms), (1, None));
}

#[test]
fn failures_fade_one_a_fortnight() {
    let budget = failing_at(&[0, 0, 0, 0]);
    let after = |days: u64| POLICY.after_failure(&budget, START + days * DAY_MS).failures;
    assert_eq!((after(13), after(14), after(28), after(365)), (5, 4, 3, 1));
}

#[test]
fn the_sources_that_signed_in_last_are_known_and_all_others_are_strangers() {
    let known = ["201", "202", "203", "204", "205"].map(str::to_owned);
    let holders: Vec<_> = ["201", "204", "205", "206"].map(|source| holder(source, &known)).into();
    assert_eq!(holders, ["201", "204", STRANGERS, STRANGERS]);
}

/// One dial-operation ID under attack for a year.
struct Siege {
    /// By phone, for those that are known; then the one that all strangers share.
    budgets: Vec<Budget>,
    grace: Grace,
    guesses: u64,
    /// Never so often that it locks: the owner's next sign-in may forgive some.
    careful: bool,
}

impl Siege {
    /// Guesses from `phones`, of which so many are known, whenever they may. `helped_every_ms`: the owner signs in as often
    /// on every phone, and the attackers take care not to be in the way.
    fn of_a_year(phones: usize, known: usize, helped_every_ms: Option<u64>) -> u64 {
        let shared = usize::from(phones > known);
        let mut siege = Self {
            budgets: vec![Budget::default(); known + shared],
            grace: Grace::default(),
            guesses: 0,
            careful: helped_every_ms.is_some(),
        };
        for now_ms in (START..START + YEAR_MS).step_by(usize::try_from(15 * MINUTE_MS).unwrap()) {
            siege.guess(phones, now_ms);
            if helped_every_ms.is_some_and(|every_ms| (now_ms - START).is_multiple_of(every_ms)) {
                siege.help(now_ms);
            }
        }
        siege.guesses
    }

    fn guess(&mut self, phones: usize, now_ms: u64) {
        for phone in 0..phones {
            let last = self.budgets.len() - 1;
            let budget = &mut self.budgets[phone.min(last)];
            let after = POLICY.after_failure(budget, now_ms);
            if POLICY.judge(budget, now_ms) == Verdict::Open && !(self.careful && after.locked_until_ms.is_some()) {
                self.guesses += 1;
                *budget = after;
            }
        }
    }

    fn help(&mut self, now_ms: u64) {
        for budget in &mut self.budgets {
            (*budget, self.grace) = POLICY.after_success(budget, self.grace, now_ms);
        }
    }
}

/// The owner signs in every day, at one of so many phones after the other, and somebody guesses at each of them whenever it is
/// known and open; never from elsewhere, so that the owner is let in everywhere.
fn rounds_of_a_year(phones: usize) -> u64 {
    let (mut budgets, mut known, mut guesses) = (vec![Budget::default(); phones], Vec::new(), 0);
    for (step, now_ms) in (START..START + YEAR_MS).step_by(15 * MINUTE_MS as usize).enumerate() {
        if step % 96 == 0 {
            let here = step / 96 % phones;
            known.retain(|phone| *phone != here);
            known.insert(0, here);
            known.truncate(MAX_KNOWN);
        }
        for phone in &known {
            let budget = &mut budgets[*phone];
            guesses += u64::from(POLICY.judge(budget, now_ms) == Verdict::Open);
            *budget = POLICY.after_failure(budget, now_ms);
        }
    }
    guesses
}

/// No strategy guesses more often from one budget in a year. Each guess either ends below the longest lock, and then raises
/// a number that only fading lowers, or is followed by the longest lock.
fn most_guesses_of_a_budget() -> u64 {
    let below = u64::from(POLICY.failures_to_longest_lock()) + YEAR_MS.div_ceil(POLICY.fades_after_ms);
    below + YEAR_MS.div_ceil(POLICY.longest_lock_ms)
}

/// Nor from all phones together, though the owner signs in between any two guesses.
fn most_guesses_of_all() -> u64 {
    let forgiven = YEAR_MS / POLICY.forgives_after_ms + u64::from(POLICY.most_forgiven);
    (MAX_KNOWN as u64 + 1) * most_guesses_of_a_budget() + forgiven
}

/// In millionths, of a password of six digits that is not weak.
fn chance_ppm(guesses: u64) -> u64 {
    let usable = (0..1_000_000u32).filter(|digits| password::judge(&format!("{digits:06}"), "").is_ok()).count() as u64;
    (guesses * 1_000_000).div_ceil(usable)
}

#[test]
fn x2_a_year_of_guessing_finds_six_digits_with_a_chance_below_one_in_a_thousand() {
    let sieges = [
        ("one phone, a stranger", Siege::of_a_year(1, 0, None)),
        ("one phone, the owner's", Siege::of_a_year(1, 1, None)),
        ("100 phones, all strangers", Siege::of_a_year(100, 0, None)),
        ("100 phones, the owner's four among them", Siege::of_a_year(100, MAX_KNOWN, None)),
        ("one phone, where the owner signs in every hour", Siege::of_a_year(1, 1, Some(HOUR_MS))),
        ("100 phones, where the owner signs in every hour", Siege::of_a_year(100, MAX_KNOWN, Some(HOUR_MS))),
    ];
    let mut told: Vec<String> = sieges.iter().map(|(who, guesses)| format!("{guesses:3} {who}")).collect();
    told.push(format!("{:3} at most, of one budget", most_guesses_of_a_budget()));
    told.push(format!(
        "{:3} at most, of all: {} in a million",
        most_guesses_of_all(),
        chance_ppm(most_guesses_of_all())
    ));
    for phones in [4, 5, 10, 20] {
        let guesses = rounds_of_a_year(phones);
        assert!(guesses <= phones as u64 * most_guesses_of_a_budget());
        told.push(format!("{guesses:3} {phones} phones at which the owner signs in by turns"));
    }
    insta::assert_snapshot!(told.join("\n"), @r"
     65 one phone, a stranger
     65 one phone, the owner's
     65 100 phones, all strangers
    325 100 phones, the owner's four among them
    398 one phone, where the owner signs in every hour
    518 100 phones, where the owner signs in every hour
     95 at most, of one budget
    844 at most, of all: 848 in a million
    260 4 phones at which the owner signs in by turns
    308 5 phones at which the owner signs in by turns
    485 10 phones at which the owner signs in by turns
    765 20 phones at which the owner signs in by turns
    ");
    assert!(sieges.iter().all(|(_, guesses)| *guesses <= most_guesses_of_all()));
    assert!(chance_ppm(most_guesses_of_all()) < 1000);
}

proptest! {
    #[test]
    fn no_pacing_of_the_guesses_beats_the_bound(steps in prop::collection::vec(1..20 * DAY_MS, 1..400), fast in 1..HOUR_MS) {
        let (mut budget, mut now_ms, mut guesses) = (Budget::default(), START, 0);
        for step in steps {
            now_ms += if step % 3 == 0 { step } else { step % fast };
            if now_ms >= START + YEAR_MS {
                break;
            }
            guesses += u64::from(POLICY.judge(&budget, now_ms) == Verdict::Open);
            budget = POLICY.after_failure(&budget, now_ms);
        }
        prop_assert!(guesses <= most_guesses_of_a_budget());
    }

    #[test]
    fn every_value_has_a_verdict(failures in any::<u32>(), fades_from_ms in any::<u64>(), locked_until_ms in any::<Option<u64>>(),
                                 since_ms in any::<u64>(), now_ms in any::<u64>()) {
        let budget = Budget { failures, fades_from_ms, locked_until_ms };
        let after = POLICY.after_failure(&budget, now_ms);
        let (after, grace) = POLICY.after_success(&after, Grace { since_ms }, now_ms);
        prop_assert!(POLICY.forgivable(grace, now_ms) <= POLICY.most_forgiven);
        prop_assert!(after.failures <= failures.saturating_add(1));
    }
}
