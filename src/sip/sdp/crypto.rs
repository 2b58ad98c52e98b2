//! RFC 4568: keys in SDP. An `a=crypto` that asks for what we do not have is passed over, as the RFC wants; what is left is
//! what can be accepted.

use super::BadSdp;
use crate::{
    model::{SrtpKey, SrtpSuite},
    sip::scan,
};
use base64ct::{Base64, Base64Unpadded, Encoding};
use sdp_types as wire;
use std::fmt;
use zeroize::Zeroizing;

/// How many `a=crypto` of a stream are read.
pub const MAX_CRYPTO: usize = 16;
/// §9.1: a tag has at most nine digits.
const MAX_TAG: u32 = 999_999_999;
/// §6.1: no key secures more packets.
const MAX_LIFETIME: u64 = 1 << 48;
/// §6.3.7: a peer that wants its late packets taken may not ask for less.
const MIN_WINDOW: u32 = 64;

/// One `a=crypto`: a key for the packets of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// By which an answer names the one it accepts.
    pub tag: u32,
    pub key: SrtpKey,
}

/// Those that we can do, in the peer's order. Two with one tag cannot be told apart by an answer: malformed (§4.1).
pub(super) fn read(attributes: &[wire::Attribute]) -> Result<Vec<Crypto>, BadSdp> {
    let lines = attributes.iter().filter(|attribute| attribute.attribute.eq_ignore_ascii_case("crypto"));
    let mut tags = Vec::new();
    let mut usable = Vec::new();
    for line in lines {
        let (tag, rest) = read_tag(line.value.as_deref().unwrap_or_default()).ok_or(BadSdp::Malformed)?;
        if tags.len() == MAX_CRYPTO {
            return Err(BadSdp::TooLarge);
        }
        if tags.contains(&tag) {
            return Err(BadSdp::Malformed);
        }
        tags.push(tag);
        usable.extend(read_key(rest).map(|key| Crypto { tag, key }));
    }
    Ok(usable)
}

fn read_tag(line: &str) -> Option<(u32, &str)> {
    let (tag, rest) = line.trim().split_once(' ')?;
    let tag = scan::number(tag).filter(|number| *number <= MAX_TAG && !(tag.len() > 1 && tag.starts_with('0')))?;
    Some((tag, rest))
}

/// `SUITE inline:KEY|LIFETIME PARAMETER…` (§9.1). `None` for another suite, several keys or one with an MKI, and a parameter
/// that we do not obey.
fn read_key(line: &str) -> Option<SrtpKey> {
    let mut words = line.split_ascii_whitespace();
    let suite = SrtpSuite::from_name(words.next()?)?;
    let (method, key) = words.next()?.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") || !words.all(is_borne) {
        return None;
    }
    let mut parts = key.split('|');
    let encoded = parts.next()?;
    // Whoever made the key has to replace it before its lifetime is over; an MKI has a colon and is no lifetime.
    if !parts.next().is_none_or(is_lifetime) || parts.next().is_some() {
        return None;
    }
    let material = Base64Unpadded::decode_vec(encoded.trim_end_matches('=')).ok()?;
    SrtpKey::from_material(suite, Zeroizing::new(material))
}

/// §6.1: a number of packets, or a power of two.
fn is_lifetime(text: &str) -> bool {
    let packets = match text.strip_prefix("2^") {
        Some(exponent) => scan::number(exponent).and_then(|exponent| 1_u64.checked_shl(exponent)),
        None => scan::number(text),
    };
    packets.is_some_and(|packets| (1..=MAX_LIFETIME).contains(&packets))
}

/// §6.3: a wish for a window is met by ours, and a leading `-` says that a parameter may be ignored. Any other changes how
/// packets are made.
fn is_borne(parameter: &str) -> bool {
    let window = parameter.strip_prefix("WSH=").and_then(scan::number::<u32>);
    parameter.starts_with('-') || window.is_some_and(|window| window >= MIN_WINDOW)
}

/// The value of the attribute.
impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = Zeroizing::new(Base64::encode_string(self.key.material()));
        write!(f, "{} {} inline:{}", self.tag, self.key.suite().name(), *material)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn lines(lines: &[&str]) -> Result<Vec<Crypto>, BadSdp> {
        let attribute = |line: &&str| wire::Attribute { attribute: "crypto".into(), value: Some((*line).into()) };
        read(&lines.iter().map(attribute).collect::<Vec<_>>())
    }

    fn tags(of: &[&str]) -> Vec<u32> {
        lines(of).unwrap().iter().map(|crypto| crypto.tag).collect()
    }

    #[test]
    fn keys_of_every_suite_are_read_as_they_are_written() {
        let mut entropy = crate::model::Entropy::from_seed([4; 32]);
        for suite in SrtpSuite::ALL {
            let crypto = Crypto { tag: 7, key: SrtpKey::random(suite, &mut entropy) };
            assert_eq!(lines(&[&crypto.to_string()]), Ok(vec![crypto.clone()]));
            let unpadded = crypto.to_string().trim_end_matches('=').to_owned();
            assert_eq!(lines(&[&unpadded]), Ok(vec![crypto]));
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_read() {
        let example = format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^20");
        let read = lines(&[&example]).unwrap();
        assert_eq!(read[0].key.suite(), SrtpSuite::AesCm128HmacSha1_80);
        assert_eq!(read[0].key.material(), b"YS___semctl () {\t220;}\n}\nunles");
    }

    #[test]
    fn what_we_cannot_do_is_passed_over() {
        let good = "9 AES_CM_128_HMAC_SHA1_32 ".to_owned() + KEY;
        for other in [
            format!("1 F8_128_HMAC_SHA1_80 {KEY}"),
            format!("1 aes_cm_128_hmac_sha1_80 {KEY}"),
            format!("1 AEAD_AES_256_GCM {KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}AA"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:????".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80 uri:https://keys.example".to_owned(),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY};{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^49"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^64"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|0"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY} KDR=1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY} WSH=32"),
            "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
        ] {
            assert_eq!(tags(&[&other, &good]), [9], "{other}");
        }
    }

    #[test]
    fn what_changes_nothing_for_us_is_borne() {
        for tail in ["|2^31", "|1048576", " WSH=128", " -FEC_ORDER=FEC_SRTP", "|2^48 WSH=64 -X"] {
            assert_eq!(tags(&[&format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}{tail}")]), [1], "{tail}");
        }
    }

    #[test]
    fn tags_are_numbers_and_stand_for_one_key_each() {
        let line = |tag: &str| format!("{tag} AES_CM_128_HMAC_SHA1_80 {KEY}");
        for bad in ["01", "x", "-1", "1000000000", ""] {
            assert_eq!(lines(&[&line(bad)]), Err(BadSdp::Malformed), "{bad}");
        }
        assert_eq!(lines(&[&line("1"), &line("1")]), Err(BadSdp::Malformed));
        let many: Vec<_> = (1..=17).map(|tag| line(&tag.to_string())).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(lines(&many), Err(BadSdp::TooLarge));
        assert_eq!(lines(&many[..16]).unwrap().len(), 16);
    }
}
