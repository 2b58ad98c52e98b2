use super::{
    guesses::Guesses,
    health::{Look, SipDoor},
    live::Live,
    set_up::Registrar,
};
use crate::{
    admin::{Act, Admin, Done, NotDone},
    dialplan::DialPlan,
    engine::{Handle, control::Request},
    model::{AccountId, Refusal},
    store::{Actor, Store},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What every handler works with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    store: Store,
    engine: Handle,
    live: Live,
    house: House,
    health: Look,
    guesses: Mutex<Guesses>,
    sign_ins: Mutex<BTreeMap<&'static str, u64>>,
}

/// What is so for as long as the console runs.
pub struct House {
    /// The browser's side of it speaks TLS.
    pub secure: bool,
    pub dialplan: DialPlan,
    pub registrar: Registrar,
    /// Where it is looked whether SIP is answered.
    pub sip: Option<SipDoor>,
}

impl App {
    pub fn new(store: Store, engine: Handle, house: House) -> Self {
        let (health, guesses, sign_ins) = Default::default();
        Self(Arc::new(Inner { store, engine, live: Live::new(), house, health, guesses, sign_ins }))
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub fn engine(&self) -> &Handle {
        &self.0.engine
    }

    /// What an administrator does; the engine hears of it.
    pub async fn carry_out(&self, actor: &Actor, act: Act) -> Result<Done, NotDone> {
        let done = Admin { store: self.store(), actor }.carry_out(act).await?;
        self.engine().ask(Request::Refresh).await;
        Ok(done)
    }

    pub fn live(&self) -> &Live {
        &self.0.live
    }

    pub fn is_secure(&self) -> bool {
        self.0.house.secure
    }

    /// The number from which phones are rung.
    pub fn callback(&self) -> &str {
        self.dialplan().callback_number()
    }

    pub fn dialplan(&self) -> &DialPlan {
        &self.0.house.dialplan
    }

    pub fn sip(&self) -> Option<SipDoor> {
        self.0.house.sip
    }

    pub fn health(&self) -> &Look {
        &self.0.health
    }

    pub fn registrar(&self) -> &Registrar {
        &self.0.house.registrar
    }

    pub fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.0.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn count_sign_in(&self, outcome: &Result<AccountId, Refusal>) {
        let word = match outcome {
            Ok(_) => "signed-in",
            Err(Refusal::UnknownDialId) => "unknown-login",
            Err(refusal) => refusal.as_str(),
        };
        *self.0.sign_ins.lock().unwrap_or_else(PoisonError::into_inner).entry(word).or_default() += 1;
    }

    /// Sign-ins at the web pages since the start, by their outcome.
    pub fn sign_ins(&self) -> BTreeMap<&'static str, u64> {
        self.0.sign_ins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
