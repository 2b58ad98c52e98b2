use super::{Order, Rights};
use crate::{
    access::{
        Check, first_refusal, right,
        target::{self, Facts, LegKind},
    },
    model::{CallId, ExtensionNumber, Mode, Party, Refusal, Side},
    switch::{CallState, CallView},
};

/// The call to attach to, and beside whom.
#[derive(Debug, PartialEq, Eq)]
pub struct Chosen {
    pub call: CallId,
    pub side: Side,
    pub far_end: Party,
}

/// A phone that is at the desk itself, and so has no call to listen to.
#[derive(Clone, Debug)]
pub struct AtDesk {
    pub number: ExtensionNumber,
    pub spying: bool,
}

/// What was asked about a target, in the order in which it was asked, and what came of it.
pub struct Narrated {
    pub checks: Vec<Check>,
    pub chosen: Result<Chosen, Refusal>,
}

/// May what was ordered be, and in which call? The right is judged before anything about calls is.
pub fn choose(order: &Order, rights: &Rights, calls: &[CallView], at_desk: &[AtDesk]) -> Result<Chosen, Refusal> {
    narrate(Some(&order.extension), &order.target, order.mode, rights, Some((calls, at_desk))).chosen
}

/// The same with every question and its answer (X4). `own`: `None` for a phone that is none of those in question. `live` are
/// the calls and the phones at the desk; without them nothing is asked about calls, and nothing can be chosen.
pub fn narrate(
    own: Option<&ExtensionNumber>,
    target: &ExtensionNumber,
    mode: Mode,
    rights: &Rights,
    live: Option<(&[CallView], &[AtDesk])>,
) -> Narrated {
    let terminal = rights.terminals.get(target);
    let mut checks = vec![Check::of("extension", &terminal.ok_or(Refusal::UnknownExtension))];
    checks.push(right::mode_is_on(mode, rights.settings.barge));
    checks.extend(terminal.into_iter().flat_map(|terminal| right::target_checks(terminal, mode, rights.at)));
    let found = live.map(|(calls, at_desk)| {
        let legs = legs_of(target, own, calls, at_desk);
        let call = target::judge(&Facts { target, exists: terminal.is_some(), own, legs: &legs });
        call.and_then(|call| located(call, target, calls))
    });
    checks.extend(found.as_ref().map(|found| Check::of("call", found)));
    if let Some(Ok(Chosen { far_end: Party::Extension(number), .. })) = &found {
        // Nobody holds a right on somebody outside, nor is one needed.
        let far = rights.terminals.get(number);
        checks.push(Check::of("far-end", &far.ok_or(Refusal::UnknownExtension)));
        checks.extend(right::far_checks(far));
    }
    let chosen = first_refusal(&checks).and_then(|()| found.unwrap_or(Err(Refusal::NotInCall)));
    Narrated { checks, chosen }
}

fn located(call: CallId, target: &ExtensionNumber, calls: &[CallView]) -> Result<Chosen, Refusal> {
    let view = calls.iter().find(|view| view.id == call).ok_or(Refusal::NotInCall)?;
    let side = view.side_of(target).ok_or(Refusal::NotInCall)?;
    Ok(Chosen { call, side, far_end: view.party(side.other()).clone() })
}

fn legs_of(
    target: &ExtensionNumber,
    own: Option<&ExtensionNumber>,
    calls: &[CallView],
    at_desk: &[AtDesk],
) -> Vec<LegKind> {
    let kind = |view: &CallView| match view.state {
        CallState::Ringing => LegKind::Ringing,
        _ if view.confidential => LegKind::Confidential,
        CallState::Talking | CallState::OnHold => LegKind::Call {
            call: view.id,
            on_hold: view.state == CallState::OnHold,
            with_supervisor: own.is_some_and(|own| view.side_of(own).is_some()),
        },
    };
    let in_calls = calls.iter().filter(|view| view.side_of(target).is_some()).map(kind);
    let here = at_desk.iter().filter(|phone| phone.number == *target);
    in_calls.chain(here.map(|phone| if phone.spying { LegKind::Spy } else { LegKind::Ivr })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{
            hours::MinuteOfWeek,
            right::{Grant, Rule, Terminal},
        },
        engine::desk::Way,
        model::{AccountId, Level, ModeSet, Settings},
    };
    use proptest::prelude::*;
    use ulid::Ulid;

    const NUMBERS: [&str; 4] = ["1000", "2000", "3000", "4000"];

    fn number() -> impl Strategy<Value = ExtensionNumber> {
        prop::sample::select(NUMBERS.to_vec()).prop_map(|text| text.parse().unwrap())
    }

    fn terminal() -> impl Strategy<Value = Terminal> {
        let grant = (prop::sample::select(Level::ALL), prop::sample::select(Mode::ALL))
            .prop_map(|(level, mode)| Rule::Allow(Grant { level, modes: ModeSet::NONE.with(mode), hours: None }));
        let rules = prop::collection::vec(prop_oneof![1 => Just(Rule::Deny), 6 => grant], 0..4);
        (prop::bool::weighted(0.1), rules).prop_map(|(protected, rules)| Terminal { protected, rules })
    }

    fn call() -> impl Strategy<Value = CallView> {
        let state =
            prop::sample::select(vec![CallState::Ringing, CallState::Talking, CallState::Talking, CallState::OnHold]);
        let confidential = prop::bool::weighted(0.2);
        (any::<u128>(), number(), number(), state, confidential).prop_map(
            |(id, caller, callee, state, confidential)| CallView {
                id: CallId::from(Ulid::from(id)),
                caller: caller.into(),
                callee: callee.into(),
                state,
                since_unix_ms: 0,
                listeners: 0,
                confidential,
            },
        )
    }

    fn phone() -> impl Strategy<Value = AtDesk> {
        (number(), any::<bool>()).prop_map(|(number, spying)| AtDesk { number, spying })
    }

    /// The decision, told once more in other words: one question after the other, and the first no is the answer.
    fn step_by_step(
        own: &ExtensionNumber,
        target: &ExtensionNumber,
        mode: Mode,
        rights: &Rights,
        calls: &[CallView],
        at_desk: &[AtDesk],
    ) -> Result<CallId, Refusal> {
        let terminal = rights.terminals.get(target).ok_or(Refusal::UnknownExtension)?;
        right::mode_is_on(mode, rights.settings.barge).verdict?;
        right::judge(terminal, None, mode, rights.at)?;
        let legs = legs_of(target, Some(own), calls, at_desk);
        let call = target::judge(&Facts { target, exists: true, own: Some(own), legs: &legs })?;
        let chosen = located(call, target, calls)?;
        if let Party::Extension(number) = &chosen.far_end {
            let far = rights.terminals.get(number).ok_or(Refusal::UnknownExtension)?;
            right::judge(terminal, Some(far), mode, rights.at)?;
        }
        Ok(call)
    }

    proptest! {
        #[test]
        fn x4_what_is_narrated_is_what_is_decided(
            own in number(), target in number(), mode in prop::sample::select(Mode::ALL),
            terminals in prop::collection::btree_map(number(), terminal(), 1..5),
            calls in prop::collection::vec(call(), 0..4), at_desk in prop::collection::vec(phone(), 0..2),
        ) {
            let rights = Rights { terminals, at: MinuteOfWeek::new(0, 12, 0), settings: Settings::default() };
            let account = AccountId::from(Ulid::from(1));
            let order = Order { account, extension: own.clone(), target: target.clone(), mode, way: Way::Keypad };
            let decided = choose(&order, &rights, &calls, &at_desk);
            let expected = step_by_step(&own, &target, mode, &rights, &calls, &at_desk);
            prop_assert_eq!(decided.as_ref().map(|chosen| chosen.call).map_err(|refusal| *refusal), expected);
            let told = narrate(Some(&own), &target, mode, &rights, Some((&calls, &at_desk)));
            prop_assert_eq!(first_refusal(&told.checks), decided.map(|_| ()));
            // Without the calls the rest is told alike.
            let blind = narrate(Some(&own), &target, mode, &rights, None);
            prop_assert!(told.checks.starts_with(&blind.checks) && blind.chosen.is_err());
        }
    }
}
