use super::Finding;
use serde::de::DeserializeOwned;
use std::{borrow::Cow, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error, ValueDeserializer},
};

/// How like a known key an unknown one must be to be taken for a slip of the finger.
const LIKENESS: f64 = 0.75;

/// The text of a file, under the name that its findings carry.
pub(super) struct Source<'i> {
    pub name: &'i str,
    pub text: &'i str,
}

impl Source<'_> {
    fn line_of(&self, span: Range<usize>) -> usize {
        1 + self.text.bytes().take(span.start).filter(|b| *b == b'\n').count()
    }

    pub fn finding(&self, error: &Error) -> Finding {
        Finding::error(self.name, error.span().map(|span| self.line_of(span)), error.message())
    }
}

/// One table of the file. Every key that is asked for is taken out; what is left at the end was unknown.
pub(super) struct Section<'i, 'f> {
    source: &'i Source<'i>,
    path: Cow<'static, str>,
    table: DeTable<'i>,
    line: Option<usize>,
    asked: Vec<&'static str>,
    findings: &'f mut Vec<Finding>,
}

impl<'i, 'f> Section<'i, 'f> {
    /// Reads the top table with `read`.
    pub fn top<T>(
        source: &'i Source<'i>,
        table: DeTable<'i>,
        findings: &'f mut Vec<Finding>,
        read: impl FnOnce(&mut Section<'i, '_>) -> T,
    ) -> T {
        let section = Section { source, path: "".into(), table, line: None, asked: Vec::new(), findings };
        section.read_whole(read)
    }

    /// Reads the table `[key]`, or an empty one where the file has none.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'i, '_>) -> T) -> T {
        let table = match self.take_spanned(key) {
            None => DeTable::default(),
            Some(spanned) => match spanned.into_inner() {
                DeValue::Table(table) => table,
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => {
                    self.error(key, &format!("write it as a table: [{key}]"));
                    DeTable::default()
                }
            },
        };
        let section = Section {
            source: self.source,
            path: key.into(),
            table,
            line: None,
            asked: Vec::new(),
            findings: self.findings,
        };
        section.read_whole(read)
    }

    /// The value of `key` when the file has a usable one.
    pub fn take<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        let spanned = self.take_spanned(key)?;
        match T::deserialize(ValueDeserializer::from(spanned)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.line = error.span().map(|span| self.source.line_of(span)).or(self.line);
                self.error(key, error.message());
                None
            }
        }
    }

    /// The value of `key` where `usable` accepts it; its error is a finding at the key's line.
    pub fn take_if<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        usable: impl FnOnce(&T) -> Result<(), String>,
    ) -> Option<T> {
        let value = self.take(key)?;
        match usable(&value) {
            Ok(()) => Some(value),
            Err(message) => {
                self.error(key, &message);
                None
            }
        }
    }

    /// A finding about `key`, which was the last one taken.
    pub fn error(&mut self, key: &str, message: &str) {
        let message = format!("{}: {message}", self.path_of(key));
        self.findings.push(Finding::error(self.source.name, self.line, message));
    }

    /// A remark about `key`, which was the last one taken.
    pub fn note(&mut self, key: &str, message: &str) {
        let message = format!("{}: {message}", self.path_of(key));
        self.findings.push(Finding::note(self.source.name, self.line, message));
    }

    fn read_whole<T>(mut self, read: impl FnOnce(&mut Section<'i, '_>) -> T) -> T {
        let value = read(&mut self);
        for (key, _) in std::mem::take(&mut self.table) {
            self.line = Some(self.source.line_of(key.span()));
            let key = key.into_inner();
            let hint = self.nearest(&key).map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            self.error(&key, &format!("unknown key{hint}"));
        }
        value
    }

    fn take_spanned(&mut self, key: &'static str) -> Option<Spanned<DeValue<'i>>> {
        self.asked.push(key);
        let (name, value) = self.table.remove_entry(key)?;
        self.line = Some(self.source.line_of(name.span()));
        Some(value)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn nearest(&self, key: &str) -> Option<&'static str> {
        let likeness = |known: &&'static str| (*known, strsim::jaro_winkler(key, known));
        let best = self.asked.iter().map(likeness).max_by(|a, b| a.1.total_cmp(&b.1));
        best.filter(|(_, likeness)| *likeness >= LIKENESS).map(|(known, _)| known)
    }
}
