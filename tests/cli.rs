//! The command line, driven as people and scripts drive it: the built program in a folder of its own.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap is its failure")]

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::JoinHandle,
};
use tempfile::TempDir;

/// A folder in which commands run one after the other.
struct Desk(TempDir);

/// What one command left behind.
struct Done {
    status: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With extension 200, account hanako who is a supervisor at 200, and nothing else.
    fn furnished() -> Self {
        let desk = Self::new();
        desk.fed("line-secret\n", "extension add 200 --name 受付 --password-stdin").ok();
        desk.fed("web-secret\n", "account add hanako --role supervisor --extension 200 --password-stdin").ok();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sasayaki"));
        command.args(split(words)).current_dir(self.0.path()).env_remove("SASAYAKI_CONFIG");
        command
    }

    fn run(&self, words: &str) -> Done {
        self.fed("", words)
    }

    /// Runs with `input` on standard input.
    fn fed(&self, input: &str, words: &str) -> Done {
        Done::of(start(self.command(words), input).wait_with_output().unwrap())
    }

    fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.run(words).ok()).unwrap()
    }
}

impl Done {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The output of a command that must have succeeded.
    fn ok(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The one line of a command that must have failed.
    fn failed(self) -> String {
        assert_eq!((self.status, self.err.lines().count()), (1, 1), "{}{}", self.out, self.err);
        self.err
    }

    fn wrong_usage(self) {
        assert_eq!(self.status, 2, "{}{}", self.out, self.err);
    }
}

fn start(mut command: Command, input: &str) -> Child {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that wants no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child
}

/// Words as a shell splits them, with single quotes.
fn split(words: &str) -> Vec<String> {
    let mut quoted = false;
    let mut split = vec![String::new()];
    for c in words.chars() {
        match (c, quoted) {
            ('\'', _) => quoted = !quoted,
            (' ', false) => split.push(String::new()),
            (c, _) => split.last_mut().unwrap().push(c),
        }
    }
    split
}

/// Stands in for a running engine: answers one request with `answer` and gives the request back.
fn engine(socket: &Path, answer: &'static str) -> JoinHandle<String> {
    fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::Builder::new()
        .spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).unwrap();
            writeln!(&stream, "{answer}").unwrap();
            request.trim_end().to_owned()
        })
        .unwrap()
}

#[test]
fn an_extension_lives_from_add_to_remove() {
    let desk = Desk::new();
    assert_eq!(desk.fed("s\n", "extension add 200 --name 受付 --password-stdin").ok(), "added extension 200\n");
    desk.run("extension set 200 --protected").ok();
    let row = &desk.json("extension list --json")[0];
    assert_eq!((&row["number"], &row["name"], &row["protected"]), (&"200".into(), &"受付".into(), &true.into()));
    let table = desk.run("extension list").ok();
    assert!(table.starts_with("EXTENSION  NAME  PROTECTED  SRTP\n200        受付  yes        allowed"), "{table}");
    desk.fed("other\n", "extension set 200 --not-protected --name Desk --password-stdin").ok();
    assert_eq!(desk.json("extension list --json")[0]["protected"], false);
    desk.run("extension set 200 --digest SHA-256,MD5").ok();
    desk.run("extension set 200 --digest default").ok();
    desk.run("extension set 200 --digest ROT13").wrong_usage();
    assert!(desk.run("extension remove 200").ok().starts_with("removed extension 200"));
    assert_eq!(desk.json("extension list --json"), Value::Array(vec![]));
    assert!(desk.run("extension remove 200").failed().contains("`sasayaki extension list`"));
}

#[test]
fn an_account_lives_from_add_to_remove() {
    let desk = Desk::furnished();
    let row = desk.json("account list --json")[0].clone();
    assert_eq!(
        (&row["login"], &row["role"], &row["extension"]),
        (&"hanako".into(), &"supervisor".into(), &"200".into())
    );
    desk.run("account set hanako --role administrator --no-extension --name 山田花子").ok();
    let row = desk.json("account list --json")[0].clone();
    assert_eq!((&row["role"], &row["extension"]), (&"administrator".into(), &Value::Null));
    assert!(desk.run("account list").ok().contains("山田花子"));
    assert!(desk.run("account remove hanako").ok().starts_with("removed account hanako"));
    assert!(desk.run("account remove hanako").failed().contains("`sasayaki account list`"));
}

#[test]
fn a_dial_id_is_set_unlocked_and_cleared() {
    let desk = Desk::furnished();
    desk.fed("471100\n", "dial-id set hanako 1001 --password-stdin").ok();
    assert_eq!(desk.json("account list --json")[0]["dial_id"], "1001");
    desk.run("dial-id unlock hanako").ok();
    desk.run("dial-id clear hanako").ok();
    assert_eq!(desk.json("account list --json")[0]["dial_id"], Value::Null);
    assert!(desk.fed("471100\n", "dial-id set taro 1001 --password-stdin").failed().contains("account list"));
}

#[test]
fn dial_passwords_are_four_to_thirty_two_digits_and_ids_are_digits() {
    let desk = Desk::furnished();
    for weak in ["123", "12345x", "１２３４", "123456789012345678901234567890123"] {
        let why = desk.fed(&format!("{weak}\n"), "dial-id set hanako 1001 --password-stdin").failed();
        assert!(why.contains("4 to 32 digits") && !why.contains(weak), "{why}");
    }
    desk.fed("1234\n", "dial-id set hanako 12x --password-stdin").wrong_usage();
    desk.fed("1234\n", "dial-id set hanako 123456789012345678901234567890123 --password-stdin").wrong_usage();
    assert_eq!(desk.json("account list --json")[0]["dial_id"], Value::Null);
}

#[test]
fn x6_a_one_time_code_is_printed_as_a_short_dial_and_stands_nowhere_else() {
    let desk = Desk::furnished();
    assert!(desk.run("dial-id one-time hanako").failed().contains("dial-operation ID"));
    desk.fed("471100\n", "dial-id set hanako 1001 --password-stdin").ok();
    let printed = [(); 2].map(|()| desk.run("dial-id one-time hanako").ok());
    assert_ne!(printed[0], printed[1]);
    for line in printed {
        let code = line.strip_prefix("0070*1001*").unwrap().trim_end();
        assert!(code.len() == 12 && code.bytes().all(|digit| digit.is_ascii_digit()), "{line}");
        assert!(!desk.run("audit list --json").ok().contains(code));
    }
}

#[test]
fn x2_a_dial_password_that_is_easily_guessed_is_refused_by_name_of_the_rule_unless_allowed() {
    let desk = Desk::furnished();
    for (weak, rule) in [
        ("80264", "at least 6 digits"),
        ("234567", "count up or down"),
        ("373737", "repeat a group"),
        ("551155", "3 different digits"),
        ("100142", "dial-operation ID"),
    ] {
        let why = desk.fed(&format!("{weak}\n"), "dial-id set hanako 1001 --password-stdin").failed();
        assert!(
            why.contains(rule) && why.contains("setting set weak-passwords allowed") && !why.contains(weak),
            "{why}"
        );
    }
    assert_eq!(desk.json("account list --json")[0]["dial_id"], Value::Null);
    desk.run("setting set weak-passwords allowed").ok();
    desk.fed("234567\n", "dial-id set hanako 1001 --password-stdin").ok();
}

#[test]
fn a_right_is_granted_denied_and_revoked() {
    let desk = Desk::furnished();
    let granted = desk.run("permission grant hanako terminal:200 edit --mode monitor --hours 'Mon-Fri 09:00-18:00'");
    assert!(granted.err.contains("whoever uses extension 200"), "{}", granted.err);
    granted.ok();
    let row = desk.json("permission list hanako --json")[0].clone();
    assert_eq!(
        (&row["login"], &row["resource"], &row["level"]),
        (&"hanako".into(), &"terminal:200".into(), &"edit".into())
    );
    assert_eq!((&row["modes"], &row["hours"]), (&serde_json::json!(["monitor"]), &"Mon-Fri 09:00-18:00".into()));
    desk.run("permission grant hanako terminal:200 manage").ok();
    assert_eq!(desk.json("permission list --json")[0]["modes"], serde_json::json!(["monitor", "whisper"]));
    desk.run("permission deny hanako terminal:200").ok();
    let effects: Vec<Value> =
        desk.json("permission list --json").as_array().unwrap().iter().map(|row| row["effect"].clone()).collect();
    assert_eq!(effects, ["allow", "deny"]);
    desk.run("permission revoke hanako terminal:200").ok();
    assert_eq!(desk.json("permission list --json"), Value::Array(vec![]));
    assert!(desk.run("permission revoke hanako terminal:200").failed().contains("permission list"));
}

#[test]
fn a_right_needs_somebody_and_something_that_is_there() {
    let desk = Desk::furnished();
    assert!(desk.run("permission grant hanako terminal:999 edit").failed().contains("`sasayaki extension list`"));
    assert!(desk.run("permission grant taro terminal:200 edit").failed().contains("`sasayaki account list`"));
    assert!(desk.run("permission list taro").failed().contains("`sasayaki account list`"));
    assert!(desk.run("permission grant hanako call-center:x edit").failed().contains("`sasayaki call-center list`"));
    assert!(desk.run("permission grant hanako campaign:x edit").failed().contains("not in this version"));
    desk.run("permission grant hanako terminal:200 own").wrong_usage();
    desk.run("permission grant hanako terminal:200 edit --mode shout").wrong_usage();
    desk.run("permission grant hanako terminal:200 edit --hours always").wrong_usage();
    let nowhere = "permission grant hanako terminal:200 edit --hours '09:00-18:00 Asia/Nowhere'";
    assert!(desk.run(nowhere).failed().contains("no time zone Asia/Nowhere"));
    assert_eq!(desk.json("permission list --json"), Value::Array(vec![]));
}

#[test]
fn x5_call_centers_have_agents_and_rights_and_are_removed_with_them() {
    let desk = Desk::furnished();
    desk.run("call-center add 受付").ok();
    assert!(desk.run("call-center add 受付").failed().contains("already"));
    desk.run("call-center assign 受付 hanako").ok();
    desk.run("call-center assign 受付 hanako").ok();
    assert_eq!(desk.json("call-center list --json"), serde_json::json!([{ "name": "受付", "agents": ["hanako"] }]));
    assert!(desk.run("permission grant hanako call-center:受付 edit").ok().contains("call-center:受付"));
    assert_eq!(desk.json("permission list --json")[0]["resource"], "call-center:受付");
    desk.run("call-center unassign 受付 hanako").ok();
    assert!(desk.run("call-center unassign 受付 hanako").failed().contains("`sasayaki call-center list`"));
    desk.run("call-center remove 受付").ok();
    assert_eq!(desk.json("permission list --json"), Value::Array(vec![]));
    assert!(desk.run("call-center assign 受付 hanako").failed().contains("`sasayaki call-center list`"));
    desk.run("call-center add 'two words'").wrong_usage();
}

#[test]
fn x4_without_an_engine_explain_tells_what_the_store_knows() {
    let desk = Desk::furnished();
    desk.fed("line-secret\n", "extension add 300 --password-stdin").ok();
    let verdict = || desk.json("explain hanako 300 monitor --json")["verdict"].clone();
    assert!(desk.run("explain hanako 300 monitor").ok().contains("refused: no such dial-operation ID"));
    desk.fed("471100\n", "dial-id set hanako 1001 --password-stdin").ok();
    assert!(desk.run("explain hanako 300 monitor").ok().contains("refused: no right on this phone terminal"));
    desk.run("permission grant hanako terminal:300 edit").ok();
    assert_eq!(verdict(), "unknown", "whether it is in a call only an engine knows");
    desk.run("extension set 300 --protected").ok();
    assert_eq!(verdict(), "refused");
    assert!(desk.run("explain taro 300 monitor").failed().contains("`sasayaki account list`"));
    desk.run("explain hanako 300 shout").wrong_usage();
}

#[test]
fn settings_are_listed_read_and_changed() {
    let desk = Desk::new();
    assert_eq!(desk.run("setting get whisper-tone").ok(), "on\n");
    desk.run("setting set whisper-tone off").ok();
    assert_eq!(desk.run("setting get whisper-tone").ok(), "off\n");
    let listed = desk.json("setting list --json");
    let of = |key: &str| listed.as_array().unwrap().iter().find(|row| row["key"] == key).unwrap()["value"].clone();
    assert_eq!((of("monitor-tone"), of("whisper-tone")), ("off".into(), "off".into()));
    assert!(desk.run("setting set whisper-tone loud").failed().contains("on or off"));
    desk.run("setting get colour").wrong_usage();
}

#[test]
fn the_trail_tells_of_every_change_and_of_no_secret() {
    let desk = Desk::furnished();
    desk.fed("918273\n", "dial-id set hanako 1001 --password-stdin").ok();
    desk.run("permission grant hanako terminal:200 edit").ok();
    let trail = desk.json("audit list --json");
    let trail = trail.as_array().unwrap();
    assert_eq!(trail.len(), 4);
    assert_eq!(
        (&trail[0]["seq"], &trail[0]["kind"], &trail[0]["source"]),
        (&1.into(), &"change".into(), &"cli".into())
    );
    let everything = format!("{trail:?}{}", desk.run("audit list").ok());
    assert!(!["918273", "line-secret", "web-secret"].iter().any(|secret| everything.contains(secret)));
    assert_eq!(desk.json("audit list --since 1h --json").as_array().unwrap().len(), 4);
    assert_eq!(desk.json("audit list --since 2099-01-01 --json"), Value::Array(vec![]));
    desk.run("audit list --since yesterday").wrong_usage();
}

#[test]
fn the_records_of_no_calls_are_an_empty_table_and_an_empty_list_and_a_header_row() {
    let desk = Desk::furnished();
    assert_eq!(desk.json("cdr list --json"), Value::Array(vec![]));
    let header = desk.run("cdr list --csv --since 7d --until 2099-01-01 --extension 200").ok();
    assert_eq!(header.lines().count(), 1);
    assert!(header.starts_with("id,caller,caller_trunk,callee,callee_trunk,begun,"));
    assert!(desk.run("cdr list").ok().starts_with("BEGUN"));
    desk.run("cdr list --json --csv").wrong_usage();
    desk.run("cdr list --extension 0070*1*2").wrong_usage();
}

#[test]
fn secrets_come_on_standard_input_only_and_are_never_echoed() {
    let desk = Desk::new();
    let refused = desk.fed("hunter2hunter2\n", "extension add 200").failed();
    assert!(refused.contains("--password-stdin"), "{refused}");
    desk.run("extension add 200 --password hunter2hunter2").wrong_usage();
    assert!(desk.fed("\n", "extension add 200 --password-stdin").failed().contains("1 to 256 bytes"));
    let added = desk.fed("hunter2hunter2\r\nsecond line\n", "extension add 200 --password-stdin");
    assert!(!added.out.contains("hunter2") && !added.err.contains("hunter2"));
    added.ok();
    for file in fs::read_dir(desk.path("data")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
}

#[test]
fn wrong_words_exit_with_two_and_help_with_zero() {
    let desk = Desk::new();
    for words in
        ["", "dance", "extension", "extension add", "extension add 12a --password-stdin", "extension set 200", "dtmf"]
    {
        desk.run(words).wrong_usage();
    }
    assert!(desk.run("--help").ok().contains("permission"));
    assert!(desk.run("permission grant --help").ok().contains("--hours"));
    assert!(desk.run("--version").ok().starts_with("sasayaki "));
    assert!(!desk.path("data").exists(), "and nothing was made");
}

/// A WAV file: its data chunk claims `claimed` bytes, whatever follows.
fn wav(format: u16, rate: u32, channels: u16, bits: u16, claimed: u32, data: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + claimed).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    [format, channels].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    [rate, rate * u32::from(block)].iter().for_each(|long| bytes.extend(long.to_le_bytes()));
    [block, bits].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    bytes.extend(b"data");
    bytes.extend(claimed.to_le_bytes());
    bytes.extend(data);
    bytes
}

/// 50 ms of silence, 100 ms of the key 5 at half of full scale, 50 ms of silence.
fn key_5(rate: u32) -> Vec<u8> {
    let turns = |hz: f64, n: u32| (std::f64::consts::TAU * hz * f64::from(n) / f64::from(rate)).sin();
    let sample = |n: u32| match n * 1000 / rate {
        50..150 => (8000.0 * (turns(770.0, n) + turns(1336.0, n))) as i16,
        _ => 0,
    };
    (0..rate / 5).flat_map(|n| sample(n).to_le_bytes()).collect()
}

#[test]
fn recordings_of_8_and_16_khz_are_listened_to() {
    let desk = Desk::new();
    for rate in [8000, 16_000] {
        let data = key_5(rate);
        fs::write(desk.path("key.wav"), wav(1, rate, 1, 16, data.len() as u32, &data)).unwrap();
        let heard = desk.run("dtmf key.wav").ok();
        assert!(heard.starts_with('@') && heard.ends_with(" 5\n") && heard.lines().count() == 1, "{heard}");
    }
}

#[test]
fn a_recording_that_cannot_be_listened_to_says_what_to_do() {
    let desk = Desk::new();
    let second = [0; 16_000];
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("a file without a byte", vec![], "is not a WAV file; make it 8 or 16 kHz"),
        ("text", b"not audio at all, but long enough for a header of 44 bytes".to_vec(), "is not a WAV file; make it"),
        ("a header that ends within itself", wav(1, 8000, 1, 16, 16_000, &[])[..30].to_vec(), "is not a WAV file"),
        ("no sample", wav(1, 8000, 1, 16, 0, &[]), "holds 0 sample(s): no key is shorter than 23 ms; record it again"),
        ("one sample", wav(1, 8000, 1, 16, 2, &[1, 0]), "holds 1 sample(s): no key is shorter than 23 ms"),
        (
            "48 kHz stereo",
            wav(1, 48_000, 2, 16, 16_000, &second),
            "is 48000 Hz, 2 channel(s), 16 bits (integers); make",
        ),
        ("stereo", wav(1, 8000, 2, 16, 16_000, &second), "is 8000 Hz, 2 channel(s), 16 bits (integers); make it"),
        ("float", wav(3, 8000, 1, 32, 16_000, &second), "is 8000 Hz, 1 channel(s), 32 bits (floating point); make it"),
        ("8 bits", wav(1, 8000, 1, 8, 16_000, &second), "is 8000 Hz, 1 channel(s), 8 bits (integers); make it"),
        (
            "cut short",
            wav(1, 8000, 1, 16, 16_000, &second[..999]),
            "is cut short: 499 of 8000 samples are there; record",
        ),
        ("nothing behind the header", wav(1, 8000, 1, 16, 16_000, &[]), "is cut short: 0 of 8000 samples are there"),
    ];
    for (name, bytes, error) in table {
        fs::write(desk.path("bad.wav"), bytes).unwrap();
        let said = desk.run("dtmf bad.wav").failed();
        assert!(said.contains("bad.wav: ") && said.contains(error), "{name}: {said}");
    }
    assert!(desk.run("dtmf none.wav").failed().contains("none.wav: cannot be read"));
}

#[test]
fn what_is_taken_is_not_overwritten() {
    let desk = Desk::furnished();
    desk.fed("other\n", "extension add 200 --name Thief --password-stdin").failed();
    desk.fed("other\n", "account add hanako --role user --password-stdin").failed();
    desk.fed("other\n", "account add taro --role user --extension 999 --password-stdin").failed();
    desk.fed("other\n", "extension add 201 --name 'a\u{1b}[31m' --password-stdin").wrong_usage();
    assert_eq!(desk.json("extension list --json")[0]["name"], "受付");
    assert_eq!(desk.json("account list --json").as_array().unwrap().len(), 1);
}

#[test]
fn an_unknown_key_names_file_line_and_what_was_meant() {
    let desk = Desk::new();
    desk.write("sasayaki.toml", "data_dir = \"d\"\n\n[sip]\nlistn = [\"udp:127.0.0.1:5070\"]\n[log]\nlevel = 3\n");
    for words in ["check", "extension list", "serve"] {
        let done = desk.run(words);
        let told = format!("{}{}", done.out, done.err);
        assert_eq!(done.status, 1);
        assert!(told.contains("sasayaki.toml:4: sip.listn: unknown key, did you mean listen?"), "{told}");
        assert!(told.contains("sasayaki.toml:6: log.level: "), "{told}");
    }
    assert!(!desk.path("d").exists(), "and nothing was made");
}

#[test]
fn the_configuration_is_the_named_file_else_the_usual_one_else_that_of_the_environment() {
    let desk = Desk::new();
    desk.write("etc/named.toml", "data_dir = \"named\"\n");
    desk.write("env.toml", "data_dir = \"from-environment\"\n");
    desk.run("--config missing.toml extension list").failed();
    desk.run("extension list --config etc/named.toml").ok();
    assert!(desk.path("etc/named/sasayaki.db").exists(), "a relative path starts at the file's folder");
    let mut command = desk.command("extension list");
    command.env("SASAYAKI_CONFIG", "env.toml");
    Done::of(command.output().unwrap()).ok();
    assert!(desk.path("from-environment/sasayaki.db").exists());
    desk.write("sasayaki.toml", "data_dir = \"usual\"\n");
    let mut command = desk.command("extension list");
    command.env("SASAYAKI_CONFIG", "env.toml");
    Done::of(command.output().unwrap()).ok();
    assert!(desk.path("usual/sasayaki.db").exists());
}

#[test]
fn a_data_folder_may_have_any_name() {
    let desk = Desk::new();
    desk.write("sasayaki.toml", "data_dir = \"データ 100%? #1\"\n");
    desk.fed("s\n", "extension add 200 --password-stdin").ok();
    assert!(desk.path("データ 100%? #1/sasayaki.db").exists());
    assert_eq!(desk.json("extension list --json").as_array().unwrap().len(), 1);
}

#[test]
fn check_is_content_with_a_fresh_folder_and_makes_nothing() {
    let desk = Desk::new();
    let told = desk.run("check").ok();
    assert!(told.contains("ok: prompts") && told.contains("ok: dial plan"), "{told}");
    assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), 0);
    desk.fed("s\n", "extension add 200 --password-stdin").ok();
    desk.run("check").ok();
}

#[test]
fn check_tells_everything_that_is_wrong() {
    let desk = Desk::furnished();
    let mut key = fs::metadata(desk.path("data/pepper.key")).unwrap().permissions();
    key.set_mode(0o644);
    fs::set_permissions(desk.path("data/pepper.key"), key).unwrap();
    desk.write("dialplan/codes.toml", "colour = \"blue\"\n");
    desk.write("prompts/ja/error.wav", "no sound");
    desk.write("music.wav", "no sound");
    desk.write("sasayaki.toml", "[rtp]\nports = [5000, 6000]\n[prompts]\nmusic = \"music.wav\"\n");
    let told = desk.run("check");
    assert_eq!(told.status, 1, "{}", told.out);
    for part in [
        "dialplan/codes.toml:",
        "prompts/ja/error.wav: not a WAV",
        "prompts/ja/dial-id.wav: ",
        "music.wav: not a WAV",
        "sip.listen: udp:",
        "pepper.key",
    ] {
        assert!(told.out.contains(part), "{part} in {}", told.out);
    }
    assert!(!told.out.contains("ok:"));
}

#[test]
fn check_tells_of_a_certificate_that_has_expired_and_of_authorities_that_are_none() {
    let desk = Desk::furnished();
    let mut params = rcgen::CertificateParams::new(["sip.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    desk.write("cert.pem", &params.self_signed(&key).unwrap().pem());
    desk.write("key.pem", &key.serialize_pem());
    fs::set_permissions(desk.path("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    desk.write("ca.pem", "no certificate");
    desk.write("sasayaki.toml", "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\nca = \"ca.pem\"\n");
    let told = desk.run("check");
    assert_eq!(told.status, 1, "{}", told.out);
    for part in ["cert.pem: the certificate has expired", "ca.pem: no certificate in it"] {
        assert!(told.out.contains(part), "{part} in {}", told.out);
    }
}

#[test]
fn check_tells_of_a_changed_realm_and_of_a_lost_key() {
    let desk = Desk::furnished();
    desk.write("sasayaki.toml", "[sip]\ndomain = \"pbx.example.com\"\n");
    let told = desk.run("check");
    assert!(told.status == 1 && told.out.contains("realm localhost") && told.out.contains("(200)"), "{}", told.out);
    fs::remove_file(desk.path("sasayaki.toml")).unwrap();
    fs::remove_file(desk.path("data/pepper.key")).unwrap();
    let told = desk.run("check");
    assert!(told.status == 1 && told.out.contains("restore it from the backup"), "{}", told.out);
    assert!(!desk.path("data/pepper.key").exists());
}

#[test]
fn what_is_going_on_is_asked_of_the_engine() {
    let desk = Desk::new();
    assert!(desk.run("calls").failed().contains("`sasayaki serve`"));
    let answer = r#"{"ok":true,"calls":[{"id":"01A","caller":"200","callee":"201","status":"inbound","since_ms":61000,"sessions":1}]}"#;
    let asked = engine(&desk.path("data/control.sock"), answer);
    let table = desk.run("calls").ok();
    assert!(table.contains("外線通話") && table.contains("0:01:01"), "{table}");
    assert_eq!(asked.join().unwrap(), r#"{"do":"calls"}"#);

    fs::remove_file(desk.path("data/control.sock")).unwrap();
    let answer = r#"{"ok":true,"sessions":[{"id":"01B","account":"hanako","supervisor":"300","target":"200","mode":"whisper","since_ms":5}]}"#;
    engine(&desk.path("data/control.sock"), answer);
    assert_eq!(desk.json("sessions --json")[0]["mode"], "whisper");
}

#[test]
fn a_session_is_ended_by_its_id() {
    let desk = Desk::new();
    desk.run("sessions end nonsense").wrong_usage();
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let asked = engine(&desk.path("data/control.sock"), r#"{"ok":true}"#);
    desk.run(&format!("sessions end {id}")).ok();
    assert_eq!(asked.join().unwrap(), format!(r#"{{"do":"end-session","id":"{id}"}}"#));
    fs::remove_file(desk.path("data/control.sock")).unwrap();
    engine(&desk.path("data/control.sock"), r#"{"ok":false,"error":"no such session"}"#);
    assert!(desk.run(&format!("sessions end {id}")).failed().contains("no such session"));
}

#[test]
fn a_change_is_told_to_a_running_engine_and_stands_when_the_engine_is_deaf() {
    let desk = Desk::new();
    let asked = engine(&desk.path("data/control.sock"), r#"{"ok":true}"#);
    desk.run("setting set monitor-tone on").ok();
    assert_eq!(asked.join().unwrap(), r#"{"do":"refresh"}"#);
    assert_eq!(desk.run("setting set monitor-tone on").err, "", "a socket that nobody listens at is no engine");

    fs::remove_file(desk.path("data/control.sock")).unwrap();
    engine(&desk.path("data/control.sock"), "gibberish");
    let saved = desk.run("setting set monitor-tone off");
    assert!(saved.status == 0 && saved.err.contains("could not be told"), "{}", saved.err);
    assert_eq!(desk.run("setting get monitor-tone").ok(), "off\n");
}

#[test]
fn a_watch_goes_on_until_it_is_interrupted() {
    let desk = Desk::new();
    engine(&desk.path("data/control.sock"), r#"{"ok":true,"calls":[]}"#);
    let mut child = desk.command("calls --watch --json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "[]\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_real_engine_answers_what_is_going_on_until_it_is_told_to_stop() {
    let desk = Desk::furnished();
    desk.write(
        "sasayaki.toml",
        "[sip]\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n[console]\nlisten = \"127.0.0.1:0\"\n",
    );
    let mut engine = desk.command("serve --drain 1").stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(engine.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended before the engine listened");
    }
    assert_eq!(desk.json("calls --json"), Value::Array(vec![]));
    assert_eq!(desk.json("sessions --json"), Value::Array(vec![]));
    desk.run("sessions end 01ARZ3NDEKTSV4RRFFQ69G5FAV").failed();
    assert_eq!(desk.run("setting set monitor-tone on").err, "");
    for private in ["data/control.sock", "data/pepper.key", "data/sasayaki.db", "data/sasayaki.db-wal"] {
        let mode = fs::metadata(desk.path(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
    Command::new("kill").arg(engine.id().to_string()).status().unwrap();
    assert!(engine.wait().unwrap().success());
    assert!(desk.run("calls").failed().contains("`sasayaki serve`"));
}

#[test]
fn trunks_are_added_changed_and_shown_with_what_the_engine_knows_of_them() {
    let desk = Desk::new();
    desk.fed(
        "carrier-secret\n",
        "trunk add main udp:192.0.2.1:5060 --user 0312345678 --register --caller-id 0312345678 --password-stdin",
    )
    .ok();
    desk.run("trunk add mobile tcp:sip.example.jp:5060 --mobile --source 192.0.2.9:5060").ok();
    desk.run("trunk set main --no-register --identity asserted --domain carrier.example").ok();
    let listed = desk.json("trunk list --json");
    assert_eq!(listed[0]["name"], "main");
    assert_eq!((&listed[0]["register"], &listed[0]["reachable"]), (&Value::Bool(false), &Value::Null));
    assert_eq!((&listed[1]["mobile"], &listed[1]["sources"][0]), (&Value::Bool(true), &"192.0.2.9:5060".into()));

    let answer = r#"{"ok":true,"trunks":[{"name":"main","registered":true,"reachable":false,"last_error":"it does not answer"}]}"#;
    let asked = engine(&desk.path("data/control.sock"), answer);
    let table = desk.run("trunk list").ok();
    assert!(table.contains("it does not answer") && !table.contains("carrier-secret"), "{table}");
    assert_eq!(asked.join().unwrap(), r#"{"do":"trunks"}"#);
    fs::remove_file(desk.path("data/control.sock")).unwrap();

    desk.write("dialplan/codes.toml", include_str!("../dialplan/feature-codes.toml"));
    desk.write("dialplan/extensions.toml", include_str!("../dialplan/extensions.toml"));
    desk.write("dialplan/trunks.toml", "[[outbound]]\nprefix = \"0\"\ntrunks = [\"main\", \"spare\"]\n");
    desk.write("sasayaki.toml", "[dialplan]\ndir = \"dialplan\"\n");
    let told = desk.run("check").ok();
    assert!(told.contains("no such trunk") && told.contains("spare") && !told.contains("trunk main"), "{told}");

    assert!(desk.run("trunk remove other").failed().contains("`sasayaki trunk list`"));
    desk.run("trunk remove main").ok();
    assert_eq!(desk.json("trunk list --json").as_array().unwrap().len(), 1);
    for wrong in [
        "trunk add Main udp:192.0.2.1:5060",
        "trunk add a sip.example.jp",
        "trunk set main",
        "trunk add a udp:h:1 --register",
    ] {
        desk.run(wrong).wrong_usage();
    }
}
