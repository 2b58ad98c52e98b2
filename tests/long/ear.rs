//! Listening for dropouts: a tone that never pauses is measured block by block.

use crate::office::LEVEL_DBFS;
use sasayaki::media::tone::level_of;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const RATE: u32 = 8000;
pub const BLOCK_SAMPLES: usize = 800;
const BLOCK: Duration = Duration::from_millis(100);
/// One packet of 20 ms missing in a block takes 1.9 dB from the tone; a slip of its phase takes more.
const DIP_DB: f64 = 1.2;
/// What must not be heard, block by block.
const ABSENT_DBFS: f64 = -50.0;

/// A stretch of what a party heard, and when.
pub struct Stretch {
    pub samples: Vec<i16>,
    pub began: Instant,
    pub ended: Instant,
}

#[derive(Default)]
pub struct Verdict {
    pub blocks: usize,
    /// When, and how loud the tone was there.
    pub dips: Vec<(Instant, f64)>,
}

impl Stretch {
    /// Where the tone of `hz` is not as loud as it was said.
    pub fn dips(&self, hz: f64) -> Verdict {
        let mut verdict = Verdict::default();
        for (number, block) in self.samples.chunks_exact(BLOCK_SAMPLES).enumerate() {
            let level = level_of(hz, RATE, block);
            verdict.blocks += 1;
            if (level - LEVEL_DBFS).abs() > DIP_DB {
                verdict.dips.push((self.began + BLOCK * number as u32, level));
            }
        }
        verdict
    }

    /// How much more was heard than the clock says.
    pub fn drift_ms(&self) -> i64 {
        (self.samples.len() as u64 * 1000 / u64::from(RATE)) as i64 - (self.ended - self.began).as_millis() as i64
    }

    /// The loudest that `hz` gets in any block, when that is too loud for a tone that must be absent.
    pub fn intrusion(&self, hz: f64) -> Option<f64> {
        let levels = self.samples.chunks_exact(BLOCK_SAMPLES).map(|block| level_of(hz, RATE, block));
        Some(levels.fold(f64::MIN, f64::max)).filter(|loudest| *loudest > ABSENT_DBFS)
    }
}

/// A thread that only wants to wake every 5 ms: when it cannot, the machine stood still, and so did every phone here.
pub struct StallWatch {
    stalls: Arc<Mutex<Vec<Instant>>>,
    stop: Arc<AtomicBool>,
}

const WATCH_EVERY: Duration = Duration::from_millis(5);
/// The phones' packets come up to this late without being missed: the engine's jitter ring waits for them.
const STALL: Duration = Duration::from_millis(30);
const NEAR: Duration = Duration::from_millis(400);

impl StallWatch {
    pub fn start() -> Self {
        let (stalls, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let watch = Self { stalls: Arc::clone(&stalls), stop: Arc::clone(&stop) };
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let before = Instant::now();
                thread::sleep(WATCH_EVERY);
                if before.elapsed() > WATCH_EVERY + STALL {
                    stalls.lock().unwrap().push(before);
                }
            }
        });
        watch
    }

    pub fn count(&self) -> usize {
        self.stalls.lock().unwrap().len()
    }

    /// Whether the machine stood still about then.
    pub fn excuses(&self, moment: Instant) -> bool {
        let near = |stall: &Instant| moment.max(*stall) - moment.min(*stall) < NEAR;
        self.stalls.lock().unwrap().iter().any(near)
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn one_missing_packet_is_a_dip_and_a_whole_tone_has_none() {
    let whole = sasayaki::media::tone::sine(440.0, LEVEL_DBFS, RATE, 8000);
    let began = Instant::now();
    let stretch = |samples| Stretch { samples, began, ended: began + Duration::from_secs(1) };
    assert!(stretch(whole.clone()).dips(440.0).dips.is_empty());
    let mut torn = whole.clone();
    torn[1000..1160].fill(0);
    assert_eq!(stretch(torn).dips(440.0).dips.len(), 1);
    assert!(stretch(whole).intrusion(1000.0).is_none());
}
