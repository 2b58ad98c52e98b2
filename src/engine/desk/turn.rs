//! Changes of mode during a session (X1): a key asks, the right is judged again, the change is written down, and only then
//! does anybody hear otherwise. Who is refused hears E2 and stays in the mode that was.

use super::{Desk, Guest, Output, Question, Rights, SessionView, Stage, Tones, rows::session_row};
use crate::{
    access::right,
    model::{AuditEvent, AuditKind, Digit, LegId, Mode, Outcome, Prompt, Refusal, SessionId, Settings},
    spy,
    switch::Command,
};
use std::time::Instant;

/// A change that is under way; until it is done, further keys are not listened to.
pub(super) enum Turn {
    Judging(Mode),
    Writing(Mode, Settings),
}

impl Desk {
    /// The supervisor pressed a key while listening.
    pub(super) fn key_pressed(&mut self, leg: LegId, key: Digit) {
        let Some(mode) = spy::mode_of(key) else { return };
        let Some(Guest { stage: Stage::Spying { session, view, turn: turn @ None, .. }, .. }) =
            self.guests.get_mut(&leg)
        else {
            return;
        };
        if session.is_live() && view.mode != mode {
            *turn = Some(Turn::Judging(mode));
            let (account, target, way) = (view.account, view.target.clone(), view.way);
            self.ask(leg, Question::Rights { account, target, way });
        }
    }

    pub(super) fn judge_turn(&mut self, leg: LegId, rights: Result<Rights, Refusal>) {
        let Some(Guest { stage: Stage::Spying { view, turn, .. }, .. }) = self.guests.get_mut(&leg) else { return };
        let Some(Turn::Judging(mode)) = *turn else { return };
        let row = session_row(&SessionView { mode, ..view.clone() }, AuditKind::ModeChange, "");
        match rights.and_then(|rights| view.may(mode, &rights).map(|()| rights.settings)) {
            Ok(settings) => {
                *turn = Some(Turn::Writing(mode, settings));
                let session = view.id;
                self.outputs.push_back(Output::RecordTurn(leg, session, row));
            }
            Err(refusal) => {
                *turn = None;
                self.record(AuditEvent { outcome: Outcome::Refused, detail: refusal.as_str().to_owned(), ..row });
                self.play(leg, vec![Prompt::Error]);
            }
        }
    }

    /// The change stands in the audit trail, or does not.
    pub(super) fn turn(&mut self, now: Instant, leg: LegId, id: SessionId, written: Result<(), Refusal>) {
        let Some(Guest { stage: Stage::Spying { session, view, turn, tones, .. }, .. }) = self.guests.get_mut(&leg)
        else {
            return;
        };
        if view.id != id || !session.is_live() {
            return;
        }
        let Some(Turn::Writing(mode, settings)) = turn.take() else { return };
        match written {
            Ok(()) => {
                view.mode = mode;
                *tones = Tones::of(now, mode, &settings);
                self.command(Command::SetMode { session: id, mode });
                self.chime(leg, id, mode, &settings);
            }
            Err(_) => self.play(leg, vec![Prompt::Error]),
        }
    }
}

impl SessionView {
    /// Whether the session may go on in this mode, at a change as at any other time. An end of the call that was removed
    /// refuses.
    pub fn may(&self, mode: Mode, rights: &Rights) -> Result<(), Refusal> {
        let terminal = |number| rights.terminals.get(number).ok_or(Refusal::UnknownExtension);
        let far = self.far_end.extension().map(terminal).transpose()?;
        right::mode_is_on(mode, rights.settings.barge).verdict?;
        right::judge(terminal(&self.target)?, far, mode, rights.at)
    }
}
