//! Rows I1–I3: on hold.

use crate::{
    ear::{self, Ear, Prompts, all_of, assert_hears, assert_lacks},
    office::{MONITOR, Office, WHISPER, press, row},
    support::audio::{AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ},
};
use sasayaki::model::Prompt;

#[test]
fn i1_i3_on_hold_the_agent_does_not_hear_the_whisper_and_on_resume_everything_returns() {
    row(async {
        let office = Office::open();
        let talk = office.talk().await;
        let supervisor = office.listen_in(&office.supervisor_phone().await, WHISPER).await;
        ear::hears(&talk.agent, SUPERVISOR_HZ).await;
        for party in [&talk.agent, &talk.customer] {
            party.hold().await.unwrap();
            let (by_agent, by_supervisor) = tokio::join!(ear::now(&talk.agent), ear::now(&supervisor));
            assert_lacks("the agent on hold", &by_agent.last(0.8), &[SUPERVISOR_HZ, CUSTOMER_HZ]);
            assert_lacks("the supervisor on hold", &by_supervisor.last(0.8), &[CUSTOMER_HZ]);
            let other = if std::ptr::eq(party, &talk.agent) { &talk.customer } else { &talk.agent };
            assert!(
                ear::loudness(&other.listen(ear::A_MOMENT).await) > ear::MUSIC_DBFS,
                "who is on hold hears the music"
            );
            assert!(ear::loudness(&party.listen(ear::A_MOMENT).await) < ear::MUSIC_DBFS, "who holds does not");
            assert!(!supervisor.is_ended(), "the session survives the hold (F8)");
            party.resume().await.unwrap();
            ear::hears(&talk.agent, SUPERVISOR_HZ).await;
            ear::hears(&supervisor, CUSTOMER_HZ).await;
            ear::hears(&supervisor, AGENT_HZ).await;
            ear::hears(&talk.agent, CUSTOMER_HZ).await;
        }
        assert_lacks("the customer, in the whole call", &all_of(&talk.customer), &[SUPERVISOR_HZ]);
    });
}

#[test]
fn i2_a_start_on_hold_is_refused_and_after_it_granted() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        for party in [&talk.agent, &talk.customer] {
            party.hold().await.unwrap();
            let supervisor = office.name_agent(&phone, &office.short(MONITOR)).await;
            Ear::new(&supervisor, &prompts).hears(&[Prompt::Error, Prompt::Extension]).await;
            office.expect_trail("attempt", "on-hold");
            party.resume().await.unwrap();
            press(&supervisor, &format!("{}#", office.agent())).await;
            ear::hears(&supervisor, CUSTOMER_HZ).await;
            assert_hears("the supervisor", &ear::now(&supervisor).await, &[AGENT_HZ, CUSTOMER_HZ]);
            supervisor.hang_up().await.unwrap();
        }
    });
}
