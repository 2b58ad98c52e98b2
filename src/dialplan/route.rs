use super::{DialPlan, Feature, OutsideDial};
use crate::model::{ExtensionNumber, MAX_DIGITS, Mode, Refusal, Secret, ShortDial};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

/// Where a call goes.
pub enum Route {
    /// Well-formed; whether there is such a phone is the registrar's to say.
    Extension(ExtensionNumber),
    Feature(FeatureDial),
    Outside(OutsideDial),
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
        None => plan.number(head),
        Some(_) => Route::Unknown,
    }
}

/// The keys themselves: without parameters, decoded, without the one `#` at the end by which people say "dial now".
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

    fn number(&self, keys: &[u8]) -> Route {
        let whole = || self.outbound_number(keys).map(Route::Outside);
        let extension = || self.extension(keys).map(Route::Extension);
        let prefixed = || self.outbound_prefix(keys).map(Route::Outside);
        whole().or_else(extension).or_else(prefixed).unwrap_or(Route::Unknown)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::BUILT_IN;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    fn routes(user_parts: &[&str]) -> String {
        let plan = DialPlan::default();
        user_parts.iter().map(|user| format!("{user:28} {}\n", told(&plan.route(user)))).collect()
    }

    fn told(route: &Route) -> String {
        match route {
            Route::Extension(number) => format!("extension {number}"),
            Route::Feature(FeatureDial { mode, mobile, short }) => {
                let mobile = if *mobile { " mobile" } else { "" };
                let short = short.as_ref().map(|s| format!(" {} / {}", s.id.expose(), s.password.expose()));
                format!("{mode}{mobile}{}", short.unwrap_or_default())
            }
            Route::Refuse { status, refusal } => format!("{status} {}", refusal.map_or("", |r| r.as_str())),
            Route::Outside(OutsideDial { sent, .. }) => format!("outside {sent}"),
            Route::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn a_code_is_matched_whole() {
        assert_snapshot!(routes(&["0070", "0071", "80070", "80071", "00700", "007", "880070", "80", ""]), @"
        0070                         monitor
        0071                         whisper
        80070                        monitor mobile
        80071                        whisper mobile
        00700                        unknown
        007                          unknown
        880070                       unknown
        80                           unknown
                                     unknown
        ");
    }

    #[test]
    fn a_short_dial_carries_id_and_password() {
        assert_snapshot!(routes(&[
            "0070*1001*2468",
            "0071*1001*2468",
            "0070%2A1001%2A2468",
            "0070%2a1001*2468%23",
            "0070*1001*2468#",
            "%30%3070*1001*2468",
        ]), @"
        0070*1001*2468               monitor 1001 / 2468
        0071*1001*2468               whisper 1001 / 2468
        0070%2A1001%2A2468           monitor 1001 / 2468
        0070%2a1001*2468%23          monitor 1001 / 2468
        0070*1001*2468#              monitor 1001 / 2468
        %30%3070*1001*2468           monitor 1001 / 2468
        ");
    }

    #[test]
    fn a_short_dial_has_two_fields_of_digits() {
        let longest = "1".repeat(MAX_DIGITS);
        assert_snapshot!(routes(&[
            "0070*",
            "0070**",
            "0070*1001",
            "0070*1001*",
            "0070**2468",
            "0070*1001*2468*",
            "0070*1001*2468*2000",
            "0070*1001*24a8",
            "0070*1001*24%38",
            "0070*1001*2468##",
            "0070*10#01*2468",
            "0070*10%01*2468",
            "0070*1001*２４６８",
            "0070*1001*24%FF",
            "0070%252A1001*2468",
        ]), @"
        0070*                        484 short-dial-malformed
        0070**                       484 short-dial-malformed
        0070*1001                    484 short-dial-malformed
        0070*1001*                   484 short-dial-malformed
        0070**2468                   484 short-dial-malformed
        0070*1001*2468*              484 short-dial-malformed
        0070*1001*2468*2000          484 short-dial-malformed
        0070*1001*24a8               484 short-dial-malformed
        0070*1001*24%38              monitor 1001 / 248
        0070*1001*2468##             484 short-dial-malformed
        0070*10#01*2468              484 short-dial-malformed
        0070*10%01*2468              484 short-dial-malformed
        0070*1001*２４６８               484 short-dial-malformed
        0070*1001*24%FF              484 short-dial-malformed
        0070%252A1001*2468           unknown
        ");
        assert_eq!(routes(&[&format!("0070*1*{longest}")]), format!("0070*1*{longest} monitor 1 / {longest}\n"));
        let too_long = format!("0070*1*{longest}1");
        assert_eq!(routes(&[&too_long]), format!("{too_long} 484 short-dial-malformed\n"));
    }

    #[test]
    fn behind_the_mobile_prefix_there_is_no_short_dial_however_it_is_formed() {
        assert_snapshot!(routes(&["80070*1001*2468", "80071%2A1001%2A2468", "80070*", "80070*x", "80070*1*2*3#"]), @"
        80070*1001*2468              403 short-dial-from-mobile
        80071%2A1001%2A2468          403 short-dial-from-mobile
        80070*                       403 short-dial-from-mobile
        80070*x                      403 short-dial-from-mobile
        80070*1*2*3#                 403 short-dial-from-mobile
        ");
    }

    #[test]
    fn an_extension_is_matched_exactly() {
        let users = ["1000", "1000#", "%31000", "01000", "100", "99", "1000*", "1000*1*2", "10a0", "alice"];
        assert_snapshot!(routes(&users), @"
        1000                         extension 1000
        1000#                        extension 1000
        %31000                       extension 1000
        01000                        unknown
        100                          extension 100
        99                           unknown
        1000*                        unknown
        1000*1*2                     unknown
        10a0                         unknown
        alice                        unknown
        ");
    }

    #[test]
    fn nobody_dials_the_call_back_number() {
        assert_snapshot!(routes(&["9998", "9999", "9999#"]), @"
        9998                         extension 9998
        9999                         unknown
        9999#                        unknown
        ");
    }

    #[test]
    fn parameters_of_the_user_part_do_not_count() {
        assert_snapshot!(routes(&["0070;phone-context=+81", "1000;user=phone", "0070*1*2;x=*3", ";x", "0070%3Bx"]), @"
        0070;phone-context=+81       monitor
        1000;user=phone              extension 1000
        0070*1*2;x=*3                monitor 1 / 2
        ;x                           unknown
        0070%3Bx                     unknown
        ");
    }

    #[test]
    fn visual_separators_are_no_digits() {
        assert_snapshot!(routes(&["00-70", "10.00", "(1000)", " 1000", "+1000"]), @"
        00-70                        unknown
        10.00                        unknown
        (1000)                       unknown
         1000                        unknown
        +1000                        unknown
        ");
    }

    #[test]
    fn a_feature_code_is_never_an_extension() {
        let wide = "[extensions]\nnumbers = [\"0000-9000\", \"80000-89999\"]\n[callback]\nnumber = \"9999\"";
        let plan = DialPlan::parse(&[BUILT_IN[0], ("b", wide)]).unwrap();
        assert_eq!(told(&plan.route("0070")), "monitor");
        assert_eq!(told(&plan.route("80071")), "whisper mobile");
        assert_eq!(told(&plan.route("0072")), "extension 0072");
        let allowed = |number: &str| plan.allows_extension(&number.parse().unwrap());
        assert!(allowed("0072") && allowed("80072"));
        assert!(!allowed("0070") && !allowed("80070") && !allowed("9999"));
    }

    #[test]
    fn without_mobile_prefix_there_are_no_mobile_codes() {
        let codes = BUILT_IN[0].1.replace("[mobile]\nprefix = \"8\"", "");
        let plan = DialPlan::parse(&[("a", &codes), BUILT_IN[1]]).unwrap();
        assert_eq!(told(&plan.route("0070")), "monitor");
        assert_eq!(told(&plan.route("80070")), "unknown");
        assert_eq!(plan.mobile_code(Mode::Monitor), None);
    }

    #[test]
    fn what_the_plan_says_to_dial_goes_where_it_says() {
        let plan = DialPlan::default();
        for mode in [Mode::Monitor, Mode::Whisper] {
            assert_eq!(told(&plan.route(plan.code(mode).unwrap())), mode.as_str());
            assert_eq!(told(&plan.route(&plan.mobile_code(mode).unwrap())), format!("{mode} mobile"));
        }
        assert!(plan.code(Mode::Barge).is_none());
    }

    /// `*` and every other byte, percent-encoded or not.
    fn encoded(keys: &str, choices: &[bool]) -> String {
        let encode = |(key, encode): (u8, &bool)| match encode {
            true => format!("%{key:02X}"),
            false => char::from(key).to_string(),
        };
        keys.bytes().zip(choices.iter().cycle()).map(encode).collect()
    }

    proptest! {
        #[test]
        fn any_user_part_has_a_route(user in any::<String>()) {
            let _ = DialPlan::default().route(&user);
        }

        #[test]
        fn any_keys_have_a_route(user in "(0070|0071|80070)?(%2A|%2a|%23|%|[*#;%0-9a-fA-F]){0,40}") {
            let _ = DialPlan::default().route(&user);
        }

        #[test]
        fn a_short_dial_comes_out_as_it_went_in(
            id in "[0-9]{1,32}", password in "[0-9]{1,32}",
            whisper: bool, hash: bool, choices in prop::collection::vec(any::<bool>(), 1..8),
        ) {
            let plan = DialPlan::default();
            let mode = if whisper { Mode::Whisper } else { Mode::Monitor };
            let keys = plan.short_dial(mode, &Secret::new(&*id), &Secret::new(&*password)).unwrap();
            let hash = if hash { "#" } else { "" };
            let user = encoded(&format!("{}{hash}", keys.expose()), &choices);
            prop_assert_eq!(told(&plan.route(&user)), format!("{mode} {id} / {password}"));
        }

        #[test]
        fn every_other_number_of_fields_is_refused(fields in prop::collection::vec("[0-9]{0,32}", 1..6)) {
            prop_assume!(!(fields.len() == 2 && fields.iter().all(|field| !field.is_empty())));
            let user = format!("0071*{}", fields.join("*"));
            prop_assert_eq!(told(&DialPlan::default().route(&user)), "484 short-dial-malformed");
            prop_assert_eq!(told(&DialPlan::default().route(&format!("8{user}"))), "403 short-dial-from-mobile");
        }
    }
}
