use crate::rig::*;
use sasayaki::{
    model::{Refusal, Secret},
    store::{OneTimeCode, SettingKey, StoreError},
};
use sqlx::Executor;
use tokio::task::JoinSet;

on_both![
    failures_lock_out_for_longer_and_longer_and_the_lock_outlives_the_process,
    strangers_share_one_budget_and_shut_nobody_out_of_a_known_phone,
    a_phone_is_known_while_it_is_among_the_four_that_signed_in_last,
    a_password_that_is_easily_guessed_is_refused_unless_it_is_allowed,
    of_many_failures_at_once_exactly_five_are_judged,
    every_attempt_costs_one_run_of_argon2_and_one_row,
    a_one_time_code_signs_in_once_and_is_worth_nothing_else,
    of_many_who_use_a_one_time_code_at_once_one_is_let_in,
    no_attempt_leaves_what_was_typed,
    a_dial_id_belongs_to_one_account_and_is_digits,
];

async fn failures_lock_out_for_longer_and_longer_and_the_lock_outlives_the_process(place: Place) {
    let (store, sato) = furnished(&place).await;
    assert_eq!(right(&store, "201", START).await, Ok(sato));
    for minute in 0..5 {
        assert_eq!(wrong(&store, "201", START + minute).await, Refusal::WrongPassword);
    }
    assert_eq!(right(&store, "201", START + 5).await, Err(Refusal::LockedOut));
    assert_eq!(right(&store, "202", START + 5).await, Ok(sato), "another phone does not pay for it");
    store.close().await;

    let store = place.open().await;
    let until_ms = START + 4 + LOCK_MS;
    assert_eq!(right(&store, "201", until_ms - 1).await, Err(Refusal::LockedOut));
    assert_eq!(wrong(&store, "201", until_ms).await, Refusal::WrongPassword, "attempts while locked did not extend it");
    let until_ms = until_ms + 2 * LOCK_MS;
    assert_eq!(right(&store, "201", until_ms - 1).await, Err(Refusal::LockedOut), "the sixth locks for twice as long");
    assert_eq!(right(&store, "201", until_ms).await, Ok(sato));
    for _ in 0..5 {
        wrong(&store, "201", until_ms).await;
    }
    assert_eq!(right(&store, "201", until_ms).await, Err(Refusal::LockedOut));
    store.unlock_dial_id(&actor(), "sato").await.unwrap();
    assert_eq!(right(&store, "201", until_ms).await, Ok(sato));
}

async fn strangers_share_one_budget_and_shut_nobody_out_of_a_known_phone(place: Place) {
    let (store, sato) = furnished(&place).await;
    assert_eq!(right(&store, "201", START).await, Ok(sato));
    for phone in 300..305 {
        assert_eq!(wrong(&store, &phone.to_string(), START).await, Refusal::WrongPassword);
    }
    for phone in 300..400 {
        assert_eq!(wrong(&store, &phone.to_string(), START).await, Refusal::LockedOut);
    }
    assert_eq!(right(&store, "202", START).await, Err(Refusal::LockedOut), "not from a phone that never signed in");
    assert_eq!(right(&store, "201", START).await, Ok(sato), "but from the own one");
    assert_eq!(right(&store, "202", START + LOCK_MS).await, Ok(sato));
    for phone in 300..305 {
        wrong(&store, &phone.to_string(), START + 4 * LOCK_MS).await;
    }
    assert_eq!(right(&store, "202", START + 4 * LOCK_MS).await, Ok(sato), "it is known by now");
}

async fn a_phone_is_known_while_it_is_among_the_four_that_signed_in_last(place: Place) {
    let (store, sato) = furnished(&place).await;
    for (second, phone) in ["201", "202", "203", "204", "205"].into_iter().enumerate() {
        assert_eq!(right(&store, phone, START + second as u64).await, Ok(sato));
    }
    for _ in 0..5 {
        wrong(&store, "300", START + 5).await;
    }
    assert_eq!(right(&store, "202", START + 6).await, Ok(sato));
    assert_eq!(right(&store, "201", START + 6).await, Err(Refusal::LockedOut));
}

async fn a_password_that_is_easily_guessed_is_refused_unless_it_is_allowed(place: Place) {
    let (store, _) = furnished(&place).await;
    let set = async |password: &str| store.set_dial_id(&actor(), "sato", DIAL_ID, Secret::new(password)).await;
    for password in ["80264", "234567", "373737", "551155", "91370264"] {
        let refused = set(password).await.unwrap_err();
        assert!(matches!(refused, StoreError::Weak(_)), "{password}");
        assert!(!refused.to_string().contains(password));
    }
    assert!(right(&store, "201", START).await.is_ok(), "the password is as it was");
    store.set_setting(&actor(), SettingKey::WeakPasswords, "allowed").await.unwrap();
    set("1234").await.unwrap();
    assert!(store.sign_in(attempt(DIAL_ID, "1234", "201", START)).await.is_ok());
}

async fn of_many_failures_at_once_exactly_five_are_judged(place: Place) {
    let (store, _) = furnished(&place).await;
    let other = place.open().await;
    let mut attempts = JoinSet::new();
    for index in 0..30 {
        let store = if index % 2 == 0 { store.clone() } else { other.clone() };
        attempts.spawn(async move { wrong(&store, "201", START).await });
    }
    let refusals = attempts.join_all().await;
    assert_eq!(refusals.iter().filter(|refusal| **refusal == Refusal::WrongPassword).count(), 5);
    assert_eq!(refusals.iter().filter(|refusal| **refusal == Refusal::LockedOut).count(), 25);
}

async fn every_attempt_costs_one_run_of_argon2_and_one_row(place: Place) {
    let (store, sato) = furnished(&place).await;
    store.add_account(&actor(), account("unset")).await.unwrap();
    let unset = "INSERT INTO dial_id (account, id) SELECT id, '55' FROM account WHERE login = 'unset'";
    place.raw().await.execute(unset).await.unwrap();
    let before = rows(&store).await.len();

    assert_eq!(store.sign_in(attempt("404", DIAL_PASSWORD, "201", START)).await, Err(Refusal::UnknownDialId));
    assert_eq!(store.sign_in(attempt("55", "", "201", START)).await, Err(Refusal::PasswordUnset));
    assert_eq!(right(&store, "201", START).await, Ok(sato));
    for _ in 0..5 {
        assert_eq!(wrong(&store, "201", START).await, Refusal::WrongPassword);
    }
    assert_eq!(right(&store, "201", START).await, Err(Refusal::LockedOut));
    assert_eq!(store.passwords().runs(), 9);

    let rows = rows(&store).await.split_off(before);
    let details: Vec<&str> = rows.iter().map(|row| row.detail.as_str()).collect();
    assert_eq!(details[..4], ["unknown-dial-id", "password-unset", "signed-in", "wrong-password"]);
    assert_eq!((details.len(), details[8]), (9, "locked-out"));
    assert!(rows.iter().all(|row| row.kind == "sign-in" && row.source == "201"));
    assert_eq!(rows[2].account, Some(sato.to_string()));
}

async fn a_one_time_code_signs_in_once_and_is_worth_nothing_else(place: Place) {
    let (store, sato) = furnished(&place).await;
    let make = async || store.make_one_time_code(&actor(), "sato").await.unwrap();
    let used = make().await;
    assert_eq!(used.dial_id, DIAL_ID);
    let dialled = async |code: &OneTimeCode, source: &str, at_ms: u64| {
        store.sign_in(attempt(DIAL_ID, code.code.expose(), source, at_ms)).await
    };
    let runs = store.passwords().runs();
    assert_eq!(dialled(&used, "201", START).await, Ok(sato));
    assert_eq!(store.passwords().runs(), runs + 1, "a code costs what a password costs");
    assert_eq!(rows(&store).await.last().unwrap().detail, "signed-in-by-one-time-code");
    for _ in 0..10 {
        assert_eq!(dialled(&used, "201", START + 1).await, Err(Refusal::CodeSpent), "a redial is no guess");
    }
    let late = make().await;
    assert_eq!(dialled(&late, "201", late.expires_at_ms).await, Err(Refusal::CodeSpent));

    // It makes no phone known, and opens no lock; in vain it is not used up.
    let kept = make().await;
    for _ in 0..5 {
        assert_eq!(wrong(&store, "300", START).await, Refusal::WrongPassword);
    }
    assert_eq!(dialled(&kept, "201", START).await, Err(Refusal::LockedOut));
    assert_eq!(dialled(&kept, "201", START + LOCK_MS).await, Ok(sato));
    assert_eq!(wrong(&store, "300", START + LOCK_MS).await, Refusal::WrongPassword);
    assert_eq!(right(&store, "300", START + 3 * LOCK_MS - 1).await, Err(Refusal::LockedOut), "nothing was forgiven");

    let gone = make().await;
    store.set_dial_id(&actor(), "sato", DIAL_ID, Secret::new(DIAL_PASSWORD)).await.unwrap();
    assert_eq!(dialled(&gone, "201", START).await, Err(Refusal::WrongPassword), "it goes with the password");
    let all = place.everything().await;
    assert!([used, late, kept, gone].iter().all(|code| !contains(&all, code.code.expose())));
}

async fn of_many_who_use_a_one_time_code_at_once_one_is_let_in(place: Place) {
    let (store, sato) = furnished(&place).await;
    let other = place.open().await;
    let made = store.make_one_time_code(&actor(), "sato").await.unwrap();
    let mut attempts = JoinSet::new();
    for index in 0..20 {
        let store = if index % 2 == 0 { store.clone() } else { other.clone() };
        let code = made.code.clone();
        attempts.spawn(async move { store.sign_in(attempt(DIAL_ID, code.expose(), "201", START)).await });
    }
    let verdicts = attempts.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Ok(sato)).count(), 1);
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Err(Refusal::CodeSpent)).count(), 19);
}

/// Somebody may type the password where the ID belongs.
async fn no_attempt_leaves_what_was_typed(place: Place) {
    let (store, _) = furnished(&place).await;
    store.sign_in(attempt("31415926", "27182818", "201", START)).await.unwrap_err();
    wrong(&store, "201", START).await;
    store.close().await;
    let all = place.everything().await;
    assert!(!contains(&all, "31415926") && !contains(&all, "27182818"));
}

async fn a_dial_id_belongs_to_one_account_and_is_digits(place: Place) {
    let (store, _) = furnished(&place).await;
    store.add_account(&actor(), account("suzuki")).await.unwrap();
    let set = async |id: &str, password: &str| store.set_dial_id(&actor(), "suzuki", id, Secret::new(password)).await;
    assert!(matches!(set(DIAL_ID, DIAL_PASSWORD).await, Err(StoreError::Taken { what: "dial-operation ID", .. })));
    for (id, password) in [("", "471100"), ("12a", "471100"), ("12", ""), ("12", "１２"), (&"1".repeat(33), "471100")]
    {
        assert!(matches!(set(id, password).await, Err(StoreError::Unusable { .. })), "{id}");
    }
    set("12", "471100").await.unwrap();
    set("13", "582211").await.unwrap();
    assert_eq!(store.account_of("suzuki").await.unwrap().unwrap().dial_id.as_deref(), Some("13"));
    assert_eq!(store.sign_in(attempt("12", "471100", "201", START)).await, Err(Refusal::UnknownDialId));
    assert!(store.sign_in(attempt("13", "582211", "201", START)).await.is_ok());
}
