use super::{DialPlan, Feature};
use crate::model::{ExtensionNumber, MAX_DIGITS, Mode, Refusal, Secret, ShortDial};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

/// Where a call goes.
pub enum Route {
    /// Well-formed; whether there is such a phone is the registrar's to say.
    Extension(ExtensionNumber),
    Feature(FeatureDial),
    Refuse {
        status: u16,
        refusal: Option<Refusal>,
    },
    /// 404
    Unknown,
}

pub struct FeatureDial {
    pub mode: Mode,
    /// Dialled behind the mobile prefix (D2).
    pub mobile: bool,
    pub short: Option<ShortDial>,
}

pub(super) fn route(plan: &DialPlan, user_part: &str) -> Route {
    let dialled = dialled(user_part);
    let (head, fields) = match dialled.iter().position(|key| *key == b'*') {
        Some(star) => (&dialled[..star], Some(&dialled[star + 1..])),
        None => (&dialled[..], None),
    };
    if let Some(feature) = plan.feature(head) {
        return match fields.map(short_dial) {
            None => feature.dialled(false, None),
            Some(Some(short)) => feature.dialled(false, Some(short)),
            Some(None) => Route::Refuse { status: 484, refusal: Some(Refusal::ShortDialMalformed) },
        };
    }
    if let Some(feature) = plan.mobile_feature(head) {
        return match fields {
            None => feature.dialled(true, None),
            Some(_) => Route::Refuse { status: 403, refusal: Some(Refusal::ShortDialFromMobile) },
        };
    }
    match fields {
        None => plan.extension(head).map_or(Route::Unknown, Route::Extension),
        Some(_) => Route::Unknown,
    }
}

/// The keys themselves: without parameters, decoded, without the `#` by which some phones say "dial now".
/// They may hold a password, so they are wiped when they go.
fn dialled(user_part: &str) -> Zeroizing<Vec<u8>> {
    let encoded = user_part.split(';').next().unwrap_or_default();
    let mut keys = Zeroizing::new(Vec::with_capacity(encoded.len()));
    keys.extend(percent_decode_str(encoded));
    if keys.last() == Some(&b'#') {
        keys.pop();
    }
    keys
}

/// `ID*PW`: two fields, no more and no fewer.
fn short_dial(fields: &[u8]) -> Option<ShortDial> {
    let mut fields = fields.split(|key| *key == b'*').map(secret);
    match (fields.next(), fields.next(), fields.next()) {
        (Some(id), Some(password), None) => Some(ShortDial { id: id?, password: password? }),
        _ => None,
    }
}

fn secret(digits: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(digits).ok()?;
    let valid = (1..=MAX_DIGITS).contains(&text.len()) && digits.iter().all(u8::is_ascii_digit);
    valid.then(|| Secret::new(text))
}

impl DialPlan {
    fn feature(&self, keys: &[u8]) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.code.as_bytes() == keys)
    }

    fn mobile_feature(&self, keys: &[u8]) -> Option<&Feature> {
        let prefix = self.mobile_prefix.as_ref()?;
        self.feature(keys.strip_prefix(prefix.as_bytes())?)
    }

    fn extension(&self, keys: &[u8]) -> Option<ExtensionNumber> {
        let digits = std::str::from_utf8(keys).ok()?;
        self.extensions.iter().any(|range| range.contains(digits)).then(|| digits.parse().ok())?
    }
}

impl Feature {
    fn dialled(&self, mobile: bool, short: Option<ShortDial>) -> Route {
        Route::Feature(FeatureDial { mode: self.mode, mobile, short })
    }
}
