//! G1, G2 and J4: the seat view, and how it is arranged.

use crate::{
    driver::Driver,
    ear::PATIENCE,
    looks::ADMINISTRATOR,
    monitor::{assert_mode, rings},
    office::Office,
    seen, staffed,
    support::within,
};
use fantoccini::key::Key;
use serde_json::json;

fn seat(extension: &str) -> String {
    format!("#plan li[data-extension='{extension}'] button")
}

fn seats(office: &Office) -> String {
    office.engine.run_ok(&["seat", "list", "--json"], "").split_whitespace().collect()
}

fn stands(office: &Office, extension: &str, column: u8, row: u8) -> bool {
    let line = format!(r#"{{"extension":"{extension}","column":{column},"row":{row}}}"#);
    within(PATIENCE, || seats(office).contains(&line).then_some(())).is_some()
}

#[test]
fn g1_g2_a_click_on_a_seat_whose_agent_talks_rings_the_phone_that_is_set() {
    seen(async {
        let office = staffed("edit");
        office.engine.run_ok(&["seat", "put", &office.agent(), "2", "1"], "");
        office.engine.run_ok(&["seat", "put", &office.customer(), "3", "1"], "");
        let (talk, phone) = (office.talk().await, office.supervisor_phone().await);
        let page = Driver::start(&office, "ja").await;
        page.sign_in(&office.login()).await;
        page.open("/seats").await;
        page.says(&seat(&office.agent()), "内線通話").await;
        // The customer is no agent whom this supervisor may see; and there is no shortcut here.
        let hidden = format!("return document.querySelector({:?}).offsetParent === null", seat(&office.customer()));
        page.waits_for("a seat that is not shown", &hidden).await;
        assert_eq!(page.run("return document.querySelectorAll('summary').length").await, json!(0));
        page.click(&seat(&office.agent())).await;
        page.click(&format!("#phone option[value='{}']", office.supervisor())).await;
        page.press("ささやき").await;
        page.says("#question", "にささやきます").await;
        page.press("OK").await;
        let supervisor = rings(&phone).await;
        assert_mode(&supervisor, &talk, true).await;
        page.says(&seat(&office.agent()), "モニタリング・ささやき中").await;
    });
}

#[test]
fn g1_an_administrator_arranges_the_seats_by_keyboard_and_by_dragging_and_they_stay() {
    seen(async {
        let office = staffed("edit");
        let add = ["account", "add", ADMINISTRATOR, "--role", "administrator", "--password-stdin"];
        office.engine.run_ok(&add, "web-secret");
        let page = Driver::start(&office, "en").await;
        page.sign_in(ADMINISTRATOR).await;
        page.open("/seats").await;
        page.says("#connection", "live").await;
        page.tab_to("#arrange").await;
        page.key(Key::Enter).await;
        page.tab_to("#unplaced button").await;
        page.key(Key::Enter).await;
        assert!(stands(&office, &office.agent(), 1, 1), "{}", seats(&office));
        page.says("#arranged", "column 1, row 1").await;
        for (key, column, row) in [(Key::Right, 2, 1), (Key::Down, 2, 2)] {
            page.key(key).await;
            page.says("#arranged", &format!("column {column}, row {row}")).await;
        }
        assert!(stands(&office, &office.agent(), 2, 2), "{}", seats(&office));
        page.drag("#plan button", (128.0, 160.0)).await;
        assert!(stands(&office, &office.agent(), 3, 4), "{}", seats(&office));
        page.open("/seats").await;
        let there = format!("return document.querySelector({:?})?.parentElement.style.gridArea", seat(&office.agent()));
        page.waits_for("the seat where it was put", &format!("{there}.startsWith('4 / 3')")).await;
        page.click("#arrange").await;
        page.tab_to(&seat(&office.agent())).await;
        page.key(Key::Delete).await;
        page.says("#arranged", "taken away").await;
        assert_eq!(seats(&office), "[]");
        // What the page would not do is refused as well.
        for (place, status) in [(r#"{"column":0,"row":1}"#, 422), (r#"{"column":1,"row":25}"#, 422), ("{}", 422)] {
            let mut browser =
                crate::support::web::Browser::signed_in(office.engine.console, ADMINISTRATOR, "web-secret");
            let path = format!("/api/v1/seats/{}", office.agent());
            assert_eq!(browser.send_json("PUT", &path, place).status, status, "{place}");
        }
    });
}
