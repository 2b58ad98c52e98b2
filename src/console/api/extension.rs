use super::{
    desk::{Desk, Named, created, nothing},
    page::{Listing, Paging, page},
    strict::{Asked, Body},
};
use crate::{
    admin::Act,
    console::problem::Problem,
    model::ExtensionNumber,
    store::{ExtensionChange, ExtensionRow, NewExtension},
};
use axum::{Json, http::StatusCode, response::IntoResponse};

pub async fn list(desk: Desk, asked: Asked<Paging>) -> Listing<ExtensionRow> {
    page(desk.app.store().extensions().await?, asked, |row| row.number.to_string())
}

pub async fn add(desk: Desk, Body(new): Body<NewExtension>) -> Result<impl IntoResponse, Problem> {
    let number = new.number.clone();
    desk.carry_out(Act::AddExtension(new)).await?;
    Ok(created(format!("extensions/{number}"), get(desk, Named(number)).await?))
}

pub async fn get(desk: Desk, Named(number): Named<ExtensionNumber>) -> Result<Json<ExtensionRow>, Problem> {
    let rows = desk.app.store().extensions().await?;
    rows.into_iter().find(|row| row.number == number).map(Json).ok_or_else(nothing)
}

pub async fn change(
    desk: Desk,
    Named(number): Named<ExtensionNumber>,
    Body(change): Body<ExtensionChange>,
) -> Result<Json<ExtensionRow>, Problem> {
    desk.carry_out(Act::SetExtension(number.clone(), change)).await?;
    get(desk, Named(number)).await
}

pub async fn remove(desk: Desk, Named(number): Named<ExtensionNumber>) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::RemoveExtension(number)).await?;
    Ok(StatusCode::NO_CONTENT)
}
