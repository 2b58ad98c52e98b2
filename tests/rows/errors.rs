//! Rows E1, E2, E4: what is refused, how it sounds, and how often it may be tried.

use crate::{
    ear::{self, Ear, Prompts},
    office::{DIAL_PASSWORD, HURRIED, MONITOR, Office, connect, press, row, terminal},
    support::audio::{AGENT_HZ, CUSTOMER_HZ},
};
use sasayaki::{
    model::Prompt,
    phone::{Call, Ended},
};

/// Names an extension in a conversation that goes on, and hears E2 and the question again, nothing else.
pub async fn refused(office: &Office, ear: &mut Ear<'_>, supervisor: &Call, keys: &str, reason: &str) {
    press(supervisor, &format!("{keys}#")).await;
    ear.hears(&[Prompt::Error, Prompt::Extension]).await;
    office.expect_trail("attempt", reason);
}

#[test]
fn e1_an_unknown_id_and_a_wrong_password_sound_the_same_and_are_asked_the_same() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let phone = office.supervisor_phone().await;
        let cases = [
            ("5555".to_owned(), DIAL_PASSWORD, "unknown-dial-id"),
            (office.dial_id(), "000000", "wrong-password"),
            ("5555".to_owned(), "000000", "unknown-dial-id"),
        ];
        for (id, password, reason) in cases {
            let supervisor = phone.call(MONITOR).await.unwrap();
            let mut ear = Ear::new(&supervisor, &prompts);
            ear.hears(&[Prompt::MonitorWelcome]).await;
            press(&supervisor, &format!("{id}#")).await;
            ear.hears(&[Prompt::Password]).await;
            press(&supervisor, &format!("{password}#")).await;
            ear.hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
            let heard = supervisor.heard();
            let counts = Prompt::SPOKEN.map(|prompt| prompts.count(prompt, &heard));
            let once = [Prompt::MonitorWelcome, Prompt::Password, Prompt::SignInFailed, Prompt::DialId];
            assert_eq!(counts, Prompt::SPOKEN.map(|prompt| usize::from(once.contains(&prompt))), "{reason}");
            office.expect_trail("sign-in", reason);
        }
    });
}

#[test]
fn e2_whatever_the_reason_the_words_are_the_same_and_the_trail_knows_why() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        office.add_coach();
        for number in [&office.supervisor(), &office.coach()] {
            office.grant(number, "edit");
        }
        let phone = office.supervisor_phone().await;
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        let mut ear = Ear::new(&supervisor, &prompts);
        ear.hears(&[Prompt::Extension]).await;
        refused(&office, &mut ear, &supervisor, "55555", "unknown-extension").await;
        refused(&office, &mut ear, &supervisor, "01234567890123456789", "unknown-extension").await;
        refused(&office, &mut ear, &supervisor, &office.customer(), "no-right").await;
        refused(&office, &mut ear, &supervisor, &office.supervisor(), "own-phone").await;
        refused(&office, &mut ear, &supervisor, &office.agent(), "not-in-call").await;
        let talk = office.talk().await;
        let coach_phone = office.coach_phone().await;
        let coach = coach_phone.call(MONITOR).await.unwrap();
        refused(&office, &mut ear, &supervisor, &office.coach(), "not-spiable").await;
        coach.hang_up().await.unwrap();
        let coach = office.name_agent(&coach_phone, &office.coach_short(MONITOR)).await;
        ear::hears(&coach, AGENT_HZ).await;
        refused(&office, &mut ear, &supervisor, &office.coach(), "not-spiable").await;
        talk.customer.hang_up().await.unwrap();
        coach.wait_ended().await;
        refused(&office, &mut ear, &supervisor, &office.agent(), "not-in-call").await;
    });
}

#[test]
fn e2_the_supervisors_own_call_a_ringing_phone_and_a_call_that_ended_are_refused() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let phone = office.supervisor_phone().await;
        let agent = office.phone(&office.agent(), AGENT_HZ).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let (own, _agent) = connect(&phone, &agent, &office.agent()).await;
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        let mut ear = Ear::new(&supervisor, &prompts);
        refused(&office, &mut ear, &supervisor, &office.agent(), "own-call").await;
        own.hang_up().await.unwrap();
        let mut dialling = agent.dial(&office.customer()).await.unwrap();
        dialling.ringing().await.unwrap();
        refused(&office, &mut ear, &supervisor, &office.agent(), "not-in-call").await;
        let (talk, _customer) = tokio::join!(dialling.answered(), async { customer.incoming().await?.accept().await });
        talk.unwrap().hang_up().await.unwrap();
        refused(&office, &mut ear, &supervisor, &office.agent(), "not-in-call").await;
    });
}

#[test]
fn e2_after_three_wrong_extensions_the_call_ends() {
    row(async {
        let (office, prompts) = (Office::alone(HURRIED), Prompts::quick());
        let phone = office.supervisor_phone().await;
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        let mut ear = Ear::new(&supervisor, &prompts);
        ear.hears(&[Prompt::Extension]).await;
        // A wrong number, an empty one, and none at all.
        refused(&office, &mut ear, &supervisor, "55555", "unknown-extension").await;
        press(&supervisor, "#").await;
        ear.hears(&[Prompt::Error, Prompt::Extension, Prompt::Error]).await;
        assert_eq!(supervisor.wait_ended().await, Ended::ByPeer);
    });
}

#[test]
fn e4_three_wrong_sign_ins_end_the_call() {
    row(async {
        let (office, prompts) = (Office::alone(HURRIED), Prompts::quick());
        let supervisor = office.supervisor_phone().await.call(MONITOR).await.unwrap();
        let mut ear = Ear::new(&supervisor, &prompts);
        ear.hears(&[Prompt::MonitorWelcome]).await;
        for last in [false, false, true] {
            press(&supervisor, &format!("{}#000000#", office.dial_id())).await;
            ear.hears(&[Prompt::SignInFailed]).await;
            if !last {
                ear.hears(&[Prompt::DialId]).await;
            }
        }
        assert_eq!(supervisor.wait_ended().await, Ended::ByPeer);
    });
}

#[test]
fn e4_silence_and_empty_entries_use_up_the_tries_of_a_call_and_never_lead_to_a_lockout() {
    row(async {
        let (office, prompts) = (Office::alone(HURRIED), Prompts::quick());
        let phone = office.supervisor_phone().await;
        let id = office.dial_id();
        // Nothing; the beginning of an ID; nothing but #; an ID without a password. Twelve tries in all.
        for keys in ["", &id[..2], "#", &format!("{id}#")] {
            let supervisor = phone.call(MONITOR).await.unwrap();
            let mut ear = Ear::new(&supervisor, &prompts);
            for question in [Prompt::MonitorWelcome, Prompt::DialId, Prompt::DialId] {
                ear.hears(&[question]).await;
                press(&supervisor, keys).await;
                ear.hears(&[Prompt::SignInFailed]).await;
            }
            assert_eq!(supervisor.wait_ended().await, Ended::ByPeer);
        }
        assert!(office.trail(&office.supervisor()).is_empty(), "nothing was asked of the store");
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        Ear::new(&supervisor, &prompts).hears(&[Prompt::Extension]).await;
        assert_eq!(office.trail(&office.supervisor()).len(), 1);
    });
}

#[test]
fn e2_says_nothing_of_which_extensions_exist() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let supervisor = office.supervisor_phone().await.call(&office.short(MONITOR)).await.unwrap();
        let mut ear = Ear::new(&supervisor, &prompts);
        ear.hears(&[Prompt::Extension]).await;
        let _talk = office.talk().await;
        // One that does not exist, one without a right that talks, one whose right is denied.
        refused(&office, &mut ear, &supervisor, "55555", "unknown-extension").await;
        refused(&office, &mut ear, &supervisor, &office.customer(), "no-right").await;
        office.engine.run_ok(&["permission", "deny", &office.login(), &terminal(&office.customer())], "");
        refused(&office, &mut ear, &supervisor, &office.customer(), "denied").await;
        let heard = supervisor.heard();
        let counts =
            [Prompt::Error, Prompt::Extension, Prompt::SignInFailed].map(|prompt| prompts.count(prompt, &heard));
        assert_eq!(counts, [3, 4, 0]);
    });
}
