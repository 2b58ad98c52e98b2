use crate::{
    engine::control::TrunkStatus,
    model::{
        Domain, OutsideNumber, Password, Secret, Trunk, TrunkAddress, TrunkIdentity, TrunkName, TrunkSource, TrunkUser,
    },
    store::{TrunkEntry, json},
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTrunk {
    #[serde(deserialize_with = "json::from_text")]
    pub name: TrunkName,
    #[serde(deserialize_with = "json::from_text")]
    pub address: TrunkAddress,
    /// What stands behind the @ in what it is sent; `None`: the host of its address.
    #[serde(default, deserialize_with = "json::from_given_text")]
    pub domain: Option<Domain>,
    /// The account that it knows us by.
    #[serde(default, deserialize_with = "json::from_given_text")]
    pub user: Option<TrunkUser>,
    #[serde(default, deserialize_with = "json::from_given_text")]
    pub password: Option<Password>,
    #[serde(default)]
    pub register: bool,
    #[serde(default)]
    pub mobile: bool,
    #[serde(default, deserialize_with = "json::from_given_text")]
    pub caller_id: Option<OutsideNumber>,
    #[serde(default, deserialize_with = "json::from_text")]
    pub identity: TrunkIdentity,
    #[serde(default, deserialize_with = "json::from_texts")]
    pub sources: Vec<TrunkSource>,
}

impl NewTrunk {
    pub(super) fn split(self) -> (Trunk, Option<Secret>) {
        let trunk = Trunk {
            name: self.name,
            address: self.address,
            domain: self.domain.and_then(Domain::into_option),
            user: self.user.and_then(TrunkUser::into_option),
            registers: self.register,
            mobile: self.mobile,
            caller_id: self.caller_id,
            identity: self.identity,
            sources: self.sources,
        };
        (trunk, self.password.map(Password::into_secret))
    }
}

/// A trunk as it is listed, and how it is.
#[derive(Clone, Debug, Serialize)]
pub struct TrunkLine {
    pub name: String,
    pub address: String,
    pub domain: Option<String>,
    pub user: Option<String>,
    pub register: bool,
    pub mobile: bool,
    pub caller_id: Option<String>,
    pub identity: &'static str,
    pub sources: Vec<String>,
    /// `None`: not one to register with, or no engine runs.
    pub registered: Option<bool>,
    /// `None`: not known, or no engine runs.
    pub reachable: Option<bool>,
    pub last_error: Option<String>,
}

impl TrunkLine {
    /// `known`: what a running engine tells of its trunks.
    pub fn new(TrunkEntry { trunk, .. }: TrunkEntry, known: &[TrunkStatus]) -> Self {
        let status = known.iter().find(|status| status.name == trunk.name.as_str());
        Self {
            name: trunk.name.to_string(),
            address: trunk.address.to_string(),
            domain: trunk.domain,
            user: trunk.user,
            register: trunk.registers,
            mobile: trunk.mobile,
            caller_id: trunk.caller_id.map(|number| number.to_string()),
            identity: trunk.identity.as_str(),
            sources: trunk.sources.iter().map(TrunkSource::to_string).collect(),
            registered: status.and_then(|status| status.registered),
            reachable: status.and_then(|status| status.reachable),
            last_error: status.and_then(|status| status.last_error.clone()),
        }
    }
}
