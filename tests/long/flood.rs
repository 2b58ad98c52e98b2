//! argon2 under attack: hundreds of sign-ins a second beside calls with a whisper on each. The media thread tells of every
//! tick that came late or was skipped; what was sent to the phones is counted beside it.

use sasayaki::{
    media::{
        Command, LegParams,
        clip::Clips,
        port::{Media, MediaStatistics},
        ports::Ports,
        rtp::Packet,
    },
    model::{AccountId, Codec, Entropy, HearMatrix, IdMaker, LegId, Refusal, Role, Secret},
    store::{Actor, NewAccount, Options, SignIn, Store, keys::os_random, unix_ms},
};
use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::interval};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORTS: (u16, u16) = (18_000, 18_999);
const CALLS: usize = 10;
const SIGN_INS_EACH_10_MS: usize = 4;
const FRAME: Duration = Duration::from_millis(20);
const DIAL_ID: &str = "3141";

/// What the media thread counted in a while.
#[derive(Debug)]
struct Counted {
    late: u64,
    skipped: u64,
    sent: u64,
}

/// Agent, customer and a supervisor who whispers.
struct Whispered([Party; 3]);

struct Party {
    socket: UdpSocket,
    engine: SocketAddr,
}

pub async fn run(time: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let clips = Clips::from_samples([]);
    let (media, _events) = Media::start(Arc::new(clips), Entropy::from_seed(os_random()), None).unwrap();
    let mut ports = Ports::new(HERE, PORTS, 0).unwrap();
    let mut ids = IdMaker::new(Entropy::from_seed(os_random()));
    let calls: Vec<Whispered> = (0..CALLS).map(|_| Whispered::begin(&media, &mut ports, &mut ids)).collect();
    let over = Arc::new(AtomicBool::new(false));
    let talking = thread::spawn({
        let over = Arc::clone(&over);
        move || talk(&calls, &over)
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let at_rest = counted(&media, tokio::time::sleep(time)).await.0;
    let (flooded, verdicts) = counted(&media, flood(&store, time)).await;
    over.store(true, Relaxed);
    talking.join().unwrap();
    let of = |refusal: Refusal| verdicts.iter().filter(|verdict| **verdict == Err(refusal)).count();
    println!(
        "{CALLS} calls with a whisper, {} sign-ins in {} s: {} runs of argon2, {} locked out, {} wrong, {} busy",
        verdicts.len(),
        time.as_secs(),
        store.passwords().runs(),
        of(Refusal::LockedOut),
        of(Refusal::WrongPassword),
        of(Refusal::Busy)
    );
    println!("at rest {at_rest:?}");
    println!("flooded {flooded:?}");
    // Whoever found no place in time is told what the budget says, as everybody else is.
    let runs = store.passwords().runs();
    assert!(runs > 10 && runs < verdicts.len() as u64, "a flood is more than can be checked");
    assert_eq!((flooded.late, flooded.skipped), (0, 0), "ticks that came late, or never");
    let expected = time.as_millis() as u64 / 20 * (CALLS as u64) * 3;
    assert!(flooded.sent * 100 >= expected * 98, "{} of {expected} packets", flooded.sent);
}

async fn counted<T>(media: &Media, work: impl Future<Output = T>) -> (Counted, T) {
    let read = |statistics: &MediaStatistics| {
        [&statistics.late_ticks, &statistics.skipped_ticks, &statistics.packets_out].map(|count| count.load(Relaxed))
    };
    let before = read(media.statistics());
    let done = work.await;
    let after = read(media.statistics());
    let [late, skipped, sent] = std::array::from_fn(|index| after[index] - before[index]);
    (Counted { late, skipped, sent }, done)
}

/// Wrong passwords at one ID, from as many phones.
async fn flood(store: &Store, time: Duration) -> Vec<Result<AccountId, Refusal>> {
    let mut attempts = JoinSet::new();
    let mut tick = interval(Duration::from_millis(10));
    let end = Instant::now() + time;
    let mut phone = 0;
    while Instant::now() < end {
        tick.tick().await;
        for _ in 0..SIGN_INS_EACH_10_MS {
            phone += 1;
            let attempt = SignIn {
                dial_id: Secret::new(DIAL_ID),
                password: Secret::new("000000"),
                source: phone.to_string(),
                mode: None,
                call: None,
                at_ms: unix_ms(),
            };
            let store = store.clone();
            attempts.spawn(async move { store.sign_in(attempt).await });
        }
    }
    attempts.join_all().await
}

async fn store(folder: &std::path::Path) -> Store {
    let url = format!("sqlite:{}", folder.join("sasayaki.db").display());
    let store = Store::open(Options::new(url, folder, folder.join("pepper.key"), "localhost")).await.unwrap();
    let account = NewAccount {
        login: "boss".parse().unwrap(),
        role: Role::Supervisor,
        name: "".parse().unwrap(),
        extension: None,
        password: "web-secret".parse().unwrap(),
    };
    store.add_account(&Actor::cli(), account).await.unwrap();
    store.set_dial_id(&Actor::cli(), "boss", DIAL_ID, Secret::new("271828")).await.unwrap();
    store
}

/// Everybody says a packet every 20 ms.
fn talk(calls: &[Whispered], over: &AtomicBool) {
    let start = Instant::now();
    for sequence in 0u16.. {
        if over.load(Relaxed) {
            return;
        }
        let payload = [sequence as u8; 160];
        for party in calls.iter().flat_map(|call| &call.0) {
            let timestamp = u32::from(sequence) * 160;
            let packet = Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc: 5, payload: &payload };
            party.socket.send_to(packet.write(&mut [0; 1500]).unwrap(), party.engine).unwrap();
        }
        let due = start + FRAME * (u32::from(sequence) + 1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

impl Whispered {
    fn begin(media: &Media, ports: &mut Ports, ids: &mut IdMaker) -> Self {
        let [agent, customer, supervisor] = std::array::from_fn(|_| ids.make::<LegId>(0));
        let parties = [(agent, Some(customer)), (customer, Some(agent)), (supervisor, None)];
        let parties = parties.map(|(leg, peer)| Party::join(media, ports, leg, peer));
        let mut matrix = HearMatrix::silent([agent, customer, supervisor]);
        for (listener, source) in
            [(agent, customer), (customer, agent), (supervisor, agent), (supervisor, customer), (agent, supervisor)]
        {
            matrix.allow(listener, source);
        }
        media.command(Command::Hear(matrix)).ok().unwrap();
        Self(parties)
    }
}

impl Party {
    fn join(media: &Media, ports: &mut Ports, leg: LegId, peer: Option<LegId>) -> Self {
        let (engine, sockets) = ports.bind().unwrap();
        let socket = UdpSocket::bind((HERE, 0)).unwrap();
        let remote = socket.local_addr().unwrap();
        media.command(Command::Open { leg, sockets }).ok().unwrap();
        let params = LegParams { peer, ..LegParams::plain(remote, Codec::Pcmu) };
        media.command(Command::Configure { leg, params }).ok().unwrap();
        Self { socket, engine }
    }
}
