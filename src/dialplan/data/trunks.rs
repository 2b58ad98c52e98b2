//! The tables about numbers outside: `[numbers]`, `[[outbound]]`, `[[inbound]]`, and the users of `[mobile]`.

use super::{Draft, Page, Place, Placed};
use crate::{
    dialplan::outside::{Change, Destination, Inbound, MobileUser, Outbound, Pattern},
    model::{ExtensionNumber, OutsideNumber},
};
use serde::Deserialize;
use std::str::FromStr;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumbersTable {
    country: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutboundTable {
    number: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    digits: Option<Spanned<String>>,
    #[serde(default)]
    strip: Option<Spanned<usize>>,
    prepend: Option<Spanned<String>>,
    trunks: Spanned<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InboundTable {
    trunk: Spanned<String>,
    number: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    strip: Option<Spanned<usize>>,
    prepend: Option<Spanned<String>>,
    extension: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MobileUserTable {
    number: Spanned<String>,
    extension: Spanned<String>,
}

impl Draft {
    pub(super) fn add_numbers(&mut self, page: Page, table: NumbersTable) {
        let country = page.placed(table.country);
        let fits = (1..=3).contains(&country.value.len()) && country.value.bytes().all(|byte| byte.is_ascii_digit());
        let country = match fits {
            true => Some(country),
            false => {
                let message = format!("the code of a country is 1 to 3 digits, not `{}`", country.value);
                self.findings.push(country.place.finding(message));
                None
            }
        };
        self.findings.extend(super::settle(&mut self.country, country, "[numbers]"));
    }

    pub(super) fn add_outbound(&mut self, page: Page, table: OutboundTable) {
        let place = page.place(table.trunks.span());
        let trunks: Vec<_> = table.trunks.into_inner().into_iter().map(|name| self.read(page.placed(name))).collect();
        if trunks.is_empty() {
            self.findings.push(place.finding("name at least one trunk".to_owned()));
        }
        let digits = table.digits.map(|digits| page.placed(digits));
        let digits = digits.and_then(|placed| match digit_range(&placed.value) {
            Some(range) => Some(range),
            None => {
                let message = format!("`{}` is not a number of digits: write \"10\" or \"10-11\"", placed.value);
                self.findings.push(placed.place.finding(message));
                None
            }
        });
        let pattern = self.pattern(page, &place, table.number, table.prefix);
        let change = self.change(page, pattern.as_ref(), table.strip, table.prepend);
        if let (Some(pattern), Some(change), Some(trunks)) = (pattern, change, trunks.into_iter().collect()) {
            self.outbound.push(Placed { value: Outbound { pattern, digits, change, trunks }, place });
        }
    }

    pub(super) fn add_inbound(&mut self, page: Page, table: InboundTable) {
        let place = page.place(table.trunk.span());
        let trunk = self.read(page.placed(table.trunk));
        let pattern = self.pattern(page, &place, table.number, table.prefix);
        let to = match table.extension {
            Some(extension) if table.strip.is_none() && table.prepend.is_none() => {
                self.read(page.placed(extension)).map(Destination::Extension)
            }
            Some(extension) => {
                let message = "`extension` says it all: leave out `strip` and `prepend`".to_owned();
                self.findings.push(page.place(extension.span()).finding(message));
                None
            }
            None => self.change(page, pattern.as_ref(), table.strip, table.prepend).map(Destination::Rest),
        };
        if let (Some(trunk), Some(pattern), Some(to)) = (trunk, pattern, to) {
            self.inbound.push(Inbound { trunk, pattern, to });
        }
    }

    pub(super) fn add_mobile_user(&mut self, page: Page, table: MobileUserTable) {
        let number = self.read::<OutsideNumber>(page.placed(table.number));
        let extension = self.read::<ExtensionNumber>(page.placed(table.extension));
        if let (Some(number), Some(extension)) = (number, extension) {
            self.mobile_users.push(MobileUser { number, extension });
        }
    }

    /// Feature codes are looked for first, so a rule for one would never be used.
    pub(super) fn judge_outbound(&mut self) {
        let mut found = Vec::new();
        for Placed { value, place } in &self.outbound {
            if let Pattern::Number(number) = &value.pattern
                && (self.is_code(number.as_str()) || self.behind_prefix(number.as_str()).is_some())
            {
                found.push(place.finding(format!("{number} is also a feature code")));
            }
        }
        self.findings.append(&mut found);
    }

    fn pattern(
        &mut self,
        page: Page,
        place: &Place,
        number: Option<Spanned<String>>,
        prefix: Option<Spanned<String>>,
    ) -> Option<Pattern> {
        match (number, prefix) {
            (Some(number), None) => self.read(page.placed(number)).map(Pattern::Number),
            (None, Some(prefix)) => self.keys(page.placed(prefix)).map(Pattern::Prefix),
            (Some(_), Some(_)) | (None, None) => {
                self.findings.push(place.finding("write either `number` or `prefix`".to_owned()));
                None
            }
        }
    }

    /// Nothing is stripped that the rule does not know.
    fn change(
        &mut self,
        page: Page,
        pattern: Option<&Pattern>,
        strip: Option<Spanned<usize>>,
        prepend: Option<Spanned<String>>,
    ) -> Option<Change> {
        let known = match pattern? {
            Pattern::Number(number) => number.as_str().len(),
            Pattern::Prefix(prefix) => prefix.len(),
        };
        let strip = strip.map(|strip| (page.place(strip.span()), strip.into_inner()));
        if let Some((place, _)) = strip.as_ref().filter(|(_, strip)| *strip > known) {
            let message = "strip takes off more of a number than the rule knows".to_owned();
            self.findings.push(place.finding(message));
            return None;
        }
        let prepend = match prepend {
            Some(prepend) => self.keys(page.placed(prepend))?,
            None => String::new(),
        };
        Some(Change { strip: strip.map_or(0, |(_, strip)| strip), prepend })
    }

    fn keys(&mut self, placed: Placed<String>) -> Option<String> {
        if is_keys(&placed.value) {
            return Some(placed.value);
        }
        let message = format!("`{}` is not what a number begins with: digits, after a + or not", placed.value);
        self.findings.push(placed.place.finding(message));
        None
    }

    fn read<T: FromStr<Err: ToString>>(&mut self, placed: Placed<String>) -> Option<T> {
        match placed.value.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let message = format!("`{}`: {}", placed.value, T::Err::to_string(&error));
                self.findings.push(placed.place.finding(message));
                None
            }
        }
    }
}

fn is_keys(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    text.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn digit_range(text: &str) -> Option<(usize, usize)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (1 <= low && low <= high && high <= 32).then_some((low, high))
}

#[cfg(test)]
mod tests {
    use crate::dialplan::{BUILT_IN, DialPlan};
    use insta::assert_snapshot;

    fn findings(rules: &str) -> String {
        match DialPlan::parse(&[BUILT_IN[0], BUILT_IN[1], ("trunks.toml", rules)]) {
            Ok(_) => "sound".to_owned(),
            Err(findings) => findings.iter().map(|finding| format!("{finding}\n")).collect(),
        }
    }

    #[test]
    fn every_slip_in_a_rule_is_told_with_its_line() {
        assert_snapshot!(findings(r#"
[numbers]
country = "Japan"
[[outbound]]
prefix = "0"
trunks = []
[[outbound]]
prefix = "0x"
digits = "11-10"
trunks = ["NTT"]
[[outbound]]
trunks = ["main"]
[[outbound]]
prefix = "0"
strip = 2
trunks = ["main"]
[[outbound]]
number = "80070"
prepend = "x"
trunks = ["main"]
[[outbound]]
number = "0070"
trunks = ["main"]
[[inbound]]
trunk = "main"
number = "0312345678"
strip = 1
extension = "1000"
[[inbound]]
trunk = "main"
number = "0312345678"
prefix = "03"
extension = "1000"
"#), @r#"
        trunks.toml:3: the code of a country is 1 to 3 digits, not `Japan`
        trunks.toml:6: name at least one trunk
        trunks.toml:8: `0x` is not what a number begins with: digits, after a + or not
        trunks.toml:9: `11-10` is not a number of digits: write "10" or "10-11"
        trunks.toml:10: `NTT`: the name of a trunk is 1 to 32 of a-z, 0-9 and -, and does not begin with -
        trunks.toml:12: write either `number` or `prefix`
        trunks.toml:15: strip takes off more of a number than the rule knows
        trunks.toml:19: `x` is not what a number begins with: digits, after a + or not
        trunks.toml:23: 0070 is also a feature code
        trunks.toml:28: `extension` says it all: leave out `strip` and `prepend`
        trunks.toml:30: write either `number` or `prefix`
        "#);
    }

    #[test]
    fn a_plan_without_rules_has_no_world_outside() {
        assert_eq!(findings(""), "sound");
    }
}
