//! `sasayaki bench sign-in`: how long a sign-in by keypad takes, by what comes of it. Nobody may tell by the time what was wrong (E1).

use crate::{
    access::lockout::POLICY,
    cli::{
        office,
        output::{self, Format, Row},
    },
    model::{Entropy, Name, Refusal, Role, Secret},
    store::{Actor, NewAccount, Options, SignIn, Store, keys::os_random},
};
use anyhow::ensure;
use serde::Serialize;
use std::{env, fs, path::Path, time::Duration};

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// Sign-ins of each kind, in turns
    #[arg(long, value_name = "COUNT", default_value_t = Args::default().times, value_parser = clap::value_parser!(u16).range(3..=10_000))]
    times: u16,
    #[command(flatten)]
    format: Format,
}

impl Default for Args {
    fn default() -> Self {
        Self { times: 60, format: Format::default() }
    }
}

const PASSWORD: &str = "80264719";
const WRONG: &str = "19462085";
const START_MS: u64 = 1_700_000_000_000;

#[derive(Serialize)]
struct Took {
    sign_in: &'static str,
    median_ms: f64,
    slowest_tenth_ms: f64,
}

impl Row for Took {
    const HEADINGS: &'static [&'static str] = &["SIGN-IN", "MEDIAN MS", "SLOWEST TENTH FROM MS"];

    fn cells(&self) -> Vec<String> {
        vec![self.sign_in.to_owned(), format!("{:.2}", self.median_ms), format!("{:.2}", self.slowest_tenth_ms)]
    }
}

/// Who signs in, with what, and what must come of it.
struct Kind {
    name: &'static str,
    dial_id: &'static str,
    password: &'static str,
    refusal: Option<Refusal>,
}

const KINDS: [Kind; 5] = [
    Kind { name: "right", dial_id: "7001", password: PASSWORD, refusal: None },
    Kind { name: "wrong password", dial_id: "7002", password: WRONG, refusal: Some(Refusal::WrongPassword) },
    Kind { name: "unknown ID", dial_id: "7009", password: WRONG, refusal: Some(Refusal::UnknownDialId) },
    Kind { name: "locked, right password", dial_id: "7003", password: PASSWORD, refusal: Some(Refusal::LockedOut) },
    Kind { name: "locked, wrong password", dial_id: "7003", password: WRONG, refusal: Some(Refusal::LockedOut) },
];

pub async fn run(args: Args) -> anyhow::Result<()> {
    let folder = env::temp_dir().join(format!("sasayaki-bench-{}", Entropy::from_seed(os_random()).token()));
    office::make_folder(&folder)?;
    let measured = measure(&folder, args.times.into()).await;
    fs::remove_dir_all(&folder)?;
    output::list(&measured?, args.format)
}

async fn measure(folder: &Path, times: usize) -> anyhow::Result<Vec<Took>> {
    let url = format!("sqlite:{}", folder.join("sasayaki.db").display());
    let store = Store::open(Options::new(&url, folder, folder.join("pepper.key"), "bench.invalid")).await?;
    for (login, dial_id) in [("a", "7001"), ("b", "7002"), ("c", "7003")] {
        let password = Secret::new(Entropy::from_seed(os_random()).token()).try_into()?;
        let (login_name, role) = (login.parse()?, Role::Supervisor);
        let new = NewAccount { login: login_name, role, name: Name::default(), extension: None, password };
        store.add_account(&Actor::cli(), new).await?;
        store.set_dial_id(&Actor::cli(), login, dial_id, Secret::new(PASSWORD)).await?;
    }
    // By the time that is told, not by this machine's clock: this one locks, and nobody waits for its end.
    for _ in 0..POLICY.failures {
        ensure!(sign_in(&store, "7003", WRONG, START_MS).await.is_err(), "a wrong password is let in");
    }
    let mut took: Vec<Vec<Duration>> = KINDS.iter().map(|_| vec![]).collect();
    for round in 0..times as u64 {
        for (kind, took) in KINDS.iter().zip(&mut took) {
            // A fortnight between them: failures fade, and only what is to be locked is.
            let locked = kind.refusal == Some(Refusal::LockedOut);
            let at_ms = START_MS + if locked { 1 } else { (round + 1) * POLICY.fades_after_ms };
            let begun = super::now();
            let verdict = sign_in(&store, kind.dial_id, kind.password, at_ms).await;
            took.push(begun.elapsed());
            ensure!(verdict == kind.refusal.map_or(Ok(()), Err), "{}: {verdict:?}", kind.name);
        }
    }
    store.close().await;
    Ok(KINDS.iter().zip(took).map(|(kind, took)| spread(kind.name, took)).collect())
}

async fn sign_in(store: &Store, dial_id: &str, password: &str, at_ms: u64) -> Result<(), Refusal> {
    let (dial_id, password, source) = (Secret::new(dial_id), Secret::new(password), "3000".to_owned());
    store.sign_in(SignIn { dial_id, password, source, mode: None, call: None, at_ms }).await.map(drop)
}

fn spread(sign_in: &'static str, mut took: Vec<Duration>) -> Took {
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).map_or(0.0, |took| took.as_secs_f64() * 1000.0);
    Took { sign_in, median_ms: at(50), slowest_tenth_ms: at(90) }
}
