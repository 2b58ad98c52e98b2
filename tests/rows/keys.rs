//! Keys between the parties of a call: each phone gets them in its own form, whatever the other one sends.

use crate::{
    ear::A_MOMENT,
    office::{Office, Talk, WHISPER, press, row},
};
use sasayaki::{
    dtmf::InBand,
    model::Digit,
    phone::{Call, DtmfWay, Phone, Voice},
};

const WAYS: [DtmfWay; 3] = [DtmfWay::Rfc4733, DtmfWay::Info, DtmfWay::InBand];

async fn phone(office: &Office, number: &str, way: DtmfWay) -> Phone {
    office.phone_with(number, 0.0, |config| (config.voice, config.dtmf) = (Voice::Silence, way)).await
}

/// What came to a phone: as events or by INFO, and as tones.
fn got(call: &Call) -> (String, String) {
    let said = call.pressed().into_iter().map(Digit::as_char).collect();
    let mut ear = InBand::default();
    let heard = call.heard();
    (said, heard.chunks(160).filter_map(|frame| ear.hear(frame)).map(Digit::as_char).collect())
}

/// The keys where a phone takes them, and nothing where it does not.
fn only(way: DtmfWay, keys: &str) -> (String, String) {
    match way {
        DtmfWay::Rfc4733 | DtmfWay::Info => (keys.to_owned(), String::new()),
        DtmfWay::InBand => (String::new(), keys.to_owned()),
    }
}

async fn between(office: &Office, agent: DtmfWay, customer: DtmfWay) -> Talk {
    let agent = phone(office, &office.agent(), agent).await;
    let customer = phone(office, &office.customer(), customer).await;
    office.connect(&agent, &customer).await
}

/// A phone that says no key itself is not known to take INFO: the customer begins.
async fn keys_reach_both(office: &Office, agent: DtmfWay, customer: DtmfWay) {
    let talk = between(office, agent, customer).await;
    press(&talk.agent, "1").await;
    press(&talk.customer, "55#").await;
    press(&talk.agent, "907").await;
    talk.agent.listen(A_MOMENT).await;
    let unknown = customer == DtmfWay::Info;
    let first = if unknown { ("907".to_owned(), "1".to_owned()) } else { only(customer, "1907") };
    assert_eq!(got(&talk.customer), first, "{agent:?} to {customer:?}");
    assert_eq!(got(&talk.agent), only(agent, "55#"), "{customer:?} to {agent:?}");
    talk.agent.hang_up().await.unwrap();
}

#[test]
fn keys_reach_the_other_party_in_its_own_form_and_in_no_other() {
    row(async {
        let office = Office::open();
        let pairs = (0..WAYS.len()).flat_map(|at| WAYS[at..].iter().map(move |customer| (WAYS[at], *customer)));
        for (agent, customer) in pairs {
            keys_reach_both(&office, agent, customer).await;
        }
    });
}

#[test]
fn a2_the_keys_of_a_supervisor_reach_no_party_in_any_form() {
    row(async {
        let office = Office::open();
        for way in WAYS {
            let talk = between(&office, DtmfWay::Rfc4733, DtmfWay::InBand).await;
            let phone = phone(&office, &office.supervisor(), way).await;
            let supervisor = office.name_agent(&phone, &office.short(WHISPER)).await;
            office.expect_trail("start", "");
            press(&supervisor, "15#").await;
            supervisor.listen(A_MOMENT).await;
            for party in [&talk.agent, &talk.customer] {
                assert_eq!(got(party), (String::new(), String::new()), "{way:?}");
            }
            talk.agent.hang_up().await.unwrap();
        }
    });
}
