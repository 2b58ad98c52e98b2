use sasayaki::{
    model::{Codec, Entropy, SrtpPolicy},
    sip::sdp::{Direction, Keying, Local, Origin, answer, offer, read},
};

/// A session description: our answer to it, and our offer after it, are descriptions that we can read.
pub fn sdp(bytes: &[u8]) {
    let Ok(offered) = read(bytes) else { return };
    for policy in [SrtpPolicy::Off, SrtpPolicy::Allowed, SrtpPolicy::Required] {
        let mut keying = Keying::new(policy, Entropy::from_seed([7; 32]));
        if keying.take_offer(&offered.session).is_err() {
            continue;
        }
        let local = Local {
            address: ([192, 0, 2, 9], 30_000).into(),
            codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus],
            events: true,
            direction: Direction::SendRecv,
            ptime: 20,
            secured: keying.answer(),
        };
        if let Some(answer) = answer(&Origin::new(1), &local, &offered) {
            assert!(read(&answer).is_ok(), "our answer is nonsense");
        }
        assert!(read(&offer(&Origin::new(1), &local, Some(&offered))).is_ok(), "our offer is nonsense");
    }
    let _ = Keying::new(SrtpPolicy::Allowed, Entropy::from_seed([7; 32])).take_answer(&offered.session);
}
