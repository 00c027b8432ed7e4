//! Aggregates over rows: what each takes, and what it gives.

use arrow::datatypes::{DataType, SchemaRef};

use super::{Expression, Window};
use crate::time::Micros;

#[derive(Clone, Debug)]
pub struct Aggregate {
    pub function: Function,
    /// The argument's type after coercion, the same for every source; `None` for `count(*)`.
    pub argument: Option<DataType>,
    /// The result's type.
    pub output: DataType,
    pub window: Option<Window>,
    /// Whether rows it counts can be taken back: a source of `records`, a window, or what it looks
    /// at comes from a joined table; where events arrive at their own times, an event with an id.
    pub retracts: bool,
    /// Index into `Plan::sessions`: its rows come with their sessions, from the person.
    pub sessions: Option<u16>,
}

/// What a source's rows give to one aggregate.
#[derive(Clone, Debug)]
pub struct AggregateInput {
    /// Index into `Plan::aggregates`.
    pub aggregate: u16,
    /// Which rows count, `where` and `filter` together.
    pub condition: Option<Expression>,
    /// `None` for `count(*)`.
    pub argument: Option<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `count(*)` and `count(x)`: Int64.
    Count,
    CountDistinct,
    /// Int64 of integers (null on overflow), Float64 of numbers, Decimal128(38, s) of decimals.
    Sum,
    /// Of each different value once; of the type of `Sum`.
    SumDistinct,
    /// Float64 of integers and numbers, Decimal128(38, s + 4) of decimals.
    Avg,
    Min,
    Max,
    BoolAnd,
    BoolOr,
    First,
    Last,
    /// Of the sample; null for fewer than two values. Float64. Likewise `Variance`.
    Stddev,
    Variance,
    /// The value in the middle, or the mean of the two: Float64 of integers and numbers,
    /// Decimal128(38, s + 1) of decimals.
    Median,
    /// The most frequent value, of equally frequent ones the least.
    Mode,
    /// The newest so many values, newest first; of equal times the greater value first.
    Recent(u16),
    /// The so many most frequent values, as a list of {value, count}, most frequent first; of equal
    /// counts the smaller value first.
    Top(u16),
    /// `array_agg(distinct x)`: sorted, the first 1,000.
    Distinct,
    /// The times of the steps of the chain that comes furthest: a list of timestamps, empty for none.
    ///
    /// A chain is r1 … rj in the order of time (equal times may follow each other, and one row may be
    /// several steps in turn), ri satisfies step i, and rj comes no more than `within` after r1. Of
    /// the chains with the most steps it is one that begins latest; from there each step is the
    /// earliest that there is. Its argument is the step, from 1, that a row satisfies.
    Funnel {
        within: Micros,
        steps: u8,
    },
    /// Nothing to publish (its column is null): the rows that a person's sessions are made of.
    Timeline,
}

/// Sessions of a source, for the aggregates that look at them.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// Index into `Plan::sources`.
    pub source: u16,
    /// A session ends where no row follows within this.
    pub gap: Micros,
    /// The aggregate, a `Function::Timeline`, under which the source's rows come to the person.
    pub timeline: u16,
    /// What aggregates look at, a row: the columns that it brings, the fields of the struct that
    /// the timeline takes; its `time`; and of its session `session`, `session_start`,
    /// `session_seconds` and `session_events`.
    pub schema: SchemaRef,
    /// How many columns a row brings. Of none, no struct is made.
    pub brings: usize,
    /// Over `schema`.
    pub inputs: Vec<AggregateInput>,
}
