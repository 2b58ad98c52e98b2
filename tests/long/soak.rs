//! Calls and supervisors without pause; then nothing of them is left.

use crate::{
    ear::{StallWatch, Stretch},
    office::{self, AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ},
    process,
    supervisor::{Supervisor, Visit},
    support::{engine::Engine, within},
    trail::Trail,
};
use sasayaki::{
    model::Entropy,
    phone::{Call, Phone},
};
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};
use tokio::{task::block_in_place, time::sleep};

const AGENTS: [&str; 3] = ["1000", "1001", "1002"];
const CUSTOMERS: [&str; 3] = ["2000", "2001", "2002"];
const SUPERVISORS: [&str; 3] = ["3000", "3001", "3002"];

const WARM_UP: Duration = Duration::from_secs(20);
const TALK_MS: (u64, u64) = (8_000, 30_000);
const STAY_MS: (u64, u64) = (200, 3_000);
const PAUSE_MS: (u64, u64) = (50, 600);
/// From the answer until the tones are settled at both ends, and before the end again.
const SETTLE: Duration = Duration::from_millis(500);
/// How much longer or shorter than the clock says what was heard in a stretch may be.
const MAX_DRIFT_MS: i64 = 100;

const QUIET_LIMIT: Duration = Duration::from_secs(20);
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// How far the median of the last third may lie above the median of the first.
const MEMORY_TOLERANCE_KIB: u64 = 2048;
/// Eight connections at most, each with the database, its log and the index of the log.
const MAX_STORE_DESCRIPTORS: usize = 24;
const CPU_WINDOW: Duration = Duration::from_secs(10);
/// Of one core, with nothing to do.
const IDLE_CPU_PERCENT: f64 = 2.0;
/// Of one core, more for a call that supervisors have left than for the same call before they came.
const DETACHED_CPU_PERCENT: f64 = 2.0;
const DETACHES: usize = 6;

struct Pair {
    agent: Phone,
    customer: Phone,
    /// Whom the agent dials.
    number: &'static str,
}

#[derive(Default)]
struct Findings {
    calls: usize,
    blocks: usize,
    excused: usize,
    wrong: Vec<String>,
    attached: Vec<Duration>,
    nothing: usize,
    lost: usize,
}

struct Soak {
    engine: Engine,
    pairs: Vec<Pair>,
    supervisors: Vec<Supervisor>,
    watch: StallWatch,
    findings: Mutex<Findings>,
}

pub async fn run(duration: Duration) {
    let soak = Soak::prepare().await;
    soak.go_on(Instant::now() + WARM_UP, 1).await;
    soak.expect_quiet();
    let id = soak.engine.process_id();
    let (descriptors, threads) = (process::descriptors(id), process::threads(id));
    println!("after warm-up: {descriptors} descriptors, {threads} threads, {} KiB", process::resident_kib(id));

    let end = Instant::now() + duration;
    let (memory, ()) = tokio::join!(sample_memory(id, end), soak.go_on(end, 2));
    soak.expect_quiet();
    soak.expect_descriptors(descriptors);
    assert_flat(&memory);
    soak.expect_no_spin_after_detach().await;
    soak.expect_quiet();
    soak.expect_descriptors(descriptors);
    expect_idle(id).await;
    soak.assert_trail();
    soak.end();
}

impl Soak {
    async fn prepare() -> Self {
        let engine = block_in_place(furnished);
        let mut entropy = office::seeded(0);
        let (mut pairs, mut supervisors) = (Vec::new(), Vec::new());
        for (agent, number) in AGENTS.into_iter().zip(CUSTOMERS) {
            let agent = office::registered(&engine, agent, AGENT_HZ, entropy.fork()).await;
            let customer = office::registered(&engine, number, CUSTOMER_HZ, entropy.fork()).await;
            pairs.push(Pair { agent, customer, number });
        }
        for (number, extension) in SUPERVISORS.into_iter().enumerate() {
            let phone = office::registered(&engine, extension, SUPERVISOR_HZ, entropy.fork()).await;
            supervisors.push(Supervisor { phone, dial_id: dial_id(number), dial_password: dial_password(number) });
        }
        Self { engine, pairs, supervisors, watch: StallWatch::start(), findings: Mutex::default() }
    }

    /// All pairs talk, all supervisors come and go, until `end`; what has begun is finished.
    async fn go_on(&self, end: Instant, seed: u64) {
        let mut entropy = office::seeded(seed);
        let talks = self.pairs.iter().map(|pair| self.talk(pair, end, entropy.fork())).collect::<Vec<_>>();
        let visits = self.supervisors.iter().map(|one| self.visits(one, end, entropy.fork())).collect::<Vec<_>>();
        tokio::join!(all(talks), all(visits));
    }

    async fn talk(&self, pair: &Pair, end: Instant, mut entropy: Entropy) {
        while Instant::now() < end {
            let (agent, customer) = pair.connect().await;
            let length = Duration::from_millis(office::between(&mut entropy, TALK_MS.0, TALK_MS.1));
            let (by_agent, by_customer) = listen(&agent, &customer, length).await;
            self.judge(pair, "agent", &by_agent, CUSTOMER_HZ);
            self.judge(pair, "customer", &by_customer, AGENT_HZ);
            if let Some(level) = by_customer.intrusion(SUPERVISOR_HZ) {
                self.findings()
                    .wrong
                    .push(format!("{}: the customer hears a supervisor, {level:.1} dBFS", pair.number));
            }
            let ends = if entropy.bits().is_multiple_of(2) { &agent } else { &customer };
            ends.hang_up().await.unwrap();
            agent.wait_ended().await;
            customer.wait_ended().await;
            self.findings().calls += 1;
            pause(&mut entropy).await;
        }
    }

    fn judge(&self, pair: &Pair, who: &str, heard: &Stretch, hz: f64) {
        let verdict = heard.dips(hz);
        let drift_ms = heard.drift_ms();
        let standstill = self.watch.excuses(heard.began) || self.watch.excuses(heard.ended);
        let mut findings = self.findings();
        findings.blocks += verdict.blocks;
        if drift_ms.abs() > MAX_DRIFT_MS && !standstill {
            findings.wrong.push(format!("{}: {drift_ms} ms too much at the {who}", pair.number));
        }
        for (moment, level) in verdict.dips {
            if self.watch.excuses(moment) {
                findings.excused += 1;
            } else {
                let into = (moment - heard.began).as_secs_f64();
                findings
                    .wrong
                    .push(format!("{}: {hz} Hz at {level:.1} dBFS at the {who}, {into:.1} s in", pair.number));
            }
        }
    }

    async fn visits(&self, supervisor: &Supervisor, end: Instant, mut entropy: Entropy) {
        while Instant::now() < end {
            let target = AGENTS[office::between(&mut entropy, 0, AGENTS.len() as u64 - 1) as usize];
            let visit = supervisor.visit(target, &mut entropy, STAY_MS).await;
            self.note(visit);
            pause(&mut entropy).await;
        }
    }

    fn note(&self, visit: Visit) {
        let mut findings = self.findings();
        match visit {
            Visit::Attached(after) => findings.attached.push(after),
            Visit::Nothing => findings.nothing += 1,
            Visit::Lost => findings.lost += 1,
        }
    }

    fn findings(&self) -> std::sync::MutexGuard<'_, Findings> {
        self.findings.lock().unwrap()
    }

    fn expect_quiet(&self) {
        block_in_place(|| {
            let quiet = || (self.engine.calls().is_empty() && self.engine.sessions().is_empty()).then_some(());
            let left = || format!("left: {:?} {:?}", self.engine.calls(), self.engine.sessions());
            assert!(within(QUIET_LIMIT, quiet).is_some(), "{}", left());
        });
    }

    fn expect_descriptors(&self, wanted: usize) {
        let id = self.engine.process_id();
        let back = block_in_place(|| within(QUIET_LIMIT, || (process::descriptors(id) <= wanted).then_some(())));
        assert!(back.is_some(), "{} descriptors, {wanted} at the start", process::descriptors(id));
        let store = process::store_descriptors(id);
        println!("descriptors: {wanted} at the start, {} now; and {store} of the store", process::descriptors(id));
        assert!(store <= MAX_STORE_DESCRIPTORS, "{store} descriptors of the store");
    }

    async fn expect_no_spin_after_detach(&self) {
        let id = self.engine.process_id();
        let (pair, supervisor) = (&self.pairs[0], &self.supervisors[0]);
        let (agent, customer) = pair.connect().await;
        let before = cpu_percent(id).await;
        let mut entropy = office::seeded(3);
        for _ in 0..DETACHES {
            self.note(supervisor.visit(AGENTS[0], &mut entropy, STAY_MS).await);
        }
        let after = cpu_percent(id).await;
        println!("one call: {before:.1} % of a core before supervisors came, {after:.1} % after the last had left");
        assert!(after <= before + DETACHED_CPU_PERCENT, "it spins after a detach");
        agent.hang_up().await.unwrap();
        customer.wait_ended().await;
    }

    fn assert_trail(&self) {
        let trail = Trail::new(block_in_place(|| self.engine.audit()));
        trail.assert_no_gap();
        let unended = trail.unended();
        assert!(unended.is_empty(), "sessions without an end: {unended:?}");
        let starts = trail.sessions("start").len();
        let heard = self.findings().attached.len();
        println!("trail: {} rows, {starts} sessions, ends {:?}", trail.len(), trail.details("end"));
        println!("trail: sign-ins {:?}, attempts {:?}", trail.details("sign-in"), trail.details("attempt"));
        assert!(heard <= starts, "{heard} visits were heard, {starts} stand in the trail");
        assert!(trail.count("sign-in", "ok") >= starts, "a session without a sign-in");
    }

    fn end(mut self) {
        let status = block_in_place(|| self.engine.stop());
        assert!(status.success(), "{status}");
        let log = self.engine.log();
        let complaints: Vec<_> = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
        assert!(complaints.is_empty(), "the engine complained:\n{}", complaints.join("\n"));
        let findings = self.findings.into_inner().unwrap();
        let longest = findings.attached.iter().max().copied().unwrap_or_default();
        println!(
            "{} calls; {} visits attached (heard at most {} ms after the last digit), {} found no call, {} were cut off",
            findings.calls,
            findings.attached.len(),
            longest.as_millis(),
            findings.nothing,
            findings.lost
        );
        println!(
            "{} blocks of 100 ms heard, {} with a dip, {} more excused by {} standstills of this machine",
            findings.blocks,
            findings.wrong.len(),
            findings.excused,
            self.watch.count()
        );
        assert!(findings.attached.len() >= findings.calls, "too few visits to prove anything");
        assert!(findings.wrong.is_empty(), "{}", findings.wrong.join("\n"));
    }
}

impl Pair {
    async fn connect(&self) -> (Call, Call) {
        let answered = async { self.customer.incoming().await?.accept().await };
        let (agent, customer) = tokio::join!(self.agent.call(self.number), answered);
        (agent.unwrap(), customer.unwrap())
    }
}

async fn listen(agent: &Call, customer: &Call, length: Duration) -> (Stretch, Stretch) {
    sleep(SETTLE).await;
    let began = Instant::now();
    let from = (agent.heard().len(), customer.heard().len());
    sleep(length).await;
    let ended = Instant::now();
    let stretch = |call: &Call, from: usize| Stretch { samples: call.heard().split_off(from), began, ended };
    (stretch(agent, from.0), stretch(customer, from.1))
}

fn furnished() -> Engine {
    let mut engine = Engine::configured("");
    for number in AGENTS.into_iter().chain(CUSTOMERS).chain(SUPERVISORS) {
        engine.add_extension(number);
    }
    for (number, extension) in SUPERVISORS.into_iter().enumerate() {
        let login = format!("boss{number}");
        engine.add_supervisor(&login, extension, &dial_id(number), &dial_password(number));
        for agent in AGENTS {
            engine.run_ok(&["permission", "grant", &login, &format!("terminal:{agent}"), "edit"], "");
        }
    }
    engine.start();
    engine
}

fn dial_id(supervisor: usize) -> String {
    format!("314{supervisor}")
}

fn dial_password(supervisor: usize) -> String {
    format!("27182{supervisor}")
}

async fn sample_memory(id: u32, end: Instant) -> Vec<u64> {
    let mut samples = Vec::new();
    while Instant::now() < end {
        samples.push(process::resident_kib(id));
        sleep(SAMPLE_EVERY).await;
    }
    samples
}

fn assert_flat(memory: &[u64]) {
    let third = memory.len() / 3;
    let (first, last) = (median(&memory[..third]), median(&memory[memory.len() - third..]));
    let most = memory.iter().max().unwrap();
    println!("resident: median {first} KiB in the first third, {last} KiB in the last, {most} KiB at most");
    assert!(last <= first + MEMORY_TOLERANCE_KIB, "memory grows");
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

async fn expect_idle(id: u32) {
    let idle = cpu_percent(id).await;
    println!("idle: {idle:.1} % of a core");
    assert!(idle <= IDLE_CPU_PERCENT, "it spins with nothing to do");
}

async fn cpu_percent(id: u32) -> f64 {
    let (began, before) = (Instant::now(), process::cpu(id));
    sleep(CPU_WINDOW).await;
    (process::cpu(id) - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0
}

async fn pause(entropy: &mut Entropy) {
    sleep(Duration::from_millis(office::between(entropy, PAUSE_MS.0, PAUSE_MS.1))).await;
}

async fn all(tasks: Vec<impl Future<Output = ()>>) {
    let mut tasks: Vec<_> = tasks.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        if tasks.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
