//! Sasayaki (ささやき): a SIP feature-code server. Dial 0070 to listen to a colleague's call, 0071 to whisper into it.
//!
//! The rooms stand in the order in which a call passes through them; `docs/ARCHITECTURE.md` is the map.

pub mod model;

pub mod dialplan;
pub mod sip;

pub mod dtmf;
pub mod media;

pub mod access;
pub mod ivr;
pub mod spy;

pub mod switch;

#[cfg(feature = "shell")]
pub mod admin;
#[cfg(feature = "shell")]
pub mod audit;
#[cfg(feature = "shell")]
pub mod cli;
#[cfg(feature = "shell")]
pub mod console;
#[cfg(feature = "shell")]
pub mod engine;
#[cfg(feature = "shell")]
pub mod phone;
#[cfg(feature = "shell")]
pub mod store;
#[cfg(feature = "shell")]
pub mod tls;
