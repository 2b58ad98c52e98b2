//! What makes the rows of the trail a chain (X3), and what is signed of it. Format 1, as `docs/security.md` tells strangers:
//! what is hashed or signed is a list of texts, each behind its length in bytes (four of them, big-endian); a text that is
//! absent has the length 0xffffffff and no bytes. Hashes are SHA-256, signatures Ed25519 (RFC 8032), both in lower-case
//! hexadecimal digits.

use super::{
    AuditRow, Keys,
    keys::{from_hex, hex},
};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const ROW: &str = "sasayaki audit row 1";
const HEAD: &str = "sasayaki audit head 1";
const SEAL: &str = "sasayaki audit seal 1";
const ABSENT: u32 = u32::MAX;

/// The last row of a chain, or the last that is spoken of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    pub writer_id: String,
    /// 0: the chain has no row.
    pub seq: u64,
    /// Empty: the chain has no row.
    pub hash: String,
}

/// The tips of one or more chains at a moment, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub format: String,
    pub at_ms: u64,
    pub tips: Vec<Tip>,
    pub public_key: String,
    pub signature: String,
}

/// A signed word that the rows up to this tip may leave the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    #[serde(flatten)]
    pub tip: Tip,
    pub at_ms: u64,
    pub signature: String,
}

impl AuditRow {
    /// The hash that this row must have after a row of the hash `before`, which is empty for a first row.
    pub fn hash_after(&self, before: &str) -> String {
        let (seq, at_ms) = (self.seq.to_string(), self.at_ms.to_string());
        let whole = [ROW, before, &self.writer_id, &seq, &at_ms, &self.kind, &self.outcome].map(Some);
        let rest = [
            self.account.as_deref(),
            Some(&self.source),
            self.mode.as_deref(),
            self.target.as_deref(),
            self.call.as_deref(),
            self.session.as_deref(),
            Some(&self.detail),
        ];
        hex(&Sha256::digest(encoded(whole.into_iter().chain(rest))))
    }
}

impl Tip {
    pub fn before_any(writer_id: String) -> Self {
        Self { writer_id, seq: 0, hash: String::new() }
    }

    pub fn of(row: &AuditRow) -> Self {
        Self { writer_id: row.writer_id.clone(), seq: row.seq, hash: row.hash.clone() }
    }
}

impl Head {
    pub fn signed(keys: &Keys, at_ms: u64, tips: Vec<Tip>) -> Self {
        let signature = keys.sign(&message(HEAD, at_ms, &tips));
        Self::read(keys, at_ms, tips, signature)
    }

    /// As it stands somewhere; whether it is signed is not asked.
    pub(super) fn read(keys: &Keys, at_ms: u64, tips: Vec<Tip>, signature: String) -> Self {
        Self { format: HEAD.to_owned(), at_ms, tips, public_key: keys.public_key(), signature }
    }

    /// Whether it is what the owner of this public key has signed.
    pub fn is_signed_by(&self, public_key: &str) -> bool {
        let message = message(HEAD, self.at_ms, &self.tips);
        self.format == HEAD && self.public_key == public_key && verifies(public_key, &message, &self.signature)
    }
}

impl Seal {
    pub fn signed(keys: &Keys, at_ms: u64, tip: Tip) -> Self {
        let signature = keys.sign(&message(SEAL, at_ms, std::slice::from_ref(&tip)));
        Self { tip, at_ms, signature }
    }

    pub fn is_signed_by(&self, public_key: &str) -> bool {
        verifies(public_key, &message(SEAL, self.at_ms, std::slice::from_ref(&self.tip)), &self.signature)
    }
}

fn message(what: &str, at_ms: u64, tips: &[Tip]) -> Vec<u8> {
    let at_ms = at_ms.to_string();
    let numbers: Vec<String> = tips.iter().map(|tip| tip.seq.to_string()).collect();
    let named = tips.iter().zip(&numbers);
    let told = named.flat_map(|(tip, seq)| [tip.writer_id.as_str(), seq, &tip.hash]);
    encoded([what, &at_ms].into_iter().chain(told).map(Some))
}

fn encoded<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        // No text of ours is as long as four bytes can say.
        let length = text.map_or(ABSENT, |text| u32::try_from(text.len()).unwrap_or(ABSENT));
        bytes.extend(length.to_be_bytes());
        bytes.extend(text.unwrap_or_default().as_bytes());
    }
    bytes
}

fn verifies(public_key: &str, message: &[u8], signature: &str) -> bool {
    let key = from_hex(public_key).and_then(|key| VerifyingKey::from_bytes(&key).ok());
    let signature = from_hex(signature).map(|bytes| Signature::from_bytes(&bytes));
    key.zip(signature).is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(change: impl FnOnce(&mut AuditRow)) -> AuditRow {
        let mut row = AuditRow {
            writer_id: "01A".to_owned(),
            seq: 7,
            at_ms: 1_700_000_000_000,
            kind: "attempt".to_owned(),
            outcome: "refused".to_owned(),
            account: Some("01B".to_owned()),
            source: "201".to_owned(),
            mode: None,
            target: Some("4001".to_owned()),
            call: None,
            session: None,
            detail: "no-right".to_owned(),
            hash: String::new(),
        };
        change(&mut row);
        row
    }

    #[test]
    fn every_field_counts_and_none_runs_into_its_neighbour() {
        let rows = [
            row(|_| ()),
            row(|row| row.writer_id = "01C".to_owned()),
            row(|row| row.seq = 8),
            row(|row| row.at_ms += 1),
            row(|row| row.kind = "start".to_owned()),
            row(|row| row.outcome = "ok".to_owned()),
            row(|row| row.account = None),
            row(|row| row.account = Some(String::new())),
            row(|row| row.source = "202".to_owned()),
            row(|row| row.mode = Some("monitor".to_owned())),
            row(|row| row.target = Some("4002".to_owned())),
            row(|row| (row.target, row.call) = (None, Some("4001".to_owned()))),
            row(|row| row.session = Some("4001".to_owned())),
            row(|row| row.detail = "denied".to_owned()),
            row(|row| (row.kind, row.outcome) = ("attemptr".to_owned(), "efused".to_owned())),
        ];
        let hashes: std::collections::BTreeSet<_> = rows.iter().map(|row| row.hash_after("00")).collect();
        assert_eq!(hashes.len(), rows.len());
        assert_ne!(rows[0].hash_after("00"), rows[0].hash_after("01"), "nor does the row before");
    }

    /// Computed by `tests/audit/verify.py`, which shares no line with this.
    #[test]
    fn the_format_stays_as_it_was_told_to_strangers() {
        assert_eq!(row(|_| ()).hash_after(""), "1b929777a4290dc2ce7ed71599d366a06d55911f07ac5cc5d5283aa86847749b");
    }

    #[test]
    fn a_signature_holds_for_what_was_signed_alone() {
        let (keys, others) = (Keys::derive(&[1; 32]), Keys::derive(&[2; 32]));
        let tip = |seq| Tip { writer_id: "01A".to_owned(), seq, hash: "00".to_owned() };
        let head = Head::signed(&keys, 5, vec![tip(1), tip(2)]);
        assert!(head.is_signed_by(&keys.public_key()));
        assert!(!head.is_signed_by(&others.public_key()));
        let forgeries = [
            Head { at_ms: 6, ..head.clone() },
            Head { tips: vec![tip(1)], ..head.clone() },
            Head { tips: vec![tip(1), tip(3)], ..head.clone() },
            Head { format: "sasayaki audit head 2".to_owned(), ..head.clone() },
            Head { signature: "é".repeat(64), ..head.clone() },
            Head { public_key: others.public_key(), ..Head::signed(&others, 5, vec![tip(1), tip(2)]) },
        ];
        assert!(forgeries.iter().all(|forgery| !forgery.is_signed_by(&keys.public_key())));
        // A head says that rows stand; only a seal says that they may go.
        let head = Head::signed(&keys, 5, vec![tip(1)]);
        let seal = Seal { tip: tip(1), at_ms: 5, signature: head.signature };
        assert!(!seal.is_signed_by(&keys.public_key()));
        assert!(Seal::signed(&keys, 5, tip(1)).is_signed_by(&keys.public_key()));
    }
}
