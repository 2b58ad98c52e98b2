use super::{CallState, CallView};
use crate::model::Party;

/// What a call is to those who watch (F8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStatus {
    Ringing,
    /// 内線通話: between extensions.
    Internal,
    /// 外線通話: a call that came in over a trunk.
    Inbound,
    /// 発信通話: a call that went out over a trunk.
    Outbound,
    /// 保留中
    Held,
}

impl CallView {
    pub fn status(&self) -> CallStatus {
        match (self.state, &self.caller, &self.callee) {
            (CallState::Ringing, _, _) => CallStatus::Ringing,
            (CallState::OnHold, _, _) => CallStatus::Held,
            (CallState::Talking, Party::Outside { .. }, _) => CallStatus::Inbound,
            (CallState::Talking, Party::Extension(_), Party::Outside { .. }) => CallStatus::Outbound,
            (CallState::Talking, Party::Extension(_), Party::Extension(_)) => CallStatus::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_called_by_its_state_and_then_by_its_ends() {
        let inside = Party::Extension("1000".parse().unwrap());
        let outside = Party::Outside { trunk: "ntt".parse().unwrap(), number: None };
        let status = |state, caller: &Party, callee: &Party| {
            let (caller, callee) = (caller.clone(), callee.clone());
            CallView {
                id: ulid::Ulid::from(1).into(),
                caller,
                callee,
                state,
                since_unix_ms: 0,
                listeners: 0,
                confidential: false,
            }
            .status()
        };
        assert_eq!(status(CallState::Talking, &inside, &inside), CallStatus::Internal);
        assert_eq!(status(CallState::Talking, &outside, &inside), CallStatus::Inbound);
        assert_eq!(status(CallState::Talking, &inside, &outside), CallStatus::Outbound);
        assert_eq!(status(CallState::Talking, &outside, &outside), CallStatus::Inbound);
        for (caller, callee) in [(&inside, &inside), (&outside, &inside), (&inside, &outside)] {
            assert_eq!(status(CallState::OnHold, caller, callee), CallStatus::Held);
            assert_eq!(status(CallState::Ringing, caller, callee), CallStatus::Ringing);
        }
    }
}
