//! argon2id behind a small gate: hashing is a weapon against its owner (DESIGN: a bounded number at once, never on the event loop).

use super::{Keys, StoreError};
use crate::{access::sign_in::Password, model::Secret};
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        PasswordHasher as _,
        phc::{Output, PasswordHash},
    },
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

/// How many passwords are hashed at once; each takes `MEMORY_KIB`, and a place that was used keeps it.
pub const MAX_AT_ONCE: usize = 2;

/// Who has waited this long for a place is refused.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes and verifies passwords; counts how often it did.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Inner>);

struct Inner {
    keys: Arc<Keys>,
    cost: Cost,
    gate: Arc<Semaphore>,
    deadline: Duration,
    /// What is verified when there is nothing to verify: of the same cost, and of no password.
    dummy: String,
    runs: AtomicU64,
    /// Of verifications that are over, for those to come: were it given back each time, every thread would keep some of it.
    memories: Mutex<Vec<Memory>>,
}

/// What argon2 works in.
type Memory = Vec<Block>;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Cost {
    pub const OWASP: Cost = Cost { memory_kib: MEMORY_KIB, passes: PASSES };

    /// As little as argon2 allows: for tests, and for a store that lives as long as a demonstration.
    pub const CHEAP: Cost = Cost { memory_kib: Params::MIN_M_COST, passes: 1 };

    fn params(self) -> Params {
        Params::new(self.memory_kib, self.passes, LANES, None).unwrap_or_default()
    }
}

impl PasswordHasher {
    pub fn new(keys: Arc<Keys>, cost: Cost) -> Self {
        Self::with_gate(keys, cost, MAX_AT_ONCE, DEADLINE)
    }

    /// With a gate of its own width and patience.
    pub fn with_gate(keys: Arc<Keys>, cost: Cost, at_once: usize, deadline: Duration) -> Self {
        let dummy = hash(&keys, cost, &Secret::new(super::keys::hex(&super::keys::os_random()))).unwrap_or_default();
        let gate = Arc::new(Semaphore::new(at_once));
        Self(Arc::new(Inner { keys, cost, gate, deadline, dummy, runs: AtomicU64::new(0), memories: Mutex::default() }))
    }

    /// How many verifications have run.
    pub fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::Relaxed)
    }

    /// A PHC string for a new password.
    pub async fn hash(&self, password: Secret) -> Result<String, StoreError> {
        let permit = self.enter().await.ok_or(StoreError::Busy)?;
        let inner = Arc::clone(&self.0);
        let hashed = spawn_blocking(move || {
            let _permit = permit;
            hash(&inner.keys, inner.cost, &password)
        });
        hashed.await.ok().flatten().ok_or(StoreError::Busy)
    }

    /// Exactly one run of argon2, whether or not there is a hash to verify against, so that time tells nothing.
    pub async fn verify(&self, password: Secret, stored: Option<String>) -> Password {
        let Some(permit) = self.enter().await else { return Password::Unverified };
        let inner = Arc::clone(&self.0);
        let verified = spawn_blocking(move || {
            let _permit = permit;
            inner.runs.fetch_add(1, Ordering::Relaxed);
            let mut memory = inner.memories().pop().unwrap_or_default();
            let right = verify(&inner.keys, &password, stored.as_ref().unwrap_or(&inner.dummy), &mut memory);
            inner.memories().push(memory);
            right == Some(true) && stored.is_some()
        });
        match verified.await {
            Ok(true) => Password::Right,
            Ok(false) => Password::Wrong,
            Err(_) => Password::Unverified,
        }
    }

    /// A place in the gate. The blocking task owns it, so that a caller who goes away frees it no sooner than the work ends.
    async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        timeout(self.0.deadline, Arc::clone(&self.0.gate).acquire_owned()).await.ok()?.ok()
    }
}

impl Inner {
    fn memories(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(keys: &Keys, cost: Cost, password: &Secret) -> Option<String> {
    let argon2 = Argon2::new_with_secret(keys.pepper(), Algorithm::Argon2id, Version::V0x13, cost.params()).ok()?;
    let hash: PasswordHash = argon2.hash_password(password.expose().as_bytes()).ok()?;
    Some(hash.to_string())
}

/// The parameters are those of the stored hash; `None` if it is none of argon2.
fn verify(keys: &Keys, password: &Secret, stored: &str, memory: &mut Memory) -> Option<bool> {
    let stored = PasswordHash::new(stored).ok()?;
    let (salt, expected) = (stored.salt.as_ref()?, stored.hash.as_ref()?);
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = Version::try_from(stored.version?).ok()?;
    let params = Params::try_from(&stored).ok()?;
    memory.resize(params.block_count(), Block::new());
    let mut output = vec![0; expected.len()];
    let argon2 = Argon2::new_with_secret(keys.pepper(), algorithm, version, params).ok()?;
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut output, memory).ok()?;
    // Compares in constant time.
    Some(Output::new(&output).ok()? == *expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(root: u8, at_once: usize, deadline: Duration) -> PasswordHasher {
        PasswordHasher::with_gate(Arc::new(Keys::derive(&[root; 32])), Cost::CHEAP, at_once, deadline)
    }

    fn secret() -> Secret {
        Secret::new("246801")
    }

    #[tokio::test]
    async fn a_password_verifies_only_with_its_pepper() {
        let (ours, theirs) = (hasher(1, 1, DEADLINE), hasher(2, 1, DEADLINE));
        let stored = ours.hash(secret()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$") && !stored.contains("246801"));
        assert_eq!(ours.verify(secret(), Some(stored.clone())).await, Password::Right);
        assert_eq!(ours.verify(Secret::new("246802"), Some(stored.clone())).await, Password::Wrong);
        assert_eq!(theirs.verify(secret(), Some(stored)).await, Password::Wrong);
    }

    #[tokio::test]
    async fn its_memory_is_used_again_and_remembers_nothing() {
        let hasher = hasher(1, 1, DEADLINE);
        let stored = hasher.hash(secret()).await.unwrap();
        for _ in 0..3 {
            assert_eq!(hasher.verify(Secret::new("246802"), Some(stored.clone())).await, Password::Wrong);
            assert_eq!(hasher.verify(secret(), Some(stored.clone())).await, Password::Right);
        }
        let memories = hasher.0.memories();
        let blocks: Vec<_> = memories.iter().map(Vec::len).collect();
        assert_eq!(blocks, [Cost::CHEAP.params().block_count()]);
    }

    #[tokio::test]
    async fn what_is_no_hash_is_never_right() {
        let hasher = hasher(1, 1, DEADLINE);
        for stored in ["", "246801", "$argon2id$v=19$m=8,t=1,p=1", "$5$rounds=5000$c2FsdHNhbHQ$aGFzaA"] {
            assert_eq!(hasher.verify(secret(), Some(stored.to_owned())).await, Password::Wrong);
        }
    }

    #[tokio::test]
    async fn nothing_to_verify_against_costs_one_run_too_and_is_never_right() {
        let hasher = hasher(1, 1, DEADLINE);
        assert_eq!(hasher.verify(secret(), None).await, Password::Wrong);
        assert_eq!(hasher.runs(), 1);
    }

    #[tokio::test]
    async fn without_a_free_place_in_time_nothing_is_verified() {
        let hasher = hasher(1, 0, Duration::from_millis(1));
        assert_eq!(hasher.verify(secret(), None).await, Password::Unverified);
        assert!(matches!(hasher.hash(secret()).await, Err(StoreError::Busy)));
        assert_eq!(hasher.runs(), 0);
    }

    #[test]
    fn the_dummy_costs_what_a_password_costs() {
        let hasher = hasher(1, 1, DEADLINE);
        let of = |hash: &str| hash.split('$').nth(3).map(str::to_owned);
        let stored = hash(&hasher.0.keys, Cost::CHEAP, &secret()).unwrap();
        assert_eq!(of(&hasher.0.dummy), of(&stored));
        assert_eq!(Cost::OWASP.params().m_cost(), MEMORY_KIB);
    }
}
