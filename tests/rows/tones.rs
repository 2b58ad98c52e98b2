//! Rows B1–B3: who hears ピコン. The parties are silent, so that every sample that is heard is the tone.

use crate::{
    ear::{A_MOMENT, Prompts, assert_silent, until},
    office::{MONITOR, Office, PATIENT, Talk, WHISPER, row},
};
use sasayaki::{model::Prompt, phone::Call};

/// A session from start to end among silent people: how often supervisor and agent heard the tone. The customer hears
/// nothing at all.
async fn chimes(office: &Office, code: &str) -> (usize, usize) {
    let talk = office.silent_talk().await;
    let supervisor = started(office, code).await;
    let (by_supervisor, by_agent) = heard_chimes(&supervisor, &talk).await;
    supervisor.hang_up().await.unwrap();
    talk.agent.hang_up().await.unwrap();
    (by_supervisor, by_agent)
}

async fn started(office: &Office, code: &str) -> Call {
    let phone = office.silent_phone(&office.supervisor()).await;
    let supervisor = office.name_agent(&phone, &office.short(code)).await;
    office.expect_trail("start", "");
    supervisor
}

/// What was heard by the time that a tone begun at the start is long over.
async fn heard_chimes(supervisor: &Call, talk: &Talk) -> (usize, usize) {
    supervisor.listen(A_MOMENT).await;
    let prompts = Prompts::quick();
    assert_silent("the customer", &talk.customer.heard());
    let by_agent = talk.agent.heard();
    if prompts.count(Prompt::Chime, &by_agent) == 0 {
        assert_silent("the agent", &by_agent);
    }
    (prompts.count(Prompt::Chime, &supervisor.heard()), prompts.count(Prompt::Chime, &by_agent))
}

#[test]
fn b1_the_tone_of_monitoring_is_off_and_can_be_for_the_supervisor_or_for_both() {
    row(async {
        let office = Office::alone(PATIENT);
        assert_eq!(chimes(&office, MONITOR).await, (0, 0), "by default");
        office.set("monitor-tone", "on");
        assert_eq!(chimes(&office, MONITOR).await, (1, 0), "on");
        office.set("monitor-tone-audience", "both");
        assert_eq!(chimes(&office, MONITOR).await, (1, 1), "on, for both");
    });
}

#[test]
fn b2_supervisor_and_agent_hear_the_tone_of_whispering_once_unless_it_is_switched_off() {
    row(async {
        let office = Office::alone(PATIENT);
        assert_eq!(chimes(&office, WHISPER).await, (1, 1), "by default");
        office.set("whisper-tone", "off");
        assert_eq!(chimes(&office, WHISPER).await, (0, 0), "off");
    });
}

#[test]
fn b3_a_tone_that_is_switched_on_sounds_from_the_next_session_without_a_restart() {
    row(async {
        let office = Office::alone(PATIENT);
        office.set("whisper-tone", "off");
        let talk = office.silent_talk().await;
        let supervisor = started(&office, WHISPER).await;
        office.set("whisper-tone", "on");
        assert_eq!(heard_chimes(&supervisor, &talk).await, (0, 0), "the session that runs");
        supervisor.hang_up().await.unwrap();
        let supervisor = started(&office, WHISPER).await;
        let prompts = Prompts::quick();
        let chime = || prompts.position(Prompt::Chime, &supervisor.heard(), 0);
        assert!(until(chime).await.is_some(), "the next session");
        assert_eq!(heard_chimes(&supervisor, &talk).await, (1, 1), "the next session");
    });
}

#[test]
fn x10_the_tone_at_intervals_sounds_while_somebody_monitors() {
    row(async {
        let office = Office::alone(PATIENT);
        office.set("interval-tone", "5");
        let talk = office.silent_talk().await;
        let supervisor = started(&office, MONITOR).await;
        let prompts = Prompts::quick();
        let twice = || (prompts.count(Prompt::Chime, &supervisor.heard()) == 2).then_some(());
        assert!(until(twice).await.is_some(), "after 5 and 10 s");
        let (by_supervisor, by_agent) = heard_chimes(&supervisor, &talk).await;
        assert_eq!((by_supervisor, by_agent), (2, 0));
    });
}
