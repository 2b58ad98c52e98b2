//! Payloads to linear samples and back, at 8 kHz (G.711) or 16 kHz (G.722, Opus), mono.

use super::rate::Rate;
use crate::model::Codec;
use audio_codec::{
    Decoder as _, Encoder as _,
    g722::{G722Decoder, G722Encoder},
    pcma::{PcmaDecoder, PcmaEncoder},
    pcmu::{PcmuDecoder, PcmuEncoder},
};
use opus_rs::{Application, OpusDecoder, OpusEncoder};

/// 20 ms of the telephone's 8 kHz.
pub const FRAME_SAMPLES: usize = 160;
pub const SAMPLE_RATE: u32 = 8000;

pub type Frame = [i16; FRAME_SAMPLES];
pub const SILENT_FRAME: Frame = [0; FRAME_SAMPLES];

/// The most samples that one packet may hold: 120 ms at 16 kHz, more than which nobody packs and Opus cannot.
pub const MAX_PACKET_SAMPLES: usize = 1920;
/// Enough for 60 ms of any codec.
pub const MAX_PAYLOAD_BYTES: usize = 1000;

/// What is sent in packets shorter or longer than this would be no telephony.
const MIN_PTIME_MS: u16 = 10;
const MAX_PTIME_MS: u16 = 60;

/// What Opus spends on speech when we are the ones who send it; its quality is called full-band speech from there on.
const OPUS_BITS_PER_SECOND: i32 = 24_000;
/// Of 10; beyond this it costs much and gains little on speech.
const OPUS_COMPLEXITY: i32 = 5;
/// How much loss the encoder provides for, so that each packet holds a rough copy of the one before (RFC 6716 §2.1.7).
const OPUS_LOSS_PERCENT: i32 = 5;

/// At what rate a codec takes and gives samples.
pub fn rate(codec: Codec) -> Rate {
    match codec {
        Codec::Pcmu | Codec::Pcma => Rate::Narrow,
        Codec::G722 | Codec::Opus => Rate::Wide,
    }
}

/// How far the RTP timestamp moves over so many samples.
pub fn units(codec: Codec, samples: usize) -> u32 {
    (samples as u64 * u64::from(codec.clock_rate()) / u64::from(rate(codec).hz())) as u32
}

/// How many samples lie between two RTP timestamps.
pub fn samples(codec: Codec, units: u32) -> usize {
    (u64::from(units) * u64::from(rate(codec).hz()) / u64::from(codec.clock_rate())) as usize
}

/// How far the RTP timestamp moves over a payload.
pub fn duration(codec: Codec, payload: &[u8]) -> u32 {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => payload.len() as u32,
        Codec::Opus => opus_duration(payload).unwrap_or(0),
    }
}

/// Of so many samples, how many can be one packet.
pub fn packable(codec: Codec, samples: usize) -> usize {
    match codec {
        Codec::Pcmu | Codec::Pcma => samples,
        Codec::G722 => samples - samples % 2,
        Codec::Opus => [960, 640, 320, 160].into_iter().find(|length| *length <= samples).unwrap_or(0),
    }
}

/// How many samples make a packet of so many milliseconds, or the next shorter one that the codec has.
pub fn packet_samples(codec: Codec, ptime_ms: u16) -> usize {
    packable(codec, usize::from(ptime_ms.clamp(MIN_PTIME_MS, MAX_PTIME_MS)) * rate(codec).hz() as usize / 1000)
}

/// A frame of silence, where the same bytes always say it.
pub fn silence(codec: Codec) -> Option<&'static [u8; FRAME_SAMPLES]> {
    match codec {
        Codec::Pcmu => Some(&[0xff; FRAME_SAMPLES]),
        Codec::Pcma => Some(&[0xd5; FRAME_SAMPLES]),
        Codec::G722 | Codec::Opus => None,
    }
}

/// Of one stream, in the order of its packets.
pub enum Decoder {
    Pcmu,
    Pcma,
    G722(Box<G722Decoder>),
    /// `None` is a decoder that could not be made; it is silent.
    Opus(Option<Box<OpusDecoder>>),
}

impl Decoder {
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu => Decoder::Pcmu,
            Codec::Pcma => Decoder::Pcma,
            Codec::G722 => Decoder::G722(Box::default()),
            Codec::Opus => Decoder::Opus(OpusDecoder::new(Rate::Wide.hz() as i32, 1).ok().map(Box::new)),
        }
    }

    /// The samples of `payload`; what does not fit into `samples` is left out, of Opus the whole packet.
    pub fn decode<'s>(&mut self, payload: &[u8], samples: &'s mut [i16]) -> &'s [i16] {
        let fitting = |capacity: usize| payload.get(..capacity).unwrap_or(payload);
        let decoded = match self {
            Decoder::Pcmu => PcmuDecoder::new().decode_into(fitting(samples.len()), samples).unwrap_or(0),
            Decoder::Pcma => PcmaDecoder::new().decode_into(fitting(samples.len()), samples).unwrap_or(0),
            Decoder::G722(decoder) => decoder.decode_into(fitting(samples.len() / 2), samples).unwrap_or(0),
            Decoder::Opus(decoder) => decoder.as_mut().map_or(0, |decoder| decode_opus(decoder, payload, samples)),
        };
        samples.get(..decoded).unwrap_or_default()
    }
}

/// Of one stream.
pub enum Encoder {
    Pcmu,
    Pcma,
    G722(Box<G722Encoder>),
    /// `None` is an encoder that could not be made; it says nothing.
    Opus(Option<Box<OpusEncoder>>),
}

impl Encoder {
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::Pcmu => Encoder::Pcmu,
            Codec::Pcma => Encoder::Pcma,
            Codec::G722 => Encoder::G722(Box::default()),
            Codec::Opus => Encoder::Opus(opus_encoder()),
        }
    }

    /// The payload of `samples`; what does not fit into `payload` is left out. Of Opus, `samples` must be `packable`.
    pub fn encode<'p>(&mut self, samples: &[i16], payload: &'p mut [u8]) -> &'p [u8] {
        let fitting = |capacity: usize| samples.get(..capacity).unwrap_or(samples);
        let encoded = match self {
            Encoder::Pcmu => PcmuEncoder::new().encode_into(fitting(payload.len()), payload).unwrap_or(0),
            Encoder::Pcma => PcmaEncoder::new().encode_into(fitting(payload.len()), payload).unwrap_or(0),
            Encoder::G722(encoder) => encoder.encode_into(fitting(payload.len() * 2), payload).unwrap_or(0),
            Encoder::Opus(encoder) => {
                encoder.as_mut().and_then(|opus| opus.encode_i16(samples, samples.len(), payload).ok()).unwrap_or(0)
            }
        };
        payload.get(..encoded).unwrap_or_default()
    }
}

fn opus_encoder() -> Option<Box<OpusEncoder>> {
    let mut encoder = OpusEncoder::new(Rate::Wide.hz() as i32, 1, Application::Voip).ok()?;
    encoder.bitrate_bps = OPUS_BITS_PER_SECOND;
    encoder.complexity = OPUS_COMPLEXITY;
    encoder.use_inband_fec = true;
    encoder.packet_loss_perc = OPUS_LOSS_PERCENT;
    Some(Box::new(encoder))
}

fn decode_opus(decoder: &mut OpusDecoder, payload: &[u8], samples: &mut [i16]) -> usize {
    let mut decoded = [0.0; MAX_PACKET_SAMPLES];
    // A packet of one byte or none tells of audio that is not sent (RFC 6716 §3.1 and its DTX): a gap, covered by others.
    if payload.len() < 2 {
        return 0;
    }
    let count = decoder.decode(payload, MAX_PACKET_SAMPLES, &mut decoded).unwrap_or(0);
    let Some(samples) = samples.get_mut(..count) else { return 0 };
    for (sample, value) in samples.iter_mut().zip(decoded) {
        // `as` saturates.
        *sample = (value * 32_768.0).round() as i16;
    }
    count
}

/// In units of 48 kHz; `None` for what is no Opus packet (RFC 6716 §3.1, §3.2).
fn opus_duration(payload: &[u8]) -> Option<u32> {
    const MAX_UNITS: u32 = 5760;
    let toc = *payload.first()?;
    let (configuration, step) = (toc >> 3, toc >> 3 & 3);
    let frame = match configuration {
        0..12 => [480, 960, 1920, 2880][usize::from(step)],
        12..16 => [480, 960][usize::from(step & 1)],
        _ => 120 << step,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(payload.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|units| *units <= MAX_UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone::{level_of, sine};
    use proptest::prelude::*;

    const G711: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    #[test]
    fn every_code_word_survives_decoding_and_encoding() {
        for codec in G711 {
            let words: Vec<u8> = (0..=255).collect();
            let (mut samples, mut back, mut again) = ([0; 256], [0; 256], [0; 256]);
            let samples = Decoder::new(codec).decode(&words, &mut samples);
            let back = Encoder::new(codec).encode(samples, &mut back);
            let again = Decoder::new(codec).decode(back, &mut again);
            // The A-law coder takes its smallest negative step (−8) for the smallest positive one.
            let same = |(before, after): (&i16, &i16)| before == after || (*before, *after) == (-8, 8);
            assert!(samples.iter().zip(again).all(same), "{}", codec.name());
        }
    }

    #[test]
    fn silence_decodes_to_almost_nothing() {
        for codec in G711 {
            let mut samples = SILENT_FRAME;
            let samples = Decoder::new(codec).decode(silence(codec).unwrap(), &mut samples);
            assert!(samples.iter().all(|sample| sample.abs() <= 8));
        }
    }

    #[test]
    fn a_voice_keeps_its_level_through_every_codec_and_packet_length() {
        for codec in Codec::ALL {
            let rate = rate(codec);
            for length in [rate.frame_samples() / 2, rate.frame_samples()] {
                let said = sine(1000.0, -14.0, rate.hz(), rate.hz() as usize);
                let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
                let heard: Vec<i16> = said
                    .chunks_exact(length)
                    .flat_map(|piece| {
                        let mut payload = [0; MAX_PAYLOAD_BYTES];
                        let payload = encoder.encode(piece, &mut payload);
                        assert_eq!(duration(codec, payload), units(codec, length));
                        assert_eq!(samples(codec, duration(codec, payload)), length);
                        decoder.decode(payload, &mut [0; MAX_PACKET_SAMPLES]).to_vec()
                    })
                    .collect();
                assert_eq!(heard.len(), said.len());
                let level = level_of(1000.0, rate.hz(), &heard[heard.len() / 4..]);
                assert!((level + 14.0).abs() < 1.5, "{} in pieces of {length}: {level}", codec.name());
            }
        }
    }

    #[test]
    fn wide_band_codecs_carry_what_the_telephone_band_cuts_off() {
        for codec in [Codec::G722, Codec::Opus] {
            let said = sine(5500.0, -14.0, 16_000, 16_000);
            let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
            let pass = |piece: &[i16]| {
                let mut payload = [0; MAX_PAYLOAD_BYTES];
                decoder.decode(encoder.encode(piece, &mut payload), &mut [0; MAX_PACKET_SAMPLES]).to_vec()
            };
            let heard: Vec<i16> = said.chunks(320).flat_map(pass).collect();
            let level = level_of(5500.0, 16_000, &heard[4000..]);
            assert!(level > -20.0, "{}: {level}", codec.name());
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        assert_eq!(Decoder::Pcmu.decode(&[0; 500], &mut [0; FRAME_SAMPLES]).len(), FRAME_SAMPLES);
        assert_eq!(Encoder::Pcma.encode(&[0; 500], &mut [0; 80]).len(), 80);
        assert_eq!(Decoder::new(Codec::G722).decode(&[0; 500], &mut [0; 99]).len(), 98);
        assert_eq!(Encoder::new(Codec::G722).encode(&[0; 500], &mut [0; 80]).len(), 80);
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let payload = Encoder::new(Codec::Opus).encode(&[0; 320], &mut payload);
        assert_eq!(Decoder::new(Codec::Opus).decode(payload, &mut [0; 80]).len(), 0);
    }

    proptest! {
        #[test]
        fn no_payload_makes_a_decoder_panic(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..20)) {
            for codec in Codec::ALL {
                let mut decoder = Decoder::new(codec);
                for payload in &payloads {
                    let decoded = decoder.decode(payload, &mut [0; MAX_PACKET_SAMPLES]).len();
                    let promised = samples(codec, duration(codec, payload));
                    prop_assert!(decoded == promised || codec == Codec::Opus && decoded == 0);
                }
            }
        }

        #[test]
        fn no_samples_make_an_encoder_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<i16>(), 320), 1..8)) {
            for codec in Codec::ALL {
                let mut encoder = Encoder::new(codec);
                for piece in &pieces {
                    prop_assert!(!encoder.encode(piece, &mut [0; MAX_PAYLOAD_BYTES]).is_empty());
                }
            }
        }
    }
}
