//! What is fuzzed: each function takes any bytes, and panics when something that always holds does not hold.

mod dial;
mod events;
mod media;
mod sdp;
mod sip;
mod wav;

pub use dial::{dialplan, shortdial};
pub use events::events;
pub use media::{rtp, srtp};
pub use sdp::sdp;
pub use sip::sip;
pub use wav::wav;
