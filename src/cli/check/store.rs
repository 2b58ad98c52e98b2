//! Key file, reachability, schema and realm. What a first start would make is not made here.

use crate::cli::{
    config::{Config, Finding, StoreUrl},
    office, output,
};
use crate::store::{ExtensionRow, Store, StoreError};

/// So many phones are named; the rest are counted.
const NAMED: usize = 5;

pub async fn check(config: &Config) -> Vec<Finding> {
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
        Ok(store) => match realm(&store, &place).await {
            Ok(finding) => finding.into_iter().collect(),
            Err(error) => vec![Finding::error(place, None, error.to_string())],
        },
    }
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
