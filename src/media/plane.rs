//! The media plane: a pure machine over all legs. Packets, ticks and commands in; packets and events out.
//!
//! From a listener's row of the matrix follows how its stream is made: one source of the same codec and nothing
//! playing is relayed; anything else is mixed at the tick. A packet finds its leg by index and costs no allocation.

mod keys;

use super::{
    Event, LegParams,
    clip::Clips,
    codec,
    ear::Ear,
    health::Channel,
    jitter::MAX_JITTER_FRAMES,
    leg::{Admitted, Feed, Handover, Leg, LegStatistics, Mixing, Source},
    mixer::Mix,
    player::Player,
    rate::{MAX_FRAME_SAMPLES, Rate},
    rtcp,
    rtp::Packet,
    stream::Stream,
};
use crate::model::{Codec, Entropy, HearMatrix, Hearing, LegId, Prompt, SrtpKeys};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// The most legs that may be open at once.
pub const MAX_LEGS: usize = 20_000;

const FRAME_MS: u16 = 20;
/// What waits in a ring, and what may have been lost before it.
const MAX_FLUSH_FRAMES: usize = 2 * MAX_JITTER_FRAMES;

/// A leg's place in the plane, from `open` to `close`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub usize);

/// Where the plane puts what goes out.
pub trait Out {
    fn send(&mut self, leg: Token, to: SocketAddr, packet: &[u8]);
    /// RTCP, by the port of RTP or by its own.
    fn report(&mut self, leg: Token, channel: Channel, to: SocketAddr, report: &[u8]);
    fn event(&mut self, event: Event);
    /// So many packets of a peer never came.
    fn lost(&mut self, packets: u64);
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenError {
    #[error("{MAX_LEGS} legs are open already")]
    Full,
    #[error("this leg is open already")]
    Twice,
}

pub struct Plane {
    clips: Arc<Clips>,
    entropy: Entropy,
    legs: Vec<Option<Box<Leg>>>,
    free: Vec<Token>,
    tokens: BTreeMap<LegId, Token>,
    /// For each source, the listeners whose rows name it.
    audiences: BTreeMap<LegId, BTreeSet<LegId>>,
    /// Legs whose player came to its end in this tick.
    finished: Vec<Token>,
    /// How long a peer may be quiet; `None`: for ever.
    patience: Option<Duration>,
}

impl Plane {
    pub fn new(clips: Arc<Clips>, entropy: Entropy) -> Self {
        let (legs, free, finished) = (Vec::new(), Vec::new(), Vec::new());
        let (tokens, audiences) = (BTreeMap::new(), BTreeMap::new());
        Self { clips, entropy, legs, free, tokens, audiences, finished, patience: None }
    }

    /// A peer of which nothing comes for so long is told of.
    pub fn with_patience(self, patience: Option<Duration>) -> Self {
        Self { patience, ..self }
    }

    pub fn open(&mut self, leg: LegId) -> Result<Token, OpenError> {
        if self.tokens.contains_key(&leg) {
            return Err(OpenError::Twice);
        }
        if self.tokens.len() >= MAX_LEGS {
            return Err(OpenError::Full);
        }
        let random = self.entropy.bits();
        let stream = Stream::new(random as u32, (random >> 32) as u16, (random >> 64) as u32);
        let token = self.free.pop().unwrap_or(Token(self.legs.len()));
        let opened = Some(Box::new(Leg::new(leg, stream)));
        match self.legs.get_mut(token.0) {
            Some(slot) => *slot = opened,
            None => self.legs.push(opened),
        }
        self.tokens.insert(leg, token);
        Ok(token)
    }

    pub fn close(&mut self, now: Instant, leg: LegId, out: &mut impl Out) -> Option<Token> {
        let token = self.tokens.remove(&leg)?;
        let closed = self.take(token)?;
        self.unsubscribe(token, &closed.feed);
        for (source, _) in &closed.hears {
            self.leave_audience(*source, leg);
        }
        self.replan_audience(now, leg, out);
        let quality = closed.end(now, token, out);
        out.event(Event::Closed { leg, quality });
        self.free.push(token);
        Some(token)
    }

    pub fn configure(&mut self, now: Instant, leg: LegId, params: LegParams, out: &mut impl Out) {
        let random = self.entropy.bits();
        let Some(configured) = self.leg_mut(leg) else { return };
        configured.configure(now, random, params);
        self.interpret(leg);
        params.peer.into_iter().for_each(|peer| self.interpret(peer));
        self.replan(now, leg, out);
        self.replan_audience(now, leg, out);
    }

    /// From here on the leg is secured with these keys, or plain.
    pub fn secure(&mut self, leg: LegId, keys: Option<&SrtpKeys>) {
        if let Some(leg) = self.leg_mut(leg) {
            leg.secure(keys);
        }
    }

    /// Replaces the rows of the open legs it names.
    pub fn hear(&mut self, now: Instant, matrix: &HearMatrix, out: &mut impl Out) {
        for (listener, sources) in matrix.rows() {
            let music = matrix.hears_music(listener).then(|| self.clips.get(Prompt::MusicOnHold).cloned()).flatten();
            let Some(leg) = self.leg_mut(listener) else { continue };
            leg.music = music.map(|clip| leg.music.take().unwrap_or_else(|| Player::repeating(clip)));
            let before = std::mem::replace(
                &mut leg.hears,
                sources.iter().map(|(source, hearing)| (*source, *hearing)).collect(),
            );
            before.into_iter().for_each(|(source, _)| self.leave_audience(source, listener));
            for source in sources.keys() {
                self.audiences.entry(*source).or_default().insert(listener);
            }
        }
        matrix.rows().for_each(|(listener, _)| self.replan(now, listener, out));
    }

    pub fn play(&mut self, now: Instant, leg: LegId, ticket: u64, prompts: &[Prompt], out: &mut impl Out) {
        let clips = prompts.iter().filter_map(|prompt| self.clips.get(*prompt).cloned()).collect();
        let Some(listener) = self.leg_mut(leg) else { return };
        listener.player = Some(Player::new(ticket, clips));
        self.replan(now, leg, out);
    }

    pub fn stop_playing(&mut self, now: Instant, leg: LegId, out: &mut impl Out) {
        let Some(listener) = self.leg_mut(leg) else { return };
        listener.player = None;
        self.replan(now, leg, out);
    }

    pub fn listen(&mut self, leg: LegId, on: bool) {
        if let Some(leg) = self.leg_mut(leg) {
            leg.listen(on);
        }
    }

    pub fn packet(&mut self, now: Instant, token: Token, from: SocketAddr, bytes: &[u8], out: &mut impl Out) {
        let Some(leg) = self.at_mut(token) else { return };
        if rtcp::is_rtcp(bytes) {
            return leg.report_came(now, from, bytes);
        }
        let Some(bytes) = leg.open(now, from, bytes) else { return };
        match leg.admit(now, from, &bytes) {
            Some(Admitted::Audio(packet)) => {
                let (held_back, before) = (leg.translates, leg.hear_audio(now, &packet));
                self.take_keys(now, token, out);
                match before {
                    Some(before) => self.relay(now, token, &before.packet(), out),
                    None if held_back => {}
                    None => self.relay(now, token, &packet, out),
                }
            }
            Some(Admitted::TelephoneEvent(packet)) => {
                let new = leg.hear_event(now, &packet);
                self.take_keys(now, token, out);
                self.pass_event(now, token, &packet, new, out);
            }
            Some(Admitted::ComfortNoise(packet)) => {
                leg.hear_comfort_noise(&packet);
                self.skip(token, None, &packet);
            }
            None => {}
        }
    }

    /// To be called every 20 ms.
    pub fn tick(&mut self, now: Instant, out: &mut impl Out) {
        self.legs.iter_mut().flatten().for_each(|leg| leg.tick(now));
        for token in (0..self.legs.len()).map(Token) {
            self.take_keys(now, token, out);
            self.serve(now, token, out);
        }
        self.report(now, out);
        self.tell_quiet(now, out);
        while let Some(token) = self.finished.pop() {
            if let Some(leg) = self.at(token).map(|leg| leg.id) {
                self.replan(now, leg, out);
            }
        }
    }

    /// A datagram that came to the RTCP port.
    pub fn report_came(&mut self, now: Instant, token: Token, from: SocketAddr, datagram: &[u8]) {
        if let Some(leg) = self.at_mut(token) {
            leg.report_came(now, from, datagram);
        }
    }

    pub fn statistics(&self, leg: LegId) -> Option<LegStatistics> {
        self.tokens.get(&leg).and_then(|token| self.at(*token)).map(|leg| leg.statistics)
    }

    pub fn open_legs(&self) -> usize {
        self.tokens.len()
    }

    /// Sends the reports that are due.
    fn report(&mut self, now: Instant, out: &mut impl Out) {
        for (index, leg) in self.legs.iter_mut().enumerate() {
            if let Some(leg) = leg.as_mut().filter(|leg| leg.report_is_due(now)) {
                leg.report(now, self.entropy.bits() as u32, Token(index), out);
            }
        }
    }

    fn tell_quiet(&mut self, now: Instant, out: &mut impl Out) {
        let Some(patience) = self.patience else { return };
        for leg in self.legs.iter_mut().flatten() {
            if leg.is_quiet_for(now, patience) {
                out.event(Event::Quiet { leg: leg.id });
            }
        }
    }

    fn relay(&mut self, now: Instant, source: Token, packet: &Packet, out: &mut impl Out) {
        let mut nth = 0;
        while let Some(token) = self.at(source).and_then(|leg| leg.relayed_to.get(nth)).copied() {
            if let Some(listener) = self.at_mut(token) {
                listener.relay_audio(now, token, packet, out);
            }
            nth += 1;
        }
    }

    /// The streams relayed from `source` get nothing of this packet, and no hole; but for that to `other`.
    fn skip(&mut self, source: Token, other: Option<Token>, packet: &Packet) {
        let mut nth = 0;
        while let Some(token) = self.at(source).and_then(|leg| leg.relayed_to.get(nth)).copied() {
            if let Some(listener) = self.at_mut(token).filter(|_| Some(token) != other) {
                listener.stream.skip(packet);
            }
            nth += 1;
        }
    }

    /// One listener's frame of this tick.
    fn serve(&mut self, now: Instant, token: Token, out: &mut impl Out) {
        let idle = |leg: &Leg| leg.player.is_none() && leg.keypad.is_none() && !matches!(leg.feed, Feed::Mix(_));
        if self.at(token).is_none_or(idle) {
            return;
        }
        let Some(mut leg) = self.take(token) else { return };
        let waits = leg.params.is_none() || !self.send_frame(now, token, &mut leg, out);
        self.serve_keypad(now, token, &mut leg, out);
        if let (false, Some(music)) = (waits, &mut leg.music) {
            music.advance();
        }
        if let (false, Some(player)) = (waits, &mut leg.player) {
            player.advance();
            if player.is_over() {
                out.event(Event::Played { leg: leg.id, ticket: player.ticket });
                leg.player = None;
                self.finished.push(token);
            }
        }
        self.put_back(token, leg);
    }

    /// `false` when the frame must wait for a handover.
    fn send_frame(&self, now: Instant, token: Token, leg: &mut Leg, out: &mut impl Out) -> bool {
        let (Some(params), Feed::Mix(mixing)) = (leg.params, &mut leg.feed) else { return true };
        let ear = mixing.handover.and_then(|handover| self.ear((handover.source, Hearing::All)));
        let Some(heard) = mixing.already_heard(params.codec, ear) else { return false };
        let tone = leg.keypad.as_ref().and_then(|keypad| keypad.tone());
        let mut playing = leg.player.iter().chain(&leg.music).chain(tone);
        let ready = match (playing.next(), playing.next()) {
            _ if mixing.sources.iter().any(|source| self.sounds(*source)) => None,
            _ if params.ptime_ms != FRAME_MS => None,
            (Some(player), None) => player.encoded(params.codec),
            (Some(_), Some(_)) => None,
            (None, _) => codec::silence(params.codec),
        };
        if let Some(payload) = ready.copied() {
            let payload = payload.get(heard..).unwrap_or_default();
            leg.send_own(now, token, payload, codec::duration(params.codec, payload), out);
            return true;
        }
        let players = leg.player.iter().chain(&leg.music).chain(tone);
        let mix = self.mix(&mixing.sources, players, mixing.rate).clamp();
        let frame = &mix[..mixing.rate.frame_samples()];
        let unheard = codec::packable(params.codec, frame.len() - heard);
        if unheard > 0 {
            leg.say(now, token, &frame[frame.len() - unheard..], out);
        }
        if heard > 0 {
            leg.say_rest(now, token, out);
        }
        true
    }

    fn sounds(&self, source: Source) -> bool {
        self.ear(source).is_some_and(|ear| ear.at.is_some())
    }

    /// The sum of the sources that sound, and of what plays over them.
    fn mix<'p>(&self, sources: &[Source], players: impl Iterator<Item = &'p Player>, rate: Rate) -> Mix {
        let mut mix = Mix::default();
        for ear in sources.iter().filter_map(|source| self.ear(*source)).filter(|ear| ear.at.is_some()) {
            mix.add(ear.frame(rate));
        }
        for frame in players.filter_map(|player| player.linear(rate)) {
            mix.add(frame);
        }
        mix
    }

    fn ear(&self, (source, hearing): Source) -> Option<&Ear> {
        self.at(source)?.ear(hearing)
    }

    fn replan_audience(&mut self, now: Instant, source: LegId, out: &mut impl Out) {
        let listeners: Vec<LegId> = self.audiences.get(&source).into_iter().flatten().copied().collect();
        listeners.into_iter().for_each(|listener| self.replan(now, listener, out));
    }

    /// Derives anew how the stream to `listener` is made, and hands over without a break.
    fn replan(&mut self, now: Instant, listener: LegId, out: &mut impl Out) {
        let Some(token) = self.tokens.get(&listener).copied() else { return };
        let Some(mut leg) = self.take(token) else { return };
        let mut next = self.derive(&leg);
        match (&leg.feed, &mut next) {
            (Feed::Relay(before), Feed::Relay(after)) if before == after => {}
            (Feed::Relay(source), Feed::Mix(mixing)) => {
                let heard = leg.stream.end_relay().filter(|_| mixing.sources.contains(&(*source, Hearing::All)));
                mixing.handover = heard.map(|heard| Handover::new(*source, heard));
            }
            (Feed::Relay(_), Feed::Off | Feed::Relay(_)) => {
                leg.stream.end_relay();
            }
            (Feed::Mix(before), Feed::Mix(after)) => {
                after.handover =
                    before.handover.filter(|handover| after.sources.contains(&(handover.source, Hearing::All)));
            }
            (Feed::Mix(before), Feed::Relay(source)) if before.sources.contains(&(*source, Hearing::All)) => {
                let (source, handover) = (*source, before.handover);
                self.flush(now, token, &mut leg, source, handover, out);
            }
            (Feed::Mix(_), Feed::Off | Feed::Relay(_)) | (Feed::Off, Feed::Off | Feed::Relay(_) | Feed::Mix(_)) => {}
        }
        self.subscribe(token, &next);
        let before = std::mem::replace(&mut leg.feed, next);
        self.unsubscribe(token, &before);
        if !matches!(leg.feed, Feed::Mix(_)) {
            leg.fall_silent();
        }
        self.put_back(token, leg);
    }

    fn derive(&self, listener: &Leg) -> Feed {
        let Some(params) = listener.params.filter(|params| params.send) else { return Feed::Off };
        let open = |(source, hearing): &(LegId, Hearing)| {
            let token = self.tokens.get(source)?;
            let params = self.at(*token)?.params.filter(|params| params.receive)?;
            Some(((*token, *hearing), params.codec))
        };
        let unheard = params.peer.filter(|_| listener.keypad.is_some());
        let heard = listener.hears.iter().filter(|(source, _)| Some(*source) != unheard);
        let sources: Vec<(Source, Codec)> = heard.filter_map(open).collect();
        match sources.as_slice() {
            [((source, Hearing::All), codec)]
                if *codec == params.codec
                    && listener.player.is_none()
                    && listener.music.is_none()
                    && listener.keypad.is_none() =>
            {
                Feed::Relay(*source)
            }
            _ => {
                let sources = sources.into_iter().map(|(source, _)| source).collect();
                Feed::Mix(Mixing { sources, rate: codec::rate(params.codec), handover: None })
            }
        }
    }

    /// From mix to relay: what waits in the source's ring goes out now, and the relay begins where it ends.
    fn flush(
        &self,
        now: Instant,
        token: Token,
        leg: &mut Leg,
        source: Token,
        handover: Option<Handover>,
        out: &mut impl Out,
    ) {
        leg.say_rest(now, token, out);
        let (Some(LegParams { codec, .. }), Some(ear)) = (leg.params, self.ear((source, Hearing::All))) else { return };
        let ssrc = ear.ssrc();
        let heard = handover.filter(|handover| handover.source == source).map(|handover| handover.heard());
        let Some((from, to)) = ear.waiting() else {
            if let Some((ssrc, until)) = heard {
                leg.stream.begin_relay(ssrc, until);
            }
            return;
        };
        let frame = codec::rate(codec).frame_samples();
        let reach = codec::units(codec, MAX_FLUSH_FRAMES * frame);
        let within_reach = |heard: &(u32, u32)| heard.0 == ssrc && to.wrapping_sub(heard.1) <= reach;
        let mut at = heard.filter(within_reach).map_or(from, |heard| heard.1);
        while to.wrapping_sub(at) as i32 > 0 {
            let length = codec::packable(codec, frame.min(codec::samples(codec, to.wrapping_sub(at))));
            if length == 0 {
                break;
            }
            let mut samples = [0; MAX_FRAME_SAMPLES];
            match ear.peek(at, &mut samples[..length]) {
                true => leg.say(now, token, &samples[..length], out),
                false => {
                    leg.say_rest(now, token, out);
                    leg.stream.lose(codec::units(codec, length));
                }
            }
            at = at.wrapping_add(codec::units(codec, length));
        }
        leg.say_rest(now, token, out);
        leg.stream.begin_relay(ssrc, at);
    }

    fn subscribe(&mut self, listener: Token, feed: &Feed) {
        match feed {
            Feed::Off => {}
            Feed::Relay(source) => {
                if let Some(source) = self.at_mut(*source) {
                    source.relayed_to.push(listener);
                }
            }
            Feed::Mix(mixing) => {
                for (source, hearing) in &mixing.sources {
                    if let Some(source) = self.at_mut(*source) {
                        source.begin_ear(*hearing, mixing.rate);
                    }
                }
            }
        }
    }

    fn unsubscribe(&mut self, listener: Token, feed: &Feed) {
        match feed {
            Feed::Off => {}
            Feed::Relay(source) => {
                let Some(source) = self.at_mut(*source) else { return };
                if let Some(nth) = source.relayed_to.iter().position(|token| *token == listener) {
                    source.relayed_to.swap_remove(nth);
                }
            }
            Feed::Mix(mixing) => {
                for (source, hearing) in &mixing.sources {
                    if let Some(source) = self.at_mut(*source) {
                        source.end_ear(*hearing, mixing.rate);
                    }
                }
            }
        }
    }

    fn leave_audience(&mut self, source: LegId, listener: LegId) {
        if let Some(audience) = self.audiences.get_mut(&source) {
            audience.remove(&listener);
            if audience.is_empty() {
                self.audiences.remove(&source);
            }
        }
    }

    fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        let token = self.tokens.get(&leg).copied()?;
        self.at_mut(token)
    }

    fn at(&self, token: Token) -> Option<&Leg> {
        self.legs.get(token.0)?.as_deref()
    }

    fn at_mut(&mut self, token: Token) -> Option<&mut Leg> {
        self.legs.get_mut(token.0)?.as_deref_mut()
    }

    fn take(&mut self, token: Token) -> Option<Box<Leg>> {
        self.legs.get_mut(token.0)?.take()
    }

    fn put_back(&mut self, token: Token, leg: Box<Leg>) {
        if let Some(slot) = self.legs.get_mut(token.0) {
            *slot = Some(leg);
        }
    }
}
