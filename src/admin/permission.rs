use crate::{
    access::{
        hours::Hours,
        right::{Grant, Rule},
    },
    model::{Level, Mode, ModeSet},
    store::{PermissionRow, json},
};
use serde::{Deserialize, Serialize};

/// A right as it is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Right {
    #[serde(deserialize_with = "json::from_text")]
    pub level: Level,
    /// None named: monitor and whisper.
    #[serde(default, deserialize_with = "json::from_texts")]
    pub modes: Vec<Mode>,
    /// `None`: at all hours.
    #[serde(default, deserialize_with = "json::from_given_text")]
    pub hours: Option<Hours>,
}

impl Right {
    pub(super) fn into_grant(self) -> Grant {
        let Self { level, modes, hours } = self;
        let modes = match modes.as_slice() {
            [] => ModeSet::USUAL,
            named => named.iter().fold(ModeSet::NONE, |set, mode| set.with(*mode)),
        };
        Grant { level, modes, hours }
    }
}

pub(super) fn told(grant: &Grant) -> String {
    let modes: Vec<&str> = grant.modes.iter().map(Mode::as_str).collect();
    let hours = grant.hours.as_ref().map(|hours| format!(", {hours}")).unwrap_or_default();
    format!("{} ({}{hours})", grant.level, modes.join(", "))
}

/// A rule as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct Permission {
    pub login: String,
    pub resource: String,
    /// `allow` or `deny`.
    pub effect: &'static str,
    /// Of what is allowed.
    pub level: Option<&'static str>,
    pub modes: Vec<&'static str>,
    pub hours: Option<String>,
}

impl From<PermissionRow> for Permission {
    fn from(row: PermissionRow) -> Self {
        let (login, resource) = (row.login, row.resource.to_string());
        match row.rule {
            Rule::Deny => Self { login, resource, effect: "deny", level: None, modes: Vec::new(), hours: None },
            Rule::Allow(grant) => Self {
                login,
                resource,
                effect: "allow",
                level: Some(grant.level.as_str()),
                modes: grant.modes.iter().map(Mode::as_str).collect(),
                hours: grant.hours.map(|hours| hours.to_string()),
            },
        }
    }
}
