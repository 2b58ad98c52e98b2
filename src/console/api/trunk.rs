use super::{
    desk::{Desk, Named, created, nothing},
    page::{Listing, Paging, page},
    strict::{Asked, Body},
};
use crate::{
    admin::{Act, NewTrunk, TrunkLine},
    console::problem::Problem,
    engine::control::Request,
    model::TrunkName,
    store::TrunkChange,
};
use axum::{Json, http::StatusCode, response::IntoResponse};

pub async fn list(desk: Desk, asked: Asked<Paging>) -> Listing<TrunkLine> {
    page(lines(&desk).await?, asked, |row| row.name.clone())
}

pub async fn add(desk: Desk, Body(new): Body<NewTrunk>) -> Result<impl IntoResponse, Problem> {
    let name = new.name.clone();
    desk.carry_out(Act::AddTrunk(new)).await?;
    Ok(created(format!("trunks/{name}"), get(desk, Named(name)).await?))
}

pub async fn get(desk: Desk, Named(name): Named<TrunkName>) -> Result<Json<TrunkLine>, Problem> {
    lines(&desk).await?.into_iter().find(|row| row.name == name.as_str()).map(Json).ok_or_else(nothing)
}

pub async fn change(
    desk: Desk,
    Named(name): Named<TrunkName>,
    Body(change): Body<TrunkChange>,
) -> Result<Json<TrunkLine>, Problem> {
    desk.carry_out(Act::SetTrunk(name.clone(), change)).await?;
    get(desk, Named(name)).await
}

pub async fn remove(desk: Desk, Named(name): Named<TrunkName>) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::RemoveTrunk(name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn lines(desk: &Desk) -> Result<Vec<TrunkLine>, Problem> {
    let known = desk.app.engine().ask(Request::Trunks).await.trunks.unwrap_or_default();
    let entries = desk.app.store().trunks().await?;
    Ok(entries.into_iter().map(|entry| TrunkLine::new(entry, &known)).collect())
}
