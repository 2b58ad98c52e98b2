use super::{DialPlan, Feature, Finding};
use crate::model::{ExtensionNumber, Mode};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

/// What one file may hold. Any file may hold any table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    feature: Vec<FeatureTable>,
    mobile: Option<MobileTable>,
    extensions: Option<ExtensionsTable>,
    callback: Option<CallbackTable>,
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
                draft.findings.push(place.finding(error.message().to_owned()));
            }
        }
    }
    draft.judge();
    draft.finish(files.first().map_or("dialplan", |(name, _)| name))
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
    }

    fn is_code(&self, number: &str) -> bool {
        self.features.iter().any(|feature| feature.value.code == number)
    }

    fn behind_prefix<'a>(&self, number: &'a str) -> Option<&'a str> {
        let prefix = self.mobile_prefix.as_ref()?;
        number.strip_prefix(&prefix.value).filter(|rest| self.is_code(rest))
    }

    fn finish(mut self, first_file: &str) -> Result<DialPlan, Vec<Finding>> {
        let missing = [
            ("a [[feature]]", self.features.is_empty()),
            ("[extensions]", self.extensions.is_none()),
            ("[callback]", self.callback.is_none()),
        ];
        match (self.extensions, self.callback) {
            (Some(extensions), Some(callback)) if self.findings.is_empty() && !self.features.is_empty() => {
                Ok(DialPlan {
                    features: values(self.features),
                    mobile_prefix: self.mobile_prefix.map(|prefix| prefix.value),
                    extensions: values(extensions.value),
                    callback: callback.value,
                })
            }
            _ => {
                // What seems to be missing may stand in a part that could not be read.
                if self.findings.is_empty() {
                    let place = Place { file: first_file.to_owned(), line: 1 };
                    let absent = missing.iter().filter(|(_, absent)| *absent);
                    self.findings
                        .extend(absent.map(|(what, _)| place.finding(format!("no file of the dial plan has {what}"))));
                }
                Err(self.findings)
            }
        }
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
