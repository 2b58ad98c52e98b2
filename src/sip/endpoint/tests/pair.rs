use super::*;

/// A call that rings for a second, is answered, and is hung up after ten more.
fn whole_call(pair: &mut Pair) -> Vec<u16> {
    pair.invite();
    pair.run_to(5_000);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 180);
    pair.run_to(6_000);
    pair.answer(tx, &invite, 200);
    let mut codes = Vec::new();
    for ms in (6_000..20_000).step_by(50) {
        pair.run_to(ms);
        while let Some(Event::Response { response, .. }) = pair.phone_events.pop_front() {
            codes.push(response.code);
            if response.code == 200 {
                pair.acknowledge(&response);
            }
        }
    }
    assert_eq!(names(&pair.server_events), ["Ack"]);
    pair.server_events.clear();
    pair.phone.request(pair.now, request(Method::Bye, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    pair.run_to(25_000);
    let (tx, bye) = pair.request_event();
    pair.answer(tx, &bye, 200);
    pair.run_to(30_000);
    assert_eq!(pair.response_event().code, 200);
    assert!(pair.phone_events.is_empty() && pair.server_events.is_empty());
    pair.run_to(120_000);
    pair.assert_nothing_is_left();
    codes
}

#[test]
fn a_call_over_udp_sends_each_message_once_and_leaves_nothing_behind() {
    let mut pair = Pair::new(Transport::Udp);
    assert_eq!(whole_call(&mut pair), [100, 180, 200]);
    let expected = [
        "0 phone INVITE",
        "210 server 100 to INVITE",
        "5000 server 180 to INVITE",
        "6000 server 200 to INVITE",
        "6050 phone ACK",
        "19950 phone BYE",
        "25000 server 200 to BYE",
    ];
    // The server's user sleeps over the BYE here, so the phone repeats it.
    let once: Vec<_> = pair.log.iter().filter(|line| !line.ends_with("BYE") || line.starts_with("19950")).collect();
    assert_eq!(once[..expected.len() - 1], expected[..expected.len() - 1]);
}

#[test]
fn whichever_message_is_lost_the_call_goes_through_and_every_event_shows_once() {
    for victim in 0..12 {
        let mut pair = Pair::new(Transport::Udp).losing(move |index, _| index == victim);
        let codes = whole_call(&mut pair);
        assert_eq!(codes.iter().filter(|code| **code == 200).count(), 1, "victim {victim}");
    }
}

#[test]
fn every_third_message_lost_still_makes_a_call() {
    let mut pair = Pair::new(Transport::Udp).losing(|index, _| index % 3 == 0);
    assert_eq!(whole_call(&mut pair).last(), Some(&200));
}

#[test]
fn an_unanswered_invite_is_repeated_by_timer_a_until_timer_b() {
    let mut pair = Pair::new(Transport::Udp).losing(|_, _| true);
    pair.invite();
    pair.run_to(31_999);
    assert_eq!(pair.times_of("INVITE"), [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert!(pair.phone_events.is_empty());
    pair.run_to(32_000);
    pair.run_to(40_000);
    assert_eq!(names(&pair.phone_events), ["TimedOut"]);
    pair.assert_nothing_is_left();
}

#[test]
fn an_unanswered_bye_is_repeated_by_timer_e_until_timer_f() {
    let mut pair = Pair::new(Transport::Udp).losing(|_, _| true);
    pair.phone.request(pair.now, request(Method::Bye, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    pair.run_to(40_000);
    assert_eq!(pair.times_of("BYE"), [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(names(&pair.phone_events), ["TimedOut"]);
    pair.assert_nothing_is_left();
}

#[test]
fn a_provisional_response_slows_a_non_invite_request_down_to_t2() {
    let mut pair = Pair::new(Transport::Udp);
    pair.phone.request(pair.now, request(Method::Bye, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    pair.run_to(20);
    let (tx, bye) = pair.request_event();
    pair.answer(tx, &bye, 100);
    pair.run_to(10_000);
    assert_eq!(pair.times_of("phone BYE"), [0, 500, 4500, 8500], "and the repeated ones get the 100 again");
    assert_eq!(pair.times_of("100 to BYE"), [20, 510, 4510, 8510]);
}

#[test]
fn over_tcp_nothing_is_repeated_but_the_2xx() {
    let mut pair = Pair::new(Transport::Tcp).losing(|_, _| true);
    pair.invite();
    pair.phone.request(pair.now, request(Method::Options, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    pair.run_to(40_000);
    assert_eq!(pair.log, ["0 phone INVITE x", "0 phone OPTIONS x"]);
    assert_eq!(names(&pair.phone_events), ["TimedOut", "TimedOut"]);
    pair.assert_nothing_is_left();

    let mut pair = Pair::new(Transport::Tcp);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 486);
    pair.run_to(100);
    assert_eq!(pair.log[1..], ["20 server 486 to INVITE", "30 phone ACK"]);
    pair.assert_nothing_is_left();

    let mut pair = Pair::new(Transport::Tcp);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.run_to(1_600);
    assert_eq!(pair.times_of("200 to INVITE"), [20, 520, 1520]);
}

#[test]
fn a_refusal_is_repeated_by_timer_g_until_its_ack_or_timer_h() {
    let mut pair = Pair::new(Transport::Udp).losing(|_, gist| gist == "ACK");
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 486);
    pair.run_to(90_000);
    assert_eq!(
        pair.times_of("486"),
        [20, 520, 1520, 3520, 7520, 11520, 15520, 19520, 23520, 27520, 31520],
        "the last stands before 32 020"
    );
    assert_eq!(pair.times_of("ACK").len(), 11);
    assert_eq!(pair.response_event().code, 486);
    assert!(pair.phone_events.is_empty() && pair.server_events.is_empty());
    pair.assert_nothing_is_left();

    let mut pair = Pair::new(Transport::Udp).losing(|index, _| index == 2);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 486);
    pair.run_to(90_000);
    assert_eq!(pair.times_of("486"), [20, 520]);
    pair.assert_nothing_is_left();
}

#[test]
fn a_2xx_is_repeated_until_its_ack_and_a_repeated_2xx_gets_the_ack_again() {
    let mut pair = Pair::new(Transport::Udp).losing(|index, gist| gist == "ACK" && index < 5);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.run_to(100);
    let response = pair.response_event();
    pair.acknowledge(&response);
    pair.run_to(30_000);
    assert_eq!(pair.times_of("200 to INVITE"), [20, 520, 1520]);
    assert_eq!(pair.times_of("ACK"), [100, 530, 1530]);
    assert!(pair.phone_events.is_empty());
    assert_eq!(names(&pair.server_events), ["Ack"]);
}

#[test]
fn a_2xx_without_an_ack_is_told_after_64_t1() {
    let mut pair = Pair::new(Transport::Udp);
    pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.run_to(32_019);
    assert!(pair.server_events.is_empty());
    pair.run_to(32_021);
    pair.run_to(32_022);
    assert_eq!(names(&pair.server_events), ["Unacked"]);
    pair.run_to(90_000);
    pair.assert_nothing_is_left();
}

#[test]
fn a_cancel_before_any_response_waits_for_the_first() {
    let mut pair = Pair::new(Transport::Udp);
    let call = pair.invite();
    pair.phone.cancel(pair.now, call);
    pair.run_to(300);
    assert_eq!(
        pair.log,
        ["0 phone INVITE", "210 server 100 to INVITE", "220 phone CANCEL", "230 server 200 to CANCEL"]
    );
    let (tx, invite) = pair.request_event();
    assert_eq!(names(&pair.server_events), ["Cancelled"]);
    pair.answer(tx, &invite, 487);
    pair.run_to(400);
    assert_eq!([pair.response_event().code, pair.response_event().code], [100, 487]);
    assert!(pair.phone_events.is_empty(), "the answer to the CANCEL is nobody's business");
    pair.run_to(90_000);
    pair.assert_nothing_is_left();
}

#[test]
fn a_repeated_cancel_is_answered_again_and_told_once() {
    let mut pair = Pair::new(Transport::Udp).losing(|_, gist| gist == "200 to CANCEL");
    let call = pair.invite();
    pair.run_to(300);
    pair.phone.cancel(pair.now, call);
    pair.phone.cancel(pair.now, call);
    pair.run_to(4_000);
    assert_eq!(pair.times_of("phone CANCEL"), [300, 800, 1800, 3800]);
    assert_eq!(names(&pair.server_events), ["Request", "Cancelled"]);
}

#[test]
fn a_cancel_that_crosses_the_200_changes_nothing() {
    let mut pair = Pair::new(Transport::Udp);
    let call = pair.invite();
    pair.run_to(300);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.phone.cancel(pair.now, call);
    pair.run_to(350);
    assert_eq!(pair.log.last().map(String::as_str), Some("310 server 200 to CANCEL"));
    assert!(pair.server_events.is_empty(), "the INVITE was answered before");
    assert_eq!([pair.response_event().code, pair.response_event().code], [100, 200]);
    pair.answer(tx, &invite, 487);
    pair.run_to(360);
    assert!(pair.times_of("487").is_empty());
}

#[test]
fn after_the_200_there_is_nothing_to_cancel() {
    let mut pair = Pair::new(Transport::Udp);
    let call = pair.invite();
    pair.run_to(20);
    let (tx, invite) = pair.request_event();
    pair.answer(tx, &invite, 200);
    pair.run_to(50);
    pair.phone.cancel(pair.now, call);
    pair.run_to(60);
    assert!(pair.times_of("CANCEL").is_empty());
}

#[test]
fn a_cancelled_peer_that_stays_silent_is_given_up() {
    let mut pair = Pair::new(Transport::Udp);
    let call = pair.invite();
    pair.run_to(300);
    pair.phone.cancel(pair.now, call);
    pair.run_to(32_299);
    assert_eq!(pair.response_event().code, 100);
    assert!(pair.phone_events.is_empty());
    pair.run_to(32_301);
    pair.run_to(32_302);
    assert_eq!(names(&pair.phone_events), ["TimedOut"]);
}

#[test]
fn two_forks_that_answer_are_both_told() {
    let mut pair = Pair::new(Transport::Udp);
    pair.invite();
    pair.run_to(20);
    let (_, invite) = pair.request_event();
    for tag in ["x", "y", "x", "y"] {
        let mut ok = invite.reply(200, "");
        ok.headers.set("To", format!("<sip:2000@192.0.2.9>;tag={tag}"));
        let flow = pair.flow_of(Side::Phone);
        pair.phone.receive(pair.now, flow, &ok.to_bytes());
    }
    pair.drain();
    assert_eq!(names(&pair.phone_events), ["Response", "Response"]);
}

#[test]
fn a_failed_transport_fails_what_waits_on_it() {
    let mut pair = Pair::new(Transport::Tcp);
    pair.invite();
    pair.phone.request(pair.now, request(Method::Options, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
    let (phone, server) = (pair.flow_of(Side::Phone), pair.flow_of(Side::Server));
    pair.phone.transport_failed(pair.now, server);
    pair.drain();
    assert!(pair.phone_events.is_empty(), "that was another flow");
    pair.phone.transport_failed(pair.now, phone);
    pair.drain();
    assert_eq!(names(&pair.phone_events), ["TransportFailed", "TransportFailed"]);
    pair.assert_nothing_is_left();
}

/// What the two users do, at which second.
#[derive(Clone, Copy, Debug)]
struct Script {
    ring_at: u64,
    answer_at: u64,
    code: u16,
    cancel_at: u64,
    bye_at: u64,
}

/// Plays a script second by second; a caller that is never answered gives up after a minute.
fn play(pair: &mut Pair, script: Script) {
    let call = pair.invite();
    let mut ringing = None;
    // As long as a BYE may be under way.
    for second in 0..=90 {
        pair.run_to(second * 1000);
        while let Some(event) = pair.server_events.pop_front() {
            match event {
                Event::Request { tx, request, .. } if request.method == Method::Invite => ringing = Some((tx, request)),
                Event::Request { tx, request, .. } => pair.answer(tx, &request, 200),
                Event::Cancelled { tx } => {
                    let (_, invite) = ringing.take().unwrap();
                    pair.answer(tx, &invite, 487);
                }
                Event::Ack { .. } | Event::Unacked { .. } | Event::Unpracked { .. } => {}
                Event::Response { .. }
                | Event::Settled { .. }
                | Event::TimedOut { .. }
                | Event::TransportFailed { .. } => unreachable!(),
            }
        }
        while let Some(event) = pair.phone_events.pop_front() {
            if let Event::Response { response, .. } = event
                && response.code == 200
                && response.headers.cseq().unwrap().method == Method::Invite
            {
                pair.acknowledge(&response);
            }
        }
        if let Some((tx, invite)) = ringing.clone() {
            if second == script.ring_at {
                pair.answer(tx, &invite, 180);
            }
            if second >= script.answer_at {
                pair.answer(tx, &invite, script.code);
                ringing = None;
            }
        }
        if second == script.cancel_at || second == 60 {
            pair.phone.cancel(pair.now, call);
        }
        if second == script.bye_at {
            pair.phone.request(pair.now, request(Method::Bye, "sip:2000@192.0.2.9", 2), pair.flow_of(Side::Phone));
        }
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_lost_and_whenever_somebody_gives_up_nothing_is_left(
        lost in proptest::collection::vec(proptest::bool::weighted(0.4), 60),
        ring_at in 0u64..10,
        answer_at in 0u64..30,
        code in proptest::sample::select(vec![200, 404, 486]),
        cancel_at in 0u64..40,
        bye_at in 0u64..50,
        reliable in proptest::bool::ANY,
    ) {
        let transport = if reliable { Transport::Tcp } else { Transport::Udp };
        let mut pair = Pair::new(transport).losing(move |index, _| !reliable && lost.get(index).copied().unwrap_or(false));
        play(&mut pair, Script { ring_at, answer_at, code, cancel_at, bye_at });
        pair.run_to(200_000);
        pair.server_events.clear();
        pair.assert_nothing_is_left();
    }
}
