//! From evidence to presses: when a key is let go, and which press is only the echo of another.

use super::{
    inband::Past,
    judge::{self, Key, Sound},
    tone,
};
use crate::model::Digit;

#[derive(Default)]
pub struct Presses {
    last: Option<Press>,
    /// Of which it is not known yet whether the key sounded on.
    lost_hops: u32,
}

/// The last press as it sounded of late, and how long it has not been heard.
struct Press {
    sound: Sound,
    held: bool,
    silent_hops: u32,
}

impl Presses {
    /// The key that is still held after the newest hop, which holds most of `strongest`.
    pub fn hold(&mut self, past: &Past, strongest: Option<Key>) -> Option<Key> {
        let lost = std::mem::take(&mut self.lost_hops);
        let press = self.last.as_mut()?;
        let (key, sound) = (press.sound.key, &mut press.sound);
        let lengths = |ago: usize| [past.bins(ago).at(key.low).length(), past.bins(ago).at(key.high).length()];
        let parts = |ago: usize| lengths(ago).into_iter().zip([sound.low, sound.high]).map(|(now, full)| now / full);
        // A codec lets one of two clear tones sink, and a prompt comes near to tones that both sound on.
        let sounds = if strongest == Some(key) {
            parts(0).any(|part| part >= PRESENT)
        } else {
            parts(0).chain(parts(1)).all(|part| part >= UNBROKEN) && judge::leads(past, key)
        };
        if press.held && sounds {
            let [low, high] = lengths(0);
            sound.low += FOLLOW * (low - sound.low);
            sound.high += FOLLOW * (high - sound.high);
            press.silent_hops = 0;
        } else {
            press.silent_hops = press.silent_hops.saturating_add(lost).saturating_add(1);
        }
        press.held &= press.silent_hops < RELEASE_HOPS;
        press.held.then_some(key)
    }

    /// So many hops did not come: the key sounded in them if it does after them.
    pub fn lost(&mut self, hops: u32) {
        self.lost_hops = self.lost_hops.saturating_add(hops);
    }

    pub fn is_held(&self) -> bool {
        self.last.as_ref().is_some_and(|press| press.held)
    }

    /// A key that is evident: its digit, unless it is an echo.
    pub fn begin(&mut self, sound: Sound) -> Option<Digit> {
        if self.last.as_ref().is_some_and(|press| press.echoes(&sound)) {
            return None;
        }
        let digit = tone::key_at(sound.key.low, sound.key.high - 4);
        self.last = Some(Press { sound, held: true, silent_hops: 0 });
        digit
    }
}

impl Press {
    fn echoes(&self, sound: &Sound) -> bool {
        let weaker = sound.low.max(sound.high) <= ECHO * self.sound.low.max(self.sound.high);
        sound.key == self.sound.key && self.silent_hops <= ECHO_HOPS && weaker
    }
}

/// A tone is there while it has this part of its length: −8 dB. Row: flutter.
const PRESENT: f32 = 0.4;
/// Both are while they have this part of it, more than a window holds in which they end halfway: −4.4 dB. Rows: prompt leak, frames lost.
const UNBROKEN: f32 = 0.6;
/// An eighth of the way in each hop, 40 ms: so fast a press takes the length that its tones have. Codecs let some begin three times
/// as strong, and the next press is no echo of that. Row: GSM.
const FOLLOW: f32 = 0.125;
/// 35 ms: a lost frame of 20 ms does not part a press, a pause of 40 ms does. Rows: pause, interruption, one lost frame.
const RELEASE_HOPS: u32 = 7;
/// −8 dB. Rows: echo short and long.
const ECHO: f32 = 0.4;
/// 200 ms, and 30 ms until the echo is evident. Row: echo long.
const ECHO_HOPS: u32 = 46;
