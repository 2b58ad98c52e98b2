//! What people and scripts read on standard output.

use comfy_table::{Table, presets};
use serde::Serialize;
use std::io::{self, Write};

/// A row of a listing: the same facts as a table's cells and as a JSON object.
pub trait Row: Serialize {
    const HEADINGS: &'static [&'static str];

    fn cells(&self) -> Vec<String>;
}

/// How a listing is printed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Format {
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Prints a whole listing.
pub fn list<R: Row>(rows: &[R], format: Format) -> anyhow::Result<()> {
    match format.json {
        true => say(&serde_json::to_string_pretty(rows)?),
        false => say(&table(rows)),
    }
}

/// The rows under their headings, for a terminal.
pub fn table<R: Row>(rows: &[R]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(R::HEADINGS.iter().copied());
    for row in rows {
        table.add_row(row.cells().iter().map(|cell| printable(cell)));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.trim_fmt()
}

pub fn yes_no(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

/// Prints one line.
pub fn say(line: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Tells the person at the terminal something beside the result.
pub fn note(line: &str) {
    eprintln!("sasayaki: note: {}", printable(line));
}

/// An error and its causes; a cause that the line above it has told already is not told again.
pub fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.contains(&cause) {
        true => told,
        false if told.is_empty() => cause,
        false => format!("{told}: {cause}"),
    })
}

/// The text without characters that would command a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Phone(&'static str, &'static str);

    impl Row for Phone {
        const HEADINGS: &'static [&'static str] = &["NUMBER", "NAME", "X"];

        fn cells(&self) -> Vec<String> {
            vec![self.0.to_owned(), self.1.to_owned(), "x".to_owned()]
        }
    }

    #[test]
    fn wide_characters_keep_the_columns_straight() {
        insta::assert_snapshot!(table(&[Phone("200", "山田"), Phone("2001", "Yuki")]));
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("no route").context("the store does not answer: no route").context("cannot open");
        assert_eq!(told(&error), "cannot open: the store does not answer: no route");
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert!(!table(&[Phone("200", "\u{1b}[2Jgone\n")]).contains('\u{1b}'));
    }
}
