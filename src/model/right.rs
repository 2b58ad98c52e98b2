use super::ExtensionNumber;
use std::{fmt, str::FromStr};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected {expected}")]
pub struct NotInVocabulary {
    pub expected: &'static str,
}

/// Gives a small enum its words: `Display`, `FromStr` and the error that lists what would have been right.
macro_rules! words {
    ($name:ident, $expected:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = NotInVocabulary;

            fn from_str(text: &str) -> Result<Self, NotInVocabulary> {
                match text { $($word => Ok($name::$variant),)+ _ => Err(NotInVocabulary { expected: $expected }) }
            }
        }
    };
}

pub(super) use words;

/// What an account is (J1). No role grants a right to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// システム管理者
    Administrator,
    /// スーパバイザ
    Supervisor,
    /// ユーザ
    User,
}
words!(
    Role,
    "administrator, supervisor or user",
    Administrator = "administrator",
    Supervisor = "supervisor",
    User = "user"
);

/// What a program that signs with a token may do, of all that its account may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Sees everything and changes nothing.
    Read,
    /// Sees who is talking, and has phones rung.
    Monitor,
    /// Everything.
    Admin,
}
words!(Scope, "read, monitor or admin", Read = "read", Monitor = "monitor", Admin = "admin");

/// A resource right (J2): 参照 < 編集 < 管理.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 参照
    View,
    /// 編集
    Edit,
    /// 管理
    Manage,
}
words!(Level, "view, edit or manage", View = "view", Edit = "edit", Manage = "manage");

/// モニタリング hears; ささやき hears and speaks to the agent alone; barge speaks to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    Monitor,
    Whisper,
    Barge,
}
words!(Mode, "monitor, whisper or barge", Monitor = "monitor", Whisper = "whisper", Barge = "barge");

/// The modes a right allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeSet(u8);

impl ModeSet {
    pub const NONE: ModeSet = ModeSet(0);

    /// What a grant without `--mode` means: monitor and whisper.
    pub const USUAL: ModeSet = ModeSet(0b011);

    pub fn with(self, mode: Mode) -> Self {
        Self(self.0 | 1 << mode as u8)
    }

    pub fn contains(self, mode: Mode) -> bool {
        self.0 & (1 << mode as u8) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Mode> {
        Mode::ALL.iter().copied().filter(move |mode| self.contains(*mode))
    }
}

/// What a right is held on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Terminal(ExtensionNumber),
    CallCenter(String),
    Campaign(String),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Terminal(number) => write!(f, "terminal:{number}"),
            Resource::CallCenter(name) => write!(f, "call-center:{name}"),
            Resource::Campaign(name) => write!(f, "campaign:{name}"),
        }
    }
}

impl FromStr for Resource {
    type Err = NotInVocabulary;

    fn from_str(text: &str) -> Result<Self, NotInVocabulary> {
        let wrong = NotInVocabulary { expected: "terminal:NUMBER, call-center:NAME or campaign:NAME" };
        match text.split_once(':') {
            Some(("terminal", number)) => number.parse().map(Resource::Terminal).map_err(|_| wrong),
            Some(("call-center", name)) if !name.is_empty() => Ok(Resource::CallCenter(name.to_owned())),
            Some(("campaign", name)) if !name.is_empty() => Ok(Resource::Campaign(name.to_owned())),
            _ => Err(wrong),
        }
    }
}
