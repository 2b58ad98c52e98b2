//! `setting`: what changes at run time and applies from the next session.

use super::{
    office::Office,
    output::{self, Format, Row},
};
use crate::{
    admin::Act,
    store::{SettingKey, SettingRow},
};
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
            SettingCommand::List(format) => output::list(&office.store.setting_rows().await?, format),
            SettingCommand::Get { key } => output::say(&office.store.setting(key).await?),
            SettingCommand::Set { key, value } => office.carry_out(Act::SetSetting(key, value)).await,
        }
    }
}

fn setting_key() -> impl TypedValueParser<Value = SettingKey> {
    PossibleValuesParser::new(SettingKey::ALL.map(SettingKey::as_str)).try_map(|word| word.parse())
}

impl Row for SettingRow {
    const HEADINGS: &'static [&'static str] = &["SETTING", "VALUE", "DEFAULT"];

    fn cells(&self) -> Vec<String> {
        vec![self.key.to_owned(), self.value.clone(), output::yes_no(self.default)]
    }
}
