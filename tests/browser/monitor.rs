//! F3–F7, C4 and E3 as they are clicked.

use crate::{
    driver::Driver,
    ear::{self, PATIENCE, assert_hears, assert_lacks},
    office::{Office, Talk},
    seen, staffed,
    support::audio::{AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ},
};
use fantoccini::key::Key;
use sasayaki::phone::{Call, Ended, Phone};
use std::time::Duration;

/// Longer than a phone would need to begin to ring.
const A_MOMENT: Duration = Duration::from_millis(700);

/// The words of one language that a test presses or looks for.
struct Words {
    tag: &'static str,
    monitor: &'static str,
    whisper: &'static str,
    own_monitor: &'static str,
    own_whisper: &'static str,
    asked_to_monitor: &'static str,
    asked_to_whisper: &'static str,
    waiting: &'static str,
    stop_waiting: &'static str,
    no_right: [&'static str; 2],
}

const JAPANESE: Words = Words {
    tag: "ja",
    monitor: "モニタリング",
    whisper: "ささやき",
    own_monitor: "サインイン端末からモニタリング",
    own_whisper: "サインイン端末からささやき",
    asked_to_monitor: "の通話をモニタリングします",
    asked_to_whisper: "にささやきます",
    waiting: "次の通話を待っています",
    stop_waiting: "待機をやめる",
    no_right: ["権限がありません", "「編集」以上のリソース権限"],
};

const ENGLISH: Words = Words {
    tag: "en",
    monitor: "Monitor",
    whisper: "Whisper",
    own_monitor: "Monitor from my phone",
    own_whisper: "Whisper from my phone",
    asked_to_monitor: "You are about to monitor",
    asked_to_whisper: "You are about to whisper",
    waiting: "waits for the next call",
    stop_waiting: "Stop waiting",
    no_right: ["You have no right", "the right to edit the call centre"],
};

fn row_of(extension: &str) -> String {
    format!("tr[data-extension='{extension}']")
}

fn status_of(extension: &str) -> String {
    format!("{} .status", row_of(extension))
}

async fn at_the_monitor(office: &Office, words: &Words) -> Driver {
    let driver = Driver::start(office, words.tag).await;
    driver.sign_in(&office.login()).await;
    driver.find(&status_of(&office.agent())).await;
    driver
}

async fn assert_rings_not(phone: &Phone) {
    assert!(tokio::time::timeout(A_MOMENT, phone.incoming()).await.is_err(), "a phone rings for nothing");
}

pub async fn rings(phone: &Phone) -> Call {
    let incoming = tokio::time::timeout(PATIENCE, phone.incoming()).await.expect("no phone rings").unwrap();
    assert!(incoming.caller().contains("9999"), "{}", incoming.caller());
    incoming.accept().await.unwrap()
}

/// The mode, by what is heard: the supervisor hears both; a whisper is heard by the agent; the customer hears neither.
pub async fn assert_mode(supervisor: &Call, talk: &Talk, whisper: bool) {
    ear::hears(supervisor, AGENT_HZ).await;
    let (by_supervisor, by_agent, by_customer) =
        tokio::join!(ear::now(supervisor), ear::now(&talk.agent), ear::now(&talk.customer));
    assert_hears("the supervisor", &by_supervisor, &[AGENT_HZ, CUSTOMER_HZ]);
    match whisper {
        true => assert_hears("the agent", &by_agent, &[CUSTOMER_HZ, SUPERVISOR_HZ]),
        false => assert_lacks("the agent", &by_agent, &[SUPERVISOR_HZ]),
    }
    assert_lacks("the customer", &by_customer, &[SUPERVISOR_HZ]);
}

async fn hangs_up(office: &Office, supervisor: &Call) {
    supervisor.hang_up().await.unwrap();
    office.expect_trail("end", "supervisor-hung-up");
}

/// F3 and F4 with a phone that is chosen, then F5 and F6 with the own one.
async fn every_way(words: &Words) {
    let office = staffed("edit");
    office.add_coach();
    let talk = office.talk().await;
    let (own, chosen) = (office.supervisor_phone().await, office.phone(&office.coach(), SUPERVISOR_HZ).await);
    let page = at_the_monitor(&office, words).await;
    page.waits_for("a call", &format!("return !document.querySelector({:?}).disabled", status_of(&office.agent())))
        .await;
    for (mode, asked) in [(words.monitor, words.asked_to_monitor), (words.whisper, words.asked_to_whisper)] {
        page.click(&status_of(&office.agent())).await;
        page.click(&format!("#phone option[value='{}']", office.coach())).await;
        page.press(mode).await;
        page.says("#question", asked).await;
        page.says("#question", &office.coach()).await;
        assert_rings_not(&chosen).await;
        page.press("OK").await;
        let supervisor = rings(&chosen).await;
        assert_mode(&supervisor, &talk, mode == words.whisper).await;
        page.says(&row_of(&office.agent()), &office.coach()).await;
        supervisor.hang_up().await.unwrap();
        office.expect_trail_of(&office.coach(), "end", "supervisor-hung-up");
    }
    let more = format!("{} summary", row_of(&office.agent()));
    page.click(&more).await;
    page.press(words.own_monitor).await;
    let supervisor = rings(&own).await;
    assert_mode(&supervisor, &talk, false).await;
    hangs_up(&office, &supervisor).await;
    page.click(&more).await;
    page.press(words.own_whisper).await;
    page.says("#question", words.asked_to_whisper).await;
    assert_rings_not(&own).await;
    page.press("OK").await;
    let supervisor = rings(&own).await;
    assert_mode(&supervisor, &talk, true).await;
    hangs_up(&office, &supervisor).await;
}

#[test]
fn f3_f4_f5_f6_what_is_clicked_in_japanese_rings_the_phone_and_is_the_mode_that_is_heard() {
    seen(every_way(&JAPANESE));
}

#[test]
fn f3_f4_f5_f6_what_is_clicked_in_english_rings_the_phone_and_is_the_mode_that_is_heard() {
    seen(every_way(&ENGLISH));
}

#[test]
fn f7_c4_an_agent_who_is_idle_is_waited_for_and_the_page_stops_waiting() {
    seen(async {
        for words in [&JAPANESE, &ENGLISH] {
            let office = staffed("edit");
            let phone = office.supervisor_phone().await;
            let page = at_the_monitor(&office, words).await;
            page.click(&format!("{} summary", row_of(&office.agent()))).await;
            page.press(words.own_monitor).await;
            let supervisor = rings(&phone).await;
            page.says("#orders", words.waiting).await;
            let talk = office.talk().await;
            assert_mode(&supervisor, &talk, false).await;
            talk.customer.hang_up().await.unwrap();
            page.says("#orders", words.waiting).await;
            page.press(words.stop_waiting).await;
            let ended = tokio::time::timeout(PATIENCE, supervisor.wait_ended()).await.expect("it waits on");
            assert_eq!(ended, Ended::ByPeer);
        }
    });
}

#[test]
fn e3_who_may_only_view_is_told_why_and_who_can_help() {
    seen(async {
        for words in [&JAPANESE, &ENGLISH] {
            let office = staffed("view");
            let _talk = office.talk().await;
            let phone = office.supervisor_phone().await;
            let page = at_the_monitor(&office, words).await;
            page.click(&format!("{} summary", row_of(&office.agent()))).await;
            page.press(words.own_monitor).await;
            for text in words.no_right {
                page.says("#orders", text).await;
            }
            assert_rings_not(&phone).await;
        }
    });
}

#[test]
fn f3_without_a_mouse_a_phone_is_rung_by_the_keyboard_alone() {
    seen(async {
        let office = staffed("edit");
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let page = at_the_monitor(&office, &JAPANESE).await;
        let status = status_of(&office.agent());
        page.waits_for("a call", &format!("return !document.querySelector({status:?}).disabled")).await;
        page.tab_to(&status).await;
        page.key(Key::Enter).await;
        page.tab_to("#phone").await;
        page.tab_to("[data-mode=whisper]").await;
        page.key(Key::Enter).await;
        page.tab_to("#ok").await;
        page.key(Key::Enter).await;
        let supervisor = rings(&phone).await;
        assert_mode(&supervisor, &talk, true).await;
        page.tab_to("#orders button").await;
        page.key(Key::Enter).await;
        let ended = tokio::time::timeout(PATIENCE, supervisor.wait_ended()).await.expect("it is not ended");
        assert_eq!(ended, Ended::ByPeer);
    });
}
