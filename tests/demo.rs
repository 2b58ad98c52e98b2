//! The demo as a newcomer runs it: what it prints, what it writes, and a phone of the visitor's own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use regex_lite::Regex;
use sasayaki::{
    model::{Codec, Digit, Entropy, Secret},
    phone::{DtmfWay, Phone, PhoneConfig},
    sip::Transport,
};
use serde_json::Value;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use support::{Peer, audio::Recording, within};
use tempfile::TempDir;

/// The demo takes 36 s of real time; a busy machine may need longer to start.
const LIMIT: Duration = Duration::from_secs(90);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const MASKED: &str = "••••#";

struct Demo {
    folder: TempDir,
    peer: Peer,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let folder = TempDir::with_prefix("demo-").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sasayaki"));
        command.arg("demo").args(arguments).arg("--out").arg(folder.path().join("out"));
        command.current_dir(folder.path()).env_remove("SASAYAKI_CONFIG").env("TMPDIR", folder.path());
        command.stdout(File::create(folder.path().join("said")).unwrap());
        command.stderr(File::create(folder.path().join("log")).unwrap());
        Self { peer: Peer::spawn(&mut command), folder }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn out(&self, file: &str) -> PathBuf {
        self.folder.path().join("out").join(file)
    }

    fn expect_success(&mut self, limit: Duration) {
        let status = self.peer.exit(limit);
        assert!(status.is_some_and(|status| status.success()), "{status:?}\n{}\n{}", self.said(), self.log());
    }

    /// Nothing but what it was asked to write is left behind.
    fn assert_clean(&self) {
        let mut left: Vec<_> =
            fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["log", "out", "said"]);
    }
}

#[test]
fn a_newcomer_reads_hears_and_measures_both_sessions() {
    let mut demo = Demo::start(&["--once"]);
    demo.expect_success(LIMIT);
    assert_dialogue(&demo.said());
    assert_no_secret(&demo);
    let tables: Value = serde_json::from_str(&fs::read_to_string(demo.out("table.json")).unwrap()).unwrap();
    let modes: Vec<_> = tables.as_array().unwrap().iter().map(|table| table["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["monitor", "whisper"]);
    for table in tables.as_array().unwrap() {
        assert_table(table);
        assert_recordings(table, &demo.out(""));
    }
    assert!(demo.said().contains(fs::read_to_string(demo.out("table.txt")).unwrap().trim()));
    demo.assert_clean();
}

fn assert_dialogue(said: &str) {
    let mut rest = said;
    for line in [
        "monitor",
        "「こちらは、モニター用の番号です。",
        "This is the monitoring service.",
        "keys ID",
        "「ダイヤル操作パスワードに続けて#を入力してください。」",
        "keys password",
        "「内線番号に続けて#を入力してください。」",
        "keys 1000#",
        "nobody hears the supervisor",
        "hangs up",
        "「こちらは、ささやき用の番号です。",
        "ピコン",
        "hangs up",
        "monitor: as it must be",
        "whisper: as it must be",
    ] {
        let at = rest.find(line).unwrap_or_else(|| panic!("`{line}` is not where it should be:\n{said}"));
        rest = &rest[at + line.len()..];
    }
    assert!(!said.contains('\u{1b}'), "colours without a terminal");
    assert_eq!(said.matches(MASKED).count(), 4, "{said}");
}

/// IDs and passwords have four and six digits; no other number that is told has as many.
fn assert_no_secret(demo: &Demo) {
    let shown = [demo.said(), demo.log()].join("\n");
    let key_press = Regex::new(r"keys (?:ID|password) ([^\n]*)").unwrap();
    assert!(key_press.captures_iter(&shown).all(|keys| &keys[1] == MASKED), "{shown}");
    let shown = shown.replace(demo.folder.path().to_str().unwrap(), "");
    assert!(!Regex::new("[0-9]{6}").unwrap().is_match(&shown), "{shown}");
}

fn assert_table(table: &Value) {
    for (listener, level) in levels(table) {
        let (sound, whisper) = (level["sound"].as_str().unwrap(), table["mode"] == "whisper");
        let expected = match (listener, sound) {
            ("supervisor", "agent" | "customer") | ("agent", "customer") | ("customer", "agent") => true,
            ("agent", "supervisor") | ("supervisor" | "agent", "start tone") => whisper,
            _ => false,
        };
        assert_eq!(
            (&level["heard"], &level["right"]),
            (&Value::from(expected), &Value::from(true)),
            "{listener} {level}"
        );
    }
    assert_eq!(levels(table).len(), 12);
}

/// The recordings say the same to another ear.
fn assert_recordings(table: &Value, out: &Path) {
    let mode = table["mode"].as_str().unwrap();
    for (listener, level) in levels(table) {
        let (sound, hz) = (level["sound"].as_str().unwrap(), level["hz"].as_f64().unwrap());
        if sound == "start tone" || sound == listener {
            continue;
        }
        let recording = Recording::read(&out.join(format!("{mode}-{listener}.wav")));
        assert!((5.0..60.0).contains(&recording.seconds()), "{mode} {listener}: {} s", recording.seconds());
        let loudest = recording.loudest_db(hz);
        match level["heard"].as_bool().unwrap() {
            true => assert!(recording.hears(hz), "{mode}: {listener} has {sound} at {loudest:.1} dB"),
            false => assert!(recording.lacks(hz), "{mode}: {listener} has {sound} at {loudest:.1} dB"),
        }
    }
}

fn levels(table: &Value) -> Vec<(&str, &Value)> {
    let rows = table["rows"].as_array().unwrap().iter();
    rows.flat_map(|row| row["heard"].as_array().unwrap().iter().map(|level| (row["listener"].as_str().unwrap(), level)))
        .collect()
}

#[test]
fn a_visitor_listens_with_a_phone_of_their_own_by_what_is_printed() {
    let mut demo = Demo::start(&[]);
    let invited = within(LIMIT, || demo.said().contains("Ctrl-C").then_some(()));
    assert!(invited.is_some(), "{}\n{}", demo.said(), demo.log());
    let said = demo.said();
    let printed = |pattern: &str| Regex::new(pattern).unwrap().captures(&said).unwrap()[1].to_owned();
    let config = PhoneConfig {
        transport: Transport::Tcp,
        codecs: vec![Codec::Pcma],
        dtmf: DtmfWay::InBand,
        ..PhoneConfig::new(
            printed(r"extension  +(\d+)\n"),
            Secret::new(printed(r"\n +password  +(\d+)\n")),
            printed(r"server  +([\d.:]+)").parse().unwrap(),
            Entropy::from_seed([4; 32]),
        )
    };
    let (short_dial, extension) = (printed(r"dial (\S+\*\S+), then"), printed(r"\*\d+, then (\d+#)"));
    let tables: Value = serde_json::from_str(&fs::read_to_string(demo.out("table.json")).unwrap()).unwrap();
    let hz =
        |sound: &str| levels(&tables[0]).iter().find(|(_, level)| level["sound"] == sound).unwrap().1["hz"].clone();
    let heard = visit(config, &short_dial, &extension);
    for sound in ["agent", "customer"] {
        let level = sasayaki::media::tone::level_of(hz(sound).as_f64().unwrap(), 8000, &heard);
        assert!(level > -30.0, "the visitor has {sound} at {level:.1} dBFS");
    }
    demo.peer.terminate();
    demo.expect_success(STOP_LIMIT);
    demo.assert_clean();
}

/// Two seconds of what the visitor hears.
fn visit(config: PhoneConfig, short_dial: &str, extension: &str) -> Vec<i16> {
    let visit = async {
        let phone = Phone::start(config).unwrap();
        phone.register().await.unwrap();
        let call = phone.call(short_dial).await.unwrap();
        call.listen(Duration::from_secs(1)).await;
        call.send_digits(extension.chars().map(|key| Digit::try_from(key).unwrap())).await.unwrap();
        call.listen(Duration::from_secs(1)).await;
        let heard = call.listen(Duration::from_secs(2)).await;
        call.hang_up().await.unwrap();
        heard
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(STOP_LIMIT * 2, visit).await }).expect("the visit takes too long")
}
