//! Aggregates over rows: what each takes, and what it gives.

use arrow::datatypes::{DataType, SchemaRef};

use super::{Expression, Window};
use crate::aggregate::{Function, Types};
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

impl Aggregate {
    /// What its function is given, and what it is to give.
    pub fn types(&self) -> Types<'_> {
        Types { argument: self.argument.as_ref(), output: &self.output }
    }
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
