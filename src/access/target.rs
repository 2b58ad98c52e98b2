//! The exact target (D7, I2): which call at an extension a supervisor would hear, if any.

use crate::model::{CallId, ExtensionNumber, Refusal};

/// What a leg of an extension is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegKind {
    /// A call between two parties.
    Call { call: CallId, on_hold: bool, with_supervisor: bool },
    /// A call that nobody may listen to (H6).
    Confidential,
    /// A call that still rings.
    Ringing,
    /// A conversation with the IVR: somebody's password is being typed there.
    Ivr,
    /// A leg that itself listens to another call.
    Spy,
}

/// What the switch and the directory know of the extension that was entered.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub target: &'a ExtensionNumber,
    pub exists: bool,
    /// The phone that the supervisor dials from or is called back on; `None`: some other.
    pub own: Option<&'a ExtensionNumber>,
    /// Every leg of exactly this extension.
    pub legs: &'a [LegKind],
}

/// The call to attach to: of several the one not on hold, the latest if there is more than one.
pub fn judge(facts: &Facts<'_>) -> Result<CallId, Refusal> {
    if Some(facts.target) == facts.own {
        return Err(Refusal::OwnPhone);
    }
    if !facts.exists {
        return Err(Refusal::UnknownExtension);
    }
    let talking = |leg: &LegKind| match *leg {
        LegKind::Call { call, on_hold: false, with_supervisor: false } => Some(call),
        LegKind::Call { .. } | LegKind::Confidential | LegKind::Ringing | LegKind::Ivr | LegKind::Spy => None,
    };
    facts.legs.iter().filter_map(talking).max().ok_or_else(|| why_none(facts.legs))
}

fn why_none(legs: &[LegKind]) -> Refusal {
    let any = |wanted: fn(&LegKind) -> bool| legs.iter().any(wanted);
    if any(|leg| matches!(leg, LegKind::Call { with_supervisor: true, .. })) {
        Refusal::OwnCall
    } else if any(|leg| matches!(leg, LegKind::Call { on_hold: true, .. })) {
        Refusal::OnHold
    } else if any(|leg| matches!(leg, LegKind::Confidential)) {
        Refusal::Confidential
    } else if any(|leg| matches!(leg, LegKind::Ivr | LegKind::Spy)) {
        Refusal::NotSpiable
    } else {
        Refusal::NotInCall
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ulid::Ulid;

    fn call(id: u128) -> CallId {
        CallId::from(Ulid::from(id))
    }

    fn talking(id: u128) -> LegKind {
        LegKind::Call { call: call(id), on_hold: false, with_supervisor: false }
    }

    fn held(id: u128) -> LegKind {
        LegKind::Call { call: call(id), on_hold: true, with_supervisor: false }
    }

    fn with_supervisor(id: u128) -> LegKind {
        LegKind::Call { call: call(id), on_hold: false, with_supervisor: true }
    }

    fn judged(legs: &[LegKind]) -> Result<CallId, Refusal> {
        let (target, own) = ("4001".parse().unwrap(), "400".parse().unwrap());
        judge(&Facts { target: &target, exists: true, own: Some(&own), legs })
    }

    #[test]
    fn of_several_calls_it_is_the_one_not_on_hold() {
        assert_eq!(judged(&[talking(1)]), Ok(call(1)));
        assert_eq!(judged(&[held(2), talking(1), held(3)]), Ok(call(1)));
        assert_eq!(judged(&[talking(1), LegKind::Confidential]), Ok(call(1)));
        assert_eq!(judged(&[talking(1), talking(2)]), Ok(call(2)));
    }

    #[test]
    fn an_extension_without_a_call_to_hear_is_refused_with_its_reason() {
        assert_eq!(judged(&[]), Err(Refusal::NotInCall));
        assert_eq!(judged(&[LegKind::Ringing]), Err(Refusal::NotInCall));
        assert_eq!(judged(&[held(1), held(2)]), Err(Refusal::OnHold));
        assert_eq!(judged(&[LegKind::Confidential]), Err(Refusal::Confidential));
        assert_eq!(judged(&[LegKind::Ivr]), Err(Refusal::NotSpiable));
        assert_eq!(judged(&[LegKind::Spy]), Err(Refusal::NotSpiable));
        assert_eq!(judged(&[with_supervisor(1), held(2)]), Err(Refusal::OwnCall));
    }

    #[test]
    fn ones_own_phone_and_an_extension_that_does_not_exist_are_refused() {
        let own = "4001".parse().unwrap();
        let legs = [talking(1)];
        let facts = Facts { target: &own, exists: true, own: Some(&own), legs: &legs };
        assert_eq!(judge(&facts), Err(Refusal::OwnPhone));
        let target = "40011".parse().unwrap();
        assert_eq!(judge(&Facts { target: &target, exists: false, ..facts }), Err(Refusal::UnknownExtension));
    }

    fn any_leg() -> impl Strategy<Value = LegKind> {
        prop_oneof![
            (any::<u128>(), any::<bool>(), any::<bool>()).prop_map(|(id, on_hold, with_supervisor)| LegKind::Call {
                call: call(id),
                on_hold,
                with_supervisor
            }),
            Just(LegKind::Confidential),
            Just(LegKind::Ringing),
            Just(LegKind::Ivr),
            Just(LegKind::Spy),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_chosen_is_a_strangers_call_in_talk(legs in prop::collection::vec(any_leg(), 0..6)) {
            let eligible = |leg: &LegKind| matches!(leg, LegKind::Call { on_hold: false, with_supervisor: false, .. });
            match judged(&legs) {
                Ok(chosen) => {
                    let is_chosen = |leg: &LegKind| eligible(leg) && matches!(leg, LegKind::Call { call, .. } if *call == chosen);
                    prop_assert!(legs.iter().any(is_chosen));
                }
                Err(_) => prop_assert!(!legs.iter().any(eligible)),
            }
        }
    }
}
