//! The engine is killed at random moments, and what it or its command line had acknowledged is there when it is back.

mod clerk;

use crate::{
    office::{self, AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ},
    supervisor::{self, Supervisor, Visit},
    support::engine::{DIAL_ID, DIAL_PASSWORD, Engine},
    trail::Trail,
};
use clerk::{Clerk, Seen};
use sasayaki::{
    model::Entropy,
    phone::{Call, Phone},
};
use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinHandle, block_in_place},
    time::timeout,
};

const AGENT: &str = "1000";
const CUSTOMER: &str = "2000";
const LOGIN: &str = "boss";
/// Both sign in as the same person.
const SUPERVISORS: [&str; 2] = ["3000", "3001"];
/// From the moment when supervisors and the clerk begin.
const LIFE_MS: (u64, u64) = (100, 6_000);
const STAY_MS: (u64, u64) = (100, 900);
const REACH_LIMIT: Duration = Duration::from_secs(10);
const FAREWELL_LIMIT: Duration = Duration::from_secs(5);
const PROGRESS_EVERY: u32 = 10;

struct House {
    engine: Engine,
    agent: Phone,
    customer: Phone,
    clerk: Clerk,
    seen: Seen,
    heard: Arc<AtomicUsize>,
    /// From the start of the process until OPTIONS is answered, and until both phones have rung.
    back: Vec<Duration>,
    reached: Vec<Duration>,
}

pub async fn run(kills: u32, seed: u64) {
    let mut entropy = office::seeded(seed);
    let mut house = House::prepare(&mut entropy).await;
    for kill in 1..=kills {
        let call = house.connect(true).await;
        // From here on the phones do not register again before they are reached: the next refresh is minutes away.
        house.live(&mut entropy).await;
        let born = Instant::now();
        block_in_place(|| house.engine.start());
        house.back.push(born.elapsed());
        house.reach(born).await;
        house.verify();
        say_farewell(&call).await;
        if kill % PROGRESS_EVERY == 0 || kill == kills {
            house.report(kill, seed);
        }
    }
    let status = block_in_place(|| house.engine.stop());
    assert!(status.success(), "{status}");
}

impl House {
    async fn prepare(entropy: &mut Entropy) -> Self {
        let engine = block_in_place(Engine::with_an_office);
        let agent = office::registered(&engine, AGENT, AGENT_HZ, entropy.fork()).await;
        let customer = office::registered(&engine, CUSTOMER, CUSTOMER_HZ, entropy.fork()).await;
        let clerk = Clerk::new(block_in_place(|| clerk::read(&engine)));
        let (seen, heard) = (Seen::default(), Arc::default());
        Self { engine, agent, customer, clerk, seen, heard, back: Vec::new(), reached: Vec::new() }
    }

    /// Sessions begin and end and rights change, until the engine is killed in the midst of it.
    async fn live(&mut self, entropy: &mut Entropy) {
        self.agent.register().await.unwrap();
        self.customer.register().await.unwrap();
        let mut visits = Vec::new();
        for extension in SUPERVISORS {
            visits.push(self.supervise(extension, entropy).await);
        }
        let life = Duration::from_millis(office::between(entropy, LIFE_MS.0, LIFE_MS.1));
        let (engine, clerk, seen) = (&self.engine, &mut self.clerk, &mut self.seen);
        let dead = AtomicBool::new(false);
        block_in_place(|| {
            thread::scope(|scope| {
                scope.spawn(|| clerk.work(engine, seen, entropy, &dead));
                thread::sleep(life);
                let killed = Command::new("kill").args(["-KILL", &engine.process_id().to_string()]).status().unwrap();
                dead.store(true, Ordering::Relaxed);
                assert!(killed.success());
            });
        });
        self.engine.kill();
        visits.iter().for_each(JoinHandle::abort);
    }

    /// A phone that is new in every life, whose user attaches and detaches without pause.
    async fn supervise(&self, extension: &str, entropy: &mut Entropy) -> JoinHandle<()> {
        let phone = office::registered(&self.engine, extension, SUPERVISOR_HZ, entropy.fork()).await;
        let supervisor = Supervisor { phone, dial_id: DIAL_ID.to_owned(), dial_password: DIAL_PASSWORD.to_owned() };
        let (heard, mut entropy) = (Arc::clone(&self.heard), entropy.fork());
        tokio::spawn(async move {
            loop {
                let (call, visit) = supervisor.attach(AGENT, &mut entropy).await;
                if matches!(visit, Visit::Attached(_)) {
                    heard.fetch_add(1, Ordering::Relaxed);
                }
                if let Some(call) = call {
                    supervisor::stay(&call, &mut entropy, STAY_MS).await;
                    let _ = call.hang_up().await;
                }
            }
        })
    }

    /// Neither phone has registered with this process; each can be called all the same.
    async fn reach(&mut self, born: Instant) {
        for agent_calls in [true, false] {
            let (agent, customer) = self.connect(agent_calls).await;
            agent.hang_up().await.unwrap();
            customer.wait_ended().await;
        }
        self.reached.push(born.elapsed());
    }

    async fn connect(&self, agent_calls: bool) -> (Call, Call) {
        let (caller, callee, number) = match agent_calls {
            true => (&self.agent, &self.customer, CUSTOMER),
            false => (&self.customer, &self.agent, AGENT),
        };
        let answered = async { callee.incoming().await?.accept().await };
        let both = timeout(REACH_LIMIT, async { tokio::join!(caller.call(number), answered) }).await;
        let (caller, callee) = both.unwrap_or_else(|_| panic!("{number} is not reached within {REACH_LIMIT:?}"));
        let (caller, callee) = (caller.unwrap(), callee.unwrap());
        if agent_calls { (caller, callee) } else { (callee, caller) }
    }

    fn verify(&mut self) {
        block_in_place(|| {
            assert!(self.engine.calls().is_empty() && self.engine.sessions().is_empty(), "a new engine has no calls");
            self.clerk.verify(clerk::read(&self.engine));
            let trail = Trail::new(self.engine.audit());
            trail.assert_no_gap();
            trail.assert_holds(&self.seen.trail);
            assert!(trail.unended().is_empty(), "the engine is back, and sessions of the one before have no end");
            let starts = trail.sessions("start");
            for session in &self.seen.sessions {
                assert!(starts.contains_key(session.as_str()), "session {session} was listed and has no start");
            }
            let heard = self.heard.load(Ordering::Relaxed);
            assert!(heard <= starts.len(), "{heard} attaches were heard, {} stand in the trail", starts.len());
            assert!(starts.len() <= trail.count("sign-in", "ok"), "a session without a sign-in");
            self.clerk.verify_trail(trail.details("change").values().sum());
            // The chain is whole, and holds what the head of the life before knew.
            let head_of_before = self.engine.folder().join("head");
            if head_of_before.exists() {
                self.engine.run_ok(&["audit", "verify", "--head", "head"], "");
            }
            self.engine.run_ok(&["audit", "head", "head"], "");
            self.seen.trail = trail;
        });
    }

    fn report(&mut self, kills: u32, seed: u64) {
        let trail = &self.seen.trail;
        println!(
            "{kills} kills (seed {seed}): {} changes acknowledged, {} in doubt; {} sign-ins, {} sessions, {} of them \
             heard; {} rows in the trail",
            self.clerk.acknowledged,
            self.clerk.in_doubt,
            trail.count("sign-in", "ok"),
            trail.sessions("start").len(),
            self.heard.load(Ordering::Relaxed),
            trail.len()
        );
        println!("  attempts {:?}, ends {:?}", trail.details("attempt"), trail.details("end"));
        println!("  back: {}; both phones reached: {}", spread(&self.back), spread(&self.reached));
    }
}

/// The engine that these calls were made through is gone; the new one says 481.
async fn say_farewell((agent, customer): &(Call, Call)) {
    for call in [agent, customer] {
        let said = timeout(FAREWELL_LIMIT, call.hang_up()).await;
        assert!(said.is_ok(), "the BYE of a call that is gone is not answered");
    }
}

fn spread(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let (median, most) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    format!("median {} ms, at most {} ms", median.as_millis(), most.as_millis())
}
