//! Rows A1–A6: who hears whom.

use crate::{
    ear::{self, all_of, assert_hears, assert_lacks},
    office::{MONITOR, Office, PATIENT, Talk, WHISPER, connect, press, row},
    support::audio::{AGENT_HZ, CUSTOMER_HZ, SECOND_SUPERVISOR_HZ, SUPERVISOR_HZ},
};
use sasayaki::{
    media::codec,
    model::{Codec, SrtpPolicy},
    phone::{Call, DtmfWay, PhoneConfig, PhoneError, Voice},
};

const THIRD_SUPERVISOR_HZ: f64 = 3067.0;
/// What the keys 1, 0 and # of a supervisor would sound like, but for 1209 Hz, which the customer's tone is too near.
const KEY_TONES_HZ: [f64; 4] = [697.0, 941.0, 1336.0, 1477.0];
/// A key is far louder. A packet that comes late leaves this much beside a party's own tone.
const NO_KEY_DBFS: f64 = -50.0;

/// The parties hear each other, and whether the agent hears the supervisor; the customer never does.
pub async fn assert_talk(talk: &Talk, agent_hears: &[f64], agent_lacks: &[f64]) {
    let (by_agent, by_customer) = tokio::join!(ear::now(&talk.agent), ear::now(&talk.customer));
    assert_hears("the agent", &by_agent, &[CUSTOMER_HZ]);
    assert_hears("the agent", &by_agent, agent_hears);
    assert_lacks("the agent", &by_agent, agent_lacks);
    assert_hears("the customer", &by_customer, &[AGENT_HZ]);
    assert_lacks("the customer", &by_customer, &[CUSTOMER_HZ, SUPERVISOR_HZ, SECOND_SUPERVISOR_HZ]);
    assert_lacks("the customer, in the whole call", &all_of(&talk.customer), &[SUPERVISOR_HZ, SECOND_SUPERVISOR_HZ]);
}

pub async fn assert_hears_both(supervisor: &Call, lacks: &[f64]) {
    let heard = ear::now(supervisor).await;
    assert_hears("the supervisor", &heard, &[AGENT_HZ, CUSTOMER_HZ]);
    assert_lacks("the supervisor", &heard, &[SUPERVISOR_HZ]);
    assert_lacks("the supervisor", &heard, lacks);
}

#[test]
fn a1_a2_who_monitors_hears_both_and_is_heard_by_nobody_whatever_the_phone_sends() {
    row(async {
        let office = Office::open();
        let talk = office.talk().await;
        let ways = [DtmfWay::InBand, DtmfWay::Rfc4733, DtmfWay::Info];
        for way in ways {
            let phone = office.phone_with(&office.supervisor(), SUPERVISOR_HZ, |config| config.dtmf = way).await;
            let supervisor = office.listen_in(&phone, MONITOR).await;
            let (_, ()) = tokio::join!(press(&supervisor, "10#10#"), assert_hears_both(&supervisor, &[]));
            supervisor.hang_up().await.unwrap();
        }
        assert_talk(&talk, &[], &[SUPERVISOR_HZ]).await;
        let by_agent = all_of(&talk.agent);
        assert_lacks("the agent, in the whole call", &by_agent, &[SUPERVISOR_HZ]);
        for heard in [&by_agent, &all_of(&talk.customer)] {
            let loudest = KEY_TONES_HZ.map(|hz| heard.loudest_db(hz));
            assert!(loudest.iter().all(|level| *level < NO_KEY_DBFS), "keys are heard: {loudest:.1?}");
        }
    });
}

#[test]
fn a3_who_whispers_hears_both_and_the_agent_hears_customer_and_supervisor() {
    row(async {
        let office = Office::open();
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let supervisor = office.listen_in(&phone, WHISPER).await;
        tokio::join!(assert_hears_both(&supervisor, &[]), assert_talk(&talk, &[SUPERVISOR_HZ], &[AGENT_HZ]));
    });
}

#[test]
fn a3_the_agent_is_whoever_was_named_also_when_called_by_the_customer() {
    row(async {
        let office = Office::open();
        let agent = office.phone(&office.agent(), AGENT_HZ).await;
        let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
        let (customer, agent) = connect(&customer, &agent, &office.agent()).await;
        let phone = office.supervisor_phone().await;
        let supervisor = office.listen_in(&phone, WHISPER).await;
        let talk = Talk { agent, customer };
        tokio::join!(assert_hears_both(&supervisor, &[]), assert_talk(&talk, &[SUPERVISOR_HZ], &[AGENT_HZ]));
    });
}

#[test]
fn a4_the_customer_never_hears_a_whisper_in_any_codec() {
    row(async {
        use Codec::{G722, Opus, Pcma, Pcmu};
        // And SRTP, on every leg or on none, and on any one and any two of them.
        let cases = [
            [([Pcmu, Pcma, Pcmu], 0), ([Pcma, Pcma, Pcmu], 1), ([G722, G722, Pcmu], 2), ([Opus, Opus, Pcma], 4)],
            [([Pcmu, G722, Opus], 7), ([Opus, Pcmu, G722], 6), ([Pcma, Opus, Opus], 5), ([G722, Opus, G722], 3)],
        ];
        for four in cases {
            let [first, second, third, fourth] = four.map(|(codecs, secured)| {
                let srtp = |leg: usize| if secured >> leg & 1 == 1 { SrtpPolicy::Required } else { SrtpPolicy::Off };
                whisper_in([0, 1, 2].map(|leg| (codecs[leg], srtp(leg))))
            });
            tokio::join!(first, second, third, fourth);
        }
    });
}

/// A whole session in which agent, customer and supervisor have one codec each, secured or not.
async fn whisper_in([agent, customer, supervisor]: [(Codec, SrtpPolicy); 3]) {
    let office = Office::open();
    let kind = |(codec, srtp)| move |config: &mut PhoneConfig| (config.codecs, config.srtp) = (vec![codec], srtp);
    let agent = office.phone_with(&office.agent(), AGENT_HZ, kind(agent)).await;
    let customer = office.phone_with(&office.customer(), CUSTOMER_HZ, kind(customer)).await;
    let phone = office.phone_with(&office.supervisor(), SUPERVISOR_HZ, kind(supervisor)).await;
    let talk = office.connect(&agent, &customer).await;
    let supervisor = office.listen_in(&phone, WHISPER).await;
    tokio::join!(assert_hears_both(&supervisor, &[]), assert_talk(&talk, &[SUPERVISOR_HZ], &[AGENT_HZ]));
    supervisor.hang_up().await.unwrap();
    // What was on its way comes still.
    talk.agent.listen(ear::A_MOMENT / 2).await;
    assert_talk(&talk, &[], &[SUPERVISOR_HZ]).await;
}

#[test]
fn a4_the_customer_never_hears_a_whisper_on_hold_nor_after_it() {
    row(async {
        let office = Office::open();
        let talk = office.talk().await;
        let phone = office.supervisor_phone().await;
        let _supervisor = office.listen_in(&phone, WHISPER).await;
        for party in [&talk.agent, &talk.customer] {
            party.hold().await.unwrap();
            talk.customer.listen(ear::A_MOMENT / 2).await;
            party.resume().await.unwrap();
            ear::hears(&talk.customer, AGENT_HZ).await;
        }
        assert_talk(&talk, &[SUPERVISOR_HZ], &[AGENT_HZ]).await;
    });
}

#[test]
fn a5_several_supervisors_share_a_call_in_different_modes_and_do_not_hear_each_other() {
    row(async {
        let office = Office::open();
        office.add_coach();
        office.engine.add_extension(&office.another());
        let talk = office.talk().await;
        let first = office.listen_in(&office.supervisor_phone().await, MONITOR).await;
        let second = office.name_agent(&office.coach_phone().await, &office.coach_short(WHISPER)).await;
        ear::hears(&second, AGENT_HZ).await;
        // The same account once more, on another phone.
        let third = office.listen_in(&office.phone(&office.another(), THIRD_SUPERVISOR_HZ).await, WHISPER).await;
        tokio::join!(
            assert_hears_both(&first, &[SECOND_SUPERVISOR_HZ, THIRD_SUPERVISOR_HZ]),
            assert_hears_both(&second, &[SECOND_SUPERVISOR_HZ, THIRD_SUPERVISOR_HZ]),
            assert_hears_both(&third, &[SECOND_SUPERVISOR_HZ, THIRD_SUPERVISOR_HZ]),
            assert_talk(&talk, &[SECOND_SUPERVISOR_HZ, THIRD_SUPERVISOR_HZ], &[SUPERVISOR_HZ]),
        );
        assert_lacks("the customer, in the whole call", &all_of(&talk.customer), &[THIRD_SUPERVISOR_HZ]);
        second.hang_up().await.unwrap();
        tokio::join!(
            assert_hears_both(&first, &[]),
            assert_talk(&talk, &[THIRD_SUPERVISOR_HZ], &[SECOND_SUPERVISOR_HZ]),
        );
    });
}

#[test]
fn a6_spy_legs_do_not_count_among_concurrent_calls() {
    row(async {
        let office = Office::alone(&format!("{PATIENT}[calls]\nmax_concurrent = 1\n"));
        office.add_coach();
        let talk = office.talk().await;
        let supervisor = office.listen_in(&office.supervisor_phone().await, MONITOR).await;
        let coach_phone = office.coach_phone().await;
        let coach = office.name_agent(&coach_phone, &office.coach_short(MONITOR)).await;
        ear::hears(&coach, AGENT_HZ).await;
        coach.hang_up().await.unwrap();
        let refused = coach_phone.call(&office.customer()).await;
        assert_eq!(refused.err(), Some(PhoneError::Refused(503)), "one call is the limit");
        talk.agent.hang_up().await.unwrap();
        supervisor.wait_ended().await;
        let (_caller, callee) = {
            let customer = office.phone(&office.customer(), CUSTOMER_HZ).await;
            connect(&coach_phone, &customer, &office.customer()).await
        };
        ear::hears(&callee, SECOND_SUPERVISOR_HZ).await;
    });
}

#[test]
fn x5_supervisors_on_opposite_ends_each_whisper_to_their_own_end_only() {
    row(async {
        let office = Office::open();
        office.add_coach();
        let coach_right =
            ["permission", "grant", &office.coach_login(), &crate::office::terminal(&office.customer()), "edit"];
        office.engine.run_ok(&coach_right, "");
        let talk = office.talk().await;
        let _first = office.listen_in(&office.supervisor_phone().await, WHISPER).await;
        let second = office.coach_phone().await.call(&office.coach_short(WHISPER)).await.unwrap();
        press(&second, &format!("{}#", office.customer())).await;
        ear::hears(&talk.customer, SECOND_SUPERVISOR_HZ).await;
        let (by_agent, by_customer) = tokio::join!(ear::now(&talk.agent), ear::now(&talk.customer));
        assert_hears("the agent", &by_agent, &[CUSTOMER_HZ, SUPERVISOR_HZ]);
        assert_hears("the customer", &by_customer, &[AGENT_HZ, SECOND_SUPERVISOR_HZ]);
        assert_lacks("the agent, in the whole call", &all_of(&talk.agent), &[SECOND_SUPERVISOR_HZ]);
        assert_lacks("the customer, in the whole call", &all_of(&talk.customer), &[SUPERVISOR_HZ]);
    });
}

/// Noise, so that no two frames are alike.
fn noise() -> Voice {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 18) as i16 - 8192
    };
    Voice::Samples { samples: (0..30 * codec::SAMPLE_RATE).map(|_| next()).collect(), repeat: false }
}

#[test]
fn a4_what_the_customer_gets_is_what_the_agent_sent_byte_for_byte_before_during_and_after_a_session() {
    row(async {
        let [first, second, third] = [Codec::Pcmu, Codec::G722, Codec::Opus].map(|codec| async move {
            let office = Office::open();
            let kept = |config: &mut PhoneConfig| {
                (config.codecs, config.voice, config.keeps_payloads) = (vec![codec], noise(), true);
            };
            let agent = office.phone_with(&office.agent(), 0.0, kept).await;
            let customer = office.phone_with(&office.customer(), 0.0, kept).await;
            let talk = office.connect(&agent, &customer).await;
            let mut moments = vec![talk.customer.payloads().came.len()];
            for code in [MONITOR, WHISPER] {
                talk.customer.listen(ear::A_MOMENT).await;
                moments.push(talk.customer.payloads().came.len());
                let supervisor = office.name_agent(&office.supervisor_phone().await, &office.short(code)).await;
                let mode = if code == MONITOR { "monitor" } else { "whisper" };
                office.engine.expect_session(mode, &office.agent());
                if code == WHISPER {
                    ear::hears(&talk.agent, SUPERVISOR_HZ).await;
                }
                talk.customer.listen(ear::A_MOMENT).await;
                moments.push(talk.customer.payloads().came.len());
                supervisor.hang_up().await.unwrap();
            }
            talk.customer.listen(ear::A_MOMENT).await;
            // What came is taken first: all of it was said by then, while the agent goes on talking.
            let came = talk.customer.payloads().came;
            let said = talk.agent.payloads().said;
            moments.push(came.len());
            assert!(moments.windows(2).all(|moment| moment[1] > moment[0] + 10), "{codec:?}: {moments:?}");
            assert_passed_on(codec, &said, &came);
        });
        tokio::join!(first, second, third);
    });
}

/// All that came was said, in the order in which it was said; but for a few packets that a busy machine loses, all that was
/// said between the first and the last came.
#[track_caller]
fn assert_passed_on(codec: Codec, said: &[Vec<u8>], came: &[Vec<u8>]) {
    let mut unheard = said.iter().enumerate();
    let places: Vec<usize> = came
        .iter()
        .map(|payload| unheard.find(|(_, said)| *said == payload).map(|(place, _)| place))
        .map(|place| place.unwrap_or_else(|| panic!("{codec:?}: the customer got what the agent had not said")))
        .collect();
    let (first, last) = (places[0], places[places.len() - 1]);
    let lost = last + 1 - first - places.len();
    assert!(lost * 50 <= places.len(), "{codec:?}: {lost} of {} did not come", places.len());
}
