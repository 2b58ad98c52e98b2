//! What lies between one packet of audio and the next: RFC 3550 §5.1 (sequence number, timestamp) and A.1.
//!
//! For an ear that takes packets as they come: silence that the sender did not send is not the same as samples that
//! were lost on the way, and a packet out of its turn is better not heard.

use super::rtp::Packet;

/// A packet further behind than this begins a new sequence (RFC 3550 A.1, MAX_MISORDER).
const MAX_BEHIND: u16 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    None,
    /// So much was lost, in units of the RTP clock; `u32::MAX` when nothing shows that it is the same stream.
    Lost(u32),
    /// The sender sent nothing for so many units, and no packet is missing.
    Silence(u32),
    /// A later packet was heard already, or this very one.
    TooLate,
}

/// Where the stream is, once a packet of it came.
#[derive(Default)]
pub(super) struct Gaps {
    next: Option<Next>,
}

struct Next {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Gaps {
    /// The gap before this packet, which lasts so many units of its clock.
    pub fn before(&mut self, packet: &Packet, units: u32) -> Gap {
        let gap = self.next.as_ref().map_or(Gap::None, |next| next.gap(packet));
        if gap != Gap::TooLate {
            self.next = Some(Next {
                ssrc: packet.ssrc,
                sequence: packet.sequence.wrapping_add(1),
                timestamp: packet.timestamp.wrapping_add(units),
            });
        }
        gap
    }
}

impl Next {
    fn gap(&self, packet: &Packet) -> Gap {
        let behind = self.sequence.wrapping_sub(packet.sequence);
        let units = packet.timestamp.wrapping_sub(self.timestamp);
        if packet.ssrc != self.ssrc {
            Gap::Lost(u32::MAX)
        } else if (1..=MAX_BEHIND).contains(&behind) {
            Gap::TooLate
        } else if units == 0 {
            Gap::None
        } else if behind > 0 {
            Gap::Lost(units)
        } else {
            // A clock that stands still or runs back says nothing: no packet is missing.
            i32::try_from(units).map_or(Gap::None, |_| Gap::Silence(units))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(sequence: u16, timestamp: u32) -> Packet<'static> {
        Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc: 1, payload: &[] }
    }

    fn gaps(packets: &[Packet]) -> Vec<Gap> {
        let mut gaps = Gaps::default();
        packets.iter().map(|packet| gaps.before(packet, 160)).collect()
    }

    #[test]
    fn what_follows_directly_has_no_gap_across_both_wraps() {
        let first = packet(65_535, 4_294_967_136);
        assert_eq!(gaps(&[first, packet(0, 0), packet(1, 160)]), [Gap::None; 3]);
    }

    #[test]
    fn a_missing_number_is_a_loss_and_a_jump_in_time_alone_is_silence() {
        let heard = gaps(&[packet(1, 0), packet(3, 320), packet(4, 8480), packet(6, 8800)]);
        assert_eq!(heard, [Gap::None, Gap::Lost(160), Gap::Silence(8000), Gap::Lost(160)]);
    }

    #[test]
    fn a_packet_that_comes_twice_or_behind_a_later_one_is_too_late() {
        let heard = gaps(&[packet(1, 0), packet(1, 0), packet(3, 320), packet(2, 160), packet(4, 480)]);
        assert_eq!(heard, [Gap::None, Gap::TooLate, Gap::Lost(160), Gap::TooLate, Gap::None]);
    }

    #[test]
    fn another_stream_and_a_sender_that_began_anew_have_nothing_to_do_with_what_was() {
        let stranger = Packet { ssrc: 2, ..packet(2, 160) };
        assert_eq!(gaps(&[packet(1, 0), stranger]), [Gap::None, Gap::Lost(u32::MAX)]);
        let heard = gaps(&[packet(1000, 160_000), packet(7, 0)]);
        assert!(matches!(heard[1], Gap::Lost(samples) if samples > 1_000_000));
    }

    #[test]
    fn a_sender_whose_clock_stands_still_is_heard_all_the_same() {
        let heard = gaps(&[packet(1, 0), packet(2, 0), packet(3, 0)]);
        assert_eq!(heard, [Gap::None; 3]);
    }

    proptest! {
        #[test]
        fn packets_in_order_are_never_too_late(sequence: u16, timestamp: u32, steps in proptest::collection::vec((1u16..1000, any::<u32>()), 1..50)) {
            let mut gaps = Gaps::default();
            let (mut sequence, mut timestamp) = (sequence, timestamp);
            for (step, time) in steps {
                sequence = sequence.wrapping_add(step);
                timestamp = timestamp.wrapping_add(time);
                prop_assert_ne!(gaps.before(&packet(sequence, timestamp), 160), Gap::TooLate);
            }
        }
    }
}
