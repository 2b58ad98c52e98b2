//! Legs that dialled a feature code: answered here, spoken to by the desk, attached to a call as a supervisor.

use super::{
    Directory, Embedded, Now,
    leg::{Leg, MediaPorts, Origin, Role},
};
use crate::{
    dialplan::FeatureDial,
    media,
    model::{CallId, ExtensionNumber, HearMatrix, LegId, Mode, Party, Prompt, SessionId},
    sip::{Flow, Request, ServerTx},
    spy::Listener,
    switch::Event,
};

/// The most phones that stand at the desk or listen at once.
const MAX_GUESTS: usize = 2_000;

/// How many of them may be one extension: nobody else is to be kept out, nor passwords guessed side by side.
const MAX_GUESTS_PER_PHONE: usize = 4;

/// The ticket of what is played to a party: nobody at the desk waits for its end.
pub(super) const NO_TICKET: u64 = 0;

/// Who dialled a feature code: an extension, by its own phone or over a mobile trunk.
pub(super) struct Caller {
    pub extension: ExtensionNumber,
    pub party: Party,
}

impl From<ExtensionNumber> for Caller {
    fn from(extension: ExtensionNumber) -> Self {
        Self { party: extension.clone().into(), extension }
    }
}

impl<P: MediaPorts> Embedded<P> {
    /// An authenticated phone dialled a feature code.
    pub(super) fn arrive(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: &Request,
        source: Caller,
        feature: FeatureDial,
    ) {
        if let Err(code) = self.admit_guest(&source.extension) {
            return self.respond(now, tx, request, code);
        }
        let Caller { extension, party } = source;
        let trunk = party.trunk().cloned();
        let role = Role::Guest { origin: Origin::Dialled { acknowledged: false }, extension: extension.clone() };
        match self.incoming_leg(now, tx, flow, request, party, role) {
            Ok(leg) => {
                self.hide_what_was_dialled(leg, &feature);
                self.event(Event::Dialled { leg, source: extension, trunk, feature });
            }
            Err(code) => self.respond(now, tx, request, code),
        }
    }

    /// Whether there is room for one more phone of this extension; an error is the status to refuse it with.
    pub(super) fn admit_guest(&self, extension: &ExtensionNumber) -> Result<(), u16> {
        let guests = self.legs.values().filter_map(Leg::guest);
        let own = |guest: &ExtensionNumber| guest == extension;
        let (all, of_own) = guests.fold((0, 0), |(all, of_own), guest| (all + 1, of_own + usize::from(own(guest))));
        match () {
            () if self.draining || all >= MAX_GUESTS => Err(503),
            () if of_own >= MAX_GUESTS_PER_PHONE => Err(486),
            () => Ok(()),
        }
    }

    /// A short dial holds a password: our own requests in this dialog name the bare feature code (X14).
    fn hide_what_was_dialled(&mut self, leg: LegId, feature: &FeatureDial) {
        let code = match feature.mobile {
            true => self.dialplan.mobile_code(feature.mode),
            false => self.dialplan.code(feature.mode).map(str::to_owned),
        };
        let uri = format!("sip:{}@{}", code.unwrap_or_default(), self.config.domain);
        if let Some(dialog) = self.legs.get_mut(&leg).and_then(|leg| leg.dialog.as_mut()) {
            dialog.rename_local(&uri);
        }
    }

    pub(super) fn answer_guest(&mut self, now: Now, id: LegId) {
        self.configure(id, None);
        self.media(media::Command::Hear(HearMatrix::silent([id])));
        self.media(media::Command::Listen { leg: id, on: true });
        self.answer_invite(now, id, 200, true);
    }

    pub(super) fn cancel_guest(&mut self, now: Now, id: LegId) {
        self.answer_invite(now, id, 487, false);
        self.close_leg(id);
        self.event(Event::HungUp { leg: id });
    }

    pub(super) fn hang_up_guest(&mut self, now: Now, id: LegId) {
        if !self.is_guest(id) {
            return;
        }
        self.stop_ringing_back(now, id);
        self.send_bye(now, id);
        self.close_leg(id);
    }

    /// A phone whose extension or secret is no more has no business at the desk, nor in anybody's call.
    pub(super) fn dismiss_strangers(&mut self, now: Now, before: &Directory) {
        let guests = self.legs.iter().filter_map(|(id, leg)| Some((id, leg.guest()?)));
        let gone = guests.filter(|(_, extension)| !self.directory.vouches_as(before, extension));
        for id in gone.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.hang_up_guest(now, id);
            self.event(Event::HungUp { leg: id });
        }
    }

    pub(super) fn is_guest(&self, id: LegId) -> bool {
        self.legs.get(&id).is_some_and(|leg| matches!(leg.role, Role::Guest { .. }))
    }

    pub(super) fn attach(&mut self, session: SessionId, call: CallId, listener: Listener) {
        if !self.is_guest(listener.leg) {
            return;
        }
        let Some(target) = self.calls.get_mut(&call).filter(|call| call.may_be_heard()) else { return };
        target.listeners.insert(session, listener);
        self.attached.insert(session, call);
        self.hear(call);
    }

    pub(super) fn set_mode(&mut self, session: SessionId, mode: Mode) {
        let Some(call) = self.attached.get(&session).copied() else { return };
        if let Some(listener) = self.calls.get_mut(&call).and_then(|call| call.listeners.get_mut(&session)) {
            listener.mode = mode;
        }
        self.hear(call);
    }

    pub(super) fn detach(&mut self, session: SessionId) {
        let Some(call) = self.attached.remove(&session) else { return };
        let gone = self.calls.get_mut(&call).and_then(|call| call.listeners.remove(&session));
        if let Some(listener) = gone {
            self.media(media::Command::Hear(HearMatrix::silent([listener.leg])));
            self.hear(call);
        }
    }

    /// ピコン for the agent, over the conversation; the customer's leg is not touched.
    pub(super) fn chime(&mut self, session: SessionId) {
        let call = self.attached.get(&session).and_then(|call| self.calls.get(call));
        let agent = call.and_then(|call| call.listeners.get(&session).map(|listener| call.leg(listener.side)));
        if let Some(leg) = agent {
            self.media(media::Command::Play { leg, ticket: NO_TICKET, clips: vec![Prompt::Chime] });
        }
    }
}
