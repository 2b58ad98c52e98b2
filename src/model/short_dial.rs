use super::Secret;

/// What `0070*ID*PW` carries (D8): sign-in without a prompt.
pub struct ShortDial {
    pub id: Secret,
    pub password: Secret,
}
