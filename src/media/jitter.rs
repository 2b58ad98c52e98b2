//! The jitter ring of one source: packets in as they come, 20 ms frames out as the mixer's clock asks.
//!
//! Samples lie at their position in the stream, so a packet of any ptime fits and order does not matter. Play-out follows as
//! closely as the stream allows (at most 25 ms behind an even one of 20 ms). A hole is concealed by what went before, fading; a
//! packet that comes after its turn turns play-out back over what was only filling, so it is heard and the delay has
//! grown by as much. Delay that is never used is given back, a frame at a time. Read RFC 3550 §6.4.1 for the terms.

use super::{conceal::Concealer, rate::Rate};
use std::time::{Duration, Instant};

/// How far ahead of play-out a packet may lie; what lies further restarts the ring.
pub const MAX_JITTER_FRAMES: usize = 12;
/// How long the first packet waits before it is played, when packets fit into frames evenly.
const LEAD: Duration = Duration::from_millis(5);
/// Frames that are concealed, fading, before a source counts as silent.
const CONCEALED_FRAMES: u32 = 3;
/// The most delay that is kept in hand against late packets.
const MAX_MARGIN_FRAMES: u32 = 6;
/// Play-out is shortened when this many frames in a row had samples to spare.
const SPARE_WINDOW: u32 = 50;
/// One frame of margin is given up when no packet was late for this many frames.
const MARGIN_WINDOW: u32 = 500;
/// Over how many samples a shortened stream is joined.
const JOIN_SAMPLES: usize = 40;
/// A packet this many frames older than play-out is a restart of the sender, not a late packet.
const MAX_LATE_FRAMES: u32 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing to play; the next packet begins a talk spurt.
    Idle,
    Waiting {
        until: Instant,
    },
    Playing,
}

pub struct Ring {
    rate: Rate,
    state: State,
    ssrc: u32,
    samples: Box<[i16]>,
    filled: Box<[bool]>,
    /// Of the next sample to play.
    position: u32,
    /// After the last sample that came.
    end: u32,
    concealer: Concealer,
    /// Samples just before `position` that were filling, not heard.
    made_up: u32,
    silent_frames: u32,
    margin: u32,
    spare: Spare,
    frames_since_late: u32,
    join: Option<[i16; JOIN_SAMPLES]>,
}

/// The least number of samples left over after a frame was taken, within the present window.
#[derive(Clone, Copy)]
struct Spare {
    frames: u32,
    least: u32,
}

impl Spare {
    const NEW: Spare = Spare { frames: 0, least: u32::MAX };
}

impl Ring {
    pub fn new(rate: Rate) -> Self {
        // A power of two, so that a position finds its place across the 32-bit wrap.
        let capacity = (MAX_JITTER_FRAMES * rate.frame_samples()).next_power_of_two();
        Self {
            rate,
            state: State::Idle,
            ssrc: 0,
            samples: vec![0; capacity].into(),
            filled: vec![false; capacity].into(),
            position: 0,
            end: 0,
            concealer: Concealer::new(rate),
            made_up: 0,
            silent_frames: 0,
            margin: 0,
            spare: Spare::NEW,
            frames_since_late: 0,
            join: None,
        }
    }

    pub fn put(&mut self, now: Instant, ssrc: u32, position: u32, samples: &[i16]) {
        let samples = samples.get(..MAX_JITTER_FRAMES * self.rate.frame_samples()).unwrap_or(samples);
        if self.state == State::Idle || ssrc != self.ssrc || self.is_far(position, samples.len()) {
            self.restart(now + lead(self.rate, samples.len()), ssrc, position);
        }
        if is_before(position, self.position) {
            self.turn_back(position);
        }
        let end = position.wrapping_add(samples.len() as u32);
        for (sample, at) in samples.iter().zip(0..).map(|(sample, n)| (sample, position.wrapping_add(n))) {
            if !is_before(at, self.position) {
                let place = self.place(at);
                self.samples[place] = *sample;
                self.filled[place] = true;
            }
        }
        if is_before(self.end, end) {
            self.end = end;
        }
    }

    /// The next frame and the position of its first sample; `None` while the source is silent or just begins.
    pub fn take(&mut self, now: Instant, frame: &mut [i16]) -> Option<u32> {
        match self.state {
            State::Idle => return None,
            State::Waiting { until } if now < until => return None,
            State::Waiting { .. } | State::Playing => self.state = State::Playing,
        }
        let at = self.position;
        let heard = self.play(frame);
        if self.silent_frames > CONCEALED_FRAMES {
            self.state = State::Idle;
            return None;
        }
        if heard {
            self.watch_delay();
        }
        Some(at)
    }

    /// What `take` will hand out next: the first sample nobody has heard, and the end of what has come.
    pub fn waiting(&self) -> Option<(u32, u32)> {
        let from = self.position.wrapping_sub(self.made_up);
        (self.state != State::Idle).then_some((from, if is_before(self.end, from) { from } else { self.end }))
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Copies samples that wait, without taking them; `false` when one of them has not come.
    pub fn peek(&self, position: u32, samples: &mut [i16]) -> bool {
        let mut whole = true;
        for (sample, n) in samples.iter_mut().zip(0..) {
            let at = position.wrapping_add(n);
            whole &= self.filled[self.place(at)] && !is_before(at, self.position);
            *sample = self.samples[self.place(at)];
        }
        whole
    }

    fn frame(&self) -> u32 {
        self.rate.frame_samples() as u32
    }

    fn place(&self, position: u32) -> usize {
        position as usize % self.samples.len()
    }

    fn level(&self) -> u32 {
        if is_before(self.end, self.position) { 0 } else { self.end.wrapping_sub(self.position) }
    }

    fn is_far(&self, position: u32, samples: usize) -> bool {
        if is_before(position, self.position) {
            return self.position.wrapping_sub(position) > MAX_LATE_FRAMES * self.frame();
        }
        position.wrapping_sub(self.position) as usize + samples > MAX_JITTER_FRAMES * self.rate.frame_samples()
    }

    fn restart(&mut self, until: Instant, ssrc: u32, position: u32) {
        let margin = if ssrc == self.ssrc { self.margin } else { 0 };
        self.filled.fill(false);
        self.concealer.restart();
        self.state = State::Waiting { until };
        (self.ssrc, self.position, self.end) = (ssrc, position, position);
        (self.made_up, self.silent_frames, self.margin, self.frames_since_late) = (0, 0, margin, 0);
        self.spare = Spare::NEW;
        self.join = None;
    }

    /// A packet came after its turn: when nothing real was played since, play it now and stay that much further behind.
    fn turn_back(&mut self, position: u32) {
        let late_by = self.position.wrapping_sub(position);
        match self.state {
            State::Waiting { .. } if late_by <= 3 * self.frame() => self.position = position,
            State::Playing if late_by <= self.made_up => {
                self.position = position;
                self.made_up -= late_by;
                self.margin = (self.margin + late_by).min(MAX_MARGIN_FRAMES * self.frame());
                self.frames_since_late = 0;
                self.spare = Spare::NEW;
            }
            State::Idle | State::Waiting { .. } | State::Playing => {}
        }
    }

    /// Fills `frame` and moves on; `true` when some of it had really come.
    fn play(&mut self, frame: &mut [i16]) -> bool {
        let mut missing_at_end = 0;
        for (n, sample) in frame.iter_mut().enumerate() {
            let at = self.place(self.position.wrapping_add(n as u32));
            let heard = std::mem::take(&mut self.filled[at]).then_some(self.samples[at]);
            missing_at_end = if heard.is_some() { 0 } else { missing_at_end + 1 };
            *sample = self.concealer.next(heard);
        }
        if let Some(before) = self.join.take() {
            cross_fade(&before, frame);
        }
        self.position = self.position.wrapping_add(self.frame());
        if missing_at_end == self.frame() {
            self.silent_frames += 1;
            self.made_up += missing_at_end;
            return false;
        }
        self.silent_frames = 0;
        self.made_up = missing_at_end;
        true
    }

    fn watch_delay(&mut self) {
        self.frames_since_late += 1;
        if self.frames_since_late >= MARGIN_WINDOW {
            self.frames_since_late = 0;
            self.margin = self.margin.saturating_sub(self.frame());
        }
        self.spare.frames += 1;
        self.spare.least = self.spare.least.min(self.level());
        if self.spare.frames >= SPARE_WINDOW {
            let unused = self.spare.least.saturating_sub(self.margin);
            self.spare = Spare::NEW;
            self.skip(unused - unused % self.frame());
        }
    }

    fn skip(&mut self, samples: u32) {
        if samples == 0 {
            return;
        }
        let mut before = [0; JOIN_SAMPLES];
        self.peek(self.position, &mut before);
        self.join = Some(before);
        for n in 0..samples {
            let place = self.place(self.position.wrapping_add(n));
            self.filled[place] = false;
        }
        self.position = self.position.wrapping_add(samples);
        self.made_up = 0;
    }
}

/// Packets that do not fit into frames evenly (10, 30 ms) come up to so much after the tick that wants their samples.
fn lead(rate: Rate, packet_samples: usize) -> Duration {
    let (mut divisor, mut rest) = (rate.frame_samples(), packet_samples);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    LEAD + Duration::from_secs(1) * (rate.frame_samples() - divisor) as u32 / rate.hz()
}

fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

fn cross_fade(before: &[i16; JOIN_SAMPLES], frame: &mut [i16]) {
    for (n, (old, new)) in before.iter().zip(frame).enumerate() {
        let weight = n as i32;
        let length = JOIN_SAMPLES as i32;
        *new = ((i32::from(*old) * (length - weight) + i32::from(*new) * weight) / length) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::{FRAME_SAMPLES, Frame, SILENT_FRAME};
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    /// At most so much after a hole is blended with what covered it.
    const BLENDED_SAMPLES: usize = 80;

    /// A ring, its clock, and a sender whose every sample is its own number, so that what was heard tells its story.
    struct Rig {
        ring: Ring,
        start: Instant,
        heard: Vec<Option<Frame>>,
    }

    impl Rig {
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        fn new() -> Self {
            Self { ring: Ring::new(Rate::Narrow), start: Instant::now(), heard: Vec::new() }
        }

        fn put(&mut self, at_us: u64, timestamp: u32, length: u32) {
            let samples: Vec<i16> = (0..length).map(|n| number(timestamp.wrapping_add(n))).collect();
            self.ring.put(self.start + Duration::from_micros(at_us), 1, timestamp, &samples);
        }

        fn take(&mut self, at_us: u64) {
            let mut frame = SILENT_FRAME;
            let taken = self.ring.take(self.start + Duration::from_micros(at_us), &mut frame);
            self.heard.push(taken.map(|_| frame));
        }

        /// Packets and ticks in order of time; a packet that comes with a tick comes first.
        fn run(&mut self, packets: &[(u64, u32, u32)], ticks: u64) {
            let mut packets = packets.to_vec();
            packets.sort_by_key(|packet| packet.0);
            let mut waiting = packets.into_iter().peekable();
            for tick in 0..ticks {
                let tick_us = tick * 20_000 + 7_000;
                while let Some((at, timestamp, length)) = waiting.next_if(|packet| packet.0 <= tick_us) {
                    self.put(at, timestamp, length);
                }
                self.take(tick_us);
            }
        }

        fn samples(&self) -> Vec<i16> {
            self.heard.iter().flatten().flatten().copied().collect()
        }

        fn breaks(&self) -> usize {
            self.samples().windows(2).filter(|pair| pair[1] != pair[0].wrapping_add(1) && pair[1] != 1).count()
        }
    }

    /// Never zero, wraps from 30 000 to 1.
    fn number(timestamp: u32) -> i16 {
        (timestamp % 30_000) as i16 + 1
    }

    fn even(count: u64, ptime_ms: u64) -> Vec<(u64, u32, u32)> {
        (0..count).map(|n| (n * ptime_ms * 1000, (n * ptime_ms * 8) as u32, (ptime_ms * 8) as u32)).collect()
    }

    #[test]
    fn an_even_stream_comes_out_whole_and_at_most_25_ms_late() {
        let mut rig = Rig::new();
        rig.run(&even(100, 20), 100);
        assert!(rig.heard[0].is_some() && rig.breaks() == 0);
        assert_eq!(rig.samples().len(), 16_000);
    }

    #[test]
    fn packets_of_any_length_are_cut_into_frames() {
        for ptime_ms in [10, 20, 30, 40, 60] {
            let mut rig = Rig::new();
            let count = 3000 / ptime_ms;
            rig.run(&even(count, ptime_ms), 150);
            assert_eq!(rig.breaks(), 0, "{ptime_ms} ms");
            assert!(rig.samples().len() >= 148 * FRAME_SAMPLES);
        }
    }

    #[test]
    fn packets_in_the_wrong_order_are_heard_in_the_right_one() {
        let mut rig = Rig::new();
        let mut packets = even(20, 20);
        packets.iter_mut().for_each(|packet| packet.0 /= 4);
        packets[..12].chunks_mut(2).for_each(|pair| {
            let time = pair[0].0;
            pair[0].0 = pair[1].0;
            pair[1].0 = time;
        });
        rig.run(&packets[..10], 10);
        assert_eq!(rig.breaks(), 0);
        assert_eq!(rig.samples()[..1600], (1..=1600).collect::<Vec<i16>>());
    }

    #[test]
    fn a_lost_packet_is_covered_and_the_rest_keeps_its_time() {
        let mut rig = Rig::new();
        let mut packets = even(50, 20);
        packets.remove(20);
        rig.run(&packets, 50);
        let heard = rig.samples();
        assert_eq!(heard.len(), 8000);
        let blended = 21 * 160 + BLENDED_SAMPLES;
        assert_eq!(heard[blended..], (blended as i16 + 1..=8000).collect::<Vec<_>>());
        assert!(heard[20 * 160..21 * 160].iter().any(|sample| *sample != 0), "what went before goes on");
    }

    #[test]
    fn a_late_packet_is_heard_all_the_same_and_later_ones_come_in_time() {
        let mut rig = Rig::new();
        let mut packets = even(100, 20);
        packets.iter_mut().skip(10).for_each(|packet| packet.0 += 15_000);
        rig.run(&packets, 102);
        let heard = rig.samples();
        let once: Vec<i16> = (1..=1600).collect();
        assert_eq!(heard[..1600], once, "before");
        let after = 1760 + BLENDED_SAMPLES;
        let said: Vec<i16> = (1601 + BLENDED_SAMPLES as i16..=7840).collect();
        assert_eq!(heard[after..8000], said, "one frame was put in, nothing lost");
    }

    #[test]
    fn delay_that_is_no_longer_needed_is_given_back() {
        let mut rig = Rig::new();
        let mut packets = even(1000, 20);
        packets[10..20].iter_mut().for_each(|packet| packet.0 += 50_000);
        rig.run(&packets, 1000);
        let (from, to) = rig.ring.waiting().unwrap();
        assert!(to.wrapping_sub(from) <= 320, "{} samples are still waiting", to.wrapping_sub(from));
    }

    #[test]
    fn a_clock_half_a_percent_off_either_way_is_followed_for_minutes() {
        for tick_of_sender_us in [19_900, 20_100] {
            let mut rig = Rig::new();
            let packets: Vec<_> = (0..9000).map(|n| (n * tick_of_sender_us, n as u32 * 160, 160)).collect();
            rig.run(&packets, 8950);
            let drifts = 8950 * 100 / 20_000;
            let samples = rig.samples();
            let even = |frame: &[i16]| frame.windows(2).all(|pair| pair[1] == pair[0] + 1 || pair[1] == 1);
            let uneven = samples.chunks(FRAME_SAMPLES).filter(|frame| !even(frame)).count();
            // What covers a hole, and what is blended after it.
            assert!((drifts / 2..=drifts * 3).contains(&uneven), "{uneven} frames for {drifts} drifts");
            let (from, to) = rig.ring.waiting().unwrap();
            assert!(to.wrapping_sub(from) <= MAX_MARGIN_FRAMES * 160 + 480);
        }
    }

    #[test]
    fn silence_follows_when_nothing_comes_and_speech_returns_at_once() {
        let mut rig = Rig::new();
        let mut packets = even(10, 20);
        packets.extend([(1_000_000, 8000, 160), (1_020_000, 8160, 160)]);
        rig.run(&packets, 53);
        assert!(rig.heard[20].is_none() && rig.heard[49].is_none());
        assert_eq!(rig.heard[50].unwrap()[0], 8001);
    }

    #[test]
    fn a_new_sender_or_a_jump_in_time_begins_anew() {
        let mut rig = Rig::new();
        rig.run(&even(5, 20), 5);
        rig.put(100_000, 4_000_000_000, 160);
        rig.take(107_000);
        assert_eq!(rig.heard.last().unwrap().unwrap()[0], number(4_000_000_000));
        rig.ring.put(rig.start + 120 * MS, 2, 5, &[9; 160]);
        rig.take(127_000);
        assert_eq!(rig.heard.last().unwrap().unwrap(), [9; 160]);
    }

    #[test]
    fn timestamps_wrap_without_a_break() {
        let mut rig = Rig::new();
        let first = u32::MAX - 799;
        let mut samples = Vec::new();
        for n in 0..10u32 {
            let at = rig.start + 20 * MS * n;
            rig.ring.put(at, 1, first.wrapping_add(n * 160), &[n as i16 + 1; 160]);
            let mut frame = SILENT_FRAME;
            assert!(rig.ring.take(at + 7 * MS, &mut frame).is_some());
            samples.push(frame[0]);
        }
        assert_eq!(samples, (1..=10).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic(steps in proptest::collection::vec((any::<u32>(), 0u32..3000, 0usize..700, any::<bool>()), 1..200)) {
            let mut rig = Rig::new();
            let mut now = rig.start;
            for (random, near, length, jump) in steps {
                now += MS * (random % 50);
                let timestamp = if jump { random } else { rig.ring.position.wrapping_add(near).wrapping_sub(1500) };
                rig.ring.put(now, random % 2, timestamp, &vec![1; length]);
                rig.ring.take(now, &mut SILENT_FRAME.clone());
                if let Some((from, to)) = rig.ring.waiting() {
                    prop_assert!(to.wrapping_sub(from) as usize <= (MAX_JITTER_FRAMES + 5) * FRAME_SAMPLES);
                }
            }
        }
    }
}
