//! Whatever comes, in whatever order.

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Run(u64),
    Bytes(usize, Vec<u8>),
    Hear(u32),
    Hold(usize, bool, bool),
    Play(usize),
    Close(usize),
    Event(usize, u16),
    Jump(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..64);
    prop_oneof![
        (0u64..120).prop_map(Step::Run),
        (0usize..4, bytes).prop_map(|(party, mut bytes)| {
            if let Some(first) = bytes.first_mut() {
                *first = 0x80 | (*first & 0x1f);
            }
            Step::Bytes(party, bytes)
        }),
        any::<u32>().prop_map(Step::Hear),
        (0usize..4, any::<bool>(), any::<bool>()).prop_map(|(party, send, receive)| Step::Hold(party, send, receive)),
        (0usize..4).prop_map(Step::Play),
        (0usize..4).prop_map(Step::Close),
        (0usize..4, any::<u16>()).prop_map(|(party, duration)| Step::Event(party, duration)),
        (0usize..4, any::<u32>()).prop_map(|(party, timestamp)| Step::Jump(party, timestamp)),
    ]
}

impl Room {
    fn take(&mut self, step: Step) {
        match step {
            Step::Run(ms) => self.run(ms),
            Step::Bytes(party, bytes) => self.bytes(party, &bytes),
            Step::Hear(mask) => {
                let pairs: Vec<_> = (0..16).filter(|bit| mask & 1 << bit != 0).map(|bit| (bit / 4, bit % 4)).collect();
                self.hear(&[0, 1, 2, 3], &pairs);
            }
            Step::Hold(party, send, receive) => {
                self.change(party, |params| (params.send, params.receive) = (send, receive))
            }
            Step::Play(party) => self.play(party, 1, &[Prompt::Chime]),
            Step::Close(party) => {
                let (leg, now) = (self.leg(party), self.now());
                self.plane.close(now, leg, &mut self.wire);
                self.parties[party].token = self.plane.open(leg).unwrap();
                self.change(party, |_| {});
            }
            Step::Event(party, duration) => self.event_packet(party, Digit::HASH, duration, false),
            Step::Jump(party, timestamp) => self.parties[party].timestamp = timestamp,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_that_comes_makes_the_plane_panic_or_leak_a_forbidden_voice(steps in proptest::collection::vec(step(), 1..60)) {
        let mut room = Room::new(2);
        room.converse();
        for step in steps {
            room.take(step);
        }
        room.hear(&[0, 1, 2, 3], &[(0, 1), (1, 0), (1, 2)]);
        (0..4).for_each(|party| room.change(party, |params| (params.send, params.receive) = (true, true)));
        room.run(1500);
        room.wire.packets.clear();
        room.run(400);
        for listener in 0..4 {
            for source in 0..4 {
                let allowed = [(0, 1), (1, 0), (1, 2)].contains(&(listener, source));
                prop_assert_eq!(room.hears(listener, source), allowed);
            }
        }
    }
}
