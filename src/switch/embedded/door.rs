//! The door: what each request is, and whether its sender may ask for it. Everything but OPTIONS is digest-challenged;
//! the source is the digest user name, never From. What is answered to just anybody leaves no transaction behind.

use super::{Embedded, Now, call::Target, leg::MediaPorts};
use crate::{
    dialplan::Route,
    model::{ExtensionNumber, SecurityEvent, TrunkName},
    sip::{
        Flow, Method, Replaces, Request, ServerTx, Uri, dialog_info,
        digest::{Algorithm, Asker, Verdict},
    },
    switch::Event,
};
use percent_encoding::percent_decode_str;

pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, REGISTER, SUBSCRIBE";
pub(super) const SUPPORTED: &str = "timer, 100rel, replaces";
pub(super) const ACCEPT: &str = "application/sdp, application/dtmf-relay, application/dtmf";

impl<P: MediaPorts> Embedded<P> {
    /// Whether what comes on a flow is to be read: of trunks and of those that have proven themselves everything, of
    /// strangers so much.
    pub(super) fn is_heard(&mut self, now: Now, flow: Flow) -> bool {
        self.trunks.speak_on(flow) || self.gate.admits(now, flow.remote.ip())
    }

    /// Phones and trunks may have manners of their own; junk of strangers is worth a line.
    pub(super) fn note_junk(&mut self, now: Now, flow: Flow) {
        let source = flow.remote.ip();
        if !self.trunks.speak_on(flow) && !self.gate.is_proven(now, source) {
            self.gate.report(now, source, &SecurityEvent::Junk);
        }
    }

    pub(super) fn request(&mut self, now: Now, tx: ServerTx, flow: Flow, request: Request) {
        let knows = |option: &&str| SUPPORTED.split(", ").any(|known| known.eq_ignore_ascii_case(option));
        let unknown: Vec<&str> = request.headers.tokens("Require").filter(|option| !knows(option)).collect();
        if !unknown.is_empty() {
            let mut response = request.reply(420, "");
            response.headers.push("Unsupported", unknown.join(", "));
            return self.endpoint.respond_stateless(tx, response);
        }
        if request.headers.to().is_ok_and(|to| to.tag().is_some()) {
            return match request.method {
                Method::Subscribe => self.resubscribe(now, tx, flow, &request),
                _ => self.in_dialog(now, tx, flow, request),
            };
        }
        match request.method {
            Method::Invite => self.incoming_call(now, tx, flow, request),
            Method::Register => self.register(now, tx, flow, &request),
            Method::Subscribe => self.subscribe(now, tx, flow, &request),
            Method::Options => self.options(tx, &request),
            Method::Bye | Method::Info | Method::Update | Method::Prack => {
                self.endpoint.respond_stateless(tx, request.reply(481, ""))
            }
            Method::Other(_) => self.endpoint.respond_stateless(tx, request.reply(501, "")),
            _ => self.not_allowed(tx, &request),
        }
    }

    fn incoming_call(&mut self, now: Now, tx: ServerTx, flow: Flow, request: Request) {
        if request.headers.max_forwards().is_ok_and(|hops| hops == Some(0)) {
            return self.endpoint.respond_stateless(tx, request.reply(483, ""));
        }
        if !self.offers_credentials(&request)
            && let Some(trunk) = self.trunk_of(flow, &request)
        {
            return self.call_from_trunk(now, tx, flow, request, trunk);
        }
        if let Some(trunk) = self.trunk_named_in(&request) {
            self.gate.report(now, flow.remote.ip(), &SecurityEvent::TrunkStranger { trunk });
        }
        let Some(source) = self.admit(now, tx, flow, &request) else { return };
        match Replaces::of(&request.headers) {
            Ok(None) => {}
            Ok(Some(replaces)) => return self.replace(now, tx, flow, &request, source, &replaces),
            Err(_) => return self.respond(now, tx, &request, 400),
        }
        let Ok(uri) = request.parsed_uri() else { return self.respond(now, tx, &request, 416) };
        match self.dialplan.route(uri.user.as_deref().unwrap_or_default()) {
            Route::Extension(target) => {
                self.place_call(now, tx, flow, request, source.into(), Target::Extension(target));
            }
            Route::Outside(dial) => self.place_call(now, tx, flow, request, source.into(), Target::Outside(dial)),
            Route::Feature(feature) => self.arrive(now, tx, flow, &request, source.into(), feature),
            Route::Refuse { status, refusal } => {
                self.respond(now, tx, &request, status);
                if let Some(refusal) = refusal {
                    self.event(Event::Refused { source, refusal });
                }
            }
            Route::Unknown => self.respond(now, tx, &request, 404),
        }
    }

    fn register(&mut self, now: Now, tx: ServerTx, flow: Flow, request: &Request) {
        let Some(source) = self.admit(now, tx, flow, request) else { return };
        let address_of_record = request.headers.to().ok().and_then(|to| to.parsed_uri().ok()).and_then(|uri| uri.user);
        if address_of_record.as_deref() != Some(source.as_str()) {
            return self.respond(now, tx, request, 403);
        }
        let response = self.registrar.register(now.unix_ms, &source, flow, request);
        self.endpoint.respond(now.instant, tx, response);
    }

    pub(super) fn options(&mut self, tx: ServerTx, request: &Request) {
        let mut response = request.reply(200, "");
        response.headers.push("Allow", ALLOW);
        response.headers.push("Allow-Events", dialog_info::PACKAGE);
        response.headers.push("Supported", SUPPORTED);
        response.headers.push("Accept", ACCEPT);
        self.endpoint.respond_stateless(tx, response);
    }

    pub(super) fn not_allowed(&mut self, tx: ServerTx, request: &Request) {
        let mut response = request.reply(405, "");
        response.headers.push("Allow", ALLOW);
        self.endpoint.respond_stateless(tx, response);
    }

    /// The trunk whose account is called, as only the trunk itself should know it.
    fn trunk_named_in(&self, request: &Request) -> Option<TrunkName> {
        let name = request.parsed_uri().ok()?.user?.parse().ok()?;
        self.trunks.get(&name).map(|_| name)
    }

    /// Whether the sender says that it is a phone of ours.
    fn offers_credentials(&self, request: &Request) -> bool {
        self.authenticator.find(&request.headers, Asker::Server).is_some()
    }

    /// The extension whose secret the sender has proven to know; else it was challenged or refused, and nothing remains.
    pub(super) fn admit(&mut self, now: Now, tx: ServerTx, flow: Flow, request: &Request) -> Option<ExtensionNumber> {
        let credentials = match self.authenticator.find(&request.headers, Asker::Server) {
            Some(Ok(credentials)) => credentials,
            Some(Err(_)) => {
                self.endpoint.respond_stateless(tx, request.reply(400, ""));
                return None;
            }
            None => return self.challenge(now, tx, flow, request, false),
        };
        let source = flow.remote.ip();
        let algorithms = self.algorithms_of(&credentials.username);
        let number = credentials.username.parse::<ExtensionNumber>().ok();
        let entry = number.as_ref().and_then(|number| self.directory.get(number));
        let stands_here = |number: &ExtensionNumber| self.registrar.stands_at(number, source, now.unix_ms);
        let guesser = (source.into(), number.clone().filter(stands_here));
        if !self.gate.hears_guesses_of(now, &guesser) {
            self.gate.report(now, source, &SecurityEvent::DigestGuessing);
            return self.challenge(now, tx, flow, request, false);
        }
        let ha1_for = |algorithm| entry.map(|entry| entry.ha1(algorithm).clone());
        match self.authenticator.verify(now.unix_ms, source, &request.method, &credentials, &algorithms, ha1_for) {
            Verdict::Accepted if is_meant_for(&credentials.uri, request) => {
                self.gate.proven(now, source);
                number
            }
            Verdict::Accepted => self.challenge(now, tx, flow, request, false),
            Verdict::Stale => self.challenge(now, tx, flow, request, true),
            Verdict::Wrong => {
                self.gate.guessed_wrong(now, &guesser);
                let known = number.filter(|number| self.directory.contains(number));
                let failed = known.map(|extension| SecurityEvent::DigestFailed { extension });
                self.gate.report(now, source, &failed.unwrap_or(SecurityEvent::UnknownUser));
                self.challenge(now, tx, flow, request, false)
            }
            Verdict::Unacceptable => {
                self.gate.report(now, source, &SecurityEvent::DigestUnusable);
                self.challenge(now, tx, flow, request, false)
            }
        }
    }

    fn challenge(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: &Request,
        stale: bool,
    ) -> Option<ExtensionNumber> {
        // From proves nothing, but whoever lies about it is only asked in a way they cannot answer.
        let claimed = request.headers.from().ok().and_then(|from| from.parsed_uri().ok()).and_then(|uri| uri.user);
        let algorithms = self.algorithms_of(&claimed.unwrap_or_default());
        let source = flow.remote.ip();
        let response = self.authenticator.challenge(now.unix_ms, request, source, Asker::Server, &algorithms, stale);
        self.endpoint.respond_stateless(tx, response);
        None
    }

    /// The extension's own digest algorithms, else the configured ones.
    fn algorithms_of(&self, user: &str) -> Vec<Algorithm> {
        let entry = user.parse().ok().and_then(|number| self.directory.get(&number));
        entry.and_then(|entry| entry.digest.clone()).unwrap_or_else(|| self.config.digest.clone())
    }
}

/// Credentials are good for the number they were made for (RFC 7616 §3.4.6). Hosts are not compared, since what stands
/// between a phone and us may rewrite them; nor is a digest URI without a number, as some clients send.
fn is_meant_for(digest_uri: &str, request: &Request) -> bool {
    let user = |uri: &Uri| uri.user.as_deref().map(|user| percent_decode_str(user).collect::<Vec<u8>>());
    digest_uri == request.uri
        || match (digest_uri.parse::<Uri>(), request.parsed_uri()) {
            (Ok(digest), Ok(asked)) => digest.user.is_none() || user(&digest) == user(&asked),
            (Ok(_) | Err(_), _) => false,
        }
}
