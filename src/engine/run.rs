mod asked;

use super::{
    clock,
    control::{Answer, Hearing, Listen},
    desk::{self, Desk, Order, Reply, SessionView},
    figures::SignIns,
    ledger::Ledger,
    news,
    notary::{HeadExport, Notary},
    orders::Orders,
    ports::LegOpener,
    redial::{NoRedial, Redial, Redials},
    scribe::Scribe,
    selftest::NoTest,
    snapshot::{bindings, directory, kept},
    socket::{self, Asked, Handle},
    trunks::{self, Addresses, Found},
    work,
};
use crate::{
    audit::Trail,
    dialplan::DialPlan,
    ivr::IvrConfig,
    media::{self, clip::Clips, port::Media, ports::Ports},
    model::{AuditEvent, CallEnding, Codec, EndCause, Entropy, IdMaker, LegId, Refusal, SecurityEvent, SessionId},
    sip::{
        Endpoint, EndpointConfig, Registrar, RegistrarConfig, Transport,
        digest::{Algorithm, Authenticator},
        transport::{Inbound, Tls, Transports},
    },
    store::{self, Store, keys::os_random},
    switch::embedded::{self, Directory, Embedded, Now, Parts},
};
use anyhow::Context;
use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Interval, interval, interval_at, sleep_until},
};

/// How long a phone rings before the caller hears that nobody answers.
const RING_TIMEOUT: Duration = Duration::from_secs(60);

/// How often the rights of running sessions are judged again though nobody changed them: hours pass.
const RECHECK_INTERVAL: Duration = Duration::from_secs(30);

/// How long a shutdown waits for the media thread to tell how the last calls were, and for registrars to let us go.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Replies of side work that may wait for the loop.
const MAX_REPLIES: usize = 4096;

/// Messages that are taken in a row before what else happens has its turn.
const MESSAGES_AT_ONCE: usize = 64;

/// With nothing due, the loop still wakes this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

pub struct Options {
    pub listen: Vec<(Transport, SocketAddr)>,
    pub tls: Tls,
    pub domain: String,
    pub digest: Vec<Algorithm>,
    pub advertise: Option<IpAddr>,
    pub rtp: Ports,
    /// How long nothing may come of a phone that should be sending before its call ends; `None`: for ever.
    pub rtp_patience: Option<Duration>,
    pub codecs: Vec<Codec>,
    pub dialplan: DialPlan,
    pub clips: Arc<Clips>,
    pub ivr: IvrConfig,
    pub max_concurrent: usize,
    /// How long a call's record is kept; `None`: for good.
    pub keep_calls: Option<Duration>,
    pub control_socket: PathBuf,
    pub audit: HeadExport,
    /// How often who hears whom is tried (X8); `None`: when somebody asks.
    pub selftest_every: Option<Duration>,
    /// After the signal to stop: how long running calls may go on.
    pub drain: Duration,
}

/// A started engine: its sockets are bound, its phones are known.
pub struct Engine {
    switch: Embedded<LegOpener>,
    desk: Desk,
    orders: Orders,
    redials: Redials,
    store: Store,
    media: Arc<Media>,
    ports: LegOpener,
    transports: Transports,
    scribe: Scribe,
    scribe_task: JoinHandle<()>,
    ledger: Ledger,
    ledger_task: JoinHandle<()>,
    notary: Notary,
    notary_task: JoinHandle<()>,
    inbound: mpsc::Receiver<Inbound>,
    media_events: mpsc::Receiver<media::Event>,
    done: mpsc::Sender<Done>,
    work_done: mpsc::Receiver<Done>,
    handle: Handle,
    turns: watch::Sender<u64>,
    asked: mpsc::Receiver<Asked>,
    sign_ins: SignIns,
    news: mpsc::Receiver<Vec<store::Change>>,
    poke: Arc<Notify>,
    recheck: Interval,
    selftest: Option<Interval>,
    testing: bool,
    entropy: Entropy,
    watch: clock::Watch,
    reading: Reading,
    reading_trunks: Reading,
    addresses: Addresses,
    drain: Duration,
    control_socket: PathBuf,
}

/// The reading of the extensions, or of the trunks.
enum Reading {
    Done,
    Running,
    /// Something changed since it began.
    Outdated,
    Failed,
}

impl Reading {
    /// Whether to begin one: one at a time, so that an older one never replaces a newer.
    fn begin(&mut self) -> bool {
        let idle = self.is_idle();
        *self = if idle { Reading::Running } else { Reading::Outdated };
        idle
    }

    /// Whether it has to be read once more.
    fn end(&mut self, succeeded: bool) -> bool {
        let outdated = matches!(self, Reading::Outdated);
        *self = if succeeded { Reading::Done } else { Reading::Failed };
        outdated
    }

    fn is_idle(&self) -> bool {
        matches!(self, Reading::Done | Reading::Failed)
    }
}

/// Side work that is finished.
enum Done {
    Reply(LegId, Reply),
    Directory(store::Result<Directory>),
    Trunks(store::Result<Vec<Found>>),
    RightLost(SessionId),
    SelfTest(Result<Vec<Hearing>, NoTest>, Option<oneshot::Sender<Answer>>),
    Redial(Result<Redial, NoRedial>, oneshot::Sender<Answer>),
    /// May the screen have a phone rung?
    Order(Listen, Result<(String, Order), Refusal>, oneshot::Sender<Answer>),
}

impl Engine {
    /// Binds, loads and starts everything, or says what stands in the way.
    pub async fn start(options: Options, store: Store) -> anyhow::Result<Engine> {
        let mut entropy = Entropy::from_seed(os_random());
        let (transports, inbound) = Transports::bind(&options.listen, options.tls)?;
        let (handle, asked) = socket::listen(&options.control_socket)?;
        let left = store.end_open_sessions(clock::now().unix_ms, EndCause::EngineDied).await?;
        if left > 0 {
            tracing::warn!(sessions = left, "the last run was cut off: its sessions are written down as ended");
        }
        let left = store.end_open_calls(clock::now().unix_ms, CallEnding::EngineDied).await?;
        if left > 0 {
            tracing::warn!(calls = left, "the last run was cut off: its calls are written down as ended");
        }
        let (media, media_events) = Media::start(options.clips, entropy.fork(), options.rtp_patience)
            .context("cannot start the media thread")?;
        let media = Arc::new(media);
        // Followed before anything is read, so that no change falls between.
        let poke = Arc::new(Notify::new());
        let news = news::follow(store.clone(), Arc::clone(&poke)).await?;
        let mut registrar = Registrar::new(RegistrarConfig::default());
        registrar.load(bindings(&store, clock::now().unix_ms).await?);
        let ports = LegOpener::new(options.rtp, Arc::clone(&media));
        let switch = Embedded::new(Parts {
            config: embedded::Config {
                domain: options.domain.clone(),
                digest: options.digest,
                advertise: options.advertise,
                codecs: options.codecs,
                ring_timeout: RING_TIMEOUT,
                max_concurrent: options.max_concurrent,
            },
            dialplan: options.dialplan,
            directory: directory(&store).await?,
            endpoint: Endpoint::new(
                EndpointConfig { advertise: options.advertise, ..EndpointConfig::default() },
                entropy.fork(),
            ),
            registrar,
            authenticator: Authenticator::new(options.domain, os_random()),
            ports: ports.clone(),
            entropy: entropy.fork(),
        });
        let (scribe, scribe_task) = Scribe::start(store.clone());
        let (ledger, ledger_task) = Ledger::start(store.clone(), options.keep_calls);
        let notary = Notary::new(Trail::new(store.clone()), options.audit);
        let notary_task = notary.clone().start();
        let (done, work_done) = mpsc::channel(MAX_REPLIES);
        Ok(Engine {
            switch,
            desk: Desk::new(options.ivr, IdMaker::new(entropy.fork())),
            orders: Orders::default(),
            redials: Redials::new(IdMaker::new(entropy.fork())),
            store,
            media,
            ports,
            transports,
            scribe,
            scribe_task,
            ledger,
            ledger_task,
            notary,
            notary_task,
            inbound,
            media_events,
            done,
            work_done,
            handle,
            turns: watch::Sender::new(0),
            asked,
            sign_ins: SignIns::default(),
            news,
            poke,
            recheck: interval(RECHECK_INTERVAL),
            selftest: options.selftest_every.map(|every| interval_at((clock::now().instant + every).into(), every)),
            testing: false,
            entropy,
            watch: clock::Watch::new(clock::now()),
            reading: Reading::Done,
            reading_trunks: Reading::Failed,
            addresses: Addresses::default(),
            drain: options.drain,
            control_socket: options.control_socket,
        })
    }

    /// The address that a transport listens on, the port filled in.
    pub fn local(&self, transport: Transport) -> Option<SocketAddr> {
        self.transports.local(transport)
    }

    /// The number from which phones are called back.
    pub fn callback_number(&self) -> &str {
        self.switch.callback_number()
    }

    /// By which the rest of the process asks it, for as long as it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Changes whenever something may have changed that others can ask about.
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }

    /// Runs until `stop` is ready, then lets running calls end by themselves, for as long as the drain allows.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = self.step() => {}
            }
        }
        self.switch.drain(clock::now());
        tracing::info!(calls = self.switch.calls().len(), "stopping: no new calls, running ones may end by themselves");
        let deadline = clock::now().instant + self.drain;
        while !self.switch.is_idle() && clock::now().instant < deadline {
            tokio::select! {
                () = sleep_until(deadline.into()) => break,
                () = self.step() => {}
            }
        }
        self.shut_down().await;
    }

    async fn shut_down(mut self) {
        let now = clock::now();
        self.desk.shut_down(now.instant);
        self.carry_out(now);
        self.switch.hang_up_everybody(now);
        self.carry_out(now);
        self.hear_last_words().await;
        // The last thing written is the end of the last session; nobody may hold a pen after it.
        let Engine { scribe, scribe_task, ledger, ledger_task, notary, notary_task, .. } = self;
        let Engine { control_socket, store, transports, media, .. } = self;
        drop((scribe, ledger));
        let _ = scribe_task.await;
        let _ = ledger_task.await;
        notary_task.abort();
        let _ = notary_task.await;
        notary.work().await;
        store.close().await;
        let _ = std::fs::remove_file(control_socket);
        drop((transports, media));
        tracing::info!("stopped");
    }

    /// The media thread tells it of each call that was just ended, and registrars that they have let us go.
    async fn hear_last_words(&mut self) {
        let deadline = clock::now().instant + LAST_WORDS;
        while !self.switch.is_settled() {
            tokio::select! {
                () = sleep_until(deadline.into()) => return,
                Some(event) = self.media_events.recv() => self.switch.media_event(clock::now(), event),
                Some(inbound) = self.inbound.recv() => self.receive(inbound),
            }
            self.carry_out(clock::now());
        }
    }

    /// Waits for the next thing to happen and lets it have its effect.
    async fn step(&mut self) {
        let wake = self.poll_timeout().unwrap_or_else(|| clock::now().instant + LONGEST_SLEEP);
        tokio::select! {
            Some(inbound) = self.inbound.recv() => self.receive_all(inbound),
            Some(event) = self.media_events.recv() => {
                let now = self.now();
                self.switch.media_event(now, event);
            }
            Some(done) = self.work_done.recv() => self.take(done),
            Some(asked) = self.asked.recv() => self.asked(asked),
            Some(changes) = self.news.recv() => self.changed(&changes),
            _ = self.recheck.tick() => self.recheck(),
            () = tick(&mut self.selftest) => self.test_itself(None),
            () = sleep_until(wake.into()) => {}
        }
        let now = self.now();
        self.switch.handle_timeout(now);
        self.desk.handle_timeout(now.instant);
        self.carry_out(now);
    }

    /// What the clocks say. One that was set is told of before anything is judged by it.
    fn now(&mut self) -> Now {
        let now = clock::now();
        if let Some(by_ms) = self.watch.look(now) {
            tracing::warn!(event = "clock-set", by_ms, "the wall clock was set: calls and registrations go on");
            self.switch.clock_was_set(by_ms);
            self.desk.clock_was_set(by_ms);
        }
        now
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.switch.poll_timeout(), self.desk.poll_timeout()].into_iter().flatten().min()
    }

    /// A message, and those that wait behind it.
    fn receive_all(&mut self, first: Inbound) {
        self.receive(first);
        for _ in 1..MESSAGES_AT_ONCE {
            let Ok(next) = self.inbound.try_recv() else { return };
            let now = self.now();
            self.carry_out(now);
            self.receive(next);
        }
    }

    fn receive(&mut self, inbound: Inbound) {
        let now = self.now();
        match inbound {
            Inbound::Message { flow, bytes } => self.switch.receive(now, flow, &bytes),
            Inbound::Failed { flow } => self.switch.transport_failed(now, flow),
        }
    }

    /// Carries out what the machines ask, until neither asks for more.
    fn carry_out(&mut self, now: Now) {
        let mut any = false;
        loop {
            if let Some(output) = self.switch.poll_output() {
                self.carry_out_switch(now, output);
            } else if let Some(output) = self.desk.poll_output() {
                self.carry_out_desk(now, output);
            } else {
                break;
            }
            any = true;
        }
        if any {
            // Nothing changes that leaves nothing to be done.
            self.turns.send_modify(|turn| *turn = turn.wrapping_add(1));
        }
    }

    fn carry_out_switch(&mut self, now: Now, output: embedded::Output) {
        match output {
            embedded::Output::Transmit(transmit) => self.transports.send(transmit),
            embedded::Output::Media(command) => self.media_command(command),
            embedded::Output::Event(event) => {
                if let Some(next) = self.redials.hear(&event) {
                    self.switch.command(now, next);
                }
                self.desk.handle(now.instant, event);
            }
            embedded::Output::Record(note) => self.ledger.write(note),
            embedded::Output::Binding(change) => self.scribe.keep(kept(change)),
        }
    }

    fn media_command(&self, command: media::Command) {
        if self.media.command(command).is_err() {
            tracing::error!(event = "media-stopped", "the media thread does not take commands");
        }
    }

    fn carry_out_desk(&mut self, now: Now, output: desk::Output) {
        match output {
            desk::Output::Switch(command) => self.switch.command(now, command),
            desk::Output::Record(row) => self.scribe.write(row),
            desk::Output::Told(order, progress) => self.orders.told(order, progress),
            desk::Output::Ask(leg, question) => {
                let far_ends = match &question {
                    desk::Question::Rights { target, .. } => work::far_ends(&self.switch.calls(), target),
                    desk::Question::SignIn { .. } => vec![],
                };
                let store = self.store.clone();
                self.beside(async move { Some(Done::Reply(leg, work::answer(&store, question, far_ends).await)) });
            }
            desk::Output::RecordTurn(leg, session, row) => {
                self.write_first(leg, vec![row], move |written| Reply::TurnRecorded(session, written));
            }
            desk::Output::RecordStart(leg, rows) => self.write_first(leg, rows, Reply::StartRecorded),
        }
    }

    /// Has rows written down, and then tells the desk that they stand.
    fn write_first(
        &self,
        leg: LegId,
        rows: Vec<AuditEvent>,
        reply: impl FnOnce(Result<(), Refusal>) -> Reply + Send + 'static,
    ) {
        let written = self.scribe.write_start(rows);
        self.beside(async move {
            let written = if written.await { Ok(()) } else { Err(Refusal::StoreUnavailable) };
            Some(Done::Reply(leg, reply(written)))
        });
    }

    /// Side work on a task of its own; its result comes back into the loop.
    fn beside(&self, work: impl Future<Output = Option<Done>> + Send + 'static) {
        let done = self.done.clone();
        #[expect(clippy::disallowed_methods, reason = "the engine owns its tasks")]
        tokio::spawn(async move {
            if let Some(result) = work.await {
                // The loop is gone only when the engine is.
                let _ = done.send(result).await;
            }
        });
    }

    fn take(&mut self, done: Done) {
        let now = self.now();
        match done {
            Done::Reply(leg, reply) => {
                let calls = self.switch.calls();
                let starts = matches!(reply, Reply::StartRecorded(_) | Reply::TurnRecorded(..));
                if let Reply::SignIn(outcome) = &reply {
                    self.sign_ins.count(outcome);
                }
                if let Reply::SignIn(Err(reason)) = &reply {
                    self.report_sign_in(leg, *reason);
                }
                self.desk.reply(now.instant, now.unix_ms, leg, reply, &calls);
                if let Some(view) = self.desk.session_of(leg).filter(|_| starts) {
                    // The right may have gone while the start was being written down.
                    self.recheck_right(view.clone());
                }
            }
            Done::Directory(read) => self.take_directory(now, read),
            Done::Trunks(read) => self.take_trunks(now, read),
            Done::RightLost(session) => self.desk.right_lost(now.instant, session),
            Done::SelfTest(result, answer) => self.tested_itself(result, answer),
            Done::Redial(judged, answer) => self.redial(now, judged, answer),
            Done::Order(listen, judged, answer) => self.order(now, &listen, judged, answer),
        }
    }

    /// What the caller did wrong, not what failed here, is told to whoever guards the machine.
    fn report_sign_in(&self, leg: LegId, reason: Refusal) {
        let wrong = [Refusal::UnknownDialId, Refusal::WrongPassword, Refusal::PasswordUnset, Refusal::LockedOut];
        if let Some(address) = self.switch.address_of(leg)
            && let Some((extension, trunk)) = self.desk.source_of(leg)
            && wrong.contains(&reason)
        {
            SecurityEvent::SignInFailed { extension, trunk, reason }.report(address, 1);
        }
    }

    fn changed(&mut self, changes: &[store::Change]) {
        if changes.iter().any(|change| matches!(change, store::Change::Extension(_) | store::Change::Unknown)) {
            self.read_directory();
        }
        if changes.iter().any(|change| matches!(change, store::Change::Trunk | store::Change::Unknown)) {
            self.read_trunks();
        }
        self.recheck_rights();
    }

    fn read_directory(&mut self) {
        if self.reading.begin() {
            let store = self.store.clone();
            self.beside(async move { Some(Done::Directory(directory(&store).await)) });
        }
    }

    fn take_directory(&mut self, now: Now, read: store::Result<Directory>) {
        let outdated = self.reading.end(read.is_ok());
        match read {
            Ok(directory) => self.switch.set_directory(now, directory),
            Err(error) => tracing::error!(%error, "the extensions could not be read again: another try follows"),
        }
        if outdated {
            self.read_directory();
        }
    }

    fn read_trunks(&mut self) {
        if self.reading_trunks.begin() {
            let store = self.store.clone();
            self.beside(async move { Some(Done::Trunks(trunks::find(&store).await)) });
        }
    }

    fn take_trunks(&mut self, now: Now, read: store::Result<Vec<Found>>) {
        let outdated = self.reading_trunks.end(read.is_ok());
        match read {
            Ok(found) => {
                let flow_to = |transport, address| self.transports.flow_to(transport, address);
                let entries = self.addresses.settle(found, flow_to);
                self.transports.set_peers(trunks::peers(&entries));
                self.switch.set_trunks(now, entries);
            }
            Err(error) => tracing::error!(%error, "the trunks could not be read: another try follows"),
        }
        if outdated {
            self.read_trunks();
        }
    }

    /// What time alone changes, and what could not be read.
    fn recheck(&mut self) {
        if let Reading::Failed = self.reading {
            self.read_directory();
        }
        // Names lead elsewhere in time; looking them up may take longer than the time between.
        if self.reading_trunks.is_idle() {
            self.read_trunks();
        }
        self.recheck_rights();
    }

    /// A right is judged not only at the start: who loses it hears no more.
    fn recheck_rights(&mut self) {
        self.desk.look_again();
        self.desk.sessions().cloned().for_each(|view| self.recheck_right(view));
    }

    fn recheck_right(&self, view: SessionView) {
        let store = self.store.clone();
        self.beside(
            async move { work::still_allowed(&store, &view).await.is_err().then_some(Done::RightLost(view.id)) },
        );
    }
}

/// The next tick of a clock that need not be.
async fn tick(clock: &mut Option<Interval>) {
    match clock {
        Some(clock) => drop(clock.tick().await),
        None => std::future::pending().await,
    }
}
