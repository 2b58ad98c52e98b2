use super::super::{app::App, guard::Visitor, problem::Problem, server::Peer};
use crate::{
    admin::{Act, Done},
    store::Actor,
};
use axum::{
    Extension, Json,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, header, request::Parts},
    response::IntoResponse,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::str::FromStr;

/// Whoever is signed in, at work.
pub struct Desk {
    pub app: App,
    pub actor: Actor,
}

impl Desk {
    pub async fn carry_out(&self, act: Act) -> Result<Done, Problem> {
        Ok(self.app.carry_out(&self.actor, act).await?)
    }
}

impl FromRequestParts<App> for Desk {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let nobody = |_| Problem::new(StatusCode::UNAUTHORIZED, "sign in first");
        let Extension(visitor) = Extension::<Visitor>::from_request_parts(parts, app).await.map_err(nobody)?;
        let Extension(peer) = Extension::<Peer>::from_request_parts(parts, app).await.map_err(nobody)?;
        let State(app) = State::<App>::from_request_parts(parts, app).await.unwrap_or_else(|never| match never {});
        Ok(Self { actor: visitor.actor(peer), app })
    }
}

/// What the address names. What cannot be such a name there is not.
pub struct Named<T>(pub T);

impl<T: FromStr> FromRequestParts<App> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await.map_err(|_| nothing())?;
        path.parse().map(Self).map_err(|_| nothing())
    }
}

/// The same of two names.
pub struct NamedBoth<T, U>(pub T, pub U);

impl<T: FromStr, U: FromStr> FromRequestParts<App> for NamedBoth<T, U> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path((first, second)) =
            Path::<(String, String)>::from_request_parts(parts, app).await.map_err(|_| nothing())?;
        let (first, second) = (first.parse().map_err(|_| nothing())?, second.parse().map_err(|_| nothing())?);
        Ok(Self(first, second))
    }
}

/// The answer to what made something, with its address under `/api/v1`.
pub fn created<T: Serialize>(at: String, made: Json<T>) -> impl IntoResponse {
    let address = utf8_percent_encode(&at, IN_A_PATH).to_string();
    (StatusCode::CREATED, [(header::LOCATION, format!("/api/v1/{address}"))], made)
}

/// What stands for itself in a path (RFC 3986 §3.3); the slash parts names.
const IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

pub fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing of this name")
}
