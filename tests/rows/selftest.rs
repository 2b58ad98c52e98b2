//! Row X8: the leak self-test.

use crate::office::{MONITOR, Office, PATIENT, row};
use serde_json::Value;
use std::thread;

#[test]
fn x8_the_self_test_finds_the_table_right_beside_a_call_that_is_listened_to_and_shows_as_no_call() {
    row(async {
        let office = Office::alone(PATIENT);
        let _talk = office.talk().await;
        let _supervisor = office.listen_in(&office.supervisor_phone().await, MONITOR).await;
        let engine = &office.engine;
        let table = thread::scope(|scope| {
            let table = scope.spawn(|| engine.run_ok(&["selftest", "--json"], ""));
            while !table.is_finished() {
                assert_eq!(engine.calls().len(), 1, "the test is no call");
            }
            table.join().unwrap()
        });
        let table: Vec<Value> = serde_json::from_str(&table).unwrap();
        assert_eq!(table.len(), 27, "three modes, three listeners, three speakers");
        let heard = |row: &&Value| row["dbfs"].as_f64().unwrap() > -30.0;
        assert_eq!(table.iter().filter(heard).count(), 4 + 5 + 6, "{table:?}");
    });
}
