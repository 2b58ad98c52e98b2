use super::*;
use crate::tls::{Identity, Trust, tests::Pair};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

struct Rig {
    transports: Transports,
    inbound: mpsc::Receiver<Inbound>,
}

impl Rig {
    fn new(transport: Transport, ip: &str) -> Self {
        Self::secured(transport, ip, Tls::default())
    }

    fn secured(transport: Transport, ip: &str, tls: Tls) -> Self {
        let address = SocketAddr::new(ip.parse().unwrap(), 0);
        let (transports, inbound) = Transports::bind(&[(transport, address)], tls).unwrap();
        Self { transports, inbound }
    }

    /// On TLS, showing `pair`.
    fn showing(pair: &Pair, ip: &str) -> Self {
        let identity = Identity::load(pair.cert.clone(), pair.key.clone()).unwrap();
        Self::secured(Transport::Tls, ip, Tls { accept: Some(identity.server_config()), connect: None })
    }

    /// On TLS, believing `pair`.
    fn believing(pair: &Pair, ip: &str) -> Self {
        let connect = Some(Trust::File(pair.cert.clone()).into_connect());
        Self::secured(Transport::Tls, ip, Tls { accept: None, connect })
    }

    /// Whoever is there, its certificate must be for its address.
    fn flow_to(&self, transport: Transport, other: &Rig) -> Flow {
        let there = other.transports.local(transport).unwrap();
        self.transports.set_peers([(there, there.ip().to_string())].into());
        self.transports.flow_to(transport, there).unwrap()
    }

    /// A question to `other`, and its answer.
    async fn exchange(&mut self, flow: Flow, other: &mut Rig) {
        self.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
        let (back, bytes) = other.message().await;
        assert_eq!(bytes, MESSAGE);
        other.transports.send(Transmit { flow: back, bytes: MESSAGE.to_vec() });
        assert_eq!(self.message().await, (flow, MESSAGE.to_vec()));
    }

    async fn next(&mut self) -> Inbound {
        tokio::time::timeout(Duration::from_secs(5), self.inbound.recv()).await.unwrap().unwrap()
    }

    async fn message(&mut self) -> (Flow, Vec<u8>) {
        match self.next().await {
            Inbound::Message { flow, bytes } => (flow, bytes),
            Inbound::Failed { flow } => panic!("{flow:?} failed"),
        }
    }

    async fn failure(&mut self) -> Flow {
        match self.next().await {
            Inbound::Message { flow, .. } => panic!("a message on {flow:?}"),
            Inbound::Failed { flow } => flow,
        }
    }
}

#[tokio::test]
async fn a_message_goes_there_and_its_answer_back_on_the_same_flow() {
    for (transport, ip) in
        [(Transport::Udp, "127.0.0.1"), (Transport::Tcp, "127.0.0.1"), (Transport::Udp, "::1"), (Transport::Tcp, "::1")]
    {
        let (mut here, mut there) = (Rig::new(transport, ip), Rig::new(transport, ip));
        let flow = here.flow_to(transport, &there);
        for _ in 0..3 {
            here.exchange(flow, &mut there).await;
        }
    }
}

#[tokio::test]
async fn on_a_wildcard_address_the_flow_names_the_address_that_the_peer_sees() {
    let (mut here, there) = (Rig::new(Transport::Udp, "0.0.0.0"), Rig::new(Transport::Udp, "127.0.0.1"));
    let port = here.transports.local(Transport::Udp).unwrap().port();
    let flow = there.transports.flow_to(Transport::Udp, SocketAddr::new("127.0.0.1".parse().unwrap(), port)).unwrap();
    there.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
    let (back, _) = here.message().await;
    assert_eq!(back.local.to_string(), format!("127.0.0.1:{port}"));
    assert_eq!(here.transports.flow_to(Transport::Udp, back.remote), Some(back));
}

#[tokio::test]
async fn a_closed_connection_and_a_refused_one_are_told() {
    let (mut here, mut there) = (Rig::new(Transport::Tcp, "127.0.0.1"), Rig::new(Transport::Tcp, "127.0.0.1"));
    let flow = here.transports.flow_to(Transport::Tcp, there.transports.local(Transport::Tcp).unwrap()).unwrap();
    here.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
    there.message().await;
    drop(there);
    assert_eq!(here.failure().await, flow);
    here.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
    assert_eq!(here.failure().await, flow, "nobody listens there any more");
}

#[tokio::test]
async fn a_stream_is_framed_pinged_and_closed_when_it_is_no_sip() {
    let mut here = Rig::new(Transport::Tcp, "127.0.0.1");
    let mut peer = TcpStream::connect(here.transports.local(Transport::Tcp).unwrap()).await.unwrap();
    peer.write_all(&MESSAGE.repeat(2)).await.unwrap();
    assert_eq!(here.message().await.1, MESSAGE);
    assert_eq!(here.message().await.1, MESSAGE);
    peer.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    peer.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\r\n");
    // A whole flood may not fit before the other side closes.
    let _ = peer.write_all(&vec![b'x'; 2 * crate::sip::MAX_MESSAGE_BYTES]).await;
    assert_eq!(here.failure().await.remote, peer.local_addr().unwrap());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let here = Rig::new(transport, "127.0.0.1");
        let taken = here.transports.local(transport).unwrap();
        let error = Transports::bind(&[(transport, taken)], Tls::default()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&format!("{}:{taken}", transport.as_str().to_lowercase())));
    }
}

#[tokio::test]
async fn tls_carries_messages_both_ways_on_the_connection_that_the_client_opened() {
    let pair = Pair::make();
    for ip in ["127.0.0.1", "::1"] {
        let (mut here, mut there) = (Rig::believing(&pair, ip), Rig::showing(&pair, ip));
        let flow = here.flow_to(Transport::Tls, &there);
        assert_eq!(flow.local.port(), 0, "nobody can connect here");
        here.exchange(flow, &mut there).await;
        // Longer than one TLS record.
        let long = [b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 40000\r\n\r\n".as_slice(), &[b'x'; 40_000]].concat();
        here.transports.send(Transmit { flow, bytes: long.clone() });
        assert_eq!(there.message().await.1, long);
    }
}

#[tokio::test]
async fn a_stranger_who_shows_another_certificate_is_told_nothing() {
    let (mut here, mut there) = (Rig::believing(&Pair::make(), "127.0.0.1"), Rig::showing(&Pair::make(), "127.0.0.1"));
    let flow = here.flow_to(Transport::Tls, &there);
    here.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
    assert_eq!(here.failure().await, flow);
    there.failure().await;
}

#[tokio::test]
async fn whose_certificate_is_for_another_name_is_told_nothing_and_who_has_no_name_is_not_connected_to() {
    let pair = Pair::make();
    let (mut here, mut there) = (Rig::believing(&pair, "127.0.0.1"), Rig::showing(&pair, "127.0.0.1"));
    let flow = here.flow_to(Transport::Tls, &there);
    for (name, connects) in [("sip.example.jp", true), ("127.0.0.2", true), ("no name", true), ("", false)] {
        let peers = if connects { [(flow.remote, name.to_owned())].into() } else { BTreeMap::new() };
        here.transports.set_peers(peers);
        here.transports.send(Transmit { flow, bytes: MESSAGE.to_vec() });
        assert_eq!(here.failure().await, flow, "{name}");
        if connects {
            there.failure().await;
        }
    }
    here.transports.set_peers([(flow.remote, "localhost".to_owned())].into());
    here.exchange(flow, &mut there).await;
}

#[tokio::test]
async fn where_nothing_listens_for_tls_a_connection_leaves_all_the_same() {
    let pair = Pair::make();
    let mut there = Rig::showing(&pair, "127.0.0.1");
    let tls = Tls { accept: None, connect: Some(Trust::File(pair.cert.clone()).into_connect()) };
    let mut here = Rig::secured(Transport::Udp, "127.0.0.1", tls);
    let flow = here.flow_to(Transport::Tls, &there);
    assert_eq!(flow.local.to_string(), "127.0.0.1:5061");
    here.exchange(flow, &mut there).await;
}

#[tokio::test]
async fn a_phone_that_went_away_is_not_called_back() {
    let pair = Pair::make();
    let (here, mut there) = (Rig::believing(&pair, "127.0.0.1"), Rig::showing(&pair, "127.0.0.1"));
    here.transports.send(Transmit { flow: here.flow_to(Transport::Tls, &there), bytes: MESSAGE.to_vec() });
    let (back, _) = there.message().await;
    drop(here);
    assert_eq!(there.failure().await, back);
    there.transports.send(Transmit { flow: back, bytes: MESSAGE.to_vec() });
    assert_eq!(there.failure().await, back);
}

#[tokio::test]
async fn what_is_no_tls_is_closed_and_the_connection_beside_it_lives_on() {
    let pair = Pair::make();
    let (mut here, mut there) = (Rig::believing(&pair, "127.0.0.1"), Rig::showing(&pair, "127.0.0.1"));
    let flow = here.flow_to(Transport::Tls, &there);
    here.exchange(flow, &mut there).await;
    let address = there.transports.local(Transport::Tls).unwrap();
    for garbage in [MESSAGE, &[0; 4096], &[0x16, 3, 1, 0xff, 0xff, 1]] {
        let mut stranger = TcpStream::connect(address).await.unwrap();
        stranger.write_all(garbage).await.unwrap();
        stranger.shutdown().await.unwrap();
        assert_eq!(there.failure().await.remote, stranger.local_addr().unwrap());
    }
    here.exchange(flow, &mut there).await;
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_let_go_in_time() {
    let mut there = Rig::showing(&Pair::make(), "127.0.0.1");
    let mut mute = TcpStream::connect(there.transports.local(Transport::Tls).unwrap()).await.unwrap();
    let gone = tokio::time::timeout(2 * tls::HANDSHAKE_TIMEOUT, there.inbound.recv()).await.unwrap();
    assert!(matches!(gone, Some(Inbound::Failed { .. })));
    assert_eq!(mute.read(&mut [0; 8]).await.unwrap(), 0);
}
