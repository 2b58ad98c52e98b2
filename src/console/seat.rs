//! The floor plan for programs and for the page that arranges it (G1).

use super::{
    api::{Body, Desk, Named},
    app::App,
    problem::Problem,
};
use crate::{
    admin::Act,
    model::{ExtensionNumber, Place, Seat},
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;

#[derive(Serialize)]
pub struct Row {
    extension: String,
    #[serde(flatten)]
    place: Place,
}

pub async fn list(State(app): State<App>) -> Result<Json<Vec<Row>>, Problem> {
    let row = |Seat { extension, place }: Seat| Row { extension: extension.to_string(), place };
    Ok(Json(app.store().seats().await?.into_iter().map(row).collect()))
}

pub async fn put(
    desk: Desk,
    Named(extension): Named<ExtensionNumber>,
    Body(place): Body<Place>,
) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::PutSeat(extension, place)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn remove(desk: Desk, Named(extension): Named<ExtensionNumber>) -> Result<StatusCode, Problem> {
    desk.carry_out(Act::RemoveSeat(extension)).await?;
    Ok(StatusCode::NO_CONTENT)
}
