//! Secured signalling and media: the rows of who hears whom hold whatever a leg is secured with.

use crate::{
    ear::{self, PATIENCE, all_of, assert_hears, assert_lacks},
    hearing::{assert_hears_both, assert_talk},
    office::{MONITOR, Office, PATIENT, Talk, WHISPER, connect, row},
    support::{
        audio::{AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ},
        engine::Engine,
    },
};
use sasayaki::{
    model::SrtpPolicy::{self, Allowed, Off, Required},
    phone::{Phone, PhoneConfig, PhoneError},
    sip::{Transport, transport::Tls},
    tls::Trust,
};
use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::Arc,
    time::Duration,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// Registers and calls over TLS, and believes the engine's certificate alone.
fn over_tls(config: &mut PhoneConfig, engine: &Engine) {
    config.transport = Transport::Tls;
    config.registrar = engine.tls;
    config.tls = Tls { accept: None, connect: Some(Trust::File(engine.certificate()).into_connect()) };
}

#[test]
fn over_tls_a_phone_is_reached_on_the_connection_that_it_opened_and_whispering_is_as_ever() {
    row(async {
        let office = Office::open();
        let agent = office.phone_with(&office.agent(), AGENT_HZ, |config| over_tls(config, &office.engine)).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let (customer, agent) = connect(&customer, &agent, &office.agent()).await;
        let phone =
            office.phone_with(&office.supervisor(), SUPERVISOR_HZ, |config| over_tls(config, &office.engine)).await;
        let supervisor = office.listen_in(&phone, WHISPER).await;
        let talk = Talk { agent, customer };
        tokio::join!(assert_hears_both(&supervisor, &[]), assert_talk(&talk, &[SUPERVISOR_HZ], &[AGENT_HZ]));
    });
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart_and_calls_go_on() {
    row(async {
        let office = Office::alone(PATIENT);
        let old = Trust::File(office.engine.certificate()).client_config().unwrap();
        let agent = office.phone_with(&office.agent(), AGENT_HZ, |config| over_tls(config, &office.engine)).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let talk = office.connect(&agent, &customer).await;
        office.engine.renew_certificate();
        let renewed = async {
            let mut clock = tokio::time::interval(BETWEEN_TRIES);
            loop {
                clock.tick().await;
                let config = |config: &mut PhoneConfig| over_tls(config, &office.engine);
                match office.try_phone_with(&office.supervisor(), SUPERVISOR_HZ, config).await {
                    Err(PhoneError::Unreachable) => {}
                    tried => return tried.map(drop),
                }
            }
        };
        tokio::time::timeout(PATIENCE, renewed).await.unwrap().unwrap();
        let believes_the_old = |config: &mut PhoneConfig| {
            over_tls(config, &office.engine);
            let old = old.clone();
            config.tls.connect = Some(Arc::new(move || Ok(old.clone())));
        };
        let stranger = office.try_phone_with(&office.supervisor(), SUPERVISOR_HZ, believes_the_old).await;
        assert_eq!(stranger.err(), Some(PhoneError::Unreachable));
        ear::hears(&talk.customer, AGENT_HZ).await;
        assert!(!talk.agent.is_ended());
    });
}

/// A call and a whisper with legs secured like this, agent, customer and supervisor; over TLS where they are secured.
async fn whisper_with([agent_srtp, customer_srtp, supervisor_srtp]: [SrtpPolicy; 3]) {
    let office = Office::open();
    let secured = |srtp: SrtpPolicy| {
        let engine = &office.engine;
        move |config: &mut PhoneConfig| {
            config.srtp = srtp;
            if srtp == Required {
                over_tls(config, engine);
            }
        }
    };
    let agent = office.phone_with(&office.agent(), AGENT_HZ, secured(agent_srtp)).await;
    let customer = office.phone_with(&office.customer(), CUSTOMER_HZ, secured(customer_srtp)).await;
    let phone = office.phone_with(&office.supervisor(), SUPERVISOR_HZ, secured(supervisor_srtp)).await;
    let talk = office.connect(&agent, &customer).await;
    let is_secured = |srtp| srtp != Off;
    let heard_by_agent: [(&str, &[f64], &[f64]); 2] =
        [(MONITOR, &[], &[SUPERVISOR_HZ]), (WHISPER, &[SUPERVISOR_HZ], &[AGENT_HZ])];
    for (code, hears, lacks) in heard_by_agent {
        let supervisor = office.listen_in(&phone, code).await;
        tokio::join!(assert_hears_both(&supervisor, &[]), assert_talk(&talk, hears, lacks));
        assert_eq!(
            [&talk.agent, &talk.customer, &supervisor].map(|call| call.is_secured()),
            [agent_srtp, customer_srtp, supervisor_srtp].map(is_secured)
        );
        supervisor.hang_up().await.unwrap();
    }
    talk.agent.hold().await.unwrap();
    talk.agent.resume().await.unwrap();
    ear::hears(&talk.customer, AGENT_HZ).await;
    ear::hears(&talk.agent, CUSTOMER_HZ).await;
    assert_lacks("the customer, in the whole call", &all_of(&talk.customer), &[SUPERVISOR_HZ]);
}

#[test]
fn a1_a3_a4_who_hears_whom_is_the_same_whichever_legs_are_secured() {
    row(async {
        let cases = [[Required, Off, Off], [Off, Required, Allowed], [Allowed, Off, Required], [Required; 3]];
        let [first, second, third, fourth] = cases.map(whisper_with);
        tokio::join!(first, second, third, fourth);
    });
}

/// A policy holds once the engine has heard of it: until then the desk answers.
async fn refused_at_the_desk(phone: &Phone) {
    let asking = async {
        let mut clock = tokio::time::interval(BETWEEN_TRIES);
        loop {
            clock.tick().await;
            match phone.call(MONITOR).await {
                Ok(answered) => answered.hang_up().await.unwrap(),
                Err(refused) => return refused,
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, asking).await.expect("the policy is never heard of");
    assert_eq!(refused, PhoneError::Refused(488));
}

#[test]
fn srtp_that_is_required_of_an_extension_or_off_holds_from_the_next_call_on() {
    row(async {
        let office = Office::open();
        let plain = office.phone(&office.agent(), AGENT_HZ).await;
        let secured = office.phone_with(&office.customer(), CUSTOMER_HZ, |config| config.srtp = Required).await;
        let (number, other) = (office.agent(), office.customer());
        let policy = |policy: &str| {
            for number in [&number, &other] {
                office.engine.run_ok(&["extension", "set", number, "--srtp", policy], "");
            }
        };
        let (one, two) = connect(&plain, &secured, &other).await;
        assert!(!one.is_secured() && two.is_secured());
        policy("required");
        ear::hears(&one, CUSTOMER_HZ).await;
        one.hang_up().await.unwrap();
        refused_at_the_desk(&plain).await;
        assert_eq!(plain.call(&other).await.err(), Some(PhoneError::Refused(488)));
        let (to_plain, answer) = tokio::join!(secured.call(&number), async { plain.incoming().await?.accept().await });
        assert_eq!((to_plain.err(), answer.err()), (Some(PhoneError::Refused(488)), Some(PhoneError::NoCommonCodec)));
        policy("off");
        refused_at_the_desk(&secured).await;
        assert_eq!(secured.call(&number).await.err(), Some(PhoneError::Refused(488)));
    });
}

#[test]
fn no_key_stands_in_the_log() {
    row(async {
        let office = Office::alone(&format!("{PATIENT}[log]\nlevel = \"trace\"\n"));
        let required = |config: &mut PhoneConfig| config.srtp = Required;
        let agent = office.phone_with(&office.agent(), AGENT_HZ, required).await;
        let customer = office.phone_with(&office.customer(), CUSTOMER_HZ, required).await;
        let talk = office.connect(&agent, &customer).await;
        ear::hears(&talk.agent, CUSTOMER_HZ).await;
        let log = office.engine.log();
        assert!(log.contains("listening") && !log.contains("inline:") && !log.contains("a=crypto"), "{log}");
    });
}

#[test]
fn garbage_on_every_port_harms_no_call() {
    row(async {
        let office = Office::alone(PATIENT);
        let secured = |config: &mut PhoneConfig| {
            over_tls(config, &office.engine);
            config.srtp = Required;
        };
        let agent = office.phone_with(&office.agent(), AGENT_HZ, secured).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let talk = office.connect(&agent, &customer).await;
        ear::hears(&talk.customer, AGENT_HZ).await;
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let audio = [[0x80, 0, 0, 1].as_slice(), &[0; 8], &[0x2a; 160]].concat();
        let garbage = [vec![], vec![0; 1400], vec![0xff; 40], vec![0x80; 12], audio, vec![b'x'; 60_000]];
        let (first, last) = office.engine.rtp;
        for port in first..=last {
            for datagram in &garbage {
                stranger.send_to(datagram, (Ipv4Addr::LOCALHOST, port)).unwrap();
            }
        }
        let header = [b"OPTIONS sip:a SIP/2.0\r\nSubject: ".as_slice(), &[b'x'; 65_000], b"\r\n\r\n"].concat();
        for datagram in garbage.iter().chain([&header]) {
            stranger.send_to(datagram, office.engine.sip).unwrap();
            for address in [office.engine.sip, office.engine.tls] {
                let mut stream = TcpStream::connect(address).await.unwrap();
                // It may be closed before all of it is said.
                let _ = stream.write_all(datagram).await;
            }
        }
        let (by_agent, by_customer) = tokio::join!(ear::now(&talk.agent), ear::now(&talk.customer));
        assert_hears("the agent", &by_agent, &[CUSTOMER_HZ]);
        assert_hears("the customer", &by_customer, &[AGENT_HZ]);
        assert!(office.engine.answers_options());
        talk.agent.hold().await.unwrap();
        assert!(!talk.customer.is_ended());
    });
}
