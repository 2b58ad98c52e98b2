//! Sessions that are ordered at a screen (F3–F7, C2–C5): the right is judged, the phone is rung from 9999, and whoever answers
//! listens: to the agent's call, or to the next one.

use super::{Desk, Guest, Output, Question, Rights, Stage, Start, Tones, choose::Chosen, rows::refused_attempt};
use crate::{
    access::right,
    model::{AccountId, AuditEvent, CallId, EndCause, ExtensionNumber, LegId, Mode, Party, Refusal, SessionId},
    spy::{self, Happening, Lasting},
    switch::{CallView, Command, NotReached},
};
use std::time::Instant;

/// Where an attempt came from for which no phone was named.
const SCREEN: &str = "console";

/// What somebody who has signed in asks for, by keypad or at a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub account: AccountId,
    /// Whose phone it is to be. For a screen it is rung, and may be somebody else's (F3).
    pub extension: ExtensionNumber,
    /// The agent's extension.
    pub target: ExtensionNumber,
    pub mode: Mode,
    pub way: Way,
}

/// How somebody asks to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// With a right on the phone terminal (D11).
    Keypad,
    /// With a right on a call centre of the agent (F2).
    Screen,
    /// その他操作 at a screen: an agent who is in no call, or has it on hold, is waited for (F7).
    Shortcut,
}

impl Order {
    /// What the store is asked about it, each time that it is judged.
    pub(super) fn question(&self) -> Question {
        Question::Rights { account: self.account, target: self.target.clone(), way: self.way }
    }

    pub(super) fn refused(&self, refusal: Refusal) -> AuditEvent {
        refused_attempt(self.extension.as_str(), self.account, Some(&self.target), self.mode, refusal)
    }
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// 9999 rings.
    Ringing,
    /// On the line, silent, until the agent is in a call.
    Waiting,
    Listening(SessionId),
    /// Nothing was rung, or nothing is rung any more.
    Refused(Refusal),
    NotReached(NotReached),
    /// It was on the line, and is no more.
    Over,
}

impl Progress {
    /// Whether no more will be told of the order.
    pub fn is_last(&self) -> bool {
        matches!(self, Progress::Refused(_) | Progress::NotReached(_) | Progress::Over)
    }
}

/// A phone that is rung for an order.
pub(super) struct Ringing {
    pub order: Order,
    lasting: Lasting,
    /// Without this call there is no reason to ring on.
    call: Option<CallId>,
}

/// A phone on the line that listens to nothing now.
pub(super) struct Waiting {
    pub session: spy::Session,
    order: Order,
    /// Chosen and being written down.
    pub start: Option<Start>,
    /// Whether it may go on without a call.
    patient: bool,
}

impl Desk {
    /// Begins a session for a screen. What becomes of it is told by `Output::Told`.
    pub fn order(&mut self, unix_ms: u64, order: Order) -> LegId {
        let leg = self.ids.make(unix_ms);
        let (question, source, mode) = (order.question(), order.extension.clone(), order.mode);
        self.guests.insert(leg, Guest { source, trunk: None, mode, ticket: 0, stage: Stage::Judging(order) });
        self.ask(leg, question);
        leg
    }

    /// Somebody at a screen asked for what their account may not.
    pub fn refuse_at_screen(&mut self, account: AccountId, target: &ExtensionNumber, mode: Mode, refusal: Refusal) {
        self.record(refused_attempt(SCREEN, account, Some(target), mode, refusal));
    }

    /// Ends an order by an administrator's word, wherever it stands; `false` when there is none of that id.
    pub fn end_order(&mut self, now: Instant, leg: LegId) -> bool {
        let Some(guest) = self.guests.get(&leg) else { return false };
        match &guest.stage {
            Stage::Talking { .. } | Stage::Spying { order: None, .. } => return false,
            Stage::Judging(_) | Stage::Ringing(_) => self.take_back(leg),
            Stage::Waiting(_) | Stage::Spying { .. } => self.happen(now, leg, Happening::EndedByAdministrator),
        }
        true
    }

    /// Whoever gave an order wants it no more: as if they had hung up. `false` when they have none of that id.
    pub fn cancel_order(&mut self, now: Instant, leg: LegId, account: AccountId) -> bool {
        let Some(guest) = self.guests.get(&leg) else { return false };
        match &guest.stage {
            _ if guest.order().is_none_or(|order| order.account != account) => return false,
            Stage::Judging(_) | Stage::Ringing(_) => self.take_back(leg),
            Stage::Talking { .. } | Stage::Waiting(_) | Stage::Spying { .. } => {
                self.hung_up(now, leg);
                self.command(Command::HangUp { leg });
            }
        }
        true
    }

    fn take_back(&mut self, leg: LegId) {
        self.refuse_order(leg, Refusal::TakenBack);
        self.command(Command::HangUp { leg });
    }

    /// Those who wait are judged again: a right may be gone, a call may be there.
    pub fn look_again(&mut self) {
        self.ask_for_waiting(|_| true);
    }

    /// A call is up and nobody holds it.
    pub(super) fn call_is_up(&mut self, caller: &Party, callee: &Party) {
        self.ask_for_waiting(|target| caller.is(target) || callee.is(target));
    }

    /// There is no such call any more: nobody is rung for it.
    pub(super) fn call_is_gone(&mut self, call: CallId) {
        let in_vain = |guest: &Guest| matches!(&guest.stage, Stage::Ringing(ringing) if ringing.call == Some(call));
        let legs: Vec<LegId> = self.guests.iter().filter(|(_, guest)| in_vain(guest)).map(|(leg, _)| *leg).collect();
        for leg in legs {
            self.refuse_order(leg, Refusal::NotInCall);
            self.command(Command::HangUp { leg });
        }
    }

    fn ask_for_waiting(&mut self, whom: impl Fn(&ExtensionNumber) -> bool) {
        let asked = self.guests.iter().filter_map(|(leg, guest)| match &guest.stage {
            Stage::Waiting(Waiting { order, start: None, .. }) if whom(&order.target) => Some((*leg, order.question())),
            _ => None,
        });
        for (leg, question) in asked.collect::<Vec<_>>() {
            self.ask(leg, question);
        }
    }

    /// May it ring?
    pub(super) fn judge_order(&mut self, leg: LegId, rights: Result<Rights, Refusal>, calls: &[CallView]) {
        let chosen = self.choose_for(leg, &rights, calls);
        let listens = self.listens_already(leg);
        let Some(Guest { stage, source, .. }) = self.guests.get_mut(&leg) else { return };
        let Stage::Judging(order) = stage else { return };
        let call = match chosen {
            Ok(chosen) => Some(chosen.call),
            Err(Refusal::NotInCall | Refusal::OnHold) if order.way == Way::Shortcut => None,
            Err(refusal) => return self.refuse_order(leg, refusal),
        };
        if listens {
            return self.refuse_order(leg, Refusal::PhoneListens);
        }
        let continues = rights.is_ok_and(|rights| rights.settings.continue_sessions);
        let lasting = if continues { Lasting::Agent } else { Lasting::Call };
        let call = call.filter(|_| !continues && order.way != Way::Shortcut);
        let extension = source.clone();
        *stage = Stage::Ringing(Ringing { order: order.clone(), lasting, call });
        self.command(Command::CallBack { leg, extension });
        self.tell(leg, Progress::Ringing);
    }

    /// One phone follows one agent (C5): whether that of `leg` is rung, waits or listens for another order, or dialled to listen.
    fn listens_already(&self, leg: LegId) -> bool {
        let Some(source) = self.guests.get(&leg).map(|guest| &guest.source) else { return false };
        let busy = |guest: &Guest| match guest.stage {
            Stage::Ringing(_) | Stage::Waiting(_) | Stage::Spying { .. } => guest.source == *source,
            Stage::Talking { .. } | Stage::Judging(_) => false,
        };
        self.guests.values().any(busy)
    }

    /// The phone that was rung is on the line.
    pub(super) fn order_answered(&mut self, leg: LegId) {
        let Some(Guest { stage, .. }) = self.guests.get_mut(&leg) else { return };
        let Stage::Ringing(Ringing { order, lasting, .. }) = stage else { return };
        let question = order.question();
        let (patient, session) =
            (order.way == Way::Shortcut || *lasting == Lasting::Agent, spy::Session::waiting(*lasting));
        *stage = Stage::Waiting(Waiting { session, order: order.clone(), start: None, patient });
        self.ask(leg, question);
    }

    pub(super) fn not_reached(&mut self, leg: LegId, why: NotReached) {
        if let Some(Guest { stage: Stage::Ringing(Ringing { order, .. }), .. }) = self.guests.remove(&leg) {
            self.record(AuditEvent { detail: why.as_str().to_owned(), ..order.refused(Refusal::NotReached) });
            self.tell(leg, Progress::NotReached(why));
        }
    }

    /// Its call is over: the agent may be in another already.
    pub(super) fn wait_again(&mut self, leg: LegId) {
        if let Some(guest) = self.guests.remove(&leg) {
            let Guest { stage: Stage::Spying { session, order: Some(order), .. }, .. } = guest else { return };
            let question = order.question();
            let stage = Stage::Waiting(Waiting { session, order, start: None, patient: true });
            self.guests.insert(leg, Guest { stage, ..guest });
            self.ask(leg, question);
        }
    }

    /// Is there a call to listen to, and may it still be?
    pub(super) fn join(
        &mut self,
        now: Instant,
        unix_ms: u64,
        leg: LegId,
        rights: Result<Rights, Refusal>,
        calls: &[CallView],
    ) {
        let chosen = self.choose_for(leg, &rights, calls);
        let Some(Guest { stage: Stage::Waiting(waiting @ Waiting { start: None, .. }), .. }) =
            self.guests.get_mut(&leg)
        else {
            return;
        };
        if !waiting.session.is_waiting() {
            return;
        }
        let order = &waiting.order;
        match (chosen, rights) {
            (Ok(chosen), Ok(rights)) => {
                let start = Start::new(self.ids.make(unix_ms), unix_ms, order, chosen, rights.settings);
                let begun = waiting.start.insert(start);
                self.outputs.push_back(Output::RecordStart(leg, begun.rows()));
            }
            (Err(refusal), rights) => {
                let lost = rights.is_ok_and(|rights| !holds_right(order, &rights));
                if lost || !waiting.patient {
                    let row = order.refused(refusal);
                    self.record(row);
                    let what = if lost { Happening::RightLost } else { Happening::NothingToHear };
                    return self.happen(now, leg, what);
                }
                self.tell(leg, Progress::Waiting);
            }
            (Ok(_), Err(_)) => {}
        }
    }

    /// The start stands in the audit trail, or does not.
    pub(super) fn start_ordered(&mut self, now: Instant, leg: LegId, written: bool, calls: &[CallView]) {
        let Some(Guest { stage: Stage::Waiting(waiting), .. }) = self.guests.get_mut(&leg) else { return };
        let Some(start) = waiting.start.take() else { return };
        let patient = waiting.patient;
        if written && waiting.session.is_waiting() && start.is_still_up(calls) {
            return self.open_ordered(now, leg, &start);
        }
        if written {
            self.record_end(&start.view, EndCause::CallEnded);
        }
        match patient {
            true => self.tell(leg, Progress::Waiting),
            false => self.happen(now, leg, Happening::NothingToHear),
        }
    }

    fn open_ordered(&mut self, now: Instant, leg: LegId, start: &Start) {
        if let Some(guest) = self.guests.remove(&leg) {
            let Guest { stage: Stage::Waiting(Waiting { mut session, order, .. }), .. } = guest else { return };
            session.attached();
            let (view, tones) = (start.view.clone(), Tones::begin(now, start));
            let stage = Stage::Spying { session, view, order: Some(order), turn: None, tones };
            self.guests.insert(leg, Guest { stage, ..guest });
            self.attach(leg, start);
            self.tell(leg, Progress::Listening(start.view.id));
        }
    }

    fn choose_for(&self, leg: LegId, rights: &Result<Rights, Refusal>, calls: &[CallView]) -> Result<Chosen, Refusal> {
        let rights = rights.as_ref().map_err(|refusal| *refusal)?;
        let order = self.guests.get(&leg).and_then(Guest::order).ok_or(Refusal::NotInCall)?;
        super::choose(order, rights, calls, &self.at_desk())
    }

    /// Nothing rings for it, or no more.
    fn refuse_order(&mut self, leg: LegId, refusal: Refusal) {
        let Some(guest) = self.guests.remove(&leg) else { return };
        if let Some(order) = guest.order() {
            self.record(order.refused(refusal));
        }
        self.tell(leg, Progress::Refused(refusal));
    }
}

/// Whether the account may listen at its target at all, whoever that talks to.
fn holds_right(order: &Order, rights: &Rights) -> bool {
    let terminal = rights.terminals.get(&order.target);
    terminal.is_some_and(|terminal| right::judge(terminal, None, order.mode, rights.at).is_ok())
}

impl Guest {
    /// What was ordered for it.
    pub fn order(&self) -> Option<&Order> {
        match &self.stage {
            Stage::Judging(order) | Stage::Ringing(Ringing { order, .. }) => Some(order),
            Stage::Waiting(Waiting { order, .. }) => Some(order),
            Stage::Spying { order, .. } => order.as_ref(),
            Stage::Talking { .. } => None,
        }
    }
}
