//! Eight correlators side by side: how strong each frequency of a keypad is, and at which phase, every 5 ms.
//!
//! A window is 10 ms under a Hann curve and the next begins 5 ms later, so that the curves add up to one: the lengths
//! that a tone reaches in its windows, added up, are how long it sounded. A window is folded at its centre (a cosine
//! sees the even half only, a sine the odd one), which halves the work, and the sixteen sums run side by side, which
//! lets the compiler make vectors of them.

use super::tone;
use std::{f64::consts::TAU, sync::LazyLock};

pub const RATE: f32 = 8000.0;
pub const HOP: usize = 40;
pub const WINDOW: usize = 2 * HOP;
pub const TONES: usize = 8;

/// What one window holds of each frequency, rows first. A sine of peak p has a length of p, and keeps its angle from
/// window to window when it stands exactly on the frequency.
#[derive(Clone, Copy, Default)]
pub struct Bins {
    pub re: [f32; TONES],
    pub im: [f32; TONES],
}

impl Bins {
    pub fn at(&self, tone: usize) -> Complex {
        Complex { re: self.re[tone], im: self.im[tone] }
    }

    /// As they would be one hop later, had each tone gone on turning as it did since `before`.
    pub fn carried_on(&self, before: &Self) -> Self {
        self.turned(&self.turn_since(before))
    }

    /// How far each tone has turned since `before`, as a number of length one.
    pub fn turn_since(&self, before: &Self) -> Self {
        let mut turn = Self::default();
        for tone in 0..TONES {
            let angle = self.at(tone).turn_since(before.at(tone));
            (turn.im[tone], turn.re[tone]) = angle.sin_cos();
        }
        turn
    }

    pub fn turned(&self, by: &Self) -> Self {
        let mut turned = Self::default();
        for tone in 0..TONES {
            turned.re[tone] = self.re[tone] * by.re[tone] - self.im[tone] * by.im[tone];
            turned.im[tone] = self.re[tone] * by.im[tone] + self.im[tone] * by.re[tone];
        }
        turned
    }
}

#[derive(Clone, Copy)]
pub struct Complex {
    pub re: f32,
    pub im: f32,
}

impl Complex {
    pub fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }

    pub fn length(self) -> f32 {
        self.power().sqrt()
    }

    /// How far it has turned since `before`, in radians.
    pub fn turn_since(self, before: Self) -> f32 {
        let re = self.re * before.re + self.im * before.im;
        let im = self.im * before.re - self.re * before.im;
        im.atan2(re)
    }
}

/// The frequency of a tone, rows first.
pub fn hz(tone: usize) -> f32 {
    BANK.hz[tone]
}

/// Correlates one window, the `hop`th of its stream.
pub fn correlate(window: &[f32; WINDOW], hop: usize) -> Bins {
    let bank = &*BANK;
    let (mut even, mut odd) = ([0f32; HOP], [0f32; HOP]);
    for n in 0..HOP {
        let (after, before) = (window[HOP + n], window[HOP - 1 - n]);
        (even[n], odd[n]) = (after + before, after - before);
    }
    let mut sums = [0f32; 2 * TONES];
    for ((even, odd), Wave(wave)) in even.iter().zip(&odd).zip(&bank.waves) {
        for tone in 0..TONES {
            sums[tone] += even * wave[tone];
            sums[TONES + tone] += odd * wave[TONES + tone];
        }
    }
    let mut bins = Bins::default();
    bins.re.copy_from_slice(&sums[..TONES]);
    bins.im.copy_from_slice(&sums[TONES..]);
    bins.turned(&bank.turns[hop % HOPS_PER_SECOND])
}

/// A whole number of hertz turns a whole number of times in a second: then the table of turns begins again.
pub const HOPS_PER_SECOND: usize = RATE as usize / HOP;

struct Bank {
    hz: [f32; TONES],
    /// For each distance from the centre.
    waves: [Wave; HOP],
    /// Takes back what each frequency turns by itself in so many hops.
    turns: [Bins; HOPS_PER_SECOND],
}

/// Eight cosines, then eight negative sines, under the curve; aligned as vectors are.
#[repr(align(16))]
struct Wave([f32; 2 * TONES]);

static BANK: LazyLock<Bank> = LazyLock::new(|| {
    let hz = |tone: usize| if tone < 4 { tone::ROWS_HZ[tone] } else { tone::COLUMNS_HZ[tone - 4] };
    let wave = |n: usize| {
        let distance = n as f64 + 0.5;
        let height = (1.0 + (TAU * distance / WINDOW as f64).cos()) / HOP as f64;
        Wave(std::array::from_fn(|lane| {
            let (sin, cos) = (TAU * hz(lane % TONES) * distance / f64::from(RATE)).sin_cos();
            (height * if lane < TONES { cos } else { -sin }) as f32
        }))
    };
    let turn = |n: usize| {
        let angle = |tone: usize| -TAU * (hz(tone) * (n * HOP) as f64 / f64::from(RATE)).fract();
        Bins {
            re: std::array::from_fn(|tone| angle(tone).cos() as f32),
            im: std::array::from_fn(|tone| angle(tone).sin() as f32),
        }
    };
    Bank {
        hz: std::array::from_fn(|tone| hz(tone) as f32),
        waves: std::array::from_fn(wave),
        turns: std::array::from_fn(turn),
    }
});
