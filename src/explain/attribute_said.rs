//! Where an attribute comes from, as it is told.

use serde::Serialize;

use super::given::SessionSaid;
use super::history::HistoryRow;
use super::person::RowSaid;
use super::ranks::RankSaid;
use super::reading::Origins;
use super::value::ShownValue;
use super::watch::{PersonWatch, Watched};
use crate::row::Identifier;
use crate::time::Micros;

#[derive(Debug, Serialize)]
pub struct AttributeSaid {
    pub attribute: String,
    /// As it stands in the definition.
    pub sql: String,
    /// How it chooses rows, or ranks people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub value: ShownValue,
    /// How the person stands among all, by what is ranked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranks: Vec<RankSaid>,
    /// The attributes from which it is made, if it is made from others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<AttributeSaid>,
    /// The steps, if it is a funnel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepSaid>,
    /// What each identifier brings from each source, those with the most rows first.
    pub parts: Vec<PartSaid>,
    /// How many parts there are.
    pub of_parts: usize,
    /// The rows that moved it last, the newest first.
    pub rows: Vec<MovingRow>,
    /// How many rows there are.
    pub of_rows: usize,
}

#[derive(Debug, Serialize)]
pub struct PartSaid {
    pub identifier: String,
    pub source: String,
    /// That count now.
    pub rows: usize,
    /// From these rows alone.
    pub value: ShownValue,
}

#[derive(Debug, Serialize)]
pub struct MovingRow {
    #[serde(flatten)]
    pub row: RowSaid,
    /// The identifier that brings it.
    pub identifier: String,
    /// What it gives to each aggregate of the attribute; nothing where rows are counted.
    pub gives: Vec<ShownValue>,
    /// The session that the row is in, if the attribute is over sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionSaid>,
    /// When the row will count in the window, until when it does, or since when it does no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaves: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

/// What an answer is made from.
pub struct Ground {
    pub now: Micros,
    pub origins: Origins,
    /// All of the person's own.
    pub rows: Vec<HistoryRow>,
    pub person: Watched,
    /// Everyone, if the attribute is a rank.
    pub everyone: Option<PersonWatch>,
}

/// The identifier to whose holder a row belongs.
pub fn carrier(row: &HistoryRow) -> Identifier {
    row.body.identifiers().next().expect("a row of somebody's").to_identifier()
}

#[derive(Debug, Serialize)]
pub struct StepSaid {
    /// From 1.
    pub step: usize,
    pub sql: String,
    /// When the furthest chain takes it; null where that does not come so far.
    pub at: Option<String>,
    /// Those of that time that satisfy it.
    pub rows: Vec<StepRow>,
    /// How many rows satisfy it, whenever that was.
    pub of_rows: usize,
}

#[derive(Debug, Serialize)]
pub struct StepRow {
    #[serde(flatten)]
    pub row: RowSaid,
    /// The identifier that brings it.
    pub identifier: String,
}
