use crate::model::{HearMatrix, Hearing, LegId, Mode, Side};

/// The two legs of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub caller: LegId,
    pub callee: LegId,
    pub hold: Hold,
}

/// Who has put the other party on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Off,
    By(Side),
    /// Each the other: nobody listens.
    ByBoth,
}

impl Conversation {
    pub fn leg(&self, side: Side) -> LegId {
        match side {
            Side::Caller => self.caller,
            Side::Callee => self.callee,
        }
    }
}

/// A supervisor in a call: `side` is the agent's, `of_parties` what is heard of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    pub leg: LegId,
    pub side: Side,
    pub mode: Mode,
    pub of_parties: Hearing,
}

/// Who hears whom in one call (rows A1–A5, I1, I3).
///
/// The parties hear each other; who is on hold hears the music and nobody. A supervisor hears both, on hold the agent
/// alone. The agent hears a whisper unless on hold; the customer hears a supervisor only when barging; nobody hears a
/// supervisor's keys (X1). Supervisors do not hear each other.
pub fn hear_matrix(call: &Conversation, listeners: &[Listener]) -> HearMatrix {
    let mut matrix = HearMatrix::silent([call.caller, call.callee]);
    match call.hold {
        Hold::Off => {
            matrix.allow(call.caller, call.callee);
            matrix.allow(call.callee, call.caller);
        }
        Hold::By(holder) => matrix.allow_music(call.leg(holder.other())),
        Hold::ByBoth => {}
    }
    for listener in listeners {
        let agent = call.leg(listener.side);
        let customer = call.leg(listener.side.other());
        matrix.allow_as(listener.leg, agent, listener.of_parties);
        if call.hold != Hold::Off {
            continue;
        }
        matrix.allow_as(listener.leg, customer, listener.of_parties);
        match listener.mode {
            Mode::Monitor => {}
            Mode::Whisper => matrix.allow_as(agent, listener.leg, Hearing::WithoutKeys),
            Mode::Barge => {
                matrix.allow_as(agent, listener.leg, Hearing::WithoutKeys);
                matrix.allow_as(customer, listener.leg, Hearing::WithoutKeys);
            }
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Entropy, IdMaker};
    use proptest::prelude::*;

    fn legs<const N: usize>() -> [LegId; N] {
        let mut ids = IdMaker::new(Entropy::from_seed([7; 32]));
        std::array::from_fn(|_| ids.make(0))
    }

    fn call(caller: LegId, callee: LegId, hold: Hold) -> Conversation {
        Conversation { caller, callee, hold }
    }

    #[test]
    fn a_monitoring_supervisor_hears_both_and_is_heard_by_nobody() {
        let [customer, agent, supervisor] = legs();
        let spy = Listener { leg: supervisor, side: Side::Callee, mode: Mode::Monitor, of_parties: Hearing::All };
        let matrix = hear_matrix(&call(customer, agent, Hold::Off), &[spy]);
        assert!(matrix.hears(supervisor, customer) && matrix.hears(supervisor, agent));
        assert!(!matrix.hears(customer, supervisor) && !matrix.hears(agent, supervisor));
    }

    #[test]
    fn a_whisper_reaches_the_agent_alone() {
        let [customer, agent, supervisor] = legs();
        let spy = Listener { leg: supervisor, side: Side::Callee, mode: Mode::Whisper, of_parties: Hearing::All };
        let matrix = hear_matrix(&call(customer, agent, Hold::Off), &[spy]);
        assert!(matrix.hears(agent, supervisor) && matrix.hears(agent, customer));
        assert!(!matrix.hears(customer, supervisor));
    }

    #[test]
    fn who_is_on_hold_hears_the_music_and_nobody() {
        let [caller, callee] = legs();
        let matrix = hear_matrix(&call(caller, callee, Hold::By(Side::Caller)), &[]);
        assert!(matrix.hears_music(callee) && !matrix.hears(callee, caller));
        assert!(!matrix.hears_music(caller) && !matrix.hears(caller, callee));
        assert_eq!(hear_matrix(&call(caller, callee, Hold::ByBoth), &[]), HearMatrix::silent([caller, callee]));
    }

    #[test]
    fn on_hold_the_supervisor_hears_the_agent_only_and_the_agent_does_not_hear_the_whisper() {
        let [customer, agent, supervisor] = legs();
        let spy = Listener { leg: supervisor, side: Side::Callee, mode: Mode::Whisper, of_parties: Hearing::All };
        for hold in [Hold::By(Side::Caller), Hold::By(Side::Callee), Hold::ByBoth] {
            let matrix = hear_matrix(&call(customer, agent, hold), &[spy]);
            assert!(matrix.hears(supervisor, agent) && !matrix.hears(supervisor, customer));
            assert!(!matrix.hears(agent, supervisor) && !matrix.hears_music(supervisor));
        }
    }

    #[test]
    fn supervisors_on_opposite_ends_each_whisper_to_their_own_end() {
        let [caller, callee, left, right] = legs();
        let spies = [
            Listener { leg: left, side: Side::Caller, mode: Mode::Whisper, of_parties: Hearing::All },
            Listener { leg: right, side: Side::Callee, mode: Mode::Whisper, of_parties: Hearing::All },
        ];
        let matrix = hear_matrix(&call(caller, callee, Hold::Off), &spies);
        assert!(matrix.hears(caller, left) && !matrix.hears(callee, left));
        assert!(matrix.hears(callee, right) && !matrix.hears(caller, right));
    }

    proptest! {
        #[test]
        fn without_barge_no_supervisor_is_heard_by_a_customer_nor_by_another_supervisor(
            spies in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..6),
            hold in 0..4_usize,
        ) {
            let ids: [LegId; 8] = legs();
            let hold = [Hold::Off, Hold::By(Side::Caller), Hold::By(Side::Callee), Hold::ByBoth][hold];
            let conversation = call(ids[0], ids[1], hold);
            let spies: Vec<Listener> = spies.iter().zip(&ids[2..]).map(|(&(caller_side, whisper), &leg)| Listener {
                leg,
                side: if caller_side { Side::Caller } else { Side::Callee },
                mode: if whisper { Mode::Whisper } else { Mode::Monitor },
                of_parties: Hearing::WithoutKeys,
            }).collect();
            let matrix = hear_matrix(&conversation, &spies);
            for spy in &spies {
                let agent_hears = matrix.hears(conversation.leg(spy.side), spy.leg);
                prop_assert_eq!(agent_hears, spy.mode == Mode::Whisper && hold == Hold::Off);
                prop_assert!(!matrix.hears(conversation.leg(spy.side.other()), spy.leg));
                prop_assert!(spies.iter().all(|other| !matrix.hears(other.leg, spy.leg)));
            }
        }
    }
}
