//! Tones at intervals (X10).

use super::*;
use crate::model::ToneAudience;

fn every_15_s(monitor_tone_audience: ToneAudience) -> Rig {
    let mut rig = Rig::new();
    rig.settings = Settings { interval_tone_s: 15, monitor_tone_audience, ..Settings::DEFAULT };
    rig.listen(Mode::Monitor).forget();
    rig
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn x10_the_tone_sounds_at_its_intervals_until_the_session_ends() {
    let mut rig = every_15_s(ToneAudience::Supervisor);
    let begun = rig.now;
    for n in 1..=3 {
        assert_eq!(rig.desk.poll_timeout(), Some(begun + 15 * n * SECOND));
        assert_eq!(rig.after(14 * SECOND).log(), "");
        assert_eq!(rig.after(SECOND).log(), "play chime");
    }
    rig.tell(Event::CallEnded { call: rig.calls[0].id }).forget();
    assert_eq!(rig.after(60 * SECOND).log(), "");
}

#[test]
fn x10_who_hears_it_is_who_hears_the_tone_at_the_start() {
    let mut rig = every_15_s(ToneAudience::Both);
    assert_eq!(rig.after(15 * SECOND).log(), "play chime\nchime for the agent");
}

#[test]
fn x10_by_default_there_is_none_and_none_in_a_whisper() {
    for (mode, settings) in
        [(Mode::Monitor, Settings::DEFAULT), (Mode::Whisper, Settings { interval_tone_s: 15, ..Settings::DEFAULT })]
    {
        let mut rig = Rig::new();
        rig.settings = settings;
        rig.listen(mode).forget();
        assert_eq!(rig.desk.poll_timeout(), None);
    }
}

#[test]
fn x10_a_change_of_mode_begins_the_intervals_anew_or_ends_them() {
    let mut rig = every_15_s(ToneAudience::Supervisor);
    rig.after(10 * SECOND).keys("5");
    assert_eq!(rig.desk.poll_timeout(), None);
    rig.keys("4").forget();
    assert_eq!(rig.after(14 * SECOND).log(), "");
    assert_eq!(rig.after(SECOND).log(), "play chime");
}
