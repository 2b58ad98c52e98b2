//! The desk: who talks to the phones that dialled a feature code, or are called back for a screen, from the first prompt to the
//! end of the session.
//!
//! Pure. In: what the switch tells, and the replies to what was asked. Out: commands for the switch, questions for the
//! store. It holds one `Ivr` or one `spy::Session` per leg and knows no SQL, SIP or RTP.

mod choose;
mod order;
mod rows;
#[cfg(test)]
mod tests;
mod tones;
mod turn;

use crate::{
    access::{hours::MinuteOfWeek, right::Terminal},
    dialplan::FeatureDial,
    ivr::{self, Ivr, IvrConfig},
    model::{
        AccountId, AuditEvent, AuditKind, CallId, EndCause, ExtensionNumber, Hearing, IdMaker, LegId, Mode,
        NotAnExtension, Party, Prompt, Refusal, Secret, SessionId, Settings, Side, TrunkName,
    },
    spy::{self, Act, Chime, Happening},
    switch::{CallState, CallView, Command, Event},
};
pub use choose::{AtDesk, Narrated, narrate};
use choose::{Chosen, choose};
pub use order::{Order, Progress, Way};
use order::{Ringing, Waiting};
use rows::{end_row, refused_attempt, refused_dial, session_row};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};
use tones::Tones;
use turn::Turn;

pub enum Output {
    Switch(Command),
    Ask(LegId, Question),
    /// A session's beginning, to be written down before any row that comes later; only then may audio open.
    RecordStart(LegId, Vec<AuditEvent>),
    /// A change of mode, to be written down before it is heard.
    RecordTurn(LegId, SessionId, AuditEvent),
    /// To be written down; nothing waits for it.
    Record(AuditEvent),
    /// How far an order has come.
    Told(LegId, Progress),
}

/// Side work: leaves as data, returns as a `Reply` for the same leg.
pub enum Question {
    SignIn {
        dial_id: Secret,
        password: Secret,
        source: ExtensionNumber,
        /// The mobile trunk by which the source came; `None`: its own phone.
        trunk: Option<TrunkName>,
        mode: Mode,
    },
    /// What are the account's rules about `target`, and about whoever it may be talking to?
    Rights { account: AccountId, target: ExtensionNumber, way: Way },
}

pub enum Reply {
    SignIn(Result<AccountId, Refusal>),
    Rights(Result<Rights, Refusal>),
    StartRecorded(Result<(), Refusal>),
    TurnRecorded(SessionId, Result<(), Refusal>),
}

/// What the store knows when a target was named.
pub struct Rights {
    /// The target, and whoever it may be talking to, as the account sees them. Who is missing does not exist.
    pub terminals: BTreeMap<ExtensionNumber, Terminal>,
    /// The local time at which the rights are judged.
    pub at: MinuteOfWeek,
    pub settings: Settings,
}

/// A running session as others see it.
#[derive(Clone, Debug)]
pub struct SessionView {
    pub id: SessionId,
    pub account: AccountId,
    pub supervisor: ExtensionNumber,
    pub target: ExtensionNumber,
    pub far_end: Party,
    pub call: CallId,
    pub mode: Mode,
    pub way: Way,
    pub since_unix_ms: u64,
}

pub struct Desk {
    config: IvrConfig,
    ids: IdMaker,
    guests: BTreeMap<LegId, Guest>,
    last_ticket: u64,
    outputs: VecDeque<Output>,
}

/// A phone at the desk.
struct Guest {
    source: ExtensionNumber,
    /// The mobile trunk that brought it.
    trunk: Option<TrunkName>,
    /// What it dialled for.
    mode: Mode,
    /// The play that counts; an older one's end is stale.
    ticket: u64,
    stage: Stage,
}

enum Stage {
    Talking {
        ivr: Box<Ivr>,
        wish: Option<Wish>,
    },
    /// Ordered at a screen: may it be?
    Judging(Order),
    Ringing(Ringing),
    Waiting(Waiting),
    /// `order`: of a screen. Without one it was dialled.
    Spying {
        session: spy::Session,
        view: SessionView,
        order: Option<Order>,
        turn: Option<Turn>,
        tones: Option<Tones>,
    },
}

/// A target was named; what is known of it so far.
struct Wish {
    order: Order,
    /// Chosen and being written down; its audio opens when that is done.
    start: Option<Start>,
}

struct Start {
    view: SessionView,
    side: Side,
    settings: Settings,
}

impl Start {
    /// The session that was ordered, in the call that was chosen for it.
    fn new(id: SessionId, unix_ms: u64, order: &Order, chosen: Chosen, settings: Settings) -> Self {
        let Chosen { call, side, far_end } = chosen;
        let view = SessionView {
            id,
            account: order.account,
            supervisor: order.extension.clone(),
            target: order.target.clone(),
            far_end,
            call,
            mode: order.mode,
            way: order.way,
            since_unix_ms: unix_ms,
        };
        Self { view, side, settings }
    }

    /// To be written down before its audio opens.
    fn rows(&self) -> Vec<AuditEvent> {
        [AuditKind::Attempt, AuditKind::Start].map(|kind| session_row(&self.view, kind, "")).into()
    }

    fn is_still_up(&self, calls: &[CallView]) -> bool {
        calls.iter().any(|call| call.id == self.view.call && call.state == CallState::Talking)
    }
}

impl Desk {
    pub fn new(config: IvrConfig, ids: IdMaker) -> Self {
        Self { config, ids, guests: BTreeMap::new(), last_ticket: 0, outputs: VecDeque::new() }
    }

    pub fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Dialled { leg, source, trunk, feature } => self.welcome(leg, source, trunk, feature),
            Event::Refused { source, refusal } => self.record(refused_dial(source.as_str(), refusal)),
            Event::Answered { leg } => {
                self.tell_ivr(now, leg, ivr::Input::Answered);
                self.order_answered(leg);
            }
            Event::NotReached { leg, why } => self.not_reached(leg, why),
            // Nobody who comes to the desk.
            Event::Connected { .. } => {}
            Event::Digit { leg, digit } => {
                self.tell_ivr(now, leg, ivr::Input::Digit(digit));
                self.key_pressed(leg, digit);
            }
            Event::Played { leg, ticket } => self.played(now, leg, ticket),
            Event::HungUp { leg } => self.hung_up(now, leg),
            Event::CallEnded { call } => self.call_over(now, call, Happening::CallEnded),
            Event::Transferred { call } => self.call_over(now, call, Happening::Transferred),
            Event::CallUp { caller, callee } => self.call_is_up(&caller, &callee),
        }
    }

    /// The reply to what was asked for `leg`. `calls` are the calls as they are now.
    pub fn reply(&mut self, now: Instant, unix_ms: u64, leg: LegId, reply: Reply, calls: &[CallView]) {
        match reply {
            Reply::SignIn(Ok(account)) => {
                self.tell_ivr(now, leg, ivr::Input::Answer(ivr::Answer::SignedIn(account)));
            }
            Reply::SignIn(Err(_)) => self.tell_ivr(now, leg, ivr::Input::Answer(ivr::Answer::SignInRefused)),
            Reply::Rights(rights) => match self.guests.get(&leg).map(|guest| &guest.stage) {
                Some(Stage::Talking { .. }) => self.judge(now, unix_ms, leg, rights, calls),
                Some(Stage::Judging(_)) => self.judge_order(leg, rights, calls),
                Some(Stage::Waiting(_)) => self.join(now, unix_ms, leg, rights, calls),
                Some(Stage::Spying { .. }) => self.judge_turn(leg, rights),
                Some(Stage::Ringing(_)) | None => {}
            },
            Reply::TurnRecorded(session, written) => self.turn(now, leg, session, written),
            Reply::StartRecorded(written) => match self.guests.get(&leg).map(|guest| &guest.stage) {
                Some(Stage::Waiting(_)) => self.start_ordered(now, leg, written.is_ok(), calls),
                _ => self.start(now, leg, written.is_ok(), calls),
            },
        }
    }

    /// Ends a session by an administrator's word; `false` when there is none of that id.
    pub fn end_session(&mut self, now: Instant, id: SessionId) -> bool {
        let found = self.sessions().any(|view| view.id == id);
        self.befall(now, |view| view.id == id, Happening::EndedByAdministrator);
        found
    }

    /// The right of a running session was judged again and is gone.
    pub fn right_lost(&mut self, now: Instant, id: SessionId) {
        self.befall(now, |view| view.id == id, Happening::RightLost);
    }

    /// The wall clock was set: no session is older or younger for it.
    pub fn clock_was_set(&mut self, by_ms: i64) {
        for guest in self.guests.values_mut() {
            if let Stage::Spying { view, .. } = &mut guest.stage {
                view.since_unix_ms = view.since_unix_ms.saturating_add_signed(by_ms);
            }
        }
    }

    pub fn shut_down(&mut self, now: Instant) {
        let legs: Vec<LegId> = self.guests.keys().copied().collect();
        for leg in legs {
            self.record_unopened(leg, EndCause::Shutdown);
            match self.guests.get(&leg).map(|guest| &guest.stage) {
                Some(Stage::Judging(_) | Stage::Ringing(_)) => self.dismiss(leg),
                Some(Stage::Waiting(_) | Stage::Spying { .. }) => self.happen(now, leg, Happening::Shutdown),
                Some(Stage::Talking { .. }) | None => {}
            }
        }
    }

    /// Whose phone a leg is, and the mobile trunk that brought it.
    pub fn source_of(&self, leg: LegId) -> Option<(ExtensionNumber, Option<TrunkName>)> {
        self.guests.get(&leg).map(|guest| (guest.source.clone(), guest.trunk.clone()))
    }

    /// The session of one leg.
    pub fn session_of(&self, leg: LegId) -> Option<&SessionView> {
        self.guests.get(&leg).and_then(Guest::live_session)
    }

    pub fn sessions(&self) -> impl Iterator<Item = &SessionView> {
        self.guests.values().filter_map(Guest::live_session)
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.guests.values().filter_map(Guest::poll_timeout).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |guest: &Guest| guest.poll_timeout().is_some_and(|at| at <= now);
        let legs: Vec<LegId> = self.guests.iter().filter(|(_, guest)| due(guest)).map(|(leg, _)| *leg).collect();
        for leg in legs {
            let Some(guest) = self.guests.get_mut(&leg) else { continue };
            match &mut guest.stage {
                Stage::Talking { ivr, .. } => {
                    ivr.handle_timeout(now);
                    self.drain_ivr(now, leg);
                }
                Stage::Judging(_) | Stage::Ringing(_) => {}
                Stage::Waiting(Waiting { session, .. }) | Stage::Spying { session, .. } => {
                    let acts = session.handle_timeout(now);
                    self.carry_out(leg, acts);
                    self.sound_again(now, leg);
                }
            }
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn welcome(&mut self, leg: LegId, source: ExtensionNumber, trunk: Option<TrunkName>, feature: FeatureDial) {
        let mode = feature.mode;
        let ivr = Box::new(Ivr::new(self.config, mode, feature.short));
        self.guests.insert(leg, Guest { source, trunk, mode, ticket: 0, stage: Stage::Talking { ivr, wish: None } });
        self.command(Command::Answer { leg });
    }

    fn tell_ivr(&mut self, now: Instant, leg: LegId, input: ivr::Input) {
        if let Some(Guest { stage: Stage::Talking { ivr, .. }, .. }) = self.guests.get_mut(&leg) {
            ivr.handle(now, input);
            self.drain_ivr(now, leg);
        }
    }

    fn drain_ivr(&mut self, now: Instant, leg: LegId) {
        while let Some(guest) = self.guests.get_mut(&leg) {
            let Stage::Talking { ivr, .. } = &mut guest.stage else { return };
            match ivr.poll_output() {
                None => return,
                Some(ivr::Output::Play(clips)) => self.play(leg, clips),
                Some(ivr::Output::StopPlaying) => self.command(Command::StopPlaying { leg }),
                Some(ivr::Output::HangUp) => self.dismiss(leg),
                Some(ivr::Output::Ask(ivr::Query::SignIn { dial_id, password })) => {
                    let (source, trunk, mode) = (guest.source.clone(), guest.trunk.clone(), guest.mode);
                    self.ask(leg, Question::SignIn { dial_id, password, source, trunk, mode });
                }
                Some(ivr::Output::Ask(ivr::Query::Attach { account, target, mode })) => match target.expose().parse() {
                    Ok(target) => self.wish(leg, account, target, mode),
                    Err(NotAnExtension) => self.no_such_target(now, leg, account, mode),
                },
            }
        }
    }

    fn wish(&mut self, leg: LegId, account: AccountId, target: ExtensionNumber, mode: Mode) {
        if let Some(Guest { source, stage: Stage::Talking { wish, .. }, .. }) = self.guests.get_mut(&leg) {
            let order = Order { account, extension: source.clone(), target, mode, way: Way::Keypad };
            let question = order.question();
            *wish = Some(Wish { order, start: None });
            self.ask(leg, question);
        }
    }

    /// Too many digits for any extension: refused like one that does not exist.
    fn no_such_target(&mut self, now: Instant, leg: LegId, account: AccountId, mode: Mode) {
        if let Some(guest) = self.guests.get(&leg) {
            let row = refused_attempt(guest.source.as_str(), account, None, mode, Refusal::UnknownExtension);
            self.record(row);
            self.tell_ivr(now, leg, ivr::Input::Answer(ivr::Answer::TargetRefused));
        }
    }

    fn judge(&mut self, now: Instant, unix_ms: u64, leg: LegId, rights: Result<Rights, Refusal>, calls: &[CallView]) {
        let at_desk = self.at_desk();
        let Some(Guest { stage: Stage::Talking { wish: Some(Wish { order, start }), .. }, .. }) =
            self.guests.get_mut(&leg)
        else {
            return;
        };
        let chosen = rights.and_then(|rights| Ok((choose(order, &rights, calls, &at_desk)?, rights.settings)));
        match chosen {
            Err(refusal) => {
                let row = order.refused(refusal);
                self.record(row);
                self.tell_ivr(now, leg, ivr::Input::Answer(ivr::Answer::TargetRefused));
            }
            Ok((chosen, settings)) => {
                let begun = start.insert(Start::new(self.ids.make(unix_ms), unix_ms, order, chosen, settings));
                self.outputs.push_back(Output::RecordStart(leg, begun.rows()));
            }
        }
    }

    /// Which extensions stand at the desk, and whether they listen already.
    pub fn at_desk(&self) -> Vec<AtDesk> {
        let spying = |guest: &Guest| matches!(guest.stage, Stage::Spying { .. });
        self.guests.values().map(|guest| AtDesk { number: guest.source.clone(), spying: spying(guest) }).collect()
    }

    /// The start stands in the audit trail, or does not: only if it does may audio open.
    fn start(&mut self, now: Instant, leg: LegId, written: bool, calls: &[CallView]) {
        let Some(Guest { stage: Stage::Talking { wish, .. }, .. }) = self.guests.get_mut(&leg) else { return };
        let Some(start) = wish.take().and_then(|wish| wish.start) else { return };
        if written && start.is_still_up(calls) {
            return self.open(now, leg, start);
        }
        if written {
            self.record_end(&start.view, EndCause::CallEnded);
        }
        self.tell_ivr(now, leg, ivr::Input::Answer(ivr::Answer::TargetRefused));
    }

    fn open(&mut self, now: Instant, leg: LegId, start: Start) {
        self.tell_ivr(now, leg, ivr::Input::Answer(ivr::Answer::Attached));
        let Some(guest) = self.guests.get_mut(&leg) else { return };
        if !matches!(&guest.stage, Stage::Talking { ivr, .. } if ivr.is_over()) {
            // The conversation gave up waiting; what was written as begun is over.
            return self.record_end(&start.view, EndCause::LegFailed);
        }
        guest.stage = Stage::Spying {
            session: spy::Session::default(),
            view: start.view.clone(),
            order: None,
            turn: None,
            tones: Tones::begin(now, &start),
        };
        self.attach(leg, &start);
    }

    fn attach(&mut self, leg: LegId, start: &Start) {
        let SessionView { id: session, call, mode, .. } = start.view;
        let hearing = if start.settings.card_privacy { Hearing::WithoutKeys } else { Hearing::All };
        self.command(Command::Attach { session, leg, call, side: start.side, mode, hearing });
        self.chime(leg, session, mode, &start.settings);
    }

    /// A mode begins with its tone (B1, B2).
    fn chime(&mut self, leg: LegId, session: SessionId, mode: Mode, settings: &Settings) {
        self.sound(leg, session, spy::chime(mode, settings));
    }

    fn sound(&mut self, leg: LegId, session: SessionId, chime: Chime) {
        match chime {
            Chime::Nobody => {}
            Chime::Supervisor => self.play(leg, vec![Prompt::Chime]),
            Chime::SupervisorAndAgent => {
                self.play(leg, vec![Prompt::Chime]);
                self.command(Command::Chime { session });
            }
        }
    }

    fn played(&mut self, now: Instant, leg: LegId, ticket: u64) {
        if self.guests.get(&leg).is_some_and(|guest| guest.ticket == ticket) {
            self.tell_ivr(now, leg, ivr::Input::Played);
            self.happen(now, leg, Happening::Announced);
        }
    }

    fn hung_up(&mut self, now: Instant, leg: LegId) {
        self.tell_ivr(now, leg, ivr::Input::HungUp);
        self.record_unopened(leg, EndCause::SupervisorHungUp);
        self.happen(now, leg, Happening::SupervisorHungUp);
        self.forget(leg);
    }

    /// What was written as begun, and never opened, has its end.
    fn record_unopened(&mut self, leg: LegId, cause: EndCause) {
        let start = match self.guests.get_mut(&leg).map(|guest| &mut guest.stage) {
            Some(Stage::Talking { wish, .. }) => wish.take().and_then(|wish| wish.start),
            Some(Stage::Waiting(waiting)) => waiting.start.take(),
            Some(Stage::Judging(_) | Stage::Ringing(_) | Stage::Spying { .. }) | None => None,
        };
        if let Some(start) = start {
            self.record_end(&start.view, cause);
        }
    }

    fn call_over(&mut self, now: Instant, call: CallId, what: Happening) {
        self.befall(now, |view| view.call == call, what);
        self.call_is_gone(call);
    }

    fn befall(&mut self, now: Instant, whom: impl Fn(&SessionView) -> bool, what: Happening) {
        let touched = |guest: &Guest| matches!(&guest.stage, Stage::Spying { view, .. } if whom(view));
        let legs: Vec<LegId> = self.guests.iter().filter(|(_, guest)| touched(guest)).map(|(leg, _)| *leg).collect();
        legs.into_iter().for_each(|leg| self.happen(now, leg, what));
    }

    /// Something befalls whoever is on the line for a session.
    fn happen(&mut self, now: Instant, leg: LegId, what: Happening) {
        let acts = match self.guests.get_mut(&leg).map(|guest| &mut guest.stage) {
            Some(Stage::Waiting(Waiting { session, .. }) | Stage::Spying { session, .. }) => session.handle(now, what),
            Some(Stage::Talking { .. } | Stage::Judging(_) | Stage::Ringing(_)) | None => return,
        };
        self.carry_out(leg, acts);
    }

    fn carry_out(&mut self, leg: LegId, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Announce(prompt) => self.play(leg, vec![prompt]),
                Act::HangUp => self.dismiss(leg),
                Act::Wait => self.wait_again(leg),
                Act::Detach => {
                    if let Some(session) = self.view_of(leg).map(|view| view.id) {
                        self.command(Command::Detach { session });
                    }
                }
                Act::Ended(cause) => {
                    if let Some(row) = self.view_of(leg).map(|view| end_row(view, cause)) {
                        self.record(row);
                    }
                }
            }
        }
    }

    /// The session of one leg, be it over or not.
    fn view_of(&self, leg: LegId) -> Option<&SessionView> {
        match &self.guests.get(&leg)?.stage {
            Stage::Spying { view, .. } => Some(view),
            Stage::Talking { .. } | Stage::Judging(_) | Stage::Ringing(_) | Stage::Waiting(_) => None,
        }
    }

    fn record_end(&mut self, view: &SessionView, cause: EndCause) {
        self.record(end_row(view, cause));
    }

    /// Hangs up and forgets the phone.
    fn dismiss(&mut self, leg: LegId) {
        self.forget(leg);
        self.command(Command::HangUp { leg });
    }

    fn forget(&mut self, leg: LegId) {
        if self.guests.remove(&leg).is_some_and(|guest| guest.order().is_some()) {
            self.tell(leg, Progress::Over);
        }
    }

    fn tell(&mut self, leg: LegId, progress: Progress) {
        self.outputs.push_back(Output::Told(leg, progress));
    }

    fn play(&mut self, leg: LegId, clips: Vec<Prompt>) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        if let Some(guest) = self.guests.get_mut(&leg) {
            guest.ticket = ticket;
        }
        self.command(Command::Play { leg, ticket, clips });
    }

    fn command(&mut self, command: Command) {
        self.outputs.push_back(Output::Switch(command));
    }

    fn ask(&mut self, leg: LegId, question: Question) {
        self.outputs.push_back(Output::Ask(leg, question));
    }

    fn record(&mut self, event: AuditEvent) {
        self.outputs.push_back(Output::Record(event));
    }
}

impl Guest {
    fn live_session(&self) -> Option<&SessionView> {
        match &self.stage {
            Stage::Spying { session, view, .. } if session.is_live() => Some(view),
            _ => None,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Talking { ivr, .. } => ivr.poll_timeout(),
            Stage::Waiting(Waiting { session, .. }) => session.poll_timeout(),
            Stage::Spying { session, tones, .. } if session.is_live() => tones.as_ref().map(|tones| tones.next),
            Stage::Spying { session, .. } => session.poll_timeout(),
            Stage::Judging(_) | Stage::Ringing(_) => None,
        }
    }
}
