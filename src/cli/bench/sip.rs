//! `sasayaki bench sip`: an engine of its own on loopback, phones that register and call as fast as it lets them, and what
//! that costs the engine's process. The phones run beside it on the same machine and take their share of it.

pub mod door;
mod engine;
mod phone;

use super::now;
use crate::cli::output::{self, Format, Row};
use engine::{Cpu, Engine};
use phone::{Called, Pair};
use serde::Serialize;
use std::time::Duration;
use tokio::task::JoinSet;

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// How long each measurement lasts
    #[arg(long, value_name = "SECONDS", default_value_t = Args::default().seconds, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Pairs of phones, each with one call at a time
    #[arg(long, value_name = "COUNT", default_value_t = Args::default().pairs, value_parser = clap::value_parser!(u16).range(1..=400))]
    pairs: u16,
    #[command(flatten)]
    format: Format,
}

impl Default for Args {
    fn default() -> Self {
        Self { seconds: 10, pairs: 100, format: Format::default() }
    }
}

/// A measurement ends after so many, however long it may last: what each leaves behind stays for 32 s (timers J and L), and
/// the engine holds no more than `sip::MAX_TRANSACTIONS`, after which it refuses.
const MOST: u32 = 10_000;
/// How long the engine is warmed up at most.
const WARM_UP: Duration = Duration::from_secs(5);
/// What one address may ask for is bounded, 100 INVITEs a second, and a call is two: a pair calls no more often.
const BETWEEN_CALLS: Duration = Duration::from_millis(25);
/// How long each call with media talks.
const TALK: Duration = Duration::from_secs(1);
/// A share of failed calls, or of lost audio, above which the engine counts as overloaded.
const BEARABLE: f64 = 0.01;

#[derive(Serialize)]
struct Figure {
    what: &'static str,
    value: f64,
    unit: &'static str,
    /// Of which strangers, where there are any.
    #[serde(skip_serializing_if = "str::is_empty")]
    who: &'static str,
}

impl Row for Figure {
    const HEADINGS: &'static [&'static str] = &["WHAT", "VALUE", "UNIT"];

    fn cells(&self) -> Vec<String> {
        let what = if self.who.is_empty() { self.what.to_owned() } else { format!("{}: {}", self.who, self.what) };
        vec![what, format!("{:.1}", self.value), self.unit.to_owned()]
    }
}

/// What one measurement saw.
struct Round {
    calls: Vec<Called>,
    failures: usize,
    seconds: f64,
    /// Of the engine's process.
    cpu: Cpu,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        output::note("this build is not optimised; its figures say little");
    }
    let seconds = Duration::from_secs(args.seconds);
    let engine = Engine::start(args.pairs.into()).await?;
    let mut pairs = engine.pairs().await?;
    // What grows once is there before anything is counted.
    registrations(&engine, &mut pairs, WARM_UP, MOST / 2).await?;
    let mut figures = registrations(&engine, &mut pairs, seconds, MOST).await?;
    let bare = calls(&engine, &mut pairs, seconds, Duration::ZERO, None).await?;
    figures.extend([
        figure("calls, full dialogs without media", bare.rate(), "1/s"),
        figure("CPU of the engine per such call", bare.us_of(|cpu| cpu.all), "µs"),
        figure("of it, the thread of the media", bare.us_of(|cpu| cpu.media), "µs"),
        figure("of it, the threads of the store", bare.us_of(|cpu| cpu.store), "µs"),
    ]);
    let full = calls(&engine, &mut pairs, seconds, TALK, None).await?;
    figures.extend([
        figure("calls that talk for a second", full.rate(), "1/s"),
        figure("CPU of the engine per such call", full.us_of(|cpu| cpu.all), "µs"),
        figure("audio that did not arrive", 100.0 * full.lost_audio(), "%"),
    ]);
    let half = calls(&engine, &mut pairs, seconds, TALK, Some(full.rate() / 2.0)).await?;
    figures.extend([
        figure("calls at half of that", half.rate(), "1/s"),
        figure("INVITE to 200, median", half.setup_ms(0.5), "ms"),
        figure("INVITE to 200, 99th percentile", half.setup_ms(0.99), "ms"),
    ]);
    for (name, round) in [("without media", &bare), ("with media", &full), ("at half load", &half)] {
        round.warn(name);
    }
    output::list(&figures, args.format)
}

/// Each phone registers again and again. A registration that is let in leaves a transaction behind for 32 s.
async fn registrations(
    engine: &Engine,
    pairs: &mut Vec<Pair>,
    lasts: Duration,
    most: u32,
) -> anyhow::Result<Vec<Figure>> {
    let (before, memory, begun, most) = (engine.cpu()?, engine.memory()?, now(), share(most, pairs));
    let mut running = JoinSet::new();
    for mut pair in pairs.drain(..) {
        running.spawn(async move {
            let mut done = 0_u32;
            while done < most && begun.elapsed() < lasts && pair.register().await.is_ok() {
                done += 1;
            }
            (pair, done)
        });
    }
    let mut done = 0;
    while let Some(ended) = running.join_next().await {
        let (pair, registered) = ended?;
        pairs.push(pair);
        done += registered;
    }
    let (cpu, grown, done) = (engine.cpu()? - before, engine.memory()?.saturating_sub(memory), f64::from(done));
    let mut figures = vec![
        figure("registrations, each challenged", done / begun.elapsed().as_secs_f64(), "1/s"),
        figure("CPU of the engine per registration", cpu.all.as_secs_f64() * 1e6 / done, "µs"),
    ];
    if lasts < Duration::from_secs(30) {
        figures.push(figure("memory per server transaction", grown as f64 / done, "bytes"));
    }
    Ok(figures)
}

/// Each pair makes one call after the other; with `rate`, all together so many a second.
async fn calls(
    engine: &Engine,
    pairs: &mut Vec<Pair>,
    lasts: Duration,
    talk: Duration,
    rate: Option<f64>,
) -> anyhow::Result<Round> {
    let pause = rate.map_or(BETWEEN_CALLS, |rate| Duration::from_secs_f64(pairs.len() as f64 / rate.max(0.1)));
    let (before, begun, count, most) = (engine.cpu()?, now(), pairs.len() as u32, share(MOST, pairs) as usize);
    let mut running = JoinSet::new();
    for (index, mut pair) in pairs.drain(..).enumerate() {
        running.spawn(async move {
            let (mut calls, mut failures) = (vec![], 0);
            let mut next = begun + pause * index as u32 / count;
            while calls.len() < most && begun.elapsed() < lasts {
                tokio::time::sleep_until(next.into()).await;
                next += pause;
                match pair.call(talk).await {
                    Ok(called) => calls.push(called),
                    Err(_) => failures += 1,
                }
            }
            (pair, calls, failures)
        });
    }
    let mut round = Round { calls: vec![], failures: 0, seconds: 0.0, cpu: Cpu::default() };
    while let Some(ended) = running.join_next().await {
        let (pair, calls, failures) = ended?;
        pairs.push(pair);
        round.calls.extend(calls);
        round.failures += failures;
    }
    anyhow::ensure!(!round.calls.is_empty(), "no call succeeded");
    round.seconds = begun.elapsed().as_secs_f64();
    round.cpu = engine.cpu()? - before;
    Ok(round)
}

/// Of so many, for each pair.
fn share(all: u32, pairs: &[Pair]) -> u32 {
    all.div_ceil(pairs.len().max(1) as u32)
}

impl Round {
    fn rate(&self) -> f64 {
        self.calls.len() as f64 / self.seconds
    }

    /// Per call.
    fn us_of(&self, part: impl Fn(&Cpu) -> Duration) -> f64 {
        part(&self.cpu).as_secs_f64() * 1e6 / self.calls.len() as f64
    }

    fn lost_audio(&self) -> f64 {
        let (sent, heard) =
            self.calls.iter().fold((0, 0), |(sent, heard), call| (sent + call.sent, heard + call.heard));
        if sent == 0 { 0.0 } else { 1.0 - f64::from(heard) / f64::from(sent) }
    }

    fn setup_ms(&self, share: f64) -> f64 {
        let mut setups: Vec<Duration> = self.calls.iter().map(|call| call.setup).collect();
        setups.sort_unstable();
        let at = (setups.len() as f64 * share) as usize;
        setups.get(at.min(setups.len() - 1)).map_or(0.0, |setup| setup.as_secs_f64() * 1000.0)
    }

    fn warn(&self, name: &str) {
        let failed = self.failures as f64 / (self.failures + self.calls.len()) as f64;
        if failed > BEARABLE || self.lost_audio() > BEARABLE {
            output::note(&format!(
                "{name}: {} of {} calls failed and {:.1} % of the audio was lost; more than the engine bears here",
                self.failures,
                self.failures + self.calls.len(),
                100.0 * self.lost_audio()
            ));
        }
    }
}

fn figure(what: &'static str, value: f64, unit: &'static str) -> Figure {
    Figure { what, value, unit, who: "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(setups_ms: &[u64], sent: u32, heard: u32) -> Round {
        let cpu = Cpu { all: Duration::from_millis(8), ..Cpu::default() };
        let call = |ms: &u64| Called { setup: Duration::from_millis(*ms), sent, heard };
        Round { calls: setups_ms.iter().map(call).collect(), failures: 0, seconds: 2.0, cpu }
    }

    #[test]
    fn figures_are_made_of_what_was_seen() {
        let round = round(&[40, 10, 30, 20], 100, 75);
        assert_eq!((round.rate(), round.us_of(|cpu| cpu.all)), (2.0, 2000.0));
        assert_eq!((round.setup_ms(0.5), round.setup_ms(0.99)), (30.0, 40.0));
        assert!((round.lost_audio() - 0.25).abs() < 1e-9);
        assert_eq!(self::round(&[1], 0, 0).lost_audio(), 0.0);
    }
}
