//! "Why was I refused?" (X4): a dry run of sign-in, right and call state. Every line is a `Check` of the very functions that
//! decide; nothing is judged here, written down or counted.

use super::{
    clock,
    control::{CheckRow, Explanation, Outlook},
    desk::{AtDesk, Way, narrate},
    work,
};
use crate::{
    access::{
        Check, first_refusal,
        lockout::{self, POLICY},
        sign_in::{self, Password},
    },
    model::{ExtensionNumber, Mode},
    store::{Store, StoreError},
    switch::CallView,
};

/// The questions of a sign-in that can be asked without a password.
const ASKED_OF_SIGN_IN: [&str; 3] = ["dial-id", "password-set", "lockout"];

/// What goes on in a running engine.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    pub calls: &'a [CallView],
    pub at_desk: &'a [AtDesk],
}

/// Would a supervisor who dialled from their own phone now and typed the right password hear `target`? `live`: `None` where
/// no engine runs.
pub async fn explain(
    store: &Store,
    login: &str,
    target: &ExtensionNumber,
    mode: Mode,
    live: Option<Live<'_>>,
) -> Result<Explanation, StoreError> {
    let no_such = || StoreError::NoSuch { what: "account", name: login.to_owned() };
    let account = store.account_of(login).await?.ok_or_else(no_such)?;
    let own = account.extension.as_ref();
    let (found, budget) = store.sign_in_facts(account.id, own.map(ExtensionNumber::as_str)).await?;
    let lock = POLICY.judge(&budget, clock::now().unix_ms);
    let far_ends = live.map(|live| work::far_ends(live.calls, target)).unwrap_or_default();
    let rights = work::rights(store, account.id, Way::Keypad, target, &far_ends).await?;
    let sign_in = sign_in::checks(found, lock, Password::Right);
    let narrated = narrate(own, target, mode, &rights, live.map(|live| (live.calls, live.at_desk)));
    let asked = |check: &Check| ASKED_OF_SIGN_IN.contains(&check.name);
    let mut checks: Vec<Check> = sign_in.into_iter().filter(asked).collect();
    checks.extend(narrated.checks);
    Ok(told(&checks, lock, live.is_some()))
}

impl Explanation {
    /// With a check that comes before all others.
    pub fn preceded_by(mut self, check: &Check) -> Self {
        if check.verdict.is_err() {
            self.verdict = Outlook::Refused;
        }
        self.checks.insert(0, row(check));
        self
    }
}

fn told(checks: &[Check], lock: lockout::Verdict, live: bool) -> Explanation {
    let outlook = match first_refusal(checks) {
        Err(_) => Outlook::Refused,
        Ok(()) if live => Outlook::Granted,
        Ok(()) => Outlook::Unknown,
    };
    let mut rows: Vec<CheckRow> = checks.iter().map(row).collect();
    if let lockout::Verdict::Locked { until_ms } = lock
        && let Some(row) = rows.iter_mut().find(|row| row.check == "lockout")
    {
        row.until_ms = Some(until_ms);
    }
    if !live {
        rows.push(CheckRow {
            check: "call".to_owned(),
            verdict: Outlook::Unknown,
            reason: None,
            why: None,
            until_ms: None,
        });
    }
    Explanation { verdict: outlook, checks: rows }
}

fn row(check: &Check) -> CheckRow {
    let refusal = check.verdict.err();
    CheckRow {
        check: check.name.to_owned(),
        verdict: if refusal.is_some() { Outlook::Refused } else { Outlook::Granted },
        reason: refusal.map(|refusal| refusal.as_str().to_owned()),
        why: refusal.map(|refusal| refusal.to_string()),
        until_ms: None,
    }
}
