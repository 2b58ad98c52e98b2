//! The store as an administrator at the command line opens it.

use super::{
    config::{Config, StoreUrl},
    control, output,
};
use crate::{
    admin::{Act, Admin, NotDone},
    store::{Actor, Options, Store, StoreError},
};
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

    pub fn admin(&self) -> Admin<'_> {
        Admin { store: &self.store, actor: &self.actor }
    }

    /// Carries it out: a running engine looks again, and the person reads what was done.
    pub async fn carry_out(&self, act: Act) -> anyhow::Result<()> {
        let done = self.admin().carry_out(act).await.map_err(explained)?;
        done.notes.iter().for_each(|note| output::note(&note.to_string()));
        control::refresh(&self.config);
        output::say(&output::printable(&done.said))
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
pub fn explained(not_done: impl Into<NotDone>) -> anyhow::Error {
    let error = not_done.into().error;
    let advice = match &error {
        StoreError::Weak(_) => {
            ": choose another, or allow such ones with `sasayaki setting set weak-passwords allowed`"
        }
        StoreError::NoSuch { what, .. } => match *what {
            "account" => "; `sasayaki account list` shows what there is",
            "extension" => "; `sasayaki extension list` shows what there is",
            "trunk" => "; `sasayaki trunk list` shows what there is",
            "call center" => "; `sasayaki call-center list` shows what there is",
            "token" => "; `sasayaki token list` shows what there is",
            "agent" => "; `sasayaki call-center list` shows who there is",
            "rule" => "; `sasayaki permission list` shows what there is",
            "time zone" => "; name one like Asia/Tokyo",
            "campaign" => ": campaigns are not in this version; name a phone terminal or a call center",
            _ => "",
        },
        _ => "",
    };
    anyhow::anyhow!("{error}{advice}")
}
