//! `/metrics`, in the text form of OpenMetrics that Prometheus reads. No label holds a number, a name or an address.

use super::{app::App, problem::Problem};
use crate::engine::control::{CallStatus, Figures, Request};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

pub async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let ask = |request| app.engine().ask(request);
    let (calls, sessions, figures) = tokio::join!(ask(Request::Calls), ask(Request::Sessions), ask(Request::Figures));
    let (Some(calls), Some(sessions), Some(figures)) = (calls.calls, sessions.sessions, figures.figures) else {
        return Err(Problem::unavailable());
    };
    let mut registry = Registry::with_prefix("sasayaki");
    let statuses = [
        (CallStatus::Ringing, "ringing"),
        (CallStatus::Internal, "internal"),
        (CallStatus::Inbound, "inbound"),
        (CallStatus::Outbound, "outbound"),
        (CallStatus::Held, "held"),
    ];
    let count = |status| calls.iter().filter(|call| call.status == status).count() as u64;
    gauges(&mut registry, "calls", "Calls that are up", "status", statuses.map(|(status, word)| (word, count(status))));
    let count = |mode| sessions.iter().filter(|session| session.mode == mode).count() as u64;
    let modes = ["monitor", "whisper", "barge"].map(|mode| (mode, count(mode)));
    gauges(&mut registry, "sessions", "Supervisors who listen", "mode", modes);
    let web = app.sign_ins().into_iter().map(|(outcome, count)| (outcome.to_owned(), count)).collect::<Vec<_>>();
    sign_ins(&mut registry, [("keypad", figures.sign_ins.clone().into_iter().collect()), ("web", web)]);
    of_the_machine(&mut registry, &figures);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|_| Problem::unavailable())?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

fn gauges<const N: usize>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: [(&str, u64); N],
) {
    let family = Family::<Labels, Gauge>::default();
    for (word, count) in values {
        family.get_or_create(&vec![(label, word.to_owned())]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register(name, help, family);
}

fn sign_ins(registry: &mut Registry, places: [(&str, Vec<(String, u64)>); 2]) {
    let (tried, locked) = (Family::<Labels, Counter>::default(), Family::<Labels, Counter>::default());
    for (place, outcomes) in places {
        let at = || ("by", place.to_owned());
        let mut lockouts = 0;
        for (outcome, count) in outcomes {
            if outcome == "locked-out" {
                lockouts += count;
            }
            tried.get_or_create(&vec![at(), ("outcome", outcome)]).inc_by(count);
        }
        locked.get_or_create(&vec![at()]).inc_by(lockouts);
    }
    registry.register("sign_ins", "Sign-ins by their outcome", tried);
    registry.register("lockout_refusals", "Sign-ins refused by a lockout", locked);
}

fn of_the_machine(registry: &mut Registry, figures: &Figures) {
    let sip = Family::<Labels, Counter>::default();
    for (method, status, count) in &figures.sip {
        sip.get_or_create(&vec![("method", method.clone()), ("status", status.to_string())]).inc_by(*count);
    }
    registry.register("sip_responses", "Responses to SIP requests", sip);
    let counters = [
        ("rtp_packets_received", "RTP packets taken in", figures.rtp_packets_in),
        ("rtp_packets_sent", "RTP packets given out", figures.rtp_packets_out),
        ("rtp_packets_lost", "RTP packets that never came", figures.rtp_packets_lost),
        ("rtp_packets_unsent", "RTP packets that the network did not take", figures.rtp_packets_unsent),
        ("mixer_late_ticks", "Ticks of the mixer that came late", figures.mixer_late_ticks),
        ("mixer_skipped_ticks", "Ticks of the mixer that were left out", figures.mixer_skipped_ticks),
    ];
    for (name, help, value) in counters {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    let legs: Gauge = Gauge::default();
    legs.set(i64::try_from(figures.media_legs).unwrap_or(i64::MAX));
    registry.register("media_legs", "Legs that have media", legs);
}
