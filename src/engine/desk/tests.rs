//! The desk, driven as the engine drives it. The rig is the rest of the world: it answers questions from `Rights` and
//! `calls`, and writes down what the desk does in a few words a line.

mod orders;
mod tones;
mod turns;

use super::*;
use crate::{
    access::right::{Grant, Rule},
    model::{Digit, Entropy, Level, ModeSet},
};
use std::time::Duration;
use ulid::Ulid;

const SUPERVISOR: &str = "3000";
const NOW_MS: u64 = 1_700_000_000_000;

struct Rig {
    desk: Desk,
    now: Instant,
    leg: LegId,
    calls: Vec<CallView>,
    terminals: BTreeMap<ExtensionNumber, Terminal>,
    settings: Settings,
    audit_works: bool,
    /// What is to be written down is not answered yet.
    scribe_is_slow: bool,
    log: Vec<String>,
}

fn number(text: &str) -> ExtensionNumber {
    text.parse().unwrap()
}

fn call(id: u128, caller: &str, callee: &str, state: CallState) -> CallView {
    let id = CallId::from(Ulid::from(id));
    CallView {
        id,
        caller: number(caller).into(),
        callee: number(callee).into(),
        state,
        since_unix_ms: NOW_MS,
        listeners: 0,
        confidential: false,
    }
}

fn editable() -> Terminal {
    let grant = Grant { level: Level::Edit, modes: ModeSet::USUAL, hours: None };
    Terminal { protected: false, rules: vec![Rule::Allow(grant)] }
}

fn stranger() -> Terminal {
    Terminal { protected: false, rules: vec![] }
}

impl Rig {
    /// Agent 1000 talks to customer 2000; the supervisor has editing rights on 1000.
    fn new() -> Self {
        let mut ids = IdMaker::new(Entropy::from_seed([1; 32]));
        let leg = ids.make(NOW_MS);
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        let now = Instant::now();
        Self {
            desk: Desk::new(IvrConfig::default(), ids),
            now,
            leg,
            calls: vec![call(1, "2000", "1000", CallState::Talking)],
            terminals: [("1000", editable()), ("2000", stranger()), (SUPERVISOR, editable())]
                .map(|(name, terminal)| (number(name), terminal))
                .into(),
            settings: Settings::default(),
            audit_works: true,
            scribe_is_slow: false,
            log: vec![],
        }
    }

    fn dial(&mut self, mode: Mode) -> &mut Self {
        let feature = FeatureDial { mode, mobile: false, short: None };
        self.tell(Event::Dialled { leg: self.leg, source: number(SUPERVISOR), trunk: None, feature });
        self.tell(Event::Answered { leg: self.leg })
    }

    fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.chars() {
            self.tell(Event::Digit { leg: self.leg, digit: Digit::try_from(key).unwrap() });
        }
        self
    }

    /// Signs in and names 1000.
    fn listen(&mut self, mode: Mode) -> &mut Self {
        self.dial(mode).keys("55#66#1000#")
    }

    fn tell(&mut self, event: Event) -> &mut Self {
        self.desk.handle(self.now, event);
        self.drain()
    }

    fn after(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.desk.handle_timeout(self.now);
        self.drain()
    }

    fn drain(&mut self) -> &mut Self {
        while let Some(output) = self.desk.poll_output() {
            match output {
                Output::Switch(command) => self.log.push(in_words(&command)),
                Output::Told(_, progress) => self.log.push(progress_in_words(progress)),
                Output::Record(row) => self.log.push(row_in_words(&row)),
                Output::RecordStart(leg, rows) => {
                    self.log.extend(rows.iter().map(row_in_words));
                    if self.scribe_is_slow {
                        continue;
                    }
                    let written = if self.audit_works { Ok(()) } else { Err(Refusal::StoreUnavailable) };
                    self.desk.reply(self.now, NOW_MS, leg, Reply::StartRecorded(written), &self.calls);
                }
                Output::RecordTurn(leg, session, row) => {
                    self.log.push(format!("{} to {}", row_in_words(&row), row.mode.unwrap()));
                    if !self.scribe_is_slow {
                        let written = if self.audit_works { Ok(()) } else { Err(Refusal::StoreUnavailable) };
                        let reply = Reply::TurnRecorded(session, written);
                        self.desk.reply(self.now, NOW_MS, leg, reply, &self.calls);
                    }
                }
                Output::Ask(leg, question) => {
                    let reply = self.reply(question);
                    self.desk.reply(self.now, NOW_MS, leg, reply, &self.calls);
                }
            }
        }
        self
    }

    fn reply(&mut self, question: Question) -> Reply {
        match question {
            Question::SignIn { dial_id, password, .. } => {
                let right = dial_id.expose() == "55" && password.expose() == "66";
                Reply::SignIn(if right { Ok(AccountId::from(Ulid::from(9))) } else { Err(Refusal::WrongPassword) })
            }
            Question::Rights { .. } => Reply::Rights(Ok(Rights {
                terminals: self.terminals.clone(),
                at: MinuteOfWeek::new(0, 12, 0),
                settings: self.settings,
            })),
        }
    }

    fn log(&mut self) -> String {
        std::mem::take(&mut self.log).join("\n")
    }

    /// What has been logged since the last look at it.
    fn forget(&mut self) -> &mut Self {
        self.log.clear();
        self
    }

    fn last_row(&self) -> &str {
        self.log.iter().rfind(|line| line.starts_with("audit")).map_or("", String::as_str)
    }

    fn attached(&self) -> bool {
        self.log.iter().any(|line| line.starts_with("attach"))
    }
}

fn in_words(command: &Command) -> String {
    match command {
        Command::CallBack { extension, .. } => format!("ring {extension}"),
        Command::Connect { number, .. } => format!("call {number}"),
        Command::Answer { .. } => "answer".into(),
        Command::Play { clips, .. } => {
            format!("play {}", clips.iter().map(|clip| clip.file_stem()).collect::<Vec<_>>().join(" "))
        }
        Command::StopPlaying { .. } => "stop".into(),
        Command::Attach { side, mode, .. } => format!("attach {mode} beside the {side:?}"),
        Command::SetMode { mode, .. } => format!("mode {mode}"),
        Command::Detach { .. } => "detach".into(),
        Command::Chime { .. } => "chime for the agent".into(),
        Command::HangUp { .. } => "hang up".into(),
    }
}

fn progress_in_words(progress: Progress) -> String {
    match progress {
        Progress::Listening(_) => "told listening".into(),
        Progress::Refused(refusal) => format!("told refused {}", refusal.as_str()),
        Progress::NotReached(why) => format!("told not reached {}", why.as_str()),
        Progress::Ringing => "told ringing".into(),
        Progress::Waiting => "told waiting".into(),
        Progress::Over => "told over".into(),
    }
}

fn row_in_words(row: &AuditEvent) -> String {
    let detail = if row.detail.is_empty() { row.outcome.as_str() } else { &row.detail };
    format!("audit {} {detail}", row.kind.as_str())
}

#[test]
fn a_monitor_is_written_down_before_its_audio_opens() {
    let mut rig = Rig::new();
    rig.listen(Mode::Monitor);
    insta::assert_snapshot!(rig.log(), @r"
    answer
    play monitor-welcome
    stop
    play password
    stop
    play extension
    stop
    audit attempt ok
    audit start ok
    attach monitor beside the Callee
    ");
}

#[test]
fn a_whisper_chimes_to_supervisor_and_agent() {
    let mut rig = Rig::new();
    rig.dial(Mode::Whisper).keys("55#66#").forget().keys("1000#");
    insta::assert_snapshot!(rig.log(), @r"
    stop
    audit attempt ok
    audit start ok
    attach whisper beside the Callee
    play chime
    chime for the agent
    ");
}

#[test]
fn without_an_audit_row_no_audio_opens() {
    let mut rig = Rig::new();
    rig.audit_works = false;
    rig.listen(Mode::Monitor);
    assert!(!rig.attached());
    assert_eq!(rig.desk.sessions().count(), 0);
}

#[test]
fn a_session_ends_the_instant_its_call_ends_and_others_do_not() {
    let mut rig = Rig::new();
    rig.listen(Mode::Monitor).forget();
    rig.tell(Event::CallEnded { call: CallId::from(Ulid::from(2)) });
    assert_eq!(rig.log(), "");
    rig.tell(Event::CallEnded { call: CallId::from(Ulid::from(1)) });
    insta::assert_snapshot!(rig.log(), @r"
    detach
    audit end call-ended
    hang up
    ");
}

#[test]
fn a_transfer_ends_the_session_with_an_announcement_and_the_end_of_the_call_behind_it_changes_nothing() {
    let mut rig = Rig::new();
    rig.listen(Mode::Whisper).forget();
    let call = CallId::from(Ulid::from(1));
    rig.tell(Event::Transferred { call }).tell(Event::CallEnded { call });
    assert_eq!(rig.desk.sessions().count(), 0);
    rig.after(spy::MAX_ANNOUNCEMENT);
    insta::assert_snapshot!(rig.log(), @r"
    detach
    audit end transferred
    play ended-by-transfer
    hang up
    ");
}

#[test]
fn a_lost_right_ends_the_session_with_an_announcement_of_three_seconds_at_most() {
    let mut rig = Rig::new();
    rig.listen(Mode::Monitor).forget();
    let session = rig.desk.sessions().next().unwrap().id;
    rig.desk.right_lost(rig.now, session);
    rig.drain().after(spy::MAX_ANNOUNCEMENT);
    insta::assert_snapshot!(rig.log(), @r"
    detach
    audit end right-lost
    play ended-by-right
    hang up
    ");
}

#[test]
fn a_supervisor_who_hangs_up_leaves_an_end_in_the_trail() {
    let mut rig = Rig::new();
    rig.listen(Mode::Monitor).forget();
    rig.tell(Event::HungUp { leg: rig.leg });
    assert_eq!(rig.log(), "detach\naudit end supervisor-hung-up");
    assert_eq!(rig.desk.sessions().count(), 0);
}

#[test]
fn every_target_that_may_not_be_heard_is_refused_with_its_own_reason_in_the_trail_alone() {
    let mut held = Rig::new();
    held.calls = vec![call(1, "2000", "1000", CallState::OnHold)];
    let mut own_call = Rig::new();
    own_call.calls = vec![call(1, SUPERVISOR, "1000", CallState::Talking)];
    let mut no_call = Rig::new();
    no_call.calls = vec![];
    let mut no_right = Rig::new();
    no_right.terminals.insert(number("1000"), stranger());
    let mut denied = Rig::new();
    denied.terminals.insert(number("1000"), Terminal { protected: false, rules: vec![Rule::Deny] });
    let mut far_end = Rig::new();
    far_end.terminals.insert(number("2000"), Terminal { protected: true, rules: vec![] });
    let mut gone = Rig::new();
    gone.terminals.remove(&number("1000"));
    for (mut rig, reason) in [
        (held, "on-hold"),
        (own_call, "own-call"),
        (no_call, "not-in-call"),
        (no_right, "no-right"),
        (denied, "denied"),
        (far_end, "protected"),
        (gone, "unknown-extension"),
    ] {
        rig.dial(Mode::Monitor).keys("55#66#").forget().keys("1000#");
        assert_eq!(rig.last_row(), format!("audit attempt {reason}"));
        assert_eq!(rig.log.last().map(String::as_str), Some("play error extension"));
    }
}

#[test]
fn ones_own_phone_an_ivr_and_an_impossible_number_are_refused() {
    for (keys, reason) in [("3000#", "own-phone"), ("12345678901234567#", "unknown-extension")] {
        let mut rig = Rig::new();
        rig.dial(Mode::Monitor).keys("55#66#").keys(keys);
        assert_eq!(rig.last_row(), format!("audit attempt {reason}"));
    }
    let mut rig = Rig::new();
    rig.calls = vec![];
    let other = LegId::from(Ulid::from(77));
    let feature = FeatureDial { mode: Mode::Monitor, mobile: false, short: None };
    rig.tell(Event::Dialled { leg: other, source: number("1000"), trunk: None, feature });
    rig.listen(Mode::Monitor);
    assert_eq!(rig.last_row(), "audit attempt not-spiable");
}

#[test]
fn an_administrator_ends_a_session_by_its_id() {
    let mut rig = Rig::new();
    rig.listen(Mode::Whisper).forget();
    let session = rig.desk.sessions().next().unwrap().id;
    assert!(rig.desk.end_session(rig.now, session));
    rig.drain();
    assert_eq!(rig.log(), "detach\naudit end ended-by-administrator\nhang up");
    assert!(!rig.desk.end_session(rig.now, session));
}

#[test]
fn a_start_that_is_still_being_written_gets_its_end_when_the_supervisor_hangs_up_or_the_engine_stops() {
    for (stops, cause) in [(false, "supervisor-hung-up"), (true, "shutdown")] {
        let mut rig = Rig::new();
        rig.scribe_is_slow = true;
        rig.listen(Mode::Monitor).forget();
        match stops {
            true => rig.desk.shut_down(rig.now),
            false => rig.desk.handle(rig.now, Event::HungUp { leg: rig.leg }),
        }
        rig.drain();
        assert_eq!(rig.log(), format!("audit end {cause}"));
        rig.desk.reply(rig.now, NOW_MS, rig.leg, Reply::StartRecorded(Ok(())), &rig.calls);
        rig.drain();
        assert!(!rig.attached());
    }
}
