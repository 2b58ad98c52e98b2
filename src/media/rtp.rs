//! RTP packets (RFC 3550 §5.1): a checked view of one that came, and the bytes of one that goes.

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

/// The largest packet that is written; a larger payload is not sent.
pub const MAX_PACKET_BYTES: usize = 1500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` for what is not RTP version 2, is cut short, or carries nothing.
    pub fn read(bytes: &'a [u8]) -> Option<Packet<'a>> {
        let reader = RtpReader::new(bytes).ok()?;
        let payload = reader.payload();
        (!payload.is_empty()).then(|| Packet {
            payload_type: reader.payload_type(),
            marker: reader.mark(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload,
        })
    }

    /// The packet as bytes in `buffer`: a bare header without CSRC or extension, then the payload.
    pub fn write<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let length = RtpPacketBuilder::new()
            .payload_type(self.payload_type)
            .marked(self.marker)
            .sequence(Seq::from(self.sequence))
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(self.payload)
            .build_into(buffer)
            .ok()?;
        buffer.get(..length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_written_packet_reads_back_as_itself() {
        let packet =
            Packet { payload_type: 101, marker: true, sequence: 65_535, timestamp: 7, ssrc: 9, payload: &[1, 2, 3] };
        let mut buffer = [0; MAX_PACKET_BYTES];
        assert_eq!(Packet::read(packet.write(&mut buffer).unwrap()), Some(packet));
    }

    #[test]
    fn a_payload_too_large_is_not_written() {
        let payload = [0; MAX_PACKET_BYTES];
        let packet = Packet { payload_type: 0, marker: false, sequence: 0, timestamp: 0, ssrc: 0, payload: &payload };
        assert!(packet.write(&mut [0; MAX_PACKET_BYTES]).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), claim in any::<bool>()) {
            if let (true, Some(first)) = (claim, bytes.first_mut()) {
                *first = 0x80 | (*first & 0x3f);
            }
            if let Some(packet) = Packet::read(&bytes) {
                prop_assert!(packet.payload.len() <= bytes.len() - 12);
            }
        }
    }
}
