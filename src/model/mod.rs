//! The vocabulary: what every other room speaks. Values only; no clock, no socket, no decision.

mod audit;
mod call_record;
mod cause;
mod codec;
mod digit;
mod extension;
mod hear;
mod id;
mod party;
mod prompt;
mod quality;
mod right;
mod secret;
mod setting;
mod short_dial;
mod spy;
mod srtp;
mod trunk;

pub use audit::{AuditEvent, AuditKind, Outcome};
pub use call_record::{CallEnd, CallEnding, CallNote, CallRecord};
pub use cause::{EndCause, Refusal};
pub use codec::{Codec, EventFormat};
pub use digit::{Digit, DigitString, MAX_DIGITS, NotADigit};
pub use extension::{ExtensionNumber, NotAnExtension};
pub use hear::HearMatrix;
pub use id::{AccountId, CallId, Entropy, IdMaker, LegId, NodeId, NotAnId, SessionId};
pub use party::{NotATrunkName, NotAnOutsideNumber, OutsideNumber, Party, TrunkName};
pub use prompt::Prompt;
pub use quality::{LegQuality, Mos, StreamQuality};
pub use right::{Level, Mode, ModeSet, NotInVocabulary, Resource, Role};
pub use secret::Secret;
pub use setting::{Settings, ToneAudience};
pub use short_dial::ShortDial;
pub use spy::{Side, SpyMode};
pub use srtp::{SrtpKey, SrtpKeys, SrtpPolicy, SrtpSuite};
pub use trunk::{NotOfATrunk, Trunk, TrunkAddress, TrunkIdentity, TrunkSource};
