//! `explain`: why somebody may listen at an extension now, or may not (X4).

use super::{
    control, dialplan_files,
    office::{Office, explained},
    output::{self, Format, Row},
};
use crate::{
    access::Check,
    admin::moment,
    dialplan::{DialPlan, Route},
    engine::{
        control::{CheckRow, Explanation, Outlook, Request},
        explain::explain,
    },
    model::{ExtensionNumber, Login, Mode, Refusal},
};
use anyhow::{Context, bail};

#[derive(clap::Args)]
pub struct Explain {
    /// Who would listen, from their own phone and with the right password
    login: Login,
    /// Whom to listen to
    extension: ExtensionNumber,
    /// monitor, whisper or barge
    mode: Mode,
    #[command(flatten)]
    format: Format,
}

impl Explain {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        let plan = dialplan_files::required(office.config.dialplan_dir.as_deref())?;
        let explanation = self.ask(office).await?.preceded_by(&route(&plan, self.mode));
        if self.format.json {
            return output::say(&serde_json::to_string_pretty(&explanation)?);
        }
        output::list(&explanation.checks, self.format)?;
        output::say(&self.summed_up(&explanation))
    }

    /// The running engine knows the calls; without one the rest is explained from the store.
    async fn ask(&self, office: &Office) -> anyhow::Result<Explanation> {
        let login = self.login.as_str();
        if office.store.account_of(login).await?.is_none() {
            bail!("there is no account {login}; `sasayaki account list` shows what there is");
        }
        let request = Request::Explain {
            login: login.to_owned(),
            extension: self.extension.to_string(),
            mode: self.mode.to_string(),
        };
        match control::ask_if_running(&office.config, &request)? {
            Some(answer) => answer.explanation.context("the running engine does not explain; restart it"),
            None => explain(&office.store, login, &self.extension, self.mode, None).await.map_err(explained),
        }
    }

    fn summed_up(&self, explanation: &Explanation) -> String {
        let Self { login, extension, mode, .. } = self;
        let first = explanation.checks.iter().find(|row| row.verdict == Outlook::Refused);
        match (explanation.verdict, first) {
            (Outlook::Refused, Some(row)) => format!("refused: {}", reason(row)),
            (Outlook::Granted | Outlook::Refused, _) => format!("granted: {login} may {mode} {extension} now"),
            (Outlook::Unknown, _) => {
                format!("{login} may {mode} {extension} while it is in a call; no engine runs that knows of any")
            }
        }
    }
}

/// Whether a phone can dial for this mode. Barge is reached from the other two, by key.
fn route(plan: &DialPlan, mode: Mode) -> Check {
    let modes = match mode {
        Mode::Monitor => vec![Mode::Monitor],
        Mode::Whisper => vec![Mode::Whisper],
        Mode::Barge => vec![Mode::Monitor, Mode::Whisper],
    };
    let leads = |mode: Mode| match plan.code(mode).map(|code| plan.route(code)) {
        Some(Route::Feature(feature)) => feature.mode == mode,
        Some(Route::Extension(_) | Route::Outside(_) | Route::Refuse { .. } | Route::Unknown) | None => false,
    };
    let led = if modes.into_iter().any(leads) { Ok(()) } else { Err(Refusal::NoCode) };
    Check::of("route", &led)
}

fn reason(row: &CheckRow) -> String {
    let until = row.until_ms.map(|until_ms| format!(", until {}", moment::utc(until_ms))).unwrap_or_default();
    format!("{}{until}", row.why.as_deref().unwrap_or_default())
}

impl Row for CheckRow {
    const HEADINGS: &'static [&'static str] = &["CHECK", "RESULT", "WHY"];

    fn cells(&self) -> Vec<String> {
        let result = match self.verdict {
            Outlook::Granted => "passed",
            Outlook::Refused => "refused",
            Outlook::Unknown => "unknown",
        };
        vec![self.check.clone(), result.to_owned(), reason(self)]
    }
}
