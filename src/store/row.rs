use super::{Result, StoreError};
use sqlx::{Decode, Row, Type, any::AnyRow};
use std::str::FromStr;

/// A column by its name.
pub fn column<'r, T: Decode<'r, sqlx::Any> + Type<sqlx::Any>>(row: &'r AnyRow, name: &'static str) -> Result<T> {
    Ok(row.try_get(name)?)
}

/// A text column that holds a word, number or id of ours.
pub fn parsed<T: FromStr>(row: &AnyRow, name: &'static str) -> Result<T> {
    column::<String>(row, name)?.parse().map_err(|_| StoreError::Corrupt { what: name })
}

pub fn parsed_option<T: FromStr>(row: &AnyRow, name: &'static str) -> Result<Option<T>> {
    let text = column::<Option<String>>(row, name)?;
    text.map(|text| text.parse().map_err(|_| StoreError::Corrupt { what: name })).transpose()
}

pub fn flag(row: &AnyRow, name: &'static str) -> Result<bool> {
    Ok(column::<i64>(row, name)? != 0)
}

/// An unsigned number from a BIGINT.
pub fn number(row: &AnyRow, name: &'static str) -> Result<u64> {
    u64::try_from(column::<i64>(row, name)?).map_err(|_| StoreError::Corrupt { what: name })
}

/// An unsigned number from a BIGINT that may be null.
pub fn number_option<T: TryFrom<i64>>(row: &AnyRow, name: &'static str) -> Result<Option<T>> {
    let number = column::<Option<i64>>(row, name)?;
    number.map(|number| T::try_from(number).map_err(|_| StoreError::Corrupt { what: name })).transpose()
}

/// An unsigned number of fewer bits from a BIGINT.
pub fn small<T: TryFrom<i64>>(row: &AnyRow, name: &'static str) -> Result<T> {
    T::try_from(column(row, name)?).map_err(|_| StoreError::Corrupt { what: name })
}

/// An unsigned number for a BIGINT; what no clock or counter of ours reaches is cut.
pub fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What stands for the values of so many rows: `($1, $2), ($3, $4)`.
pub fn placeholders(rows: usize, columns: usize) -> String {
    let row = |row: usize| (1..=columns).map(|column| format!("${}", row * columns + column)).collect::<Vec<_>>();
    (0..rows).map(|n| format!("({})", row(n).join(", "))).collect::<Vec<_>>().join(", ")
}
