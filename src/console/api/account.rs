use super::{
    desk::{Desk, Named, created, nothing},
    page::{Listing, Paging, page},
    strict::{Asked, Body},
};
use crate::{
    admin::{Act, Admin, moment::utc},
    console::problem::Problem,
    model::{DialId, Login, Password},
    store::{AccountChange, AccountRow, NewAccount, json},
};
use axum::{Json, http::StatusCode, response::IntoResponse};
use serde::{Deserialize, Serialize};

pub async fn list(desk: Desk, asked: Asked<Paging>) -> Listing<AccountRow> {
    page(desk.app.store().accounts().await?, asked, |row| row.login.clone())
}

pub async fn add(desk: Desk, Body(new): Body<NewAccount>) -> Result<impl IntoResponse, Problem> {
    let login = new.login.clone();
    desk.carry_out(Act::AddAccount(new)).await?;
    Ok(created(format!("accounts/{login}"), get(desk, Named(login)).await?))
}

pub async fn get(desk: Desk, Named(login): Named<Login>) -> Result<Json<AccountRow>, Problem> {
    desk.app.store().account_of(login.as_str()).await?.map(Json).ok_or_else(nothing)
}

pub async fn change(
    desk: Desk,
    Named(login): Named<Login>,
    Body(change): Body<AccountChange>,
) -> Result<Json<AccountRow>, Problem> {
    desk.carry_out(Act::SetAccount(login.clone(), change)).await?;
    get(desk, Named(login)).await
}

pub async fn remove(desk: Desk, Named(login): Named<Login>) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::RemoveAccount(login)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenDialId {
    #[serde(deserialize_with = "json::from_text")]
    id: DialId,
    #[serde(deserialize_with = "json::from_text")]
    password: Password,
}

pub async fn set_dial_id(
    desk: Desk,
    Named(login): Named<Login>,
    Body(GivenDialId { id, password }): Body<GivenDialId>,
) -> Result<Json<AccountRow>, Problem> {
    desk.carry_out(Act::SetDialId(login.clone(), id, password)).await?;
    get(desk, Named(login)).await
}

pub async fn clear_dial_id(desk: Desk, Named(login): Named<Login>) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::ClearDialId(login)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is dialled to sign in once (X6); shown here and never again.
#[derive(Serialize)]
pub struct OneTime {
    short_dial: String,
    /// RFC 3339, in UTC.
    expires: String,
}

pub async fn one_time(desk: Desk, Named(login): Named<Login>) -> Result<impl IntoResponse, Problem> {
    let admin = Admin { store: desk.app.store(), actor: &desk.actor };
    let made = admin.one_time(desk.app.dialplan(), &login).await?;
    let short_dial = made.short_dial.expose().to_owned();
    Ok((StatusCode::CREATED, Json(OneTime { short_dial, expires: utc(made.expires_at_ms) })))
}
