use super::{
    desk::{Desk, Named, NamedBoth, created, nothing},
    page::{Listing, Paging, page},
    strict::{Asked, Body},
};
use crate::{
    admin::Act,
    console::problem::Problem,
    model::{CallCenterName, Login},
    store::{CallCenterRow, json},
};
use axum::{Json, http::StatusCode, response::IntoResponse};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct New {
    #[serde(deserialize_with = "json::from_text")]
    name: CallCenterName,
}

pub async fn list(desk: Desk, asked: Asked<Paging>) -> Listing<CallCenterRow> {
    page(desk.app.store().call_centers().await?, asked, |row| row.name.clone())
}

pub async fn add(desk: Desk, Body(New { name }): Body<New>) -> Result<impl IntoResponse, Problem> {
    desk.carry_out(Act::AddCallCenter(name.clone())).await?;
    Ok(created(format!("call-centers/{name}"), Json(CallCenterRow { name: name.into_string(), agents: Vec::new() })))
}

pub async fn get(desk: Desk, Named(name): Named<CallCenterName>) -> Result<Json<CallCenterRow>, Problem> {
    let rows = desk.app.store().call_centers().await?;
    rows.into_iter().find(|row| row.name == name.as_str()).map(Json).ok_or_else(nothing)
}

pub async fn remove(desk: Desk, Named(name): Named<CallCenterName>) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::RemoveCallCenter(name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn assign(
    desk: Desk,
    NamedBoth(name, login): NamedBoth<CallCenterName, Login>,
) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::Assign(name, login)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn unassign(
    desk: Desk,
    NamedBoth(name, login): NamedBoth<CallCenterName, Login>,
) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::Unassign(name, login)).await?;
    Ok(StatusCode::NO_CONTENT)
}
