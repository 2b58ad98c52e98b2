//! The pages in a real browser, Chromium, as people use them; what is clicked rings real phones, and what these hear is measured.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a rig lives by the clock")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../rows/ear.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod ear;
#[path = "../rows/office.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod office;

mod driver;
mod load;
mod looks;
mod monitor;
mod seats;

use office::{Office, PATIENT};
use std::{future::Future, time::Duration};

/// A browser, an engine and phones at once, on a machine that has other things to do.
const TEST_LIMIT: Duration = Duration::from_secs(420);

fn seen(test: impl Future<Output = ()>) {
    office::row_within(TEST_LIMIT, test);
}

/// An engine of its own, an agent of a call centre that the supervisor may edit, and people with names.
fn staffed(level: &str) -> Office {
    let office = Office::alone(PATIENT);
    office.set("whisper-tone", "off");
    office.staff(level);
    for (login, name) in [(office.login(), "高橋 誠"), (format!("agent{}", office.agent()), "佐藤 美咲")] {
        office.engine.run_ok(&["account", "set", &login, "--name", name], "");
    }
    office
}
