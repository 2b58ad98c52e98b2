use super::super::{app::App, guard::Visitor, problem::Problem, server::Peer};
use crate::{
    admin::{Act, Done},
    store::Actor,
};
use axum::{
    Extension,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
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

pub fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing of this name")
}
