//! The RTP of one call: a task that sends every 20 ms and takes what comes.

use super::{DtmfWay, heard::Heard, payloads::Payloads, voice::Speaker};
use crate::{
    dtmf::{Arrival, EventPacket, EventSender, Receiver, tone},
    media::{
        codec::{self, Encoder, FRAME_SAMPLES, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES, SAMPLE_RATE},
        coding::Incoming,
        rate::{MAX_FRAME_SAMPLES, Rate, Widener},
        rtp::{MAX_PACKET_BYTES, Packet},
        srtp::Protection,
    },
    model::{Codec, Digit, Entropy, EventFormat, SrtpKeys},
};
use std::{
    borrow::Cow,
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, sync::oneshot, time};

pub const PRESS: Duration = Duration::from_millis(100);
/// Frames between two keys.
const PAUSE_FRAMES: u32 = 5;
const IN_BAND_LEVEL_DBM0: f64 = -9.0;
const PTIME: Duration = Duration::from_millis(20);
/// How many keys may wait to be sent, and how many of the other side are kept.
const MAX_KEYS: usize = 64;
/// How often an even port is looked for.
const MAX_PORT_ATTEMPTS: usize = 64;

pub struct Media {
    pub local: SocketAddr,
    state: Mutex<State>,
}

/// What was agreed on.
#[derive(Clone, Copy)]
pub struct Terms {
    pub remote: SocketAddr,
    pub codec: Codec,
    pub payload_type: u8,
    pub events: Option<EventFormat>,
    pub sending: bool,
}

struct State {
    closed: bool,
    /// What is said goes nowhere.
    lost: bool,
    payloads: Option<Payloads>,
    terms: Option<Terms>,
    shield: Protection,
    speaker: Speaker,
    heard: Heard,
    stream: OutStream,
    codec: Option<Coding>,
    keys: VecDeque<Key>,
    press: Option<Press>,
    receiver: Receiver,
    /// What the other side has pressed, by events and by INFO.
    pressed: Vec<Digit>,
}

/// One codec, both ways.
struct Coding {
    codec: Codec,
    encoder: Encoder,
    incoming: Incoming,
    widener: Widener,
}

struct OutStream {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    begun: bool,
}

struct Key {
    digit: Digit,
    way: DtmfWay,
    pressed: oneshot::Sender<()>,
}

struct Press {
    frames: Frames,
    pressed: Option<oneshot::Sender<()>>,
}

enum Frames {
    Events(EventSender),
    Audio(std::vec::IntoIter<i16>),
    Pause(u32),
}

/// What the next 20 ms carry.
#[expect(clippy::large_enum_variant, reason = "it lives on the stack, for one tick")]
enum Say {
    Event(EventPacket),
    Audio(codec::Frame),
}

impl Media {
    /// Binds a port and starts; nothing is sent before `agree`.
    pub fn open(
        ip: IpAddr,
        speaker: Speaker,
        payloads: Option<Payloads>,
        entropy: &mut Entropy,
    ) -> io::Result<Arc<Self>> {
        let socket = bind_even(ip)?;
        let local = socket.local_addr()?;
        let [ssrc, timestamp, sequence, _] = split(entropy.bits());
        let stream = OutStream { ssrc, sequence: sequence as u16, timestamp, begun: false };
        let state = State {
            closed: false,
            lost: false,
            payloads,
            terms: None,
            shield: Protection::default(),
            speaker,
            heard: Heard::new(now()),
            stream,
            codec: None,
            keys: VecDeque::new(),
            press: None,
            receiver: Receiver::new(),
            pressed: Vec::new(),
        };
        let media = Arc::new(Self { local, state: Mutex::new(state) });
        super::spawn(run(Arc::clone(&media), socket));
        Ok(media)
    }

    /// `keys`: none for plain RTP.
    pub fn agree(&self, terms: Terms, keys: Option<&SrtpKeys>) {
        let mut state = self.state();
        state.terms = Some(terms);
        state.shield.secure(keys);
    }

    /// Whether packets are secured.
    pub fn is_secured(&self) -> bool {
        self.state().shield.is_on()
    }

    pub fn terms(&self) -> Option<Terms> {
        self.state().terms
    }

    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.keys.clear();
        state.press = None;
    }

    pub fn heard(&self) -> Vec<i16> {
        self.state().heard.samples().to_vec()
    }

    pub fn payloads(&self) -> Payloads {
        self.state().payloads.clone().unwrap_or_default()
    }

    pub fn lose(&self) {
        self.state().lost = true;
    }

    pub fn pressed(&self) -> Vec<Digit> {
        self.state().pressed.clone()
    }

    /// A key of the other side that came by INFO.
    pub fn info(&self, digit: Digit) {
        let mut state = self.state();
        state.receiver.info(now(), digit);
        state.take_keys();
    }

    /// Queues a key; the receiver hears when it and the pause after it are out, or an error when it never will be.
    pub fn press(&self, digit: Digit, way: DtmfWay) -> oneshot::Receiver<()> {
        let (pressed, done) = oneshot::channel();
        let mut state = self.state();
        if !state.closed && state.keys.len() < MAX_KEYS {
            state.keys.push_back(Key { digit, way, pressed });
        }
        done
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(media: Arc<Media>, socket: UdpSocket) {
    let mut clock = time::interval(PTIME);
    let (mut incoming, mut outgoing) = ([0; MAX_PACKET_BYTES], [0; MAX_PACKET_BYTES]);
    loop {
        tokio::select! {
            _ = clock.tick() => {
                let mut state = media.state();
                if state.closed {
                    return;
                }
                if let Some((remote, packet)) = state.next_packet(&mut outgoing) {
                    // A packet that finds no room is lost like any other.
                    let _ = socket.try_send_to(&packet, remote);
                }
            }
            received = socket.recv_from(&mut incoming) => {
                if let Ok((length, _)) = received {
                    media.state().hear(&incoming[..length]);
                }
            }
        }
    }
}

impl State {
    fn hear(&mut self, bytes: &[u8]) {
        let Some(terms) = self.terms else { return };
        let opened = self.shield.open(bytes);
        let Some(packet) = opened.as_deref().and_then(Packet::read) else { return };
        let Packet { payload_type, sequence, timestamp, marker, payload, .. } = packet;
        if terms.events.is_some_and(|events| events.payload_type == payload_type) {
            self.receiver.event(now(), &Arrival { sequence, timestamp, marker, payload });
            return self.take_keys();
        }
        if payload_type != terms.payload_type {
            return;
        }
        self.receiver.packet(sequence);
        self.take_keys();
        self.payloads.iter_mut().for_each(|payloads| payloads.note_came(payload));
        let coding = self.coding(terms.codec);
        let (mut heard, mut narrow) = ([0; MAX_PACKET_SAMPLES], [0; MAX_PACKET_SAMPLES]);
        let samples = coding.incoming.decode(payload, &mut heard);
        let samples = coding.incoming.telephone_band(samples, &mut narrow);
        self.heard.put(now(), packet.ssrc, timestamp, terms.codec.clock_rate(), samples);
    }

    fn take_keys(&mut self) {
        while let Some(key) = self.receiver.poll(now()) {
            if self.pressed.len() < MAX_KEYS {
                self.pressed.push(key.digit);
            }
        }
    }

    /// A new codec begins anew.
    fn coding(&mut self, codec: Codec) -> &mut Coding {
        let kept = self.codec.take().filter(|coding| coding.codec == codec);
        self.codec.insert(kept.unwrap_or_else(|| Coding::new(codec)))
    }

    /// The packet of this tick, if there is one to send; the timestamp runs on all the same.
    fn next_packet<'b>(&mut self, buffer: &'b mut [u8]) -> Option<(SocketAddr, Cow<'b, [u8]>)> {
        let terms = self.terms?;
        let timestamp = self.stream.timestamp;
        self.stream.timestamp = timestamp.wrapping_add(units_of_frame(terms.codec));
        let say = self.next_say(&terms, timestamp);
        if !terms.sending || self.lost {
            return None;
        }
        let begins = !self.stream.begun;
        let mut encoded = [0; MAX_PAYLOAD_BYTES];
        let (payload_type, marker, timestamp, payload): (u8, bool, u32, &[u8]) = match &say {
            Say::Event(event) => (terms.events?.payload_type, event.marker, event.timestamp, &event.payload),
            Say::Audio(frame) => {
                let payload = self.coding(terms.codec).encode(frame, &mut encoded);
                self.payloads.iter_mut().for_each(|payloads| payloads.note_said(payload));
                (terms.payload_type, begins, timestamp, payload)
            }
        };
        let sequence = self.stream.sequence;
        (self.stream.sequence, self.stream.begun) = (sequence.wrapping_add(1), true);
        let packet = Packet { payload_type, marker, sequence, timestamp, ssrc: self.stream.ssrc, payload };
        Some((terms.remote, self.shield.seal(packet.write(buffer)?)?))
    }

    fn next_say(&mut self, terms: &Terms, timestamp: u32) -> Say {
        let voice = self.speaker.next_frame();
        if self.press.is_none()
            && let Some(key) = self.keys.pop_front()
        {
            let frames = Frames::of(&key, terms, timestamp);
            self.press = Some(Press { frames, pressed: Some(key.pressed) });
        }
        let Some(press) = &mut self.press else { return Say::Audio(voice) };
        if let Some(say) = press.frames.next(voice) {
            return say;
        }
        match press.frames {
            Frames::Events(_) | Frames::Audio(_) => press.frames = Frames::Pause(PAUSE_FRAMES),
            Frames::Pause(_) => {
                let pressed = press.pressed.take();
                self.press = None;
                // Whoever pressed may be gone.
                pressed.map(|pressed| pressed.send(()));
            }
        }
        Say::Audio(voice)
    }
}

impl Coding {
    fn new(codec: Codec) -> Self {
        Self { codec, encoder: Encoder::new(codec), incoming: Incoming::new(codec), widener: Widener::default() }
    }

    fn encode<'p>(&mut self, frame: &codec::Frame, payload: &'p mut [u8]) -> &'p [u8] {
        let mut wide = [0; MAX_FRAME_SAMPLES];
        let samples = match codec::rate(self.codec) {
            Rate::Narrow => frame,
            Rate::Wide => self.widener.widen(frame, &mut wide),
        };
        self.encoder.encode(samples, payload)
    }
}

fn units_of_frame(codec: Codec) -> u32 {
    codec::units(codec, codec::rate(codec).frame_samples())
}

impl Frames {
    fn of(key: &Key, terms: &Terms, timestamp: u32) -> Self {
        match (key.way, terms.events) {
            (DtmfWay::Rfc4733, Some(events)) => {
                Frames::Events(EventSender::new(key.digit, timestamp, PRESS).on_clock(events.clock_rate))
            }
            (DtmfWay::Rfc4733, None) | (DtmfWay::InBand, _) => {
                let samples = tone::key_press(key.digit, IN_BAND_LEVEL_DBM0, PRESS, SAMPLE_RATE);
                Frames::Audio(samples.into_iter())
            }
            // Said by signalling; here only the time it takes.
            (DtmfWay::Info, _) => Frames::Pause(PAUSE_FRAMES),
        }
    }

    fn next(&mut self, voice: codec::Frame) -> Option<Say> {
        match self {
            Frames::Events(events) => events.next().map(Say::Event),
            Frames::Audio(samples) => {
                let mut frame = codec::SILENT_FRAME;
                let mut any = false;
                for (slot, sample) in frame.iter_mut().zip(samples.by_ref().take(FRAME_SAMPLES)) {
                    (*slot, any) = (sample, true);
                }
                any.then_some(Say::Audio(frame))
            }
            Frames::Pause(left) => {
                *left = left.checked_sub(1)?;
                Some(Say::Audio(voice))
            }
        }
    }
}

/// RTP goes to an even port (RFC 3550 §11).
fn bind_even(ip: IpAddr) -> io::Result<UdpSocket> {
    let mut odd = Vec::new();
    for _ in 0..MAX_PORT_ATTEMPTS {
        let socket = std::net::UdpSocket::bind((ip, 0))?;
        if socket.local_addr()?.port() % 2 == 0 {
            socket.set_nonblocking(true)?;
            return UdpSocket::from_std(socket);
        }
        odd.push(socket);
    }
    Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no even port is free"))
}

fn split(bits: u128) -> [u32; 4] {
    [0, 32, 64, 96].map(|shift| (bits >> shift) as u32)
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a phone is shell: it has a clock")]
    Instant::now()
}
