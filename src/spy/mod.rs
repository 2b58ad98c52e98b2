//! A spy session's life, and who hears whom while it lives.
//!
//! In: what happened to the watched call, to the right and to the supervisor. Out: what to do with the supervisor's leg.
//! Absent on purpose: SIP, RTP, the store. `hear_matrix` is the only place that knows what a mode means.

mod matrix;
mod session;

pub use matrix::{Conversation, Hold, Listener, hear_matrix};
pub use session::{Act, Chime, Happening, Lasting, MAX_ANNOUNCEMENT, Session, chime, interval_tone, mode_of};
