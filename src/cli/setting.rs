//! `setting`: what changes at run time and applies from the next session.

use super::{
    office::Office,
    output::{self, Format, Row},
};
use crate::store::{SettingKey, SettingRow};
use clap::builder::{PossibleValuesParser, TypedValueParser};

#[derive(clap::Subcommand)]
pub enum SettingCommand {
    /// Show all settings
    List(Format),
    /// Print the value of one setting
    Get {
        #[arg(value_parser = setting_key())]
        key: SettingKey,
    },
    /// Change a setting
    Set {
        #[arg(value_parser = setting_key())]
        key: SettingKey,
        value: String,
    },
}

impl SettingCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        match self {
            SettingCommand::List(format) => list(office, format).await,
            SettingCommand::Get { key } => get(office, key).await,
            SettingCommand::Set { key, value } => set(office, key, &value).await,
        }
    }
}

fn setting_key() -> impl TypedValueParser<Value = SettingKey> {
    PossibleValuesParser::new(SettingKey::ALL.map(SettingKey::as_str)).try_map(|word| word.parse())
}

async fn list(office: &Office, format: Format) -> anyhow::Result<()> {
    output::list(&office.store.setting_rows().await?, format)
}

async fn get(office: &Office, key: SettingKey) -> anyhow::Result<()> {
    output::say(&office.store.setting(key).await?)
}

async fn set(office: &Office, key: SettingKey, value: &str) -> anyhow::Result<()> {
    office.store.set_setting(&office.actor, key, value).await?;
    office.done(&format!("{} is {value}, from the next session on", key.as_str()))
}

impl Row for SettingRow {
    const HEADINGS: &'static [&'static str] = &["SETTING", "VALUE", "DEFAULT"];

    fn cells(&self) -> Vec<String> {
        vec![self.key.to_owned(), self.value.clone(), output::yes_no(self.default)]
    }
}
