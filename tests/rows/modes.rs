//! Row X1: the mode of a session is changed by a key, if the right allows the new one.

use crate::{
    ear::{self, all_of, assert_lacks},
    hearing::assert_talk,
    office::{MONITOR, Office, PATIENT, press, row},
    support::audio::{AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ},
};
use sasayaki::model::Prompt;

#[test]
fn x1_the_keys_4_5_and_6_change_who_hears_the_supervisor_and_each_change_stands_in_the_trail() {
    row(async {
        let office = Office::alone(PATIENT);
        office.set("whisper-tone", "off");
        let modes = ["--mode", "monitor", "--mode", "whisper", "--mode", "barge"];
        office.grant_with(&office.agent(), "edit", &modes);
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let supervisor = office.listen_in(&phone, MONITOR).await;
        assert_talk(&talk, &[], &[SUPERVISOR_HZ]).await;

        press(&supervisor, "5").await;
        ear::hears(&talk.agent, SUPERVISOR_HZ).await;
        office.expect_trail("mode-change", "");
        assert_talk(&talk, &[SUPERVISOR_HZ], &[]).await;

        press(&supervisor, "6").await;
        office.expect_trail("mode-change", "barge-off");
        ear::hears(&supervisor, ear::quick_hz(Prompt::Error)).await;
        assert_talk(&talk, &[SUPERVISOR_HZ], &[]).await;
        assert_lacks("the customer, until somebody may barge in", &all_of(&talk.customer), &[SUPERVISOR_HZ]);

        office.set("barge", "on");
        press(&supervisor, "6").await;
        ear::hears(&talk.customer, SUPERVISOR_HZ).await;
        ear::hears(&talk.agent, SUPERVISOR_HZ).await;
        ear::hears(&supervisor, CUSTOMER_HZ).await;

        press(&supervisor, "4").await;
        office.expect_trail("mode-change", "");
        ear::hears(&supervisor, AGENT_HZ).await;
        let (by_agent, by_customer) = tokio::join!(ear::now(&talk.agent), ear::now(&talk.customer));
        for (who, heard) in [("the agent", by_agent), ("the customer", by_customer)] {
            assert_lacks(who, &heard, &[SUPERVISOR_HZ]);
        }
        let rows = office.engine.audit();
        let changes = rows.iter().filter(|row| row["kind"] == "mode-change" && row["outcome"] == "ok");
        let modes: Vec<_> = changes.map(|row| row["mode"].clone()).collect();
        assert_eq!(modes, ["whisper", "barge", "monitor"]);
    });
}

#[test]
fn x1_barging_that_is_switched_off_ends_the_barges_that_run() {
    row(async {
        let office = Office::alone(PATIENT);
        office.grant_with(&office.agent(), "edit", &["--mode", "monitor", "--mode", "barge"]);
        office.set("barge", "on");
        let talk = office.talk().await;
        let supervisor = office.listen_in(&office.supervisor_phone().await, MONITOR).await;
        press(&supervisor, "6").await;
        ear::hears(&talk.customer, SUPERVISOR_HZ).await;
        office.set("barge", "off");
        supervisor.wait_ended().await;
        office.expect_trail("end", "right-lost");
        ear::hears(&talk.customer, AGENT_HZ).await;
        let (by_agent, by_customer) = tokio::join!(ear::now(&talk.agent), ear::now(&talk.customer));
        assert_lacks("the agent", &by_agent, &[SUPERVISOR_HZ]);
        assert_lacks("the customer", &by_customer, &[SUPERVISOR_HZ]);
    });
}
