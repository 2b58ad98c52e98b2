//! What fails around the engine while people talk: who talks and listens goes on, nobody new listens, the log says what
//! would help, and when it is over everything is as before, by itself.

use crate::{
    ear::{self, Ear, PATIENCE, Prompts},
    hearing::{assert_hears_both, assert_talk},
    office::{DIAL_PASSWORD, MONITOR, Office, PATIENT, Talk, WHISPER, configured, connect, press, row_within},
    power::Database,
    support::{
        audio::{AGENT_HZ, CUSTOMER_HZ, SECOND_SUPERVISOR_HZ},
        disk::Disk,
        engine::Engine,
        proxy::Proxy,
        web::Browser,
        within,
    },
};
use sasayaki::{
    model::Prompt,
    phone::{Call, Phone, PhoneError},
};
use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    process::Command,
    sync::Arc,
    time::Duration,
};

/// A store that does not answer is waited for, now and then.
const LIMIT: Duration = Duration::from_secs(150);

impl Engine {
    /// Waits for a word in its log.
    #[track_caller]
    fn says(&self, words: &str) {
        self.says_so_often(words, 1);
    }

    #[track_caller]
    fn says_so_often(&self, words: &str, times: usize) {
        let said = within(PATIENCE, || (self.log().matches(words).count() >= times).then_some(()));
        assert!(said.is_some(), "the log does not say {times} times: {words}");
    }

    /// Lets the running engine open so many files at most; the limit that was.
    fn limit_files(&self, limit: usize) -> usize {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.process_id())).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let before = line.split_whitespace().next().unwrap().parse().unwrap();
        let (process, limit) = (self.process_id().to_string(), format!("--nofile={limit}:"));
        let done = Command::new("prlimit").args(["--pid", &process, &limit]).status().unwrap();
        assert!(done.success());
        before
    }

    /// The descriptor that it would open next.
    fn next_file(&self) -> usize {
        let is_free = |number: &usize| !fs::exists(format!("/proc/{}/fd/{number}", self.process_id())).unwrap();
        (0..).find(is_free).unwrap()
    }
}

/// Agent and customer talk, a coach whispers; the supervisor's phone is at hand.
struct Scene<'a> {
    office: &'a Office,
    talk: Talk,
    coach: Call,
    phone: Phone,
    prompts: Prompts,
}

impl<'a> Scene<'a> {
    async fn begin(office: &'a Office) -> Self {
        office.add_coach();
        let talk = office.talk().await;
        let coach = office.name_agent(&office.coach_phone().await, &office.coach_short(WHISPER)).await;
        ear::hears(&coach, AGENT_HZ).await;
        Self { office, talk, coach, phone: office.supervisor_phone().await, prompts: Prompts::quick() }
    }

    async fn goes_on(&self) {
        assert_talk(&self.talk, &[SECOND_SUPERVISOR_HZ], &[]).await;
        ear::hears(&self.coach, AGENT_HZ).await;
        ear::hears(&self.coach, CUSTOMER_HZ).await;
    }

    /// The phone does not even get an answer.
    async fn nobody_is_answered(&self) {
        let refused = self.phone.call(MONITOR).await;
        assert!(matches!(refused, Err(PhoneError::Refused(503))), "{:?}", refused.err());
    }

    async fn listening_begins(&self) {
        let supervisor = self.office.listen_in(&self.phone, MONITOR).await;
        assert_hears_both(&supervisor, &[]).await;
        supervisor.hang_up().await.unwrap();
    }

    /// The store fails and comes back. What happens meanwhile stands in the trail and among the calls when it is back.
    async fn outlives(self, fault: impl AsyncFnOnce(), end: impl AsyncFnOnce(), advice: &str) {
        let Self { office, phone, prompts, .. } = &self;
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        let mut ear = Ear::new(&supervisor, prompts);
        ear.hears(&[Prompt::Extension]).await;
        fault().await;
        press(&supervisor, &format!("{}#", office.agent())).await;
        ear.hears(&[Prompt::Error, Prompt::Extension]).await;
        supervisor.hang_up().await.unwrap();
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        Ear::new(&supervisor, prompts).hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
        supervisor.hang_up().await.unwrap();
        office.engine.says(advice);
        self.goes_on().await;
        self.coach.hang_up().await.unwrap();
        let (caller, callee) = connect(&self.phone, &office.silent_phone(&office.coach()).await, &office.coach()).await;
        caller.hang_up().await.unwrap();
        callee.wait_ended().await;
        office.engine.says("event=\"audit-waits\"");
        office.engine.says("event=\"call-records-wait\"");

        end().await;
        office.engine.says("event=\"audit-written\"");
        office.engine.says("event=\"call-records-written\"");
        self.listening_begins().await;
        assert_talk(&self.talk, &[], &[SECOND_SUPERVISOR_HZ]).await;
        office.expect_trail_of(&office.coach(), "end", "supervisor-hung-up");
        let records = office.engine.run_ok(&["cdr", "list", "--extension", &office.coach(), "--json"], "");
        assert!(records.contains("hung-up"), "{records}");
        office.engine.run_ok(&["audit", "verify"], "");
    }
}

#[test]
fn a_full_disk_ends_no_call_lets_nobody_new_listen_and_loses_nothing() {
    row_within(LIMIT, async {
        let mut engine = configured(PATIENT);
        let disk = Disk::mounted_at(&engine.folder().join("data"), "8m");
        engine.start();
        // The disk goes before the folder in which it is mounted.
        let (mut office, disk) = (Office::within(Arc::new(engine)), disk);
        let full = async || {
            disk.fill();
            let refused = office.engine.run(&["extension", "add", "55555", "--password-stdin"], "phone-secret");
            let why = String::from_utf8_lossy(&refused.stderr);
            assert!(!refused.status.success() && why.contains("there is no room left"), "{why}");
        };
        Scene::begin(&office).await.outlives(full, async || disk.make_room(), "there is no room left").await;
        // The last thing that an engine writes is the head of its trail.
        disk.fill();
        let engine = Arc::get_mut(&mut office.engine).unwrap();
        assert!(engine.stop().success());
        engine.says("event=\"audit-head-failed\"");
    });
}

#[test]
fn a_database_that_may_only_be_read_stops_the_start_and_says_what_would_help() {
    let mut engine = configured("");
    let disk = Disk::mounted_at(&engine.folder().join("data"), "8m");
    engine.add_extension("4001");
    disk.remount("ro");
    let refused = engine.run(&["serve"], "");
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && why.contains("may only be read"), "{why}");
    disk.remount("rw");
    engine.start();
    drop(disk);
}

#[test]
fn a_postgresql_that_may_only_be_read_ends_no_call_lets_nobody_new_listen_and_loses_nothing() {
    row_within(LIMIT, async {
        let database = Database::create().await;
        let mut engine = configured(&database.config(database.address()));
        engine.start();
        let office = Office::within(Arc::new(engine));
        // Whoever was connected connects anew, as after a change of servers.
        let set = async |what: &str| {
            let name = &database.name;
            database.tell_server(&format!("ALTER DATABASE {name} {what}")).await;
            let others = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            database.tell_server(&others).await;
        };
        let fault = async || set("SET default_transaction_read_only = on").await;
        let end = async || set("RESET default_transaction_read_only").await;
        Scene::begin(&office).await.outlives(fault, end, "may only be read").await;
    });
}

#[test]
fn a_postgresql_that_goes_and_comes_back_ends_no_call_lets_nobody_new_listen_and_loses_nothing() {
    row_within(LIMIT, async {
        let database = Database::create().await;
        let proxy = Proxy::to(database.address());
        let mut engine = configured(&database.config(proxy.address));
        engine.start();
        let office = Office::within(Arc::new(engine));
        Scene::begin(&office).await.outlives(async || proxy.cut(), async || proxy.mend(), "cannot be reached").await;
    });
}

#[test]
fn without_a_free_rtp_port_calls_go_on_and_new_ones_are_refused_until_there_is_one() {
    row_within(LIMIT, async {
        let office = Office::alone(PATIENT);
        let scene = Scene::begin(&office).await;
        let (first, last) = office.engine.rtp;
        let taken: Vec<_> =
            (first..=last).filter_map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()).collect();
        scene.nobody_is_answered().await;
        office.engine.says("event=\"no-rtp-port\"");
        office.engine.says("a wider [rtp] ports would help");
        let health = Browser::new(office.engine.console).get("/healthz");
        assert!(health.status == 503 && health.body.contains("a wider [rtp] ports would help"), "{}", health.body);
        scene.goes_on().await;
        drop(taken);
        scene.listening_begins().await;
        assert_eq!(Browser::new(office.engine.console).get("/healthz").status, 200);
    });
}

#[test]
fn without_a_free_descriptor_calls_go_on_and_new_ones_are_refused_until_there_is_one() {
    row_within(LIMIT, async {
        let office = Office::alone(PATIENT);
        let scene = Scene::begin(&office).await;
        let before = office.engine.limit_files(office.engine.next_file());
        // A browser waits meanwhile, and is served when there is a descriptor again.
        let waiting = Browser::new(office.engine.console).send("GET", "/healthz", "", "");
        scene.nobody_is_answered().await;
        office.engine.says("this process may open no more files");
        assert!(office.engine.answers_options());
        scene.goes_on().await;
        office.engine.limit_files(before);
        scene.listening_begins().await;
        let answer = std::io::read_to_string(waiting).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    });
}

/// Beside the clock of this machine, which nobody touches.
struct Clock<'a>(&'a Engine);

impl Clock<'_> {
    fn set(&self, offset: &str) {
        let folder = self.0.folder();
        fs::write(folder.join("clock.new"), format!("{offset}\n")).unwrap();
        fs::rename(folder.join("clock.new"), folder.join("clock")).unwrap();
    }

    /// Debian's libfaketime: what the engine is told of the time of day, but not how time passes.
    fn start(engine: &mut Engine) {
        Clock(engine).set("+0");
        let libraries = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
        let library = libraries.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|file| file.exists());
        let library = library.expect("no libfaketime (tests/run installs it)").display().to_string();
        let file = engine.folder().join("clock").display().to_string();
        engine.start_in(&[
            ("LD_PRELOAD", &library),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ]);
    }
}

#[test]
fn a_clock_that_is_set_ends_no_call_and_no_registration_and_makes_no_call_longer() {
    row_within(LIMIT, async {
        let mut engine = configured(PATIENT);
        Clock::start(&mut engine);
        let office = Office::within(Arc::new(engine));
        let scene = Scene::begin(&office).await;
        office.engine.add_extension(&office.another());
        let another = office.silent_phone(&office.another()).await;
        let clock = Clock(&office.engine);
        for (times, offset) in ["+2d", "-3d", "+0"].into_iter().enumerate() {
            clock.set(offset);
            office.engine.says_so_often("event=\"clock-set\"", times + 1);
            scene.goes_on().await;
            scene.listening_begins().await;
            // It has not registered again.
            let (caller, _callee) = connect(&scene.phone, &another, &office.another()).await;
            caller.hang_up().await.unwrap();
        }
        scene.talk.customer.hang_up().await.unwrap();
        let ended = || {
            let list = office.engine.run_ok(&["cdr", "list", "--extension", &office.agent(), "--json"], "");
            let records: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
            records.into_iter().find(|record| !record["ended"].is_null())
        };
        let record = within(PATIENCE, ended).expect("the call has ended");
        assert!(
            record["talked_ms"].as_u64().is_some_and(|ms| (1_000..LIMIT.as_millis() as u64).contains(&ms)),
            "{record}"
        );
        office.engine.run_ok(&["audit", "verify"], "");
        // The short dial's password is right on every day.
        assert!(!office.engine.log().contains(DIAL_PASSWORD));
    });
}
