//! Conversations in virtual time. A `Call` writes down what the caller did (left) and what the machine said (right).

use super::*;
use crate::model::{Entropy, IdMaker, ShortDial};
use insta::assert_snapshot;
use proptest::prelude::*;
use std::{fmt, time::Instant};

struct Call {
    ivr: Ivr,
    start: Instant,
    now: Instant,
    transcript: String,
}

impl Call {
    /// A caller of 0070 or 0071 whose call was just answered.
    fn answered(mode: Mode) -> Self {
        let mut call = Self::ringing(IvrConfig::default(), mode, None);
        call.hears("(answered)", Input::Answered);
        call
    }

    /// The same with ID 1001 and password 2468 in the dialled string.
    fn short(mode: Mode) -> Self {
        let short = ShortDial { id: Secret::new("1001"), password: Secret::new("2468") };
        let mut call = Self::ringing(IvrConfig::default(), mode, Some(short));
        call.hears("(answered)", Input::Answered);
        call
    }

    #[expect(clippy::disallowed_methods, reason = "where virtual time begins does not matter")]
    fn ringing(config: IvrConfig, mode: Mode, short: Option<ShortDial>) -> Self {
        let start = Instant::now();
        Self { ivr: Ivr::new(config, mode, short), start, now: start, transcript: String::new() }
    }

    /// Types, a tenth of a second a key.
    fn keys(&mut self, keys: &str) -> &mut Self {
        let mut said = Vec::new();
        for key in keys.chars() {
            self.now += Duration::from_millis(100);
            self.ivr.handle(self.now, Input::Digit(key.try_into().unwrap()));
            said.extend(self.drain());
        }
        self.note(keys, &said);
        self
    }

    /// The prompt comes to its end, after two seconds.
    fn played(&mut self) -> &mut Self {
        self.now += Duration::from_secs(2);
        self.hears("(played)", Input::Played)
    }

    fn signed_in(&mut self) -> &mut Self {
        self.hears("(signed in)", Input::Answer(Answer::SignedIn(account())))
    }

    fn not_signed_in(&mut self) -> &mut Self {
        self.hears("(sign-in refused)", Input::Answer(Answer::SignInRefused))
    }

    fn attached(&mut self) -> &mut Self {
        self.hears("(attached)", Input::Answer(Answer::Attached))
    }

    fn not_attached(&mut self) -> &mut Self {
        self.hears("(target refused)", Input::Answer(Answer::TargetRefused))
    }

    /// Waits until the machine wakes by itself.
    fn silence(&mut self) -> &mut Self {
        self.now = self.ivr.poll_timeout().expect("a deadline");
        self.ivr.handle_timeout(self.now);
        let said = self.drain();
        self.note("(silence)", &said);
        self
    }

    /// Time passes, and the machine has nothing to say.
    fn pause(&mut self, milliseconds: u64) -> &mut Self {
        self.now += Duration::from_millis(milliseconds);
        self.ivr.handle_timeout(self.now);
        assert!(self.drain().is_empty());
        self
    }

    fn hears(&mut self, what: &str, input: Input) -> &mut Self {
        self.ivr.handle(self.now, input);
        let said = self.drain();
        self.note(what, &said);
        self
    }

    fn drain(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.ivr.poll_output()).map(|output| told(&output)).collect()
    }

    fn note(&mut self, what: &str, said: &[String]) {
        let at = (self.now - self.start).as_secs_f32();
        let line = format!("{at:6.1}  {what:18} {}", said.join(", "));
        self.transcript.push_str(line.trim_end());
        self.transcript.push('\n');
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.transcript)
    }
}

fn told(output: &Output) -> String {
    match output {
        Output::Play(prompts) => {
            format!("play {}", prompts.iter().map(|prompt| prompt.file_stem()).collect::<Vec<_>>().join(" + "))
        }
        Output::StopPlaying => "stop".to_owned(),
        Output::Ask(Query::SignIn { dial_id, password }) => {
            format!("ask sign-in {} {}", dial_id.expose(), password.expose())
        }
        Output::Ask(Query::Attach { target, mode, .. }) => format!("ask attach {} {mode}", target.expose()),
        Output::HangUp => "hang up".to_owned(),
    }
}

fn account() -> AccountId {
    IdMaker::new(Entropy::from_seed([7; 32])).make(0)
}

/// From the answer to the question for the extension.
fn at_extension(mode: Mode) -> Call {
    let mut call = Call::answered(mode);
    call.keys("1001#2468#").signed_in();
    call.transcript.clear();
    call
}

#[test]
fn the_whole_dialogue_of_monitoring() {
    let mut call = Call::answered(Mode::Monitor);
    call.played().keys("1001#").played().keys("2468#").signed_in().played().keys("2000#").attached();
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    2.0  (played)
    2.5  1001#              play password
    4.5  (played)
    5.0  2468#              ask sign-in 1001 2468
    5.0  (signed in)        play extension
    7.0  (played)
    7.5  2000#              ask attach 2000 monitor
    7.5  (attached)
    ");
    assert!(call.ivr.is_over());
}

#[test]
fn the_whole_dialogue_of_whispering() {
    let mut call = Call::answered(Mode::Whisper);
    call.played().keys("1001#").played().keys("2468#").signed_in().played().keys("2000#").attached();
    assert_snapshot!(call, @"
    0.0  (answered)         play whisper-welcome
    2.0  (played)
    2.5  1001#              play password
    4.5  (played)
    5.0  2468#              ask sign-in 1001 2468
    5.0  (signed in)        play extension
    7.0  (played)
    7.5  2000#              ask attach 2000 whisper
    7.5  (attached)
    ");
    assert!(call.ivr.is_over());
}

#[test]
fn a_short_dial_is_asked_for_the_extension_at_once() {
    let mut call = Call::short(Mode::Whisper);
    call.signed_in().played().keys("2000#").attached();
    assert_snapshot!(call, @"
    0.0  (answered)         ask sign-in 1001 2468
    0.0  (signed in)        play extension
    2.0  (played)
    2.5  2000#              ask attach 2000 whisper
    2.5  (attached)
    ");
}

#[test]
fn a_wrong_short_dial_is_asked_for_the_id_and_has_used_one_try() {
    let mut call = Call::short(Mode::Monitor);
    call.not_signed_in().played();
    call.keys("1001#1357#").not_signed_in().keys("1001#9999#").not_signed_in().played();
    assert_snapshot!(call, @"
    0.0  (answered)         ask sign-in 1001 2468
    0.0  (sign-in refused)  play sign-in-failed + dial-id
    2.0  (played)
    3.0  1001#1357#         play password, stop, ask sign-in 1001 1357
    3.0  (sign-in refused)  play sign-in-failed + dial-id
    4.0  1001#9999#         stop, play password, stop, ask sign-in 1001 9999
    4.0  (sign-in refused)  play sign-in-failed
    6.0  (played)           hang up
    ");
    assert!(call.ivr.is_over());
}

#[test]
fn every_failed_sign_in_asks_anew_until_the_tries_are_used_up() {
    let mut call = Call::answered(Mode::Monitor);
    for _ in 0..3 {
        call.played().keys("1001#").played().keys("0#").not_signed_in();
    }
    call.keys("12#").played();
    assert_snapshot!(call, @"
     0.0  (answered)         play monitor-welcome
     2.0  (played)
     2.5  1001#              play password
     4.5  (played)
     4.7  0#                 ask sign-in 1001 0
     4.7  (sign-in refused)  play sign-in-failed + dial-id
     6.7  (played)
     7.2  1001#              play password
     9.2  (played)
     9.4  0#                 ask sign-in 1001 0
     9.4  (sign-in refused)  play sign-in-failed + dial-id
    11.4  (played)
    11.9  1001#              play password
    13.9  (played)
    14.1  0#                 ask sign-in 1001 0
    14.1  (sign-in refused)  play sign-in-failed
    14.4  12#
    16.4  (played)           hang up
    ");
}

#[test]
fn a_sign_in_may_succeed_at_the_last_try_and_the_extension_has_tries_of_its_own() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("1#1#").not_signed_in().keys("2#2#").not_signed_in().keys("3#3#").signed_in();
    call.keys("2000#").not_attached().keys("2001#").not_attached().keys("2002#").attached();
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    0.4  1#1#               stop, play password, stop, ask sign-in 1 1
    0.4  (sign-in refused)  play sign-in-failed + dial-id
    0.8  2#2#               stop, play password, stop, ask sign-in 2 2
    0.8  (sign-in refused)  play sign-in-failed + dial-id
    1.2  3#3#               stop, play password, stop, ask sign-in 3 3
    1.2  (signed in)        play extension
    1.7  2000#              stop, ask attach 2000 monitor
    1.7  (target refused)   play error + extension
    2.2  2001#              stop, ask attach 2001 monitor
    2.2  (target refused)   play error + extension
    2.7  2002#              stop, ask attach 2002 monitor
    2.7  (attached)
    ");
}

#[test]
fn every_refused_target_asks_anew_until_the_tries_are_used_up() {
    let mut call = at_extension(Mode::Monitor);
    call.played().keys("2000#").not_attached().played().keys("2001#").not_attached();
    call.played().keys("2002#").not_attached().keys("2003#").played();
    assert_snapshot!(call, @"
     3.0  (played)
     3.5  2000#              ask attach 2000 monitor
     3.5  (target refused)   play error + extension
     5.5  (played)
     6.0  2001#              ask attach 2001 monitor
     6.0  (target refused)   play error + extension
     8.0  (played)
     8.5  2002#              ask attach 2002 monitor
     8.5  (target refused)   play error
     9.0  2003#
    11.0  (played)           hang up
    ");
    assert!(call.ivr.is_over());
}

#[test]
fn a_digit_during_a_prompt_stops_it_and_counts() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("1").keys("001#").keys("2468#");
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    0.1  1                  stop
    0.5  001#               play password
    1.0  2468#              stop, ask sign-in 1001 2468
    ");
}

#[test]
fn everything_may_be_typed_ahead_of_the_sign_in_s_answer() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("1001#2468#2000#").signed_in().attached();
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    1.5  1001#2468#2000#    stop, play password, stop, ask sign-in 1001 2468
    1.5  (signed in)        ask attach 2000 monitor
    1.5  (attached)
    ");

    let mut call = Call::short(Mode::Whisper);
    call.keys("20").signed_in().keys("00#").attached();
    assert_snapshot!(call, @"
    0.0  (answered)         ask sign-in 1001 2468
    0.2  20
    0.2  (signed in)
    0.5  00#                ask attach 2000 whisper
    0.5  (attached)
    ");
}

#[test]
fn what_was_typed_ahead_of_a_refusal_goes_with_it() {
    let mut call = Call::short(Mode::Monitor);
    call.keys("2000#").not_signed_in().played().keys("1001#").keys("2468#").signed_in();
    call.keys("2000#").keys("2").not_attached().keys("001#");
    assert_snapshot!(call, @"
    0.0  (answered)         ask sign-in 1001 2468
    0.5  2000#
    0.5  (sign-in refused)  play sign-in-failed + dial-id
    2.5  (played)
    3.0  1001#              play password
    3.5  2468#              stop, ask sign-in 1001 2468
    3.5  (signed in)        play extension
    4.0  2000#              stop, ask attach 2000 monitor
    4.1  2
    4.1  (target refused)   play error + extension
    4.5  001#               stop, ask attach 001 monitor
    ");
}

#[test]
fn keys_typed_ahead_are_bounded() {
    let mut call = Call::short(Mode::Monitor);
    call.keys(&"1".repeat(40)).signed_in().keys("#");
    assert_snapshot!(call, @"
    0.0  (answered)         ask sign-in 1001 2468
    4.0  1111111111111111111111111111111111111111
    4.0  (signed in)
    4.1  #                  ask attach 11111111111111111111111111111111 monitor
    ");
}

#[test]
fn digits_that_overtake_the_ack_of_the_answer_count() {
    let mut call = Call::ringing(IvrConfig::default(), Mode::Monitor, None);
    call.keys("10").hears("(answered)", Input::Answered).keys("01#");
    assert_snapshot!(call, @"
    0.2  10
    0.2  (answered)
    0.5  01#                play password
    ");
    let short = ShortDial { id: Secret::new("1001"), password: Secret::new("2468") };
    let mut call = Call::ringing(IvrConfig::default(), Mode::Monitor, Some(short));
    call.keys("20").hears("(answered)", Input::Answered).signed_in().keys("0#");
    assert_snapshot!(call, @"
    0.2  20
    0.2  (answered)         ask sign-in 1001 2468
    0.2  (signed in)
    0.4  0#                 ask attach 200 monitor
    ");
}

#[test]
fn a_star_clears_the_entry() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("9*").keys("10*1001#").keys("*2468#").signed_in().keys("1*#");
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    0.2  9*                 stop
    1.0  10*1001#           play password
    1.6  *2468#             stop, ask sign-in 1001 2468
    1.6  (signed in)        play extension
    1.9  1*#                stop, play error + extension
    ");
}

#[test]
fn after_a_star_the_caller_has_time_for_a_first_digit_again() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("9*").pause(9_900).keys("1").silence();
    assert_snapshot!(call, @"
     0.0  (answered)         play monitor-welcome
     0.2  9*                 stop
    10.2  1
    15.2  (silence)          play sign-in-failed + dial-id
    ");
}

#[test]
fn the_letters_are_not_heard() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("ABCD").keys("1A0B0C1D#");
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    0.4  ABCD
    1.3  1A0B0C1D#          stop, play password
    ");
}

#[test]
fn the_thirty_third_digit_is_dropped_and_buys_no_time() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("1001#").keys(&"7".repeat(32)).pause(4_800).keys("8").silence();
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    0.5  1001#              stop, play password
    3.7  77777777777777777777777777777777 stop
    8.6  8
    8.7  (silence)          play sign-in-failed + dial-id
    ");

    let mut call = Call::answered(Mode::Monitor);
    call.keys(&"1".repeat(33)).keys("#2#");
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    3.3  111111111111111111111111111111111 stop
    3.6  #2#                play password, stop, ask sign-in 11111111111111111111111111111111 2
    ");
}

#[test]
fn no_first_digit_is_a_try_of_the_call() {
    let mut call = Call::answered(Mode::Monitor);
    call.played().silence().played().keys("1001#").played().silence().played().silence().played();
    assert_snapshot!(call, @"
     0.0  (answered)         play monitor-welcome
     2.0  (played)
    12.0  (silence)          play sign-in-failed + dial-id
    14.0  (played)
    14.5  1001#              play password
    16.5  (played)
    26.5  (silence)          play sign-in-failed + dial-id
    28.5  (played)
    38.5  (silence)          play sign-in-failed
    40.5  (played)           hang up
    ");

    let mut call = at_extension(Mode::Monitor);
    call.played().silence().played().silence().played().silence().played();
    assert_snapshot!(call, @"
     3.0  (played)
    13.0  (silence)          play error + extension
    15.0  (played)
    25.0  (silence)          play error + extension
    27.0  (played)
    37.0  (silence)          play error
    39.0  (played)           hang up
    ");
}

#[test]
fn no_next_digit_is_a_try_of_the_call() {
    let mut call = Call::answered(Mode::Whisper);
    call.keys("10").silence().keys("1001#").keys("24").silence().keys("10").silence().played();
    assert_snapshot!(call, @"
     0.0  (answered)         play whisper-welcome
     0.2  10                 stop
     5.2  (silence)          play sign-in-failed + dial-id
     5.7  1001#              stop, play password
     5.9  24                 stop
    10.9  (silence)          play sign-in-failed + dial-id
    11.1  10                 stop
    16.1  (silence)          play sign-in-failed
    18.1  (played)           hang up
    ");

    let mut call = at_extension(Mode::Whisper);
    call.keys("20").silence().keys("20").silence().keys("2").silence().played();
    assert_snapshot!(call, @"
     1.2  20                 stop
     6.2  (silence)          play error + extension
     6.4  20                 stop
    11.4  (silence)          play error + extension
    11.5  2                  stop
    16.5  (silence)          play error
    18.5  (played)           hang up
    ");
}

#[test]
fn an_empty_entry_is_a_try_of_the_call_and_asks_nobody() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("#").keys("1001##").keys("12*#").played();
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    0.1  #                  stop, play sign-in-failed + dial-id
    0.7  1001##             stop, play password, stop, play sign-in-failed + dial-id
    1.1  12*#               stop, play sign-in-failed
    3.1  (played)           hang up
    ");

    let mut call = at_extension(Mode::Monitor);
    call.keys("###").played();
    assert_snapshot!(call, @"
    1.3  ###                stop, play error + extension, stop, play error + extension, stop, play error
    3.3  (played)           hang up
    ");
}

#[test]
fn a_digit_just_in_time_is_in_time() {
    let mut call = Call::answered(Mode::Monitor);
    call.played().pause(9_899).keys("1").pause(4_899).keys("0").pause(4_899).keys("#");
    assert_snapshot!(call, @"
     0.0  (answered)         play monitor-welcome
     2.0  (played)
    12.0  1
    17.0  0
    22.0  #                  play password
    ");
}

#[test]
fn times_and_tries_are_configuration() {
    let config = IvrConfig {
        first_digit_timeout: Duration::from_secs(3),
        inter_digit_timeout: Duration::from_secs(1),
        max_sign_in_attempts: 2,
        max_extension_attempts: 1,
    };
    let mut call = Call::ringing(config, Mode::Monitor, None);
    call.hears("(answered)", Input::Answered).played().silence().keys("1#1#").signed_in().keys("2").silence().played();
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    2.0  (played)
    5.0  (silence)          play sign-in-failed + dial-id
    5.4  1#1#               stop, play password, stop, ask sign-in 1 1
    5.4  (signed in)        play extension
    5.5  2                  stop
    6.5  (silence)          play error
    8.5  (played)           hang up
    ");
}

#[test]
fn a_question_without_answer_fails_and_ends_the_call() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("1001#2468#").silence().signed_in().keys("2000#").played();
    assert_snapshot!(call, @"
     0.0  (answered)         play monitor-welcome
     1.0  1001#2468#         stop, play password, stop, ask sign-in 1001 2468
    11.0  (silence)          play sign-in-failed
    11.0  (signed in)
    11.5  2000#
    13.5  (played)           hang up
    ");

    let mut call = at_extension(Mode::Monitor);
    call.keys("2000#").silence().attached().played();
    assert_snapshot!(call, @"
     1.5  2000#              stop, ask attach 2000 monitor
    11.5  (silence)          play error
    11.5  (attached)
    13.5  (played)           hang up
    ");
}

#[test]
fn a_prompt_that_never_ends_is_taken_for_played() {
    let mut call = Call::answered(Mode::Monitor);
    call.silence().silence().silence().silence().keys("#").silence();
    assert_snapshot!(call, @"
      0.0  (answered)         play monitor-welcome
     60.0  (silence)
     70.0  (silence)          play sign-in-failed + dial-id
    130.0  (silence)
    140.0  (silence)          play sign-in-failed + dial-id
    140.1  #                  stop, play sign-in-failed
    200.1  (silence)          hang up
    ");
    assert!(call.ivr.is_over());
}

#[test]
fn a_late_end_of_a_stopped_prompt_changes_nothing() {
    let mut call = Call::answered(Mode::Monitor);
    call.keys("10")
        .hears("(played)", Input::Played)
        .silence()
        .keys("1#1#")
        .hears("(played)", Input::Played)
        .signed_in();
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    0.2  10                 stop
    0.2  (played)
    5.2  (silence)          play sign-in-failed + dial-id
    5.6  1#1#               stop, play password, stop, ask sign-in 1 1
    5.6  (played)
    5.6  (signed in)        play extension
    ");
}

#[test]
fn an_answer_to_another_question_changes_nothing() {
    let mut call = Call::answered(Mode::Monitor);
    call.signed_in().attached().keys("1001#2468#").attached().not_attached().signed_in();
    call.keys("2000#").signed_in().not_signed_in().hears("(answered)", Input::Answered).attached();
    assert_snapshot!(call, @"
    0.0  (answered)         play monitor-welcome
    0.0  (signed in)
    0.0  (attached)
    1.0  1001#2468#         stop, play password, stop, ask sign-in 1001 2468
    1.0  (attached)
    1.0  (target refused)
    1.0  (signed in)        play extension
    1.5  2000#              stop, ask attach 2000 monitor
    1.5  (signed in)
    1.5  (sign-in refused)
    1.5  (answered)
    1.5  (attached)
    ");
}

/// A conversation that meets every state: two failed sign-ins, a success, a refused target, an empty entry, the end.
fn eventful() -> Vec<Step> {
    let keys = |keys: &str| keys.chars().map(Step::key).collect::<Vec<_>>();
    [
        vec![Step::Answered, Step::Played],
        keys("1#"),
        vec![Step::Played],
        keys("2#3"),
        vec![Step::SignInRefused, Step::Played, Step::Wait(10_000)],
        keys("1#2#20"),
        vec![Step::SignedIn],
        keys("#"),
        vec![Step::TargetRefused],
        keys("##"),
        vec![Step::Played],
    ]
    .concat()
}

#[test]
fn after_a_hang_up_at_any_point_nothing_more_is_said_or_asked() {
    let steps = eventful();
    for last in 0..=steps.len() {
        let mut call = Call::ringing(IvrConfig::default(), Mode::Monitor, None);
        let mut witness = Witness::default();
        witnessed(&mut call, &mut witness, &steps[..last]);
        assert_eq!(call.ivr.is_over(), last == steps.len());
        witnessed(&mut call, &mut witness, &[Step::HungUp]);
        witness.hung_up = true;
        assert!(call.ivr.is_over() && call.ivr.poll_timeout().is_none());
        witnessed(&mut call, &mut witness, &steps);
        assert!(call.ivr.is_over() && call.ivr.poll_timeout().is_none());
    }
}

#[test]
fn a_hang_up_takes_back_what_was_not_yet_carried_out() {
    let mut call = Call::ringing(IvrConfig::default(), Mode::Monitor, None);
    call.ivr.handle(call.now, Input::Answered);
    "1#2#".chars().for_each(|key| call.ivr.handle(call.now, Input::Digit(key.try_into().unwrap())));
    call.ivr.handle(call.now, Input::HungUp);
    assert!(call.ivr.poll_output().is_none());
}

#[derive(Clone, Debug)]
enum Step {
    Key(u8),
    Played,
    Wait(u64),
    SignedIn,
    SignInRefused,
    Attached,
    TargetRefused,
    Answered,
    HungUp,
}

impl Step {
    fn key(key: char) -> Step {
        Step::Key(Digit::try_from(key).unwrap().event_code())
    }

    fn any() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0u8..16).prop_map(Step::Key),
            3 => Just(Step::Played),
            2 => (0u64..12_000).prop_map(Step::Wait),
            4 => Just(Step::SignedIn),
            3 => Just(Step::SignInRefused),
            1 => Just(Step::Attached),
            4 => Just(Step::TargetRefused),
            1 => Just(Step::Answered),
        ]
    }

    /// Mostly whole entries, so that conversations get somewhere.
    fn stream(parts: usize) -> impl Strategy<Value = Vec<Step>> {
        let entry = "[0-9]{1,4}#".prop_map(|keys| keys.chars().map(Step::key).collect());
        let part = prop_oneof![2 => entry, 3 => Step::any().prop_map(|step| vec![step])];
        prop::collection::vec(part, 0..parts).prop_map(|parts| parts.concat())
    }

    fn input(&self) -> Option<Input> {
        match self {
            Step::Key(code) => Digit::from_event_code(*code).map(Input::Digit),
            Step::Played => Some(Input::Played),
            Step::Wait(_) => None,
            Step::SignedIn => Some(Input::Answer(Answer::SignedIn(account()))),
            Step::SignInRefused => Some(Input::Answer(Answer::SignInRefused)),
            Step::Attached => Some(Input::Answer(Answer::Attached)),
            Step::TargetRefused => Some(Input::Answer(Answer::TargetRefused)),
            Step::Answered => Some(Input::Answered),
            Step::HungUp => Some(Input::HungUp),
        }
    }
}

/// What a machine did so far, as the engine sees it.
#[derive(Default)]
struct Witness {
    open: Option<Question>,
    sign_ins: u32,
    attaches: u32,
    hung_up: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Question {
    SignIn,
    Attach,
}

impl Witness {
    fn sees(&mut self, step: &Step) {
        let answers = match step {
            Step::SignedIn | Step::SignInRefused => Some(Question::SignIn),
            Step::Attached | Step::TargetRefused => Some(Question::Attach),
            Step::Key(_) | Step::Played | Step::Wait(_) | Step::Answered | Step::HungUp => None,
        };
        if answers.is_some() && answers == self.open {
            self.open = None;
        }
    }

    fn hears(&mut self, output: Output) {
        assert!(!self.hung_up, "something after the hang-up");
        match output {
            Output::Play(prompts) => assert!(!prompts.is_empty()),
            Output::StopPlaying => {}
            Output::Ask(query) => {
                assert_eq!(self.open, None, "two questions at once");
                self.open = Some(match query {
                    Query::SignIn { dial_id, password } => {
                        assert!(!dial_id.is_empty() && !password.is_empty());
                        self.sign_ins += 1;
                        Question::SignIn
                    }
                    Query::Attach { target, .. } => {
                        assert!(!target.is_empty());
                        self.attaches += 1;
                        Question::Attach
                    }
                });
            }
            Output::HangUp => self.hung_up = true,
        }
        assert!(self.sign_ins <= 3 && self.attaches <= 3);
    }
}

/// Feeds the steps and lets a witness see everything.
fn witnessed(call: &mut Call, witness: &mut Witness, steps: &[Step]) {
    for step in steps {
        witness.sees(step);
        match (step, step.input()) {
            (Step::Wait(milliseconds), _) => {
                call.now += Duration::from_millis(*milliseconds);
                call.ivr.handle_timeout(call.now);
            }
            (_, Some(input)) => call.ivr.handle(call.now, input),
            (_, None) => {}
        }
        while let Some(output) = call.ivr.poll_output() {
            witness.hears(output);
        }
    }
}

/// More wakes than the tries of a call can take: a prompt and a wait each, and the end.
const ENOUGH_WAKES: usize = 16;

proptest! {
    #[test]
    fn whatever_happens_questions_are_few_and_one_at_a_time_and_silence_ends_the_call(
        short: bool,
        steps in Step::stream(60),
    ) {
        let short = short.then(|| ShortDial { id: Secret::new("1"), password: Secret::new("2") });
        let mut call = Call::ringing(IvrConfig::default(), Mode::Whisper, short);
        let mut witness = Witness::default();
        witnessed(&mut call, &mut witness, &[Step::Answered]);
        witnessed(&mut call, &mut witness, &steps);
        for _ in 0..ENOUGH_WAKES {
            let Some(due) = call.ivr.poll_timeout() else { break };
            let wait = due.saturating_duration_since(call.now).as_millis() as u64 + 1;
            witnessed(&mut call, &mut witness, &[Step::Wait(wait)]);
        }
        prop_assert!(call.ivr.is_over());
    }

    #[test]
    fn whatever_happened_a_hang_up_is_the_end(
        before in Step::stream(30),
        after in Step::stream(10),
    ) {
        let mut call = Call::ringing(IvrConfig::default(), Mode::Monitor, None);
        let mut witness = Witness::default();
        witnessed(&mut call, &mut witness, &[Step::Answered]);
        witnessed(&mut call, &mut witness, &before);
        witnessed(&mut call, &mut witness, &[Step::HungUp]);
        witness.hung_up = true;
        witnessed(&mut call, &mut witness, &after);
        prop_assert!(call.ivr.is_over());
        prop_assert_eq!(call.ivr.poll_timeout(), None);
    }
}
