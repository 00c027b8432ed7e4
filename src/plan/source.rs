//! Sources: their columns, what is joined to their rows, and what these give.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};

use super::{AggregateInput, Connector, Expression, Field, Format, TextForm, Unnest};
use crate::time::Micros;

#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub connector: Arc<dyn Connector>,
    pub format: Format,
    pub text: TextForm,
    pub kind: Kind,
    pub fields: Vec<Field>,
    /// The list whose elements are rows.
    pub unnest: Option<Unnest>,
    /// Further columns, each over the columns before it.
    pub derived: Vec<(String, Expression)>,
    /// `fields`, then `derived`, then `time` unless a field has that name: the columns of the
    /// source's own.
    pub schema: SchemaRef,
    /// What is said over the columns of tables that are joined to its rows. Its `derived`,
    /// `condition` and `inputs` look at none of them.
    pub joined: Option<Joined>,
    /// As a table: which of its columns sources that join it look at. A source that is nobody's
    /// table has none.
    pub looked_up: Vec<usize>,
    /// The column that holds an event's id or a record's key; `None` only for events.
    pub key: Option<usize>,
    /// The column that holds the row's time; `None`: the broker's or the file's order.
    pub time: Option<usize>,
    /// Records: rows that mean "gone".
    pub deleted: Option<Expression>,
    /// Rows that count.
    pub condition: Option<Expression>,
    pub max_ahead: Micros,
    /// Events with an id: for how long it is remembered.
    pub id_window: Micros,
    /// Events with a time: the gap that parts sessions.
    pub sessions: Option<Micros>,
    /// Columns that hold identifiers: the type (an index into `Plan::identifiers`) and the column
    /// (text, or a list of text). Most trusted first.
    pub identifiers: Vec<(u8, usize)>,
    /// What its rows give to aggregates.
    pub inputs: Vec<AggregateInput>,
}

impl Source {
    /// Whether its rows say when what they tell of happened. A topic's table without `time` has only
    /// the broker's timestamps, which say when it was written; the order of a file is no instant.
    pub fn has_event_times(&self) -> bool {
        self.time.is_some() || (self.kind == Kind::Events && self.connector.is_dated())
    }

    /// Whether its rows have an instant at all: the order of a file is none.
    pub fn is_dated(&self) -> bool {
        self.time.is_some() || self.connector.is_dated()
    }

    /// Lines with which its files begin that tell none from another: a header.
    pub fn header_lines(&self) -> usize {
        usize::from(self.format == Format::Csv && self.text.columns.is_none())
    }
}

impl Source {
    /// What is read of a row, before its list is unnested.
    pub fn raw_fields(&self) -> &[Field] {
        self.unnest.as_ref().map_or(&self.fields, |unnest| &unnest.raw)
    }

    /// The columns that these become.
    pub fn raw_columns(&self) -> &[FieldRef] {
        match &self.unnest {
            Some(unnest) => &unnest.raw_columns,
            None => &self.schema.fields()[..self.fields.len()],
        }
    }

    /// All columns that attributes can be over: its own, then those that come by joins.
    pub fn columns(&self) -> &SchemaRef {
        self.joined.as_ref().map_or(&self.schema, |joined| &joined.schema)
    }

    /// Those that come by joins.
    pub fn joined_columns(&self) -> &[FieldRef] {
        &self.columns().fields()[self.schema.fields().len()..]
    }

    /// Adds what its rows give to an aggregate; whether that can be taken back.
    pub fn add_input(&mut self, input: AggregateInput) -> bool {
        self.add_inputs(vec![input])
    }

    /// Adds all that its rows give to one aggregate: it comes one way, over joined columns if any of
    /// it looks at them.
    pub fn add_inputs(&mut self, inputs: Vec<AggregateInput>) -> bool {
        let joined = inputs.iter().any(|AggregateInput { condition, argument, .. }| {
            condition.iter().chain(argument).any(|asked| self.looks_at_joined(asked))
        });
        let records = self.kind == Kind::Records;
        match &mut self.joined {
            Some(of_joined) if joined => of_joined.inputs.extend(inputs),
            _ => self.inputs.extend(inputs),
        }
        records || joined || self.joined.as_ref().is_some_and(|of| of.condition.is_some())
    }

    /// Whether an expression over `columns` looks at one that comes by a join.
    pub fn looks_at_joined(&self, expression: &Expression) -> bool {
        let own = self.schema.fields().len();
        expression.columns().iter().any(|column| *column >= own)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Events,
    Records,
}

/// Tables that are joined to a source's rows, and what is said over their columns.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Those of which some column is looked at.
    pub tables: Vec<JoinedTable>,
    /// The source's own columns, then those of the tables, then columns derived from these.
    pub schema: SchemaRef,
    /// The derived columns that are looked at: which column of `schema` each is, over those before.
    pub derived: Vec<(usize, Expression)>,
    /// Rows that count.
    pub condition: Option<Expression>,
    /// What its rows give to aggregates.
    pub inputs: Vec<AggregateInput>,
    /// The source's own columns that any of these looks at.
    pub carried: Vec<usize>,
}

/// A table that is joined to a source's rows.
#[derive(Clone, Debug)]
pub struct JoinedTable {
    /// Index into `Plan::sources`.
    pub source: usize,
    /// The column of the joining source whose text is the key of the table's record.
    pub key: usize,
    /// Where the table's columns start in the joined schema: all but the pseudo-column `time`.
    pub first: usize,
    /// How many they are.
    pub columns: usize,
}

impl JoinedTable {
    /// Which columns of the joined schema are the table's.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.columns
    }
}
