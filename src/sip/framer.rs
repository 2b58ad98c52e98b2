//! RFC 3261 §18.3 (Content-Length frames a stream), §7.5 (line breaks before a message), RFC 5626 §3.5.1 (ping).

use super::normalise::{MAX_MESSAGE_BYTES, declared_length, head_length};

/// Cuts a TCP stream into messages. It holds at most one unfinished message of [`MAX_MESSAGE_BYTES`].
#[derive(Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    broken: bool,
}

#[derive(Debug, PartialEq, Eq)]
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

impl StreamFramer {
    /// Takes what was read. Drain [`Self::next_frame`] before the next read, or the bound does not hold.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole message, `None` when more bytes are needed.
    ///
    /// A head whose Content-Length cannot be used comes out by itself, so that it is answered; then the stream is broken.
    pub fn next_frame(&mut self) -> Option<Result<Frame, BrokenStream>> {
        if self.broken {
            return Some(Err(BrokenStream));
        }
        if self.skip_line_breaks() {
            return Some(Ok(Frame::Ping));
        }
        if self.buffer.starts_with(b"\r") || self.buffer.starts_with(b"\n") {
            return None;
        }
        let Some(head) = head_length(&self.buffer) else {
            return (self.buffer.len() > MAX_MESSAGE_BYTES).then(|| Err(self.give_up()));
        };
        if head > MAX_MESSAGE_BYTES {
            return Some(Err(self.give_up()));
        }
        // RFC 3261 §20.14 wants a Content-Length on streams; without one there is no body.
        let body = declared_length(&self.buffer[..head]).map(Option::unwrap_or_default);
        match body {
            Ok(body) if body <= MAX_MESSAGE_BYTES - head => self.take(head + body).map(Ok),
            Ok(_) | Err(()) => {
                let frame = self.take(head).map(Ok);
                self.give_up();
                frame
            }
        }
    }

    /// Whether a ping was found. A single line break waits for its second.
    fn skip_line_breaks(&mut self) -> bool {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.drain(..4);
            return true;
        }
        match self.buffer.iter().position(|byte| !b"\r\n".contains(byte)) {
            Some(start) => drop(self.buffer.drain(..start)),
            None => self.buffer.truncate(2),
        }
        false
    }

    fn take(&mut self, length: usize) -> Option<Frame> {
        (self.buffer.len() >= length).then(|| Frame::Message(self.buffer.drain(..length).collect()))
    }

    fn give_up(&mut self) -> BrokenStream {
        self.broken = true;
        self.buffer = Vec::new();
        BrokenStream
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BYE: &[u8] = b"BYE sip:a@b SIP/2.0\r\nl: 3\r\n\r\nabc";

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

    proptest! {
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
