use super::{Admin, NewTrunk, NotDone, Right, moment};
use crate::{
    access::hours::Hours,
    model::{CallCenterName, DialId, ExtensionNumber, Level, Login, Password, Place, Resource, TokenId, TrunkName},
    store::{AccountChange, ExtensionChange, NewAccount, NewExtension, SettingKey, StoreError, TrunkChange},
};
use std::fmt;

const MIN_DIAL_PASSWORD_DIGITS: usize = 4;
const MAX_DIAL_PASSWORD_DIGITS: usize = 32;

/// One change that an administrator makes. Each is written down in the audit trail.
pub enum Act {
    AddExtension(NewExtension),
    SetExtension(ExtensionNumber, ExtensionChange),
    RemoveExtension(ExtensionNumber),
    AddAccount(NewAccount),
    SetAccount(Login, AccountChange),
    RemoveAccount(Login),
    /// The password is digits too.
    SetDialId(Login, DialId, Password),
    ClearDialId(Login),
    Unlock(Login),
    /// In place of the right that stood before; a denial beside it still wins.
    Grant(Login, Resource, Right),
    Deny(Login, Resource),
    /// Takes grant and denial away.
    Revoke(Login, Resource),
    AddCallCenter(CallCenterName),
    RemoveCallCenter(CallCenterName),
    Assign(CallCenterName, Login),
    Unassign(CallCenterName, Login),
    PutSeat(ExtensionNumber, Place),
    RemoveSeat(ExtensionNumber),
    SetSetting(SettingKey, String),
    AddTrunk(NewTrunk),
    SetTrunk(TrunkName, TrunkChange),
    RemoveTrunk(TrunkName),
    RevokeToken(TokenId),
}

/// What was done, in a sentence, and what whoever did it should know.
#[derive(Debug)]
pub struct Done {
    pub said: String,
    pub notes: Vec<Note>,
}

/// Something that is easily thought otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// 参照 is not enough to listen.
    ViewListensToNobody,
    /// D12: whoever sits at the phone is listened to.
    FollowsThePhone { login: Login, extension: ExtensionNumber },
    /// Whoever dials needs a right on the phone terminal.
    ForPagesAlone,
}

impl Admin<'_> {
    pub async fn carry_out(&self, act: Act) -> Result<Done, NotDone> {
        let Self { store, actor } = *self;
        let said = match act {
            Act::AddExtension(new) => {
                let said = format!("added extension {}", new.number);
                store.add_extension(actor, new).await?;
                said
            }
            Act::SetExtension(number, change) => {
                store.set_extension(actor, &number, change).await?;
                format!("changed extension {number}")
            }
            Act::RemoveExtension(number) => {
                let resource = Resource::Terminal(number.clone());
                let rules = store.permissions(None).await?.into_iter().filter(|row| row.resource == resource).count();
                store.remove_extension(actor, &number).await?;
                format!("removed extension {number} and {rules} rights and denials on it")
            }
            Act::AddAccount(new) => {
                let said = format!("added account {} ({})", new.login, new.role);
                store.add_account(actor, new).await.map_err(about_extension)?;
                said
            }
            Act::SetAccount(login, change) => {
                store.set_account(actor, login.as_str(), change).await.map_err(about_extension)?;
                format!("changed account {login}")
            }
            Act::RemoveAccount(login) => {
                let rules = store.permissions(Some(login.as_str())).await?.len();
                store.remove_account(actor, login.as_str()).await?;
                format!("removed account {login}, its dial-operation ID and {rules} rights and denials")
            }
            Act::SetDialId(login, id, password) => {
                usable_on_a_keypad(&password)?;
                let set = store.set_dial_id(actor, login.as_str(), id.as_str(), password.into_secret());
                set.await.map_err(about_password)?;
                format!("{login} signs in by keypad with ID {id}")
            }
            Act::ClearDialId(login) => {
                store.clear_dial_id(actor, login.as_str()).await?;
                format!("removed the dial-operation ID and password of {login}")
            }
            Act::Unlock(login) => {
                store.unlock_dial_id(actor, login.as_str()).await?;
                format!("{login} may sign in by keypad again")
            }
            Act::Grant(login, resource, right) => return self.grant(login, resource, right).await,
            Act::Deny(login, resource) => {
                store.deny(actor, login.as_str(), &resource).await?;
                format!("denied {login} {resource}, whatever else is granted")
            }
            Act::Revoke(login, resource) => {
                store.revoke(actor, login.as_str(), &resource).await?;
                format!("revoked what {login} had on {resource}")
            }
            Act::AddCallCenter(name) => {
                store.add_call_center(actor, name.as_str()).await?;
                format!("added call center {name}")
            }
            Act::RemoveCallCenter(name) => {
                store.remove_call_center(actor, name.as_str()).await?;
                format!("removed call center {name}")
            }
            Act::Assign(name, login) => {
                store.assign(actor, name.as_str(), login.as_str()).await?;
                format!("{login} is an agent of {name}")
            }
            Act::Unassign(name, login) => {
                store.unassign(actor, name.as_str(), login.as_str()).await?;
                format!("{login} is no agent of {name} any more")
            }
            Act::PutSeat(extension, place) => {
                store.put_seat(actor, &extension, place).await.map_err(about_extension)?;
                format!("extension {extension} stands in column {}, row {}", place.column, place.row)
            }
            Act::RemoveSeat(extension) => {
                store.remove_seat(actor, &extension).await?;
                format!("extension {extension} stands nowhere any more")
            }
            Act::SetSetting(key, value) => {
                store.set_setting(actor, key, &value).await.map_err(|error| NotDone::about("value", error))?;
                format!("{} is {value}, from the next session on", key.as_str())
            }
            Act::AddTrunk(new) => {
                let said = format!("added trunk {}", new.name);
                let (trunk, password) = new.split();
                store.add_trunk(actor, trunk, password).await?;
                said
            }
            Act::SetTrunk(name, change) => {
                store.set_trunk(actor, &name, change).await?;
                format!("changed trunk {name}")
            }
            Act::RemoveTrunk(name) => {
                store.remove_trunk(actor, &name).await?;
                format!("removed trunk {name}")
            }
            Act::RevokeToken(id) => {
                store.revoke_token(actor, id).await?;
                format!("revoked token {id}")
            }
        };
        Ok(Done { said, notes: Vec::new() })
    }

    async fn grant(&self, login: Login, resource: Resource, right: Right) -> Result<Done, NotDone> {
        let grant = right.into_grant();
        if let Some(zone) = grant.hours.as_ref().and_then(Hours::zone)
            && !moment::is_zone(zone)
        {
            let error = StoreError::NoSuch { what: "time zone", name: zone.to_owned() };
            return Err(NotDone::about("hours", error));
        }
        self.store.grant(self.actor, login.as_str(), &resource, &grant).await?;
        let said = format!("granted {login} {} on {resource}", super::permission::told(&grant));
        let note = match (grant.level, resource) {
            (Level::View, _) => Note::ViewListensToNobody,
            (Level::Edit | Level::Manage, Resource::Terminal(extension)) => Note::FollowsThePhone { login, extension },
            (Level::Edit | Level::Manage, Resource::CallCenter(_) | Resource::Campaign(_)) => Note::ForPagesAlone,
        };
        Ok(Done { said, notes: vec![note] })
    }
}

/// What is keyed in is digits; which of those are too easy to guess, the store knows.
fn usable_on_a_keypad(password: &Password) -> Result<(), NotDone> {
    let digits = password.as_secret().expose();
    let fits = (MIN_DIAL_PASSWORD_DIGITS..=MAX_DIAL_PASSWORD_DIGITS).contains(&digits.len());
    if fits && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let expected = "4 to 32 digits and nothing else; nothing was changed";
    Err(NotDone::about("password", StoreError::Unusable { what: "a dial-operation password", expected }))
}

/// Of a password that is too weak or no digits, the password is to blame.
fn about_password(error: StoreError) -> NotDone {
    match error {
        StoreError::Weak(_) | StoreError::Unusable { .. } => NotDone::about("password", error),
        StoreError::Taken { .. } => NotDone::about("id", error),
        other => other.into(),
    }
}

fn about_extension(error: StoreError) -> NotDone {
    match error {
        StoreError::NoSuch { what: "extension", .. } => NotDone::about("extension", error),
        other => other.into(),
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::ViewListensToNobody => f.write_str("view does not allow listening; edit and manage do"),
            Note::FollowsThePhone { login, extension } => {
                write!(f, "the right follows the phone: {login} may listen to whoever uses extension {extension}")
            }
            Note::ForPagesAlone => {
                f.write_str("the right is for the web pages; whoever dials needs one on the phone terminal")
            }
        }
    }
}
