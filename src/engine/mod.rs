//! The one event loop.

pub mod control;
