//! Rows D1, D2, D6–D9: the codes, type-ahead, the exact extension, and the short dial.

use crate::{
    ear::{self, Ear, Prompts, assert_hears, assert_lacks},
    office::{DIAL_PASSWORD, MONITOR, Office, WHISPER, connect, press, row},
    support::audio::{AGENT_HZ, CUSTOMER_HZ, SECOND_SUPERVISOR_HZ, SUPERVISOR_HZ},
};
use sasayaki::{
    model::{Prompt, Secret},
    phone::{DtmfWay, Ended, PhoneError},
    sip::Transport,
};

const OTHER_CUSTOMER_HZ: f64 = 2339.0;

/// The whole sign-in, typed from the moment of answer; then whether the agent hears the supervisor.
async fn signs_in_by(code: &str, way: DtmfWay, transport: Transport, whispers: bool) {
    let office = Office::open();
    let talk = office.talk().await;
    let number = office.supervisor();
    let phone =
        office.phone_with(&number, SUPERVISOR_HZ, |config| (config.dtmf, config.transport) = (way, transport)).await;
    let supervisor = phone.call(code).await.unwrap();
    press(&supervisor, &format!("{}#{DIAL_PASSWORD}#{}#", office.dial_id(), office.agent())).await;
    assert!(ear::soon(&supervisor, AGENT_HZ).await, "{code} typed by {way:?}: {:?}", office.trail(&number));
    let (by_supervisor, by_agent) = tokio::join!(ear::now(&supervisor), ear::now(&talk.agent));
    assert_hears(code, &by_supervisor, &[AGENT_HZ, CUSTOMER_HZ]);
    match whispers {
        true => assert_hears(code, &by_agent, &[SUPERVISOR_HZ]),
        false => assert_lacks(code, &by_agent, &[SUPERVISOR_HZ]),
    }
}

#[test]
fn d1_d6_0070_monitors_and_0071_whispers_typed_ahead_from_the_moment_of_answer() {
    row(async {
        tokio::join!(
            signs_in_by(MONITOR, DtmfWay::Rfc4733, Transport::Udp, false),
            signs_in_by(WHISPER, DtmfWay::Rfc4733, Transport::Tcp, true),
            signs_in_by(MONITOR, DtmfWay::InBand, Transport::Udp, false),
            signs_in_by(WHISPER, DtmfWay::Info, Transport::Udp, true),
        );
    });
}

#[test]
fn d2_80070_and_80071_do_the_same_for_mobile_users() {
    row(async {
        tokio::join!(
            signs_in_by("80070", DtmfWay::Info, Transport::Udp, false),
            signs_in_by("80071", DtmfWay::Rfc4733, Transport::Udp, true),
        );
    });
}

#[test]
fn d1_a_phone_that_does_not_know_its_password_reaches_no_code() {
    row(async {
        let office = Office::open();
        let number = office.supervisor();
        // It registers as itself; then it calls with another's name and the wrong secret.
        let entropy = sasayaki::model::Entropy::from_seed(sasayaki::store::keys::os_random());
        let wrong = Secret::new("not-the-password");
        let config = sasayaki::phone::PhoneConfig::new(number, wrong, office.engine.sip, entropy);
        let stranger = sasayaki::phone::Phone::start(config).unwrap();
        for dialled in [MONITOR, WHISPER, "80070", &office.short(MONITOR)] {
            assert_eq!(stranger.call(dialled).await.err(), Some(PhoneError::Refused(401)), "{}", &dialled[..4]);
        }
    });
}

#[test]
fn d7_the_extension_is_matched_exactly_never_as_the_beginning_of_another() {
    row(async {
        let office = Office::open();
        // 100 beside 1001, both in a call.
        office.engine.add_extension(&office.base());
        office.engine.add_extension(&office.another());
        office.grant(&office.base(), "edit");
        let _long = office.talk().await;
        let (short, other) = (office.base(), office.another());
        let short = office.phone(&short, OTHER_CUSTOMER_HZ).await;
        let _pair = connect(&short, &office.silent_phone(&other).await, &other).await;
        let phone = office.supervisor_phone().await;
        let supervisor = phone.call(&office.short(MONITOR)).await.unwrap();
        press(&supervisor, &format!("{}#", office.base())).await;
        ear::hears(&supervisor, OTHER_CUSTOMER_HZ).await;
        assert_lacks(
            "the supervisor of the short number",
            &ear::now(&supervisor).await.last(1.0),
            &[AGENT_HZ, CUSTOMER_HZ],
        );
        supervisor.hang_up().await.unwrap();
        let supervisor = office.listen_in(&phone, MONITOR).await;
        assert_lacks("the supervisor of the long number", &ear::now(&supervisor).await.last(1.0), &[OTHER_CUSTOMER_HZ]);
    });
}

#[test]
fn d7_of_several_calls_it_is_the_one_not_on_hold_and_a_session_stays_with_its_call() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        office.engine.add_extension(&office.another());
        let (agent_number, another) = (office.agent(), office.another());
        let agent = office.phone(&agent_number, AGENT_HZ).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let other = office.phone(&another, OTHER_CUSTOMER_HZ).await;
        let (first, _customer) = connect(&agent, &customer, &office.customer()).await;
        first.hold().await.unwrap();
        let (second, _other) = connect(&agent, &other, &another).await;
        let phone = office.supervisor_phone().await;
        let supervisor = office.listen_in(&phone, WHISPER).await;
        ear::hears(&supervisor, OTHER_CUSTOMER_HZ).await;
        assert_lacks("the supervisor", &ear::now(&supervisor).await, &[CUSTOMER_HZ]);
        // A swap: the session does not move along.
        second.hold().await.unwrap();
        first.resume().await.unwrap();
        ear::hears(&first, CUSTOMER_HZ).await;
        let (by_supervisor, by_agent) = tokio::join!(ear::now(&supervisor), ear::now(&first));
        assert_lacks("the supervisor after a swap", &by_supervisor.last(0.8), &[CUSTOMER_HZ, OTHER_CUSTOMER_HZ]);
        assert_lacks("the agent after a swap", &by_agent.last(0.8), &[SUPERVISOR_HZ]);
        assert!(!supervisor.is_ended());
        supervisor.hang_up().await.unwrap();
        first.hold().await.unwrap();
        let supervisor = office.name_agent(&phone, &office.short(MONITOR)).await;
        Ear::new(&supervisor, &prompts).hears(&[Prompt::Error, Prompt::Extension]).await;
        office.expect_trail("attempt", "on-hold");
    });
}

#[test]
fn d8_a_short_dial_asks_for_the_extension_alone() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        for code in [MONITOR, WHISPER] {
            let supervisor = phone.call(&office.short(code)).await.unwrap();
            Ear::new(&supervisor, &prompts).hears(&[Prompt::Extension]).await;
            let heard = supervisor.heard();
            for unasked in [Prompt::MonitorWelcome, Prompt::WhisperWelcome, Prompt::DialId, Prompt::Password] {
                assert_eq!(prompts.count(unasked, &heard), 0, "{unasked:?}");
            }
            press(&supervisor, &format!("{}#", office.agent())).await;
            ear::hears(&supervisor, CUSTOMER_HZ).await;
            let by_agent = ear::now(&talk.agent).await;
            match code {
                WHISPER => assert_hears("the agent", &by_agent, &[SUPERVISOR_HZ]),
                _ => assert_lacks("the agent", &by_agent, &[SUPERVISOR_HZ]),
            }
            supervisor.hang_up().await.unwrap();
        }
    });
}

#[test]
fn d8_a_wrong_short_dial_is_answered_with_e1_and_the_id_prompt_and_uses_one_try() {
    row(async {
        let (office, prompts) = (Office::alone(crate::office::HURRIED), Prompts::quick());
        let phone = office.supervisor_phone().await;
        for wrong in [format!("0070*{}*000000", office.dial_id()), format!("0071*5555*{DIAL_PASSWORD}")] {
            let supervisor = phone.call(&wrong).await.unwrap();
            let mut ear = Ear::new(&supervisor, &prompts);
            ear.hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
            // Three tries in all: this was one, and two are left.
            press(&supervisor, "#").await;
            ear.hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
            press(&supervisor, "#").await;
            ear.hears(&[Prompt::SignInFailed]).await;
            assert_eq!(supervisor.wait_ended().await, Ended::ByPeer);
        }
        let supervisor = phone.call(&format!("0070*{}*000000", office.dial_id())).await.unwrap();
        Ear::new(&supervisor, &prompts).hears(&[Prompt::SignInFailed]).await;
        press(&supervisor, &format!("{}#{DIAL_PASSWORD}#", office.dial_id())).await;
        Ear::new(&supervisor, &prompts).hears(&[Prompt::Extension]).await;
    });
}

#[test]
fn d8_a_missing_or_extra_field_is_484() {
    row(async {
        let office = Office::open();
        let phone = office.supervisor_phone().await;
        let id = office.dial_id();
        let malformed = [
            format!("0070*{id}"),
            format!("0070*{id}*"),
            format!("0070**{DIAL_PASSWORD}"),
            format!("0071*{id}*{DIAL_PASSWORD}*1"),
            format!("0071%2A{id}"),
            "0070*".to_owned(),
        ];
        for dialled in malformed {
            assert_eq!(phone.call(&dialled).await.err(), Some(PhoneError::Refused(484)), "{dialled}");
            office.expect_trail("sign-in", "short-dial-malformed");
        }
    });
}

#[test]
fn d9_the_short_dial_is_refused_behind_the_mobile_prefix_without_an_answer() {
    row(async {
        let office = Office::open();
        let phone = office.supervisor_phone().await;
        for dialled in
            [format!("8{}", office.short(MONITOR)), format!("8{}", office.short(WHISPER)).replace('*', "%2A")]
        {
            assert_eq!(phone.call(&dialled).await.err(), Some(PhoneError::Refused(403)));
            office.expect_trail("sign-in", "short-dial-from-mobile");
        }
    });
}

#[test]
fn d8_a_percent_encoded_short_dial_is_the_same_as_a_plain_one() {
    row(async {
        let office = Office::open();
        let _talk = office.talk().await;
        let phone = office.phone(&office.supervisor(), SECOND_SUPERVISOR_HZ).await;
        let supervisor = office.name_agent(&phone, &office.short(MONITOR).replace('*', "%2a")).await;
        ear::hears(&supervisor, CUSTOMER_HZ).await;
    });
}

#[test]
fn x6_a_one_time_code_signs_in_once_by_short_dial_and_a_redial_hears_e1() {
    row(async {
        let (office, prompts) = (Office::open(), Prompts::quick());
        let phone = office.supervisor_phone().await;
        let printed = office.engine.run_ok(&["dial-id", "one-time", &office.login()], "");
        let short = printed.trim_end();
        assert!(short.starts_with(&format!("{MONITOR}*{}*", office.dial_id())));
        let supervisor = phone.call(short).await.unwrap();
        Ear::new(&supervisor, &prompts).hears(&[Prompt::Extension]).await;
        office.expect_trail("sign-in", "signed-in-by-one-time-code");
        supervisor.hang_up().await.unwrap();
        for _ in 0..2 {
            let supervisor = phone.call(short).await.unwrap();
            Ear::new(&supervisor, &prompts).hears(&[Prompt::SignInFailed, Prompt::DialId]).await;
            office.expect_trail("sign-in", "code-spent");
            supervisor.hang_up().await.unwrap();
        }
    });
}
