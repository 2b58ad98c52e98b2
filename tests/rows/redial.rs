//! Row H6: マイアカウント > 再発信, and who may listen to what was placed there.

use crate::{
    ear::{self, Ear, Prompts},
    errors::refused,
    office::{MONITOR, Office, row},
    support::{
        audio::{AGENT_HZ, CUSTOMER_HZ},
        web::Browser,
    },
};
use sasayaki::model::Prompt;
use serde_json::Value;

/// The newest of the agent's calls, as the agent's account is told of them.
fn newest(browser: &mut Browser) -> Option<Value> {
    let calls: Vec<Value> = serde_json::from_str(&browser.get("/api/v1/account/calls").body).unwrap();
    calls.first().cloned()
}

fn of_the_agent(office: &Office) -> Browser {
    Browser::signed_in(office.engine.console, &format!("agent{}", office.agent()), "web-secret")
}

/// The id of the agent's first call, as soon as it is written down.
async fn first_call(office: &Office) -> String {
    let found = ear::until(|| {
        let list = office.engine.run_ok(&["cdr", "list", "--extension", &office.agent(), "--json"], "");
        let calls: Vec<Value> = serde_json::from_str(&list).unwrap();
        Some(calls.first()?["id"].as_str()?.to_owned())
    });
    found.await.unwrap()
}

#[test]
fn h6_a_redial_rings_the_own_phone_first_and_nobody_may_listen_to_the_call() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        office.add_agent(&office.agent(), &office.center());
        let agent = office.phone(&office.agent(), AGENT_HZ).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let mut browser = of_the_agent(&office);
        assert!(browser.get("/redial").body.contains("まだ通話がありません"));
        office.connect(&agent, &customer).await.agent.hang_up().await.unwrap();
        let recent = ear::until(|| newest(&mut browser).filter(|call| call["answered"] == true)).await.unwrap();
        assert_eq!((&recent["number"], &recent["made"]), (&office.customer().into(), &true.into()));

        let (id, csrf) = (recent["id"].as_str().unwrap().to_owned(), browser.csrf());
        let pressed = tokio::task::spawn_blocking(move || {
            let page = browser.post("/redial", &[("csrf", &csrf), ("call", &id)]);
            (browser, page)
        });
        let ringing = agent.incoming().await.unwrap();
        assert!(ringing.caller().contains("9999"), "{}", ringing.caller());
        let at_agent = ringing.accept().await.unwrap();
        let (mut browser, page) = pressed.await.unwrap();
        assert!(page.status == 200 && page.body.contains("発信しました"), "{}", page.body);
        let ringing = customer.incoming().await.unwrap();
        assert!(ringing.caller().contains(&office.agent()), "{}", ringing.caller());
        let at_customer = ringing.accept().await.unwrap();
        ear::hears(&at_agent, CUSTOMER_HZ).await;
        ear::hears(&at_customer, AGENT_HZ).await;

        office.grant_center("edit");
        let phone = office.supervisor_phone().await;
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        let mut ear = Ear::new(&supervisor, &prompts);
        ear.hears(&[Prompt::Extension]).await;
        refused(&office, &mut ear, &supervisor, &office.agent(), "confidential").await;
        let mut screen = Browser::signed_in(office.engine.console, &office.login(), "web-secret");
        let order = format!(r#"{{"target":"{}","mode":"monitor"}}"#, office.agent());
        let page = screen.json("/api/v1/orders", &order);
        assert!(page.status == 409 && page.body.contains(r#""reason":"confidential""#), "{}", page.body);

        at_customer.hang_up().await.unwrap();
        at_agent.wait_ended().await;
        let kept = ear::until(|| newest(&mut browser).filter(|call| call["confidential"] == true)).await;
        assert_eq!(kept.unwrap()["number"], office.customer());
    });
}

#[test]
fn h6_a_call_of_somebody_else_and_one_that_cannot_be_reached_ring_nobody_and_say_why() {
    row(async {
        let office = Office::open();
        let agent = office.phone(&office.agent(), AGENT_HZ).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        office.connect(&agent, &customer).await.agent.hang_up().await.unwrap();
        // The supervisor's own account has had no call.
        let mut browser = Browser::signed_in(office.engine.console, &office.login(), "web-secret");
        let foreign = first_call(&office).await;
        for id in [foreign.as_str(), "01J00000000000000000000000", "no id"] {
            let page = browser.json("/api/v1/account/redials", &format!(r#"{{"call":"{id}"}}"#));
            assert_eq!(page.status, 409, "{}", page.body);
            assert!(page.body.contains(r#""reason":"no-such-call""#), "{}", page.body);
        }
        // Their own call, but no phone of theirs is there to ring.
        office.add_agent(&office.agent(), &office.center());
        let mut browser = of_the_agent(&office);
        agent.unregister().await.unwrap();
        let csrf = browser.csrf();
        let page = browser.post("/redial", &[("csrf", &csrf), ("call", foreign.as_str())]);
        assert_eq!(page.status, 409);
        assert!(page.body.contains("登録されている電話端末がありません"), "{}", page.body);
    });
}
