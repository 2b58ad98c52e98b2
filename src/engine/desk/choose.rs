use super::Rights;
use crate::{
    access::{
        right,
        target::{self, Facts, LegKind},
    },
    model::{CallId, ExtensionNumber, Mode, Party, Refusal, Side},
    switch::{CallState, CallView},
};

/// The call to attach to, and beside whom.
pub struct Chosen {
    pub call: CallId,
    pub side: Side,
    pub far_end: Party,
}

/// A phone that is at the desk itself, and so has no call to listen to.
pub struct AtDesk {
    pub number: ExtensionNumber,
    pub spying: bool,
}

/// May `own` listen at `target`, and to which call? The right is judged before anything about calls is.
pub fn choose(
    own: &ExtensionNumber,
    target: &ExtensionNumber,
    mode: Mode,
    rights: &Rights,
    calls: &[CallView],
    at_desk: &[AtDesk],
) -> Result<Chosen, Refusal> {
    let terminal = rights.terminals.get(target).ok_or(Refusal::UnknownExtension)?;
    right::mode_is_on(mode, rights.settings.barge).verdict?;
    right::judge(terminal, None, mode, rights.at)?;
    let legs = legs_of(target, own, calls, at_desk);
    let call = target::judge(&Facts { target, exists: true, own, legs: &legs })?;
    let view = calls.iter().find(|view| view.id == call).ok_or(Refusal::NotInCall)?;
    let side = view.side_of(target).ok_or(Refusal::NotInCall)?;
    let far_end = view.party(side.other()).clone();
    // Nobody holds a right on somebody outside, nor is one needed.
    let far = match &far_end {
        Party::Extension(number) => Some(rights.terminals.get(number).ok_or(Refusal::UnknownExtension)?),
        Party::Outside { .. } => None,
    };
    right::judge(terminal, far, mode, rights.at)?;
    Ok(Chosen { call, side, far_end })
}

fn legs_of(target: &ExtensionNumber, own: &ExtensionNumber, calls: &[CallView], at_desk: &[AtDesk]) -> Vec<LegKind> {
    let kind = |view: &CallView| match view.state {
        CallState::Ringing => LegKind::Ringing,
        CallState::Talking | CallState::OnHold => LegKind::Call {
            call: view.id,
            on_hold: view.state == CallState::OnHold,
            with_supervisor: view.side_of(own).is_some(),
        },
    };
    let in_calls = calls.iter().filter(|view| view.side_of(target).is_some()).map(kind);
    let here = at_desk.iter().filter(|phone| phone.number == *target);
    in_calls.chain(here.map(|phone| if phone.spying { LegKind::Spy } else { LegKind::Ivr })).collect()
}
