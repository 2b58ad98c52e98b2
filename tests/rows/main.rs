//! Every requirement row, driven from outside: `sasayaki serve`, its command line, and SIP phones that dial, type and
//! listen. `docs/rows.md` says which test stands for which row. One row needs a PostgreSQL server:
//! `tests/postgres cargo test --test rows`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod ear;
mod office;

mod access;
mod dialling;
mod door;
mod errors;
mod faults;
mod guidance;
mod hearing;
mod hold;
mod keys;
mod lasting;
mod modes;
mod power;
mod privacy;
mod records;
mod redial;
mod rtp;
mod screen;
mod secrets;
mod secure;
mod selftest;
mod stranger;
mod table;
mod tones;
mod trail;
mod transfer;
