use sasayaki::{
    media::{
        Channel, Event, LegParams,
        clip::Clips,
        plane::{Out, Plane, Token},
        rtp::Packet,
        srtp::Shield,
    },
    model::{Codec, Entropy, EventFormat, HearMatrix, IdMaker, LegId, SrtpKey, SrtpKeys, SrtpSuite},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

/// Packets of a peer and of a stranger, RTP and RTCP, to two legs that hear each other. A stranger's packet makes nothing go
/// out, now or at the next tick, that would not have gone out without it.
pub fn rtp(bytes: &[u8]) {
    let (mut with, mut without) = (Talk::new(bytes), Talk::new(bytes));
    let mut rest = bytes.get(1..).unwrap_or_default();
    while let Some((&[flags, pause_ms], after)) = rest.split_first_chunk::<2>() {
        let (packet, after) = after.split_at(usize::from(flags & 0x3f).min(after.len()));
        let from_stranger = flags & 0x40 != 0;
        for talk in [&mut with, &mut without] {
            talk.pass(Duration::from_millis(u64::from(pause_ms) % 64));
        }
        with.packet(flags, packet);
        if !from_stranger {
            without.packet(flags, packet);
        }
        rest = after;
    }
    for talk in [&mut with, &mut without] {
        talk.pass(Duration::from_millis(200));
    }
    assert!(with.out.packets == without.out.packets, "a stranger is heard");
}

struct Talk {
    plane: Plane,
    tokens: [Token; 2],
    now: Instant,
    ticked: Instant,
    out: Sent,
}

#[derive(Default)]
struct Sent {
    packets: Vec<(usize, SocketAddr, Vec<u8>)>,
    events: usize,
}

impl Out for Sent {
    fn send(&mut self, leg: Token, to: SocketAddr, packet: &[u8]) {
        assert!(Packet::read(packet).is_some(), "no RTP goes out");
        self.packets.push((leg.0, to, packet.to_vec()));
    }

    fn report(&mut self, _: Token, _: Channel, _: SocketAddr, _: &[u8]) {}

    fn event(&mut self, _: Event) {
        self.events += 1;
    }

    fn lost(&mut self, _packets: u64) {}
}

const TICK: Duration = Duration::from_millis(20);
const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

fn peer(leg: usize) -> SocketAddr {
    ([192, 0, 2, leg as u8 + 1], 4000).into()
}

impl Talk {
    /// The first byte says which codecs.
    fn new(bytes: &[u8]) -> Self {
        let mut ids = IdMaker::new(Entropy::from_seed([1; 32]));
        let legs: [LegId; 2] = [ids.make(0), ids.make(0)];
        let mut plane = Plane::new(Arc::new(Clips::from_samples([])), Entropy::from_seed([2; 32]));
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        let now = Instant::now();
        let mut out = Sent::default();
        let tokens = legs.map(|leg| plane.open(leg).expect("two legs are few"));
        let codecs = bytes.first().copied().unwrap_or_default();
        for (index, leg) in legs.into_iter().enumerate() {
            let codec = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Pcmu][usize::from(codecs >> (2 * index)) % 4];
            let payload_type = codec.payload_type();
            let params = LegParams {
                remote: peer(index),
                signalled: peer(index).ip(),
                rtcp: peer(index),
                codec,
                payload_type,
                own_payload_type: payload_type,
                ptime_ms: 20,
                events: Some(EventFormat { payload_type: 101, clock_rate: 8000 }),
                info: false,
                send: true,
                receive: true,
                peer: Some(legs[1 - index]),
            };
            plane.configure(now, leg, params, &mut out);
            plane.listen(leg, true);
        }
        let mut matrix = HearMatrix::silent(legs);
        matrix.allow(legs[0], legs[1]);
        matrix.allow(legs[1], legs[0]);
        plane.hear(now, &matrix, &mut out);
        Self { plane, tokens, now, ticked: now, out }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        while self.ticked + TICK <= self.now {
            self.ticked += TICK;
            self.plane.tick(self.ticked, &mut self.out);
        }
    }

    fn packet(&mut self, flags: u8, packet: &[u8]) {
        let leg = usize::from(flags >> 7);
        let mut from = peer(leg);
        if flags & 0x40 != 0 {
            from.set_ip(STRANGER);
        }
        self.plane.packet(self.now, self.tokens[leg], from, packet, &mut self.out);
    }
}

/// SRTP and SRTCP: what a stranger makes is never opened; what was sealed opens once, and not when it was changed.
pub fn srtp(bytes: &[u8]) {
    let mut entropy = Entropy::from_seed([3; 32]);
    for suite in SrtpSuite::ALL {
        let (ours, theirs) = (SrtpKey::random(suite, &mut entropy), SrtpKey::random(suite, &mut entropy));
        let mut here = Shield::new(&SrtpKeys { ours: ours.clone(), theirs: theirs.clone() });
        let mut there = Shield::new(&SrtpKeys { ours: theirs, theirs: ours });
        assert!(here.open(bytes).is_none() && here.open_report(bytes).is_none(), "a stranger is believed");
        let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend(bytes);
        let Some(sealed) = there.seal(&packet) else { continue };
        let mut changed = sealed.clone();
        if let (Some(first), Some(byte)) = (bytes.first(), bytes.get(1)) {
            let at = usize::from(*first) % changed.len();
            changed[at] ^= byte | 1;
            assert!(here.open(&changed).is_none(), "a changed packet is believed");
        }
        assert!(here.open(&sealed).as_deref() == Some(&packet[..]));
        assert!(here.open(&sealed).is_none(), "a packet is believed twice");
    }
}
