//! An administrator at the command line, who remembers what was acknowledged.

use super::LOGIN;
use crate::{office, support::engine::Engine, trail::Trail};
use sasayaki::model::Entropy;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
};

/// What is asked of the command line: a name for each thing that changes, and how it stands.
pub type Facts = BTreeMap<String, String>;

/// The supervisors' target, and two that take no part in its calls: a denial about either end would keep sessions away.
const TERMINALS: [&str; 3] = ["terminal:1000", "terminal:3000", "terminal:3001"];
const LEVELS: [&str; 3] = ["view", "edit", "manage"];

pub struct Clerk {
    known: Facts,
    /// Begun and not acknowledged: it may stand or not.
    doubtful: Vec<(String, Option<String>)>,
    pub acknowledged: usize,
    pub in_doubt: usize,
    /// Rows of changes when the clerk began.
    changes_before: Option<usize>,
    turn: u64,
}

/// What the engine or its command line has shown.
#[derive(Default)]
pub struct Seen {
    pub trail: Trail,
    pub sessions: BTreeSet<String>,
}

impl Clerk {
    pub fn new(known: Facts) -> Self {
        Self { known, doubtful: Vec::new(), acknowledged: 0, in_doubt: 0, changes_before: None, turn: 0 }
    }

    pub fn work(&mut self, engine: &Engine, seen: &mut Seen, entropy: &mut Entropy, dead: &AtomicBool) {
        if self.changes_before.is_none() {
            self.changes_before = Some(Trail::new(engine.audit()).details("change").values().sum());
        }
        while !dead.load(Ordering::Relaxed) {
            self.change(engine, entropy);
            look(engine, seen);
        }
    }

    fn change(&mut self, engine: &Engine, entropy: &mut Entropy) {
        self.turn += 1;
        let terminal = TERMINALS[office::between(entropy, 0, 2) as usize];
        let level = LEVELS[office::between(entropy, 0, 2) as usize];
        let turn = format!("number {}", self.turn);
        let (allow, deny) = (allowed(terminal), denied(terminal));
        let has_rules = self.known.contains_key(&allow) || self.known.contains_key(&deny);
        match office::between(entropy, 0, 9) {
            0 | 1 => {
                self.ask(engine, &["account", "set", LOGIN, "--name", &turn], vec![("name".into(), Some(turn.clone()))])
            }
            2 => self.ask(
                engine,
                &["extension", "set", "2000", "--name", &turn],
                vec![("extension".into(), Some(turn.clone()))],
            ),
            3 if has_rules => {
                self.ask(engine, &["permission", "revoke", LOGIN, terminal], vec![(allow, None), (deny, None)])
            }
            // A denial outlasts every grant; the supervisors' own target is spared, so that sessions go on.
            4 if terminal != TERMINALS[0] => {
                self.ask(engine, &["permission", "deny", LOGIN, terminal], vec![(deny, Some(String::new()))]);
            }
            5 | 6 => {
                self.ask(engine, &["permission", "grant", LOGIN, terminal, level], vec![(allow, Some(level.into()))])
            }
            _ => {
                let becomes = vec![(allowed(TERMINALS[0]), Some("edit".into()))];
                self.ask(engine, &["permission", "grant", LOGIN, TERMINALS[0], "edit"], becomes);
            }
        }
    }

    fn ask(&mut self, engine: &Engine, arguments: &[&str], becomes: Vec<(String, Option<String>)>) {
        if !engine.run(arguments, "").status.success() {
            self.in_doubt += 1;
            return self.doubtful.extend(becomes);
        }
        self.acknowledged += 1;
        for (what, value) in becomes {
            self.doubtful.retain(|(doubtful, _)| *doubtful != what);
            match value {
                Some(value) => self.known.insert(what, value),
                None => self.known.remove(&what),
            };
        }
    }

    /// Everything stands as it was acknowledged; what was in doubt is known now.
    pub fn verify(&mut self, found: Facts) {
        let names: BTreeSet<_> = self.known.keys().chain(found.keys()).collect();
        for name in names {
            let (known, found) = (self.known.get(name), found.get(name));
            let doubtful = self.doubtful.iter().any(|(what, value)| what == name && value.as_ref() == found);
            assert!(known == found || doubtful, "{name}: {known:?} was acknowledged, {found:?} stands");
        }
        self.known = found;
        self.doubtful.clear();
    }

    /// Each acknowledged change has its row.
    pub fn verify_trail(&self, changes: usize) {
        let ours = changes - self.changes_before.unwrap_or(changes);
        let possible = self.acknowledged..=self.acknowledged + self.in_doubt;
        assert!(possible.contains(&ours), "{ours} rows of changes, {possible:?} were made");
    }
}

fn look(engine: &Engine, seen: &mut Seen) {
    let listed = engine.run(&["sessions", "--json"], "");
    // Refused when there is no engine to ask.
    if listed.status.success() {
        let sessions: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
        seen.sessions.extend(sessions.iter().filter_map(|session| session["id"].as_str().map(str::to_owned)));
    }
    seen.trail = Trail::new(engine.audit());
}

/// Both may stand; the denial wins.
fn allowed(resource: &str) -> String {
    format!("allow {resource}")
}

fn denied(resource: &str) -> String {
    format!("deny {resource}")
}

pub fn read(engine: &Engine) -> Facts {
    let list = |arguments: &[&str]| serde_json::from_str::<Vec<Value>>(&engine.run_ok(arguments, "")).unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rights = list(&["permission", "list", LOGIN, "--json"]);
    let mut facts: Facts = rights
        .iter()
        .map(|row| (format!("{} {}", text(row, "effect"), text(row, "resource")), text(row, "level")))
        .collect();
    let accounts = list(&["account", "list", "--json"]);
    facts.extend(accounts.iter().filter(|row| row["login"] == LOGIN).map(|row| ("name".to_owned(), text(row, "name"))));
    let extensions = list(&["extension", "list", "--json"]);
    let ours = extensions.iter().filter(|row| row["number"] == "2000");
    facts.extend(ours.map(|row| ("extension".to_owned(), text(row, "name"))));
    facts
}
