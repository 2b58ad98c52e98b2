use super::{Crypto, Session};
use crate::model::{Entropy, SrtpKey, SrtpKeys, SrtpPolicy, SrtpSuite};

/// One side of keying one stream (RFC 4568 §5): what it offers, accepts and has agreed on. A key lives as long as the stream,
/// unless the peer changes the suite, so that counters go on over a change of anything else (§7.1.3).
pub struct Keying {
    policy: SrtpPolicy,
    entropy: Entropy,
    offered: Vec<Crypto>,
    agreed: Option<Agreed>,
}

/// What two sides have agreed on.
#[derive(Clone)]
pub struct Agreed {
    /// The tag that our answer names.
    tag: u32,
    keys: SrtpKeys,
    /// The peer speaks RTP/SAVP.
    savp: bool,
}

/// Why a description is not taken: 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyingRefused {
    /// The policy is plain RTP.
    Off,
    /// The policy is SRTP.
    Required,
    /// An answer accepts no key that was offered.
    NotOffered,
}

/// What a description of ours says: the keys, and whether they are a condition (RTP/SAVP) or an offer to whoever knows them
/// (RTP/AVP, which phones call optional SRTP).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secured {
    pub crypto: Vec<Crypto>,
    pub savp: bool,
}

impl Keying {
    pub fn new(policy: SrtpPolicy, entropy: Entropy) -> Self {
        Self { policy, entropy, offered: Vec::new(), agreed: None }
    }

    /// For an offer of ours: a key for each suite (§5.1.1), or the one that was agreed on.
    pub fn offer(&mut self) -> Secured {
        if let Some(Agreed { keys, savp, .. }) = &self.agreed {
            self.offered = vec![Crypto { tag: 1, key: keys.ours.clone() }];
            return Secured { crypto: self.offered.clone(), savp: *savp || self.policy == SrtpPolicy::Required };
        }
        self.offered = match self.policy {
            SrtpPolicy::Off => Vec::new(),
            SrtpPolicy::Allowed | SrtpPolicy::Required => {
                let keys = SrtpSuite::ALL.map(|suite| SrtpKey::random(suite, &mut self.entropy));
                (1..).zip(keys).map(|(tag, key)| Crypto { tag, key }).collect()
            }
        };
        Secured { crypto: self.offered.clone(), savp: self.policy == SrtpPolicy::Required }
    }

    /// Whether an offer of the peer can be taken.
    pub fn accepts(&self, offer: &Session) -> bool {
        judge(self.policy, offer).is_ok()
    }

    /// Takes an offer of the peer: its first key that we can do (§5.1.2).
    pub fn take_offer(&mut self, offer: &Session) -> Result<(), KeyingRefused> {
        let accepted = judge(self.policy, offer)?;
        self.agreed = accepted.map(|Crypto { tag, key }| {
            let suite = key.suite();
            let before = self.agreed.take().map(|agreed| agreed.keys.ours).filter(|ours| ours.suite() == suite);
            let ours = before.unwrap_or_else(|| SrtpKey::random(suite, &mut self.entropy));
            Agreed { tag: *tag, keys: SrtpKeys { ours, theirs: key.clone() }, savp: offer.savp }
        });
        Ok(())
    }

    /// For our answer to the offer last taken.
    pub fn answer(&self) -> Secured {
        let accepted = self.agreed.as_ref();
        let crypto = accepted.map(|Agreed { tag, keys, .. }| Crypto { tag: *tag, key: keys.ours.clone() });
        Secured { crypto: crypto.into_iter().collect(), savp: accepted.is_some_and(|agreed| agreed.savp) }
    }

    /// Takes the peer's answer to our offer, which names one key of it or none (§5.1.3).
    pub fn take_answer(&mut self, answer: &Session) -> Result<(), KeyingRefused> {
        let agreed = match answer.crypto.as_slice() {
            [] if answer.savp => return Err(KeyingRefused::NotOffered),
            [] => None,
            [Crypto { tag, key }] => {
                let is_it = |offer: &&Crypto| offer.tag == *tag && offer.key.suite() == key.suite();
                let offer = self.offered.iter().find(is_it).ok_or(KeyingRefused::NotOffered)?;
                let keys = SrtpKeys { ours: offer.key.clone(), theirs: key.clone() };
                Some(Agreed { tag: *tag, keys, savp: answer.savp })
            }
            [_, _, ..] => return Err(KeyingRefused::NotOffered),
        };
        if agreed.is_none() && self.policy == SrtpPolicy::Required {
            return Err(KeyingRefused::Required);
        }
        self.agreed = agreed;
        Ok(())
    }

    /// For whoever may have to come back to it: a change that the other party declines.
    pub fn agreed(&self) -> Option<Agreed> {
        self.agreed.clone()
    }

    pub fn return_to(&mut self, agreed: Option<Agreed>) {
        self.agreed = agreed;
    }

    /// `None`: plain RTP.
    pub fn keys(&self) -> Option<&SrtpKeys> {
        self.agreed.as_ref().map(|agreed| &agreed.keys)
    }
}

/// The key of an offer that is accepted under a policy, or none where that is plain RTP.
fn judge(policy: SrtpPolicy, offer: &Session) -> Result<Option<&Crypto>, KeyingRefused> {
    match (policy, offer.crypto.first()) {
        (SrtpPolicy::Off, _) if offer.savp => Err(KeyingRefused::Off),
        (SrtpPolicy::Required, None) => Err(KeyingRefused::Required),
        (SrtpPolicy::Off, _) | (SrtpPolicy::Allowed, None) => Ok(None),
        (SrtpPolicy::Allowed | SrtpPolicy::Required, Some(crypto)) => Ok(Some(crypto)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::sdp::{Direction, KeyingRefused::*, Local, Origin, offer, read};

    fn keying(policy: SrtpPolicy, seed: u8) -> Keying {
        Keying::new(policy, Entropy::from_seed([seed; 32]))
    }

    /// As the other side reads it.
    fn said(secured: Secured) -> Session {
        let local = Local {
            address: "192.0.2.1:4000".parse().unwrap(),
            codecs: crate::model::Codec::ALL.to_vec(),
            events: false,
            direction: Direction::SendRecv,
            ptime: 20,
            secured,
        };
        read(&offer(&Origin::new(1), &local, None)).unwrap().session
    }

    /// What comes of an offer of the one and the answer of the other.
    fn negotiated(caller: &mut Keying, callee: &mut Keying) -> Result<(), KeyingRefused> {
        callee.take_offer(&said(caller.offer()))?;
        caller.take_answer(&said(callee.answer()))
    }

    fn assert_mirrored(one: &Keying, other: &Keying) {
        let (one, other) = (one.keys().unwrap(), other.keys().unwrap());
        assert!(one.ours == other.theirs && one.theirs == other.ours && one.ours != one.theirs);
    }

    #[test]
    fn two_policies_make_plain_rtp_srtp_or_nothing() {
        use SrtpPolicy::{Allowed, Off, Required};
        for (caller, callee, expected) in [
            (Off, Off, Ok(false)),
            (Off, Allowed, Ok(false)),
            (Off, Required, Err(KeyingRefused::Required)),
            (Allowed, Off, Ok(false)),
            (Allowed, Allowed, Ok(true)),
            (Allowed, Required, Ok(true)),
            (Required, Off, Err(KeyingRefused::Off)),
            (Required, Allowed, Ok(true)),
            (Required, Required, Ok(true)),
        ] {
            let (mut one, mut other) = (keying(caller, 1), keying(callee, 2));
            let done = negotiated(&mut one, &mut other).map(|()| one.keys().is_some());
            assert_eq!(done, expected, "{caller} calls {callee}");
            if expected == Ok(true) {
                assert_mirrored(&one, &other);
                assert_eq!(one.keys().unwrap().ours.suite(), SrtpSuite::AeadAes256Gcm, "the strongest");
            }
        }
    }

    #[test]
    fn required_is_savp_and_allowed_is_avp_with_keys() {
        let offers =
            [SrtpPolicy::Off, SrtpPolicy::Allowed, SrtpPolicy::Required].map(|policy| keying(policy, 1).offer());
        assert_eq!(
            offers.each_ref().map(|offer| (offer.savp, offer.crypto.len())),
            [(false, 0), (false, 3), (true, 3)]
        );
        let keys = &offers[2].crypto;
        assert!(keys[1].key.material()[..16] != keys[2].key.material()[..16], "a key of its own for each suite");
    }

    #[test]
    fn a_change_of_anything_else_keeps_the_keys_whoever_asks() {
        let (mut one, mut other) = (keying(SrtpPolicy::Required, 1), keying(SrtpPolicy::Allowed, 2));
        negotiated(&mut one, &mut other).unwrap();
        let before = one.keys().cloned();
        negotiated(&mut one, &mut other).unwrap();
        assert_eq!(one.keys().cloned(), before);
        negotiated(&mut other, &mut one).unwrap();
        assert_eq!(one.keys().cloned(), before);
        assert_mirrored(&one, &other);
        assert!(other.offer().savp, "as the other side speaks");
    }

    #[test]
    fn a_new_key_or_suite_of_the_peer_is_taken_and_ours_is_new_with_the_suite() {
        let mut ours = keying(SrtpPolicy::Allowed, 1);
        let mut entropy = Entropy::from_seed([9; 32]);
        let mut offer =
            |suite| Secured { crypto: vec![Crypto { tag: 4, key: SrtpKey::random(suite, &mut entropy) }], savp: true };
        let mut keys = Vec::new();
        for suite in [SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AesCm128HmacSha1_32] {
            ours.take_offer(&said(offer(suite))).unwrap();
            assert_eq!((ours.answer().crypto[0].tag, ours.answer().savp), (4, true));
            keys.push(ours.keys().cloned().unwrap());
        }
        assert!(keys[0].ours == keys[1].ours && keys[0].theirs != keys[1].theirs);
        assert!(keys[2].ours != keys[1].ours);
        let before = ours.agreed();
        ours.take_offer(&said(Secured::default())).unwrap();
        assert_eq!(ours.keys(), None, "plain from here on");
        ours.return_to(before);
        assert_eq!(ours.keys(), Some(&keys[2]));
    }

    #[test]
    fn an_answer_names_one_key_that_was_offered() {
        let mut entropy = Entropy::from_seed([9; 32]);
        let mut crypto = |tag, suite| Crypto { tag, key: SrtpKey::random(suite, &mut entropy) };
        let [gcm, cm] = [SrtpSuite::AeadAes256Gcm, SrtpSuite::AesCm128HmacSha1_80];
        for wrong in [vec![crypto(2, gcm)], vec![crypto(9, gcm)], vec![crypto(1, gcm), crypto(2, cm)]] {
            let mut one = keying(SrtpPolicy::Allowed, 1);
            one.offer();
            let answer = said(Secured { crypto: wrong, savp: false });
            assert_eq!(one.take_answer(&answer), Err(NotOffered));
            assert_eq!(one.keys(), None);
        }
    }
}
