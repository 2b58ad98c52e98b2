//! What may become a press, and when it is worth judging: that is dear, and in speech and song mostly in vain.

use super::{
    inband::Past,
    judge::{self, Key, Refusal},
};

#[derive(Default)]
pub struct Suspect {
    key: Option<Key>,
    /// For so many hops now.
    hops: u32,
    /// It is judged again when it has lasted for so many,
    due_hops: u32,
    /// or when its fullness falls below this.
    due_fullness: f32,
    /// All that sounds now, as a part of its two tones.
    fullness: f32,
    /// For so many hops it has outweighed all else.
    bare_hops: u32,
}

impl Suspect {
    pub fn watch(&mut self, past: &Past, key: Option<Key>) {
        let fullness = key.map(|key| judge::fullness(past, key));
        let bare = fullness.is_some_and(|fullness| fullness <= BARE);
        let bare_hops = if bare { self.bare_hops.saturating_add(1) } else { 0 };
        if self.key == key {
            self.hops = self.hops.saturating_add(1);
        } else {
            *self = Self { key, ..Self::default() };
        }
        self.bare_hops = bare_hops;
        self.fullness = fullness.unwrap_or_default();
    }

    /// Whether it has outweighed all else for long enough to be taken for a key by somebody.
    pub fn is_bare(&self) -> bool {
        self.bare_hops >= BARE_HOPS
    }

    /// The key that is to be judged now.
    pub fn due(&self) -> Option<Key> {
        self.key.filter(|_| self.hops >= self.due_hops || self.fullness < self.due_fullness)
    }

    /// What was refused for long is looked at less often; what is in company that no case bears, hardly, unless some of that goes.
    pub fn refuse(&mut self, refusal: Refusal) {
        let promptly = self.hops < PROMPTLY_HOPS;
        let (wait_hops, fall) = match refusal {
            Refusal::NotYet => (if promptly { 1 } else { SELDOM_HOPS }, f32::INFINITY),
            Refusal::UnlessGone(excess) => {
                let wait_hops = if promptly { HARDLY_HOPS.max(self.hops / 2) } else { RARELY_HOPS };
                (wait_hops, (GONE * excess).min(CHANGED * self.fullness))
            }
        };
        self.due_hops = self.hops.saturating_add(wait_hops);
        self.due_fullness = self.fullness - fall;
    }
}

/// 50 ms, about as long as the shortest keys last: so long every hop is judged. Rows: white and pink noise.
const PROMPTLY_HOPS: u32 = 10;
/// 20 ms: so often what has sounded for longer. More often costs more and finds no more. Rows: channels, prompt leak.
const SELDOM_HOPS: u32 = 4;
/// 10 ms, or half as long as it has lasted: so often, of the first 50, what no case bears. More seldom misses keys of which frames
/// were repeated. Rows: noise, frames repeated.
const HARDLY_HOPS: u32 = 2;
/// 160 ms: so often what no case bears and has sounded for longer. Row: channels.
const RARELY_HOPS: u32 = 32;
/// This part of what is too much goes before it is worth a look: what is looked at trails what sounds. Rows: channels, noise.
const GONE: f32 = 0.7;
/// A tenth less in all is another sound, however much too much there was. Row: frames repeated.
const CHANGED: f32 = 0.1;
/// 15 ms behind the first window of 20: no receiver is sure so soon. Fewer hide more of what is said: docs/dtmf.md.
const BARE_HOPS: u32 = 3;
/// All that sounds is at most so much of the two tones, which are three fifths of it then. Common receivers ask for four fifths.
const BARE: f32 = 5.0 / 3.0;
