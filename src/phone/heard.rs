use crate::media::codec::SAMPLE_RATE;
use std::time::Instant;

/// What is kept of one call; what comes later is not.
pub const MAX_HEARD_SECONDS: usize = 15 * 60;
const MAX_SAMPLES: usize = MAX_HEARD_SECONDS * SAMPLE_RATE as usize;
/// A timestamp that leaps further than this begins a new stream.
const MAX_LEAP_SAMPLES: i64 = 10 * SAMPLE_RATE as i64;

/// What came from the peer since the call's media was opened: each stream begins where its first packet arrived, and
/// lies by its RTP timestamps from there.
pub struct Heard {
    opened: Instant,
    samples: Vec<i16>,
    stream: Option<Stream>,
}

struct Stream {
    ssrc: u32,
    /// Units of the timestamp in a second.
    clock_rate: u32,
    /// The timestamp that belongs to `index`.
    timestamp: u32,
    index: usize,
}

impl Heard {
    pub fn new(opened: Instant) -> Self {
        Self { opened, samples: Vec::new(), stream: None }
    }

    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    pub fn put(&mut self, now: Instant, ssrc: u32, timestamp: u32, clock_rate: u32, samples: &[i16]) {
        let Some(at) = self.place(now, ssrc, timestamp, clock_rate) else { return };
        let end = (at + samples.len()).min(MAX_SAMPLES);
        if at >= end {
            return;
        }
        if self.samples.len() < end {
            self.samples.resize(end, 0);
        }
        for (slot, sample) in self.samples[at..end].iter_mut().zip(samples) {
            *slot = *sample;
        }
    }

    fn place(&mut self, now: Instant, ssrc: u32, timestamp: u32, clock_rate: u32) -> Option<usize> {
        let same = |stream: &&mut Stream| (stream.ssrc, stream.clock_rate) == (ssrc, clock_rate);
        if let Some(stream) = self.stream.as_mut().filter(same) {
            let leap = i64::from(timestamp.wrapping_sub(stream.timestamp) as i32);
            let leap = leap * i64::from(SAMPLE_RATE) / i64::from(clock_rate.max(1));
            if leap.abs() <= MAX_LEAP_SAMPLES {
                let at = usize::try_from(i64::try_from(stream.index).ok()? + leap).ok()?;
                if leap > 0 {
                    (stream.timestamp, stream.index) = (timestamp, at);
                }
                return Some(at);
            }
        }
        let elapsed = now.saturating_duration_since(self.opened);
        let index = (elapsed.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
        self.stream = Some(Stream { ssrc, clock_rate, timestamp, index });
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an anchor for virtual time")]
        Instant::now()
    }

    #[test]
    fn packets_lie_where_their_timestamps_say() {
        let now = start();
        let mut heard = Heard::new(now);
        let later = now + Duration::from_millis(1);
        heard.put(later, 1, u32::MAX - 1, SAMPLE_RATE, &[1, 2]);
        heard.put(later, 1, 2, SAMPLE_RATE, &[5, 6]);
        heard.put(later, 1, 0, SAMPLE_RATE, &[3, 4]);
        assert_eq!(heard.samples()[8..], [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn another_stream_begins_where_it_arrived() {
        let now = start();
        let mut heard = Heard::new(now);
        heard.put(now, 1, 500, SAMPLE_RATE, &[1]);
        heard.put(now + Duration::from_millis(2), 2, 70_000, SAMPLE_RATE, &[2]);
        assert_eq!((heard.samples().len(), heard.samples()[16]), (17, 2));
    }

    #[test]
    fn no_timestamp_makes_it_grow_beyond_its_bound() {
        let now = start();
        let mut heard = Heard::new(now);
        for step in 0..200_u32 {
            heard.put(now, 1, step.wrapping_mul(MAX_LEAP_SAMPLES as u32), SAMPLE_RATE, &[1; 160]);
        }
        assert!(heard.samples().len() <= MAX_SAMPLES);
        heard.put(now, 1, 0, SAMPLE_RATE, &[1; 160]);
    }
}
