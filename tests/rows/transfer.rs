//! Rows C1, D7 and A4 when a call is transferred: the session ends and says why, and nobody new is heard or hears.

use crate::{
    ear::{self, Ear, Prompts, all_of, assert_hears, assert_lacks},
    office::{MONITOR, Office, WHISPER, connect, row},
    support::audio::{AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ},
};
use sasayaki::{
    model::Prompt,
    phone::{Call, Phone, PhoneError},
};

const THIRD_HZ: f64 = 3067.0;

async fn third_phone(office: &Office) -> Phone {
    office.engine.add_extension(&office.another());
    office.phone(&office.another(), THIRD_HZ).await
}

async fn assert_parted(office: &Office, prompts: &Prompts, supervisor: &Call) {
    Ear::new(supervisor, prompts).hears(&[Prompt::EndedByTransfer]).await;
    supervisor.wait_ended().await;
    office.expect_trail("end", "transferred");
    assert_lacks("the supervisor, in the whole call", &all_of(supervisor), &[THIRD_HZ]);
}

#[test]
fn c1_d7_a_blind_transfer_of_either_party_ends_the_session_with_an_announcement() {
    row(async {
        for agent_goes in [true, false] {
            let (office, prompts) = (Office::open(), Prompts::quick());
            let talk = office.talk().await;
            let third = third_phone(&office).await;
            let supervisor = office.listen_in(&office.supervisor_phone().await, WHISPER).await;
            let (goes, stays) = if agent_goes { (&talk.agent, &talk.customer) } else { (&talk.customer, &talk.agent) };
            let number = office.another();
            let answering = async { third.incoming().await?.accept().await };
            let (transferred, third) = tokio::join!(goes.transfer(&number), answering);
            transferred.unwrap();
            let third = third.unwrap();
            goes.wait_ended().await;
            assert_parted(&office, &prompts, &supervisor).await;
            ear::hears(stays, THIRD_HZ).await;
            let (by_third, by_stays) = tokio::join!(ear::now(&third), ear::now(stays));
            let (here, gone) = if agent_goes { (CUSTOMER_HZ, AGENT_HZ) } else { (AGENT_HZ, CUSTOMER_HZ) };
            assert_hears("the third", &by_third, &[here]);
            assert_lacks("who stays", &by_stays, &[gone, SUPERVISOR_HZ]);
            assert_lacks("the third, in the whole call", &all_of(&third), &[gone, SUPERVISOR_HZ]);
            assert_lacks("the customer, in the whole call", &all_of(&talk.customer), &[SUPERVISOR_HZ]);
        }
    });
}

#[test]
fn c1_a4_an_attended_transfer_ends_the_sessions_of_both_calls_and_the_customer_hears_no_whisper() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let agent = office.phone(&office.agent(), AGENT_HZ).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let talk = office.connect(&agent, &customer).await;
        let third = third_phone(&office).await;
        let supervisor = office.listen_in(&office.supervisor_phone().await, WHISPER).await;
        talk.agent.hold().await.unwrap();
        let number = office.another();
        // A second call of the agent's: the session stays with the first (D7).
        let (consulting, third) = connect(&agent, &third, &number).await;
        ear::hears(&third, AGENT_HZ).await;
        assert_lacks("the third, consulted", &ear::now(&third).await, &[SUPERVISOR_HZ, CUSTOMER_HZ]);
        talk.agent.transfer_to(&consulting, &number).await.unwrap();
        tokio::join!(talk.agent.wait_ended(), consulting.wait_ended());
        assert_parted(&office, &prompts, &supervisor).await;
        ear::hears(&talk.customer, THIRD_HZ).await;
        ear::hears(&third, CUSTOMER_HZ).await;
        assert_lacks("the third, in the whole call", &all_of(&third), &[SUPERVISOR_HZ]);
        assert_lacks("the customer, in the whole call", &all_of(&talk.customer), &[SUPERVISOR_HZ]);
    });
}

#[test]
fn a_transfer_that_is_declined_gives_the_call_back_and_the_session_goes_on() {
    row(async {
        let office = Office::open();
        let talk = office.talk().await;
        let third = third_phone(&office).await;
        let supervisor = office.listen_in(&office.supervisor_phone().await, MONITOR).await;
        let number = office.another();
        let declining = async {
            let ringing = third.incoming().await.unwrap();
            assert_eq!(ringing.caller(), office.customer());
            let waiting = ear::loudness(&talk.customer.listen(ear::A_MOMENT).await);
            assert!(waiting > ear::MUSIC_DBFS, "who waits hears the music, not {waiting:.1} dBFS");
            ringing.reject(603).await.unwrap();
        };
        let (transferred, ()) = tokio::join!(talk.agent.transfer(&number), declining);
        assert_eq!(transferred, Err(PhoneError::Refused(603)));
        ear::hears(&talk.customer, AGENT_HZ).await;
        ear::hears(&supervisor, CUSTOMER_HZ).await;
        ear::hears(&supervisor, AGENT_HZ).await;
        for (feature, status) in [("0070", 403), (office.short(WHISPER).as_str(), 403), ("4444", 404)] {
            assert_eq!(talk.agent.transfer(feature).await, Err(PhoneError::Refused(status)));
        }
        assert!(!supervisor.is_ended() && !talk.agent.is_ended());
    });
}
