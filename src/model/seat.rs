use super::ExtensionNumber;
use serde::{Deserialize, Serialize};

/// The floor plan has this many fields each way.
pub const PLAN_COLUMNS: u8 = 24;
pub const PLAN_ROWS: u8 = 24;

/// A field of the floor plan, counted from 1 at the top on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub column: u8,
    pub row: u8,
}

impl Place {
    pub fn is_on_the_plan(self) -> bool {
        (1..=PLAN_COLUMNS).contains(&self.column) && (1..=PLAN_ROWS).contains(&self.row)
    }
}

/// Where a phone stands (G1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    pub extension: ExtensionNumber,
    pub place: Place,
}
