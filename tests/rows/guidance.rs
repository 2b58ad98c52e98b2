//! Rows D3–D6: the words themselves, as they stand in the repository, in both languages.

use crate::{
    ear::{Ear, Prompts},
    office::{DIAL_PASSWORD, MONITOR, Office, WHISPER, press, row},
    support::{audio::SUPERVISOR_HZ, engine::Engine},
};
use sasayaki::{
    model::Prompt,
    phone::{Ended, Phone},
    spy::MAX_ANNOUNCEMENT,
};
use std::sync::Arc;

/// The product as it comes, in one language.
fn speaking(language: &str) -> Office {
    let mut engine = Engine::configured(&format!("[prompts]\nlanguage = \"{language}\"\n"));
    engine.start();
    Office::within(Arc::new(engine))
}

/// Sits through every prompt to its end, first of a sign-in that succeeds, then of refusals.
async fn guided(office: &Office, prompts: &Prompts, code: &str, welcome: Prompt) {
    let phone: Phone = office.phone(&office.supervisor(), SUPERVISOR_HZ).await;
    let supervisor = phone.call(code).await.unwrap();
    let mut ear = Ear::new(&supervisor, prompts);
    ear.hears(&[welcome]).await;
    press(&supervisor, &format!("{}#", office.dial_id())).await;
    ear.hears(&[Prompt::Password]).await;
    press(&supervisor, &format!("{DIAL_PASSWORD}#")).await;
    ear.hears(&[Prompt::Extension]).await;
    press(&supervisor, "#").await;
    ear.hears(&[Prompt::Error, Prompt::Extension]).await;
    press(&supervisor, "#").await;
    ear.hears(&[Prompt::Error]).await;
    press(&supervisor, "#").await;
    ear.hears(&[Prompt::Error]).await;
    assert_eq!(supervisor.wait_ended().await, Ended::ByPeer);
}

/// The words after a refusal, without a welcome.
async fn refused(office: &Office, prompts: &Prompts) {
    let phone = office.silent_phone(&office.supervisor()).await;
    let supervisor = phone.call(&format!("0070*{}*000000", office.dial_id())).await.unwrap();
    Ear::new(&supervisor, prompts).hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
}

async fn whole_guidance_in(language: &str) {
    let (office, prompts) = (speaking(language), Prompts::spoken(language));
    tokio::join!(
        guided(&office, &prompts, MONITOR, Prompt::MonitorWelcome),
        guided(&office, &prompts, WHISPER, Prompt::WhisperWelcome),
        refused(&office, &prompts),
    );
    for parting in [Prompt::EndedByRight, Prompt::EndedByTransfer] {
        assert!(prompts.seconds(parting) <= MAX_ANNOUNCEMENT.as_secs_f64(), "{parting:?} (C1)");
    }
}

#[test]
fn d3_d4_d5_the_guidance_asks_for_id_password_and_extension_in_japanese() {
    row(whole_guidance_in("ja"));
}

#[test]
fn d3_d4_d5_the_guidance_asks_for_id_password_and_extension_in_english() {
    row(whole_guidance_in("en"));
}

#[test]
fn d6_a_digit_during_a_prompt_stops_it_and_counts() {
    row(async {
        let (office, prompts) = (speaking("ja"), Prompts::spoken("ja"));
        let phone = office.phone(&office.supervisor(), SUPERVISOR_HZ).await;
        let supervisor = phone.call(MONITOR).await.unwrap();
        for keys in [format!("{}#", office.dial_id()), format!("{DIAL_PASSWORD}#")] {
            // Somebody speaks; the first key silences it, and is the first digit of the entry.
            crate::ear::until(|| speaks(&supervisor.heard()).then_some(())).await.expect("a prompt");
            let (first, rest) = keys.split_at(1);
            press(&supervisor, first).await;
            crate::ear::until(|| (!speaks(&supervisor.heard())).then_some(())).await.expect("silence");
            press(&supervisor, rest).await;
        }
        Ear::new(&supervisor, &prompts).hears(&[Prompt::Extension]).await;
        let heard = supervisor.heard();
        assert_eq!(prompts.count(Prompt::MonitorWelcome, &heard) + prompts.count(Prompt::Password, &heard), 0);
    });
}

/// Whether the last 400 ms hold anything: longer than any pause within a prompt's first words.
fn speaks(heard: &[i16]) -> bool {
    heard[heard.len().saturating_sub(3200)..].iter().any(|sample| sample.unsigned_abs() > 500)
}
