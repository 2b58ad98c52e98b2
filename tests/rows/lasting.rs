//! Rows C1 and C6: a dialled session lasts as long as its call, and what ends it before.

use crate::{
    ear::{self, Ear, PATIENCE, Prompts, assert_hears, assert_lacks, assert_silent},
    office::{MONITOR, Office, PATIENT, Talk, WHISPER, row},
    support::audio::{AGENT_HZ, CUSTOMER_HZ, Recording, SUPERVISOR_HZ},
};
use sasayaki::{
    model::Prompt,
    phone::{Call, Ended},
    spy::MAX_ANNOUNCEMENT,
};
use std::time::{Duration, Instant};

/// What may still come after an end: a packet on its way, a phone that is slow to count.
const AT_ONCE: Duration = Duration::from_secs(2);
const MARGIN: Duration = Duration::from_secs(3);

struct Session {
    office: Office,
    talk: Talk,
    supervisor: Call,
}

async fn session(code: &str) -> Session {
    session_in(Office::open(), code).await
}

async fn session_in(office: Office, code: &str) -> Session {
    let talk = office.talk().await;
    let supervisor = office.listen_in(&office.supervisor_phone().await, code).await;
    Session { office, talk, supervisor }
}

/// The supervisor hears the announcement, nobody's voice with it, and then BYE.
async fn parted(session: &Session) {
    let begun = now();
    let prompts = Prompts::quick();
    Ear::new(&session.supervisor, &prompts).hears(&[Prompt::EndedByRight]).await;
    assert_eq!(ended(&session.supervisor).await, Ended::ByPeer);
    assert!(begun.elapsed() < MAX_ANNOUNCEMENT + MARGIN, "after {:?}", begun.elapsed());
    let heard = session.supervisor.heard();
    let at = prompts.position(Prompt::EndedByRight, &heard, 0).unwrap();
    assert_lacks("the supervisor, parting", &Recording::of(&heard[at..]), &[AGENT_HZ, CUSTOMER_HZ]);
    session.office.expect_trail("end", "right-lost");
}

/// The call goes on as if nobody had listened.
async fn goes_on(talk: &Talk) {
    let (by_agent, by_customer) = tokio::join!(ear::now(&talk.agent), ear::now(&talk.customer));
    assert_hears("the agent", &by_agent, &[CUSTOMER_HZ]);
    assert_lacks("the agent", &by_agent, &[SUPERVISOR_HZ]);
    assert_hears("the customer", &by_customer, &[AGENT_HZ]);
}

async fn ended(call: &Call) -> Ended {
    tokio::time::timeout(PATIENCE, call.wait_ended()).await.expect("the call does not end")
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "real phones live in real time")]
    Instant::now()
}

#[test]
fn c1_the_session_ends_the_instant_that_either_party_ends_the_call() {
    row(async {
        for code in [MONITOR, WHISPER] {
            let Session { office, talk, supervisor } = session(code).await;
            let party = if code == MONITOR { &talk.agent } else { &talk.customer };
            let before = supervisor.heard().len();
            party.hang_up().await.unwrap();
            let begun = now();
            assert_eq!(ended(&supervisor).await, Ended::ByPeer);
            assert!(begun.elapsed() < AT_ONCE, "after {:?}", begun.elapsed());
            let after = supervisor.heard().split_off(before);
            assert!(after.len() < 8 * AT_ONCE.as_millis() as usize, "{} samples more", after.len());
            assert_eq!(Prompts::quick().count(Prompt::Error, &after), 0, "an ordinary end is not announced");
            office.expect_trail("end", "call-ended");
            assert_eq!(office.engine.sessions().iter().filter(|s| s["target"] == office.agent()).count(), 0);
        }
    });
}

#[test]
fn c1_the_supervisor_may_leave_at_any_time_and_the_call_goes_on() {
    row(async {
        let Session { office, talk, supervisor } = session(WHISPER).await;
        supervisor.hang_up().await.unwrap();
        office.expect_trail("end", "supervisor-hung-up");
        goes_on(&talk).await;
    });
}

#[test]
fn c1_a_right_that_is_revoked_silences_the_session_announces_why_and_ends_it() {
    row(async {
        let session = session(WHISPER).await;
        session.office.revoke(&session.office.agent());
        parted(&session).await;
        goes_on(&session.talk).await;
    });
}

#[test]
fn c1_a_denial_or_a_protection_ends_a_running_session_too() {
    row(async {
        let session_denied = session(MONITOR).await;
        session_denied.office.deny(&session_denied.office.agent());
        parted(&session_denied).await;
        let session = session(MONITOR).await;
        // The far end counts as well (X5).
        session.office.engine.run_ok(&["extension", "set", &session.office.customer(), "--protected"], "");
        parted(&session).await;
        goes_on(&session.talk).await;
    });
}

#[test]
fn c1_an_extension_that_is_removed_takes_the_session_with_it() {
    row(async {
        let session = session(MONITOR).await;
        session.office.engine.run_ok(&["extension", "remove", &session.office.agent()], "");
        assert_eq!(ended(&session.supervisor).await, Ended::ByPeer);
        session.office.expect_trail("end", "right-lost");
    });
}

#[test]
fn c4_an_administrator_ends_a_session_by_its_id_and_the_call_goes_on() {
    row(async {
        let Session { office, talk, supervisor } = session(WHISPER).await;
        let sessions = office.engine.sessions();
        let mine = sessions.iter().find(|session| session["target"] == office.agent()).unwrap();
        office.engine.run_ok(&["sessions", "end", mine["id"].as_str().unwrap()], "");
        assert_eq!(ended(&supervisor).await, Ended::ByPeer);
        office.expect_trail("end", "ended-by-administrator");
        goes_on(&talk).await;
        let again = office.engine.run(&["sessions", "end", mine["id"].as_str().unwrap()], "");
        assert_eq!(again.status.code(), Some(1), "there is no such session any more");
    });
}

#[test]
fn c6_a_dialled_session_ends_with_its_call_whatever_the_setting_says() {
    row(async {
        let office = Office::alone(PATIENT);
        office.set("continue-sessions", "on");
        let Session { office, talk, supervisor } = session_in(office, MONITOR).await;
        talk.customer.hang_up().await.unwrap();
        assert_eq!(ended(&supervisor).await, Ended::ByPeer);
        office.expect_trail("end", "call-ended");
        let silent = office.silent_talk().await;
        assert!(office.engine.sessions().is_empty(), "it does not join the agent's next call");
        assert_silent("the next customer", &silent.customer.listen(ear::A_MOMENT / 2).await);
    });
}

#[test]
fn a_party_of_which_nothing_comes_any_more_ends_call_and_session_and_one_on_hold_does_not() {
    row(async {
        const BORNE: Duration = Duration::from_secs(5);
        let session = session_in(Office::alone(&format!("inactivity_timeout_ms = 5000\n{PATIENT}")), MONITOR).await;
        let Talk { agent, customer } = &session.talk;
        agent.hold().await.unwrap();
        customer.listen(BORNE + MARGIN).await;
        agent.resume().await.unwrap();
        ear::hears(customer, AGENT_HZ).await;
        let begun = now();
        customer.lose_audio();
        for call in [agent, customer, &session.supervisor] {
            assert_eq!(ended(call).await, Ended::ByPeer);
        }
        assert!((BORNE..BORNE + MARGIN).contains(&(begun.elapsed() + AT_ONCE / 4)), "after {:?}", begun.elapsed());
        session.office.expect_trail("end", "call-ended");
    });
}
