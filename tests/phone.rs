//! Phones of the house call each other over real sockets, and what each heard is measured.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use sasayaki::{
    media::tone::level_of,
    model::{Codec, Digit, Entropy, ExtensionNumber, Secret},
    phone::{DtmfWay, Ended, Phone, PhoneConfig, PhoneError, Voice},
    sip::{
        Endpoint, EndpointConfig, Event, Method, Registrar, Transport,
        digest::{self, Algorithm, Asker, Authenticator, Verdict},
        transport::{Inbound, Tls, Transports},
    },
};
use std::{
    future::Future,
    net::SocketAddr,
    time::{Duration, Instant},
};
use support::engine::{DIAL_ID, DIAL_PASSWORD, Engine, PHONE_PASSWORD};

const CALLER_HZ: f64 = 440.0;
const CALLEE_HZ: f64 = 1000.0;
const SUPERVISOR_HZ: f64 = 1900.0;
const LEVEL_DBFS: f64 = -12.0;
/// Long enough to measure, short enough to wait for.
const A_MOMENT: Duration = Duration::from_millis(600);
const PATIENCE: Duration = Duration::from_secs(20);

fn config(user: &str, hz: f64, registrar: SocketAddr) -> PhoneConfig {
    let mut seed = [0; 32];
    seed[..user.len()].copy_from_slice(user.as_bytes());
    PhoneConfig {
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        voice: Voice::Tone { hz, dbfs: LEVEL_DBFS, on_ms: 1, off_ms: 0 },
        ..PhoneConfig::new(user, Secret::new("secret"), registrar, Entropy::from_seed(seed))
    }
}

fn nobody(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 9)
}

/// Two phones; the first one's requests go to the second.
fn pair(change: impl Fn(&mut PhoneConfig)) -> (Phone, Phone) {
    pair_at("127.0.0.1", change)
}

fn pair_at(ip: &str, change: impl Fn(&mut PhoneConfig)) -> (Phone, Phone) {
    let mut callee = config("2000", CALLEE_HZ, nobody(ip));
    change(&mut callee);
    let callee = Phone::start(callee).unwrap();
    let mut caller = config("1000", CALLER_HZ, callee.address());
    change(&mut caller);
    (Phone::start(caller).unwrap(), callee)
}

async fn in_time(test: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, test).await.expect("the test takes too long");
}

fn assert_hears(what: &str, samples: &[i16], loud_hz: f64, silent_hz: f64) {
    let (loud, silent) = (level_of(loud_hz, 8000, samples), level_of(silent_hz, 8000, samples));
    assert!((loud - LEVEL_DBFS).abs() < 2.0, "{what}: {loud_hz} Hz at {loud:.1} dBFS");
    assert!(silent < -55.0, "{what}: {silent_hz} Hz at {silent:.1} dBFS");
}

async fn talk(caller: &Phone, callee: &Phone, codec: Codec) {
    let (ours, theirs) = tokio::join!(caller.call("2000"), async { callee.incoming().await?.accept().await });
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    assert_eq!((ours.codec(), theirs.codec()), (Some(codec), Some(codec)));
    let (heard_by_us, heard_by_them) = tokio::join!(ours.listen(A_MOMENT), theirs.listen(A_MOMENT));
    assert_hears("caller", &heard_by_us[800..], CALLEE_HZ, CALLER_HZ);
    assert_hears("callee", &heard_by_them[800..], CALLER_HZ, CALLEE_HZ);
    ours.hang_up().await.unwrap();
    assert_eq!((ours.wait_ended().await, theirs.wait_ended().await), (Ended::ByUs, Ended::ByPeer));
    assert_eq!(ours.hang_up().await, Err(PhoneError::Gone));
}

#[tokio::test]
async fn two_phones_hear_each_other_and_not_themselves() {
    in_time(async {
        for (ip, transport) in [("127.0.0.1", Transport::Udp), ("127.0.0.1", Transport::Tcp), ("::1", Transport::Udp)] {
            let (caller, callee) = pair_at(ip, |config| config.transport = transport);
            talk(&caller, &callee, Codec::Pcmu).await;
        }
    })
    .await;
}

#[tokio::test]
async fn they_agree_on_the_codec_that_both_have() {
    in_time(async {
        let (caller, callee) = pair(|config| match config.user.as_str() {
            "1000" => config.codecs = vec![Codec::Pcmu, Codec::Pcma],
            _ => config.codecs = vec![Codec::Pcma],
        });
        talk(&caller, &callee, Codec::Pcma).await;
        let (caller, callee) = pair(|config| match config.user.as_str() {
            "1000" => config.codecs = vec![Codec::Pcmu],
            _ => config.codecs = vec![Codec::Pcma],
        });
        let (ours, theirs) = tokio::join!(caller.call("2000"), async { callee.incoming().await?.accept().await });
        assert_eq!(ours.err(), Some(PhoneError::Refused(488)));
        assert_eq!(theirs.err(), Some(PhoneError::NoCommonCodec));
    })
    .await;
}

#[tokio::test]
async fn a_call_is_refused_or_given_up() {
    in_time(async {
        let (caller, callee) = pair(|_| {});
        let (ours, ()) = tokio::join!(caller.call("2000"), async {
            let incoming = callee.incoming().await.unwrap();
            assert_eq!(incoming.caller(), "1000");
            incoming.reject(486).await.unwrap();
        });
        assert_eq!(ours.err(), Some(PhoneError::Refused(486)));

        let mut dialling = caller.dial("2000").await.unwrap();
        assert_eq!(dialling.ringing().await, Ok(180));
        let mut incoming = callee.incoming().await.unwrap();
        dialling.cancel().await.unwrap();
        assert_eq!(dialling.answered().await.err(), Some(PhoneError::Refused(487)));
        assert_eq!(incoming.wait_ended().await, Ended::ByPeer);
        assert_eq!(incoming.accept().await.err(), Some(PhoneError::Gone));
    })
    .await;
}

#[tokio::test]
async fn on_hold_nothing_is_heard_and_after_it_everything_again() {
    in_time(async {
        let (caller, callee) = pair(|_| {});
        let (ours, theirs) = tokio::join!(caller.call("2000"), async { callee.incoming().await?.accept().await });
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        ours.hold().await.unwrap();
        let (heard_by_us, heard_by_them) = tokio::join!(ours.listen(A_MOMENT), theirs.listen(A_MOMENT));
        assert!(heard_by_us.len() < 800 && heard_by_them.len() < 800, "what was under way may still arrive");
        ours.resume().await.unwrap();
        let (heard_by_us, heard_by_them) = tokio::join!(ours.listen(A_MOMENT), theirs.listen(A_MOMENT));
        let end = |heard: &[i16]| heard[heard.len() - 3200..].to_vec();
        assert_hears("caller", &end(&heard_by_us), CALLEE_HZ, CALLER_HZ);
        assert_hears("callee", &end(&heard_by_them), CALLER_HZ, CALLEE_HZ);
        theirs.hang_up().await.unwrap();
        assert_eq!(ours.wait_ended().await, Ended::ByPeer);
    })
    .await;
}

#[tokio::test]
async fn keys_are_pressed_in_every_way() {
    in_time(async {
        for (way, audible) in [(DtmfWay::InBand, true), (DtmfWay::Rfc4733, false), (DtmfWay::Info, false)] {
            let (caller, callee) = pair(|config| {
                config.dtmf = way;
                config.voice = Voice::Silence;
            });
            let (ours, theirs) = tokio::join!(caller.call("2000"), async { callee.incoming().await?.accept().await });
            let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
            ours.send_digits("5#".chars().map(|key| Digit::try_from(key).unwrap())).await.unwrap();
            let heard = theirs.heard();
            let loudest = heard.chunks(400).map(|some| level_of(770.0, 8000, some).min(level_of(1336.0, 8000, some)));
            let loudest = loudest.fold(f64::MIN, f64::max);
            assert_eq!(loudest > -25.0, audible, "{way:?}: 5 at {loudest:.1} dBFS");
        }
    })
    .await;
}

#[tokio::test]
async fn a_phone_registers_with_either_digest_and_not_with_a_wrong_password() {
    in_time(async {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let registrar = registrar(algorithm);
            let phone = Phone::start(config("1000", CALLER_HZ, registrar)).unwrap();
            phone.register().await.unwrap();
            phone.unregister().await.unwrap();
            let mut wrong = config("1000", CALLER_HZ, registrar);
            wrong.password = Secret::new("wrong");
            wrong.entropy = Entropy::from_seed([5; 32]);
            assert_eq!(Phone::start(wrong).unwrap().register().await, Err(PhoneError::Refused(401)));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_engine_a_whisper_reaches_the_agent_and_not_the_customer() {
    in_time(async {
        let engine = tokio::task::block_in_place(Engine::with_an_office);
        let agent = registered(&engine, "1000", CALLER_HZ, Transport::Udp).await;
        let customer = registered(&engine, "2000", CALLEE_HZ, Transport::Udp).await;
        let supervisor = registered(&engine, "3000", SUPERVISOR_HZ, Transport::Tcp).await;
        let (agent, customer) = tokio::join!(agent.call("2000"), async { customer.incoming().await?.accept().await });
        let (agent, customer) = (agent.unwrap(), customer.unwrap());
        let supervisor = supervisor.call("0071").await.unwrap();
        let typed = format!("{DIAL_ID}#{DIAL_PASSWORD}#1000#");
        supervisor.send_digits(typed.chars().map(|key| Digit::try_from(key).unwrap())).await.unwrap();
        tokio::task::block_in_place(|| engine.expect_session("whisper", "1000"));
        // The chime and the switch are over by then.
        agent.listen(A_MOMENT).await;

        let (by_agent, by_customer, by_supervisor) =
            tokio::join!(agent.listen(A_MOMENT), customer.listen(A_MOMENT), supervisor.listen(A_MOMENT));
        assert_hears("agent, the customer", &by_agent, CALLEE_HZ, CALLER_HZ);
        assert_hears("agent, the supervisor", &by_agent, SUPERVISOR_HZ, CALLER_HZ);
        assert_hears("customer, the agent", &by_customer, CALLER_HZ, SUPERVISOR_HZ);
        assert_hears("supervisor, the agent", &by_supervisor, CALLER_HZ, SUPERVISOR_HZ);
        assert_hears("supervisor, the customer", &by_supervisor, CALLEE_HZ, SUPERVISOR_HZ);

        agent.hang_up().await.unwrap();
        assert_eq!((customer.wait_ended().await, supervisor.wait_ended().await), (Ended::ByPeer, Ended::ByPeer));
    })
    .await;
}

async fn registered(engine: &Engine, user: &str, hz: f64, transport: Transport) -> Phone {
    let password = Secret::new(PHONE_PASSWORD);
    let phone = Phone::start(PhoneConfig { password, transport, ..config(user, hz, engine.sip) }).unwrap();
    phone.register().await.unwrap();
    phone
}

/// A registrar that knows every number with the same password.
fn registrar(algorithm: Algorithm) -> SocketAddr {
    let (transports, mut inbound) =
        Transports::bind(&[(Transport::Udp, "127.0.0.1:0".parse().unwrap())], Tls::default()).unwrap();
    let address = transports.local(Transport::Udp).unwrap();
    let mut endpoint = Endpoint::new(EndpointConfig::default(), Entropy::from_seed([9; 32]));
    let mut registrar = Registrar::default();
    let mut authenticator = Authenticator::new("house", [7; 32]);
    #[expect(clippy::disallowed_methods, reason = "the registrar runs beside the phones")]
    tokio::spawn(async move {
        while let Some(Inbound::Message { flow, bytes }) = inbound.recv().await {
            endpoint.receive(now(), flow, &bytes);
            while let Some(event) = endpoint.poll_event() {
                let Event::Request { tx, flow, request } = event else { continue };
                assert_eq!(request.method, Method::Register);
                match authenticator.find(&request.headers, Asker::Server) {
                    Some(Ok(credentials)) => {
                        let ha1 = |algorithm| Some(digest::ha1(algorithm, "1000", "house", &Secret::new("secret")));
                        let extension: ExtensionNumber = credentials.username.parse().unwrap();
                        let response = match authenticator.verify(
                            0,
                            flow.remote.ip(),
                            &request.method,
                            &credentials,
                            &[algorithm],
                            ha1,
                        ) {
                            Verdict::Accepted => registrar.register(0, &extension, flow, &request),
                            _ => authenticator.challenge(
                                0,
                                &request,
                                flow.remote.ip(),
                                Asker::Server,
                                &[algorithm],
                                false,
                            ),
                        };
                        endpoint.respond(now(), tx, response);
                    }
                    _ => endpoint.respond_stateless(
                        tx,
                        authenticator.challenge(0, &request, flow.remote.ip(), Asker::Server, &[algorithm], false),
                    ),
                }
            }
            while let Some(transmit) = endpoint.poll_transmit() {
                transports.send(transmit);
            }
        }
    });
    address
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "real sockets live in real time")]
    Instant::now()
}
