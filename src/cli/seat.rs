//! `seat`: where phones stand on the floor plan (G1).

use super::{
    office::Office,
    output::{self, Format, Row},
};
use crate::{
    admin::Act,
    model::{ExtensionNumber, Place},
};
use serde::Serialize;

#[derive(clap::Subcommand)]
pub enum SeatCommand {
    /// Put a phone on the floor plan, or elsewhere on it
    Put {
        number: ExtensionNumber,
        /// From the left, from 1
        column: u8,
        /// From the top, from 1
        row: u8,
    },
    /// Take a phone off the floor plan
    Remove { number: ExtensionNumber },
    /// Show the floor plan, row by row
    List(Format),
}

#[derive(Serialize)]
struct Line {
    extension: String,
    column: u8,
    row: u8,
}

impl SeatCommand {
    pub async fn run(self, office: &Office) -> anyhow::Result<()> {
        let act = match self {
            SeatCommand::Put { number, column, row } => Act::PutSeat(number, Place { column, row }),
            SeatCommand::Remove { number } => Act::RemoveSeat(number),
            SeatCommand::List(format) => {
                let seats = office.store.seats().await?.into_iter();
                let lines = seats.map(|seat| Line {
                    extension: seat.extension.to_string(),
                    column: seat.place.column,
                    row: seat.place.row,
                });
                return output::list(&lines.collect::<Vec<_>>(), format);
            }
        };
        office.carry_out(act).await
    }
}

impl Row for Line {
    const HEADINGS: &'static [&'static str] = &["EXTENSION", "COLUMN", "ROW"];

    fn cells(&self) -> Vec<String> {
        vec![self.extension.clone(), self.column.to_string(), self.row.to_string()]
    }
}
