//! Rows A7, E3, F1–F8 and X9 as the web console has them: a browser gives the order, a phone rings.

use crate::{
    ear::{self, assert_hears},
    hearing::{assert_hears_both, assert_talk},
    office::{Office, row},
    support::{
        audio::{AGENT_HZ, SUPERVISOR_HZ},
        web::{Browser, Page},
    },
};
use std::time::Duration;

/// Longer than a phone would need to begin to ring.
const A_MOMENT: Duration = Duration::from_millis(500);

fn browser(office: &Office) -> Browser {
    Browser::signed_in(office.engine.console, &office.login(), "web-secret")
}

fn order(browser: &mut Browser, office: &Office, mode: &str, more: &str) -> Page {
    let body = format!(r#"{{"target":"{}","mode":"{mode}"{more}}}"#, office.agent());
    browser.json("/api/v1/orders", &body)
}

#[test]
fn f3_f4_x9_an_order_at_the_screen_rings_the_chosen_phone_from_9999_and_the_board_shows_who_listens() {
    row(async {
        let office = Office::open();
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let mut browser = browser(&office);
        let chosen = format!(r#","extension":"{}""#, office.supervisor());
        let page = order(&mut browser, &office, "whisper", &chosen);
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
        // A7: the listening phone is in an internal call too.
        for number in [office.agent(), office.supervisor()] {
            let row = said.split(&format!(r#"{{"extension":"{number}""#)).last().unwrap();
            assert!(row.split('}').next().unwrap().contains(r#""status":"internal""#), "{number}: {row}");
        }
        // What was seen is not told again; what comes next is.
        let seen = said.rsplit("id: ").next().unwrap().lines().next().unwrap().trim().to_owned();
        supervisor.hang_up().await.unwrap();
        let said = browser.events_until(&seen, r#""listeners":[]"#);
        assert!(!said.contains("event: board"), "{said}");
    });
}

#[test]
fn f5_f6_the_shortcut_rings_the_own_phone() {
    row(async {
        let office = Office::open();
        let _talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let page = order(&mut browser(&office), &office, "monitor", r#","shortcut":true"#);
        assert_eq!(page.status, 202, "{}", page.body);
        let supervisor = phone.incoming().await.unwrap().accept().await.unwrap();
        ear::hears(&supervisor, AGENT_HZ).await;
        assert_hears("the supervisor", &ear::now(&supervisor).await, &[AGENT_HZ]);
    });
}

#[test]
fn e3_without_the_right_the_screen_says_so_and_no_phone_rings() {
    row(async {
        let office = Office::open();
        let _talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        office.revoke(&office.agent());
        let page = order(&mut browser(&office), &office, "monitor", "");
        assert_eq!(page.status, 403);
        assert!(page.body.contains(r#""reason":"no-right""#), "{}", page.body);
        let rings = tokio::time::timeout(A_MOMENT, phone.incoming()).await;
        assert!(rings.is_err(), "a phone rings for nothing");
    });
}
