//! SIP (RFC 3261 and its family).
//!
//! In come datagrams and framed stream bytes, `now`, and what the switch asks for; out go messages to send and events.
//! Absent on purpose: sockets and clocks (only `transport` has them), media, the meaning of a dialled number, and
//! passwords: digest works on HA1.
//!
//! A message keeps its header text as it was received; the small parsers give typed access to it. Request URIs may hold
//! a password (`0070*ID*PW`), so nothing here prints a user part by `Debug`.

mod dialog;
pub mod dialog_info;
pub mod digest;
mod endpoint;
mod flow;
mod framer;
mod header;
mod message;
mod name_addr;
mod normalise;
mod param;
mod rate;
mod refer;
mod registrar;
mod reliable;
mod responses;
mod scan;
pub mod sdp;
mod session_timer;
mod timer;
mod transaction;
#[cfg(feature = "shell")]
pub mod transport;
mod uri;
mod via;

pub use dialog::{CSeqTooLow, Dialog, DialogId};
pub use endpoint::{ClientTx, Endpoint, EndpointConfig, Event, MAX_TRANSACTIONS, OverRate, Received, ServerTx};
pub use flow::{Flow, Transmit, Transport};
pub use framer::{BrokenStream, Frame, StreamFramer};
pub use header::{BadHeader, CSeq, Headers};
pub use message::{Message, Method, Request, Response, reason_phrase};
pub use name_addr::{Contacts, NameAddr};
pub use normalise::{MAX_MESSAGE_BYTES, Parsed, parse_datagram};
pub use param::Params;
pub use rate::{MAX_SOURCES, Rate, RateLimiter};
pub use refer::{ReferTo, Replaces};
pub use registrar::{Binding, Change, MAX_BINDINGS_PER_EXTENSION, Registrar, RegistrarConfig};
pub use reliable::{Numbering, RAck, RELIABLE};
pub use responses::Responses;
pub use session_timer::{MIN_SE_S, Refresher, SessionDue, SessionExpires, SessionTimer, TIMER, TooBrief};
pub use timer::Wakeups;
pub use uri::{BadUri, Host, Scheme, Uri};
pub use via::{MAGIC_COOKIE, Via};
