//! RTP of a stranger never enters a call, and a stranger never gets any: sockets that send to the engine's port of a call,
//! before its phone has sent anything and after.

use crate::{
    ear,
    office::{Office, row},
    stranger::Stranger,
    support::{
        audio::{AGENT_HZ, CUSTOMER_HZ, Recording, SECOND_SUPERVISOR_HZ},
        engine::PHONE_PASSWORD,
    },
};
use sasayaki::{
    media::{
        codec::{Encoder, FRAME_SAMPLES},
        rtp::Packet,
        tone,
    },
    model::Codec,
    sip::{Method, Response, sdp},
};
use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

const FRAME: Duration = Duration::from_millis(20);
/// A moment that a tone is said for.
const FRAMES: u16 = 75;

/// One end of RTP on µ-law, with a tone of its own.
struct Voice {
    socket: UdpSocket,
    payloads: Vec<u8>,
    sent: u16,
}

impl Voice {
    fn at(address: IpAddr, hz: f64) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let samples = tone::sine(hz, -10.0, 8000, FRAME_SAMPLES * usize::from(FRAMES));
        let mut payloads = vec![0; samples.len()];
        Encoder::new(Codec::Pcmu).encode(&samples, &mut payloads);
        Self { socket, payloads, sent: 0 }
    }

    fn say(&mut self, to: SocketAddr) {
        let frames: Vec<&[u8]> = self.payloads.chunks(FRAME_SAMPLES).collect();
        let packet = Packet {
            payload_type: 0,
            marker: self.sent == 0,
            sequence: self.sent,
            timestamp: u32::from(self.sent) * FRAME_SAMPLES as u32,
            ssrc: u32::from(self.socket.local_addr().unwrap().port()),
            payload: frames[usize::from(self.sent % FRAMES)],
        };
        let mut buffer = [0; 256];
        self.socket.send_to(packet.write(&mut buffer).unwrap(), to).unwrap();
        self.sent += 1;
    }

    /// How many datagrams came since this was asked last.
    fn received(&self) -> usize {
        std::iter::from_fn(|| self.socket.recv(&mut [0; 2048]).ok()).count()
    }
}

/// The customer calls with plain sockets; the agent's phone answers.
async fn call(office: &Office, voice: &Voice) -> (Stranger, Response, sasayaki::phone::Call) {
    let agent = office.phone(&office.agent(), AGENT_HZ).await;
    let (caller, user, callee) = (Stranger::of(&office.engine), office.customer(), office.agent());
    let address = voice.socket.local_addr().unwrap();
    let calling = tokio::task::spawn_blocking(move || {
        let mut invite = caller.request(Method::Invite, &callee);
        invite.headers.set("From", format!("<sip:{user}@{}>;tag=caller", caller.address()));
        let (ip, port) = (address.ip(), address.port());
        let offer =
            format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n");
        invite.set_body("application/sdp", offer.into_bytes());
        let challenge = caller.ask(&invite);
        let answer = caller.ask(&caller.signed(&invite, &challenge, &user, PHONE_PASSWORD, 1));
        assert_eq!(answer.code, 200);
        let mut ack = caller.request(Method::Ack, &callee);
        for name in ["From", "To", "Call-ID"] {
            ack.headers.set(name, answer.headers.get(name).unwrap());
        }
        ack.headers.set("CSeq", "2 ACK");
        caller.send(&ack.to_bytes());
        (caller, answer)
    });
    let heard = agent.incoming().await.unwrap().accept().await.unwrap();
    let (caller, answer) = calling.await.unwrap();
    (caller, answer, heard)
}

#[test]
fn a_stranger_neither_enters_a_call_nor_hears_it_before_its_phone_has_spoken_and_after() {
    row(async {
        let office = Office::open();
        let mut intruder = Voice::at("127.7.9.1".parse().unwrap(), SECOND_SUPERVISOR_HZ);
        let mut phone = Voice::at("127.7.9.2".parse().unwrap(), CUSTOMER_HZ);
        // After the phone has spoken, another port at its address is a stranger's too.
        let mut neighbour = Voice::at("127.7.9.2".parse().unwrap(), SECOND_SUPERVISOR_HZ);
        let (_caller, answer, agent) = call(&office, &phone).await;
        let port = sdp::read(&answer.body).unwrap().session.remote;
        for _ in 0..FRAMES {
            intruder.say(port);
            pause().await;
        }
        assert_eq!(intruder.received(), 0, "the audio goes where SDP said");
        let early = Recording::of(&agent.heard());
        assert!(early.lacks(SECOND_SUPERVISOR_HZ), "{} dB", early.loudest_db(SECOND_SUPERVISOR_HZ));
        assert!(phone.received() > 20, "the phone gets its audio");
        for frame in 0..2 * FRAMES {
            phone.say(port);
            intruder.say(port);
            if frame > 5 {
                neighbour.say(port);
            }
            pause().await;
        }
        let heard = ear::all_of(&agent);
        ear::assert_hears("the agent", &heard, &[CUSTOMER_HZ]);
        assert!(heard.lacks(SECOND_SUPERVISOR_HZ), "{} dB", heard.loudest_db(SECOND_SUPERVISOR_HZ));
        assert_eq!((intruder.received(), neighbour.received()), (0, 0));
        assert!(phone.received() > 50);
        agent.hang_up().await.unwrap();
    });
}

#[test]
fn a_strangers_flood_takes_no_packet_from_a_call() {
    row(async {
        let office = Office::open();
        let mut intruder = Voice::at("127.7.9.3".parse().unwrap(), SECOND_SUPERVISOR_HZ);
        let mut phone = Voice::at("127.7.9.4".parse().unwrap(), CUSTOMER_HZ);
        let (_caller, answer, agent) = call(&office, &phone).await;
        let port = sdp::read(&answer.body).unwrap().session.remote;
        for _ in 0..2 * FRAMES {
            // More in a frame than a leg takes from its peer.
            (0..100).for_each(|_| intruder.say(port));
            phone.say(port);
            pause().await;
        }
        let heard = ear::all_of(&agent);
        assert!(heard.seconds_of(CUSTOMER_HZ) > 2.0, "{} s heard", heard.seconds_of(CUSTOMER_HZ));
        assert!(heard.lacks(SECOND_SUPERVISOR_HZ));
        agent.hang_up().await.unwrap();
    });
}

async fn pause() {
    #[expect(clippy::disallowed_methods, reason = "RTP is sent in real time")]
    tokio::time::sleep(FRAME).await;
}
