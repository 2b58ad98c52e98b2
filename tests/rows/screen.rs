//! Rows A7, C2–C5, E3, F1–F8 and X9 as the web console has them: a browser gives the order, a phone rings.

use crate::{
    ear::{self, PATIENCE, assert_hears, assert_silent},
    hearing::{assert_hears_both, assert_talk},
    office::{Office, PATIENT, Talk, row},
    support::{
        audio::{AGENT_HZ, SUPERVISOR_HZ},
        web::{Browser, Page},
    },
};
use sasayaki::phone::{Call, Ended, Phone};
use serde_json::Value;
use std::time::Duration;

/// Longer than a phone would need to begin to ring.
const A_MOMENT: Duration = Duration::from_millis(500);

/// The supervisor may edit the call centre of the agent, and has no right on any terminal.
fn staffed() -> Office {
    let office = Office::open();
    office.staff("edit");
    office
}

fn browser(office: &Office) -> Browser {
    Browser::signed_in(office.engine.console, &office.login(), "web-secret")
}

fn order(browser: &mut Browser, target: &str, mode: &str, more: &str) -> Page {
    browser.json("/api/v1/orders", &format!(r#"{{"target":"{target}","mode":"{mode}"{more}}}"#))
}

/// Orders for the own phone to ring, which answers; the order's id as well.
async fn listen(browser: &mut Browser, office: &Office, phone: &Phone, mode: &str, more: &str) -> (Call, String) {
    let page = order(browser, &office.agent(), mode, more);
    assert_eq!(page.status, 202, "{}", page.body);
    let id = field(&page, "id");
    (phone.incoming().await.unwrap().accept().await.unwrap(), id)
}

fn field(page: &Page, name: &str) -> String {
    let body: Value = serde_json::from_str(&page.body).unwrap();
    body[name].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn assert_refused(page: &Page, status: u16, reason: &str) {
    assert_eq!((page.status, field(page, "reason").as_str()), (status, reason), "{}", page.body);
}

async fn assert_rings_not(phone: &Phone) {
    assert!(tokio::time::timeout(A_MOMENT, phone.incoming()).await.is_err(), "a phone rings for nothing");
}

async fn ended(call: &Call) -> Ended {
    tokio::time::timeout(PATIENCE, call.wait_ended()).await.expect("the call does not end")
}

/// The agent's next call, and that the supervisor is in it.
async fn next_call_is_joined(office: &Office, supervisor: &Call) -> Talk {
    let talk = office.talk().await;
    ear::hears(supervisor, AGENT_HZ).await;
    talk
}

#[test]
fn f3_f4_x9_an_order_at_the_screen_rings_the_chosen_phone_from_9999_and_the_board_shows_who_listens() {
    row(async {
        let office = staffed();
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let mut browser = browser(&office);
        office.add_agent(&office.supervisor(), &format!("{}-of-supervisors", office.center()));
        let chosen = format!(r#","extension":"{}""#, office.supervisor());
        let page = order(&mut browser, &office.agent(), "whisper", &chosen);
        assert_eq!(page.status, 202, "{}", page.body);
        let incoming = phone.incoming().await.unwrap();
        assert!(incoming.caller().contains("9999"), "{}", incoming.caller());
        let supervisor = incoming.accept().await.unwrap();
        ear::hears(&supervisor, AGENT_HZ).await;
        assert_hears_both(&supervisor, &[]).await;
        assert_talk(&talk, &[SUPERVISOR_HZ], &[]).await;
        let listener =
            format!(r#""account":"{}","extension":"{}","mode":"whisper""#, office.login(), office.supervisor());
        let said = browser.events_until("", &listener);
        let agent = said.split(&format!(r#"{{"extension":"{}""#, office.agent())).last().unwrap();
        assert!(agent.split('}').next().unwrap().contains(r#""status":"internal""#), "{agent}");
        // What was seen is not told again; what comes next is.
        let seen = said.rsplit("id: ").next().unwrap().lines().next().unwrap().trim().to_owned();
        supervisor.hang_up().await.unwrap();
        let said = browser.events_until(&seen, r#""listeners":[]"#);
        assert!(!said.contains("event: board"), "{said}");
    });
}

#[test]
fn a7_who_listens_is_shown_in_an_internal_call() {
    row(async {
        let office = staffed();
        let _talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        office
            .engine
            .run_ok(&["account", "add", &office.another(), "--role", "administrator", "--password-stdin"], "w");
        let mut browser = browser(&office);
        let (_supervisor, _) = listen(&mut browser, &office, &phone, "monitor", "").await;
        let everything = Browser::signed_in(office.engine.console, &office.another(), "w");
        let row = format!(r#"{{"extension":"{}","name":"","centers":[],"status":"internal""#, office.supervisor());
        everything.events_until("", &row);
    });
}

#[test]
fn f2_the_right_is_the_one_on_the_agents_call_center_and_no_other_right_reaches_the_agent() {
    row(async {
        let office = staffed();
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        // The customer is an agent of another call centre; the right on the phone terminal is for dialling.
        office.add_agent(&office.customer(), &format!("{}-y", office.center()));
        office.grant(&office.customer(), "manage");
        let mut browser = browser(&office);
        assert_refused(&order(&mut browser, &office.customer(), "monitor", ""), 403, "no-right");
        assert_refused(&order(&mut browser, &office.customer(), "monitor", r#","shortcut":true"#), 403, "no-right");
        assert_rings_not(&phone).await;
        let seen = browser.events_until("", &format!(r#"{{"extension":"{}""#, office.agent()));
        assert!(!seen.contains(&format!(r#"{{"extension":"{}""#, office.customer())), "{seen}");
        // A right on a call centre is none on the phone.
        let dialled = office.name_agent(&phone, &office.short("0070")).await;
        office.expect_trail("attempt", "no-right");
        dialled.hang_up().await.unwrap();
        let (supervisor, _) = listen(&mut browser, &office, &phone, "monitor", "").await;
        ear::hears(&supervisor, AGENT_HZ).await;
        assert_talk(&talk, &[], &[SUPERVISOR_HZ]).await;
        // It is lost as it was held.
        office
            .engine
            .run_ok(&["permission", "revoke", &office.login(), &format!("call-center:{}", office.center())], "");
        assert_eq!(ended(&supervisor).await, Ended::ByPeer);
        office.expect_trail("end", "right-lost");
        assert!(browser.get("/api/v1/agents").body.contains(r#""agents":[]"#), "who has no right sees nobody");
    });
}

#[test]
fn f5_f6_the_shortcut_rings_the_own_phone() {
    row(async {
        let office = staffed();
        let _talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let mut browser = browser(&office);
        let other = format!(r#","shortcut":true,"extension":"{}""#, office.customer());
        assert_refused(&order(&mut browser, &office.agent(), "monitor", &other), 409, "not-own-phone");
        let (supervisor, _) = listen(&mut browser, &office, &phone, "monitor", r#","shortcut":true"#).await;
        ear::hears(&supervisor, AGENT_HZ).await;
        assert_hears("the supervisor", &ear::now(&supervisor).await, &[AGENT_HZ]);
    });
}

#[test]
fn f7_c2_c4_the_shortcut_waits_for_the_agents_next_call_and_follows_from_call_to_call_until_it_is_ended() {
    row(async {
        let office = staffed();
        let phone = office.supervisor_phone().await;
        let mut browser = browser(&office);
        let (supervisor, id) = listen(&mut browser, &office, &phone, "whisper", r#","shortcut":true"#).await;
        browser.events_until("", &format!(r#""id":"{id}","account":"{}""#, office.login()));
        browser.events_until("", r#""state":"waiting""#);
        assert_silent("the supervisor, waiting", &supervisor.listen(ear::A_MOMENT).await);
        for _ in 0..2 {
            let talk = next_call_is_joined(&office, &supervisor).await;
            assert_talk(&talk, &[SUPERVISOR_HZ], &[]).await;
            talk.customer.hang_up().await.unwrap();
            office.expect_trail("end", "call-ended");
            assert_silent("the supervisor, between calls", &supervisor.listen(ear::A_MOMENT).await);
            assert!(!supervisor.is_ended());
        }
        let mine = format!("/api/v1/orders/{id}");
        assert_eq!(Browser::new(office.engine.console).delete(&mine).status, 401);
        office.add_coach();
        let mut coach = Browser::signed_in(office.engine.console, &office.coach_login(), "web-secret");
        assert_eq!(coach.delete(&mine).status, 404, "it is somebody else's");
        assert_eq!(browser.delete(&mine).status, 204);
        assert_eq!(ended(&supervisor).await, Ended::ByPeer);
        assert_eq!(browser.delete(&mine).status, 404);
    });
}

#[test]
fn c2_the_right_is_judged_anew_at_each_call() {
    row(async {
        let office = staffed();
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let (supervisor, _) = listen(&mut browser(&office), &office, &phone, "monitor", "").await;
        ear::hears(&supervisor, AGENT_HZ).await;
        talk.customer.hang_up().await.unwrap();
        office.expect_trail("end", "call-ended");
        office.grant_center("view");
        let _talk = office.talk().await;
        assert_eq!(ended(&supervisor).await, Ended::ByPeer);
        office.expect_trail("attempt", "no-right");
    });
}

#[test]
fn c3_without_continuation_a_session_from_the_screen_ends_with_its_call() {
    row(async {
        let office = Office::alone(PATIENT);
        office.staff("edit");
        office.set("continue-sessions", "off");
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let mut browser = browser(&office);
        let (supervisor, _) = listen(&mut browser, &office, &phone, "monitor", "").await;
        ear::hears(&supervisor, AGENT_HZ).await;
        talk.customer.hang_up().await.unwrap();
        assert_eq!(ended(&supervisor).await, Ended::ByPeer);
        // F7: the shortcut waits for one call, and ends with it.
        let (supervisor, _) = listen(&mut browser, &office, &phone, "monitor", r#","shortcut":true"#).await;
        let talk = next_call_is_joined(&office, &supervisor).await;
        talk.agent.hang_up().await.unwrap();
        assert_eq!(ended(&supervisor).await, Ended::ByPeer);
    });
}

#[test]
fn c5_a_phone_that_follows_one_agent_is_rung_for_no_other() {
    row(async {
        let office = staffed();
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        office.add_agent(&office.customer(), &format!("{}-y", office.center()));
        let both = format!("agent{}", office.customer());
        office.engine.run_ok(&["call-center", "assign", &office.center(), &both], "");
        let mut browser = browser(&office);
        let (supervisor, _) = listen(&mut browser, &office, &phone, "monitor", "").await;
        ear::hears(&supervisor, AGENT_HZ).await;
        assert_refused(&order(&mut browser, &office.customer(), "monitor", ""), 409, "phone-listens");
        assert_rings_not(&phone).await;
        supervisor.hang_up().await.unwrap();
        office.expect_trail("end", "supervisor-hung-up");
        let page = order(&mut browser, &office.customer(), "monitor", "");
        assert_eq!(page.status, 202, "{}", page.body);
        let supervisor = phone.incoming().await.unwrap().accept().await.unwrap();
        assert_hears_both(&supervisor, &[]).await;
        assert_talk(&talk, &[], &[SUPERVISOR_HZ]).await;
    });
}

#[test]
fn an_order_that_is_cancelled_while_it_rings_stops_the_phone_and_is_written_down() {
    row(async {
        let office = staffed();
        let _talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let mut browser = browser(&office);
        let page = order(&mut browser, &office.agent(), "monitor", "");
        let mut ringing = phone.incoming().await.unwrap();
        assert_eq!(browser.delete(&format!("/api/v1/orders/{}", field(&page, "id"))).status, 204);
        let stopped = tokio::time::timeout(PATIENCE, ringing.wait_ended()).await.expect("it rings on");
        assert_eq!(stopped, Ended::ByPeer);
        office.expect_trail("attempt", "taken-back");
    });
}

#[test]
fn e3_f2_who_may_only_view_sees_the_agent_is_told_and_no_phone_rings() {
    row(async {
        let office = Office::open();
        office.staff("view");
        let _talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let mut browser = browser(&office);
        browser.events_until("", &format!(r#"{{"extension":"{}""#, office.agent()));
        assert_refused(&order(&mut browser, &office.agent(), "monitor", ""), 403, "no-right");
        assert_rings_not(&phone).await;
    });
}
