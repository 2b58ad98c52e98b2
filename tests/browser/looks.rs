//! How every page looks, and to whom it is open: WCAG 2.2 AA, in both languages and schemes, on the screen of a phone too.

use crate::{
    driver::{Driver, NARROW, WIDE},
    office::Office,
    seen, staffed,
};

/// The pages of an administrator, by the names of their pictures.
const PAGES: [(&str, &str); 2] = [("monitor", "/monitor"), ("account", "/")];

const ADMINISTRATOR: &str = "ito";

fn furnished() -> Office {
    let office = staffed("edit");
    let add = ["account", "add", ADMINISTRATOR, "--role", "administrator", "--name", "伊藤 亮", "--password-stdin"];
    office.engine.run_ok(&add, "web-secret");
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
        if name == "monitor" {
            let status = format!("tr[data-extension='{}'] .status", office.agent());
            page.waits_for("a call", &format!("return document.querySelector({status:?})?.disabled === false")).await;
        }
        looked_at(&page, name, language).await;
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
