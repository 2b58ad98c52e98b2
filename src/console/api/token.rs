use super::{
    desk::{Desk, Named, created},
    page::{Listing, Paging, page},
    strict::{Asked, Body},
};
use crate::{
    admin::{Act, NotDone, TokenLine},
    console::problem::Problem,
    model::TokenId,
    store::{NewToken, StoreError},
};
use axum::{Json, http::StatusCode, response::IntoResponse};
use serde::Serialize;

/// A token that was made; its text is shown here and never again.
#[derive(Serialize)]
pub struct Made {
    #[serde(flatten)]
    line: TokenLine,
    token: String,
}

pub async fn list(desk: Desk, asked: Asked<Paging>) -> Listing<TokenLine> {
    let rows = desk.app.store().tokens().await?;
    page(rows.into_iter().map(TokenLine::from).collect(), asked, |line| line.id.clone())
}

pub async fn make(desk: Desk, Body(new): Body<NewToken>) -> Result<impl IntoResponse, Problem> {
    let store = desk.app.store();
    let (id, token) = store.make_token(&desk.actor, new).await.map_err(|error| match error {
        StoreError::NoSuch { .. } => NotDone::about("login", error),
        StoreError::Taken { .. } => NotDone::about("name", error),
        StoreError::Unusable { .. } => NotDone::about("scopes", error),
        other => other.into(),
    })?;
    let row = store.tokens().await?.into_iter().find(|row| row.id == id).ok_or_else(super::desk::nothing)?;
    let made = Made { line: row.into(), token: token.expose().to_owned() };
    Ok(created(format!("tokens/{id}"), Json(made)))
}

pub async fn revoke(desk: Desk, Named(id): Named<TokenId>) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::RevokeToken(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
