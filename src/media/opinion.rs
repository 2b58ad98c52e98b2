//! What people would think of a stream: the E-model of ITU-T G.107, with its defaults for all that a network cannot know.
//!
//! R = 93.2 − Id − Ie,eff. The effect of delay is the usual approximation of G.107's curve (R. G. Cole, J. H. Rosenbluth,
//! "Voice over IP performance monitoring", 2001); loss is taken as random. The scale is that of narrow-band telephony, also
//! for wide-band codecs: comparable, and never above 4.41.

use crate::model::Mos;
use std::time::Duration;

/// R of a connection whose parameters all have their default values (G.107 §7.7).
const BEST: f64 = 93.2;

/// Robustness against packet loss (Bpl) of G.711 with concealment (G.113 Appendix I): today's phones conceal.
const LOSS_ROBUSTNESS: f64 = 25.1;

/// The audio of one packet waits until it is full.
const PACKET_MS: f64 = 20.0;

/// A jitter buffer holds about twice the mean jitter.
const BUFFERED_JITTERS: f64 = 2.0;

/// From here on, delay disturbs the conversation itself, in milliseconds.
const DISTURBING_MS: f64 = 177.3;

/// `loss` is a ratio from 0 to 1; an unknown round trip counts as none.
pub fn opinion(loss: f64, jitter: Duration, round_trip: Option<Duration>) -> Mos {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let network_ms = round_trip.map_or(0.0, milliseconds) / 2.0;
    let delay_ms = network_ms + PACKET_MS + BUFFERED_JITTERS * milliseconds(jitter);
    let delay = 0.024 * delay_ms + 0.11 * (delay_ms - DISTURBING_MS).max(0.0);
    let percent = 100.0 * loss.clamp(0.0, 1.0);
    let equipment = 95.0 * percent / (percent + LOSS_ROBUSTNESS);
    let hundredths = 100.0 * mos_of(BEST - delay - equipment);
    // A float becomes an integer without wrapping.
    Mos::from_hundredths(hundredths.round() as u16)
}

/// G.107 Annex B.
fn mos_of(r: f64) -> f64 {
    match r {
        r if r <= 0.0 => 1.0,
        r if r >= 100.0 => 4.5,
        r => 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(loss: f64, jitter_ms: u64, round_trip_ms: u64) -> u16 {
        opinion(loss, Duration::from_millis(jitter_ms), Some(Duration::from_millis(round_trip_ms))).hundredths()
    }

    /// The points of G.107 Annex B, Table B.1.
    #[test]
    fn ratings_become_opinions_as_the_recommendation_has_them() {
        for (r, mos) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos_of(r) - mos).abs() < 0.01, "{r}: {}", mos_of(r));
        }
    }

    #[test]
    fn a_clean_line_is_good_and_what_harms_it_counts() {
        assert_eq!(of(0.0, 0, 0), 440);
        assert!((420..440).contains(&of(0.01, 0, 0)), "{}", of(0.01, 0, 0));
        assert!((250..350).contains(&of(0.10, 0, 0)), "{}", of(0.10, 0, 0));
        assert!(of(0.0, 0, 800) < 350, "{}", of(0.0, 0, 800));
        assert_eq!(of(1.0, 1000, 60_000), 100);
    }

    proptest! {
        #[test]
        fn more_harm_is_never_a_better_opinion(loss in 0.0..1.0, more in 0.0..1.0, jitter in 0u64..500, trip in 0u64..3000) {
            prop_assert!(of(loss + more, jitter, trip) <= of(loss, jitter, trip));
            prop_assert!(of(loss, jitter + 10, trip + 10) <= of(loss, jitter, trip));
        }
    }
}
