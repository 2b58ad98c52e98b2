//! The room of keypad digits. In: telephone-event packets, SIP INFO digits and 8 kHz audio, each with the time it came.
//! Out: one stream of digits, each once, however many ways it came. Also the way back: dual tones, and the packets
//! that carry a digit to a peer.
//!
//! Absent: sockets, jitter buffers, and what the digits mean. Nothing here can print a digit: a stream of them is a
//! password being typed.

mod bank;
mod company;
mod event;
mod inband;
mod info;
mod judge;
mod order;
mod press;
mod receiver;
mod sender;
mod spectrum;
mod suspect;
#[cfg(test)]
mod tests;
pub mod tone;
mod track;

pub use event::{Arrival, Event, EventReceiver};
pub use inband::InBand;
pub use info::{is_info_type, parse_info, write_info};
pub use receiver::Receiver;
pub use sender::{EventPacket, EventSender};

use crate::model::Digit;

/// How a key comes to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Event = 1,
    Info = 2,
    InBand = 4,
}

/// A key that was pressed, and the carrier by which it came first.
#[derive(Clone, Copy)]
pub struct Key {
    pub digit: Digit,
    pub carrier: Carrier,
}
