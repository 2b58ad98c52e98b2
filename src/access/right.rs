//! The right to listen (D11, X5): editing, or more, on the phone terminal, in this mode, at this hour.

use super::{
    Check, first_refusal,
    hours::{Hours, MinuteOfWeek},
};
use crate::model::{Level, Mode, ModeSet, Refusal};

/// One rule of an account about a resource. A denial wins over every grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    Deny,
    Allow(Grant),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub level: Level,
    pub modes: ModeSet,
    /// `None`: at all hours.
    pub hours: Option<Hours>,
}

/// A phone terminal as the account sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub protected: bool,
    /// The rules of this account about this terminal.
    pub rules: Vec<Rule>,
}

/// May the account, in `mode` and at `at`, listen at `target`, whose call's other end is `far` (`None`: a stranger outside)?
pub fn judge(target: &Terminal, far: Option<&Terminal>, mode: Mode, at: MinuteOfWeek) -> Result<(), Refusal> {
    first_refusal(&checks(target, far, mode, at))
}

/// Whether anybody may listen in this mode at all (X1): barging is a matter of the house, whatever the rights say.
pub fn mode_is_on(mode: Mode, barge: bool) -> Check {
    Check::refuse_if("mode-switched-on", mode == Mode::Barge && !barge, Refusal::BargeOff)
}

/// The same, every question in its order.
pub fn checks(target: &Terminal, far: Option<&Terminal>, mode: Mode, at: MinuteOfWeek) -> Vec<Check> {
    let mut checks = target_checks(target, mode, at);
    checks.extend(far_checks(far));
    checks
}

/// What is asked about the target alone.
pub fn target_checks(target: &Terminal, mode: Mode, at: MinuteOfWeek) -> Vec<Check> {
    let mut checks = vec![Check::refuse_if("target-protected", target.protected, Refusal::Protected)];
    checks.extend(rule_checks(&target.rules, mode, at));
    checks
}

/// What is asked about the other end of the call, which needs no right.
pub fn far_checks(far: Option<&Terminal>) -> [Check; 2] {
    let denied = far.is_some_and(|far| denied(&far.rules));
    [
        Check::refuse_if("far-end-protected", far.is_some_and(|far| far.protected), Refusal::Protected),
        Check::refuse_if("far-end-denied", denied, Refusal::Denied),
    ]
}

impl Terminal {
    /// The same at a screen (F2): there the rights on the call centres of whoever sits at it count, and one on any of them
    /// suffices. Of the rules about the terminal itself a denial stands.
    pub fn of_agent(self, centers: &[CallCenter]) -> Self {
        let denials = self.rules.into_iter().filter(|rule| *rule == Rule::Deny);
        let rules = denials.chain(centers.iter().flat_map(|center| center.rules.iter().cloned())).collect();
        Self { rules, ..self }
    }
}

/// A call centre as an account sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCenter {
    pub name: String,
    /// The rules of this account about this call centre.
    pub rules: Vec<Rule>,
}

impl CallCenter {
    /// 参照: whoever may see it sees its agents and what they are doing.
    pub fn may_be_seen(&self) -> bool {
        !denied(&self.rules) && !self.rules.is_empty()
    }
}

/// What rules alone say, without the protection of a terminal.
fn rule_checks(rules: &[Rule], mode: Mode, at: MinuteOfWeek) -> [Check; 4] {
    let edits = |grant: &&Grant| grant.level >= Level::Edit;
    let in_mode = |grant: &&Grant| edits(grant) && grant.modes.contains(mode);
    let in_hours = |grant: &&Grant| in_mode(grant) && grant.hours.as_ref().is_none_or(|hours| hours.contains(at));
    let none = |wanted: &dyn Fn(&&Grant) -> bool| !grants(rules).any(|grant| wanted(&grant));
    [
        Check::refuse_if("target-denied", denied(rules), Refusal::Denied),
        Check::refuse_if("right", none(&edits), Refusal::NoRight),
        Check::refuse_if("mode", none(&in_mode), Refusal::ModeNotGranted),
        Check::refuse_if("hours", none(&in_hours), Refusal::OutsideHours),
    ]
}

fn grants(rules: &[Rule]) -> impl Iterator<Item = &Grant> {
    rules.iter().filter_map(|rule| match rule {
        Rule::Deny => None,
        Rule::Allow(grant) => Some(grant),
    })
}

fn denied(rules: &[Rule]) -> bool {
    rules.contains(&Rule::Deny)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MONDAY_NOON: MinuteOfWeek = MinuteOfWeek::new(0, 12, 0);

    fn allow(level: Level, modes: ModeSet, hours: Option<&str>) -> Rule {
        Rule::Allow(Grant { level, modes, hours: hours.map(|text| text.parse().unwrap()) })
    }

    fn open(rules: Vec<Rule>) -> Terminal {
        Terminal { protected: false, rules }
    }

    fn edit() -> Rule {
        allow(Level::Edit, ModeSet::USUAL, None)
    }

    fn judged(target: &Terminal, mode: Mode) -> Result<(), Refusal> {
        judge(target, None, mode, MONDAY_NOON)
    }

    #[test]
    fn editing_or_managing_suffices_viewing_and_nothing_do_not() {
        assert_eq!(judged(&open(vec![edit()]), Mode::Monitor), Ok(()));
        assert_eq!(judged(&open(vec![allow(Level::Manage, ModeSet::USUAL, None)]), Mode::Whisper), Ok(()));
        assert_eq!(judged(&open(vec![allow(Level::View, ModeSet::USUAL, None)]), Mode::Monitor), Err(Refusal::NoRight));
        assert_eq!(judged(&open(vec![]), Mode::Monitor), Err(Refusal::NoRight));
    }

    #[test]
    fn a_mode_that_was_not_granted_is_refused() {
        assert_eq!(judged(&open(vec![edit()]), Mode::Barge), Err(Refusal::ModeNotGranted));
        let listen_only = allow(Level::Edit, ModeSet::NONE.with(Mode::Monitor), None);
        assert_eq!(judged(&open(vec![listen_only]), Mode::Whisper), Err(Refusal::ModeNotGranted));
    }

    #[test]
    fn a_right_holds_in_its_hours_only() {
        let office = open(vec![allow(Level::Edit, ModeSet::USUAL, Some("Mon-Fri 09:00-18:00"))]);
        assert_eq!(judged(&office, Mode::Monitor), Ok(()));
        let sunday = MinuteOfWeek::new(6, 12, 0);
        assert_eq!(judge(&office, None, Mode::Monitor, sunday), Err(Refusal::OutsideHours));
    }

    #[test]
    fn two_halves_of_two_grants_do_not_make_a_whole() {
        let rules = vec![allow(Level::View, ModeSet::USUAL, None), allow(Level::Edit, ModeSet::NONE, None)];
        assert_eq!(judged(&open(rules), Mode::Monitor), Err(Refusal::ModeNotGranted));
    }

    #[test]
    fn a_denial_wins_and_a_protected_extension_refuses_everyone() {
        assert_eq!(judged(&open(vec![edit(), Rule::Deny]), Mode::Monitor), Err(Refusal::Denied));
        let protected = Terminal { protected: true, rules: vec![edit()] };
        assert_eq!(judged(&protected, Mode::Monitor), Err(Refusal::Protected));
    }

    #[test]
    fn the_far_end_needs_no_right_but_may_refuse() {
        let target = open(vec![edit()]);
        let with_far = |far: Terminal| judge(&target, Some(&far), Mode::Monitor, MONDAY_NOON);
        assert_eq!(with_far(open(vec![])), Ok(()));
        assert_eq!(with_far(open(vec![Rule::Deny])), Err(Refusal::Denied));
        assert_eq!(with_far(Terminal { protected: true, rules: vec![] }), Err(Refusal::Protected));
    }

    #[test]
    fn f2_a_right_on_the_agents_call_center_reaches_the_agent_and_on_another_it_does_not() {
        let center = |name: &str, rules: Vec<Rule>| CallCenter { name: name.to_owned(), rules };
        let judged = |centers: &[CallCenter]| judged(&open(vec![edit()]).of_agent(centers), Mode::Monitor);
        assert_eq!(judged(&[center("sales", vec![edit()])]), Ok(()));
        assert_eq!(judged(&[center("sales", vec![]), center("support", vec![edit()])]), Ok(()));
        assert_eq!(judged(&[]), Err(Refusal::NoRight));
        assert_eq!(judged(&[center("sales", vec![])]), Err(Refusal::NoRight));
        let view = allow(Level::View, ModeSet::USUAL, None);
        assert_eq!(judged(&[center("sales", vec![view])]), Err(Refusal::NoRight));
        let denied = [center("sales", vec![edit()]), center("support", vec![Rule::Deny])];
        assert_eq!(judged(&denied), Err(Refusal::Denied));
        let denied_terminal = open(vec![edit(), Rule::Deny]).of_agent(&[center("sales", vec![edit()])]);
        assert_eq!(super::judge(&denied_terminal, None, Mode::Monitor, MONDAY_NOON), Err(Refusal::Denied));
    }

    #[test]
    fn f2_a_call_center_is_seen_by_those_who_may_view_it_or_more() {
        let seen = |rules: Vec<Rule>| CallCenter { name: "sales".to_owned(), rules }.may_be_seen();
        assert!(seen(vec![allow(Level::View, ModeSet::USUAL, None)]) && seen(vec![edit()]));
        assert!(!seen(vec![]) && !seen(vec![edit(), Rule::Deny]));
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let level = prop::sample::select(Level::ALL);
        let modes = prop::collection::vec(prop::sample::select(Mode::ALL), 0..4);
        let hours = prop::sample::select(vec![None, Some("Mon 09:00-18:00"), Some("Tue 09:00-18:00")]);
        let grant = (level, modes, hours).prop_map(|(level, modes, hours)| {
            allow(level, modes.into_iter().fold(ModeSet::NONE, ModeSet::with), hours)
        });
        prop_oneof![1 => Just(Rule::Deny), 4 => grant]
    }

    proptest! {
        #[test]
        fn whoever_is_let_in_holds_one_whole_grant_and_no_denial(
            protected in any::<bool>(), rules in prop::collection::vec(any_rule(), 0..4), mode in prop::sample::select(Mode::ALL),
        ) {
            let target = Terminal { protected, rules };
            let whole = target.rules.iter().any(|rule| match rule {
                Rule::Deny => false,
                Rule::Allow(grant) => grant.level != Level::View && grant.modes.contains(mode)
                    && grant.hours.as_ref().is_none_or(|hours| hours.contains(MONDAY_NOON)),
            });
            let expected = whole && !protected && !target.rules.contains(&Rule::Deny);
            prop_assert_eq!(judged(&target, mode).is_ok(), expected);
        }

        #[test]
        fn a_further_denial_never_lets_anybody_in(rules in prop::collection::vec(any_rule(), 0..4)) {
            let mut rules = rules;
            rules.push(Rule::Deny);
            prop_assert!(judged(&open(rules), Mode::Monitor).is_err());
        }
    }
}
