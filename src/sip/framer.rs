//! RFC 3261 §18.3 (Content-Length frames a stream), §7.5 (line breaks before a message), RFC 5626 §3.5.1 (ping).

use super::normalise::{MAX_MESSAGE_BYTES, declared_length, head_length};
use std::fmt;

const PING: &[u8] = b"\r\n\r\n";

/// Cuts a TCP stream into messages. It holds at most one unfinished message of [`MAX_MESSAGE_BYTES`].
pub struct StreamFramer {
    buffer: Vec<u8>,
    stage: Stage,
}

/// What the front of the buffer waits for. Nothing is read twice, however small the pieces are that come.
#[derive(Clone, Copy)]
enum Stage {
    /// The end of a head; whole lines up to `scanned` are not it.
    Head {
        scanned: usize,
    },
    /// That many bytes in all, head and body.
    Whole {
        length: usize,
    },
    Broken,
}

#[derive(PartialEq, Eq)]
pub enum Frame {
    /// For [`super::parse_datagram`].
    Message(Vec<u8>),
    /// A double line break: answer it with one (RFC 5626 §3.5.1).
    Ping,
}

/// Where the next message begins is not known any more: close the connection.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("stream without a usable Content-Length, or a message longer than {MAX_MESSAGE_BYTES} bytes")]
pub struct BrokenStream;

impl Default for StreamFramer {
    fn default() -> Self {
        Self { buffer: Vec::new(), stage: Stage::Head { scanned: 0 } }
    }
}

impl StreamFramer {
    /// Takes what was read. Drain [`Self::next_frame`] before the next read, or the bound does not hold.
    pub fn push(&mut self, bytes: &[u8]) {
        match self.stage {
            Stage::Head { .. } | Stage::Whole { .. } => self.buffer.extend_from_slice(bytes),
            Stage::Broken => {}
        }
    }

    /// The next whole message, `None` when more bytes are needed.
    ///
    /// A head whose Content-Length cannot be used comes out by itself, so that it is answered; then the stream is broken.
    pub fn next_frame(&mut self) -> Option<Result<Frame, BrokenStream>> {
        match self.stage {
            Stage::Head { scanned } => self.find_head(scanned),
            Stage::Whole { length } => self.take(length),
            Stage::Broken => Some(Err(BrokenStream)),
        }
    }

    fn find_head(&mut self, scanned: usize) -> Option<Result<Frame, BrokenStream>> {
        if scanned == 0 && self.skip_line_breaks() {
            return Some(Ok(Frame::Ping));
        }
        if self.buffer.first().is_none_or(|byte| b"\r\n".contains(byte)) {
            return None;
        }
        let head = match head_length(&self.buffer, scanned) {
            Ok(head) if head <= MAX_MESSAGE_BYTES => head,
            Err(scanned) if self.buffer.len() <= MAX_MESSAGE_BYTES => {
                self.stage = Stage::Head { scanned };
                return None;
            }
            Ok(_) | Err(_) => return Some(Err(self.give_up())),
        };
        // RFC 3261 §20.14 wants a Content-Length on streams; without one there is no body.
        match declared_length(&self.buffer[..head]).map(Option::unwrap_or_default) {
            Ok(body) if body <= MAX_MESSAGE_BYTES - head => {
                self.stage = Stage::Whole { length: head + body };
                self.take(head + body)
            }
            Ok(_) | Err(()) => {
                let frame = self.take(head);
                self.give_up();
                frame
            }
        }
    }

    /// Whether a ping was found. The beginning of one waits for the rest.
    fn skip_line_breaks(&mut self) -> bool {
        let rest = |start: &usize| &self.buffer[*start..];
        let is_skipped = |start: &usize| {
            let rest = rest(start);
            rest.first().is_some_and(|byte| b"\r\n".contains(byte))
                && !rest.starts_with(PING)
                && !PING.starts_with(rest)
        };
        let start = (0..self.buffer.len()).find(|start| !is_skipped(start)).unwrap_or(self.buffer.len());
        let found = rest(&start).starts_with(PING);
        self.buffer.drain(..start + if found { PING.len() } else { 0 });
        found
    }

    fn take(&mut self, length: usize) -> Option<Result<Frame, BrokenStream>> {
        if self.buffer.len() < length {
            return None;
        }
        self.stage = Stage::Head { scanned: 0 };
        Some(Ok(Frame::Message(self.buffer.drain(..length).collect())))
    }

    fn give_up(&mut self) -> BrokenStream {
        self.stage = Stage::Broken;
        self.buffer = Vec::new();
        BrokenStream
    }
}

/// Without the bytes: a Request-URI may hold a password.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Message(bytes) => write!(f, "message of {} bytes", bytes.len()),
            Frame::Ping => f.write_str("ping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BYE: &[u8] = b"BYE sip:a@b SIP/2.0\r\nl: 3\r\n\r\nabc";

    #[test]
    fn a_ping_is_one_wherever_it_is_cut() {
        let stream = [PING, b"\r", PING, BYE, b"\n", PING].concat();
        for cut in 0..stream.len() {
            let mut framer = StreamFramer::default();
            let mut frames = Vec::new();
            for piece in [&stream[..cut], &stream[cut..]] {
                framer.push(piece);
                frames.extend(drain(&mut framer));
            }
            let pings = frames.iter().filter(|frame| matches!(frame, Ok(Frame::Ping))).count();
            assert_eq!((frames.len(), pings), (4, 3), "cut at {cut}");
        }
    }

    fn drain(framer: &mut StreamFramer) -> Vec<Result<Frame, BrokenStream>> {
        let mut frames = Vec::new();
        while let Some(frame) = framer.next_frame() {
            let over = frame.is_err();
            frames.push(frame);
            if over {
                break;
            }
        }
        frames
    }

    #[test]
    fn two_messages_in_one_read_come_out_one_by_one() {
        let mut framer = StreamFramer::default();
        framer.push(&[BYE, b"\r\n", BYE].concat());
        assert_eq!(drain(&mut framer), vec![Ok(Frame::Message(BYE.to_vec())), Ok(Frame::Message(BYE.to_vec()))]);
    }

    #[test]
    fn a_message_fed_byte_by_byte_comes_out_whole() {
        let mut framer = StreamFramer::default();
        for byte in BYE {
            assert!(framer.next_frame().is_none());
            framer.push(&[*byte]);
        }
        assert_eq!(framer.next_frame(), Some(Ok(Frame::Message(BYE.to_vec()))));
    }

    #[test]
    fn a_double_line_break_is_a_ping_and_a_single_one_is_nothing() {
        let mut framer = StreamFramer::default();
        framer.push(b"\r\n");
        assert!(framer.next_frame().is_none());
        framer.push(b"\r\n");
        assert_eq!(framer.next_frame(), Some(Ok(Frame::Ping)));
        assert!(framer.next_frame().is_none());
    }

    #[test]
    fn an_absurd_content_length_gives_up_the_head_and_then_breaks() {
        for length in ["99999999999999999999999", "70000", "-1", "x"] {
            let mut framer = StreamFramer::default();
            let head = format!("BYE sip:a@b SIP/2.0\r\nContent-Length: {length}\r\n\r\n");
            framer.push(head.as_bytes());
            let frames = drain(&mut framer);
            assert_eq!(frames, vec![Ok(Frame::Message(head.into_bytes())), Err(BrokenStream)]);
        }
    }

    #[test]
    fn a_head_without_end_breaks_at_the_bound() {
        let mut framer = StreamFramer::default();
        framer.push(&vec![b'a'; MAX_MESSAGE_BYTES]);
        assert!(framer.next_frame().is_none());
        framer.push(b"a");
        assert_eq!(framer.next_frame(), Some(Err(BrokenStream)));
    }

    #[test]
    fn debug_shows_no_bytes() {
        assert_eq!(format!("{:?}", Frame::Message(BYE.to_vec())), format!("message of {} bytes", BYE.len()));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_messages_come_out(size in 1usize..50) {
            let stream = [BYE, b"\r\n\r\n", BYE, b"\r\n", BYE].concat();
            let mut framer = StreamFramer::default();
            let mut frames = Vec::new();
            for piece in stream.chunks(size) {
                framer.push(piece);
                frames.extend(drain(&mut framer));
            }
            let messages = frames.into_iter().filter(|frame| *frame != Ok(Frame::Ping)).collect::<Vec<_>>();
            prop_assert!(messages == vec![Ok(Frame::Message(BYE.to_vec())), Ok(Frame::Message(BYE.to_vec())), Ok(Frame::Message(BYE.to_vec()))]);
        }

        #[test]
        fn any_bytes_in_any_pieces_never_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20)) {
            let mut framer = StreamFramer::default();
            for piece in pieces {
                framer.push(&piece);
                drain(&mut framer);
            }
        }
    }
}
