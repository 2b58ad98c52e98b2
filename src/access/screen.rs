//! Who may see which page, and give which order, at a screen (J1, F1). Whom they may listen to is `right`'s to say.

use crate::model::{Role, Scope, Settings};

/// What a page or an order asks of whoever wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anybody may have it.
    Nothing,
    SignedIn,
    /// Seeing who is talking, and listening (F1): administrators and supervisors.
    Watching,
    /// The same in the seat view (G1).
    Seating,
    Administering,
}

impl Needs {
    pub const ALL: [Needs; 5] =
        [Needs::Nothing, Needs::SignedIn, Needs::Watching, Needs::Seating, Needs::Administering];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    SignInFirst,
    /// 権限がありません
    NotAllowed,
    /// The account may, this token of it may not.
    OutOfScope,
    /// The house does without it (J4).
    SwitchedOff,
}

/// `role` is that of the account that is signed in, as it is now.
pub fn judge(needs: Needs, role: Option<Role>) -> Result<(), Barred> {
    match (needs, role) {
        (Needs::Nothing, _) | (_, Some(Role::Administrator)) => Ok(()),
        (_, None) => Err(Barred::SignInFirst),
        (Needs::SignedIn, Some(Role::Supervisor | Role::User)) => Ok(()),
        (Needs::Watching | Needs::Seating, Some(Role::Supervisor)) => Ok(()),
        (Needs::Watching | Needs::Seating, Some(Role::User))
        | (Needs::Administering, Some(Role::Supervisor | Role::User)) => Err(Barred::NotAllowed),
    }
}

/// What a token allows, beside what its account may: any of its scopes suffices. `changes`: more than looking is wanted.
pub fn judge_scopes(needs: Needs, changes: bool, scopes: &[Scope]) -> Result<(), Barred> {
    let allows = |scope: &Scope| match (needs, scope) {
        (_, Scope::Admin) => true,
        (Needs::Nothing | Needs::SignedIn | Needs::Watching | Needs::Seating, Scope::Monitor) => true,
        (Needs::Administering, Scope::Monitor) => false,
        (_, Scope::Read) => !changes,
    };
    if needs == Needs::Nothing || scopes.iter().any(allows) { Ok(()) } else { Err(Barred::OutOfScope) }
}

/// Whether the house has it at all (J4); without the call-centre plan listening is for those who dial (D14).
pub fn offered(needs: Needs, settings: &Settings) -> Result<(), Barred> {
    let offered = match needs {
        Needs::Nothing | Needs::SignedIn | Needs::Administering => true,
        Needs::Watching => settings.call_center_plan,
        Needs::Seating => settings.call_center_plan && settings.seat_view,
    };
    offered.then_some(()).ok_or(Barred::SwitchedOff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_each_role_may_do_what_the_one_below_may_and_a_stranger_nothing_that_needs_a_name() {
        let allowed = |role| Needs::ALL.map(|needs| judge(needs, role).is_ok());
        assert_eq!(allowed(Some(Role::Administrator)), [true; 5]);
        assert_eq!(allowed(Some(Role::Supervisor)), [true, true, true, true, false]);
        assert_eq!(allowed(Some(Role::User)), [true, true, false, false, false]);
        assert_eq!(allowed(None), [true, false, false, false, false]);
        assert_eq!(judge(Needs::SignedIn, None), Err(Barred::SignInFirst));
        assert_eq!(judge(Needs::Watching, Some(Role::User)), Err(Barred::NotAllowed));
    }

    #[test]
    fn a_token_looks_watches_or_does_everything_as_its_scopes_say() {
        let allowed = |changes, scopes: &[Scope]| Needs::ALL.map(|needs| judge_scopes(needs, changes, scopes).is_ok());
        assert_eq!(allowed(false, &[Scope::Read]), [true; 5]);
        assert_eq!(allowed(true, &[Scope::Read]), [true, false, false, false, false]);
        assert_eq!(allowed(false, &[Scope::Monitor]), [true, true, true, true, false]);
        assert_eq!(allowed(true, &[Scope::Monitor]), [true, true, true, true, false]);
        assert_eq!(allowed(true, &[Scope::Admin]), [true; 5]);
        assert_eq!(allowed(true, &[Scope::Read, Scope::Monitor]), [true, true, true, true, false]);
        assert_eq!(allowed(false, &[]), [true, false, false, false, false]);
    }

    #[test]
    fn j4_without_the_call_center_plan_there_is_no_screen_to_watch_and_without_the_seat_view_no_plan() {
        let offered_in = |settings: Settings| Needs::ALL.map(|needs| offered(needs, &settings).is_ok());
        assert_eq!(offered_in(Settings::DEFAULT), [true; 5]);
        let no_seats = Settings { seat_view: false, ..Settings::DEFAULT };
        assert_eq!(offered_in(no_seats), [true, true, true, false, true]);
        let no_plan = Settings { call_center_plan: false, ..Settings::DEFAULT };
        assert_eq!(offered_in(no_plan), [true, true, false, false, true]);
    }
}
