//! What a page of administration is made of.

use crate::model::Secret;
use std::collections::BTreeMap;

pub struct Page {
    pub title: &'static str,
    /// What the section is for, and what to mind.
    pub about: &'static str,
    pub warns: bool,
    pub forms: Vec<Form>,
    pub table: Table,
}

pub struct Form {
    pub act: &'static str,
    pub title: &'static str,
    pub fields: Vec<Field>,
    pub button: &'static str,
}

pub struct Field {
    pub name: &'static str,
    pub label: String,
    pub kind: Kind,
    pub value: String,
    pub required: bool,
}

pub enum Kind {
    Text,
    Password,
    Hidden,
    /// Values and what is shown for them.
    Choice(Vec<(String, String)>),
}

pub struct Table {
    pub headings: Vec<&'static str>,
    pub rows: Vec<Row>,
    /// Of a table without rows: what to do.
    pub empty: &'static str,
}

pub struct Row {
    pub cells: Vec<String>,
    pub forms: Vec<Form>,
}

impl Page {
    /// Whether anything can be done about its rows.
    pub fn acts(&self) -> bool {
        self.table.rows.iter().any(|row| !row.forms.is_empty())
    }
}

impl Row {
    pub fn name(&self) -> &str {
        self.cells.first().map_or("", String::as_str)
    }
}

impl Field {
    pub fn text(name: &'static str, label: &str) -> Self {
        Self { name, label: label.to_owned(), kind: Kind::Text, value: String::new(), required: true }
    }

    pub fn password(label: &str) -> Self {
        Self { kind: Kind::Password, ..Self::text("password", label) }
    }

    pub fn choice(name: &'static str, label: &str, choices: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { kind: Kind::Choice(choices.into_iter().collect()), ..Self::text(name, label) }
    }

    pub fn hidden(name: &'static str, value: impl ToString) -> Self {
        Self { kind: Kind::Hidden, value: value.to_string(), ..Self::text(name, "") }
    }

    pub fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    pub fn with(self, value: impl ToString) -> Self {
        Self { value: value.to_string(), ..self }
    }
}

/// What was sent: each name with its last value that is not empty. It may hold passwords.
pub struct Fields(BTreeMap<String, Secret>);

impl Fields {
    pub fn new(fields: Vec<(String, String)>) -> Self {
        Self(
            fields.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, v)| (name, Secret::new(v))).collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }
}
