//! Who may see which page, and give which order, at a screen (J1, F1). Whom they may listen to is `right`'s to say.

use crate::model::{Role, Scope};

/// What a page or an order asks of whoever wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anybody may have it.
    Nothing,
    SignedIn,
    /// Seeing who is talking, and listening (F1): administrators and supervisors.
    Watching,
    Administering,
}

impl Needs {
    pub const ALL: [Needs; 4] = [Needs::Nothing, Needs::SignedIn, Needs::Watching, Needs::Administering];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    SignInFirst,
    /// 権限がありません
    NotAllowed,
    /// The account may, this token of it may not.
    OutOfScope,
}

/// `role` is that of the account that is signed in, as it is now.
pub fn judge(needs: Needs, role: Option<Role>) -> Result<(), Barred> {
    match (needs, role) {
        (Needs::Nothing, _) | (_, Some(Role::Administrator)) => Ok(()),
        (_, None) => Err(Barred::SignInFirst),
        (Needs::SignedIn, Some(Role::Supervisor | Role::User)) | (Needs::Watching, Some(Role::Supervisor)) => Ok(()),
        (Needs::Watching, Some(Role::User)) | (Needs::Administering, Some(Role::Supervisor | Role::User)) => {
            Err(Barred::NotAllowed)
        }
    }
}

/// What a token allows, beside what its account may: any of its scopes suffices. `changes`: more than looking is wanted.
pub fn judge_scopes(needs: Needs, changes: bool, scopes: &[Scope]) -> Result<(), Barred> {
    let allows = |scope: &Scope| match scope {
        Scope::Read => !changes,
        Scope::Monitor => needs != Needs::Administering,
        Scope::Admin => true,
    };
    if needs == Needs::Nothing || scopes.iter().any(allows) { Ok(()) } else { Err(Barred::OutOfScope) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_each_role_may_do_what_the_one_below_may_and_a_stranger_nothing_that_needs_a_name() {
        let allowed = |role| Needs::ALL.map(|needs| judge(needs, role).is_ok());
        assert_eq!(allowed(Some(Role::Administrator)), [true; 4]);
        assert_eq!(allowed(Some(Role::Supervisor)), [true, true, true, false]);
        assert_eq!(allowed(Some(Role::User)), [true, true, false, false]);
        assert_eq!(allowed(None), [true, false, false, false]);
        assert_eq!(judge(Needs::SignedIn, None), Err(Barred::SignInFirst));
        assert_eq!(judge(Needs::Watching, Some(Role::User)), Err(Barred::NotAllowed));
    }

    #[test]
    fn a_token_looks_watches_or_does_everything_as_its_scopes_say() {
        let allowed = |changes, scopes: &[Scope]| Needs::ALL.map(|needs| judge_scopes(needs, changes, scopes).is_ok());
        assert_eq!(allowed(false, &[Scope::Read]), [true; 4]);
        assert_eq!(allowed(true, &[Scope::Read]), [true, false, false, false]);
        assert_eq!(allowed(false, &[Scope::Monitor]), [true, true, true, false]);
        assert_eq!(allowed(true, &[Scope::Monitor]), [true, true, true, false]);
        assert_eq!(allowed(true, &[Scope::Admin]), [true; 4]);
        assert_eq!(allowed(true, &[Scope::Read, Scope::Monitor]), [true, true, true, false]);
        assert_eq!(allowed(false, &[]), [true, false, false, false]);
    }
}
