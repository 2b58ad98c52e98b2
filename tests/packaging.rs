//! What is shipped beside the program: the systemd unit and its configuration, as systemd and the program read them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::PathBuf, process::Command};

/// As `systemd-analyze security` counts, from 0.0 (safe) to 10.0. Without a filter of system calls it cannot be much lower.
const MOST_EXPOSED: &str = "30";

fn shipped(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

fn systemd_analyze(arguments: &[&str]) -> String {
    let output = Command::new("systemd-analyze").args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("systemd-analyze: {error} (tests/run installs it)"));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn systemd_understands_every_line_of_the_unit_and_it_leaves_little_exposed() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("sasayaki.service");
    let text = fs::read_to_string(shipped("sasayaki.service")).unwrap();
    assert!(text.contains("ExecStart=/usr/local/bin/sasayaki serve "));
    fs::write(&unit, text.replace("/usr/local/bin/sasayaki", env!("CARGO_BIN_EXE_sasayaki"))).unwrap();
    let unit = unit.to_str().unwrap();
    let said = systemd_analyze(&["verify", "--man=no", unit]);
    assert!(!said.contains(unit), "{said}");
    let threshold = format!("--threshold={MOST_EXPOSED}");
    systemd_analyze(&["security", "--no-pager", "--offline=yes", &threshold, unit]);
}

#[test]
fn the_shipped_configuration_is_one_that_the_program_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (folder.path().join("sasayaki.toml"), folder.path().join("data"));
    let text = fs::read_to_string(shipped("sasayaki.toml")).unwrap();
    fs::write(&config, text.replace("/var/lib/sasayaki", data.to_str().unwrap())).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sasayaki"));
    let output = command.args(["check", "--config"]).arg(&config).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.contains("ok: store"), "{said}");
}
