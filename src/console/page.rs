//! The pages, made by templates that are checked when this is built.

use super::{
    app::App,
    guard::Visitor,
    language::{self, Language},
    problem::Problem,
    redial::{Pressing, Recent},
    words::{self, LIVE, Words},
};
use crate::{
    access::screen::Needs,
    model::{PLAN_COLUMNS, PLAN_ROWS, Role, Seat},
    store::ExtensionRow,
};
use askama::Template;
use axum::{
    Extension, Form,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;

/// What every page shows around what it is for.
pub struct Frame {
    pub words: &'static Words,
    pub language: Language,
    /// `None`: nobody is signed in.
    pub signed_in: Option<SignedIn>,
}

pub struct SignedIn {
    pub login: String,
    pub csrf: String,
    /// May see the realtime monitor (F1).
    pub watches: bool,
    /// May see the seat view (G1).
    pub sits: bool,
    pub administers: bool,
}

impl Frame {
    pub fn new(headers: &HeaderMap, visitor: Option<&Visitor>) -> Self {
        let language = Language::of(headers);
        let signed_in = visitor.map(|visitor| SignedIn {
            login: visitor.account.login.clone(),
            csrf: visitor.csrf(),
            watches: visitor.may(Needs::Watching),
            sits: visitor.may(Needs::Seating),
            administers: visitor.may(Needs::Administering),
        });
        Self { words: Words::of(language), language, signed_in }
    }
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage {
    frame: Frame,
    /// Somebody just tried.
    refused: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    name: String,
    role: &'static str,
    extension: Option<String>,
}

#[derive(Template)]
#[template(path = "redial.html")]
struct RedialPage {
    frame: Frame,
    /// The account's own; `None`: it has none.
    extension: Option<String>,
    calls: Vec<Recent>,
    said: Option<String>,
}

#[derive(Template)]
#[template(path = "monitor.html")]
struct MonitorPage {
    frame: Frame,
    live: Live,
}

/// What the scripts of a page need that shows who is talking and has phones rung.
struct Live {
    words: Vec<(&'static str, String)>,
    /// The account's own extension; empty if it has none.
    own: String,
    csrf: String,
    administers: bool,
    /// Those that can be rung, with their names.
    phones: Vec<ExtensionRow>,
}

impl Live {
    async fn new(app: &App, frame: &Frame, visitor: &Visitor) -> Result<Self, Problem> {
        let words = LIVE.iter().map(|(name, japanese, english)| {
            let text = match frame.language {
                Language::Japanese => japanese,
                Language::English => english,
            };
            (*name, text.replace("{callback}", app.callback()))
        });
        Ok(Self {
            words: words.collect(),
            own: visitor.account.extension.as_ref().map(ToString::to_string).unwrap_or_default(),
            csrf: visitor.csrf(),
            administers: visitor.account.role == Role::Administrator,
            phones: app.store().extensions().await.map_err(|_| Problem::unavailable())?,
        })
    }
}

#[derive(Template)]
#[template(path = "seats.html")]
struct SeatsPage {
    frame: Frame,
    live: Live,
    seats: Vec<Seat>,
    columns: u8,
    rows: u8,
}

#[derive(Template)]
#[template(path = "switched-off.html")]
struct SwitchedOffPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "not-allowed.html")]
struct NotAllowedPage {
    frame: Frame,
}

pub async fn sign_in(headers: HeaderMap, visitor: Option<Extension<Visitor>>) -> Response {
    if visitor.is_some() {
        return Redirect::to("/").into_response();
    }
    show(StatusCode::OK, &SignInPage { frame: Frame::new(&headers, None), refused: false })
}

pub fn not_signed_in(language: Language, status: StatusCode) -> Response {
    let frame = Frame { words: Words::of(language), language, signed_in: None };
    show(status, &SignInPage { frame, refused: true })
}

pub fn not_allowed(headers: &HeaderMap, visitor: Option<&Visitor>) -> Response {
    show(StatusCode::FORBIDDEN, &NotAllowedPage { frame: Frame::new(headers, visitor) })
}

pub fn switched_off(headers: &HeaderMap, visitor: Option<&Visitor>) -> Response {
    show(StatusCode::NOT_FOUND, &SwitchedOffPage { frame: Frame::new(headers, visitor) })
}

pub async fn account(headers: HeaderMap, Extension(visitor): Extension<Visitor>) -> Response {
    let frame = Frame::new(&headers, Some(&visitor));
    let role = frame.words.role(visitor.account.role);
    let extension = visitor.account.extension.as_ref().map(ToString::to_string);
    let name = visitor.account.name;
    show(StatusCode::OK, &AccountPage { frame, name, role, extension })
}

pub fn redial(
    status: StatusCode,
    headers: &HeaderMap,
    visitor: &Visitor,
    calls: Vec<Recent>,
    pressing: Option<Pressing>,
) -> Response {
    let frame = Frame::new(headers, Some(visitor));
    let said = pressing.map(|pressing| match pressing {
        Pressing::Placed => frame.words.redial_placed.to_owned(),
        Pressing::Refused(word) => format!("{} {}", frame.words.redial_refused, words::reason(frame.language, &word)),
    });
    let extension = visitor.account.extension.as_ref().map(ToString::to_string);
    show(status, &RedialPage { frame, extension, calls, said })
}

pub async fn monitor(
    State(app): State<App>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let frame = Frame::new(&headers, Some(&visitor));
    let live = Live::new(&app, &frame, &visitor).await?;
    Ok(show(StatusCode::OK, &MonitorPage { frame, live }))
}

pub async fn seats(
    State(app): State<App>,
    headers: HeaderMap,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let frame = Frame::new(&headers, Some(&visitor));
    let live = Live::new(&app, &frame, &visitor).await?;
    let seats = app.store().seats().await?;
    Ok(show(StatusCode::OK, &SeatsPage { frame, live, seats, columns: PLAN_COLUMNS, rows: PLAN_ROWS }))
}

#[derive(Debug, Deserialize)]
pub struct Switched {
    language: String,
}

/// The switch of every page; the browser goes back to where it was pressed.
pub async fn switch_language(
    State(app): State<App>,
    headers: HeaderMap,
    Form(Switched { language }): Form<Switched>,
) -> Result<Response, Problem> {
    let unknown = || Problem::new(StatusCode::BAD_REQUEST, "language must be ja or en");
    let language = Language::from_tag(&language).ok_or_else(unknown)?;
    let secure = if app.is_secure() { "; Secure" } else { "" };
    let cookie = format!("{}={}; Path=/; Max-Age=31536000; SameSite=Strict{secure}", language::COOKIE, language.tag());
    let mut response = Redirect::to(path_of_referrer(&headers)).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The path alone: a referrer leads to no other server.
fn path_of_referrer(headers: &HeaderMap) -> &str {
    let path = || {
        let (_, rest) = headers.get(header::REFERER)?.to_str().ok()?.split_once("://")?;
        let path = &rest[rest.find('/')?..];
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_');
        (path.chars().all(plain) && !path.starts_with("//")).then_some(path)
    };
    path().unwrap_or("/")
}

pub fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made").into_response()
        }
    }
}
