//! The table of `docs/who-hears-what.md` once more, on sockets: what phones can bring about from outside, in every pair of a
//! state, a mode, a codec and SRTP or not on each leg. `switch::embedded::tests::hears` has the whole of it in virtual time.

use crate::{
    ear,
    office::{self, MONITOR, Office, PATIENT, Talk, WHISPER, connect, row_within},
    support::audio::{AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ, Sound},
};
use sasayaki::{
    media::clip::FILE_SAMPLE_RATE,
    model::{Codec, SrtpPolicy},
    phone::{Call, Phone},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};

const TABLE: &str = include_str!("../../docs/who-hears-what.md");
const NOBODY: &str = "–";
/// Who says what; nobody's harmonics come near another's tone.
const SOURCES: [(&str, f64); 5] = [
    ("agent", AGENT_HZ),
    ("customer", CUSTOMER_HZ),
    ("supervisor", SUPERVISOR_HZ),
    ("third", 3067.0),
    ("music", 2113.0),
];
/// What is said arrives at about −16 dB.
const HEARD_DB: f64 = -50.0;

const LIMIT: Duration = Duration::from_secs(600);
/// How many calls go on at a time.
const AT_A_TIME: usize = 4;

/// Those of the table that the house's phones can bring about, and in which a phone holds: it says nothing then.
const STATES: [(&str, bool); 13] = [
    ("talking", false),
    ("held by the agent", true),
    ("held by the customer", false),
    ("held by both", true),
    ("resumed", false),
    ("customer's packets lost", false),
    ("agent's packets lost", false),
    ("agent sends the customer on: it rings", false),
    ("agent sends the customer on: declined", false),
    ("agent sends the customer on: answered", false),
    ("customer sends the agent on: answered", false),
    ("agent consults the third", true),
    ("agent joins customer and third", true),
];
const CODES: [&str; 2] = [MONITOR, WHISPER];
const SRTP: [SrtpPolicy; 2] = [SrtpPolicy::Off, SrtpPolicy::Required];

#[derive(Clone, Copy, Debug)]
struct Case {
    state: &'static str,
    agent_holds: bool,
    code: &'static str,
    /// The agent's, the customer's, who is like a third, and the supervisor's.
    phones: [(Codec, SrtpPolicy); 3],
}

impl Case {
    fn new(choice: &[usize]) -> Self {
        let (state, agent_holds) = STATES[choice[0]];
        let phones = [0, 1, 2].map(|phone| (Codec::ALL[choice[2 + phone]], SRTP[choice[5 + phone]]));
        Self { state, agent_holds, code: CODES[choice[1]], phones }
    }

    /// What agent, customer, third and supervisor hear, by the table.
    fn expected(&self) -> [BTreeSet<&'static str>; 4] {
        let rows = TABLE.lines().map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
        let row = rows.into_iter().find(|cells| cells[0] == self.state).unwrap();
        let names = |cell: &'static str| cell.split(", ").filter(|name| *name != NOBODY).collect::<BTreeSet<_>>();
        let mut heard = [1, 2, 3, 4].map(|column| names(row[column]));
        let mode = if self.code == MONITOR { 5 } else { 6 };
        for (name, heard) in ["agent", "customer", "third"].into_iter().zip(&mut heard) {
            heard.extend(Some("supervisor").filter(|_| names(row[mode]).contains(name)));
        }
        if self.agent_holds {
            heard[3].remove("agent");
        }
        heard
    }
}

struct Scene {
    case: Case,
    office: Office,
    talk: Talk,
    agent_phone: Phone,
    third_phone: Phone,
    supervisor: Call,
}

impl Scene {
    async fn new(engine: &Arc<crate::support::engine::Engine>, case: Case) -> Self {
        let office = Office::within(Arc::clone(engine));
        office.engine.add_extension(&office.another());
        let phone = |number: String, source: usize, kind: usize| {
            let (office, (codec, srtp)) = (&office, case.phones[kind]);
            async move {
                let change = |config: &mut sasayaki::phone::PhoneConfig| {
                    (config.codecs, config.srtp) = (vec![codec], srtp);
                };
                office.phone_with(&number, SOURCES[source].1, change).await
            }
        };
        let agent_phone = phone(office.agent(), 0, 0).await;
        let customer_phone = phone(office.customer(), 1, 1).await;
        let third_phone = phone(office.another(), 3, 1).await;
        let talk = office.connect(&agent_phone, &customer_phone).await;
        let supervisor = office.listen_in(&phone(office.supervisor(), 2, 2).await, case.code).await;
        let secured = [&talk.agent, &talk.customer, &supervisor].map(Call::is_secured);
        assert_eq!(secured, case.phones.map(|(_, srtp)| srtp == SrtpPolicy::Required), "{case:?}");
        Self { case, office, talk, agent_phone, third_phone, supervisor }
    }

    async fn play(&self) {
        let Talk { agent, customer } = &self.talk;
        let number = self.office.another();
        let answered = async { self.third_phone.incoming().await?.accept().await };
        match self.case.state {
            "talking" => self.is_as_told(None, None).await,
            "held by the agent" => {
                agent.hold().await.unwrap();
                self.is_as_told(None, None).await;
            }
            "held by the customer" => {
                customer.hold().await.unwrap();
                self.is_as_told(None, None).await;
            }
            "held by both" => {
                agent.hold().await.unwrap();
                customer.hold().await.unwrap();
                self.is_as_told(None, None).await;
            }
            "resumed" => {
                for party in [agent, customer] {
                    party.hold().await.unwrap();
                    party.resume().await.unwrap();
                }
                self.is_as_told(None, None).await;
            }
            "customer's packets lost" => {
                customer.lose_audio();
                self.is_as_told(None, None).await;
            }
            "agent's packets lost" => {
                agent.lose_audio();
                self.is_as_told(None, None).await;
            }
            "agent sends the customer on: it rings" => {
                let rings = async {
                    let ringing = self.third_phone.incoming().await.unwrap();
                    self.is_as_told(None, None).await;
                    ringing.reject(603).await.unwrap();
                };
                let (_, ()) = tokio::join!(agent.transfer(&number), rings);
            }
            "agent sends the customer on: declined" => {
                let declined = async { self.third_phone.incoming().await.unwrap().reject(603).await.unwrap() };
                let (_, ()) = tokio::join!(agent.transfer(&number), declined);
                self.is_as_told(None, None).await;
            }
            "agent sends the customer on: answered" => {
                let (_, third) = tokio::join!(agent.transfer(&number), answered);
                self.is_as_told(None, Some(&third.unwrap())).await;
            }
            "customer sends the agent on: answered" => {
                let (_, third) = tokio::join!(customer.transfer(&number), answered);
                self.is_as_told(None, Some(&third.unwrap())).await;
            }
            "agent consults the third" => {
                agent.hold().await.unwrap();
                let (consulting, third) = connect(&self.agent_phone, &self.third_phone, &number).await;
                self.is_as_told(Some(&consulting), Some(&third)).await;
            }
            "agent joins customer and third" => {
                agent.hold().await.unwrap();
                let (consulting, third) = connect(&self.agent_phone, &self.third_phone, &number).await;
                agent.transfer_to(&consulting, &number).await.unwrap();
                self.is_as_told(Some(&consulting), Some(&third)).await;
            }
            other => panic!("nobody knows how to bring about `{other}`"),
        }
        let in_whole_call = ear::all_of(customer).loudest_db(SUPERVISOR_HZ);
        assert!(
            in_whole_call < HEARD_DB,
            "{:?}: the customer heard the supervisor at {in_whole_call:.1} dB",
            self.case
        );
    }

    /// Once what was on its way has come, everybody hears what the table says, all at the same time.
    async fn is_as_told(&self, consulting: Option<&Call>, third: Option<&Call>) {
        let (expected, begun) = (self.case.expected(), Instant::now());
        loop {
            let (mut agent, second, customer, third, supervisor) = tokio::join!(
                heard_by(Some(&self.talk.agent)),
                heard_by(consulting),
                heard_by(Some(&self.talk.customer)),
                heard_by(third),
                heard_by(Some(&self.supervisor))
            );
            agent.extend(second);
            let heard = [agent, customer, third, supervisor];
            if heard == expected {
                return;
            }
            assert!(begun.elapsed() < ear::PATIENCE, "{:?}: heard {heard:?}, not {expected:?}", self.case);
        }
    }
}

async fn heard_by(call: Option<&Call>) -> BTreeSet<&'static str> {
    let Some(call) = call.filter(|call| !call.is_ended()) else { return BTreeSet::new() };
    let heard = ear::now(call).await;
    SOURCES.iter().filter(|(_, hz)| heard.loudest_db(*hz) > HEARD_DB).map(|(name, _)| *name).collect()
}

/// Rows in which any two values of any two columns stand together at least once; `levels` says how many values each column
/// has. Whatever pair is missing begins a row, which takes in as many others as it can.
fn pairwise(levels: &[usize]) -> Vec<Vec<usize>> {
    let cells = |column: usize| (0..levels[column]).map(move |value| (column, value));
    let pairs_of = |one: usize, other: usize| cells(one).flat_map(move |a| cells(other).map(move |b| [a, b]));
    let columns = 0..levels.len();
    let mut missing: BTreeSet<[(usize, usize); 2]> =
        columns.clone().flat_map(|other| (0..other).flat_map(move |one| pairs_of(one, other))).collect();
    let mut rows = Vec::new();
    while let Some(pair) = missing.first().copied() {
        let mut row = vec![None; levels.len()];
        pair.into_iter().for_each(|(column, value)| row[column] = Some(value));
        for column in columns.clone() {
            let fixed: Vec<(usize, usize)> =
                (0..).zip(&row).filter_map(|(other, value)| value.map(|value| (other, value))).collect();
            let gain = |value: &usize| {
                let pairs = fixed.iter().map(|other| [*other, (column, *value)].min([(column, *value), *other]));
                pairs.filter(|pair| missing.contains(pair)).count()
            };
            row[column] = row[column].or_else(|| (0..levels[column]).max_by_key(gain));
        }
        let row: Vec<usize> = row.into_iter().flatten().collect();
        missing.retain(|[(one, a), (other, b)]| row[*one] != *a || row[*other] != *b);
        rows.push(row);
    }
    rows
}

#[test]
fn any_two_values_of_any_two_columns_stand_in_one_row() {
    let levels = [STATES.len(), CODES.len(), 4, 4, 4, 2, 2, 2];
    let rows = pairwise(&levels);
    assert!(rows.len() < 60, "{} rows", rows.len());
    for (other, values) in levels.into_iter().enumerate() {
        for (one, a) in (0..other).flat_map(|one| (0..levels[one]).map(move |a| (one, a))) {
            let all = (0..values).all(|b| rows.iter().any(|row| (row[one], row[other]) == (a, b)));
            assert!(all, "columns {one} and {other}");
        }
    }
}

#[test]
#[ignore = "minutes: run by tests/run --long"]
fn the_table_holds_on_sockets_in_every_pair_of_state_mode_codecs_and_srtp() {
    let with_music = PATIENT.replace("[ivr]", "music = \"music.wav\"\n[ivr]");
    let mut engine = office::configured(&with_music);
    Sound::default().tone(SOURCES[4].1, 1.0).write(&engine.folder().join("music.wav"), FILE_SAMPLE_RATE);
    engine.start();
    engine.run_ok(&["setting", "set", "whisper-tone", "off"], "");
    let engine = Arc::new(engine);
    let mut cases = pairwise(&[STATES.len(), CODES.len(), 4, 4, 4, 2, 2, 2]).into_iter().map(|row| Case::new(&row));
    row_within(LIMIT, async {
        let mut playing = JoinSet::new();
        loop {
            while playing.len() < AT_A_TIME
                && let Some(case) = cases.next()
            {
                let engine = Arc::clone(&engine);
                playing.spawn(async move { Scene::new(&engine, case).await.play().await });
            }
            let Some(played) = playing.join_next().await else { break };
            played.unwrap();
        }
    });
}
