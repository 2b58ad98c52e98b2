//! Real phones: three or four head-less baresips and, where it says so, the engine between them.

mod support;

use std::time::Duration;
use support::{audio::*, baresip::Setup, let_pass};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn two_phones_alone_hear_each_other() {
    let mut callee = Setup::new("2000", Sound::default().tone(CUSTOMER_HZ, 60.0)).start();
    let mut caller = Setup::new("1000", Sound::default().tone(AGENT_HZ, 60.0)).start();
    caller.dial(&callee.uri());
    caller.expect("CALL_ESTABLISHED", SOON);
    let_pass(Duration::from_secs(3));
    caller.press("1");
    callee.expect("CALL_DTMF_START", SOON);
    caller.hang_up();
    callee.expect_closed(SOON);
    assert!(caller.heard_last().hears(CUSTOMER_HZ) && caller.heard_last().lacks(AGENT_HZ));
    assert!(callee.heard_last().hears(AGENT_HZ) && callee.heard_last().lacks(CUSTOMER_HZ));
}
