//! An engine, and in it one office for each test: an agent, a customer, a supervisor and a coach, with numbers of their
//! own. Most tests share one engine; who changes its settings, ends it or wants another configuration has one alone.

use crate::{
    ear::{self, PATIENCE, Prompts},
    support::{
        audio::{AGENT_HZ, CUSTOMER_HZ, SECOND_SUPERVISOR_HZ, SUPERVISOR_HZ, TONE_DB},
        engine::{Engine, PHONE_PASSWORD},
        within,
    },
};
use sasayaki::{
    model::{Codec, Digit, Entropy, Secret},
    phone::{Call, DtmfWay, Phone, PhoneConfig, PhoneError, Voice},
    store::keys::os_random,
};
use serde_json::Value;
use std::{
    future::Future,
    process::Output,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

/// The longest a whole test may take.
const TEST_LIMIT: Duration = Duration::from_secs(120);
const REGISTRATION_LIMIT: Duration = Duration::from_secs(20);
const REGISTRATION_PAUSE: Duration = Duration::from_millis(200);
const GOODBYES: Duration = Duration::from_secs(1);
const FIRST_BASE: u16 = 100;

/// Short prompts, and so many tries that a test may go through many refusals in one call.
pub const PATIENT: &str =
    "[prompts]\ndir = \"prompts\"\n[ivr]\nmax_sign_in_attempts = 10\nmax_extension_attempts = 10\n";

/// As configured by nobody, but with short prompts and little time.
pub const HURRIED: &str =
    "[prompts]\ndir = \"prompts\"\n[ivr]\nfirst_digit_timeout_ms = 1200\ninter_digit_timeout_ms = 900\n";

pub const DIAL_PASSWORD: &str = "80264719";

/// The codes and what they are called elsewhere.
pub const MONITOR: &str = "0070";
pub const WHISPER: &str = "0071";

pub struct Office {
    pub engine: Arc<Engine>,
    base: u16,
}

/// An agent and a customer in a call, each with a tone of their own.
pub struct Talk {
    pub agent: Call,
    pub customer: Call,
}

impl Office {
    /// In the engine that most tests share.
    pub fn open() -> Self {
        Self::within(shared_engine())
    }

    /// In an engine of its own.
    pub fn alone(extra: &str) -> Self {
        Self::within(Arc::new(running(extra)))
    }

    pub fn within(engine: Arc<Engine>) -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(FIRST_BASE);
        let office = Self { engine, base: NEXT.fetch_add(1, Ordering::Relaxed) };
        for number in [office.agent(), office.customer(), office.supervisor()] {
            office.engine.add_extension(&number);
        }
        office.add_account(&office.login(), "supervisor", &office.supervisor(), &office.dial_id());
        office.grant(&office.agent(), "edit");
        office
    }

    /// Numbers of four digits. The base itself, three digits, is the beginning of them all and is not yet an extension.
    pub fn base(&self) -> String {
        self.base.to_string()
    }

    pub fn agent(&self) -> String {
        format!("{}1", self.base)
    }

    pub fn customer(&self) -> String {
        format!("{}2", self.base)
    }

    pub fn supervisor(&self) -> String {
        format!("{}3", self.base)
    }

    /// Added by `add_coach`.
    pub fn coach(&self) -> String {
        format!("{}4", self.base)
    }

    pub fn another(&self) -> String {
        format!("{}5", self.base)
    }

    pub fn login(&self) -> String {
        format!("boss{}", self.base)
    }

    pub fn coach_login(&self) -> String {
        format!("coach{}", self.base)
    }

    pub fn dial_id(&self) -> String {
        format!("7{}", self.base)
    }

    pub fn coach_dial_id(&self) -> String {
        format!("6{}", self.base)
    }

    pub fn add_account(&self, login: &str, role: &str, extension: &str, dial_id: &str) {
        let add = ["account", "add", login, "--role", role, "--extension", extension, "--password-stdin"];
        self.engine.run_ok(&add, "web-secret");
        self.engine.run_ok(&["dial-id", "set", login, dial_id, "--password-stdin"], DIAL_PASSWORD);
    }

    /// A second supervisor on a phone of their own, with a right to the agent.
    pub fn add_coach(&self) {
        self.engine.add_extension(&self.coach());
        self.add_account(&self.coach_login(), "supervisor", &self.coach(), &self.coach_dial_id());
        self.engine.run_ok(&["permission", "grant", &self.coach_login(), &terminal(&self.agent()), "edit"], "");
    }

    /// The agent is one of a call centre on which the supervisor has this right, and none on the terminal.
    pub fn staff(&self, level: &str) {
        self.revoke(&self.agent());
        self.add_agent(&self.agent(), &self.center());
        self.grant_center(level);
    }

    pub fn center(&self) -> String {
        format!("center{}", self.base)
    }

    /// An account on the extension, in a new call centre.
    pub fn add_agent(&self, number: &str, center: &str) {
        let login = format!("agent{number}");
        let add = ["account", "add", &login, "--role", "user", "--extension", number, "--password-stdin"];
        self.engine.run_ok(&add, "web-secret");
        self.engine.run_ok(&["call-center", "add", center], "");
        self.engine.run_ok(&["call-center", "assign", center, &login], "");
    }

    pub fn grant_center(&self, level: &str) {
        let center = format!("call-center:{}", self.center());
        self.engine.run_ok(&["permission", "grant", &self.login(), &center, level], "");
    }

    pub fn grant(&self, number: &str, level: &str) -> Output {
        self.grant_with(number, level, &[])
    }

    pub fn grant_with(&self, number: &str, level: &str, more: &[&str]) -> Output {
        let (login, terminal) = (self.login(), terminal(number));
        let output = self.engine.run(&[&["permission", "grant", &login, &terminal, level], more].concat(), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }

    pub fn deny(&self, number: &str) {
        self.engine.run_ok(&["permission", "deny", &self.login(), &terminal(number)], "");
    }

    pub fn revoke(&self, number: &str) {
        self.engine.run_ok(&["permission", "revoke", &self.login(), &terminal(number)], "");
    }

    pub fn set(&self, key: &str, value: &str) {
        self.engine.run_ok(&["setting", "set", key, value], "");
    }

    /// A registered phone that says a tone.
    pub async fn phone(&self, number: &str, hz: f64) -> Phone {
        self.phone_with(number, hz, |_| {}).await
    }

    pub async fn silent_phone(&self, number: &str) -> Phone {
        self.phone_with(number, 0.0, |config| config.voice = Voice::Silence).await
    }

    pub async fn phone_with(&self, number: &str, hz: f64, change: impl Fn(&mut PhoneConfig)) -> Phone {
        self.try_phone_with(number, hz, change).await.unwrap()
    }

    /// What comes of its registration.
    pub async fn try_phone_with(
        &self,
        number: &str,
        hz: f64,
        change: impl Fn(&mut PhoneConfig),
    ) -> Result<Phone, PhoneError> {
        let (password, entropy) = (Secret::new(PHONE_PASSWORD), Entropy::from_seed(os_random()));
        let mut config = PhoneConfig {
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            dtmf: DtmfWay::Info,
            voice: Voice::Tone { hz, dbfs: TONE_DB, on_ms: 1, off_ms: 0 },
            ..PhoneConfig::new(number, password, self.engine.sip, entropy)
        };
        change(&mut config);
        let phone = Phone::start(config).unwrap();
        register(&phone).await?;
        Ok(phone)
    }

    /// Agent and customer with their tones; the agent called.
    pub async fn talk(&self) -> Talk {
        let agent = self.phone(&self.agent(), AGENT_HZ).await;
        let customer = self.phone(&self.customer(), CUSTOMER_HZ).await;
        self.connect(&agent, &customer).await
    }

    /// Agent and customer who say nothing.
    pub async fn silent_talk(&self) -> Talk {
        let agent = self.silent_phone(&self.agent()).await;
        let customer = self.silent_phone(&self.customer()).await;
        self.connect(&agent, &customer).await
    }

    pub async fn connect(&self, agent: &Phone, customer: &Phone) -> Talk {
        let (agent, customer) = connect(agent, customer, &self.customer()).await;
        Talk { agent, customer }
    }

    pub async fn supervisor_phone(&self) -> Phone {
        self.phone(&self.supervisor(), SUPERVISOR_HZ).await
    }

    pub async fn coach_phone(&self) -> Phone {
        self.phone(&self.coach(), SECOND_SUPERVISOR_HZ).await
    }

    /// The short dial: nobody is asked for ID and password.
    pub fn short(&self, code: &str) -> String {
        format!("{code}*{}*{DIAL_PASSWORD}", self.dial_id())
    }

    pub fn coach_short(&self, code: &str) -> String {
        format!("{code}*{}*{DIAL_PASSWORD}", self.coach_dial_id())
    }

    /// Dials, names the agent and waits until the agent's tone is heard.
    pub async fn listen_in(&self, supervisor: &Phone, code: &str) -> Call {
        let call = self.name_agent(supervisor, &self.short(code)).await;
        ear::hears(&call, AGENT_HZ).await;
        call
    }

    pub async fn name_agent(&self, supervisor: &Phone, dialled: &str) -> Call {
        let call = supervisor.call(dialled).await.unwrap();
        press(&call, &format!("{}#", self.agent())).await;
        call
    }

    /// What the trail says about a phone: kind, outcome and detail, oldest first.
    pub fn trail(&self, source: &str) -> Vec<(String, String, String)> {
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let rows = self.engine.audit();
        let of_source = rows.iter().filter(|row| row["source"] == source);
        of_source.map(|row| (text(row, "kind"), text(row, "outcome"), text(row, "detail"))).collect()
    }

    /// Waits until the newest thing that the trail says of the supervisor's phone is this.
    #[track_caller]
    pub fn expect_trail(&self, kind: &str, detail: &str) {
        self.expect_trail_of(&self.supervisor(), kind, detail);
    }

    #[track_caller]
    pub fn expect_trail_of(&self, source: &str, kind: &str, detail: &str) {
        let is_it = |row: &(String, String, String)| row.0 == kind && row.2 == detail;
        let found = within(PATIENCE, || self.trail(source).last().is_some_and(is_it).then_some(()));
        assert!(found.is_some(), "not {kind} {detail}: {:?}", self.trail(source));
    }
}

pub fn terminal(number: &str) -> String {
    format!("terminal:{number}")
}

/// Bounded in time, on a runtime of its own: the phones live on its workers, so that the command line may hold this thread.
pub fn row(test: impl Future<Output = ()>) {
    row_within(TEST_LIMIT, test);
}

pub fn row_within(limit: Duration, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let done = runtime.block_on(async { tokio::time::timeout(limit, test).await });
    done.expect("the test takes too long");
    // The phones are put away; each hangs up before it goes.
    within(GOODBYES, || (runtime.metrics().num_alive_tasks() == 0).then_some(()));
}

/// One phone calls another, which answers.
pub async fn connect(caller: &Phone, callee: &Phone, number: &str) -> (Call, Call) {
    let (caller, callee) = tokio::join!(caller.call(number), async { callee.incoming().await?.accept().await });
    (caller.unwrap(), callee.unwrap())
}

pub async fn press(call: &Call, keys: &str) {
    call.send_digits(keys.chars().map(|key| Digit::try_from(key).unwrap())).await.unwrap();
}

/// The configuration is written, the quick prompts lie beside it; not yet running.
pub fn configured(extra: &str) -> Engine {
    let engine = Engine::configured(extra);
    Prompts::write_quick(&engine.folder().join("prompts/ja"));
    engine
}

pub fn running(extra: &str) -> Engine {
    let mut engine = configured(extra);
    engine.start();
    engine
}

/// It lives while a test holds it. Its chime is off, so that a moment after the start is like any other.
fn shared_engine() -> Arc<Engine> {
    static SHARED: Mutex<Weak<Engine>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let engine = running(PATIENT);
        engine.run_ok(&["setting", "set", "whisper-tone", "off"], "");
        let engine = Arc::new(engine);
        *shared = Arc::downgrade(&engine);
        engine
    })
}

/// An extension that was just added is known to the engine a moment later.
async fn register(phone: &Phone) -> Result<(), PhoneError> {
    let trying = async {
        loop {
            match phone.register().await {
                // Each try counts as a guess.
                #[expect(clippy::disallowed_methods, reason = "the engine tells nobody when it knows an extension")]
                Err(PhoneError::Refused(401)) => tokio::time::sleep(REGISTRATION_PAUSE).await,
                registered => return registered,
            }
        }
    };
    let registered = tokio::time::timeout(REGISTRATION_LIMIT, trying).await;
    registered.expect("a phone is not let in")
}
