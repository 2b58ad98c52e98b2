//! Keys between the legs: who is told of them, and how they reach the other party of a call.

use super::{Plane, Token};
use crate::{
    dtmf::{Carrier, Key},
    media::{Event, keypad::KeyForm, leg::Leg, plane::Out, rtp::Packet},
    model::{Digit, LegId},
};
use std::time::Instant;

impl Plane {
    pub fn info(&mut self, now: Instant, leg: LegId, digit: Digit, out: &mut impl Out) {
        let Some(token) = self.tokens.get(&leg).copied() else { return };
        if let Some(leg) = self.at_mut(token) {
            leg.hear_info(now, digit);
        }
        self.take_keys(now, token, out);
    }

    /// What a leg's phone has pressed: told to who listens, and passed on to the other party.
    pub(super) fn take_keys(&mut self, now: Instant, token: Token, out: &mut impl Out) {
        while let Some((leg, key)) = self.at_mut(token).and_then(|leg| Some((leg.id, leg.next_key(now)?))) {
            if self.at(token).is_some_and(|leg| leg.listens) {
                out.event(Event::Digit { leg, digit: key.digit });
            }
            self.pass_key(now, token, key, out);
        }
    }

    /// To the other party of the call alone, in the form that its phone takes, unless the key reaches it as it came.
    fn pass_key(&mut self, now: Instant, source: Token, key: Key, out: &mut impl Out) {
        let Some((id, peer)) = self.at(source).and_then(|leg| Some((leg.id, leg.params?.peer?))) else { return };
        let Some(listener) = self.leg_mut(peer).filter(|listener| listener.may_hear(id)) else { return };
        let Some(form) = listener.key_form() else { return };
        match (key.carrier, form) {
            (Carrier::Event, KeyForm::Events(_)) | (Carrier::InBand, KeyForm::Tones) => return,
            (Carrier::Info | Carrier::InBand, KeyForm::Events(_))
            | (Carrier::Event | Carrier::Info, KeyForm::Tones) => {
                listener.keypad.get_or_insert_default().push(key.digit);
            }
            (Carrier::Event | Carrier::Info | Carrier::InBand, KeyForm::Info) => {
                listener.keypad.get_or_insert_default();
                out.event(Event::Key { leg: peer, digit: key.digit });
            }
        }
        self.replan(now, peer, out);
    }

    /// Whether the tones of a phone are to be listened to: it negotiated no telephone-events, and its peer takes no tones, or
    /// would hear those beside the ones that we make of an INFO.
    pub(super) fn interpret(&mut self, leg: LegId) {
        let Some(params) = self.leg_mut(leg).and_then(|leg| leg.params) else { return };
        let peer = params.peer.and_then(|peer| self.leg_mut(peer)).and_then(|peer| peer.key_form());
        let translates = params.events.is_none() && peer.is_some_and(|form| form != KeyForm::Tones || params.info);
        if let Some(leg) = self.leg_mut(leg) {
            leg.translate(translates);
        }
    }

    /// To the other party of the call alone, when it may hear this one, and unless the key has come another way.
    pub(super) fn pass_event(&mut self, now: Instant, source: Token, packet: &Packet, new: bool, out: &mut impl Out) {
        let Some(leg) = self.at(source) else { return };
        let (id, peer) = (leg.id, leg.params.and_then(|params| params.peer));
        let events = leg.params.and_then(|params| params.events);
        let peer = peer.filter(|_| new).and_then(|peer| self.tokens.get(&peer)).copied();
        self.skip(source, peer, packet);
        let (Some(token), Some(events)) = (peer, events) else { return };
        if let Some(listener) = self.at_mut(token).filter(|listener| listener.may_hear(id)) {
            listener.relay_event(now, token, (source, events), packet, out);
        }
    }

    /// The keys on their way to a leg; when the last one was pressed and the peer holds none any more, it hears the peer again.
    pub(super) fn serve_keypad(&mut self, now: Instant, token: Token, leg: &mut Leg, out: &mut impl Out) {
        let (form, at) = (leg.key_form(), leg.stream.place());
        let Some(keypad) = &mut leg.keypad else { return };
        if let Some(form) = form {
            keypad.tick(form, at);
        }
        let peer = leg.params.and_then(|params| self.tokens.get(&params.peer?)).and_then(|peer| self.at(*peer));
        if form.is_none() || keypad.is_over() && !peer.is_some_and(|peer| peer.is_pressed(now)) {
            leg.keypad = None;
            self.finished.push(token);
        }
        leg.press_key(now, token, out);
    }
}
