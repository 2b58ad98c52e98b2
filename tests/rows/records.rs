//! Call records: one row a call, as CSV and as JSON; nothing of what stands behind a feature code.

use crate::{
    office::{DIAL_PASSWORD, Office, PATIENT, WHISPER, row},
    support::within,
};
use serde_json::Value;
use std::time::Duration;

const WRITTEN: Duration = Duration::from_secs(20);

impl Office {
    /// The records of the agent's calls, oldest first, as soon as there are so many of them that have ended.
    fn records(&self, ended: usize) -> Vec<Value> {
        let read = || -> Vec<Value> {
            let list = self.engine.run_ok(&["cdr", "list", "--extension", &self.agent(), "--json"], "");
            serde_json::from_str(&list).unwrap()
        };
        let done = |rows: &Vec<Value>| rows.iter().filter(|row| !row["ended"].is_null()).count() >= ended;
        within(WRITTEN, || Some(read()).filter(done)).unwrap_or_else(read)
    }
}

#[test]
fn a_call_leaves_one_record_and_a_supervisor_none() {
    row(async {
        let office = Office::open();
        let talk = office.talk().await;
        let supervisor = office.listen_in(&office.supervisor_phone().await, WHISPER).await;
        supervisor.hang_up().await.unwrap();
        talk.customer.hang_up().await.unwrap();
        let records = office.records(1);
        let [record] = records.as_slice() else { panic!("not one record: {records:?}") };
        assert_eq!((&record["caller"], &record["callee"]), (&office.agent().into(), &office.customer().into()));
        assert_eq!((&record["cause"], &record["ended_by"]), (&"hung-up".into(), &"callee".into()));
        assert_eq!((&record["caller_codec"], &record["callee_codec"]), (&"PCMU".into(), &"PCMU".into()));
        let time = |key: &str| record[key].as_str().unwrap().to_owned();
        assert!(time("begun") <= time("answered") && time("answered") < time("ended"), "{record}");
        assert!(record["talked_ms"].as_u64().unwrap() > 500, "{record}");

        let all = office.engine.run_ok(&["cdr", "list", "--json"], "");
        assert!(!all.contains(DIAL_PASSWORD) && !all.contains(&office.supervisor()), "{all}");
        let csv = office.engine.run_ok(&["cdr", "list", "--extension", &office.agent(), "--csv"], "");
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].starts_with(
                "id,caller,caller_trunk,callee,callee_trunk,begun,answered,ended,talked_ms,cause,ended_by"
            )
        );
        let begins =
            [record["id"].as_str().unwrap(), &office.agent(), "", &office.customer(), "", &time("begun")].join(",");
        assert!(lines[1].starts_with(&begins), "{}", lines[1]);
    });
}

#[test]
fn a_call_that_a_power_cut_ended_has_its_end_when_the_engine_is_back() {
    row(async {
        let mut office = Office::alone(PATIENT);
        let _talk = office.silent_talk().await;
        assert!(
            within(WRITTEN, || office.records(0).iter().any(|row| !row["answered"].is_null()).then_some(())).is_some()
        );
        let engine = std::sync::Arc::get_mut(&mut office.engine).unwrap();
        engine.kill();
        engine.start();
        let records = office.records(1);
        assert_eq!(records.len(), 1);
        assert_eq!((&records[0]["cause"], &records[0]["ended_by"]), (&"engine-died".into(), &Value::Null));
    });
}
