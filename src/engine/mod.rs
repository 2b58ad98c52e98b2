//! The one event loop.

pub mod control;
pub mod desk;
pub mod prompts;
