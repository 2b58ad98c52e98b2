//! Whether calls can be made, for whoever watches the machine. It is really tried: an OPTIONS request goes to where phones send
//! theirs (RFC 3261 §11).

use super::app::App;
use crate::{
    engine::control::Request,
    store::{Store, new_token},
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    sync::Mutex,
    time::{Instant, timeout},
};

/// Who has not answered by then does not answer.
const LIMIT: Duration = Duration::from_secs(2);

/// As RFC 3261's T1: a datagram that was dropped is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// Of so many who ask at once, one looks.
const GOOD_FOR: Duration = Duration::from_secs(1);

const ANSWER: &[u8] = b"SIP/2.0 200";

/// Where SIP is listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipDoor {
    Udp(SocketAddr),
    Tcp(SocketAddr),
}

/// What was wrong when somebody looked last, and when that was.
#[derive(Default)]
pub struct Look(Mutex<Option<(Instant, Vec<String>)>>);

#[derive(Serialize)]
pub struct Health {
    ok: bool,
    wrong: Vec<String>,
}

/// `ok` when SIP is answered, RTP ports are free and the store responds; else what does not.
pub async fn healthz(State(app): State<App>) -> (StatusCode, String) {
    let (status, Json(Health { ok, wrong })) = health(State(app)).await;
    (status, if ok { "ok\n".to_owned() } else { format!("{}\n", wrong.join("\n")) })
}

/// The same for programs.
pub async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let wrong = app.health().wrong(&app).await;
    let ok = wrong.is_empty();
    (if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(Health { ok, wrong }))
}

impl Look {
    async fn wrong(&self, app: &App) -> Vec<String> {
        let mut last = self.0.lock().await;
        match &*last {
            Some((at, wrong)) if at.elapsed() < GOOD_FOR => wrong.clone(),
            Some(_) | None => {
                let wrong = wrong(app).await;
                *last = Some((Instant::now(), wrong.clone()));
                wrong
            }
        }
    }
}

/// What does not answer.
pub async fn wrong(app: &App) -> Vec<String> {
    let engine = async {
        match timeout(LIMIT, app.engine().ask(Request::Health)).await {
            Ok(answer) if answer.ok => None,
            Ok(answer) => Some(answer.error.unwrap_or_default()),
            Err(_) => Some("the engine does not answer".to_owned()),
        }
    };
    let (engine, sip, store) = tokio::join!(engine, sip(app.sip()), store(app.store()));
    [engine, sip, store].into_iter().flatten().collect()
}

async fn store(store: &Store) -> Option<String> {
    let answers = timeout(LIMIT, store.ping()).await;
    (!matches!(answers, Ok(Ok(())))).then(|| "the store does not answer".to_owned())
}

/// Where SIP comes over TLS alone nobody knocks: then the loop that answers it has answered for it.
async fn sip(door: Option<SipDoor>) -> Option<String> {
    match timeout(LIMIT, knock(door?)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("SIP is not answered: {error}")),
        Err(_) => Some("SIP is not answered".to_owned()),
    }
}

async fn knock(door: SipDoor) -> io::Result<()> {
    match door {
        SipDoor::Udp(address) => {
            let to = reachable(address);
            let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).await?;
            socket.connect(to).await?;
            let request = options("UDP", socket.local_addr()?, to);
            let mut answer = [0; ANSWER.len()];
            loop {
                socket.send(request.as_bytes()).await?;
                let Ok(came) = timeout(AGAIN, socket.recv(&mut answer)).await else { continue };
                came?;
                return judged(&answer);
            }
        }
        SipDoor::Tcp(address) => {
            let to = reachable(address);
            let mut stream = TcpStream::connect(to).await?;
            stream.write_all(options("TCP", stream.local_addr()?, to).as_bytes()).await?;
            let mut answer = [0; ANSWER.len()];
            stream.read_exact(&mut answer).await?;
            judged(&answer)
        }
    }
}

fn judged(answer: &[u8]) -> io::Result<()> {
    if answer == ANSWER { Ok(()) } else { Err(io::Error::other("by no 200")) }
}

/// Who listens at every address is reached at that of this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let here = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(here, address.port())
}

fn options(transport: &str, from: SocketAddr, to: SocketAddr) -> String {
    let word = new_token();
    let word = word.expose();
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/{transport} {from};branch=z9hG4bK{word};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:health@{from}>;tag={word}\r\nTo: <sip:{to}>\r\nCall-ID: {word}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_door_where_nobody_answers_is_told() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let door = SipDoor::Udp(silent.local_addr().unwrap());
        assert_eq!(sip(Some(door)).await.as_deref(), Some("SIP is not answered"));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = SipDoor::Tcp(closed.local_addr().unwrap());
        drop(closed);
        assert!(sip(Some(door)).await.is_some_and(|wrong| wrong.starts_with("SIP is not answered: ")));
        assert_eq!(sip(None).await, None);
    }
}
