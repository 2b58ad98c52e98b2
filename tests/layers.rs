//! The arrows between rooms, and what may stand in one room only.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use regex_lite::Regex;
use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("dialplan", &["model"]),
    ("sip", &["model"]),
    ("media", &["model", "dtmf"]),
    ("dtmf", &["model"]),
    ("ivr", &["model"]),
    ("access", &["model"]),
    ("spy", &["model"]),
    // The embedded driver routes by the dial plan, asks spy for the matrix and reads INFO digits.
    ("switch", &["model", "sip", "media", "dtmf", "dialplan", "spy"]),
    ("phone", &["model", "sip", "media", "dtmf"]),
    (
        "engine",
        &["model", "dialplan", "sip", "media", "dtmf", "ivr", "access", "spy", "switch", "store", "audit", "phone"],
    ),
    ("store", &["model", "access"]),
    ("tls", &[]),
    ("audit", &["model", "store"]),
    ("admin", &["model", "access", "dialplan", "store", "engine"]),
    ("console", &["model", "access", "store", "audit", "admin", "dialplan", "engine", "tls"]),
    (
        "cli",
        &[
            "model", "dialplan", "sip", "media", "dtmf", "ivr", "access", "spy", "switch", "phone", "engine", "store",
            "audit", "admin", "console", "tls",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for source in sources() {
        let (_, allowed) = ROOMS
            .iter()
            .find(|(room, _)| *room == source.room())
            .unwrap_or_else(|| panic!("{}: a room that is not in the table", source.name()));
        for (at, target) in source.arrows() {
            let known = ROOMS.iter().any(|(room, _)| *room == target);
            if known && target != source.room() && !allowed.contains(&target.as_str()) {
                wrong.push(format!("{}: {} must not import {target}", source.place(at), source.room()));
            }
        }
    }
    assert_none(wrong);
}

#[test]
fn feature_codes_stand_in_the_dial_plan_only() {
    assert_none(find(r"\b(?:8?007[01]|9999)\b", |source| source.room() == "dialplan"));
}

#[test]
fn sql_stands_in_the_store_only() {
    let sql = r"\b(?:SELECT\s|INSERT INTO\b|DELETE FROM\b|UPDATE\s+\w+\s+SET\b)";
    assert_none(find(sql, |source| source.room() == "store"));
}

#[test]
fn nothing_is_left_undone_and_nothing_unwraps() {
    assert_none(find(r"\b(?:todo|unimplemented|dbg)!|\.unwrap\(\)", |_| false));
}

#[test]
fn every_test_that_the_page_on_security_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    [root.join("src"), root.join("tests")].iter().for_each(|folder| walk(folder, &mut files));
    let sources: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let table = page.lines().filter(|line| line.starts_with('|'));
    let name = Regex::new(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`").unwrap();
    let named: Vec<&str> =
        table.flat_map(|line| name.captures_iter(line)).map(|found| found.get(1).unwrap().as_str()).collect();
    assert!(named.len() > 20, "the table is found");
    // A test of the store is listed once and run on both databases.
    let is_there = |name: &&str| sources.contains(&format!("fn {name}("));
    assert_none(named.into_iter().filter(|name| !is_there(name)).map(str::to_owned).collect());
}

#[test]
fn the_reader_sees_code_and_not_comments_strings_or_tests() {
    let source = Source::read(
        PathBuf::from("spy/x.rs"),
        concat!(
            "use crate::{model::{A, B}, store}; // use crate::cli;\n",
            "const C: &str = \"// crate::engine }\"; const D: char = '{';\n",
            "fn f<'a>(x: &'a str) { super::super::media::g() }\n",
            "#[cfg(test)]\nmod tests { use crate::ivr::Ivr; fn f() { \"}\" } }\n",
            "use crate::sip::Uri;\n",
        ),
    );
    let targets: Vec<_> = source.arrows().into_iter().map(|(_, room)| room).collect();
    assert_eq!(targets, ["model", "store", "media", "sip"]);
    assert!(source.text.contains("crate::engine"));
    assert!(!source.text.contains("crate::cli"));
}

fn find(pattern: &str, exempt: impl Fn(&Source) -> bool) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !exempt(source)) {
        for hit in pattern.find_iter(&source.text) {
            found.push(format!("{}: {}", source.place(hit.start()), hit.as_str()));
        }
    }
    found
}

fn assert_none(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.retain(|path| !is_test_file(path));
    let relative = |path: &Path| path.strip_prefix(&root).unwrap().to_owned();
    files.iter().map(|path| Source::read(relative(path), &fs::read_to_string(path).unwrap())).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.file_stem().is_some_and(|stem| stem == "tests")
}

/// One file: `text` without comments and tests, `code` without the contents of strings as well. Offsets agree.
struct Source {
    path: PathBuf,
    text: String,
    code: String,
}

impl Source {
    fn read(path: PathBuf, source: &str) -> Self {
        let (comments, literals) = comments_and_literals(source.as_bytes());
        let mut text = source.as_bytes().to_owned();
        blank(&mut text, &comments);
        let mut code = text.clone();
        blank(&mut code, &literals);
        let tests = test_items(&code);
        blank(&mut text, &tests);
        blank(&mut code, &tests);
        Self {
            path,
            text: String::from_utf8_lossy(&text).into_owned(),
            code: String::from_utf8_lossy(&code).into_owned(),
        }
    }

    fn room(&self) -> &str {
        let first = self.path.iter().next().unwrap().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn name(&self) -> String {
        format!("src/{}", self.path.display())
    }

    fn place(&self, at: usize) -> String {
        let line = self.code.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("{}:{line}", self.name())
    }

    /// How many `super::` lead from here to the crate.
    fn depth(&self) -> usize {
        let parts = self.path.iter().count();
        if self.path.file_stem().is_some_and(|stem| stem == "mod") { parts - 1 } else { parts }
    }

    /// Every path that starts at the crate: where it stands and the room it names.
    fn arrows(&self) -> Vec<(usize, String)> {
        let from_crate = Regex::new(r"\b(?:(?:crate|sasayaki)::|((?:super::)+))").unwrap();
        let mut arrows = Vec::new();
        for prefix in from_crate.captures_iter(&self.code) {
            let whole = prefix.get(0).unwrap();
            let climbs = prefix.get(1).map(|supers| supers.as_str().matches("super::").count());
            if climbs.is_none_or(|climbs| climbs >= self.depth()) {
                let names = first_segments(&self.code[whole.end()..]);
                arrows.extend(names.into_iter().map(|name| (whole.start(), name)));
            }
        }
        arrows
    }
}

/// `a::b` names `a`; `{a::{b, c}, d}` names `a` and `d`.
fn first_segments(path: &str) -> Vec<String> {
    let ident = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = path.strip_prefix('{') else { return vec![ident(path)] };
    let mut depth = 0;
    let mut names = vec![ident(list.trim_start())];
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(ident(list[at + 1..].trim_start())),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn blank(bytes: &mut [u8], ranges: &[Range<usize>]) {
    for byte in ranges.iter().flat_map(|range| range.clone()) {
        if bytes[byte] != b'\n' {
            bytes[byte] = b' ';
        }
    }
}

fn comments_and_literals(source: &[u8]) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let (mut comments, mut literals) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let end = if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            comments.push(at..end);
            end
        } else if let Some(length) = literal_length(rest, at > 0 && is_word(source[at - 1])) {
            literals.push(at + 1..at + length - 1);
            at + length
        } else {
            at + 1
        };
        at = end;
    }
    (comments, literals)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The length of the string or character literal that stands at the start, if one does.
fn literal_length(rest: &[u8], inside_word: bool) -> Option<usize> {
    let until = |end: &[u8], from: usize| {
        rest[from..].windows(end.len()).position(|window| window == end).map(|found| from + found + end.len())
    };
    match rest {
        [b'r', b'#', b'"', ..] if !inside_word => until(b"\"#", 3),
        [b'r', b'"', ..] if !inside_word => until(b"\"", 2),
        [b'"', ..] => quoted_length(rest),
        [b'\'', b'\\', escape, ..] => until(b"'", if *escape == b'\'' { 3 } else { 2 }),
        [b'\'', first, ..] if *first >= 0x80 => until(b"'", 1),
        [b'\'', _, b'\'', ..] => Some(3),
        _ => None,
    }
}

fn quoted_length(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Everything under `#[cfg(test)]`: up to its `;` or its closing brace.
fn test_items(code: &[u8]) -> Vec<Range<usize>> {
    const MARK: &[u8] = b"#[cfg(test)]";
    let starts = code.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    starts.map(|(start, _)| start..item_end(code, start + MARK.len())).collect()
}

fn item_end(code: &[u8], from: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b';' if depth == 0 => return at + 1,
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}
