//! One leg's side of its codec: what its peer says made audible, and what we say made into packets.

use super::{
    codec::{self, Decoder, Encoder},
    rate::{Narrower, Rate},
};
use crate::model::Codec;

pub struct Incoming {
    codec: Codec,
    decoder: Decoder,
    /// The digit receiver hears the telephone band alone.
    narrower: Narrower,
}

impl Incoming {
    pub fn new(codec: Codec) -> Self {
        Self { codec, decoder: Decoder::new(codec), narrower: Narrower::default() }
    }

    pub fn decode<'s>(&mut self, payload: &[u8], samples: &'s mut [i16]) -> &'s [i16] {
        self.decoder.decode(payload, samples)
    }

    /// The same samples at 8 kHz.
    pub fn telephone_band<'s>(&mut self, samples: &'s [i16], narrow: &'s mut [i16]) -> &'s [i16] {
        match codec::rate(self.codec) {
            Rate::Narrow => samples,
            Rate::Wide => self.narrower.narrow(samples, narrow),
        }
    }
}

pub(super) struct Outgoing {
    codec: Codec,
    encoder: Encoder,
    /// Less than one packet, but while it is being sent.
    samples: Vec<i16>,
}

impl Outgoing {
    pub fn new(codec: Codec) -> Self {
        Self { codec, encoder: Encoder::new(codec), samples: Vec::new() }
    }

    pub fn push(&mut self, samples: &[i16]) {
        self.samples.extend_from_slice(samples);
    }

    /// The next payload and for how many units of the clock it lasts: of `wanted` samples when there are so many, or of
    /// as many as there are and fit.
    pub fn packet<'p>(&mut self, wanted: Option<usize>, payload: &'p mut [u8]) -> Option<(&'p [u8], u32)> {
        let length = match wanted {
            Some(wanted) => wanted,
            None => codec::packable(self.codec, self.samples.len()),
        };
        let payload = self.encoder.encode(self.samples.get(..length).filter(|samples| !samples.is_empty())?, payload);
        self.samples.drain(..length);
        Some((payload, codec::units(self.codec, length)))
    }
}
