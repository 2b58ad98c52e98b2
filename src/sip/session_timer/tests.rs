use super::*;
use proptest::prelude::*;

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "an anchor for virtual time")]
    Instant::now()
}

fn headers(rows: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::default();
    rows.iter().for_each(|(name, value)| headers.push(name, value));
    headers
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_header_is_read_as_phones_write_it() {
    for (text, expected) in [
        ("1800", Some((1800, None))),
        ("90;refresher=uac", Some((90, Some(Refresher::Uac)))),
        (" 4000 ; refresher = UAS ", Some((4000, Some(Refresher::Uas)))),
        ("90;refresher=me", None),
        ("-1", None),
        ("soon", None),
        ("99999999999", None),
        ("", None),
    ] {
        let read = text.parse().ok().map(|read: SessionExpires| (read.seconds, read.refresher));
        assert_eq!(read, expected, "{text}");
    }
    let compact = headers(&[("x", "90;refresher=uas"), ("k", "100rel, Timer")]);
    assert!(compact.session_expires().unwrap().is_some() && compact.has_option(TIMER));
}

/// §9, table 2: what was asked, whether the peer knows timers, what is answered.
#[test]
fn as_server_the_one_who_knows_timers_refreshes_and_else_we_do() {
    for (asked, knows, answered, requires) in [
        ("1800", true, Some("1800;refresher=uac"), true),
        ("1800;refresher=uac", true, Some("1800;refresher=uac"), true),
        ("90;refresher=uas", true, Some("90;refresher=uas"), true),
        ("1800", false, Some("1800;refresher=uas"), false),
        ("30;refresher=uac", false, Some("90;refresher=uas"), false),
    ] {
        let mut request = headers(&[("Session-Expires", asked)]);
        if knows {
            request.push("Supported", TIMER);
        }
        assert_eq!(SessionTimer::check(&request), Ok(()));
        let (mut timer, mut response) = (SessionTimer::default(), Headers::default());
        timer.accept(now(), &request, &mut response);
        assert_eq!(response.get("Session-Expires"), answered, "{asked}");
        assert_eq!(response.contains("Require"), requires, "{asked}");
    }
}

#[test]
fn an_interval_below_90_s_is_refused_and_one_that_is_not_asked_for_ends_the_timer() {
    let brief = headers(&[("Session-Expires", "89"), ("Supported", TIMER)]);
    assert_eq!(SessionTimer::check(&brief), Err(TooBrief));
    let mut timer = SessionTimer::default();
    timer.answered(now(), &headers(&[("Session-Expires", "90;refresher=uac")]));
    assert!(timer.poll_timeout().is_some());
    timer.accept(now(), &Headers::default(), &mut Headers::default());
    assert_eq!(timer.poll_timeout(), None);
}

#[test]
fn our_refresh_is_due_at_half_time_once_and_the_end_comes_when_none_succeeds() {
    let (start, mut timer) = (now(), SessionTimer::default());
    timer.answered(start, &headers(&[("Session-Expires", "90;refresher=uac")]));
    assert_eq!(timer.poll_timeout(), Some(start + seconds(45)));
    assert_eq!(timer.handle_timeout(start + seconds(44)), None);
    assert_eq!(timer.handle_timeout(start + seconds(45)), Some(SessionDue::Refresh));
    assert_eq!(timer.handle_timeout(start + seconds(46)), None);
    timer.postpone(start + seconds(50), Some(seconds(3)));
    assert_eq!(timer.handle_timeout(start + seconds(53)), Some(SessionDue::Refresh));
    assert_eq!(timer.poll_timeout(), Some(start + seconds(90)));
    assert_eq!(timer.handle_timeout(start + seconds(90)), Some(SessionDue::Expired));
    assert_eq!(timer.poll_timeout(), None);
}

/// §10: a third of the interval before the end, at most 32 s.
#[test]
fn a_peer_that_does_not_refresh_is_given_up_before_the_end() {
    for (interval, given_up_at) in [("90", 60), ("1800", 1768)] {
        let (start, mut timer) = (now(), SessionTimer::default());
        timer.answered(start, &headers(&[("Session-Expires", &format!("{interval};refresher=uas"))]));
        assert_eq!(timer.handle_timeout(start + seconds(given_up_at - 1)), None);
        assert_eq!(timer.handle_timeout(start + seconds(given_up_at)), Some(SessionDue::Expired));
    }
}

#[test]
fn what_we_ask_keeps_the_roles_and_heeds_a_422() {
    let mut timer = SessionTimer::default();
    let mut request = Headers::default();
    timer.ask(&mut request);
    assert_eq!((request.get("Session-Expires"), request.get("Min-SE")), (Some("1800"), Some("90")));
    assert!(timer.raise(&headers(&[("Min-SE", "3600")])));
    assert!(!timer.raise(&headers(&[("Min-SE", "3600")])), "once is enough");
    assert!(!timer.raise(&Headers::default()));
    timer.ask(&mut request);
    assert_eq!((request.get("Session-Expires"), request.get("Min-SE")), (Some("3600"), Some("3600")));
    timer.answered(now(), &headers(&[("Session-Expires", "3600;refresher=uas")]));
    timer.ask(&mut request);
    assert_eq!(request.get("Session-Expires"), Some("3600;refresher=uas"));
    timer.answered(now(), &headers(&[("Session-Expires", "3600;refresher=uac")]));
    timer.ask(&mut request);
    assert_eq!(request.get("Session-Expires"), Some("3600;refresher=uac"));
    timer.answered(now(), &Headers::default());
    assert_eq!(timer.poll_timeout(), None);
}

proptest! {
    #[test]
    fn any_text_never_panics(text in "\\PC{0,40}") {
        let _ = text.parse::<SessionExpires>();
        let _ = headers(&[("Min-SE", &text)]).min_se();
    }

    #[test]
    fn any_interval_starts_and_ends(interval in any::<u32>(), ours in any::<bool>()) {
        let refresher = if ours { "uac" } else { "uas" };
        let mut timer = SessionTimer::default();
        timer.answered(now(), &headers(&[("Session-Expires", &format!("{interval};refresher={refresher}"))]));
        prop_assert!(timer.poll_timeout().is_some());
    }
}
