use super::{Challenge, Credentials, header::NonceCount, response};
use crate::{model::Secret, sip::Method};

/// Answers a challenge. `uri` is the Request-URI as it will be sent, `count` begins at 1 for each new nonce and `cnonce`
/// is fresh text without quotes. [`super::ha1`] makes the HA1 of the challenge's algorithm and realm.
pub fn authorize(
    challenge: &Challenge,
    user: &str,
    ha1: &Secret,
    method: &Method,
    uri: &str,
    cnonce: &str,
    count: u32,
) -> Credentials {
    let mut credentials = Credentials {
        username: user.to_string(),
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        uri: uri.to_string(),
        response: String::new(),
        algorithm: challenge.algorithm,
        opaque: challenge.opaque.clone(),
        count: challenge.qop_auth.then(|| NonceCount::new(count, cnonce)),
    };
    credentials.response = response(&credentials, method.as_str(), ha1);
    credentials
}
