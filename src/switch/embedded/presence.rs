//! Who is in a call, told to phones that have a lamp for it: the dialog event package (RFC 4235) over SUBSCRIBE and NOTIFY
//! (RFC 6665).
//!
//! Any authenticated phone may watch any extension. A NOTIFY waits until the one before it is answered; what changed meanwhile
//! is told in one. Other event packages are 489. A phone at the desk, or listening to a call, is in a call like any other (A7).

use super::{
    Directory, Embedded, Now, Purpose,
    call::{Call, Stage, speaks_of_sips},
    leg::{Leg, MediaPorts, Origin, Role},
};
use crate::{
    model::{CallId, ExtensionNumber, LegId, Side},
    sip::{
        ClientTx, Dialog, DialogId, Flow, Method, Request, Response, ServerTx,
        dialog_info::{self, DialogInfo, DialogState, Extent},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// The most subscriptions in all, and of one phone: a desk phone has some dozens of lamps.
const MAX_SUBSCRIPTIONS: usize = 20_000;
const MAX_SUBSCRIPTIONS_PER_PHONE: usize = 256;

/// How long a subscription lasts when the phone does not say (RFC 4235 §3.4), and the bounds of what it may say.
const USUAL_EXPIRES_S: u32 = 3600;
const MIN_EXPIRES_S: u32 = 60;
const MAX_EXPIRES_S: u32 = 3600;

/// How often it is looked whether some have expired.
const SWEEP: Duration = Duration::from_secs(5);

/// A longer Event header is none of ours: it goes back in every NOTIFY.
const MAX_EVENT_BYTES: usize = 128;

#[derive(Default)]
pub(super) struct Presence {
    subscriptions: BTreeMap<DialogId, Subscription>,
    /// Those of each extension that is watched.
    by_target: BTreeMap<ExtensionNumber, BTreeSet<DialogId>>,
    /// Extensions whose dialogs may be others than their watchers were told.
    changed: BTreeSet<ExtensionNumber>,
    sweep_at: Option<Instant>,
}

/// One phone that watches one extension.
struct Subscription {
    dialog: Dialog,
    flow: Flow,
    watcher: ExtensionNumber,
    target: ExtensionNumber,
    /// As the phone wrote it: an `id` in it comes back (RFC 6665 §8.2.1).
    event: String,
    expires: Instant,
    /// Of the next document.
    version: u32,
    /// What the phone was told, but for what had ended.
    told: BTreeMap<LegId, Shown>,
    notice: Notice,
}

/// Where the last NOTIFY is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notice {
    Answered,
    Pending,
    /// Not answered, and overtaken by what has happened since.
    Overtaken,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Shown {
    initiator: bool,
    state: DialogState,
}

/// Why a subscription ends (RFC 6665 §4.1.3).
#[derive(Clone, Copy)]
enum Reason {
    Timeout,
    NoResource,
    Rejected,
    Deactivated,
}

impl Presence {
    /// The dialogs of a phone of ours may have changed.
    pub fn touch(&mut self, number: Option<&ExtensionNumber>) {
        if let Some(number) = number
            && self.by_target.contains_key(number)
        {
            self.changed.insert(number.clone());
        }
    }

    fn insert(&mut self, id: DialogId, subscription: Subscription) {
        self.by_target.entry(subscription.target.clone()).or_default().insert(id.clone());
        self.subscriptions.insert(id, subscription);
    }

    fn remove(&mut self, id: &DialogId) -> Option<Subscription> {
        let subscription = self.subscriptions.remove(id)?;
        if let Some(watching) = self.by_target.get_mut(&subscription.target) {
            watching.remove(id);
            if watching.is_empty() {
                self.by_target.remove(&subscription.target);
            }
        }
        Some(subscription)
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sweep_at.filter(|_| !self.subscriptions.is_empty())
    }
}

impl<P: MediaPorts> Embedded<P> {
    /// SUBSCRIBE outside a dialog.
    pub(super) fn subscribe(&mut self, now: Now, tx: ServerTx, flow: Flow, request: &Request) {
        let Some(event) = event_of(request) else { return self.bad_event(tx, request) };
        if !takes_documents(request) {
            return self.endpoint.respond_stateless(tx, request.reply(406, ""));
        }
        let Some(watcher) = self.admit(now, tx, flow, request) else { return };
        let Some(expires_s) = self.agreed_expires(now, tx, request) else { return };
        let user = request.parsed_uri().ok().and_then(|uri| uri.user);
        let target = user.and_then(|user| user.parse::<ExtensionNumber>().ok());
        let Some(target) = target.filter(|target| self.directory.contains(target)) else {
            return self.respond(now, tx, request, 404);
        };
        let all = &self.presence.subscriptions;
        let own = all.values().filter(|one| one.watcher == watcher).count();
        if all.len() >= MAX_SUBSCRIPTIONS || own >= MAX_SUBSCRIPTIONS_PER_PHONE {
            return self.respond(now, tx, request, 503);
        }
        let tag = self.entropy.token();
        let Ok(dialog) = Dialog::uas(request, &tag, &self.contact(flow, speaks_of_sips(request))) else {
            return self.respond(now, tx, request, 400);
        };
        let id = dialog.id().clone();
        self.accept_subscription(now, tx, flow, request, &id, expires_s);
        let subscription = Subscription {
            dialog,
            flow,
            watcher,
            target,
            event,
            expires: now.instant + Duration::from_secs(expires_s.into()),
            version: 0,
            told: BTreeMap::new(),
            notice: Notice::Answered,
        };
        self.presence.insert(id.clone(), subscription);
        self.presence.sweep_at.get_or_insert(now.instant + SWEEP);
        self.tell_anew(now, &id, expires_s);
    }

    /// SUBSCRIBE inside the dialog of a subscription: it goes on, or ends.
    pub(super) fn resubscribe(&mut self, now: Now, tx: ServerTx, flow: Flow, request: &Request) {
        let id = DialogId::of_request(request);
        let known = id.and_then(|id| Some((self.presence.subscriptions.get(&id)?, id.clone())));
        let Some((subscription, id)) = known else {
            return self.endpoint.respond_stateless(tx, request.reply(481, ""));
        };
        let (watcher, same_place) = (subscription.watcher.clone(), subscription.flow.remote.ip() == flow.remote.ip());
        if event_of(request).is_none() {
            return self.bad_event(tx, request);
        }
        if !same_place {
            match self.admit(now, tx, flow, request) {
                Some(source) if source == watcher => {}
                Some(_) => return self.respond(now, tx, request, 403),
                None => return,
            }
        }
        let Some(expires_s) = self.agreed_expires(now, tx, request) else { return };
        let Some(subscription) = self.presence.subscriptions.get_mut(&id) else { return };
        if subscription.dialog.accepts(request).is_err() {
            return self.respond(now, tx, request, 500);
        }
        subscription.flow = flow;
        subscription.expires = now.instant + Duration::from_secs(expires_s.into());
        self.accept_subscription(now, tx, flow, request, &id, expires_s);
        self.tell_anew(now, &id, expires_s);
    }

    /// Tells every watcher of an extension whose dialogs have changed.
    pub(super) fn tell_watchers(&mut self, now: Now) {
        for target in std::mem::take(&mut self.presence.changed) {
            let Some(watchers) = self.presence.by_target.get(&target).cloned() else { continue };
            let present = dialogs_of(&self.legs, &self.calls, &target);
            for id in watchers {
                self.tell_change(now, &id, &present);
            }
        }
    }

    pub(super) fn end_expired_subscriptions(&mut self, now: Now) {
        if self.presence.sweep_at.is_none_or(|at| at > now.instant) {
            return;
        }
        self.presence.sweep_at = Some(now.instant + SWEEP);
        self.end_subscriptions(now, Reason::Timeout, |one| one.expires <= now.instant);
    }

    /// Extensions were removed, or have another secret.
    pub(super) fn end_subscriptions_of_strangers(&mut self, now: Now, before: &Directory) {
        let gone: BTreeSet<ExtensionNumber> = self
            .presence
            .subscriptions
            .values()
            .flat_map(|one| [&one.watcher, &one.target])
            .filter(|number| !self.directory.vouches_as(before, number))
            .cloned()
            .collect();
        let removed: BTreeSet<_> = gone.iter().filter(|number| !self.directory.contains(number)).cloned().collect();
        self.end_subscriptions(now, Reason::Rejected, |one| gone.contains(&one.watcher));
        self.end_subscriptions(now, Reason::NoResource, |one| removed.contains(&one.target));
    }

    /// For a shutdown: the phones may subscribe again where they next register.
    pub(super) fn end_all_subscriptions(&mut self, now: Now) {
        self.end_subscriptions(now, Reason::Deactivated, |_| true);
    }

    pub(super) fn notify_response(&mut self, now: Now, id: &DialogId, response: &Response) {
        if !response.is_success() {
            return self.no_notice(id);
        }
        let Some(subscription) = self.presence.subscriptions.get_mut(id) else { return };
        let overtaken = subscription.notice == Notice::Overtaken;
        subscription.notice = Notice::Answered;
        if overtaken {
            let present = dialogs_of(&self.legs, &self.calls, &subscription.target);
            self.tell_change(now, id, &present);
        }
    }

    /// A phone that does not take a NOTIFY has no subscription any more (RFC 6665 §4.2.2).
    pub(super) fn no_notice(&mut self, id: &DialogId) {
        self.presence.remove(id);
    }

    fn bad_event(&mut self, tx: ServerTx, request: &Request) {
        let mut response = request.reply(489, "");
        response.headers.push("Allow-Events", dialog_info::PACKAGE);
        self.endpoint.respond_stateless(tx, response);
    }

    /// In seconds; 0 ends the subscription. `None`: it was refused.
    fn agreed_expires(&mut self, now: Now, tx: ServerTx, request: &Request) -> Option<u32> {
        match request.headers.expires() {
            Ok(None) => Some(USUAL_EXPIRES_S),
            Ok(Some(0)) => Some(0),
            Ok(Some(brief)) if brief < MIN_EXPIRES_S => {
                let mut response = request.reply(423, "");
                response.headers.push("Min-Expires", MIN_EXPIRES_S);
                self.endpoint.respond(now.instant, tx, response);
                None
            }
            Ok(Some(expires_s)) => Some(expires_s.min(MAX_EXPIRES_S)),
            Err(_) => {
                self.respond(now, tx, request, 400);
                None
            }
        }
    }

    fn accept_subscription(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: &Request,
        id: &DialogId,
        expires_s: u32,
    ) {
        let mut response = request.reply(200, "");
        if let Ok(to) = request.headers.to() {
            response.headers.set("To", to.with_param("tag", &id.local_tag));
        }
        response.headers.push("Contact", format!("<{}>", self.contact(flow, speaks_of_sips(request))));
        response.headers.push("Expires", expires_s);
        self.endpoint.respond(now.instant, tx, response);
    }

    /// All that there is to tell: every SUBSCRIBE is followed by it (RFC 6665 §4.2.1.2).
    fn tell_anew(&mut self, now: Now, id: &DialogId, expires_s: u32) {
        if expires_s == 0 {
            return self.end_subscription(now, id, Reason::Timeout);
        }
        let Some(subscription) = self.presence.subscriptions.get_mut(id) else { return };
        let present = dialogs_of(&self.legs, &self.calls, &subscription.target);
        let dialogs: Vec<_> = present.iter().map(|(leg, shown)| shown.info(*leg)).collect();
        subscription.told = present;
        self.notify(now, id, Extent::Full, &dialogs);
    }

    /// What has changed since the phone was last told; `present` is how things are with its target.
    fn tell_change(&mut self, now: Now, id: &DialogId, present: &BTreeMap<LegId, Shown>) {
        let Some(subscription) = self.presence.subscriptions.get_mut(id) else { return };
        if subscription.notice != Notice::Answered {
            subscription.notice = Notice::Overtaken;
            return;
        }
        let told = &subscription.told;
        let news = present.iter().filter(|(leg, shown)| told.get(leg) != Some(shown));
        let gone = told.iter().filter(|(leg, _)| !present.contains_key(leg));
        let gone = gone.map(|(leg, shown)| Shown { state: DialogState::Terminated, ..*shown }.info(*leg));
        let dialogs: Vec<_> = news.map(|(leg, shown)| shown.info(*leg)).chain(gone).collect();
        subscription.told = present.clone();
        if !dialogs.is_empty() {
            self.notify(now, id, Extent::Partial, &dialogs);
        }
    }

    fn notify(&mut self, now: Now, id: &DialogId, extent: Extent, dialogs: &[DialogInfo]) {
        let Some(subscription) = self.presence.subscriptions.get_mut(id) else { return };
        let left = subscription.expires.saturating_duration_since(now.instant).as_secs();
        let request = subscription.next_notify(&self.config.domain, &format!("active;expires={left}"), extent, dialogs);
        subscription.notice = Notice::Pending;
        let tx = self.endpoint.request(now.instant, request, subscription.flow);
        self.by_client_tx.insert(tx, Purpose::Notify { subscription: id.clone() });
    }

    fn end_subscriptions(&mut self, now: Now, reason: Reason, which: impl Fn(&Subscription) -> bool) {
        let ending = self.presence.subscriptions.iter().filter(|(_, one)| which(one)).map(|(id, _)| id.clone());
        for id in ending.collect::<Vec<_>>() {
            self.end_subscription(now, &id, reason);
        }
    }

    fn end_subscription(&mut self, now: Now, id: &DialogId, reason: Reason) {
        let Some(mut subscription) = self.presence.remove(id) else { return };
        let dialogs: Vec<_> = match reason {
            Reason::Timeout | Reason::Deactivated => {
                let present = dialogs_of(&self.legs, &self.calls, &subscription.target);
                present.iter().map(|(leg, shown)| shown.info(*leg)).collect()
            }
            Reason::NoResource | Reason::Rejected => vec![],
        };
        let state = format!("terminated;reason={}", reason.as_str());
        let request = subscription.next_notify(&self.config.domain, &state, Extent::Full, &dialogs);
        let tx: ClientTx = self.endpoint.request(now.instant, request, subscription.flow);
        self.by_client_tx.insert(tx, Purpose::Courtesy);
    }
}

impl Subscription {
    /// The next NOTIFY (RFC 6665 §4.2.2).
    fn next_notify(&mut self, domain: &str, state: &str, extent: Extent, dialogs: &[DialogInfo]) -> Request {
        let entity = format!("sip:{}@{domain}", self.target);
        let body = dialog_info::document(&entity, self.version, extent, dialogs);
        self.version = self.version.wrapping_add(1);
        let mut request = self.dialog.next_request(Method::Notify);
        request.headers.push("Event", &self.event);
        request.headers.push("Subscription-State", state);
        request.set_body(dialog_info::CONTENT_TYPE, body);
        request
    }
}

impl Shown {
    fn info(self, leg: LegId) -> DialogInfo {
        DialogInfo { id: leg.to_string(), initiator: self.initiator, state: self.state }
    }
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Reason::Timeout => "timeout",
            Reason::NoResource => "noresource",
            Reason::Rejected => "rejected",
            Reason::Deactivated => "deactivated",
        }
    }
}

/// The dialogs of an extension as they are now: its parts in calls, and its business at the desk.
fn dialogs_of(
    legs: &BTreeMap<LegId, Leg>,
    calls: &BTreeMap<CallId, Call>,
    number: &ExtensionNumber,
) -> BTreeMap<LegId, Shown> {
    let own = legs.iter().filter(|(_, leg)| leg.party.is(number));
    own.filter_map(|(id, leg)| Some((*id, shown(leg, calls)?))).collect()
}

fn shown(leg: &Leg, calls: &BTreeMap<CallId, Call>) -> Option<Shown> {
    let (initiator, up) = match &leg.role {
        Role::Party { call, side } => (*side == Side::Caller, matches!(calls.get(call)?.stage, Stage::Talking { .. })),
        Role::Guest { origin, .. } => (*origin != Origin::CalledBack, leg.invite.is_none() && leg.dialog.is_some()),
    };
    Some(Shown { initiator, state: if up { DialogState::Confirmed } else { DialogState::Early } })
}

/// The Event header of a subscription to the one package there is.
fn event_of(request: &Request) -> Option<String> {
    let event = request.headers.get("Event").filter(|event| event.len() <= MAX_EVENT_BYTES)?;
    let package = event.split(';').next().unwrap_or_default().trim();
    package.eq_ignore_ascii_case(dialog_info::PACKAGE).then(|| event.to_owned())
}

/// Who names no type takes the package's own (RFC 4235 §3.5).
fn takes_documents(request: &Request) -> bool {
    let mut types = request.headers.all("Accept").flat_map(|value| value.split(',')).peekable();
    let plain = |range: &str| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    types.peek().is_none()
        || types.any(|range| matches!(plain(range).as_str(), dialog_info::CONTENT_TYPE | "application/*" | "*/*"))
}
