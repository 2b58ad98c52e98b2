//! SRTP and SRTCP (RFC 3711, RFC 7714) of one leg: packets are sealed on their way out and opened on their way in. What is
//! not authentic, or comes a second time, is not opened.

use crate::model::{SrtpKey, SrtpKeys, SrtpSuite};
use rtc_srtp::{
    context::Context,
    crypto::providers::RingCrypto,
    option::{srtcp_replay_protection, srtp_replay_protection},
    protection_profile::ProtectionProfile,
};
use std::borrow::Cow;

/// Packets that may come late and still be told from repeated ones (RFC 3711 §3.3.2 asks for 64).
const REPLAY_WINDOW: usize = 128;
/// A peer may begin its stream anew so often under one key; each is remembered, so that none can be replayed.
const MAX_STREAMS: usize = 8;
/// Where the SSRC stands (RFC 3550 §5.1, §6.4.1).
const SSRC_OF_PACKET: usize = 8;
const SSRC_OF_REPORT: usize = 4;

pub struct Shield {
    outgoing: Direction,
    incoming: Direction,
}

/// The way before is kept: packets may still come on it, and a change of keys may be taken back.
struct Direction {
    current: Way,
    before: Option<Way>,
}

/// One direction under one key. Without a context nothing passes.
struct Way {
    key: SrtpKey,
    context: Option<Context>,
    /// The SSRCs of the streams that have proven authentic: nobody else gets a state of theirs.
    streams: Vec<u32>,
    reporters: Vec<u32>,
}

/// What secures a leg, if anything does: without keys every packet passes as it is.
#[derive(Default)]
pub struct Protection(Option<Box<Shield>>);

impl Protection {
    /// From here on with these keys, or plain.
    pub fn secure(&mut self, keys: Option<&SrtpKeys>) {
        match (&mut self.0, keys) {
            (Some(shield), Some(keys)) => shield.rekey(keys),
            (shield, keys) => *shield = keys.map(|keys| Box::new(Shield::new(keys))),
        }
    }

    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A whole RTP packet of ours, as it goes out.
    pub fn seal<'p>(&mut self, packet: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        self.pass(packet, Shield::seal)
    }

    /// An RTP packet of the peer's, as it made it.
    pub fn open<'p>(&mut self, packet: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        self.pass(packet, Shield::open)
    }

    /// A whole RTCP packet of ours, as it goes out.
    pub fn seal_report<'p>(&mut self, report: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        self.pass(report, Shield::seal_report)
    }

    /// An RTCP packet of the peer's, as it made it.
    pub fn open_report<'p>(&mut self, report: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        self.pass(report, Shield::open_report)
    }

    fn pass<'p>(
        &mut self,
        bytes: &'p [u8],
        through: fn(&mut Shield, &[u8]) -> Option<Vec<u8>>,
    ) -> Option<Cow<'p, [u8]>> {
        match &mut self.0 {
            None => Some(Cow::Borrowed(bytes)),
            Some(shield) => through(shield, bytes).map(Cow::Owned),
        }
    }
}

impl Shield {
    pub fn new(keys: &SrtpKeys) -> Self {
        let direction = |key| Direction { current: Way::new(key), before: None };
        Self { outgoing: direction(&keys.ours), incoming: direction(&keys.theirs) }
    }

    /// From here on with `keys`. Under a key that is in use already the counting goes on: no packet is ever sealed under a
    /// number that was used before.
    pub fn rekey(&mut self, keys: &SrtpKeys) {
        self.outgoing.turn_to(&keys.ours);
        self.incoming.turn_to(&keys.theirs);
    }

    /// A whole RTP packet of ours, secured.
    pub fn seal(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        self.outgoing.current.context.as_mut()?.encrypt_rtp(packet).ok().map(Vec::from)
    }

    /// The RTP packet that the peer secured.
    pub fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let Direction { current, before } = &mut self.incoming;
        current.open(packet).or_else(|| before.as_mut()?.open(packet))
    }

    /// A whole RTCP packet of ours, secured.
    pub fn seal_report(&mut self, report: &[u8]) -> Option<Vec<u8>> {
        self.outgoing.current.context.as_mut()?.encrypt_rtcp(report).ok().map(Vec::from)
    }

    /// The RTCP packet that the peer secured.
    pub fn open_report(&mut self, report: &[u8]) -> Option<Vec<u8>> {
        let Direction { current, before } = &mut self.incoming;
        current.open_report(report).or_else(|| before.as_mut()?.open_report(report))
    }
}

impl Direction {
    fn turn_to(&mut self, key: &SrtpKey) {
        if self.current.key == *key {
            return;
        }
        let way = self.before.take().filter(|before| before.key == *key).unwrap_or_else(|| Way::new(key));
        self.before = Some(std::mem::replace(&mut self.current, way));
    }
}

impl Way {
    fn new(key: &SrtpKey) -> Self {
        Self { context: context(key), key: key.clone(), streams: Vec::new(), reporters: Vec::new() }
    }

    fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let open = |context: &mut Context| context.decrypt_rtp(packet).ok().map(Vec::from);
        known(&mut self.streams, ssrc(packet, SSRC_OF_PACKET)?, || open(&mut context(&self.key)?)).then_some(())?;
        open(self.context.as_mut()?)
    }

    fn open_report(&mut self, report: &[u8]) -> Option<Vec<u8>> {
        // A report that says that it is not encrypted would be believed without a look at its tag (rtc-srtp 0.21.1).
        says_encrypted(report, self.key.suite()).then_some(())?;
        let open = |context: &mut Context| context.decrypt_rtcp(report).ok().map(Vec::from);
        known(&mut self.reporters, ssrc(report, SSRC_OF_REPORT)?, || open(&mut context(&self.key)?)).then_some(())?;
        open(self.context.as_mut()?)
    }
}

/// Whether the SSRC is one of the known; a new one has to show an authentic packet first, else whoever can send us packets
/// could fill the memory with states.
fn known(streams: &mut Vec<u32>, ssrc: u32, prove: impl FnOnce() -> Option<Vec<u8>>) -> bool {
    if streams.contains(&ssrc) {
        return true;
    }
    if streams.len() >= MAX_STREAMS || prove().is_none() {
        return false;
    }
    streams.push(ssrc);
    true
}

fn ssrc(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// RFC 3711 §3.4: the first bit of the word before the tag; RFC 7714 §9.2 puts that word last.
fn says_encrypted(report: &[u8], suite: SrtpSuite) -> bool {
    let tail = match suite {
        SrtpSuite::AeadAes256Gcm => 4,
        SrtpSuite::AesCm128HmacSha1_80 | SrtpSuite::AesCm128HmacSha1_32 => 14,
    };
    report.len().checked_sub(tail).and_then(|at| report.get(at)).is_some_and(|byte| byte & 0x80 != 0)
}

fn context(key: &SrtpKey) -> Option<Context> {
    let profile = match key.suite() {
        SrtpSuite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        SrtpSuite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
    };
    let (master, salt) = key.parts();
    let (packets, reports) = (srtp_replay_protection(REPLAY_WINDOW), srtcp_replay_protection(REPLAY_WINDOW));
    Context::new(master, salt, profile, Some(packets), Some(reports), &RingCrypto).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{media::rtp::Packet, model::Entropy};
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn key(suite: SrtpSuite, seed: u8) -> SrtpKey {
        SrtpKey::random(suite, &mut Entropy::from_seed([seed; 32]))
    }

    /// Two ends that know each other's keys.
    fn pair(suite: SrtpSuite) -> (Shield, Shield) {
        let (one, other) = (key(suite, 1), key(suite, 2));
        (
            Shield::new(&SrtpKeys { ours: one.clone(), theirs: other.clone() }),
            Shield::new(&SrtpKeys { ours: other, theirs: one }),
        )
    }

    fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
        let timestamp = u32::from(sequence) * 160;
        let packet = Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc, payload: &[0x55; 160] };
        packet.write(&mut [0; 1500]).unwrap().to_vec()
    }

    const REPORT: &[u8] = &[0x80, 201, 0, 1, 0, 0, 0, 5];

    #[test]
    fn a_packet_of_libsrtp_is_opened() {
        // The reference packet of libsrtp's own test (test/srtp_driver.c).
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let material = hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
        let suite = SrtpSuite::AesCm128HmacSha1_80;
        let theirs = SrtpKey::from_material(suite, Zeroizing::new(material)).unwrap();
        let sealed = hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
        let clear = hex("800f1234decafbadcafebabeabababababababababababababababab");
        let mut shield = Shield::new(&SrtpKeys { ours: theirs.clone(), theirs });
        assert_eq!(shield.seal(&clear), Some(sealed.clone()));
        assert_eq!(shield.open(&sealed), Some(clear));
    }

    #[test]
    fn what_was_sealed_is_opened_once_and_nothing_else_is() {
        for suite in SrtpSuite::ALL {
            let (mut here, mut there) = pair(suite);
            let clear = packet(5, 1);
            let sealed = here.seal(&clear).unwrap();
            assert!(!sealed.windows(16).any(|window| window == [0x55; 16]), "{suite:?}: the audio can be read");
            for at in 0..sealed.len() {
                let mut damaged = sealed.clone();
                damaged[at] ^= 1;
                assert_eq!(there.open(&damaged), None, "{suite:?}: byte {at}");
                assert_eq!(there.open(&sealed[..at]), None, "{suite:?}: {at} bytes");
            }
            assert_eq!(there.open(&clear), None, "{suite:?}: plain RTP");
            assert_eq!(here.open(&sealed), None, "{suite:?}: our own packet, sent back");
            assert_eq!(there.open(&sealed), Some(clear), "{suite:?}");
            assert_eq!(there.open(&sealed), None, "{suite:?}: once more");
        }
    }

    #[test]
    fn reports_are_sealed_and_opened_once_too() {
        for suite in SrtpSuite::ALL {
            let (mut here, mut there) = pair(suite);
            let sealed = here.seal_report(REPORT).unwrap();
            assert_eq!(there.open_report(&sealed[..sealed.len() - 1]), None);
            assert_eq!(there.open_report(REPORT), None);
            assert_eq!(there.open_report(&sealed).as_deref(), Some(REPORT));
            assert_eq!(there.open_report(&sealed), None);
        }
    }

    #[test]
    fn the_sequence_may_wrap_with_packets_lost_late_and_out_of_order() {
        let (mut here, mut there) = pair(SrtpSuite::AesCm128HmacSha1_80);
        let mut late = None;
        for n in 65_000..200_000_u32 {
            let clear = packet(5, n as u16);
            let sealed = here.seal(&clear).unwrap();
            match n % 10 {
                3 => {}
                4 => late = Some((sealed, clear)),
                _ => assert_eq!(there.open(&sealed), Some(clear), "{n}"),
            }
            if n % 10 == 9 {
                let (sealed, clear) = late.take().unwrap();
                assert_eq!(there.open(&sealed), Some(clear), "late, {n}");
            }
        }
    }

    #[test]
    fn strangers_leave_no_state_behind_and_a_peer_only_so_many() {
        let (mut here, mut there) = pair(SrtpSuite::AeadAes256Gcm);
        for ssrc in 0..10_000 {
            assert_eq!(there.open(&packet(ssrc, 1)), None);
        }
        assert!(there.incoming.current.streams.is_empty());
        for ssrc in 0..MAX_STREAMS as u32 {
            let sealed = here.seal(&packet(ssrc, 1)).unwrap();
            assert!(there.open(&sealed).is_some());
        }
        let one_more = here.seal(&packet(99, 1)).unwrap();
        assert_eq!(there.open(&one_more), None);
        let known = here.seal(&packet(3, 2)).unwrap();
        assert!(there.open(&known).is_some());
    }

    #[test]
    fn a_new_key_of_the_peer_is_taken_and_what_was_under_way_is_still_opened() {
        let suite = SrtpSuite::AesCm128HmacSha1_80;
        let (mut here, mut there) = pair(suite);
        let under_way = here.seal(&packet(5, 1)).unwrap();
        let back = there.seal(&packet(6, 1)).unwrap();
        let renewed = key(suite, 3);
        here.rekey(&SrtpKeys { ours: renewed.clone(), theirs: key(suite, 2) });
        there.rekey(&SrtpKeys { ours: key(suite, 2), theirs: renewed });
        let sealed = here.seal(&packet(5, 2)).unwrap();
        assert!(there.open(&sealed).is_some());
        assert!(there.open(&under_way).is_some() && there.open(&under_way).is_none());
        assert!(here.open(&back).is_some() && here.open(&back).is_none(), "the other direction knows what it has seen");
    }

    #[test]
    fn a_change_of_keys_that_is_taken_back_seals_nothing_twice_under_one_number() {
        let suite = SrtpSuite::AesCm128HmacSha1_80;
        let (mut here, mut there) = pair(suite);
        for n in 0..70_000_u32 {
            let sealed = here.seal(&packet(5, n as u16)).unwrap();
            assert!(there.open(&sealed).is_some());
        }
        let (ours, theirs) = (key(suite, 1), key(suite, 2));
        here.rekey(&SrtpKeys { ours: key(suite, 3), theirs: theirs.clone() });
        here.rekey(&SrtpKeys { ours, theirs });
        let sealed = here.seal(&packet(5, 70_000_u32 as u16)).unwrap();
        assert!(there.open(&sealed).is_some(), "it goes on where it was");
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), version in any::<bool>()) {
            let mut bytes = bytes;
            if let (true, Some(first)) = (version, bytes.first_mut()) {
                *first = 0x80 | (*first & 0x3f);
            }
            for suite in SrtpSuite::ALL {
                let (mut shield, _) = pair(suite);
                prop_assert_eq!(shield.open(&bytes), None);
                prop_assert_eq!(shield.open_report(&bytes), None);
            }
        }
    }
}
