use super::{
    desk::{Desk, NamedBoth},
    page::{Limit, Listing, Paging, page},
    strict::{Asked, Body},
};
use crate::{
    admin::{Act, Permission, Right},
    console::problem::Problem,
    model::{Login, Resource},
    store::json,
};
use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Of this account alone.
    #[serde(deserialize_with = "json::from_given_text")]
    login: Option<Login>,
    #[serde(deserialize_with = "json::from_text")]
    limit: Limit,
    after: Option<String>,
}

/// What a rule is, and what is easily thought otherwise of it (D12).
#[derive(Serialize)]
pub struct Given {
    #[serde(flatten)]
    permission: Permission,
    notes: Vec<String>,
}

pub async fn list(desk: Desk, Asked(wanted): Asked<Wanted>) -> Listing<Permission> {
    let Wanted { login, limit, after } = wanted;
    let rows = desk.app.store().permissions(login.as_ref().map(Login::as_str)).await?;
    let name = |row: &Permission| format!("{} {} {}", row.login, row.resource, row.effect);
    page(rows.into_iter().map(Permission::from).collect(), Asked(Paging { limit, after }), name)
}

pub async fn grant(
    desk: Desk,
    NamedBoth(login, resource): NamedBoth<Login, Resource>,
    Body(right): Body<Right>,
) -> Result<Json<Given>, Problem> {
    given(&desk, login.clone(), resource.clone(), Act::Grant(login, resource, right), "allow").await
}

/// Wins over every grant.
pub async fn deny(desk: Desk, NamedBoth(login, resource): NamedBoth<Login, Resource>) -> Result<Json<Given>, Problem> {
    given(&desk, login.clone(), resource.clone(), Act::Deny(login, resource), "deny").await
}

async fn given(desk: &Desk, login: Login, resource: Resource, act: Act, effect: &str) -> Result<Json<Given>, Problem> {
    let notes = desk.carry_out(act).await?.notes.iter().map(ToString::to_string).collect();
    let rows = desk.app.store().permissions(Some(login.as_str())).await?;
    let mut rows = rows.into_iter().filter(|row| row.resource == resource).map(Permission::from);
    let permission = rows.find(|row| row.effect == effect).ok_or_else(super::desk::nothing)?;
    Ok(Json(Given { permission, notes }))
}

/// Grant and denial alike.
pub async fn revoke(desk: Desk, NamedBoth(login, resource): NamedBoth<Login, Resource>) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::Revoke(login, resource)).await?;
    Ok(StatusCode::NO_CONTENT)
}
