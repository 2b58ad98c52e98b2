//! Digest toward trunks (RFC 3261 §22.2, §22.3): requests carry the answer to the challenge that is known, and go again with
//! a better one when it is not good enough.

use super::{Embedded, Now, Trouble, Trunk, Trunks};
use crate::{
    model::TrunkName,
    sip::{CSeq, ClientTx, DialogId, Flow, NameAddr, Request, Response},
    switch::embedded::{Purpose, call::Stage, leg::MediaPorts},
};

/// How often a request is sent before the account counts as refused: with an old nonce, a new one, and one that went
/// stale meanwhile.
const MAX_TRIES: u8 = 3;

/// A request to a trunk that may ask who we are.
pub(in super::super) struct Signed {
    account: Account,
    request: Request,
    flow: Flow,
    tries: u8,
}

/// Who answers for us.
pub(super) enum Account {
    Of(TrunkName),
    /// A trunk that was removed, and hears yet that we are there no more.
    Gone(Box<Trunk>),
}

impl Account {
    pub fn trunk<'a>(&'a mut self, trunks: &'a mut Trunks) -> Option<&'a mut Trunk> {
        match self {
            Account::Of(name) => trunks.get_mut(name),
            Account::Gone(trunk) => Some(trunk),
        }
    }
}

impl Signed {
    pub(super) fn new(account: Account, request: Request, flow: Flow) -> Self {
        Self { account, request, flow, tries: 1 }
    }
}

impl<P: MediaPorts> Embedded<P> {
    /// Sends a request; to a trunk with the credentials that it is known to want.
    pub(in super::super) fn send(&mut self, now: Now, request: Request, flow: Flow) -> (ClientTx, Request) {
        match self.account_for(&request, flow) {
            Some(trunk) => self.send_signed(now, Signed::new(Account::Of(trunk), request, flow)),
            None => (self.endpoint.request(now.instant, request.clone(), flow), request),
        }
    }

    /// The trunk on this flow that has an account of ours; of several the one that From or Contact names.
    fn account_for(&self, request: &Request, flow: Flow) -> Option<TrunkName> {
        let has_account = |trunk: &&Trunk| trunk.entry.flow == Some(flow) && trunk.entry.password.is_some();
        let mut here = self.trunks.0.values().filter(has_account).peekable();
        let first = here.peek()?.name().clone();
        let user = |address: NameAddr| address.parsed_uri().ok()?.user;
        let from = request.headers.from().ok().and_then(user);
        let contact = request.headers.contact().ok().and_then(user);
        let is_named = |trunk: &&Trunk| {
            contact.as_deref() == Some(trunk.name().as_str()) || from.is_some() && from == trunk.entry.trunk.user
        };
        Some(here.find(is_named).map_or(first, |trunk| trunk.name().clone()))
    }

    pub(super) fn send_signed(&mut self, now: Now, mut signed: Signed) -> (ClientTx, Request) {
        let cnonce = self.entropy.token();
        if let Some(trunk) = signed.account.trunk(&mut self.trunks)
            && let Some(password) = &trunk.entry.password
        {
            let user = trunk.entry.trunk.user.as_deref().unwrap_or_default();
            trunk.session.sign(&mut signed.request, user, password, &cnonce);
        }
        let request = signed.request.clone();
        let tx = self.endpoint.request(now.instant, request.clone(), signed.flow);
        self.signed.insert(tx, signed);
        (tx, request)
    }

    /// Answers a challenge by sending the request again. `false`: the response is for whoever waits for it.
    pub(in super::super) fn answers_challenge(&mut self, now: Now, tx: ClientTx, response: &Response) -> bool {
        if response.is_provisional() {
            return false;
        }
        let Some(mut signed) = self.signed.remove(&tx) else { return false };
        let given_up =
            matches!(self.by_client_tx.get(&tx), Some(Purpose::Abandoned { .. } | Purpose::Outlived { .. }) | None);
        if !matches!(response.code, 401 | 407) || given_up {
            return false;
        }
        let Some(trunk) = signed.account.trunk(&mut self.trunks) else { return false };
        let asked = trunk.session.learn(response);
        if asked.is_none_or(|asked| signed.tries + u8::from(!asked.stale) >= MAX_TRIES) {
            trunk.trouble = Some(Trouble::AccountRefused);
            return false;
        }
        signed.tries += 1;
        self.count_up(&mut signed.request);
        let (next, request) = self.send_signed(now, signed);
        self.follow(tx, next, request);
        true
    }

    /// The next CSeq: that of its dialog, else of the request itself.
    fn count_up(&mut self, request: &mut Request) {
        let leg = dialog_of(request).and_then(|id| self.by_dialog.get(&id)).and_then(|leg| self.legs.get_mut(leg));
        let of_dialog = leg.and_then(|leg| leg.dialog.as_mut()).map(|dialog| dialog.next_cseq());
        let number = of_dialog.or_else(|| Some(request.headers.cseq().ok()?.number + 1)).unwrap_or(1);
        let method = request.method.clone();
        request.headers.set("CSeq", CSeq { number, method });
    }

    /// Whoever waited for the old transaction waits for the new one.
    pub(in super::super) fn follow(&mut self, old: ClientTx, new: ClientTx, sent: Request) {
        let Some(purpose) = self.by_client_tx.remove(&old) else { return };
        if let Purpose::Ring { call } | Purpose::Renegotiate { call } = &purpose
            && let Some(call) = self.calls.get_mut(call)
        {
            match &mut call.stage {
                Stage::Ringing { branches, .. } => {
                    if let Some(branch) = branches.iter_mut().find(|branch| branch.tx == old) {
                        (branch.tx, branch.request) = (new, sent);
                    }
                }
                Stage::Talking { renegotiation } => {
                    if let Some(pending) = renegotiation.as_mut().filter(|pending| pending.client == old) {
                        pending.client = new;
                    }
                }
            }
        }
        if let Purpose::Refresh { leg } = &purpose
            && let Some(refreshing) = self.legs.get_mut(leg).and_then(|leg| leg.refreshing.as_mut())
        {
            *refreshing = new;
        }
        self.by_client_tx.insert(new, purpose);
    }
}

/// The dialog in which a request of ours was sent.
fn dialog_of(request: &Request) -> Option<DialogId> {
    let headers = &request.headers;
    Some(DialogId {
        call_id: headers.call_id().to_owned(),
        local_tag: headers.from().ok()?.tag()?.to_owned(),
        remote_tag: headers.to().ok()?.tag()?.to_owned(),
    })
}
