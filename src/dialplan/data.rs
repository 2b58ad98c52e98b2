mod trunks;

use super::{
    DialPlan, Feature, Finding,
    outside::{Inbound, MobileUser, Outbound, Outside},
};
use crate::model::{ExtensionNumber, Mode};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;
use trunks::{InboundTable, MobileUserTable, NumbersTable, OutboundTable};

/// What one file may hold. Any file may hold any table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    feature: Vec<FeatureTable>,
    mobile: Option<MobileTable>,
    extensions: Option<ExtensionsTable>,
    callback: Option<CallbackTable>,
    numbers: Option<NumbersTable>,
    #[serde(default)]
    outbound: Vec<OutboundTable>,
    #[serde(default)]
    inbound: Vec<InboundTable>,
    #[serde(default, rename = "mobile-user")]
    mobile_user: Vec<MobileUserTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureTable {
    code: Spanned<String>,
    mode: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MobileTable {
    prefix: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtensionsTable {
    numbers: Spanned<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallbackTable {
    number: Spanned<String>,
}

pub(super) fn parse(files: &[(&str, &str)]) -> Result<DialPlan, Vec<Finding>> {
    let mut draft = Draft::default();
    for (name, text) in files {
        let page = Page { name, text };
        match toml::from_str(text) {
            Ok(file) => draft.add(page, file),
            Err(error) => {
                let place = page.place(error.span().unwrap_or_default());
                draft.findings.push(place.finding(explained(error.message())));
            }
        }
    }
    draft.judge();
    draft.finish(files.first().map_or("dialplan", |(name, _)| name))
}

/// TOML's own words, and the remedy for the slip that is nearest: `code = 0070`.
fn explained(message: &str) -> String {
    let unquoted = message.contains("leading zero") || message.contains("invalid type: integer");
    let remedy = if unquoted { "; numbers stand in quotes: \"0070\"" } else { "" };
    format!("{message}{remedy}")
}

/// Extensions `low` to `high`, of one length; compared digit by digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NumberRange {
    low: String,
    high: String,
}

impl NumberRange {
    pub(super) fn contains(&self, digits: &str) -> bool {
        digits.len() == self.low.len()
            && is_number(digits)
            && (self.low.as_str()..=self.high.as_str()).contains(&digits)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let range = Self { low: low.trim().to_owned(), high: high.trim().to_owned() };
        if !(is_number(&range.low) && is_number(&range.high)) {
            return Err(format!(
                "`{text}` is not a number or a range: write \"1000-1999\" or \"1000\", 1 to 16 digits"
            ));
        }
        if range.low.len() != range.high.len() {
            return Err(format!("both ends of `{text}` must have the same number of digits"));
        }
        if range.low > range.high {
            return Err(format!("the range `{text}` ends before it begins"));
        }
        Ok(range)
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<ExtensionNumber>().is_ok()
}

#[derive(Clone, Copy)]
struct Page<'a> {
    name: &'a str,
    text: &'a str,
}

impl Page<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.as_bytes().iter().take(span.start);
        Place { file: self.name.to_owned(), line: 1 + before.filter(|byte| **byte == b'\n').count() }
    }

    fn placed(&self, value: Spanned<String>) -> Placed<String> {
        Placed { place: self.place(value.span()), value: value.into_inner() }
    }
}

/// Where something stands.
#[derive(Clone)]
struct Place {
    file: String,
    line: usize,
}

impl Place {
    fn finding(&self, message: String) -> Finding {
        Finding { file: self.file.clone(), line: self.line, message }
    }
}

struct Placed<T> {
    value: T,
    place: Place,
}

/// The plan as far as it could be read, and what was found on the way.
#[derive(Default)]
struct Draft {
    features: Vec<Placed<Feature>>,
    mobile_prefix: Option<Placed<String>>,
    extensions: Option<Placed<Vec<Placed<NumberRange>>>>,
    callback: Option<Placed<String>>,
    country: Option<Placed<String>>,
    outbound: Vec<Placed<Outbound>>,
    inbound: Vec<Inbound>,
    mobile_users: Vec<MobileUser>,
    findings: Vec<Finding>,
}

impl Draft {
    fn add(&mut self, page: Page, file: File) {
        for table in file.feature {
            self.add_feature(page, table);
        }
        if let Some(table) = file.mobile {
            let prefix = self.number(page.placed(table.prefix), "the mobile prefix");
            self.findings.extend(settle(&mut self.mobile_prefix, prefix, "[mobile]"));
        }
        if let Some(table) = file.extensions {
            self.add_extensions(page, table);
        }
        if let Some(table) = file.callback {
            let number = self.number(page.placed(table.number), "the call-back number");
            self.findings.extend(settle(&mut self.callback, number, "[callback]"));
        }
        if let Some(table) = file.numbers {
            self.add_numbers(page, table);
        }
        file.outbound.into_iter().for_each(|table| self.add_outbound(page, table));
        file.inbound.into_iter().for_each(|table| self.add_inbound(page, table));
        file.mobile_user.into_iter().for_each(|table| self.add_mobile_user(page, table));
    }

    fn add_feature(&mut self, page: Page, table: FeatureTable) {
        let code = self.number(page.placed(table.code), "a feature code");
        let mode = page.placed(table.mode);
        let mode = match mode.value.as_str() {
            "monitor" => Some(Mode::Monitor),
            "whisper" => Some(Mode::Whisper),
            other => {
                let message = format!("`{other}` is not a mode to be dialled: expected \"monitor\" or \"whisper\"");
                self.findings.push(mode.place.finding(message));
                None
            }
        };
        if let (Some(Placed { value: code, place }), Some(mode)) = (code, mode) {
            self.features.push(Placed { value: Feature { code, mode }, place });
        }
    }

    fn add_extensions(&mut self, page: Page, table: ExtensionsTable) {
        let place = page.place(table.numbers.span());
        let numbers = table.numbers.into_inner();
        if numbers.is_empty() {
            self.findings.push(place.finding("no extension could be dialled: name at least one range".to_owned()));
        }
        let mut ranges = Vec::new();
        for number in numbers {
            let Placed { value, place } = page.placed(number);
            match NumberRange::parse(&value) {
                Ok(value) => ranges.push(Placed { value, place }),
                Err(message) => self.findings.push(place.finding(message)),
            }
        }
        let table = Placed { value: ranges, place };
        self.findings.extend(settle(&mut self.extensions, Some(table), "[extensions]"));
    }

    fn number(&mut self, placed: Placed<String>, what: &str) -> Option<Placed<String>> {
        if is_number(&placed.value) {
            return Some(placed);
        }
        let message = format!("{what} is 1 to 16 digits, not `{}`", placed.value);
        self.findings.push(placed.place.finding(message));
        None
    }

    /// No number may mean two things.
    fn judge(&mut self) {
        let mut found = Vec::new();
        for (index, feature) in self.features.iter().enumerate() {
            let code = &feature.value.code;
            if let Some(first) = self.features[..index].iter().find(|first| first.value.code == *code) {
                let Place { file, line } = &first.place;
                found.push(feature.place.finding(format!("the code {code} stands already in {file}:{line}")));
            }
            if let Some(unprefixed) = self.behind_prefix(code) {
                found.push(feature.place.finding(format!("{code} is also {unprefixed} behind the mobile prefix")));
            }
        }
        if let Some(callback) = &self.callback {
            let number = &callback.value;
            if self.is_code(number) || self.behind_prefix(number).is_some() {
                found.push(callback.place.finding(format!("the call-back number {number} is also a feature code")));
            }
            if let Some(range) =
                self.extensions.iter().flat_map(|table| &table.value).find(|range| range.value.contains(number))
            {
                let Place { file, line } = &range.place;
                let message = format!("the call-back number {number} is also an extension, by {file}:{line}");
                found.push(callback.place.finding(message));
            }
        }
        self.findings.append(&mut found);
        self.judge_outbound();
    }

    fn is_code(&self, number: &str) -> bool {
        self.features.iter().any(|feature| feature.value.code == number)
    }

    fn behind_prefix<'a>(&self, number: &'a str) -> Option<&'a str> {
        let prefix = self.mobile_prefix.as_ref()?;
        number.strip_prefix(&prefix.value).filter(|rest| self.is_code(rest))
    }

    fn finish(mut self, first_file: &str) -> Result<DialPlan, Vec<Finding>> {
        // What seems to be missing may stand in a part that could not be read.
        if self.findings.is_empty() {
            self.miss(first_file);
        }
        self.findings.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        match (self.extensions, self.callback) {
            (Some(extensions), Some(callback)) if self.findings.is_empty() => Ok(DialPlan {
                features: values(self.features),
                mobile_prefix: self.mobile_prefix.map(|prefix| prefix.value),
                extensions: values(extensions.value),
                callback: callback.value,
                outside: Outside {
                    country: self.country.map(|country| country.value),
                    outbound: values(self.outbound),
                    inbound: self.inbound,
                    mobile_users: self.mobile_users,
                },
            }),
            _ => Err(self.findings),
        }
    }

    fn miss(&mut self, first_file: &str) {
        let tables = [
            ("a [[feature]]", self.features.is_empty()),
            ("[extensions]", self.extensions.is_none()),
            ("[callback]", self.callback.is_none()),
        ];
        let place = Place { file: first_file.to_owned(), line: 1 };
        let absent = tables.iter().filter(|(_, absent)| *absent);
        self.findings.extend(absent.map(|(table, _)| place.finding(format!("no file of the dial plan has {table}"))));
    }
}

/// A table stands once in the whole folder; the second is found.
fn settle<T>(slot: &mut Option<Placed<T>>, table: Option<Placed<T>>, what: &str) -> Option<Finding> {
    let table = table?;
    match slot {
        Some(first) => {
            let Place { file, line } = &first.place;
            Some(table.place.finding(format!("{what} stands already in {file}:{line}")))
        }
        None => {
            *slot = Some(table);
            None
        }
    }
}

fn values<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|placed| placed.value).collect()
}

#[cfg(test)]
mod tests {
    use crate::dialplan::{BUILT_IN, DialPlan};
    use insta::assert_snapshot;

    const SOUND: &str = r#"[[feature]]
code = "0070"
mode = "monitor"
[mobile]
prefix = "8"
[extensions]
numbers = ["1000-1999", "300"]
[callback]
number = "9999"
"#;

    /// The findings in one file that differs from a sound one by a replacement.
    fn with(old: &str, new: &str) -> String {
        assert!(SOUND.contains(old));
        findings(&[("plan.toml", &SOUND.replace(old, new))])
    }

    fn findings(files: &[(&str, &str)]) -> String {
        match DialPlan::parse(files) {
            Ok(_) => "sound".to_owned(),
            Err(findings) => findings.iter().map(|finding| format!("{finding}\n")).collect(),
        }
    }

    #[test]
    fn the_built_in_plan_is_sound() {
        assert_eq!(findings(&BUILT_IN), "sound");
        assert_eq!(DialPlan::default().callback_number(), "9999");
    }

    #[test]
    fn a_plan_without_mobile_prefix_is_sound() {
        assert_eq!(with("[mobile]\nprefix = \"8\"\n", ""), "sound");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        assert_snapshot!(with("[callback]", "[callback]\nringtone = \"on\""), @"
        plan.toml:9: unknown field `ringtone`, expected `number`
        ");
        assert_snapshot!(with("[mobile]", "[mobil]"), @"
        plan.toml:4: unknown field `mobil`, expected one of `feature`, `mobile`, `extensions`, `callback`, `numbers`, `outbound`, `inbound`, `mobile-user`
        ");
        assert_snapshot!(with("mode =", "mood ="), @"
        plan.toml:3: unknown field `mood`, expected `code` or `mode`
        ");
    }

    #[test]
    fn a_wrong_type_is_named_with_its_line() {
        assert_snapshot!(with("\"9999\"", "9999"), @r#"
        plan.toml:9: invalid type: integer `9999`, expected a string; numbers stand in quotes: "0070"
        "#);
        assert_snapshot!(with("[\"1000-1999\", \"300\"]", "\"1000-1999\""), @r#"
        plan.toml:7: invalid type: string "1000-1999", expected a sequence
        "#);
        assert_snapshot!(with("\"0070\"", "0070"), @r#"
        plan.toml:2: unexpected leading zero, expected nothing; numbers stand in quotes: "0070"
        "#);
    }

    #[test]
    fn a_bad_number_is_found() {
        assert_snapshot!(with("\"0070\"", "\"*70\""), @"
        plan.toml:2: a feature code is 1 to 16 digits, not `*70`
        ");
        assert_snapshot!(with("\"8\"", "\"\""), @"
        plan.toml:5: the mobile prefix is 1 to 16 digits, not ``
        ");
        assert_snapshot!(with("\"9999\"", "\"09999099990999909999\""), @"
        plan.toml:9: the call-back number is 1 to 16 digits, not `09999099990999909999`
        ");
    }

    #[test]
    fn a_bad_range_is_found() {
        let ranges = "\"1000-999\", \"20-10\", \"1xxx\", \"\", \"12345678901234567\"";
        assert_snapshot!(with("\"1000-1999\", \"300\"", ranges), @r#"
        plan.toml:7: both ends of `1000-999` must have the same number of digits
        plan.toml:7: the range `20-10` ends before it begins
        plan.toml:7: `1xxx` is not a number or a range: write "1000-1999" or "1000", 1 to 16 digits
        plan.toml:7: `` is not a number or a range: write "1000-1999" or "1000", 1 to 16 digits
        plan.toml:7: `12345678901234567` is not a number or a range: write "1000-1999" or "1000", 1 to 16 digits
        "#);
        assert_snapshot!(with("\"1000-1999\", \"300\"", ""), @"
        plan.toml:7: no extension could be dialled: name at least one range
        ");
    }

    #[test]
    fn only_monitor_and_whisper_are_dialled() {
        assert_snapshot!(with("\"monitor\"", "\"barge\""), @r#"
        plan.toml:3: `barge` is not a mode to be dialled: expected "monitor" or "whisper"
        "#);
    }

    #[test]
    fn no_number_may_mean_two_things() {
        let again = "[mobile]\nprefix = \"8\"\n[[feature]]\ncode = \"0070\"\nmode = \"whisper\"";
        let other = again.replace("0070", "80070");
        assert_snapshot!(with("[mobile]\nprefix = \"8\"", again), @"
        plan.toml:7: the code 0070 stands already in plan.toml:2
        ");
        assert_snapshot!(with("[mobile]\nprefix = \"8\"", &other), @"
        plan.toml:7: 80070 is also 0070 behind the mobile prefix
        ");
        assert_snapshot!(with("\"9999\"", "\"80070\""), @"
        plan.toml:9: the call-back number 80070 is also a feature code
        ");
        assert_snapshot!(with("\"9999\"", "\"0070\""), @"
        plan.toml:9: the call-back number 0070 is also a feature code
        ");
        assert_snapshot!(with("\"9999\"", "\"1999\""), @"
        plan.toml:9: the call-back number 1999 is also an extension, by plan.toml:7
        ");
    }

    #[test]
    fn every_finding_is_told_at_once() {
        let text = SOUND.replace("monitor", "mute").replace("9999", "none").replace("300", "x");
        assert_snapshot!(findings(&[("plan.toml", &text)]), @r#"
        plan.toml:3: `mute` is not a mode to be dialled: expected "monitor" or "whisper"
        plan.toml:7: `x` is not a number or a range: write "1000-1999" or "1000", 1 to 16 digits
        plan.toml:9: the call-back number is 1 to 16 digits, not `none`
        "#);
    }

    #[test]
    fn the_files_of_a_folder_are_one_plan() {
        assert_snapshot!(findings(&[("a.toml", SOUND), ("b.toml", SOUND)]), @"
        b.toml:2: the code 0070 stands already in a.toml:2
        b.toml:5: [mobile] stands already in a.toml:5
        b.toml:7: [extensions] stands already in a.toml:7
        b.toml:9: [callback] stands already in a.toml:9
        ");
        assert_snapshot!(findings(&[("a.toml", "")]), @"
        a.toml:1: no file of the dial plan has a [[feature]]
        a.toml:1: no file of the dial plan has [extensions]
        a.toml:1: no file of the dial plan has [callback]
        ");
        assert_snapshot!(findings(&[]), @"
        dialplan:1: no file of the dial plan has a [[feature]]
        dialplan:1: no file of the dial plan has [extensions]
        dialplan:1: no file of the dial plan has [callback]
        ");
        assert_snapshot!(findings(&[("a.toml", "[[feature]\n"), ("b.toml", "\n\n[callback]\nnumber = 1")]), @r#"
        a.toml:1: unclosed array table, expected `]`
        b.toml:4: invalid type: integer `1`, expected a string; numbers stand in quotes: "0070"
        "#);
    }
}
