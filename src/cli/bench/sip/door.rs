//! `sasayaki bench door`: what it costs the engine that strangers send it thousands of messages a second, beside calls that talk.

use super::{Engine, Figure, calls, figure};
use crate::cli::output::{self, Format};
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// How long each measurement lasts
    #[arg(long, value_name = "SECONDS", default_value_t = Args::default().seconds, value_parser = clap::value_parser!(u64).range(5..=600))]
    seconds: u64,
    /// Calls that talk meanwhile
    #[arg(long, value_name = "COUNT", default_value_t = Args::default().calls, value_parser = clap::value_parser!(u16).range(1..=200))]
    calls: u16,
    /// Messages of strangers in a second
    #[arg(long, value_name = "COUNT", default_value_t = Args::default().messages, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    messages: u32,
    #[command(flatten)]
    format: Format,
}

impl Default for Args {
    fn default() -> Self {
        Self { seconds: 15, calls: 100, messages: 5000, format: Format::default() }
    }
}

/// How long each call talks before its pair makes the next: no longer than its sockets can hold what came.
const TALK: Duration = Duration::from_secs(4);
const TICK: Duration = Duration::from_millis(10);
const TICKS_PER_SECOND: u32 = 100;

pub async fn run(args: Args) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        output::note("this build is not optimised; its figures say little");
    }
    let lasts = Duration::from_secs(args.seconds);
    let engine = Engine::start(args.calls.into()).await?;
    let mut pairs = engine.pairs().await?;
    let far = |count: u8| (1..=count).map(|last| Ipv4Addr::new(127, 9, 0, last)).collect();
    let registered = pairs.iter().map(super::Pair::address).collect();
    let floods: [(&str, Vec<Ipv4Addr>); 4] = [
        ("no strangers", vec![]),
        ("from one address", far(1)),
        ("from 50 addresses", far(50)),
        ("from the addresses of registered phones", registered),
    ];
    let mut figures: Vec<Figure> = vec![];
    let mut at_rest = None;
    for (name, addresses) in floods {
        let flood = Flood::begin(engine.sip, addresses, args.messages).await?;
        let round = calls(&engine, &mut pairs, lasts, TALK, None).await?;
        let sent = flood.end().await;
        round.warn(name);
        let share = 100.0 * round.cpu.all.as_secs_f64() / round.seconds;
        figures.extend([
            Figure { who: name, ..figure("CPU of the engine, of one core", share, "%") },
            Figure { who: name, ..figure("audio that did not arrive", 100.0 * round.lost_audio(), "%") },
        ]);
        let Some(at_rest) = at_rest else {
            at_rest = Some(share);
            continue;
        };
        let each_us = (share - at_rest) / 100.0 * 1e6 * round.seconds / sent.max(1) as f64;
        figures.extend([
            Figure { who: name, ..figure("messages of strangers", sent as f64 / round.seconds, "1/s") },
            Figure { who: name, ..figure("CPU of the engine for each of them", each_us, "µs") },
        ]);
    }
    output::list(&figures, args.format)
}

/// Strangers who send what scanners send, without waiting for an answer.
struct Flood(Option<(JoinHandle<u64>, tokio::sync::oneshot::Sender<()>)>);

impl Flood {
    async fn begin(engine: SocketAddr, addresses: Vec<Ipv4Addr>, per_second: u32) -> anyhow::Result<Self> {
        if addresses.is_empty() {
            return Ok(Self(None));
        }
        let mut sockets = Vec::new();
        for address in addresses {
            let socket = UdpSocket::bind((address, 0)).await?;
            socket.connect(engine).await?;
            sockets.push(socket);
        }
        let (stop, stopped) = tokio::sync::oneshot::channel();
        #[expect(clippy::disallowed_methods, reason = "strangers send beside the calls")]
        let sending = tokio::spawn(async move {
            let mut number = 0;
            tokio::select! {
                () = send_all(&sockets, per_second, &mut number) => {}
                _ = stopped => {}
            }
            number
        });
        Ok(Self(Some((sending, stop))))
    }

    /// How many messages it was.
    async fn end(self) -> u64 {
        let Some((sending, stop)) = self.0 else { return 0 };
        let _ = stop.send(());
        sending.await.unwrap_or_default()
    }
}

async fn send_all(sockets: &[UdpSocket], per_second: u32, number: &mut u64) {
    let mut clock = interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut answer = [0; 4096];
    loop {
        clock.tick().await;
        for _ in 0..per_second / TICKS_PER_SECOND {
            let socket = &sockets[*number as usize % sockets.len()];
            // Answers are thrown away, so that they are not in the way of the next.
            while socket.try_recv(&mut answer).is_ok() {}
            let _ = socket.send(&message(*number)).await;
            *number += 1;
        }
    }
}

/// Sweeps of REGISTER, INVITE and OPTIONS as SIPVicious makes them, malformed SIP, and what is no SIP.
fn message(number: u64) -> Vec<u8> {
    let method = match number % 5 {
        0 => "REGISTER",
        1 => "INVITE",
        2 => "OPTIONS",
        3 => return b"INVITE sip:100@127.0.0.1 SIP/2.0\r\nVia: \r\nContent-Length: -1\r\n\r\n".to_vec(),
        _ => return vec![0xff; 120],
    };
    let user = 100 + number % 9900;
    format!(
        "{method} sip:{user}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK-{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: \"sipvicious\" <sip:{user}@127.0.0.1>;tag={number}\r\nTo: <sip:{user}@127.0.0.1>\r\n\
         Call-ID: {number}@door\r\nCSeq: 1 {method}\r\nContact: <sip:{user}@127.0.0.1:5061>\r\n\
         User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
