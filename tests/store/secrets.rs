//! Row X14 where things go wrong: a store that fails, and a task that panics with a password in its hands.

use crate::rig::*;
use sasayaki::model::Secret;
use sqlx::Executor;
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};
use tracing::{Dispatch, Event, Level, Subscriber, instrument::WithSubscriber};
use tracing_subscriber::{
    Layer,
    filter::LevelFilter,
    fmt::layer,
    layer::{Context, SubscriberExt},
    registry,
};

on_both![a_task_that_panics_in_the_middle_of_a_sign_in_tells_nothing_of_it];

const TYPED_ID: &str = "86753090917";
const TYPED_PASSWORD: &str = "55501234321";

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Blows at the first error that is logged, and takes the task that logs it along.
struct Fuse;

impl<S: Subscriber> Layer<S> for Fuse {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        assert!(*event.metadata().level() != Level::ERROR, "the fuse blows");
    }
}

async fn a_task_that_panics_in_the_middle_of_a_sign_in_tells_nothing_of_it(place: Place) {
    let (store, _) = furnished(&place).await;
    store.set_dial_id(&actor(), "sato", TYPED_ID, Secret::new(DIAL_PASSWORD)).await.unwrap();
    place.raw().await.execute("DROP TABLE known_source").await.unwrap();
    let log = Log::default();
    let (as_text, as_json) = (log.clone(), log.clone());
    let text = layer().with_writer(move || as_text.clone()).with_filter(LevelFilter::TRACE);
    let json = layer().json().with_writer(move || as_json.clone()).with_filter(LevelFilter::TRACE);
    let dispatch = Dispatch::new(registry().with(text).with(json).with(Fuse));
    let signing_in = async move { store.sign_in(attempt(TYPED_ID, TYPED_PASSWORD, "201", START)).await };
    #[expect(clippy::disallowed_methods, reason = "a panic ends a task of its own, and no test")]
    let panicked = tokio::spawn(signing_in.with_subscriber(dispatch)).await.unwrap_err();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let refusals = log.matches("a sign-in was refused because the store failed").count();
    assert!(panicked.is_panic() && refusals == 2, "as text and as JSON: {log}");
    let told = format!("{log}\n{panicked}\n{panicked:?}");
    for secret in [TYPED_ID, TYPED_PASSWORD, DIAL_PASSWORD, PHONE_PASSWORD, WEB_PASSWORD] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}
