//! The shell around the plane: one thread, its sockets, its own 20 ms clock.
//!
//! Commands wait in a bounded channel whose sender blocks when it is full: the thread never waits for anybody, so
//! that is short. Events that the receiver has no room for wait here, in order; beyond the bound they are counted
//! and lost.

use super::{
    Command, Event, LegSockets,
    clip::Clips,
    health::Channel,
    plane::{MAX_LEGS, Out, Plane, Token},
};
use crate::model::{Entropy, LegId};
use mio::{Interest, Poll, Waker, net::UdpSocket};
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Commands that may wait for the thread.
pub const MAX_COMMANDS: usize = 1024;
/// Events that may wait in the channel, and again as many behind it.
pub const MAX_EVENTS: usize = 4096;
const TICK: Duration = Duration::from_millis(20);
/// A tick that comes this late counts as late.
const LATE: Duration = Duration::from_millis(5);
/// Missed ticks that are made up for; the rest are skipped.
const MAX_TICKS_AT_ONCE: u32 = 5;
/// Datagrams read from one socket before the others have their turn.
const MAX_READS: usize = 32;
/// The largest datagram that is read whole; RTP of this house is far smaller.
const MAX_DATAGRAM_BYTES: usize = 2048;
const MAX_READY: usize = 1024;
const WAKE: mio::Token = mio::Token(usize::MAX);

#[derive(Debug, thiserror::Error)]
#[error("the media thread has ended")]
pub struct Stopped;

/// Counted since the start; read at any time.
#[derive(Debug, Default)]
pub struct MediaStatistics {
    pub packets_in: AtomicU64,
    pub packets_out: AtomicU64,
    /// The network did not take them.
    pub packets_unsent: AtomicU64,
    /// Packets of peers that never came, as each leg finds out at its next report or its end.
    pub packets_lost: AtomicU64,
    pub late_ticks: AtomicU64,
    pub skipped_ticks: AtomicU64,
    pub events_lost: AtomicU64,
    pub legs: AtomicU64,
}

/// The running media thread; it ends when this is dropped.
pub struct Media {
    commands: Option<SyncSender<Command>>,
    waker: Arc<Waker>,
    /// The thread is called and has not come yet: one call is enough for many commands.
    called: Arc<AtomicBool>,
    statistics: Arc<MediaStatistics>,
    thread: Option<JoinHandle<()>>,
}

impl Media {
    /// `patience`: how long nothing may come of a peer before that is told; `None`: for ever.
    pub fn start(
        clips: Arc<Clips>,
        entropy: Entropy,
        patience: Option<Duration>,
    ) -> io::Result<(Media, mpsc::Receiver<Event>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (commands, received) = sync_channel(MAX_COMMANDS);
        let (sender, events) = mpsc::channel(MAX_EVENTS);
        let statistics = Arc::new(MediaStatistics::default());
        let wire =
            Wire { sockets: Vec::new(), events: sender, waiting: VecDeque::new(), statistics: statistics.clone() };
        let plane = Plane::new(clips, entropy).with_patience(patience);
        let called = Arc::new(AtomicBool::new(false));
        let shell = Shell { poll, plane, commands: received, called: Arc::clone(&called), wire, unread: Vec::new() };
        let thread = std::thread::Builder::new().name("media".into()).spawn(move || shell.run())?;
        Ok((Media { commands: Some(commands), waker, called, statistics, thread: Some(thread) }, events))
    }

    /// Hands a command to the thread. Commands are carried out in order.
    pub fn command(&self, command: Command) -> Result<(), Stopped> {
        let commands = self.commands.as_ref().ok_or(Stopped)?;
        commands.send(command).map_err(|_| Stopped)?;
        match self.called.swap(true, Ordering::AcqRel) {
            true => Ok(()),
            false => self.waker.wake().map_err(|_| Stopped),
        }
    }

    pub fn statistics(&self) -> &MediaStatistics {
        &self.statistics
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.commands = None;
        let woken = self.waker.wake();
        if let (Ok(()), Some(thread)) = (woken, self.thread.take())
            && thread.join().is_err()
        {
            tracing::error!("the media thread had panicked");
        }
    }
}

struct Shell {
    poll: Poll,
    plane: Plane,
    commands: Receiver<Command>,
    called: Arc<AtomicBool>,
    wire: Wire,
    /// Sockets that had more to read than their turn allowed.
    unread: Vec<mio::Token>,
}

/// Where the plane's packets and events go.
struct Wire {
    sockets: Vec<Option<Sockets>>,
    events: mpsc::Sender<Event>,
    waiting: VecDeque<Event>,
    statistics: Arc<MediaStatistics>,
}

struct Sockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

#[expect(clippy::disallowed_methods, reason = "this is the clock of the media")]
fn clock() -> Instant {
    Instant::now()
}

impl Shell {
    fn run(mut self) {
        let mut ready = mio::Events::with_capacity(MAX_READY);
        let mut next_tick = clock() + TICK;
        loop {
            let wait =
                if self.unread.is_empty() { next_tick.saturating_duration_since(clock()) } else { Duration::ZERO };
            match self.poll.poll(&mut ready, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return tracing::error!(%error, "the media thread cannot wait for packets"),
            }
            let now = clock();
            if self.carry_out(now).is_none() {
                return;
            }
            let again = std::mem::take(&mut self.unread);
            again.into_iter().for_each(|socket| self.read(now, socket));
            for event in ready.iter().filter(|event| event.token() != WAKE) {
                self.read(now, event.token());
            }
            next_tick = self.keep_time(next_tick);
            self.wire.deliver();
        }
    }

    /// `None` when nobody can give commands any more.
    fn carry_out(&mut self, now: Instant) -> Option<()> {
        // Before the first is taken: whoever brings one from here on calls again.
        self.called.swap(false, Ordering::AcqRel);
        for _ in 0..MAX_COMMANDS {
            match self.commands.try_recv() {
                Ok(command) => self.obey(now, command),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return None,
            }
        }
        self.wire.statistics.legs.store(self.plane.open_legs() as u64, Ordering::Relaxed);
        Some(())
    }

    fn obey(&mut self, now: Instant, command: Command) {
        let (plane, out) = (&mut self.plane, &mut self.wire);
        match command {
            Command::Open { leg, sockets } => self.open(now, leg, sockets),
            Command::Configure { leg, params } => plane.configure(now, leg, params, out),
            Command::Secure { leg, keys } => plane.secure(leg, keys.as_ref()),
            Command::Hear(matrix) => plane.hear(now, &matrix, out),
            Command::Play { leg, ticket, clips } => plane.play(now, leg, ticket, &clips, out),
            Command::StopPlaying { leg } => plane.stop_playing(now, leg, out),
            Command::Listen { leg, on } => plane.listen(leg, on),
            Command::Info { leg, digit } => plane.info(now, leg, digit, out),
            Command::Close { leg } => self.close(now, leg),
        }
    }

    fn open(&mut self, now: Instant, leg: LegId, sockets: LegSockets) {
        let token = match self.plane.open(leg) {
            Ok(token) => token,
            Err(error) => return tracing::error!(%leg, %error, "a leg has no media"),
        };
        let mut sockets = Sockets { rtp: UdpSocket::from_std(sockets.rtp), rtcp: UdpSocket::from_std(sockets.rtcp) };
        let registry = self.poll.registry();
        let registered = registry
            .register(&mut sockets.rtp, mio_token(token, Channel::Rtp), Interest::READABLE)
            .and_then(|()| registry.register(&mut sockets.rtcp, mio_token(token, Channel::Rtcp), Interest::READABLE));
        if let Err(error) = registered {
            tracing::error!(%leg, %error, "a leg has no media");
            return self.close(now, leg);
        }
        self.wire.place(token, Some(sockets));
    }

    fn close(&mut self, now: Instant, leg: LegId) {
        let Some(token) = self.plane.close(now, leg, &mut self.wire) else { return };
        let Some(mut sockets) = self.wire.place(token, None) else { return };
        for socket in [&mut sockets.rtp, &mut sockets.rtcp] {
            if let Err(error) = self.poll.registry().deregister(socket) {
                tracing::warn!(%leg, %error, "a closed socket was not registered");
            }
        }
    }

    fn read(&mut self, now: Instant, socket: mio::Token) {
        let (token, channel) = place_of(socket);
        let mut datagram = [0; MAX_DATAGRAM_BYTES];
        for _ in 0..MAX_READS {
            let Some(Some(sockets)) = self.wire.sockets.get(token.0) else { return };
            match sockets.of(channel).recv_from(&mut datagram) {
                Ok((length, from)) => {
                    self.wire.statistics.packets_in.fetch_add(1, Ordering::Relaxed);
                    let bytes = datagram.get(..length).unwrap_or_default();
                    match channel {
                        Channel::Rtp => self.plane.packet(now, token, from, bytes, &mut self.wire),
                        Channel::Rtcp => self.plane.report_came(now, token, from, bytes),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error of an earlier packet: it says nothing about the next one.
                Err(_) => {}
            }
        }
        if !self.unread.contains(&socket) {
            self.unread.push(socket);
        }
    }

    /// Ticks that are due, and when the next one is: a multiple of 20 ms after the first, however late this one came.
    fn keep_time(&mut self, mut next_tick: Instant) -> Instant {
        let count = |counter: &AtomicU64, n: u64| counter.fetch_add(n, Ordering::Relaxed);
        for _ in 0..MAX_TICKS_AT_ONCE {
            let now = clock();
            if now < next_tick {
                return next_tick;
            }
            if now.saturating_duration_since(next_tick) > LATE {
                count(&self.wire.statistics.late_ticks, 1);
            }
            self.plane.tick(now, &mut self.wire);
            next_tick += TICK;
        }
        let behind = clock().saturating_duration_since(next_tick).as_millis() / TICK.as_millis();
        count(&self.wire.statistics.skipped_ticks, behind as u64);
        next_tick + TICK * behind as u32
    }
}

/// The two sockets of a leg stand beside each other.
fn mio_token(token: Token, channel: Channel) -> mio::Token {
    mio::Token(2 * token.0 + usize::from(channel == Channel::Rtcp))
}

fn place_of(socket: mio::Token) -> (Token, Channel) {
    let channel = if socket.0.is_multiple_of(2) { Channel::Rtp } else { Channel::Rtcp };
    (Token(socket.0 / 2), channel)
}

impl Sockets {
    fn of(&self, channel: Channel) -> &UdpSocket {
        match channel {
            Channel::Rtp => &self.rtp,
            Channel::Rtcp => &self.rtcp,
        }
    }
}

impl Wire {
    /// Puts sockets in their place, and gives back what stood there.
    fn place(&mut self, token: Token, sockets: Option<Sockets>) -> Option<Sockets> {
        if token.0 >= self.sockets.len() && token.0 < MAX_LEGS {
            self.sockets.resize_with(token.0 + 1, || None);
        }
        let slot = self.sockets.get_mut(token.0)?;
        std::mem::replace(slot, sockets)
    }

    /// Hands over what waited for room.
    fn deliver(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                return self.waiting.push_front(event);
            }
        }
    }
}

impl Out for Wire {
    fn send(&mut self, leg: Token, to: SocketAddr, packet: &[u8]) {
        self.report(leg, Channel::Rtp, to, packet);
    }

    fn report(&mut self, leg: Token, channel: Channel, to: SocketAddr, packet: &[u8]) {
        let Some(Some(sockets)) = self.sockets.get(leg.0) else { return };
        let counter = match sockets.of(channel).send_to(packet, to) {
            Ok(_) => &self.statistics.packets_out,
            Err(_) => &self.statistics.packets_unsent,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn event(&mut self, event: Event) {
        if self.waiting.len() >= MAX_EVENTS {
            self.statistics.events_lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.waiting.push_back(event);
    }

    fn lost(&mut self, packets: u64) {
        self.statistics.packets_lost.fetch_add(packets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        media::{LegParams, ports::Ports, rtp::Packet, tone},
        model::{Codec, HearMatrix, IdMaker, Prompt},
    };
    use std::net::{IpAddr, Ipv4Addr};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    struct Phone {
        leg: LegId,
        socket: std::net::UdpSocket,
        engine: SocketAddr,
    }

    impl Phone {
        fn join(media: &Media, ports: &mut Ports, leg: LegId, peer: Option<LegId>) -> Phone {
            let (engine, sockets) = ports.bind().unwrap();
            let socket = std::net::UdpSocket::bind((HERE, 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let remote = socket.local_addr().unwrap();
            media.command(Command::Open { leg, sockets }).ok().unwrap();
            let params = LegParams { peer, ..LegParams::plain(remote, Codec::Pcmu) };
            media.command(Command::Configure { leg, params }).ok().unwrap();
            Phone { leg, socket, engine }
        }

        fn say(&self, sequence: u16, payload: &[u8]) {
            let timestamp = u32::from(sequence) * 160;
            let packet = Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc: 5, payload };
            self.socket.send_to(packet.write(&mut [0; 1500]).unwrap(), self.engine).unwrap();
        }

        fn hear(&self) -> Vec<u8> {
            let mut buffer = [0; 1500];
            let length = self.socket.recv(&mut buffer).unwrap();
            Packet::read(&buffer[..length]).unwrap().payload.to_vec()
        }
    }

    fn media() -> (Media, mpsc::Receiver<Event>) {
        let clips = Clips::from_samples([(Prompt::Chime, tone::chime())]);
        Media::start(Arc::new(clips), Entropy::from_seed([3; 32]), None).unwrap()
    }

    fn legs<const N: usize>() -> [LegId; N] {
        let mut ids = IdMaker::new(Entropy::from_seed([7; 32]));
        std::array::from_fn(|_| ids.make(0))
    }

    #[test]
    fn two_phones_hear_each_other_through_sockets() {
        let (media, _events) = media();
        let mut ports = Ports::new(HERE, (42_100, 42_199), 0).unwrap();
        let [one, two] = legs();
        let (a, b) = (Phone::join(&media, &mut ports, one, Some(two)), Phone::join(&media, &mut ports, two, Some(one)));
        let mut matrix = HearMatrix::silent([]);
        matrix.allow(a.leg, b.leg);
        matrix.allow(b.leg, a.leg);
        media.command(Command::Hear(matrix)).ok().unwrap();
        for n in 0..50u8 {
            a.say(n.into(), &[n; 160]);
            let said: Vec<u8> = (0..).map(|_| b.hear()).find(|payload| payload[0] != 0xff).unwrap();
            assert_eq!(said, [n; 160]);
            b.say(n.into(), &[n; 80]);
            let said: Vec<u8> = (0..).map(|_| a.hear()).find(|payload| payload[0] != 0xff).unwrap();
            assert_eq!(said, [n; 80]);
        }
    }

    #[test]
    fn a_chime_is_played_on_the_threads_own_clock_and_its_end_is_told() {
        let (media, mut events) = media();
        let mut ports = Ports::new(HERE, (42_200, 42_299), 0).unwrap();
        let [leg] = legs();
        let phone = Phone::join(&media, &mut ports, leg, None);
        media.command(Command::Play { leg, ticket: 8, clips: vec![Prompt::Chime] }).ok().unwrap();
        let begun = clock();
        assert!(events.blocking_recv() == Some(Event::Played { leg, ticket: 8 }));
        let lasted = clock() - begun;
        assert!(lasted > Duration::from_millis(300), "{lasted:?}");
        assert!((0..30).any(|_| phone.hear() != [0xff; 160]));
        media.command(Command::Close { leg }).ok().unwrap();
        let silent = crate::model::LegQuality::default();
        assert!(events.blocking_recv() == Some(Event::Closed { leg, quality: silent }));
        drop(media);
        assert!(events.blocking_recv().is_none(), "the thread has ended");
        assert!(std::net::UdpSocket::bind(phone.engine).is_ok(), "and its ports are free");
    }
}
