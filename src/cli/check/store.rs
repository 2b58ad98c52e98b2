//! Key file, reachability, schema and realm. What a first start would make is not made here.

use crate::cli::{
    config::{Config, Finding, StoreUrl},
    office, output,
};
use crate::{
    dialplan::DialPlan,
    model::TrunkName,
    store::{ExtensionRow, Store, StoreError},
};
use std::collections::BTreeSet;

/// So many phones are named; the rest are counted.
const NAMED: usize = 5;

pub async fn check(config: &Config, plan: Option<&DialPlan>) -> Vec<Finding> {
    if let StoreUrl::Sqlite(file) = &config.store_url {
        let place = file.display().to_string();
        match (file.exists(), config.pepper_file.exists()) {
            (true, true) => {}
            (false, _) => return vec![Finding::note(place, None, "not there yet; the first start makes it")],
            (true, false) => {
                let why = "missing, while the store that belongs to it is there; restore it from the backup";
                return vec![Finding::error(config.pepper_file.display().to_string(), None, why)];
            }
        }
    }
    let place = config.store_url.label();
    match office::open_store(config).await {
        Err(error) => vec![Finding::error(place, None, output::told(&error))],
        Ok(store) => match look(&store, &place, plan).await {
            Ok(findings) => findings,
            Err(error) => vec![Finding::error(place, None, error.to_string())],
        },
    }
}

async fn look(store: &Store, place: &str, plan: Option<&DialPlan>) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::from_iter(realm(store, place).await?);
    if let Some(plan) = plan {
        findings.extend(strange_trunks(store, plan).await?);
    }
    Ok(findings)
}

/// A trunk that the dial plan has rules for and nobody has made: not an error, for it may be made at any time.
async fn strange_trunks(store: &Store, plan: &DialPlan) -> Result<Vec<Finding>, StoreError> {
    let made: BTreeSet<TrunkName> = store.trunks().await?.into_iter().map(|entry| entry.trunk.name).collect();
    let named: BTreeSet<&TrunkName> = plan.trunks().collect();
    let strange = named.into_iter().filter(|name| !made.contains(*name));
    let told = |name| format!("there are rules for the trunk {name}, and no such trunk; `sasayaki trunk add` makes it");
    Ok(strange.map(|name| Finding::note("dial plan", None, told(name))).collect())
}

/// A digest secret holds only in the realm that it was given for.
async fn realm(store: &Store, place: &str) -> Result<Option<Finding>, StoreError> {
    let extensions = store.extensions().await?;
    let strangers: Vec<&ExtensionRow> = extensions.iter().filter(|row| row.realm != store.realm()).collect();
    let Some(first) = strangers.first() else { return Ok(None) };
    let numbers: Vec<&str> = strangers.iter().take(NAMED).map(|row| row.number.as_str()).collect();
    let more = if strangers.len() > NAMED { ", …" } else { "" };
    Ok(Some(Finding::error(
        place,
        None,
        format!(
            "the passwords of {} extensions ({}{more}) were given for the realm {}, and sip.domain is {}: put it back, \
             or give each its password again with `sasayaki extension set NUMBER --password-stdin`",
            strangers.len(),
            numbers.join(", "),
            first.realm,
            store.realm(),
        ),
    )))
}
