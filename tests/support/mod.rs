//! Rigs for real peers: baresip phones, SIPp scenarios and the engine itself, all on loopback, all bounded in time.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::disallowed_methods, reason = "a rig lives by the clock")]

pub mod audio;
pub mod baresip;
pub mod disk;
pub mod engine;
pub mod kamailio;
pub mod linphone;
pub mod port;
pub mod proxy;
pub mod sipp;
pub mod web;

use std::{
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const POLL: Duration = Duration::from_millis(20);

/// Asks again until there is an answer; `None` when `limit` has passed.
pub fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        match ask() {
            Some(answer) => return Some(answer),
            None if Instant::now() > end => return None,
            None => sleep(POLL),
        }
    }
}

/// Lets a conversation go on: real phones need real time.
pub fn let_pass(duration: Duration) {
    sleep(duration);
}

/// A child that never outlives its owner.
pub struct Peer(Child);

impl Peer {
    pub fn spawn(command: &mut Command) -> Self {
        Self(spawn(command.stdin(Stdio::null())))
    }

    /// One that is told what to do by typing at it.
    pub fn spawn_with_keyboard(command: &mut Command) -> (Self, ChildStdin) {
        let mut child = spawn(command.stdin(Stdio::piped()));
        let keyboard = child.stdin.take().expect("it is piped");
        (Self(child), keyboard)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn terminate(&mut self) {
        let id = self.0.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
    }

    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub fn exit(&mut self, limit: Duration) -> Option<ExitStatus> {
        within(limit, || self.0.try_wait().unwrap())
    }
}

fn spawn(command: &mut Command) -> Child {
    let program = command.get_program().to_owned();
    command.spawn().unwrap_or_else(|error| panic!("{}: {error} (tests/run installs it)", program.display()))
}

impl Drop for Peer {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
