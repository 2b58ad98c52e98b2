//! What a party heard, as a WAV file: 8 kHz, mono, 16 bits.

use super::codec::SAMPLE_RATE;
use std::io::{Seek, Write};

pub struct Recorder<W: Write + Seek>(hound::WavWriter<W>);

impl<W: Write + Seek> Recorder<W> {
    pub fn new(file: W) -> Result<Self, hound::Error> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        hound::WavWriter::new(file, spec).map(Self)
    }

    pub fn record(&mut self, samples: &[i16]) -> Result<(), hound::Error> {
        samples.iter().try_for_each(|sample| self.0.write_sample(*sample))
    }

    /// Writes the lengths into the header.
    pub fn finish(self) -> Result<(), hound::Error> {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn what_was_recorded_reads_back() {
        let mut file = Cursor::new(Vec::new());
        let mut recorder = Recorder::new(&mut file).unwrap();
        recorder.record(&[1, -2, 3]).unwrap();
        recorder.finish().unwrap();
        file.set_position(0);
        let read: Result<Vec<i16>, _> = hound::WavReader::new(file).unwrap().into_samples().collect();
        assert_eq!(read.unwrap(), [1, -2, 3]);
    }
}
