use super::{
    codec,
    jitter::Ring,
    rate::{AnyFrame, Converter, MAX_FRAME_SAMPLES, Rate},
    rtp::Packet,
    veil::Veil,
};
use crate::model::{Codec, Hearing};
use std::time::Instant;

/// What is heard of one source, frame by frame, by those who mix it; all times are RTP timestamps of the source.
pub(super) struct Ear {
    codec: Codec,
    hearing: Hearing,
    ring: Ring,
    timeline: Timeline,
    frame: AnyFrame,
    /// Takes the keys away, where they are not to be heard.
    veil: Option<Box<Veil>>,
    /// The frame at the other rate, while a listener needs it.
    converted: Option<Box<(Converter, AnyFrame)>>,
    /// The timestamp of the present frame; `None` while silent.
    pub at: Option<u32>,
    listeners: Listeners,
}

/// How many mix a source, at either rate.
#[derive(Clone, Copy, Default)]
struct Listeners {
    narrow: usize,
    wide: usize,
}

impl Ear {
    pub fn new(codec: Codec, hearing: Hearing) -> Self {
        let rate = codec::rate(codec);
        let veil = match hearing {
            Hearing::All => None,
            Hearing::WithoutKeys => Some(Box::new(Veil::new(rate))),
        };
        Self {
            codec,
            hearing,
            ring: Ring::new(rate),
            timeline: Timeline::new(codec),
            frame: [0; MAX_FRAME_SAMPLES],
            veil,
            converted: None,
            at: None,
            listeners: Listeners::default(),
        }
    }

    /// An ear for another codec of the same source.
    pub fn renewed(&self, codec: Codec) -> Self {
        Self { listeners: self.listeners, ..Self::new(codec, self.hearing) }
    }

    pub fn add_listener(&mut self, rate: Rate) {
        *self.listeners.at(rate) += 1;
    }

    /// `true` when nobody is left.
    pub fn remove_listener(&mut self, rate: Rate) -> bool {
        let left = self.listeners.at(rate);
        *left = left.saturating_sub(1);
        self.listeners.narrow + self.listeners.wide == 0
    }

    pub fn put(&mut self, now: Instant, packet: &Packet, samples: &[i16]) {
        let position = self.timeline.position(packet.timestamp);
        self.ring.put(now, packet.ssrc, position, samples);
        self.timeline.follow(packet.timestamp);
    }

    /// `pressed`: the phone is known to hold a key.
    pub fn tick(&mut self, now: Instant, pressed: bool) {
        let rate = codec::rate(self.codec);
        let frame = &mut self.frame[..rate.frame_samples()];
        self.at = self.ring.take(now, frame).map(|position| self.timeline.timestamp(position));
        if let Some(veil) = &mut self.veil {
            self.at = veil.pass(frame, self.at, pressed);
        }
        if self.at.is_none() || *self.listeners.at(rate.other()) == 0 {
            self.converted = None;
            return;
        }
        let begin = || Box::new((Converter::new(rate), [0; MAX_FRAME_SAMPLES]));
        let (converter, converted) = &mut **self.converted.get_or_insert_with(begin);
        *converted = converter.frame(frame);
    }

    /// The present frame, silent or not.
    pub fn frame(&self, rate: Rate) -> &[i16] {
        let frame = match &self.converted {
            Some(converted) if rate != codec::rate(self.codec) => &converted.1,
            Some(_) | None => &self.frame,
        };
        &frame[..rate.frame_samples()]
    }

    pub fn ssrc(&self) -> u32 {
        self.ring.ssrc()
    }

    /// What the next frames will hold: the first moment nobody has heard, and the end of what has come.
    pub fn waiting(&self) -> Option<(u32, u32)> {
        let (from, to) = self.ring.waiting()?;
        Some((self.timeline.timestamp(from), self.timeline.timestamp(to)))
    }

    /// Copies samples that wait, without taking them; `false` when one of them has not come.
    pub fn peek(&self, timestamp: u32, samples: &mut [i16]) -> bool {
        self.ring.peek(self.timeline.position(timestamp), samples)
    }
}

impl Listeners {
    fn at(&mut self, rate: Rate) -> &mut usize {
        match rate {
            Rate::Narrow => &mut self.narrow,
            Rate::Wide => &mut self.wide,
        }
    }
}

/// RTP timestamps as positions of samples and back, near a moment that moves along with the stream: the units differ,
/// and each wraps at 32 bits of its own.
struct Timeline {
    codec: Codec,
    timestamp: u32,
    position: u32,
}

/// A moment that both timestamps and samples can name, in units of either.
struct Step {
    units: i64,
    samples: i64,
}

impl Timeline {
    fn new(codec: Codec) -> Self {
        Self { codec, timestamp: 0, position: 0 }
    }

    fn position(&self, timestamp: u32) -> u32 {
        let Step { units, samples } = self.step();
        let away = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        self.position.wrapping_add((away * samples).div_euclid(units) as u32)
    }

    fn timestamp(&self, position: u32) -> u32 {
        let Step { units, samples } = self.step();
        let away = i64::from(position.wrapping_sub(self.position) as i32);
        self.timestamp.wrapping_add((away * units).div_euclid(samples) as u32)
    }

    /// Moves the moment to the last one before `timestamp` that falls on a sample.
    fn follow(&mut self, timestamp: u32) {
        let Step { units, samples } = self.step();
        let steps = i64::from(timestamp.wrapping_sub(self.timestamp) as i32).div_euclid(units);
        self.timestamp = self.timestamp.wrapping_add((steps * units) as u32);
        self.position = self.position.wrapping_add((steps * samples) as u32);
    }

    fn step(&self) -> Step {
        let (clock, hz) = (self.codec.clock_rate(), codec::rate(self.codec).hz());
        let common = clock.min(hz);
        Step { units: i64::from(clock / common), samples: i64::from(hz / common) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stream_keeps_its_place_across_every_wrap(first in any::<u32>(), leaps in proptest::collection::vec(1u32..400, 1..200)) {
            for codec in Codec::ALL {
                let mut timeline = Timeline::new(codec);
                timeline.follow(first);
                let (begin, base) = (timeline.timestamp, timeline.position);
                let mut units = 0u64;
                for leap in &leaps {
                    // Minutes and hours, in whole packets of 2.5 ms.
                    let leap = u64::from(*leap) * u64::from(codec.clock_rate() / 400) * 200;
                    units += leap;
                    let timestamp = begin.wrapping_add(units as u32);
                    let samples = units * u64::from(codec::rate(codec).hz()) / u64::from(codec.clock_rate());
                    prop_assert_eq!(timeline.position(timestamp), base.wrapping_add(samples as u32));
                    prop_assert_eq!(timeline.timestamp(timeline.position(timestamp)), timestamp);
                    timeline.follow(timestamp);
                }
            }
        }
    }
}
