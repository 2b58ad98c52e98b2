use super::{guesses::Guesses, live::Live, set_up::Registrar};
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
    /// The browser's side of it speaks TLS.
    secure: bool,
    dialplan: DialPlan,
    registrar: Registrar,
    guesses: Mutex<Guesses>,
    sign_ins: Mutex<BTreeMap<&'static str, u64>>,
}

impl App {
    pub fn new(store: Store, engine: Handle, secure: bool, dialplan: DialPlan, registrar: Registrar) -> Self {
        let (guesses, sign_ins) = Default::default();
        Self(Arc::new(Inner { store, engine, live: Live::new(), secure, dialplan, registrar, guesses, sign_ins }))
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
        self.0.secure
    }

    /// The number from which phones are rung.
    pub fn callback(&self) -> &str {
        self.0.dialplan.callback_number()
    }

    pub fn dialplan(&self) -> &DialPlan {
        &self.0.dialplan
    }

    pub fn registrar(&self) -> &Registrar {
        &self.0.registrar
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
