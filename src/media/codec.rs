//! G.711 to linear samples and back. Stateless, without allocation.

use crate::model::Codec;
use audio_codec::{
    Decoder, Encoder,
    pcma::{PcmaDecoder, PcmaEncoder},
    pcmu::{PcmuDecoder, PcmuEncoder},
};

/// How many samples make a frame of the house: 20 ms at 8 kHz.
pub const FRAME_SAMPLES: usize = 160;
pub const SAMPLE_RATE: u32 = 8000;

pub type Frame = [i16; FRAME_SAMPLES];
pub const SILENT_FRAME: Frame = [0; FRAME_SAMPLES];

/// The samples of `payload`; what does not fit into `samples` is left out.
pub fn decode<'s>(codec: Codec, payload: &[u8], samples: &'s mut [i16]) -> &'s [i16] {
    let payload = payload.get(..samples.len()).unwrap_or(payload);
    let decoded = match codec {
        Codec::Pcmu => PcmuDecoder::new().decode_into(payload, samples),
        Codec::Pcma => PcmaDecoder::new().decode_into(payload, samples),
    };
    samples.get(..decoded.unwrap_or(0)).unwrap_or_default()
}

/// The payload of `samples`; what does not fit into `payload` is left out.
pub fn encode<'p>(codec: Codec, samples: &[i16], payload: &'p mut [u8]) -> &'p [u8] {
    let samples = samples.get(..payload.len()).unwrap_or(samples);
    let encoded = match codec {
        Codec::Pcmu => PcmuEncoder::new().encode_into(samples, payload),
        Codec::Pcma => PcmaEncoder::new().encode_into(samples, payload),
    };
    payload.get(..encoded.unwrap_or(0)).unwrap_or_default()
}

/// A frame of silence, ready to send.
pub fn silence(codec: Codec) -> &'static [u8; FRAME_SAMPLES] {
    match codec {
        Codec::Pcmu => &[0xff; FRAME_SAMPLES],
        Codec::Pcma => &[0xd5; FRAME_SAMPLES],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_word_survives_decoding_and_encoding() {
        for codec in Codec::ALL {
            let words: Vec<u8> = (0..=255).collect();
            let (mut samples, mut back, mut again) = ([0; 256], [0; 256], [0; 256]);
            decode(codec, &words, &mut samples);
            encode(codec, &samples, &mut back);
            decode(codec, &back, &mut again);
            // The A-law coder takes its smallest negative step (−8) for the smallest positive one.
            let same = |(before, after): (&i16, &i16)| before == after || (*before, *after) == (-8, 8);
            assert!(samples.iter().zip(&again).all(same), "{}", codec.name());
        }
    }

    #[test]
    fn silence_decodes_to_almost_nothing() {
        for codec in Codec::ALL {
            let mut samples = SILENT_FRAME;
            decode(codec, silence(codec), &mut samples);
            assert!(samples.iter().all(|sample| sample.abs() <= 8));
        }
    }

    #[test]
    fn a_payload_longer_than_the_buffer_is_cut() {
        assert_eq!(decode(Codec::Pcmu, &[0; 500], &mut [0; FRAME_SAMPLES]).len(), FRAME_SAMPLES);
        assert_eq!(encode(Codec::Pcma, &[0; 500], &mut [0; 80]).len(), 80);
    }
}
