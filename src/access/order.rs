//! Who may have a phone rung from 9999 so as to listen (F1, F3, F5). Whom they may listen to is `right`'s to say.

use super::{
    Check, first_refusal,
    screen::{self, Needs},
};
use crate::model::{ExtensionNumber, Refusal, Role};

/// The account at the screen, and what it wants.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub role: Role,
    /// The account's own extension (J3).
    pub own: Option<&'a ExtensionNumber>,
    /// The phone to be rung; `None`: its own.
    pub extension: Option<&'a ExtensionNumber>,
    /// その他操作, which rings the own extension and no other (F5).
    pub shortcut: bool,
}

/// The extension to be rung.
pub fn judge<'a>(facts: &Facts<'a>) -> Result<&'a ExtensionNumber, Refusal> {
    first_refusal(&checks(facts))?;
    facts.extension.or(facts.own).ok_or(Refusal::NoOwnPhone)
}

/// The same, every question in its order.
pub fn checks(facts: &Facts<'_>) -> Vec<Check> {
    let own = |number| Some(number) == facts.own;
    let barred = screen::judge(Needs::Watching, Some(facts.role)).is_err();
    let needs_own = facts.shortcut || facts.extension.is_none();
    vec![
        Check::refuse_if("role", barred, Refusal::RoleNotAllowed),
        Check::refuse_if("own-phone", needs_own && facts.own.is_none(), Refusal::NoOwnPhone),
        Check::refuse_if(
            "shortcut",
            facts.shortcut && facts.extension.is_some_and(|number| !own(number)),
            Refusal::NotOwnPhone,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(role: Role, own: Option<&str>, extension: Option<&str>, shortcut: bool) -> Result<String, Refusal> {
        let number = |text: &str| text.parse::<ExtensionNumber>().unwrap();
        let (own, extension) = (own.map(number), extension.map(number));
        let facts = Facts { role, own: own.as_ref(), extension: extension.as_ref(), shortcut };
        judge(&facts).map(ToString::to_string)
    }

    #[test]
    fn f1_administrators_and_supervisors_may_and_users_may_not() {
        for role in [Role::Administrator, Role::Supervisor] {
            assert_eq!(judged(role, None, Some("1000"), false), Ok("1000".into()));
        }
        assert_eq!(judged(Role::User, Some("1000"), Some("1000"), false), Err(Refusal::RoleNotAllowed));
    }

    #[test]
    fn f3_any_phone_may_be_rung_and_f5_by_the_shortcut_the_own_one_alone() {
        let supervisor = Role::Supervisor;
        assert_eq!(judged(supervisor, Some("1000"), Some("2000"), false), Ok("2000".into()));
        assert_eq!(judged(supervisor, Some("1000"), None, true), Ok("1000".into()));
        assert_eq!(judged(supervisor, Some("1000"), Some("1000"), true), Ok("1000".into()));
        assert_eq!(judged(supervisor, Some("1000"), Some("2000"), true), Err(Refusal::NotOwnPhone));
        assert_eq!(judged(supervisor, None, Some("2000"), true), Err(Refusal::NoOwnPhone));
        assert_eq!(judged(supervisor, None, None, false), Err(Refusal::NoOwnPhone));
    }
}
