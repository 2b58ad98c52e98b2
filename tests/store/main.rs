//! The store, every test on SQLite and on a real PostgreSQL: `tests/postgres cargo test --test store`.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

/// Each named test as two: on a file of its own, and on a database of its own.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::rig::Place::sqlite()).await
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::rig::Place::postgres().await).await
            })+
        }
    };
}

mod acts;
mod calls;
mod chain;
mod durability;
mod rig;
mod secrets;
mod sign_in;
mod trail;
