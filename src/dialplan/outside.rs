//! Numbers outside (外線): which dialled numbers leave over which trunks, whom a number that a trunk brings is for, and how
//! numbers are written here.

use super::DialPlan;
use crate::model::{ExtensionNumber, OutsideNumber, TrunkName};

/// A dialled number that leaves over a trunk (発信).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideDial {
    /// As it is written here.
    pub number: OutsideNumber,
    /// As the trunks are asked for it.
    pub sent: OutsideNumber,
    /// The order in which they are tried.
    pub trunks: Vec<TrunkName>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outside {
    /// The code of this country (E.164), whose numbers are written with a leading 0 in its place.
    pub country: Option<String>,
    pub outbound: Vec<Outbound>,
    pub inbound: Vec<Inbound>,
    /// Who calls from where on a mobile trunk (D2).
    pub mobile_users: Vec<MobileUser>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outbound {
    pub pattern: Pattern,
    /// How many digits a number has that is meant, both ends included.
    pub digits: Option<(usize, usize)>,
    pub change: Change,
    pub trunks: Vec<TrunkName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inbound {
    pub trunk: TrunkName,
    pub pattern: Pattern,
    pub to: Destination,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Extension(ExtensionNumber),
    /// What is left of the called number when it was changed.
    Rest(Change),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MobileUser {
    pub number: OutsideNumber,
    pub extension: ExtensionNumber,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Number(OutsideNumber),
    Prefix(String),
}

/// Digits taken off the front, then others put there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub strip: usize,
    pub prepend: String,
}

impl DialPlan {
    /// The extension that a number is for, when this trunk brings a call to it (着信).
    pub fn inbound(&self, trunk: &TrunkName, called: &OutsideNumber) -> Option<ExtensionNumber> {
        let rules = self.outside.inbound.iter().filter(|rule| rule.trunk == *trunk);
        let rule = best(rules, |rule| rule.pattern.fits(called))?;
        let extension = match &rule.to {
            Destination::Extension(number) => number.clone(),
            Destination::Rest(change) => change.of(called).parse().ok()?,
        };
        self.allows_extension(&extension).then_some(extension)
    }

    /// The extension whose user calls from this number on a mobile trunk.
    pub fn mobile_user(&self, caller: &OutsideNumber) -> Option<&ExtensionNumber> {
        self.outside.mobile_users.iter().find(|user| user.number == *caller).map(|user| &user.extension)
    }

    /// The number outside that is this extension's own on a trunk: the one by which it is called there.
    pub fn own_number(&self, trunk: &TrunkName, extension: &ExtensionNumber) -> Option<&OutsideNumber> {
        self.outside.inbound.iter().filter(|rule| rule.trunk == *trunk).find_map(|rule| {
            match (&rule.pattern, &rule.to) {
                (Pattern::Number(number), Destination::Extension(to)) if to == extension => Some(number),
                (Pattern::Number(_) | Pattern::Prefix(_), Destination::Extension(_) | Destination::Rest(_)) => None,
            }
        })
    }

    /// A number as it is written here: of this country with a leading 0, of another one with its `+`. `None` when it is
    /// no number at all.
    pub fn written_here(&self, text: &str) -> Option<OutsideNumber> {
        let plain: String = text.chars().filter(|key| !matches!(key, '-' | '.' | '(' | ')')).collect();
        let country = self.outside.country.as_deref();
        match plain.strip_prefix('+').zip(country).and_then(|(number, country)| number.strip_prefix(country)) {
            Some(domestic) => format!("0{domestic}").parse().ok(),
            None => plain.parse().ok(),
        }
    }

    /// Every trunk that the rules name.
    pub fn trunks(&self) -> impl Iterator<Item = &TrunkName> {
        let outbound = self.outside.outbound.iter().flat_map(|rule| &rule.trunks);
        outbound.chain(self.outside.inbound.iter().map(|rule| &rule.trunk))
    }

    /// A number that stands in a rule as a whole: it leaves even where an extension is written alike (110, 119).
    pub(super) fn outbound_number(&self, keys: &[u8]) -> Option<OutsideDial> {
        self.outbound(keys, |pattern| matches!(pattern, Pattern::Number(_)))
    }

    pub(super) fn outbound_prefix(&self, keys: &[u8]) -> Option<OutsideDial> {
        self.outbound(keys, |pattern| matches!(pattern, Pattern::Prefix(_)))
    }

    fn outbound(&self, keys: &[u8], kind: impl Fn(&Pattern) -> bool) -> Option<OutsideDial> {
        let keys = std::str::from_utf8(keys).ok().filter(|keys| keys.parse::<OutsideNumber>().is_ok())?;
        let number = self.written_here(keys)?;
        let rules = self.outside.outbound.iter().filter(|rule| kind(&rule.pattern) && rule.has_digits(&number));
        let rule = best(rules, |rule| rule.pattern.fits(&number))?;
        let sent = rule.change.of(&number).parse().ok()?;
        Some(OutsideDial { number, sent, trunks: rule.trunks.clone() })
    }
}

/// The rule that knows most of the number; of two alike the first.
fn best<'a, R>(rules: impl Iterator<Item = &'a R>, fits: impl Fn(&R) -> Option<usize>) -> Option<&'a R> {
    let fitting = rules.filter_map(|rule| Some((rule, fits(rule)?)));
    fitting.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(rule, _)| rule)
}

impl Outbound {
    fn has_digits(&self, number: &OutsideNumber) -> bool {
        let digits = number.as_str().trim_start_matches('+').len();
        self.digits.is_none_or(|(low, high)| (low..=high).contains(&digits))
    }
}

impl Pattern {
    /// How many keys of the number the pattern knows; `None` when it does not fit.
    fn fits(&self, number: &OutsideNumber) -> Option<usize> {
        match self {
            Pattern::Number(own) => (own == number).then_some(usize::MAX),
            Pattern::Prefix(prefix) => number.as_str().starts_with(prefix.as_str()).then_some(prefix.len()),
        }
    }
}

impl Change {
    fn of(&self, number: &OutsideNumber) -> String {
        format!("{}{}", self.prepend, number.as_str().get(self.strip..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::{BUILT_IN, Route};
    use insta::assert_snapshot;

    const RULES: &str = r#"
[numbers]
country = "81"
[[outbound]]
prefix = "0"
digits = "10-11"
trunks = ["main", "spare"]
[[outbound]]
prefix = "010"
strip = 3
prepend = "+"
trunks = ["abroad"]
[[outbound]]
prefix = "+"
trunks = ["abroad"]
[[outbound]]
prefix = "9"
strip = 1
trunks = ["tie"]
[[outbound]]
number = "110"
trunks = ["main"]
[[inbound]]
trunk = "main"
number = "0312345678"
extension = "1000"
[[inbound]]
trunk = "main"
prefix = "031234"
strip = 6
[[inbound]]
trunk = "tie"
number = "1000"
extension = "2000"
[[mobile-user]]
number = "09011112222"
extension = "1000"
"#;

    fn plan() -> DialPlan {
        DialPlan::parse(&[BUILT_IN[0], BUILT_IN[1], ("trunks.toml", RULES)]).unwrap()
    }

    fn trunk(name: &str) -> TrunkName {
        name.parse().unwrap()
    }

    #[test]
    fn a_dialled_number_leaves_by_the_rule_that_knows_most_of_it() {
        let plan = plan();
        let dialled = [
            "0312345678",
            "09011112222",
            "+81312345678",
            "031234567",
            "0101234567890",
            "+14155550100",
            "98000001",
            "110",
            "0070",
            "1000",
            "119",
            "%2B81312345678",
            "03-1234-5678",
            "0312345678*1",
        ];
        let told = dialled.map(|keys| match plan.route(keys) {
            Route::Outside(OutsideDial { number, sent, trunks }) => {
                let trunks: Vec<_> = trunks.iter().map(TrunkName::as_str).collect();
                format!("{keys:16} {number} as {sent} over {}\n", trunks.join(", "))
            }
            Route::Extension(number) => format!("{keys:16} extension {number}\n"),
            Route::Feature(_) => format!("{keys:16} feature\n"),
            Route::Refuse { status, .. } => format!("{keys:16} {status}\n"),
            Route::Unknown => format!("{keys:16} unknown\n"),
        });
        assert_snapshot!(told.concat(), @"
        0312345678       0312345678 as 0312345678 over main, spare
        09011112222      09011112222 as 09011112222 over main, spare
        +81312345678     0312345678 as 0312345678 over main, spare
        031234567        unknown
        0101234567890    0101234567890 as +1234567890 over abroad
        +14155550100     +14155550100 as +14155550100 over abroad
        98000001         98000001 as 8000001 over tie
        110              110 as 110 over main
        0070             feature
        1000             extension 1000
        119              extension 119
        %2B81312345678   0312345678 as 0312345678 over main, spare
        03-1234-5678     unknown
        0312345678*1     unknown
        ");
    }

    #[test]
    fn a_trunk_brings_calls_to_its_own_numbers_only() {
        let plan = plan();
        let inbound = |name: &str, called: &str| {
            plan.inbound(&trunk(name), &plan.written_here(called)?).map(|number| number.to_string())
        };
        assert_eq!(inbound("main", "0312345678").as_deref(), Some("1000"));
        assert_eq!(inbound("main", "+81312345678").as_deref(), Some("1000"));
        assert_eq!(inbound("main", "0312342001").as_deref(), Some("2001"));
        assert_eq!(inbound("main", "03123420011"), Some("20011".to_owned()));
        assert_eq!(inbound("main", "0312340070"), None, "a feature code is never an extension");
        assert_eq!(inbound("main", "0312349999"), None);
        assert_eq!(inbound("main", "1000"), None, "another trunk's number");
        assert_eq!(inbound("tie", "1000").as_deref(), Some("2000"));
        assert_eq!(inbound("tie", "0312345678"), None);
        assert_eq!(inbound("other", "1000"), None);
    }

    #[test]
    fn an_extension_that_has_a_number_of_its_own_is_known_by_it() {
        let (plan, extension) = (plan(), "1000".parse().unwrap());
        assert_eq!(plan.own_number(&trunk("main"), &extension).map(OutsideNumber::as_str), Some("0312345678"));
        assert_eq!(plan.own_number(&trunk("tie"), &extension), None);
    }

    #[test]
    fn a_mobile_user_is_known_by_the_number_in_whatever_form_it_comes() {
        let plan = plan();
        let user = |caller: &str| plan.mobile_user(&plan.written_here(caller)?).map(|number| number.to_string());
        assert_eq!(user("+819011112222").as_deref(), Some("1000"));
        assert_eq!(user("090-1111-2222").as_deref(), Some("1000"));
        assert_eq!(user("09011112223"), None);
        assert_eq!(user("anonymous"), None);
    }
}
