use super::{
    desk::{Desk, Named},
    page::{Listing, Paging, page},
    strict::{Asked, Body},
};
use crate::{
    admin::Act,
    console::problem::Problem,
    store::{SettingKey, SettingRow},
};
use axum::Json;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    value: String,
}

pub async fn list(desk: Desk, asked: Asked<Paging>) -> Listing<SettingRow> {
    page(desk.app.store().setting_rows().await?, asked, |row| row.key.to_owned())
}

pub async fn get(desk: Desk, Named(key): Named<SettingKey>) -> Result<Json<SettingRow>, Problem> {
    let rows = desk.app.store().setting_rows().await?;
    rows.into_iter().find(|row| row.key == key.as_str()).map(Json).ok_or_else(super::desk::nothing)
}

/// Applies from the next session on (B3).
pub async fn put(
    desk: Desk,
    Named(key): Named<SettingKey>,
    Body(Value { value }): Body<Value>,
) -> Result<Json<SettingRow>, Problem> {
    desk.carry_out(Act::SetSetting(key, value)).await?;
    get(desk, Named(key)).await
}
