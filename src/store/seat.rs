use super::{Actor, Change, Result, Store, StoreError, extension_exists_or, no_such, row, taken};
use crate::model::{ExtensionNumber, Place, Seat};

impl Store {
    /// In the order of the plan: row by row.
    pub async fn seats(&self) -> Result<Vec<Seat>> {
        let rows = sqlx::query("SELECT extension, plan_column, plan_row FROM seat ORDER BY plan_row, plan_column")
            .fetch_all(&self.pool)
            .await?;
        let field = |line, name| {
            u8::try_from(row::column::<i64>(line, name)?).map_err(|_| StoreError::Corrupt { what: "seat" })
        };
        let read = |line| {
            let place = Place { column: field(line, "plan_column")?, row: field(line, "plan_row")? };
            Ok(Seat { extension: row::parsed(line, "extension")?, place })
        };
        rows.iter().map(read).collect()
    }

    /// Puts the phone there, wherever it stood before; two cannot stand in one place.
    pub async fn put_seat(&self, actor: &Actor, extension: &ExtensionNumber, place: Place) -> Result<()> {
        if !place.is_on_the_plan() {
            return Err(StoreError::Unusable { what: "a seat", expected: "in a column and a row from 1 to 24" });
        }
        let at = format!("{},{}", place.column, place.row);
        let mut tx = self.begin().await?;
        let put = sqlx::query(
            "INSERT INTO seat (extension, plan_column, plan_row) VALUES ($1, $2, $3)
             ON CONFLICT (extension) DO UPDATE SET plan_column = excluded.plan_column, plan_row = excluded.plan_row",
        )
        .bind(extension.as_str())
        .bind(i64::from(place.column))
        .bind(i64::from(place.row))
        .execute(&mut *tx)
        .await;
        put.map_err(|error| match extension_exists_or(Some(extension), error) {
            StoreError::Database(error) => taken(error, "a seat at", &at),
            other => other,
        })?;
        self.commit(tx, actor, Change::Extension(extension.clone()), format!("seat put {extension} {at}")).await
    }

    pub async fn remove_seat(&self, actor: &Actor, extension: &ExtensionNumber) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM seat WHERE extension = $1").bind(extension.as_str());
        if done.execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(no_such("seat of", extension));
        }
        self.commit(tx, actor, Change::Extension(extension.clone()), format!("seat remove {extension}")).await
    }
}
