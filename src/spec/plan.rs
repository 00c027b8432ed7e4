//! The typed plan: a definition file that has been checked. Nothing checks it again.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};

pub use super::calendar::Since;
pub use super::window::Window;
use crate::row::Datum;
use crate::spec::limits::Limits;
use crate::spec::sql::Expression;
use crate::spec::stated::Stated;
use crate::time::Micros;
pub use crate::time::days::Unit;

pub use super::types::Type;

/// Everything a definition file says, with names resolved to indexes and SQL to expressions.
#[derive(Clone, Debug)]
pub struct Plan {
    pub name: String,
    /// What `date_trunc('day', …)` means: an IANA name.
    pub time_zone: Arc<str>,
    pub target_latency: Duration,
    /// Of calls in expressions.
    pub limits: Limits,
    pub kafka: Kafka,
    pub sources: Vec<Source>,
    /// Most trusted first.
    pub identifiers: Vec<IdentifierType>,
    pub decisions: Option<Decisions>,
    /// Where conflicts are published: for each source that identifiers are taken from, the aggregate
    /// that counts a person's rows of it.
    pub presence: Vec<(u16, u16)>,
    /// Each distinct aggregate once, whatever number of attributes use it.
    pub aggregates: Vec<Aggregate>,
    /// One a source whose sessions an aggregate looks at.
    pub sessions: Vec<Sessions>,
    /// In the order of the file.
    pub attributes: Vec<Attribute>,
    /// In the order of the file.
    pub segments: Vec<Segment>,
    pub outputs: Vec<Output>,
    /// One column an aggregate, in order, named `#0`, `#1`, …
    pub aggregate_schema: SchemaRef,
    /// What derived attributes, segments and outputs' conditions are evaluated over, in this order:
    /// `identifiers` (a struct with a list of text a type), `now()` (a timestamp), then the
    /// attributes and segments in the order of `steps`. A step sees only the columns before its own.
    pub profile_schema: SchemaRef,
    /// How `profile_schema`'s columns from the third on are made, in order.
    pub steps: Vec<Step>,
    /// Each distinct rank once, whatever number of attributes use it.
    pub ranks: Vec<Rank>,
    /// How many of `profile_schema`'s first columns ranks look at: none of them depends on a rank.
    pub ranked_columns: usize,
    /// Instants at which conditions on `now()` can change, over `profile_schema`.
    pub instants: Vec<Instant>,
    /// What the definition says, for processes to compare.
    pub stated: Vec<Stated>,
}

impl Plan {
    /// The same where events with an id can be taken back, since an earlier one may take their place.
    pub fn with_repeats_taken_back(&self) -> Self {
        let mut plan = self.clone();
        let repeating =
            self.sources.iter().filter(|of| of.kind == Kind::Events && of.key.is_some());
        for source in repeating {
            let joined = source.joined.iter().flat_map(|joined| &joined.inputs);
            for input in source.inputs.iter().chain(joined) {
                plan.aggregates[usize::from(input.aggregate)].retracts = true;
            }
        }
        plan
    }

    /// Whether some output holds these.
    pub fn publishes(&self, what: Publish) -> bool {
        self.outputs.iter().any(|output| output.publish == what)
    }
}

/// Brokers and properties shared by every topic.
#[derive(Clone, Debug, Default)]
pub struct Kafka {
    pub brokers: String,
    /// librdkafka's own, in order.
    pub properties: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub connector: Connector,
    pub format: Format,
    pub kind: Kind,
    pub fields: Vec<Field>,
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
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connector {
    /// Globs, relative to the definition file's folder unless absolute (already joined here).
    Files {
        globs: Vec<String>,
    },
    /// Read by the first process.
    StandardInput,
    Kafka {
        topic: String,
        start: KafkaStart,
    },
}

impl Connector {
    /// Whether each of its rows comes with an instant.
    pub fn is_dated(&self) -> bool {
        matches!(self, Connector::Kafka { .. })
    }

    /// Whether it comes to an end by itself, where files that grow are followed or not.
    pub fn ends(&self, follow: bool) -> bool {
        match self {
            Connector::Files { .. } => !follow,
            Connector::StandardInput => true,
            Connector::Kafka { .. } => false,
        }
    }
}

impl std::fmt::Display for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Connector::Files { globs } => f.write_str(&globs.join(", ")),
            Connector::StandardInput => f.write_str("standard input"),
            Connector::Kafka { topic, .. } => write!(f, "topic {topic}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaStart {
    Earliest,
    Latest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Parquet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Events,
    Records,
}

/// What to take out of a raw row.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub data_type: Type,
    /// Keys from the row's root down; `[name]` unless the definition gives a path.
    pub path: Vec<String>,
    /// Stands in for a value that is absent or null.
    pub default: Option<Datum>,
}

impl Source {
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

/// What becomes of texts that programs write where there is no value, as identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholders {
    /// They are no identifiers at all.
    Ignore,
    Keep,
}

#[derive(Clone, Debug)]
pub struct IdentifierType {
    pub name: String,
    /// Over one column, `value`, of text. Null means "none".
    pub normalize: Option<Expression>,
    /// What becomes of texts that stand for no value, before and behind `normalize`.
    pub placeholders: Placeholders,
    /// Of normalised text: these are no identifiers at all.
    pub ignore: globset::GlobSet,
    /// No person has more of this type.
    pub at_most: Option<u32>,
    /// One linked with more identifiers of one more trusted type is shared, and links nobody.
    pub shared_after: Option<u32>,
}

/// A table of what people decided about identifiers.
#[derive(Clone, Debug)]
pub struct Decisions {
    /// Index into `Plan::sources`.
    pub source: usize,
    /// Columns of text, each with an identifier as `type:value`.
    pub identifiers: [usize; 2],
    /// A column of text: `same` or `different`.
    pub verdict: usize,
}

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

#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    pub publish: Publish,
    pub target: Target,
    /// Of files: `Json`, a record a line, or `Csv`. Messages of topics are JSON.
    pub format: Format,
    /// `profiles` only: who is in it, over `profile_schema` with every column.
    pub condition: Option<Expression>,
    /// `profiles` only: indexes into `Plan::attributes`, in the order to print them.
    pub attributes: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    Profiles,
    Segments,
    Identities,
    Rejects,
    Conflicts,
}

impl Publish {
    pub const ALL: [Publish; 5] = [
        Publish::Profiles,
        Publish::Segments,
        Publish::Identities,
        Publish::Rejects,
        Publish::Conflicts,
    ];

    /// As definitions call it. An output of this name publishes this.
    pub fn name(self) -> &'static str {
        match self {
            Publish::Profiles => "profiles",
            Publish::Segments => "segments",
            Publish::Identities => "identities",
            Publish::Rejects => "rejects",
            Publish::Conflicts => "conflicts",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Kafka {
        topic: String,
    },
    /// Relative to the definition file's folder unless absolute (already joined here).
    File {
        path: std::path::PathBuf,
    },
    StandardOutput,
}

impl Target {
    /// Whether the first process alone writes it.
    pub fn is_local(&self) -> bool {
        !matches!(self, Target::Kafka { .. })
    }

    /// The path, if it is a file.
    pub fn file(&self) -> Option<&std::path::Path> {
        match self {
            Target::File { path } => Some(path),
            Target::Kafka { .. } | Target::StandardOutput => None,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Kafka { topic } => write!(f, "topic {topic}"),
            Target::File { path } => write!(f, "{}", path.display()),
            Target::StandardOutput => f.write_str("standard output"),
        }
    }
}
