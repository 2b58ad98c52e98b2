//! The office of the long proofs: phones of the house, each with a tone of its own.

use crate::support::engine::{Engine, PHONE_PASSWORD};
use sasayaki::{
    model::{Codec, Entropy, Secret},
    phone::{Phone, PhoneConfig, Voice},
};

pub const LEVEL_DBFS: f64 = -14.0;
/// Whole periods in 100 ms, so that none leaks into another's measurement; clear of the chime.
pub const AGENT_HZ: f64 = 440.0;
pub const CUSTOMER_HZ: f64 = 1000.0;
pub const SUPERVISOR_HZ: f64 = 1660.0;

pub async fn registered(engine: &Engine, user: &str, hz: f64, entropy: Entropy) -> Phone {
    let config = PhoneConfig {
        codecs: vec![Codec::Pcmu],
        voice: Voice::Tone { hz, dbfs: LEVEL_DBFS, on_ms: 1, off_ms: 0 },
        ..PhoneConfig::new(user, Secret::new(PHONE_PASSWORD), engine.sip, entropy)
    };
    let phone = Phone::start(config).unwrap();
    phone.register().await.unwrap();
    phone
}

pub fn seeded(seed: u64) -> Entropy {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Entropy::from_seed(bytes)
}

/// Evenly between two whole numbers, both ends included.
pub fn between(entropy: &mut Entropy, low: u64, high: u64) -> u64 {
    low + (entropy.bits() % u128::from(high - low + 1)) as u64
}
