//! Side work: what the desk asks of the store, answered on tasks of their own.

use super::{
    clock,
    control::Listen,
    desk::{Order, Question, Reply, Rights, SessionView, Way},
};
use crate::{
    access::order,
    model::{AccountId, ExtensionNumber, Refusal},
    store::{SignIn, Store, StoreError},
    switch::CallView,
};

/// Answers one question. `far_ends` are the extensions that the target of a question about rights is talking to.
pub async fn answer(store: &Store, question: Question, far_ends: Vec<ExtensionNumber>) -> Reply {
    match question {
        Question::SignIn { dial_id, password, source, trunk, mode } => {
            let at_ms = clock::now().unix_ms;
            // Whoever borrows a number on a trunk guesses at that trunk's account of it, never at the phone's (X2).
            let source = trunk.map_or_else(|| source.to_string(), |trunk| format!("{source}@{trunk}"));
            let attempt = SignIn { dial_id, password, source, mode: Some(mode), call: None, at_ms };
            Reply::SignIn(store.sign_in(attempt).await)
        }
        Question::Rights { account, target, way } => {
            Reply::Rights(rights(store, account, way, &target, &far_ends).await.map_err(unavailable))
        }
    }
}

/// The account's rules about the target and about each far end, as they are now and as they count on this way.
pub async fn rights(
    store: &Store,
    account: AccountId,
    way: Way,
    target: &ExtensionNumber,
    far_ends: &[ExtensionNumber],
) -> Result<Rights, StoreError> {
    let mut terminals = store.terminals(account, far_ends).await?;
    if let Some(terminal) = store.terminal(account, target).await? {
        let terminal = match way {
            Way::Keypad => terminal,
            Way::Screen | Way::Shortcut => terminal.of_agent(&store.call_centers_of(target, account).await?),
        };
        terminals.insert(target.clone(), terminal);
    }
    Ok(Rights { terminals, at: clock::minute_of_week(), settings: store.settings().await? })
}

/// Judges the right of a running session again. A store that does not answer ends nothing.
pub async fn still_allowed(store: &Store, view: &SessionView) -> Result<(), Refusal> {
    let far_ends: Vec<_> = view.far_end.extension().cloned().into_iter().collect();
    let Ok(rights) = rights(store, view.account, view.way, &view.target, &far_ends).await else { return Ok(()) };
    view.may(view.mode, &rights)
}

/// Whether an account may have a phone rung for it (F1, F5), with its login.
pub async fn order(store: &Store, listen: &Listen) -> Result<(String, Order), Refusal> {
    let account = store.account(listen.account).await.map_err(unavailable)?.ok_or(Refusal::RoleNotAllowed)?;
    let facts = order::Facts {
        role: account.role,
        own: account.extension.as_ref(),
        extension: listen.extension.as_ref(),
        shortcut: listen.shortcut,
    };
    let extension = order::judge(&facts)?.clone();
    let Listen { account: id, target, mode, shortcut, .. } = listen.clone();
    let way = if shortcut { Way::Shortcut } else { Way::Screen };
    Ok((account.login, Order { account: id, extension, target, mode, way }))
}

/// The extensions that `target` talks to in any of its calls.
pub fn far_ends(calls: &[CallView], target: &ExtensionNumber) -> Vec<ExtensionNumber> {
    let far_end = |call: &CallView| call.party(call.side_of(target)?.other()).extension().cloned();
    calls.iter().filter_map(far_end).collect()
}

fn unavailable(error: StoreError) -> Refusal {
    tracing::error!(%error, "a target was refused because the store failed");
    Refusal::StoreUnavailable
}
