//! What the audit trail must be, whatever happened.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Trail(Vec<Value>);

impl Trail {
    pub fn new(rows: Vec<Value>) -> Self {
        Self(rows)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Every writer's rows are numbered from 1 on, without a gap and without a double.
    pub fn assert_no_gap(&self) {
        let mut numbers: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for row in &self.0 {
            let new = numbers.entry(text(row, "writer_id")).or_default().insert(number(row));
            assert!(new, "twice in the trail: {row}");
        }
        for (writer, numbers) in numbers {
            let last = *numbers.last().unwrap();
            assert_eq!(numbers.len() as u64, last, "writer {writer}: {} rows, the last is {last}", numbers.len());
        }
    }

    /// Every row of an earlier reading stands here, unchanged.
    pub fn assert_holds(&self, earlier: &Trail) {
        let now: BTreeMap<_, _> = self.0.iter().map(|row| ((text(row, "writer_id"), number(row)), row)).collect();
        for row in &earlier.0 {
            // The login is looked up when the trail is read; the rest was written.
            assert_eq!(now.get(&(text(row, "writer_id"), number(row))), Some(&row), "a row is lost or changed");
        }
    }

    /// Every end has one start before it; returns the sessions that have begun and not ended.
    pub fn unended(&self) -> BTreeSet<String> {
        let starts = self.sessions("start");
        let ends = self.sessions("end");
        for (session, end) in &ends {
            let start = starts.get(session);
            assert!(start.is_some_and(|start| start < end), "session {session} ends at {end}, starts at {start:?}");
        }
        starts.into_keys().filter(|session| !ends.contains_key(session)).map(str::to_owned).collect()
    }

    /// Each session's row of this kind, of which there is one.
    pub fn sessions(&self, kind: &str) -> BTreeMap<&str, u64> {
        let mut found = BTreeMap::new();
        for row in self.0.iter().filter(|row| row["kind"] == kind) {
            let double = found.insert(text(row, "session"), number(row));
            assert!(double.is_none(), "a second {kind}: {row}");
        }
        found
    }

    pub fn count(&self, kind: &str, outcome: &str) -> usize {
        self.0.iter().filter(|row| row["kind"] == kind && row["outcome"] == outcome).count()
    }

    /// How often each word stands with rows of this kind.
    pub fn details(&self, kind: &str) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for row in self.0.iter().filter(|row| row["kind"] == kind) {
            *counts.entry(text(row, "detail")).or_default() += 1;
        }
        counts
    }
}

fn text<'v>(row: &'v Value, name: &str) -> &'v str {
    row[name].as_str().unwrap_or_else(|| panic!("no {name}: {row}"))
}

fn number(row: &Value) -> u64 {
    row["seq"].as_u64().unwrap()
}
