//! The one event loop.

pub mod control;
pub mod prompts;
