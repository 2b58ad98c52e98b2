//! Dual tones: ITU-T Q.23 (the frequencies), G.711 (a full-scale sine is +3.14 dBm0).

use crate::model::Digit;
use std::{f64::consts::TAU, time::Duration};

pub const ROWS_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
pub const COLUMNS_HZ: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// The key at a row and a column of the pad; `None` outside it.
pub fn key_at(row: usize, column: usize) -> Option<Digit> {
    let face = KEYPAD.get(row)?.get(column)?;
    Digit::try_from(char::from(*face)).ok()
}

/// The row and the column frequency of a key.
pub fn frequencies(digit: Digit) -> [f64; 2] {
    let place = KEYPAD.iter().flatten().position(|face| char::from(*face) == digit.as_char()).unwrap_or_default();
    [ROWS_HZ[place / 4], COLUMNS_HZ[place % 4]]
}

/// The samples of a key press, both tones at `level_dbm0` each.
pub fn key_press(digit: Digit, level_dbm0: f64, duration: Duration, rate_hz: u32) -> Vec<i16> {
    tones(&frequencies(digit), level_dbm0, duration, rate_hz)
}

/// Sines sounding together, each at `level_dbm0`; clipped where they do not fit.
fn tones(frequencies_hz: &[f64], level_dbm0: f64, duration: Duration, rate_hz: u32) -> Vec<i16> {
    let rate = f64::from(rate_hz);
    let peak = peak(level_dbm0);
    let count = (duration.as_secs_f64() * rate).round() as usize;
    let sample = |n: usize| {
        let turns = n as f64 / rate;
        let sum: f64 = frequencies_hz.iter().map(|hz| (TAU * hz * turns).sin()).sum();
        (peak * sum).round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
    };
    (0..count).map(sample).collect()
}

/// The peak of a sine at this level, in steps of a 16-bit sample.
fn peak(level_dbm0: f64) -> f64 {
    f64::from(i16::MAX) * 10f64.powf((level_dbm0 - FULL_SCALE_DBM0) / 20.0)
}

const KEYPAD: [[u8; 4]; 4] = [*b"123A", *b"456B", *b"789C", *b"*0#D"];
#[expect(clippy::approx_constant, reason = "a level that happens to look like π")]
const FULL_SCALE_DBM0: f64 = 3.14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_at_its_row_and_column() {
        for code in 0..16 {
            let digit = Digit::from_event_code(code).unwrap();
            let [low, high] = frequencies(digit);
            let row = ROWS_HZ.iter().position(|hz| *hz == low).unwrap();
            let column = COLUMNS_HZ.iter().position(|hz| *hz == high).unwrap();
            assert!(key_at(row, column) == Some(digit));
        }
        assert!(key_at(4, 0).is_none());
        assert!(key_at(0, 4).is_none());
    }

    #[test]
    fn a_press_has_its_length_and_its_level() {
        let samples = key_press(Digit::HASH, -6.0, Duration::from_millis(40), 8000);
        assert_eq!(samples.len(), 320);
        let loudest = samples.iter().map(|sample| f64::from(sample.unsigned_abs())).fold(0.0, f64::max);
        assert!(loudest > peak(-6.0) && loudest <= 2.0 * peak(-6.0) + 1.0);
    }

    #[test]
    fn what_does_not_fit_is_clipped() {
        let samples = key_press(Digit::STAR, 20.0, Duration::from_millis(20), 8000);
        assert!(samples.contains(&i16::MAX) && samples.contains(&i16::MIN));
    }
}
