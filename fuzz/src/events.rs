use sasayaki::dtmf::{Arrival, Receiver};
use std::time::{Duration, Instant};

/// Telephone-event packets on their way into the fused stream: a packet that comes twice adds no key, and none adds more
/// than a few.
pub fn events(bytes: &[u8]) {
    let once = keys(bytes, 1);
    assert!(once == keys(bytes, 2), "a copy of a packet is no key");
    assert!(once.len() <= MAX_KEYS_PER_PACKET * bytes.len() / HEADER_BYTES);
}

/// The keys of a stream of packets, each of which comes so many times.
fn keys(mut bytes: &[u8], copies: usize) -> Vec<char> {
    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
    let mut now = Instant::now();
    let mut receiver = Receiver::new();
    let mut keys = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        let [flags, pause_ms, s, t, u, v, w, x] = *header;
        let (payload, rest) = rest.split_at(usize::from(flags & 0x1f).min(rest.len()));
        now += Duration::from_millis(pause_ms.into());
        let sequence = u16::from_be_bytes([s, t]);
        let packet =
            Arrival { sequence, timestamp: u32::from_be_bytes([u, v, w, x]), marker: flags & 0x80 != 0, payload };
        for _ in 0..copies {
            if flags & 0x40 != 0 {
                receiver.packet(sequence);
            } else {
                receiver.event(now, &packet);
            }
        }
        keys.extend(std::iter::from_fn(|| receiver.poll(now)).map(|key| key.digit.as_char()));
        bytes = rest;
    }
    keys.extend(std::iter::from_fn(|| receiver.poll(now + Duration::from_secs(1))).map(|key| key.digit.as_char()));
    keys
}

/// Marker, kind and payload length; milliseconds since the packet before; sequence number; timestamp.
const HEADER_BYTES: usize = 8;
const MAX_KEYS_PER_PACKET: usize = 4;
