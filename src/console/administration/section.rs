//! The sections: what stands in the table of each, and what can be done there.

use super::form::{Field, Form, Page, Row, Table};
use crate::{
    admin::{CallLine, Permission, TrailLine, moment},
    audit::{Trail, TrailError},
    console::{app::App, health, language::Language, problem::Problem, words::Words},
    engine::control::Request,
    model::{Level, Role, SrtpPolicy},
    store::{AccountRow, AuditRow, CallFilter, CallRow, SettingRow, Store, unix_ms},
};

/// So far back the trail and the records of calls are shown, and so many rows of them; the command line has the rest.
const SHOWN_MS: u64 = 7 * 24 * 3600 * 1000;
const SHOWN_ROWS: usize = 200;
const PAGE_ROWS: u32 = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Accounts,
    Extensions,
    DialIds,
    Rights,
    CallCenters,
    Settings,
    Lockouts,
    Trail,
    Calls,
    Health,
}

/// A text in the language of the page.
struct Say(Language);

impl Say {
    fn of(&self, japanese: &'static str, english: &'static str) -> &'static str {
        match self.0 {
            Language::Japanese => japanese,
            Language::English => english,
        }
    }

    fn on_off(&self, on: bool) -> String {
        self.of(if on { "はい" } else { "いいえ" }, if on { "yes" } else { "no" }).to_owned()
    }
}

impl Section {
    pub const ALL: [Section; 10] = [
        Section::Accounts,
        Section::Extensions,
        Section::DialIds,
        Section::Rights,
        Section::CallCenters,
        Section::Settings,
        Section::Lockouts,
        Section::Trail,
        Section::Calls,
        Section::Health,
    ];

    pub fn path(self) -> &'static str {
        match self {
            Section::Accounts => "accounts",
            Section::Extensions => "extensions",
            Section::DialIds => "dial-ids",
            Section::Rights => "rights",
            Section::CallCenters => "call-centers",
            Section::Settings => "settings",
            Section::Lockouts => "lockouts",
            Section::Trail => "audit",
            Section::Calls => "calls",
            Section::Health => "health",
        }
    }

    pub fn title(self, language: Language) -> &'static str {
        let say = Say(language);
        match self {
            Section::Accounts => say.of("アカウント", "Accounts"),
            Section::Extensions => say.of("電話端末(内線)", "Extensions"),
            Section::DialIds => say.of("ダイヤル操作ID", "Dial-operation IDs"),
            Section::Rights => say.of("リソース権限", "Rights"),
            Section::CallCenters => say.of("コールセンター", "Call centres"),
            Section::Settings => say.of("システム設定", "Settings"),
            Section::Lockouts => say.of("ロックアウト", "Lockouts"),
            Section::Trail => say.of("監査証跡", "Audit trail"),
            Section::Calls => say.of("通話履歴", "Calls"),
            Section::Health => say.of("稼働状況", "Health"),
        }
    }
}

pub async fn page(app: &App, section: Section, language: Language) -> Result<Page, Problem> {
    let (store, say) = (app.store(), Say(language));
    let (about, forms, table) = match section {
        Section::Accounts => accounts(store, &say).await?,
        Section::Extensions => extensions(store, &say).await?,
        Section::DialIds => dial_ids(store, &say).await?,
        Section::Rights => rights(store, &say).await?,
        Section::CallCenters => call_centers(store, &say).await?,
        Section::Settings => settings(store, &say).await?,
        Section::Lockouts => lockouts(store, &say).await?,
        Section::Trail => trail(store, &say).await?,
        Section::Calls => calls(store, &say).await?,
        Section::Health => health(app, &say).await?,
    };
    // D12: how far a right on a phone reaches.
    Ok(Page { title: section.title(language), about, warns: section == Section::Rights, forms, table })
}

type Content = Result<(&'static str, Vec<Form>, Table), Problem>;

fn role_choice(say: &Say) -> Field {
    let words = Words::of(say.0);
    let choices = Role::ALL.iter().rev().map(|role| (role.to_string(), words.role(*role).to_owned()));
    Field::choice("role", words.role, choices)
}

fn logins(accounts: &[AccountRow], say: &Say) -> Field {
    let shown = |account: &AccountRow| (account.login.clone(), format!("{} {}", account.login, account.name));
    Field::choice("login", say.of("アカウント", "Account"), accounts.iter().map(shown))
}

fn removal(act: &'static str, field: &'static str, value: &str, say: &Say) -> Form {
    let title = say.of("削除", "Remove");
    Form { act, title, fields: vec![Field::hidden(field, value)], button: say.of("削除する", "Remove it") }
}

async fn accounts(store: &Store, say: &Say) -> Content {
    let words = Words::of(say.0);
    let name = || Field::text("name", words.name).optional();
    let extension = || Field::text("extension", words.extension).optional();
    let fields = vec![
        Field::text("login", say.of("アカウント", "Account")),
        role_choice(say),
        name(),
        extension(),
        Field::password(words.password),
    ];
    let add = Form {
        act: "add-account",
        title: say.of("アカウントを追加", "Add an account"),
        fields,
        button: say.of("追加", "Add"),
    };
    let rows = store.accounts().await?.into_iter().map(|account| {
        let number = account.extension.as_ref().map(ToString::to_string).unwrap_or_default();
        let new_password = say.of("新しいパスワード(変更する場合)", "New password, if it is to change");
        let fields = vec![
            Field::hidden("login", &account.login),
            role_choice(say).with(account.role),
            name().with(&account.name),
            extension().with(&number),
            Field::password(new_password).optional(),
        ];
        let change = Form {
            act: "set-account",
            title: say.of("変更", "Change"),
            fields,
            button: say.of("変更する", "Change it"),
        };
        let forms = vec![change, removal("remove-account", "login", &account.login, say)];
        Row { cells: vec![account.login, account.name, words.role(account.role).to_owned(), number], forms }
    });
    let table = Table {
        headings: vec![say.of("アカウント", "Account"), words.name, words.role, words.extension],
        rows: rows.collect(),
        empty: say.of("アカウントがまだありません。", "There are no accounts yet."),
    };
    let about = say.of(
        "ロールだけではモニタリング・ささやきを行えません。「リソース権限」で権限を付与してください。",
        "No role allows listening by itself: give rights under Rights.",
    );
    Ok((about, vec![add], table))
}

async fn extensions(store: &Store, say: &Say) -> Content {
    let words = Words::of(say.0);
    let name = || Field::text("name", words.name).optional();
    let srtp = || {
        let choices = SrtpPolicy::ALL.iter().map(|policy| (policy.to_string(), policy.to_string()));
        Field::choice("srtp", "SRTP", choices)
    };
    let fields = vec![
        Field::text("number", words.extension),
        name(),
        Field::password(say.of("電話端末のパスワード", "Password of the phone")),
        srtp().with(SrtpPolicy::default()),
    ];
    let add = Form {
        act: "add-extension",
        title: say.of("内線を追加", "Add an extension"),
        fields,
        button: say.of("追加", "Add"),
    };
    let rows = store.extensions().await?.into_iter().map(|row| {
        let number = row.number.to_string();
        let choices = [("no", false), ("yes", true)].map(|(word, on)| (word.to_owned(), say.on_off(on)));
        let fields = vec![
            Field::hidden("number", &number),
            name().with(&row.name),
            Field::choice("protected", say.of("保護する", "Protected"), choices).with(if row.protected {
                "yes"
            } else {
                "no"
            }),
            srtp().with(row.srtp),
            Field::password(say.of("新しいパスワード(変更する場合)", "New password, if it is to change")).optional(),
        ];
        let change = Form {
            act: "set-extension",
            title: say.of("変更", "Change"),
            fields,
            button: say.of("変更する", "Change it"),
        };
        let set_up = Form {
            act: "set-up",
            title: say.of("QR コードで設定", "Set up by QR code"),
            fields: vec![Field::hidden("number", &number)],
            button: say.of(
                "QR コードを表示(読み取るとパスワードが変わります)",
                "Show the code (the password changes when it is read)",
            ),
        };
        let forms = vec![change, set_up, removal("remove-extension", "number", &number, say)];
        Row { cells: vec![number, row.name, say.on_off(row.protected), row.srtp.to_string()], forms }
    });
    let table = Table {
        headings: vec![words.extension, words.name, say.of("保護", "Protected"), "SRTP"],
        rows: rows.collect(),
        empty: say.of(
            "内線がまだありません。上のフォームで追加してください。",
            "There are no extensions yet: add them above.",
        ),
    };
    let about = say.of(
        "保護された内線は、権限があっても誰もモニタリング・ささやきを行えません。",
        "Nobody may listen to a protected extension, whatever rights they have.",
    );
    Ok((about, vec![add], table))
}

async fn dial_ids(store: &Store, say: &Say) -> Content {
    let accounts = store.accounts().await?;
    let fields = vec![
        logins(&accounts, say),
        Field::text("id", say.of("ダイヤル操作ID(数字)", "Dial-operation ID, in digits")),
        Field::password(say.of("ダイヤル操作パスワード(数字)", "Dial-operation password, in digits")),
    ];
    let set = Form {
        act: "set-dial-id",
        title: say.of("ダイヤル操作IDとパスワードを設定", "Set an ID and its password"),
        fields,
        button: say.of("設定", "Set"),
    };
    let rows = accounts.into_iter().filter_map(|account| {
        let clear = removal("clear-dial-id", "login", &account.login, say);
        Some(Row { cells: vec![account.login, account.name, account.dial_id?], forms: vec![clear] })
    });
    let table = Table {
        headings: vec![
            say.of("アカウント", "Account"),
            Words::of(say.0).name,
            say.of("ダイヤル操作ID", "Dial-operation ID"),
        ],
        rows: rows.collect(),
        empty: say.of("ダイヤル操作IDがまだありません。", "There are no dial-operation IDs yet."),
    };
    let about = say.of(
        "モニター用・ささやき用の番号に発信してから入力する番号です。同じ数字の繰り返しや連番など、推測されやすいパスワードは設定できません。",
        "What is keyed in after dialling to monitor or to whisper. Passwords that are easily guessed are refused.",
    );
    Ok((about, vec![set], table))
}

async fn rights(store: &Store, say: &Say) -> Content {
    let level = |level: &Level| {
        let text = match level {
            Level::View => say.of("参照", "view"),
            Level::Edit => say.of("編集", "edit"),
            Level::Manage => say.of("管理", "manage"),
        };
        (level.to_string(), text.to_owned())
    };
    let (accounts, centers, phones) = (store.accounts().await?, store.call_centers().await?, store.extensions().await?);
    let centers = centers.iter().map(|center| {
        let shown = format!("{} {}", say.of("コールセンター", "Call centre"), center.name);
        (format!("call-center:{}", center.name), shown)
    });
    let phones = phones.iter().map(|phone| {
        let shown = format!("{} {} {}", say.of("電話端末", "Phone"), phone.number, phone.name);
        (format!("terminal:{}", phone.number), shown)
    });
    let resources: Vec<_> = centers.chain(phones).collect();
    let modes = [
        ("monitor whisper", say.of("モニタリングとささやき", "Monitor and whisper")),
        ("monitor", say.of("モニタリングのみ", "Monitor only")),
        ("whisper", say.of("ささやきのみ", "Whisper only")),
        ("monitor whisper barge", say.of("モニタリング・ささやき・割り込み", "Monitor, whisper and barge")),
    ];
    let resource = || Field::choice("resource", say.of("対象", "On"), resources.clone());
    let grant = Form {
        act: "grant",
        title: say.of("権限を付与", "Give a right"),
        fields: vec![
            logins(&accounts, say),
            resource(),
            Field::choice("level", say.of("権限", "Right"), Level::ALL.iter().map(level)).with(Level::Edit),
            Field::choice("modes", say.of("操作", "Modes"), modes.map(|(word, text)| (word.into(), text.into()))),
            Field::text("hours", say.of("時間帯(例: Mon-Fri 09:00-18:00)", "Hours, like Mon-Fri 09:00-18:00"))
                .optional(),
        ],
        button: say.of("付与", "Give"),
    };
    let deny = Form {
        act: "deny",
        title: say.of("拒否を設定(ほかの権限より優先)", "Deny, whatever else is given"),
        fields: vec![logins(&accounts, say), resource()],
        button: say.of("拒否", "Deny"),
    };
    let rows = store.permissions(None).await?.into_iter().map(|row| {
        let row = Permission::from(row);
        let given = match row.level.and_then(|word| word.parse().ok()) {
            Some(found) => level(&found).1,
            None => say.of("拒否", "denied").to_owned(),
        };
        let fields = vec![Field::hidden("login", &row.login), Field::hidden("resource", &row.resource)];
        let revoke = Form {
            act: "revoke",
            title: say.of("取り消し", "Revoke"),
            fields,
            button: say.of("取り消す", "Revoke it"),
        };
        let cells = vec![row.login, row.resource, given, row.modes.join(", "), row.hours.unwrap_or_default()];
        Row { cells, forms: vec![revoke] }
    });
    let table = Table {
        headings: vec![
            say.of("アカウント", "Account"),
            say.of("対象", "On"),
            say.of("権限", "Right"),
            say.of("操作", "Modes"),
            say.of("時間帯", "Hours"),
        ],
        rows: rows.collect(),
        empty: say.of(
            "権限がまだありません。誰もモニタリング・ささやきを行えません。",
            "There are no rights yet: nobody may listen to anybody.",
        ),
    };
    let about = say.of(
        "リアルタイムモニタとシートビューにはコールセンターへの権限、ダイヤル操作には電話端末への権限が必要です。\
         電話端末への権限は、その内線を誰が利用していても有効です。別業務・別部署のメンバーなど、利用者に関係なく\
         モニタリング・ささやきができますのでご注意ください。",
        "Screens need a right on the call centre, dialling one on the phone terminal. A right on a phone terminal follows \
         the phone: it reaches whoever uses it, of another team or department too.",
    );
    Ok((about, vec![grant, deny], table))
}

async fn call_centers(store: &Store, say: &Say) -> Content {
    let (accounts, centers) = (store.accounts().await?, store.call_centers().await?);
    let name = || Field::text("name", say.of("コールセンター", "Call centre"));
    let add = Form {
        act: "add-call-center",
        title: say.of("コールセンターを追加", "Add a call centre"),
        fields: vec![name()],
        button: say.of("追加", "Add"),
    };
    let chosen = centers.iter().map(|center| (center.name.clone(), center.name.clone()));
    let assign = Form {
        act: "assign",
        title: say.of("エージェントを所属させる", "Assign an agent"),
        fields: vec![Field::choice("name", say.of("コールセンター", "Call centre"), chosen), logins(&accounts, say)],
        button: say.of("所属させる", "Assign"),
    };
    let rows = centers.into_iter().map(|center| {
        let mut forms = vec![];
        if !center.agents.is_empty() {
            let agents = center.agents.iter().map(|login| (login.clone(), login.clone()));
            let fields = vec![
                Field::hidden("name", &center.name),
                Field::choice("login", say.of("エージェント", "Agent"), agents),
            ];
            let title = say.of("エージェントを外す", "Take an agent out");
            forms.push(Form { act: "unassign", title, fields, button: say.of("外す", "Take out") });
        }
        forms.push(removal("remove-call-center", "name", &center.name, say));
        Row { cells: vec![center.name, center.agents.join(", ")], forms }
    });
    let table = Table {
        headings: vec![say.of("コールセンター", "Call centre"), say.of("エージェント", "Agents")],
        rows: rows.collect(),
        empty: say.of(
            "コールセンターがまだありません。上のフォームで追加してください。",
            "There are no call centres yet: add them above.",
        ),
    };
    let about = say.of(
        "リアルタイムモニタはエージェントをコールセンターごとに表示します。コールセンターを削除すると、その権限も削除されます。",
        "The realtime monitor shows agents by call centre. With a call centre every right on it goes.",
    );
    Ok((about, vec![add, assign], table))
}

async fn settings(store: &Store, say: &Say) -> Content {
    let rows = store.setting_rows().await?.into_iter().map(|SettingRow { key, value, .. }| {
        let field = Field::text("value", say.of("値", "Value"));
        let words: &[&str] = match key {
            "interval-tone" => &[],
            "monitor-tone-audience" => &["supervisor", "both"],
            "weak-passwords" => &["allowed", "refused"],
            _ => &["on", "off"],
        };
        let field = match words {
            [] => field,
            words => {
                let choices = words.iter().map(|word| ((*word).to_owned(), said_of(word, say)));
                Field::choice("value", say.of("値", "Value"), choices)
            }
        };
        let fields = vec![Field::hidden("key", key), field.with(&value)];
        let change = Form {
            act: "set-setting",
            title: say.of("変更", "Change"),
            fields,
            button: say.of("変更する", "Change it"),
        };
        Row { cells: vec![setting(key, say), said_of(&value, say)], forms: vec![change] }
    });
    let table =
        Table { headings: vec![say.of("設定", "Setting"), say.of("値", "Value")], rows: rows.collect(), empty: "" };
    let about = say.of(
        "変更は次のモニタリング・ささやきから有効です。再起動は不要です。",
        "A change counts from the next session on, without a restart.",
    );
    Ok((about, vec![], table))
}

fn setting(key: &'static str, say: &Say) -> String {
    match key {
        "monitor-tone" => say.of("モニタリングの通知音", "A tone when monitoring begins"),
        "monitor-tone-audience" => say.of("モニタリングの通知音を聞く人", "Who hears the tone of monitoring"),
        "whisper-tone" => say.of("ささやきの通知音(ピコン)", "A tone when whispering begins"),
        "continue-sessions" => say.of("モニタリング・ささやきを継続する", "Sessions go on from call to call"),
        "weak-passwords" => {
            say.of("推測されやすいダイヤル操作パスワード", "Dial-operation passwords that are easily guessed")
        }
        "barge" => say.of("割り込み(三者通話)", "Barging in"),
        "card-privacy" => {
            say.of("お客様のキー入力を管理者に聞かせない", "Keys that parties press are kept from supervisors")
        }
        "interval-tone" => {
            say.of("モニタリング中の通知音の間隔(秒、0 はなし)", "Seconds between tones while monitoring; 0: none")
        }
        "call-center-plan" => {
            say.of("コールセンタープラン(リアルタイムモニタ)", "The call-centre plan: the realtime monitor")
        }
        "seat-view" => say.of("シートビューオプション", "The seat view"),
        other => other,
    }
    .to_owned()
}

fn said_of(value: &str, say: &Say) -> String {
    match value {
        "on" => say.of("有効", "on"),
        "off" => say.of("無効", "off"),
        "supervisor" => say.of("管理者のみ", "the supervisor"),
        "both" => say.of("管理者とエージェント", "supervisor and agent"),
        "allowed" => say.of("許可する", "allowed"),
        "refused" => say.of("許可しない", "refused"),
        other => other,
    }
    .to_owned()
}

async fn lockouts(store: &Store, say: &Say) -> Content {
    let rows = store.lockouts(unix_ms()).await?.into_iter().map(|lock| {
        let who = if lock.source.is_empty() {
            say.of("未知の電話端末すべて", "all phones that are not known").to_owned()
        } else {
            lock.source
        };
        let unlock = Form {
            act: "unlock",
            title: "",
            fields: vec![Field::hidden("login", &lock.login)],
            button: say.of("ロックを解除", "Unlock"),
        };
        Row { cells: vec![lock.login, who, moment::utc(lock.until_ms)], forms: vec![unlock] }
    });
    let table = Table {
        headings: vec![
            say.of("アカウント", "Account"),
            say.of("電話端末", "Phone"),
            say.of("解除時刻(UTC)", "Until, in UTC"),
        ],
        rows: rows.collect(),
        empty: say.of("ロックされているアカウントはありません。", "Nobody is locked out."),
    };
    let about = say.of(
        "パスワードの誤りが続くと、ダイヤル操作でのサインインがロックされます。本人を確認してから解除してください。",
        "Wrong passwords lock the sign-in by keypad. Make sure who it was before you unlock.",
    );
    Ok((about, vec![], table))
}

async fn trail(store: &Store, say: &Say) -> Content {
    let (accounts, mut rows) = (store.accounts().await?, Vec::<AuditRow>::new());
    let since = unix_ms().saturating_sub(SHOWN_MS);
    loop {
        let page = store.audit_rows(since, rows.last().map(AuditRow::place).as_ref(), PAGE_ROWS).await?;
        let more = page.len() == PAGE_ROWS as usize;
        rows.extend(page);
        rows.drain(..rows.len().saturating_sub(SHOWN_ROWS));
        if !more {
            break;
        }
    }
    let lines = rows.into_iter().rev().map(|row| {
        let TrailLine { time, login, row } = TrailLine::new(row, &accounts);
        let (mode, target) = (row.mode.unwrap_or_default(), row.target.unwrap_or_default());
        let cells = vec![
            time,
            row.kind,
            row.outcome,
            login.or(row.account).unwrap_or_default(),
            row.source,
            mode,
            target,
            row.detail,
        ];
        Row { cells, forms: vec![] }
    });
    let table = Table {
        headings: vec![
            say.of("時刻(UTC)", "Time, in UTC"),
            say.of("種類", "Kind"),
            say.of("結果", "Outcome"),
            say.of("アカウント", "Account"),
            say.of("発信元", "Source"),
            say.of("操作", "Mode"),
            say.of("対象", "Target"),
            say.of("詳細", "Detail"),
        ],
        rows: lines.collect(),
        empty: say.of("この 7 日間の記録はありません。", "Nothing was written in the last seven days."),
    };
    let verified = Trail::new(store.clone()).verify(None, |_| ()).await;
    let about = match verified {
        Ok(_) => say.of(
            "証跡を検証しました。改ざんはありません。直近 7 日間の新しい 200 行を表示しています。",
            "The trail was verified just now, and nobody has changed it. The newest 200 rows of the last seven days.",
        ),
        Err(TrailError::Fault(_)) => say.of(
            "警告: 証跡は書かれたままではありません。「sasayaki audit verify」で最初の誤りを確認してください。",
            "Warning: the trail is not what was written. `sasayaki audit verify` tells the first fault.",
        ),
        Err(_) => say.of("証跡を検証できませんでした。", "The trail could not be verified now."),
    };
    Ok((about, vec![], table))
}

async fn calls(store: &Store, say: &Say) -> Content {
    let filter = CallFilter { since_ms: unix_ms().saturating_sub(SHOWN_MS), until_ms: u64::MAX, extension: None };
    let mut rows: Vec<CallRow> = Vec::new();
    loop {
        let page = store.call_rows(&filter, rows.last().map(CallRow::place).as_ref(), PAGE_ROWS).await?;
        let more = page.len() == PAGE_ROWS as usize;
        rows.extend(page);
        rows.drain(..rows.len().saturating_sub(SHOWN_ROWS));
        if !more {
            break;
        }
    }
    let lines = rows.into_iter().rev().map(|row| {
        let line = CallLine::of(row);
        let talked = line.talked_ms.map(|ms| format!("{} s", ms / 1000)).unwrap_or_default();
        let mos = [line.caller_quality.sent_mos, line.callee_quality.sent_mos]
            .map(|mos| mos.map_or("—".to_owned(), |mos| format!("{mos:.1}")));
        let cells = vec![line.begun, line.caller, line.callee, talked, line.cause.unwrap_or_default(), mos.join(" / ")];
        Row { cells, forms: vec![] }
    });
    let table = Table {
        headings: vec![
            say.of("開始(UTC)", "Begun, in UTC"),
            say.of("発信者", "Caller"),
            say.of("着信者", "Callee"),
            say.of("通話時間", "Talked"),
            say.of("終了理由", "How it ended"),
            say.of("音質(MOS)", "Quality (MOS)"),
        ],
        rows: lines.collect(),
        empty: say.of("この 7 日間の通話はありません。", "There were no calls in the last seven days."),
    };
    let about = say.of(
        "直近 7 日間の新しい 200 件です。すべての履歴は「sasayaki cdr list --csv」で取得できます。",
        "The newest 200 of the last seven days; `sasayaki cdr list --csv` has them all.",
    );
    Ok((about, vec![], table))
}

async fn health(app: &App, say: &Say) -> Content {
    let wrong = health::wrong(app).await;
    let count = |rows: Option<usize>| rows.map_or_else(|| "—".to_owned(), |count| count.to_string());
    let ask = |request| app.engine().ask(request);
    let (calls, sessions, trunks) = tokio::join!(ask(Request::Calls), ask(Request::Sessions), ask(Request::Trunks));
    let mut rows = vec![
        (say.of("通話", "Calls").to_owned(), count(calls.calls.map(|rows| rows.len()))),
        (say.of("モニタリング・ささやき", "Sessions").to_owned(), count(sessions.sessions.map(|rows| rows.len()))),
        (say.of("バージョン", "Version").to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    rows.extend(trunks.trunks.into_iter().flatten().map(|trunk| {
        let state = match (trunk.reachable, trunk.last_error) {
            (_, Some(error)) => error,
            (Some(true), None) => say.of("接続中", "reachable").to_owned(),
            (Some(false), None) => say.of("接続できません", "not reachable").to_owned(),
            (None, None) => say.of("不明", "not known yet").to_owned(),
        };
        (format!("{} {}", say.of("トランク", "Trunk"), trunk.name), state)
    }));
    rows.extend(wrong.iter().map(|fault| (say.of("異常", "Fault").to_owned(), fault.clone())));
    let table = Table {
        headings: vec![say.of("項目", "What"), say.of("状態", "How it is")],
        rows: rows.into_iter().map(|(what, how)| Row { cells: vec![what, how], forms: vec![] }).collect(),
        empty: "",
    };
    let about = match wrong.is_empty() {
        true => say.of("正常に稼働しています。", "All is well."),
        false => {
            say.of("異常があります。下の「異常」を確認してください。", "Something is wrong: see the faults below.")
        }
    };
    Ok((about, vec![], table))
}
