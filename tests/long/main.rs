//! The long proofs, on a release build: `tests/run --long`. How long and how often is read from the environment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "a rig lives by the clock")]

#[path = "../support/mod.rs"]
mod support;

mod ear;
mod flood;
mod kills;
mod office;
mod process;
mod soak;
mod supervisor;
mod trail;

use std::{env, fmt::Display, str::FromStr, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "long: tests/run --long"]
async fn supervisors_come_and_go_and_nothing_is_left_of_them() {
    soak::run(Duration::from_secs(setting("SASAYAKI_LONG_SECONDS", 600))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "long: tests/run --long"]
async fn what_was_acknowledged_survives_a_hundred_kills() {
    kills::run(setting("SASAYAKI_LONG_KILLS", 100), setting("SASAYAKI_LONG_SEED", 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: tests/run --long"]
async fn a_flood_of_sign_ins_delays_no_tick_of_the_mixer() {
    flood::run(Duration::from_secs(setting("SASAYAKI_LONG_FLOOD_SECONDS", 10))).await;
}

fn setting<T: FromStr<Err: Display> + Copy>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}
