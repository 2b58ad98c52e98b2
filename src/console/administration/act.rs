//! A form that was sent, read into an act.

use super::{form::Fields, refused};
use crate::{
    admin::{Act, NotDone, Right},
    console::language::Language,
    model::{ExtensionNumber, Mode, Resource},
    store::{AccountChange, ExtensionChange, NewAccount, NewExtension},
};
use std::{fmt::Display, str::FromStr};

/// A field that cannot be read.
pub struct Wrong {
    field: &'static str,
    expected: String,
}

impl Wrong {
    pub fn told(self, language: Language) -> String {
        let Wrong { field, expected } = self;
        match language {
            Language::Japanese => format!("変更できませんでした。「{field}」の値を確かめてください({expected})。"),
            Language::English => format!("Nothing was changed: {field}: {expected}."),
        }
    }

    pub fn of(NotDone { error, .. }: NotDone, language: Language) -> String {
        refused(&error, language)
    }
}

/// Every act that a form can name.
pub fn read(fields: &Fields) -> Result<Act, Wrong> {
    let act = fields.get("act").unwrap_or_default();
    Ok(match act {
        "add-account" => Act::AddAccount(NewAccount {
            login: fields.need("login")?,
            role: fields.need("role")?,
            name: fields.may("name")?.unwrap_or_default(),
            extension: fields.may("extension")?,
            password: fields.need("password")?,
        }),
        "set-account" => Act::SetAccount(
            fields.need("login")?,
            AccountChange {
                role: fields.may("role")?,
                name: Some(fields.may("name")?.unwrap_or_default()),
                extension: Some(fields.may("extension")?),
                password: fields.may("password")?,
            },
        ),
        "remove-account" => Act::RemoveAccount(fields.need("login")?),
        "add-extension" => Act::AddExtension(NewExtension {
            number: fields.need("number")?,
            name: fields.may("name")?.unwrap_or_default(),
            protected: false,
            password: fields.need("password")?,
            srtp: fields.may("srtp")?.unwrap_or_default(),
        }),
        "set-extension" => Act::SetExtension(
            fields.need("number")?,
            ExtensionChange {
                name: Some(fields.may("name")?.unwrap_or_default()),
                protected: Some(fields.get("protected") == Some("yes")),
                password: fields.may("password")?,
                srtp: fields.may("srtp")?,
                ..ExtensionChange::default()
            },
        ),
        "remove-extension" => Act::RemoveExtension(fields.need("number")?),
        "set-dial-id" => Act::SetDialId(fields.need("login")?, fields.need("id")?, fields.need("password")?),
        "clear-dial-id" => Act::ClearDialId(fields.need("login")?),
        "unlock" => Act::Unlock(fields.need("login")?),
        "grant" => {
            let right = Right { level: fields.need("level")?, modes: modes(fields), hours: fields.may("hours")? };
            Act::Grant(fields.need("login")?, fields.need("resource")?, right)
        }
        "deny" => Act::Deny(fields.need("login")?, fields.need("resource")?),
        "revoke" => Act::Revoke(fields.need("login")?, fields.need::<Resource>("resource")?),
        "add-call-center" => Act::AddCallCenter(fields.need("name")?),
        "remove-call-center" => Act::RemoveCallCenter(fields.need("name")?),
        "assign" => Act::Assign(fields.need("name")?, fields.need("login")?),
        "unassign" => Act::Unassign(fields.need("name")?, fields.need("login")?),
        "set-setting" => Act::SetSetting(fields.need("key")?, fields.need::<String>("value")?),
        _ => return Err(Wrong { field: "act", expected: "expected a form of this page".to_owned() }),
    })
}

/// The extension that a form is about.
pub fn extension(fields: &Fields) -> Result<ExtensionNumber, Wrong> {
    fields.need("number")
}

/// What a choice of modes stands for; none: monitor and whisper.
fn modes(fields: &Fields) -> Vec<Mode> {
    let chosen = fields.get("modes").unwrap_or_default();
    chosen.split_whitespace().filter_map(|mode| mode.parse().ok()).collect()
}

impl Fields {
    fn may<T: FromStr<Err: Display>>(&self, field: &'static str) -> Result<Option<T>, Wrong> {
        let read = |text: &str| text.parse().map_err(|error: T::Err| Wrong { field, expected: error.to_string() });
        self.get(field).map(read).transpose()
    }

    fn need<T: FromStr<Err: Display>>(&self, field: &'static str) -> Result<T, Wrong> {
        self.may(field)?.ok_or_else(|| Wrong { field, expected: "it is missing".to_owned() })
    }
}
