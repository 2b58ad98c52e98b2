//! What supervisors and administrators see in a browser, the same as REST under `/api/v1`, and `/metrics` and `/healthz`.
//!
//! In come HTTP requests; out go pages, JSON and orders for the engine, which is asked as the control socket asks it. Which
//! route needs what stands in one table (`routes`), and `access::screen` judges it before any handler runs.
//! Absent on purpose: decisions about who may listen (`access`, by way of the engine), SQL, and scripts within pages.

mod administration;
mod api;
mod app;
mod assets;
mod board;
mod guard;
mod guesses;
mod health;
mod language;
mod live;
mod metrics;
mod order;
mod page;
mod problem;
mod redial;
mod routes;
mod seat;
mod server;
mod set_up;
mod sign_in;
mod words;

pub use health::SipDoor;
pub use routes::{Route, routes};
pub use server::{Console, Options};
pub use set_up::Registrar;
