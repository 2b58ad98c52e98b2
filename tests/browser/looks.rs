//! How every page looks, and to whom it is open: WCAG 2.2 AA, in both languages and schemes, on the screen of a phone too.

use crate::{
    driver::{Driver, NARROW, WIDE},
    office::Office,
    seen, staffed,
};

/// The pages of an administrator, by the names of their pictures.
const PAGES: [(&str, &str); 13] = [
    ("monitor", "/monitor"),
    ("seats", "/seats"),
    ("account", "/"),
    ("accounts", "/administration/accounts"),
    ("extensions", "/administration/extensions"),
    ("dial-ids", "/administration/dial-ids"),
    ("rights", "/administration/rights"),
    ("call-centers", "/administration/call-centers"),
    ("settings", "/administration/settings"),
    ("lockouts", "/administration/lockouts"),
    ("audit", "/administration/audit"),
    ("calls", "/administration/calls"),
    ("health", "/administration/health"),
];

pub const ADMINISTRATOR: &str = "ito";

fn furnished() -> Office {
    let office = staffed("edit");
    let add = ["account", "add", ADMINISTRATOR, "--role", "administrator", "--name", "伊藤 亮", "--password-stdin"];
    office.engine.run_ok(&add, "web-secret");
    let people = ["田中 陽子", "鈴木 健", "渡辺 結衣", "小林 大輔", "山本 さくら"];
    for (index, name) in people.into_iter().enumerate() {
        let (number, login) = (format!("2{index}0"), format!("agent2{index}0"));
        office.engine.add_extension(&number);
        let add =
            ["account", "add", &login, "--role", "user", "--extension", &number, "--name", name, "--password-stdin"];
        office.engine.run_ok(&add, "web-secret");
        let center = if index < 3 { "サポート" } else { "受注" };
        if index == 0 || index == 3 {
            office.engine.run_ok(&["call-center", "add", center], "");
        }
        office.engine.run_ok(&["call-center", "assign", center, &login], "");
        let (column, row) = (1 + index % 3, 1 + index / 3);
        office.engine.run_ok(&["seat", "put", &number, &column.to_string(), &row.to_string()], "");
    }
    office.engine.run_ok(&["call-center", "assign", "サポート", &format!("agent{}", office.agent())], "");
    office.engine.run_ok(&["call-center", "remove", &office.center()], "");
    office.engine.run_ok(&["permission", "grant", &office.login(), "call-center:サポート", "edit"], "");
    office.engine.run_ok(&["permission", "grant", &office.login(), "call-center:受注", "view"], "");
    office.engine.run_ok(&["seat", "put", &office.agent(), "3", "2"], "");
    office
}

/// The page as it stands, in every way in which it may be looked at.
async fn looked_at(page: &Driver, name: &str, language: &str) {
    for scheme in ["light", "dark"] {
        page.prefer(scheme).await;
        for size in [WIDE, NARROW] {
            page.resize(size).await;
            let what = format!("{name} in {language}, {scheme}, {} px wide", size.0);
            page.assert_accessible(&what).await;
            page.assert_fits(&what).await;
            match (scheme, size) {
                ("light", WIDE) => page.picture(&format!("{name}-{language}")).await,
                ("dark", NARROW) => page.picture(&format!("{name}-{language}-phone")).await,
                _ => {}
            }
        }
    }
    page.resize(WIDE).await;
    page.prefer("light").await;
}

async fn every_page(language: &str) {
    let office = furnished();
    let _talk = office.talk().await;
    let page = Driver::start(&office, language).await;
    page.open("/monitor").await;
    page.find("input[name=password]").await;
    looked_at(&page, "sign-in", language).await;
    page.sign_in(ADMINISTRATOR).await;
    for (name, path) in PAGES {
        page.open(path).await;
        page.find("h1").await;
        if ["monitor", "seats"].contains(&name) {
            page.says("#connection", if language == "ja" { "最新" } else { "live" }).await;
        }
        if name == "monitor" {
            let status = format!("tr[data-extension='{}'] .status", office.agent());
            page.waits_for("a call", &format!("return document.querySelector({status:?})?.disabled === false")).await;
        }
        looked_at(&page, name, language).await;
        page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })").await;
        page.resize(NARROW).await;
        page.assert_accessible(&format!("{name} in {language}, unfolded")).await;
        page.assert_fits(&format!("{name} in {language}, unfolded")).await;
        page.run("document.querySelectorAll('details').forEach((one) => { one.open = false; })").await;
        page.resize(WIDE).await;
        if name == "monitor" {
            page.click(&format!("tr[data-extension='{}'] .status", office.agent())).await;
            looked_at(&page, "listen", language).await;
            page.click("[data-mode=whisper]").await;
            looked_at(&page, "confirm", language).await;
        }
    }
    let user = Driver::start(&office, language).await;
    user.sign_in(&format!("agent{}", office.agent())).await;
    user.open("/monitor").await;
    looked_at(&user, "not-allowed", language).await;
}

#[test]
fn every_page_in_japanese_is_open_to_all_and_fits_every_screen() {
    seen(every_page("ja"));
}

#[test]
fn every_page_in_english_is_open_to_all_and_fits_every_screen() {
    seen(every_page("en"));
}
