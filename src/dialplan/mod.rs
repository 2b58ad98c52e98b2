//! What a dialled string means (rows D1, D2, D8, D9).
//!
//! In: the text of `dialplan/*.toml`, once; then the user part of each request URI, as received.
//! Out: a `Route`, or for bad data a list of findings with file and line.
//! Absent: files (the shell reads them), who may dial what (`switch` challenges, `access` judges), and whether an
//! extension exists. No other room knows a feature code, the mobile prefix or the call-back number.

mod data;
mod finding;
mod outside;
mod route;

use crate::model::{ExtensionNumber, Mode, Secret};
use data::NumberRange;
use outside::Outside;

pub use crate::model::ShortDial;
pub use finding::Finding;
pub use outside::OutsideDial;
pub use route::{FeatureDial, Route};

/// The dial plan of the repository: file name and text.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("feature-codes.toml", include_str!("../../dialplan/feature-codes.toml")),
    ("extensions.toml", include_str!("../../dialplan/extensions.toml")),
    ("trunks.toml", include_str!("../../dialplan/trunks.toml")),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialPlan {
    features: Vec<Feature>,
    mobile_prefix: Option<String>,
    extensions: Vec<NumberRange>,
    callback: String,
    outside: Outside,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Feature {
    code: String,
    mode: Mode,
}

impl DialPlan {
    /// Reads all files (name and text) together, or says everything that is wrong with them.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, Vec<Finding>> {
        data::parse(files)
    }

    /// Where a call goes, from the user part of its request URI as received: percent-encoded or plain,
    /// with or without parameters.
    pub fn route(&self, user_part: &str) -> Route {
        route::route(self, user_part)
    }

    /// The number from which the system calls back (システム).
    pub fn callback_number(&self) -> &str {
        &self.callback
    }

    /// Whether a phone of this number could be dialled.
    pub fn allows_extension(&self, number: &ExtensionNumber) -> bool {
        matches!(self.route(number.as_str()), Route::Extension(_))
    }

    /// The first code of this mode, for whoever shows or dials it.
    pub fn code(&self, mode: Mode) -> Option<&str> {
        self.features.iter().find(|feature| feature.mode == mode).map(|feature| feature.code.as_str())
    }

    /// The same code behind the mobile prefix.
    pub fn mobile_code(&self, mode: Mode) -> Option<String> {
        let (prefix, code) = (self.mobile_prefix.as_deref()?, self.code(mode)?);
        Some(format!("{prefix}{code}"))
    }

    /// The short dial of this mode, as a person would key it.
    pub fn short_dial(&self, mode: Mode, id: &Secret, password: &Secret) -> Option<Secret> {
        let parts = [self.code(mode)?, "*", id.expose(), "*", password.expose()];
        let mut keys = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        keys.extend(parts);
        Some(Secret::new(keys))
    }
}

impl Default for DialPlan {
    /// The built-in plan.
    fn default() -> Self {
        Self::parse(&BUILT_IN).unwrap_or_else(|findings| unreachable!("the built-in dial plan: {findings:?}"))
    }
}
