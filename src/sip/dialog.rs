//! RFC 3261 §12: what two peers have in common once a request was answered.

use super::{BadHeader, CSeq, Headers, Method, NameAddr, Request, Response};

/// §12: Call-ID and the two tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId {
    pub call_id: String,
    pub local_tag: String,
    /// Empty for a peer of RFC 2543.
    pub remote_tag: String,
}

#[derive(Clone)]
pub struct Dialog {
    id: DialogId,
    local: NameAddr,
    remote: NameAddr,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    remote_target: String,
    route_set: Vec<NameAddr>,
    /// The URI under which we are reached.
    local_contact: String,
    chose_call_id: bool,
}

/// A request that came out of order: answer it 500 (§12.2.2).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("CSeq lower than one that came before")]
pub struct CSeqTooLow;

impl DialogId {
    /// The dialog that a received request speaks of; `None` when its To has no tag.
    pub fn of_request(request: &Request) -> Option<Self> {
        Some(Self {
            call_id: request.headers.call_id().to_owned(),
            local_tag: tag(&request.headers.to().ok()?)?,
            remote_tag: tag(&request.headers.from().ok()?).unwrap_or_default(),
        })
    }

    /// The dialog that a received response speaks of.
    pub fn of_response(response: &Response) -> Option<Self> {
        Some(Self {
            call_id: response.headers.call_id().to_owned(),
            local_tag: tag(&response.headers.from().ok()?)?,
            remote_tag: tag(&response.headers.to().ok()?).unwrap_or_default(),
        })
    }
}

impl Dialog {
    /// §12.1.1: a request came, and `local_tag` goes into the To of our response. A peer of RFC 2543 that has no Contact is
    /// reached by its From.
    pub fn uas(request: &Request, local_tag: &str, local_contact: &str) -> Result<Self, BadHeader> {
        let headers = &request.headers;
        let remote = headers.from()?;
        let local = headers.to()?.with_param("tag", local_tag);
        Ok(Self {
            id: DialogId {
                call_id: headers.call_id().to_owned(),
                local_tag: local_tag.to_owned(),
                remote_tag: tag(&remote).unwrap_or_default(),
            },
            local,
            remote_target: if headers.contains("Contact") { headers.contact()?.uri } else { remote.uri.clone() },
            remote,
            local_cseq: 0,
            remote_cseq: Some(headers.cseq()?.number),
            route_set: headers.addresses("Record-Route")?,
            local_contact: local_contact.to_owned(),
            chose_call_id: false,
        })
    }

    /// §12.1.2: our request was answered, by 101 to 199 with a To tag or by a 2xx. A peer that forgot its Contact is
    /// reached where the request went.
    pub fn uac(request: &Request, response: &Response) -> Result<Self, BadHeader> {
        let (local, remote) = (request.headers.from()?, response.headers.to()?);
        let mut route_set = response.headers.addresses("Record-Route")?;
        route_set.reverse();
        Ok(Self {
            id: DialogId {
                call_id: request.headers.call_id().to_owned(),
                local_tag: tag(&local).ok_or(BadHeader::Malformed("From"))?,
                remote_tag: tag(&remote).unwrap_or_default(),
            },
            local,
            remote,
            local_cseq: request.headers.cseq()?.number,
            remote_cseq: None,
            remote_target: target_of(&response.headers).unwrap_or_else(|| request.uri.clone()),
            route_set,
            local_contact: request.headers.contact()?.uri,
            chose_call_id: true,
        })
    }

    /// §13.2.2.4: the 2xx has the last word on route set and target of a dialog that a provisional response began.
    pub fn confirm(&mut self, response: &Headers) -> Result<(), BadHeader> {
        self.route_set = response.addresses("Record-Route")?;
        self.route_set.reverse();
        self.refresh_target(response);
        Ok(())
    }

    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Whether the Call-ID is of our making: who chose it waits longer after a collision (§14.1).
    pub fn chose_call_id(&self) -> bool {
        self.chose_call_id
    }

    /// Gives our own side another URI in requests from here on; the tag, by which peers match, stays (RFC 4916 §3).
    pub fn rename_local(&mut self, uri: &str) {
        self.local.uri = uri.to_owned();
    }

    /// The URI of the peer's last Contact.
    pub fn remote_target(&self) -> &str {
        &self.remote_target
    }

    /// The URI to which the next request goes first: the topmost route, or the target (§12.2.1.1, §8.1.2).
    pub fn next_hop(&self) -> &str {
        self.route_set.first().map_or(&self.remote_target, |route| &route.uri)
    }

    /// §12.2.1.1. Not for ACK and CANCEL.
    pub fn next_request(&mut self, method: Method) -> Request {
        let cseq = self.next_cseq();
        self.request(method, cseq)
    }

    /// The number for the next request of ours, or for one that goes again with credentials (§22.2).
    pub fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// The ACK of a 2xx to the INVITE of that number (§13.2.2.4).
    pub fn ack(&self, invite_cseq: u32) -> Request {
        self.request(Method::Ack, invite_cseq)
    }

    /// Takes a request of the peer: checks its order and follows its new Contact (§12.2.2).
    pub fn accepts(&mut self, request: &Request) -> Result<(), CSeqTooLow> {
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        if matches!(request.method, Method::Ack | Method::Cancel) {
            return Ok(());
        }
        if self.remote_cseq.is_some_and(|last| number < last) {
            return Err(CSeqTooLow);
        }
        self.remote_cseq = Some(number);
        if refreshes_target(&request.method) {
            self.refresh_target(&request.headers);
        }
        Ok(())
    }

    /// The peer's Contact in a request, or in a 2xx to ours, that refreshes the target.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = target_of(headers) {
            self.remote_target = target;
        }
    }

    fn request(&self, method: Method, cseq: u32) -> Request {
        let (uri, routes) = self.way();
        let mut request = Request::new(method.clone(), uri);
        for route in routes {
            request.headers.push("Route", route);
        }
        request.headers.push("From", &self.local);
        request.headers.push("To", &self.remote);
        request.headers.push("Call-ID", &self.id.call_id);
        if refreshes_target(&method) {
            request.headers.push("Contact", format!("<{}>", self.local_contact));
        }
        request.headers.push("CSeq", CSeq { number: cseq, method });
        request
    }

    /// Request-URI and Route; a strict router (no `lr`) gets its own URI in the former.
    fn way(&self) -> (String, Vec<NameAddr>) {
        match self.route_set.split_first() {
            Some((first, rest)) if !is_loose(first) => {
                let target = NameAddr::new(self.remote_target.clone());
                (first.uri.clone(), rest.iter().cloned().chain([target]).collect())
            }
            Some(_) | None => (self.remote_target.clone(), self.route_set.clone()),
        }
    }
}

fn is_loose(route: &NameAddr) -> bool {
    route.parsed_uri().is_ok_and(|uri| uri.params.contains("lr"))
}

/// §12.2; RFC 3311 §5.1, RFC 3515 §2.4.5, RFC 6665 §4.4.
fn refreshes_target(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Refer | Method::Subscribe | Method::Notify)
}

fn target_of(headers: &Headers) -> Option<String> {
    headers.contact().ok().map(|contact| contact.uri)
}

fn tag(address: &NameAddr) -> Option<String> {
    address.tag().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Request {
        let mut invite = Request::new(Method::Invite, "sip:2000@sip.example");
        invite.headers.push("From", "\"A\" <sip:1000@sip.example>;tag=a");
        invite.headers.push("To", "<sip:2000@sip.example>");
        invite.headers.push("Call-ID", "call-1");
        invite.headers.push("CSeq", "7 INVITE");
        invite.headers.push("Contact", "<sip:1000@192.0.2.1:5062>");
        invite
    }

    fn answer(record_route: &[&str]) -> Response {
        let mut ok = invite().reply(200, "");
        ok.headers.set("To", "<sip:2000@sip.example>;tag=b");
        ok.headers.push("Contact", "<sip:2000@192.0.2.2:5064>");
        record_route.iter().for_each(|route| ok.headers.push("Record-Route", route));
        ok
    }

    #[test]
    fn whoever_called_through_proxies_reaches_us_through_the_same() {
        let mut invite = invite();
        let through = ["<sip:192.0.2.9;lr>", "<sip:192.0.2.8;transport=tls;lr>"];
        through.iter().for_each(|route| invite.headers.push("Record-Route", route));
        let told =
            |code: u16| invite.reply(code, "").headers.all("Record-Route").map(str::to_owned).collect::<Vec<_>>();
        assert_eq!((told(200), told(183)), (through.map(str::to_owned).to_vec(), through.map(str::to_owned).to_vec()));
        assert!(told(100).is_empty() && told(486).is_empty());
    }

    #[test]
    fn both_ends_of_one_call_know_the_same_dialog() {
        let caller = Dialog::uac(&invite(), &answer(&[])).unwrap();
        let mut callee = Dialog::uas(&invite(), "b", "sip:2000@192.0.2.2:5064").unwrap();
        let bye = callee.next_request(Method::Bye);
        assert_eq!(bye.uri, "sip:1000@192.0.2.1:5062");
        assert_eq!(bye.headers.get("From"), Some("<sip:2000@sip.example>;tag=b"));
        assert_eq!(bye.headers.get("To"), Some("\"A\" <sip:1000@sip.example>;tag=a"));
        assert!(!bye.headers.contains("Contact"));
        assert_eq!(DialogId::of_request(&bye).as_ref(), Some(caller.id()));
        assert_eq!(DialogId::of_response(&answer(&[])).as_ref(), Some(caller.id()));
    }

    #[test]
    fn requests_count_up_and_the_ack_has_the_number_of_its_invite() {
        let mut caller = Dialog::uac(&invite(), &answer(&[])).unwrap();
        assert_eq!(caller.ack(7).headers.get("CSeq"), Some("7 ACK"));
        assert_eq!(caller.next_request(Method::Invite).headers.get("CSeq"), Some("8 INVITE"));
        assert_eq!(caller.next_request(Method::Bye).headers.get("CSeq"), Some("9 BYE"));
    }

    #[test]
    fn a_caller_goes_through_the_recorded_routes_in_reverse() {
        let mut caller = Dialog::uac(&invite(), &answer(&["<sip:p1;lr>", "<sip:p2;lr>"])).unwrap();
        let bye = caller.next_request(Method::Bye);
        assert_eq!(bye.uri, "sip:2000@192.0.2.2:5064");
        assert_eq!(bye.headers.all("Route").collect::<Vec<_>>(), ["<sip:p2;lr>", "<sip:p1;lr>"]);
        assert_eq!(caller.next_hop(), "sip:p2;lr");
    }

    #[test]
    fn a_strict_router_stands_in_the_request_uri() {
        let mut caller = Dialog::uac(&invite(), &answer(&["<sip:p1;lr>", "<sip:p2>"])).unwrap();
        let bye = caller.next_request(Method::Bye);
        assert_eq!(bye.uri, "sip:p2");
        assert_eq!(bye.headers.all("Route").collect::<Vec<_>>(), ["<sip:p1;lr>", "<sip:2000@192.0.2.2:5064>"]);
    }

    #[test]
    fn an_older_request_is_refused_and_a_re_invite_moves_the_target() {
        let mut callee = Dialog::uas(&invite(), "b", "sip:2000@192.0.2.2:5064").unwrap();
        let mut again = invite();
        again.headers.set("CSeq", "8 INVITE");
        again.headers.set("Contact", "<sip:1000@192.0.2.77>");
        assert_eq!(callee.accepts(&again), Ok(()));
        assert_eq!(callee.remote_target(), "sip:1000@192.0.2.77");
        again.headers.set("CSeq", "6 INVITE");
        again.headers.set("Contact", "<sip:1000@192.0.2.66>");
        assert_eq!(callee.accepts(&again), Err(CSeqTooLow));
        assert_eq!(callee.remote_target(), "sip:1000@192.0.2.77");
    }
}
