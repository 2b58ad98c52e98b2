//! Administration in a browser: one page a section, of a table and plain forms that need no script.
//!
//! A form names its act and carries the fields of it; what comes of it is an `Act` like that of the command line, and stands
//! above the section from which it came. Absent on purpose: what may be done (`admin`), and the rows of each section's
//! table (`section`).

mod act;
mod form;
mod section;

use super::{
    app::App,
    guard::Visitor,
    language::Language,
    page::{Frame, show},
    problem::Problem,
    server::Peer,
    set_up::Code,
};
use crate::{
    admin::{Done, Note},
    store::StoreError,
};
use act::Wrong;
use askama::Template;
use axum::{
    Extension, Form,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use form::{Fields, Kind, Page};
use section::Section;

#[derive(Template)]
#[template(path = "administration.html")]
struct AdministrationPage {
    frame: Frame,
    csrf: String,
    sections: Vec<(&'static str, &'static str, bool)>,
    said: Option<Said>,
    /// What a softphone is shown to set itself up.
    code: Option<Code>,
    page: Page,
}

/// What came of a form.
struct Said {
    done: bool,
    text: String,
    notes: Vec<String>,
}

pub async fn first() -> Redirect {
    Redirect::to("/administration/accounts")
}

pub async fn show_section(
    State(app): State<App>,
    Path(section): Path<String>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    answer(&app, named(&section)?, &headers, &visitor, StatusCode::OK, None, None).await
}

/// Carries out what a form asks for, and shows its section again.
pub async fn carry_out(
    State(app): State<App>,
    Path(section): Path<String>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
    Extension(peer): Extension<Peer>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let (section, language) = (named(&section)?, Language::of(&headers));
    let fields = Fields::new(fields);
    if fields.get("act") == Some("set-up") {
        let made = match act::extension(&fields) {
            Ok(extension) => app.store().make_set_up(&visitor.actor(peer), &extension).await,
            Err(wrong) => return refuse(&app, section, &headers, &visitor, wrong.told(language)).await,
        };
        return match made {
            Ok(made) => {
                let code = Code::new(&app, &headers, &made);
                answer(&app, section, &headers, &visitor, StatusCode::OK, None, code).await
            }
            Err(error) => refuse(&app, section, &headers, &visitor, refused(&error, language)).await,
        };
    }
    let done = match act::read(&fields) {
        Ok(act) => app.carry_out(&visitor.actor(peer), act).await.map_err(|error| Wrong::of(error, language)),
        Err(wrong) => Err(wrong.told(language)),
    };
    match done {
        Ok(done) => {
            let said = Some(said(done, language));
            answer(&app, section, &headers, &visitor, StatusCode::OK, said, None).await
        }
        Err(text) => refuse(&app, section, &headers, &visitor, text).await,
    }
}

async fn refuse(
    app: &App,
    section: Section,
    headers: &HeaderMap,
    visitor: &Visitor,
    text: String,
) -> Result<Response, Problem> {
    let said = Said { done: false, text, notes: Vec::new() };
    answer(app, section, headers, visitor, StatusCode::UNPROCESSABLE_ENTITY, Some(said), None).await
}

async fn answer(
    app: &App,
    section: Section,
    headers: &HeaderMap,
    visitor: &Visitor,
    status: StatusCode,
    said: Option<Said>,
    code: Option<Code>,
) -> Result<Response, Problem> {
    let frame = Frame::new(headers, Some(visitor));
    let language = frame.language;
    let sections = Section::ALL.map(|one| (one.path(), one.title(language), one == section)).into();
    let page = section::page(app, section, language).await?;
    Ok(show(status, &AdministrationPage { frame, csrf: visitor.csrf(), sections, said, code, page }).into_response())
}

fn named(section: &str) -> Result<Section, Problem> {
    let found = Section::ALL.into_iter().find(|one| one.path() == section);
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such section"))
}

fn said(done: Done, language: Language) -> Said {
    let text = match language {
        Language::Japanese => "変更しました。".to_owned(),
        Language::English => format!("Done: {}.", done.said),
    };
    Said { done: true, text, notes: done.notes.iter().map(|note| warned(note, language)).collect() }
}

fn warned(note: &Note, language: Language) -> String {
    match (language, note) {
        (Language::English, note) => {
            let text = note.to_string();
            let mut letters = text.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or(text) + "."
        }
        (Language::Japanese, Note::ViewListensToNobody) => {
            "「参照」ではモニタリング・ささやきを行えません。「編集」以上が必要です。".to_owned()
        }
        (Language::Japanese, Note::FollowsThePhone { login, extension }) => format!(
            "{login} は、内線 {extension} を利用する人が誰であっても、その通話のモニタリング・ささやきを行えます。\
             別業務・別部署のメンバーが利用する場合もありますのでご注意ください。"
        ),
        (Language::Japanese, Note::ForPagesAlone) => {
            "この権限は画面からの操作のためのものです。ダイヤル操作には電話端末への権限が必要です。".to_owned()
        }
    }
}

/// Why the store would not, for whoever reads the page.
fn refused(error: &StoreError, language: Language) -> String {
    if language == Language::English {
        return format!("Nothing was changed: {error}.");
    }
    let why = match error {
        StoreError::NoSuch { name, .. } => format!("「{name}」は存在しません。"),
        StoreError::Taken { name, .. } => format!("「{name}」はすでに使われています。"),
        StoreError::Unusable { expected, .. } => format!("値が正しくありません({expected})。"),
        StoreError::Weak(_) => "推測されやすいパスワードです。別のパスワードを指定してください。".to_owned(),
        StoreError::Busy => "混み合っています。しばらくしてからやり直してください。".to_owned(),
        other => other.to_string(),
    };
    format!("変更できませんでした。{why}")
}
