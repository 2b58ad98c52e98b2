//! What stands before every handler: who is asking, from which page, and whether `access::screen` lets them.

use super::{app::App, page, problem::Problem, routes::MAX_BODY_BYTES, server::Peer};
use crate::{
    access::screen::{self, Barred, Needs},
    model::{Scope, Secret, Settings},
    store::{self, AccountRow, Actor, Store, TokenOwner, token_hash, unix_ms},
};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use std::time::Duration;
use tokio::time::timeout;

/// How long a request may take until its answer begins, its body included.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);

const CSRF_HEADER: &str = "x-csrf-token";
const CSRF_FIELD: &str = "csrf";

/// Scripts, styles and connections of our own alone, nothing within a page, and no frame of anybody's.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Whoever is signed in.
#[derive(Clone)]
pub struct Visitor {
    pub account: AccountRow,
    /// As they are at this request.
    pub settings: Settings,
    pub badge: Badge,
}

/// How they prove who they are.
#[derive(Clone)]
pub enum Badge {
    /// A browser, by the cookie of its session.
    Session(Secret),
    /// A program, by a token of the account.
    Token { token_hash: String, name: String, scopes: Vec<Scope> },
}

impl Visitor {
    /// As whom the audit trail knows what they change now.
    pub fn actor(&self, Peer(from): Peer) -> Actor {
        let source = match &self.badge {
            Badge::Session(_) => from.to_string(),
            Badge::Token { name, .. } => format!("{from} by token {name}"),
        };
        Actor { account: Some(self.account.id), ..Actor::now(source) }
    }

    /// What a page of this session puts into its forms, and no other page can know. A program has no pages.
    pub fn csrf(&self) -> String {
        match &self.badge {
            Badge::Session(token) => token_hash(&Secret::new(format!("csrf:{}", token.expose()))),
            Badge::Token { .. } => String::new(),
        }
    }

    /// Whether this is for them, and the house has it.
    pub fn may(&self, needs: Needs) -> bool {
        judge(needs, false, Some(self)).is_ok()
    }

    /// By which the store knows the session or the token.
    pub fn token_hash(&self) -> String {
        match &self.badge {
            Badge::Session(token) => token_hash(token),
            Badge::Token { token_hash, .. } => token_hash.clone(),
        }
    }

    /// The same as they are now; `None`: signed out, revoked or expired.
    pub async fn again(&self, store: &Store) -> store::Result<Option<Visitor>> {
        match &self.badge {
            Badge::Session(token) => by_session(store, token.clone()).await,
            Badge::Token { token_hash, .. } => by_token(store, token_hash.clone()).await,
        }
    }
}

/// Whether they may: by the role of the account, and by the scopes of the token if there is one.
pub fn judge(needs: Needs, changes: bool, visitor: Option<&Visitor>) -> Result<(), Barred> {
    screen::judge(needs, visitor.map(|visitor| visitor.account.role))?;
    screen::offered(needs, &visitor.map_or(Settings::DEFAULT, |visitor| visitor.settings))?;
    match visitor.map(|visitor| &visitor.badge) {
        Some(Badge::Token { scopes, .. }) => screen::judge_scopes(needs, changes, scopes),
        Some(Badge::Session(_)) | None => Ok(()),
    }
}

pub async fn guard(State((app, needs)): State<(App, Needs)>, request: Request, next: Next) -> Response {
    match timeout(REQUEST_LIMIT, admit(&app, needs, request, next)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "this took too long: try again").into_response(),
    }
}

async fn admit(app: &App, needs: Needs, request: Request, next: Next) -> Response {
    let is_page = !request.uri().path().starts_with("/api/");
    let visitor = match visitor(app, request.headers(), is_page).await {
        Ok(visitor) => visitor,
        Err(problem) => return problem.into_response(),
    };
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    match judge(needs, changes, visitor.as_ref()) {
        Ok(()) => {}
        Err(Barred::SwitchedOff) if is_page => return page::switched_off(request.headers(), visitor.as_ref()),
        Err(Barred::SwitchedOff) => {
            let detail = "this installation does without it: an administrator can switch it on in the settings";
            return Problem::new(StatusCode::NOT_FOUND, detail).because(Some("switched-off".into())).into_response();
        }
        Err(Barred::SignInFirst) if is_page => return Redirect::to("/sign-in").into_response(),
        Err(Barred::SignInFirst) => return Problem::new(StatusCode::UNAUTHORIZED, "sign in first").into_response(),
        Err(Barred::NotAllowed) if is_page => return page::not_allowed(request.headers(), visitor.as_ref()),
        Err(Barred::NotAllowed) => {
            let detail = "権限がありません: your role may not do this; ask an administrator";
            return barred(detail, "role-not-allowed");
        }
        Err(Barred::OutOfScope) => return barred("the scopes of this token do not allow this", "out-of-scope"),
    }
    let by_cookie = visitor.as_ref().is_none_or(|visitor| matches!(visitor.badge, Badge::Session(_)));
    let checked = if changes && by_cookie { from_our_page(request, visitor.as_ref()).await } else { Ok(request) };
    match checked {
        Err(problem) => problem.into_response(),
        Ok(mut request) => {
            if let Some(visitor) = visitor {
                request.extensions_mut().insert(visitor);
            }
            next.run(request).await
        }
    }
}

fn barred(detail: &str, reason: &str) -> Response {
    Problem::new(StatusCode::FORBIDDEN, detail).because(Some(reason.to_owned())).into_response()
}

/// By a token where one is shown, which pages take none of; else by the cookie.
async fn visitor(app: &App, headers: &HeaderMap, is_page: bool) -> Result<Option<Visitor>, Problem> {
    let failed = |error| {
        tracing::error!(%error, "a request to the console was refused because the store failed");
        Problem::unavailable()
    };
    if let Some(shown) = headers.get(header::AUTHORIZATION).filter(|_| !is_page) {
        let unknown = || Problem::new(StatusCode::UNAUTHORIZED, "this token is unknown, revoked or expired");
        let token = bearer(shown).ok_or_else(unknown)?;
        return by_token(app.store(), token_hash(&token)).await.map_err(failed)?.map(Some).ok_or_else(unknown);
    }
    let Some(token) = cookie(headers, session_cookie(app)).map(Secret::new) else { return Ok(None) };
    by_session(app.store(), token).await.map_err(failed)
}

/// RFC 6750 §2.1.
fn bearer(shown: &HeaderValue) -> Option<Secret> {
    let (scheme, token) = shown.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

async fn by_session(store: &Store, token: Secret) -> store::Result<Option<Visitor>> {
    let Some(account) = store.web_session(&token_hash(&token), unix_ms()).await? else { return Ok(None) };
    Ok(Some(Visitor { account, settings: store.settings().await?, badge: Badge::Session(token) }))
}

async fn by_token(store: &Store, token_hash: String) -> store::Result<Option<Visitor>> {
    let Some(owner) = store.token_owner(&token_hash, unix_ms()).await? else { return Ok(None) };
    let TokenOwner { account, name, scopes } = owner;
    Ok(Some(Visitor { account, settings: store.settings().await?, badge: Badge::Token { token_hash, name, scopes } }))
}

/// What changes something comes from a page of this origin, and in a session from a page of that session.
async fn from_our_page(request: Request, visitor: Option<&Visitor>) -> Result<Request, Problem> {
    let foreign = || Problem::new(StatusCode::FORBIDDEN, "this did not come from a page of this server: load it again");
    if !is_same_origin(request.headers()) {
        return Err(foreign());
    }
    let Some(visitor) = visitor else { return Ok(request) };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"));
    };
    let header = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    let said = header.map(str::to_owned).or_else(|| form_field(&body, CSRF_FIELD)).map(Secret::new);
    if said.is_some_and(|said| said.matches(&Secret::new(visitor.csrf()))) {
        Ok(Request::from_parts(parts, Body::from(body)))
    } else {
        Err(foreign())
    }
}

/// A browser says from where a request comes (Fetch §3.2 and Fetch Metadata); what says nothing is no browser.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    let same_site = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let host = text(header::HOST);
    let same_host = text(header::ORIGIN).is_none_or(|origin| origin.split_once("://").map(|(_, host)| host) == host);
    same_site && same_host
}

fn form_field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

/// A cookie's value, if it is sent (RFC 6265 §5.4).
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Under TLS a browser holds the name's prefix to its word: Secure, for this host alone.
pub fn session_cookie(app: &App) -> &'static str {
    if app.is_secure() { "__Host-sasayaki" } else { "sasayaki" }
}

/// The headers that every answer has.
pub async fn secure(State(app): State<App>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut say = |name, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    say(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::REFERRER_POLICY, "same-origin");
    say(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    say(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    say(header::CACHE_CONTROL, "no-store");
    if app.is_secure() {
        say(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}
