//! Attributes and segments: how the columns of a profile are made, in which order.

use arrow::datatypes::DataType;

use super::Expression;

#[derive(Clone, Debug)]
pub struct Attribute {
    pub name: String,
    /// Its column in `profile_schema`.
    pub column: usize,
    pub data_type: DataType,
    /// How it chooses rows, or ranks people, for people: `within 30 days`.
    pub note: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Segment {
    pub name: String,
    pub description: Option<String>,
    /// Its column in `profile_schema`, a boolean; null counts as not in.
    pub column: usize,
}

/// How one column of `profile_schema` is made.
#[derive(Clone, Debug)]
pub enum Step {
    /// An attribute from rows: over `aggregate_schema`.
    Aggregates(Expression),
    /// A derived attribute, or a segment: over the columns of `profile_schema` before its own.
    Derived(Expression),
    /// The scores by a rank, an index into `Plan::ranks`.
    Rank(usize),
}

/// A person's place among all people: of the values that are not null, ordered, the border `k` is the
/// least one that at least `k / bins` of all are not greater than (SQL's `percentile_disc`). A
/// person's score is 1 and one more for each of the `bins - 1` borders below their value.
#[derive(Clone, Debug)]
pub struct Rank {
    /// What is ranked, over the first `Plan::ranked_columns` columns of `profile_schema`.
    pub expression: Expression,
    pub bins: u16,
}

/// Where a comparison with `now()` turns.
#[derive(Clone, Debug)]
pub struct Instant {
    /// A timestamp (microseconds) over `profile_schema`.
    pub at: Expression,
    /// The comparison turns one microsecond later (`now() > at` rather than `now() >= at`).
    pub after: bool,
}
