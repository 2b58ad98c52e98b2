//! The store as an administrator at the command line opens it.

use super::{
    config::{Config, StoreUrl},
    control, output,
};
use crate::store::{Actor, Options, Store, StoreError};
use anyhow::Context;
use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

/// Where an administrator's act is carried out: the store, and the engine that has to hear of it.
pub struct Office {
    pub config: Config,
    pub store: Store,
    pub actor: Actor,
}

impl Office {
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let store = open_store(&config).await?;
        Ok(Self { config, store, actor: Actor::cli() })
    }

    /// Ends an act that changed the store: a running engine looks again, and the person reads what was done.
    pub fn done(&self, what: &str) -> anyhow::Result<()> {
        control::refresh(&self.config);
        output::say(&output::printable(what))
    }
}

/// Opens the configured store. Folders that are missing are made, for their owner alone.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    make_folder(&config.data_dir)?;
    if let StoreUrl::Sqlite(file) = &config.store_url {
        file.parent().map_or(Ok(()), make_folder)?;
    }
    let url = config.store_url.to_url();
    let options = Options::new(url.expose(), &config.data_dir, config.pepper_file.clone(), config.sip.domain.as_str());
    let label = config.store_url.label();
    Store::open(options).await.with_context(|| format!("cannot open the store ({label}) that store.url names"))
}

/// With what is missing above it, for its owner alone.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Says what to do about it: which listing shows what there is, or how a password that is refused may be allowed.
pub fn explained(error: StoreError) -> anyhow::Error {
    if let StoreError::Weak(_) = &error {
        let allow = "choose another, or allow such ones with `sasayaki setting set weak-passwords allowed`";
        return anyhow::anyhow!("{error}: {allow}");
    }
    let StoreError::NoSuch { what, .. } = &error else { return error.into() };
    match *what {
        "account" | "extension" | "trunk" => anyhow::anyhow!("{error}; `sasayaki {what} list` shows what there is"),
        "call center" => anyhow::anyhow!("{error}; `sasayaki call-center list` shows what there is"),
        "agent" => anyhow::anyhow!("{error}; `sasayaki call-center list` shows who there is"),
        "rule" => anyhow::anyhow!("{error}; `sasayaki permission list` shows what there is"),
        _ => error.into(),
    }
}
