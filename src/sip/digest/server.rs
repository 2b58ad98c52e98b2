use super::{Algorithm, Asker, BadDigest, Challenge, Credentials, hex, response};
use crate::{
    model::Secret,
    sip::{Headers, Method, Request, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{collections::BTreeMap, net::IpAddr};
use subtle::ConstantTimeEq;

/// How long a nonce is good. After that a right answer gets a new challenge with `stale=true`.
pub const NONCE_LIFETIME_MS: u64 = 5 * 60 * 1000;
/// How many nonces in use are remembered. Past that the oldest become stale, so nothing is ever accepted twice.
pub const MAX_NONCES: usize = 65_536;
/// How far a nonce count may lag behind the highest one seen, for requests that overtook each other.
const COUNT_WINDOW: u32 = 64;

/// Checks digest credentials. A challenge leaves no state behind: its nonce carries its own time and seal, and is good at the
/// address alone that was challenged; only nonces that a right answer has used are remembered.
pub struct Authenticator {
    realm: String,
    /// Keyed, and cloned for each seal.
    mac: Hmac<Sha256>,
    issued: u32,
    /// By age; the count of each nonce in use.
    used: BTreeMap<NonceId, CountsSeen>,
    /// Nonces up to this one are forgotten, hence stale.
    forgotten: NonceId,
    /// By how many milliseconds the clock was set since the start. Nonces have a time of their own, which goes on evenly.
    set_by_ms: i64,
}

/// Time in milliseconds and a serial number.
type NonceId = (u64, u32);

struct CountsSeen {
    highest: u32,
    /// Bit `n`: `highest - n` was seen.
    window: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// The nonce is old, forgotten, of another address or not ours, and nothing was looked at; or the password is right and the
    /// count was used. Challenge again with `stale=true` (RFC 7616 §3.3); this is no failure of the user's.
    Stale,
    /// Unknown user or wrong password, in answer to a challenge that this address was given: nobody else can have sent it.
    Wrong,
    /// Not our realm, an algorithm that was not offered, or no nonce count.
    Unacceptable,
}

impl Authenticator {
    /// `key` is random and new with every start.
    pub fn new(realm: impl Into<String>, key: [u8; 32]) -> Self {
        // HMAC fills its block with zeros after the key.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&key);
        let mac = Hmac::new(&block.into());
        Self { realm: realm.into(), mac, issued: 0, used: BTreeMap::new(), forgotten: (0, 0), set_by_ms: 0 }
    }

    /// The clock that the times come from goes on from elsewhere: what was given and used keeps its age.
    pub fn clock_was_set(&mut self, by_ms: i64) {
        self.set_by_ms = self.set_by_ms.saturating_add(by_ms);
    }

    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The 401 or 407 for a request, one challenge for each algorithm in its order (RFC 8760 §2.4). The To tag is the caller's.
    pub fn challenge(
        &mut self,
        now_unix_ms: u64,
        request: &Request,
        source: IpAddr,
        asker: Asker,
        algorithms: &[Algorithm],
        stale: bool,
    ) -> Response {
        let mut response = request.reply(asker.status(), "");
        let nonce = self.new_nonce(self.even(now_unix_ms), source);
        for &algorithm in algorithms {
            let challenge = Challenge {
                realm: self.realm.clone(),
                nonce: nonce.clone(),
                opaque: None,
                algorithm,
                qop_auth: true,
                stale,
            };
            response.headers.push(asker.challenge_header(), challenge);
        }
        response
    }

    /// The credentials of our realm in a request; `None` when it brings none.
    pub fn find(&self, headers: &Headers, asker: Asker) -> Option<Result<Credentials, BadDigest>> {
        let mut first_error = None;
        for text in headers.all(asker.credentials_header()) {
            match text.parse::<Credentials>() {
                Ok(credentials) if credentials.realm == self.realm => return Some(Ok(credentials)),
                Ok(_) | Err(BadDigest::OtherScheme) => {}
                Err(error) => first_error = first_error.or(Some(Err(error))),
            }
        }
        first_error
    }

    /// `source` is where the credentials come from; `algorithms` are those that this user may use; `ha1_for` gives the user's HA1 in hex, or `None` for an unknown
    /// user. The digest URI is hashed as received.
    pub fn verify(
        &mut self,
        now_unix_ms: u64,
        source: IpAddr,
        method: &Method,
        credentials: &Credentials,
        algorithms: &[Algorithm],
        ha1_for: impl FnOnce(Algorithm) -> Option<Secret>,
    ) -> Verdict {
        let algorithm = credentials.algorithm;
        let Some(count) = &credentials.count else { return Verdict::Unacceptable };
        if credentials.realm != self.realm || !algorithms.contains(&algorithm) {
            return Verdict::Unacceptable;
        }
        let now_ms = self.even(now_unix_ms);
        self.forget_old(now_ms);
        let Some(nonce) = self.fresh(now_ms, source, &credentials.nonce) else { return Verdict::Stale };
        let ha1 = ha1_for(algorithm);
        let known = ha1.is_some();
        let expected = response(credentials, method.as_str(), &ha1.unwrap_or_default());
        let right = expected.as_bytes().ct_eq(credentials.response.to_ascii_lowercase().as_bytes());
        if !known || !bool::from(right) {
            return Verdict::Wrong;
        }
        if self.note(nonce, count.value) { Verdict::Accepted } else { Verdict::Stale }
    }

    fn even(&self, unix_ms: u64) -> u64 {
        unix_ms.saturating_add_signed(self.set_by_ms.saturating_neg())
    }

    fn new_nonce(&mut self, now_ms: u64, source: IpAddr) -> String {
        self.issued = self.issued.wrapping_add(1);
        let plain = format!("{now_ms:016x}{:08x}", self.issued);
        format!("{plain}{}", self.seal(&plain, source))
    }

    fn seal(&self, plain: &str, source: IpAddr) -> String {
        let mut mac = self.mac.clone();
        mac.update(format!("{}\0{source}\0", self.realm).as_bytes());
        mac.update(plain.as_bytes());
        hex(&mac.finalize().into_bytes()[..16])
    }

    /// The id of a nonce that `source` was given and that is neither too old nor forgotten.
    fn fresh(&self, now_ms: u64, source: IpAddr, nonce: &str) -> Option<NonceId> {
        let (plain, seal) = nonce.split_at_checked(24)?;
        if !bool::from(self.seal(plain, source).as_bytes().ct_eq(seal.as_bytes())) {
            return None;
        }
        let (time, serial) = plain.split_at_checked(16)?;
        let id = (u64::from_str_radix(time, 16).ok()?, u32::from_str_radix(serial, 16).ok()?);
        (id > self.forgotten && now_ms.saturating_sub(id.0) <= NONCE_LIFETIME_MS).then_some(id)
    }

    /// Whether this count of this nonce was not used before; it is then.
    fn note(&mut self, nonce: NonceId, count: u32) -> bool {
        if let Some(seen) = self.used.get_mut(&nonce) {
            return seen.note(count);
        }
        self.used.insert(nonce, CountsSeen { highest: count, window: 1 });
        if self.used.len() > MAX_NONCES
            && let Some((oldest, _)) = self.used.pop_first()
        {
            self.forgotten = self.forgotten.max(oldest);
        }
        true
    }

    /// Forgets nonces that have had their time.
    fn forget_old(&mut self, now_ms: u64) {
        let limit = (now_ms.saturating_sub(NONCE_LIFETIME_MS), 0);
        while self.used.first_key_value().is_some_and(|(oldest, _)| *oldest < limit) {
            self.used.pop_first();
        }
        self.forgotten = self.forgotten.max(limit);
    }
}

impl CountsSeen {
    fn note(&mut self, count: u32) -> bool {
        if count > self.highest {
            let step = count - self.highest;
            self.window = if step < COUNT_WINDOW { self.window << step | 1 } else { 1 };
            self.highest = count;
            return true;
        }
        let lag = self.highest - count;
        let fresh = lag < COUNT_WINDOW && self.window & (1 << lag) == 0;
        if fresh {
            self.window |= 1 << lag;
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_makes_no_nonce_older_or_younger() {
        const DAY_MS: i64 = 86_400_000;
        let mut server = Authenticator::new("r", [7; 32]);
        let here = IpAddr::from([192, 0, 2, 1]);
        let mut unix_ms = 1_700_000_000_000;
        for by_ms in [DAY_MS, -2 * DAY_MS, DAY_MS] {
            let at_ms = server.even(unix_ms);
            server.forget_old(at_ms);
            let nonce = server.new_nonce(at_ms, here);
            unix_ms = unix_ms.saturating_add_signed(by_ms);
            server.clock_was_set(by_ms);
            server.forget_old(server.even(unix_ms));
            assert!(server.fresh(server.even(unix_ms), here, &nonce).is_some());
            unix_ms += NONCE_LIFETIME_MS + 1;
            assert!(server.fresh(server.even(unix_ms), here, &nonce).is_none());
        }
    }

    #[test]
    fn a_forgotten_nonce_is_not_fresh_again() {
        let mut server = Authenticator::new("r", [7; 32]);
        let here = IpAddr::from([192, 0, 2, 1]);
        let nonce = server.new_nonce(1000, here);
        let id = server.fresh(1000, here, &nonce).expect("fresh");
        assert!(server.note(id, 1));
        for serial in 0..MAX_NONCES as u32 {
            assert!(server.note((1001, serial), 1));
        }
        assert_eq!(server.used.len(), MAX_NONCES);
        assert_eq!(server.fresh(1001, here, &nonce), None);
    }

    #[test]
    fn nonces_that_have_had_their_time_are_forgotten() {
        let mut server = Authenticator::new("r", [7; 32]);
        server.note((1000, 1), 1);
        server.note((NONCE_LIFETIME_MS, 2), 1);
        server.forget_old(NONCE_LIFETIME_MS + 1001);
        assert_eq!(server.used.len(), 1);
    }
}
