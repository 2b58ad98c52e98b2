//! The one event loop: it owns the clock, the randomness and every task, feeds the machines and carries out what they ask.
//!
//! In: SIP, events of the media plane, replies of side work, requests on the control socket, news from the store, signals.
//! Out: SIP, media commands, audit rows, call records, registrations. Every decision is made in a pure room: calls in `switch`,
//! conversations and sessions in `desk`, rights in `access`.

mod clock;
pub mod control;
pub mod desk;
pub mod explain;
mod figures;
mod ledger;
mod news;
mod notary;
mod orders;
mod ports;
pub mod prompts;
pub mod redial;
mod rows;
mod run;
mod scribe;
mod selftest;
mod snapshot;
mod socket;
mod trunks;
mod work;

pub use notary::HeadExport;
pub use run::{Engine, Options};
pub use socket::Handle;
