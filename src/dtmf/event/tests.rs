//! What senders do, row by row, and any conformant sender over a bad network.

use super::*;
use crate::dtmf::{EventSender, Receiver};
use proptest::prelude::*;

const M: bool = true;
const E: bool = true;
const NO: bool = false;

/// One packet with one event: when it comes, sequence number, timestamp, marker, code, end, duration.
type Packet = (u64, u16, u32, bool, u8, bool, u16);

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
fn origin() -> Instant {
    Instant::now()
}

fn event(code: u8, end: bool, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [code, if end { END_BIT | 10 } else { 10 }, high, low]
}

fn heard(transcript: &[Packet]) -> String {
    let start = origin();
    let mut receiver = EventReceiver::default();
    let digits = transcript.iter().flat_map(|&(ms, sequence, timestamp, marker, code, end, duration)| {
        let payload = event(code, end, duration);
        let packet = Arrival { sequence, timestamp, marker, payload: &payload };
        receiver.receive(start + Duration::from_millis(ms), &packet)
    });
    digits.map(Digit::as_char).collect()
}

#[test]
fn every_deviation_that_senders_are_known_for_gives_the_keys_that_were_pressed() {
    let table: &[(&str, &[Packet], &str)] = &[
        (
            "nothing deviates",
            &[(0, 1, 100, M, 5, NO, 160), (20, 2, 100, NO, 5, NO, 320), (40, 3, 100, NO, 5, E, 480)],
            "5",
        ),
        (
            "marker missing",
            &[(0, 1, 100, NO, 5, NO, 160), (20, 2, 100, NO, 5, NO, 320), (40, 3, 100, NO, 5, E, 480)],
            "5",
        ),
        (
            "marker missing, and the same key again",
            &[
                (0, 1, 100, NO, 5, NO, 160),
                (20, 2, 100, NO, 5, E, 480),
                (100, 3, 900, NO, 5, NO, 160),
                (120, 4, 900, NO, 5, E, 480),
            ],
            "55",
        ),
        (
            "marker on every packet",
            &[
                (0, 1, 100, M, 5, NO, 160),
                (20, 2, 100, M, 5, NO, 320),
                (40, 3, 100, M, 5, E, 480),
                (40, 4, 100, M, 5, E, 480),
                (40, 5, 100, M, 5, E, 480),
            ],
            "5",
        ),
        ("start lost", &[(40, 3, 100, NO, 5, NO, 480), (60, 4, 100, NO, 5, E, 640)], "5"),
        (
            "all but one end lost, thrice",
            &[(0, 9, 1000, NO, 1, E, 800), (200, 17, 2600, NO, 2, E, 800), (400, 25, 4200, NO, 2, E, 800)],
            "122",
        ),
        (
            "ends lost, and the same key again",
            &[
                (0, 1, 1000, M, 5, NO, 160),
                (20, 2, 1000, NO, 5, NO, 320),
                (100, 6, 1800, M, 5, NO, 160),
                (120, 7, 1800, NO, 5, E, 320),
            ],
            "55",
        ),
        (
            "ends and the next start lost, of the same key",
            &[(0, 1, 1000, M, 5, NO, 160), (20, 2, 1000, NO, 5, NO, 320), (60, 7, 1640, NO, 5, NO, 320)],
            "55",
        ),
        (
            "the start lost of the same key directly behind its ends",
            &[(40, 2, 1000, NO, 5, E, 320), (80, 4, 1000, NO, 5, E, 320), (120, 6, 1640, NO, 5, E, 320)],
            "55",
        ),
        (
            "end copies stamped anew",
            &[
                (0, 1, 1000, M, 5, NO, 160),
                (20, 2, 1000, NO, 5, NO, 320),
                (40, 3, 1480, NO, 5, E, 480),
                (60, 4, 1640, NO, 5, E, 480),
                (80, 5, 1800, NO, 5, E, 480),
                (300, 6, 3400, M, 5, NO, 160),
                (320, 7, 3720, NO, 5, E, 320),
                (320, 8, 3720, NO, 5, E, 320),
            ],
            "55",
        ),
        (
            "end copies stamped anew, all in one moment, one of them lost and one late",
            &[
                (0, 1, 1000, M, 5, NO, 160),
                (20, 2, 1000, NO, 5, NO, 320),
                (40, 3, 1000, NO, 5, E, 480),
                (40, 5, 1320, NO, 5, E, 480),
                (45, 4, 1160, NO, 5, E, 480),
            ],
            "5",
        ),
        (
            "every packet stamped anew",
            &[
                (0, 1, 1000, M, 5, NO, 160),
                (20, 2, 1160, NO, 5, NO, 320),
                (40, 3, 1320, NO, 5, NO, 480),
                (60, 4, 1480, NO, 5, E, 640),
            ],
            "5",
        ),
        (
            "a timestamp that leaps back without a marker is a stream that begins anew",
            &[(0, 1, 9000, M, 5, NO, 160), (20, 2, 1000, NO, 5, E, 320), (80, 3, 9500, NO, 5, NO, 160)],
            "555",
        ),
        (
            "first duration zero",
            &[(0, 1, 100, M, 5, NO, 0), (20, 2, 100, NO, 5, NO, 160), (40, 3, 100, NO, 5, E, 320)],
            "5",
        ),
        (
            "every duration zero",
            &[
                (0, 1, 100, M, 5, NO, 0),
                (20, 2, 100, NO, 5, NO, 0),
                (40, 3, 100, NO, 5, E, 0),
                (90, 9, 900, M, 5, E, 0),
            ],
            "55",
        ),
        (
            "timestamp standing still from key to key",
            &[
                (0, 1, 1000, M, 5, NO, 160),
                (20, 2, 1000, NO, 5, E, 320),
                (20, 3, 1000, NO, 5, E, 320),
                (200, 4, 1000, M, 5, NO, 160),
                (220, 5, 1000, NO, 5, E, 320),
                (400, 6, 1000, M, 6, NO, 160),
            ],
            "556",
        ),
        (
            "reordering, and late packets of earlier presses",
            &[
                (0, 2, 1000, NO, 1, NO, 320),
                (1, 1, 1000, M, 1, NO, 160),
                (100, 3, 1000, NO, 1, E, 800),
                (200, 6, 2600, M, 2, NO, 160),
                (205, 4, 1000, NO, 1, E, 800),
                (220, 8, 2600, NO, 2, E, 320),
                (221, 7, 2600, NO, 2, NO, 240),
                (300, 9, 3400, M, 1, NO, 160),
                (301, 5, 1000, NO, 1, E, 800),
                (320, 10, 3400, NO, 1, E, 320),
            ],
            "121",
        ),
        (
            "duplication",
            &[
                (0, 1, 100, M, 5, NO, 160),
                (0, 1, 100, M, 5, NO, 160),
                (20, 2, 100, NO, 5, E, 320),
                (25, 1, 100, M, 5, NO, 160),
                (90, 2, 100, NO, 5, E, 320),
                (100, 5, 900, M, 5, NO, 160),
                (160, 2, 100, NO, 5, E, 320),
            ],
            "55",
        ),
        (
            "interleaved audio",
            &[
                (0, 1, 1000, M, 5, NO, 160),
                (20, 3, 1000, NO, 5, NO, 320),
                (40, 5, 1000, NO, 5, E, 480),
                (60, 7, 1000, NO, 5, E, 480),
                (120, 11, 1960, M, 5, NO, 160),
                (140, 13, 1960, NO, 5, E, 320),
            ],
            "55",
        ),
        (
            "clock of 16 kHz",
            &[
                (0, 1, 9600, M, 5, NO, 320),
                (20, 2, 9600, NO, 5, E, 640),
                (80, 3, 10_880, M, 5, NO, 320),
                (100, 4, 10_880, NO, 5, E, 640),
            ],
            "55",
        ),
        (
            "clock of 48 kHz",
            &[
                (0, 1, 48_000, M, 5, NO, 960),
                (20, 2, 48_000, NO, 5, NO, 1920),
                (40, 3, 48_000, NO, 5, E, 2880),
                (60, 4, 48_000, NO, 5, E, 2880),
                (120, 7, 53_760, M, 5, NO, 960),
                (140, 8, 53_760, NO, 5, E, 1920),
            ],
            "55",
        ),
        (
            "durations of 8 kHz under timestamps of 48 kHz",
            &[(0, 1, 48_000, M, 5, NO, 160), (20, 2, 48_000, NO, 5, E, 320), (80, 5, 51_840, M, 5, NO, 160)],
            "55",
        ),
        (
            "durations of 48 kHz under timestamps of 8 kHz",
            &[(0, 1, 8000, M, 5, NO, 960), (40, 3, 8000, NO, 5, E, 2880), (80, 6, 8640, M, 5, NO, 960)],
            "55",
        ),
        (
            "a new segment, of which the start was lost, as was most of the first",
            &[(0, 1, 1000, M, 0, NO, 160), (8400, 430, 66_535, NO, 0, NO, 1600), (8420, 431, 66_535, NO, 0, E, 1760)],
            "0",
        ),
        (
            "three segments of 48 kHz, of which the second was lost",
            &[(0, 1, 1000, M, 0, NO, 960), (2800, 143, 132_070, NO, 0, E, 3360), (3000, 153, 144_000, M, 0, NO, 960)],
            "00",
        ),
        (
            "a new segment stamped a little early",
            &[
                (8100, 406, 1000, NO, 0, NO, 64_960),
                (8120, 407, 1000, NO, 0, NO, 65_120),
                (8180, 410, 66_280, NO, 0, NO, 160),
                (8200, 411, 66_280, NO, 0, E, 320),
            ],
            "0",
        ),
        (
            "a long press of which the ends were lost, and the same key again without its start",
            &[(3880, 194, 1000, NO, 5, NO, 62_080), (3940, 198, 63_720, NO, 5, NO, 320)],
            "55",
        ),
        (
            "a new segment before the last packet of the full one",
            &[
                (8160, 409, 1000, NO, 0, NO, 65_440),
                (8200, 411, 66_535, NO, 0, NO, 160),
                (8201, 410, 1000, NO, 0, NO, 65_535),
                (8220, 412, 66_535, NO, 0, E, 320),
            ],
            "0",
        ),
        (
            "flash, tones and states, between the packets of a key",
            &[
                (0, 1, 1000, M, 5, NO, 160),
                (10, 2, 1000, NO, 16, NO, 160),
                (15, 3, 1000, NO, 144, NO, 160),
                (20, 4, 1000, NO, 255, E, 0),
                (40, 5, 1000, NO, 5, E, 480),
            ],
            "5",
        ),
        (
            "A to D, star and hash",
            &[
                (0, 1, 0, M, 12, E, 800),
                (200, 2, 1600, M, 13, E, 800),
                (400, 3, 3200, M, 14, E, 800),
                (600, 4, 4800, M, 15, E, 800),
                (800, 5, 6400, M, 10, E, 800),
                (1000, 6, 8000, M, 11, E, 800),
            ],
            "ABCD*#",
        ),
        (
            "timestamps and sequence numbers that wrap",
            &[
                (0, 65_534, u32::MAX - 80, M, 5, NO, 160),
                (20, 65_535, u32::MAX - 80, NO, 5, E, 320),
                (40, 0, u32::MAX - 80, NO, 5, E, 320),
                (80, 2, 559, M, 5, NO, 160),
            ],
            "55",
        ),
        (
            "a stream that begins anew, as after a re-INVITE, within a key and between two",
            &[
                (0, 1, 1000, M, 5, NO, 160),
                (20, 40_000, 777_000, M, 6, NO, 160),
                (40, 40_001, 777_000, NO, 6, E, 320),
                (160, 7, 31, M, 6, NO, 160),
            ],
            "566",
        ),
    ];
    for (name, transcript, keys) in table {
        assert_eq!(heard(transcript), *keys, "{name}");
    }
}

#[test]
fn a_key_is_told_at_its_first_packet() {
    let start = origin();
    let mut receiver = EventReceiver::default();
    let press = EventSender::new(Digit::HASH, 8000, Duration::from_millis(100));
    let told: Vec<usize> = press
        .zip(0u16..)
        .map(|(packet, n)| {
            let (timestamp, marker, payload) = (packet.timestamp, packet.marker, &packet.payload);
            let packet = Arrival { sequence: n, timestamp, marker, payload };
            receiver.receive(start + u32::from(n) * Duration::from_millis(20), &packet).len()
        })
        .collect();
    assert_eq!(told, [1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_key_held_beyond_the_duration_field_is_one_through_all_its_segments() {
    let segment = |nth: u32, n: u16, end: bool| {
        let ms = u64::from(nth) * 8192 + u64::from(n) * 20;
        (
            ms,
            nth as u16 * 410 + n,
            1000 + nth * FULL,
            nth == 0 && n == 0,
            0,
            end,
            ((u32::from(n) + 1) * 160).min(FULL) as u16,
        )
    };
    let held = (0..3).flat_map(|nth| (0..410).map(move |n| segment(nth, n, false)));
    let transcript: Vec<Packet> = held.chain([segment(3, 0, false), segment(3, 1, true)]).collect();
    assert_eq!(heard(&transcript), "0");
}

/// The keys of payloads that come 20 ms apart in one stream, each with its timestamp and marker.
fn packed(packets: &[(u32, bool, &[u8])]) -> String {
    let start = origin();
    let mut receiver = EventReceiver::default();
    let keys = packets.iter().zip(0u16..).flat_map(|(&(timestamp, marker, payload), sequence)| {
        let now = start + u32::from(sequence) * Duration::from_millis(20);
        receiver.receive(now, &Arrival { sequence, timestamp, marker, payload })
    });
    keys.map(Digit::as_char).collect()
}

#[test]
fn several_events_in_one_packet_are_so_many_keys() {
    let [one, two, again] = [event(1, true, 400), event(2, true, 320), event(2, false, 80)];
    assert_eq!(packed(&[(1000, M, &[one, two].concat())]), "12");
    let growing = event(2, false, 240);
    assert_eq!(packed(&[(1000, M, &[one, again].concat()), (1400, NO, &growing)]), "12");
    assert_eq!(packed(&[(1000, M, &event(1, false, 160)), (1000, NO, &[one, again].concat()), (1400, NO, &two)]), "12");
    assert_eq!(
        packed(&[(1000, M, &[two, again].concat()), (1000, NO, &[two, growing].concat())]),
        "22",
        "the same twice"
    );
}

#[test]
fn a_packet_of_several_events_that_comes_twice_adds_no_key_though_all_that_is_remembered_is_older() {
    let presses: Vec<[u8; 4]> = (0..MAX_PRESSES as u8).map(|code| event(code, true, 800)).collect();
    let mut packets: Vec<(u32, bool, &[u8])> =
        presses.iter().zip(0..).map(|(press, n)| (n * 1600, M, press.as_slice())).collect();
    let several = [presses[0], event(9, true, 80), event(10, true, 80), event(11, true, 80)].concat();
    packets.extend([(0, NO, several.as_slice()); 2]);
    assert_eq!(packed(&packets), "012345679*#");
}

#[test]
fn padding_behind_an_event_is_no_key() {
    for padding in [&[0; 3][..], &[0; 4], &[0; 12], &[9, 9, 9], &[3, 138, 0, 0]] {
        assert_eq!(packed(&[(1000, M, &[&event(1, true, 400), padding].concat())]), "1");
    }
    assert_eq!(packed(&[(1000, M, &[event(1, false, 400), event(2, false, 80)].concat())]), "1", "one has not ended");
    assert_eq!(packed(&[(1000, M, &[5, 10, 0])]), "", "too short");
}

#[test]
fn a_packet_stuffed_with_events_gives_only_a_few() {
    let stuffed: Vec<u8> = (0..255).flat_map(|n| event(n % 16, true, 80)).collect();
    assert_eq!(packed(&[(1000, M, &stuffed)]).len(), MAX_EVENTS);
}

/// One press as its sender makes it, and what the network does to each of its packets.
#[derive(Clone, Debug)]
struct Pressed {
    code: u8,
    held_ms: u32,
    pause_ms: u32,
    /// Audio in the pause, as packets.
    audio: bool,
    /// The packet that is not lost whatever happens.
    survivor: usize,
    /// By packet, in turn: lost, how late in milliseconds, and how late its copy comes, if one does.
    fates: Vec<(bool, u64, Option<u64>)>,
}

fn pressed() -> impl Strategy<Value = Pressed> {
    let code = prop_oneof![Just(5), 0u8..16];
    let held_ms = prop_oneof![5 => 40u32..80, 4 => 80u32..250, 1 => 8100u32..16_500];
    let pause_ms = prop_oneof![40u32..60, 60u32..300];
    let fate =
        (proptest::bool::weighted(0.8), prop_oneof![Just(0), Just(60), 0u64..=60], proptest::option::of(0u64..=60));
    let fates = proptest::collection::vec(fate, 1..40);
    (code, held_ms, pause_ms, any::<bool>(), any::<usize>(), fates).prop_map(
        |(code, held_ms, pause_ms, audio, survivor, fates)| Pressed { code, held_ms, pause_ms, audio, survivor, fates },
    )
}

/// A sender that obeys RFC 4733 §2.5.1: how its clock runs and how often it reports.
#[derive(Clone, Copy, Debug)]
struct Sender {
    khz: u32,
    period_ms: u32,
    sequence: u16,
    timestamp: u32,
}

/// What is sent at so many milliseconds.
struct Sent {
    ms: u64,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: [u8; 4],
}

impl Sender {
    /// The packets of a press that begins at `ms`: segments without an end bit, and the end three times if the next press
    /// leaves the time.
    fn press(&mut self, ms: u64, press: &Pressed) -> Vec<Sent> {
        let reports = press.held_ms.div_ceil(self.period_ms);
        (1..=reports + 2.min(press.pause_ms / self.period_ms))
            .map(|n| {
                let so_far = (n * self.period_ms).min(press.held_ms) * self.khz;
                let begun = (so_far - 1) / FULL * FULL;
                self.sequence = self.sequence.wrapping_add(1);
                Sent {
                    ms: ms + u64::from(n * self.period_ms),
                    sequence: self.sequence,
                    timestamp: self.timestamp.wrapping_add(begun),
                    marker: n == 1,
                    payload: event(press.code, n >= reports, (so_far - begun) as u16),
                }
            })
            .collect()
    }

    /// The pause behind a press, with or without audio in it.
    fn pause(&mut self, press: &Pressed) {
        self.timestamp = self.timestamp.wrapping_add((press.held_ms + press.pause_ms) * self.khz);
        if press.audio {
            self.sequence = self.sequence.wrapping_add((press.pause_ms / 20) as u16);
        }
    }
}

/// What the network delivers of all presses, in the order of its coming.
fn delivered(mut sender: Sender, presses: &[Pressed]) -> Vec<(u64, Sent)> {
    let mut came = Vec::new();
    let mut ms = 1000;
    for press in presses {
        let sent = sender.press(ms, press);
        let survivor = press.survivor % sent.len();
        for (n, packet) in sent.into_iter().enumerate() {
            let (lost, late_ms, copy) = press.fates[n % press.fates.len()];
            if lost && n != survivor {
                continue;
            }
            if let Some(late_ms) = copy {
                came.push((packet.ms + late_ms, Sent { ..packet }));
            }
            came.push((packet.ms + late_ms, packet));
        }
        sender.pause(press);
        ms += u64::from(press.held_ms + press.pause_ms);
    }
    came.sort_by_key(|(ms, _)| *ms);
    came
}

proptest! {
    #[test]
    fn no_packets_make_it_panic(packets: Vec<(u16, u16, u32, bool, Vec<u8>)>) {
        let start = origin();
        let mut receiver = EventReceiver::default();
        for (ms, sequence, timestamp, marker, payload) in packets {
            let packet = Arrival { sequence, timestamp, marker, payload: &payload };
            let _ = receiver.receive(start + Duration::from_millis(ms.into()), &packet);
        }
    }

    #[test]
    fn loss_that_leaves_one_packet_of_each_press_reordering_within_60_ms_and_duplication_cost_nothing(
        presses in proptest::collection::vec(pressed(), 1..12),
        khz in prop::sample::select(vec![8u32, 16, 48]),
        period_ms in prop::sample::select(vec![10u32, 20, 40, 50]),
        sequence: u16,
        timestamp: u32,
    ) {
        let start = origin();
        let mut receiver = Receiver::new();
        let mut heard = String::new();
        let came = delivered(Sender { khz, period_ms, sequence, timestamp }, &presses);
        let last = came.last().map_or(0, |(ms, _)| *ms);
        let mut came = came.iter().peekable();
        for ms in 0..=last + 60 {
            let now = start + Duration::from_millis(ms);
            while let Some((_, Sent { sequence, timestamp, marker, payload, .. })) = came.next_if(|(at, _)| *at == ms) {
                let packet = Arrival { sequence: *sequence, timestamp: *timestamp, marker: *marker, payload };
                receiver.event(now, &packet);
            }
            heard.extend(std::iter::from_fn(|| receiver.poll(now)).map(|key| key.digit.as_char()));
        }
        let keys: String = presses.iter().map(|press| Digit::from_event_code(press.code).unwrap().as_char()).collect();
        prop_assert_eq!(heard, keys);
    }
}
