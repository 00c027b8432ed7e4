//! The typed plan: a definition file that has been checked. Nothing checks it again.

mod aggregate;
mod attribute;
pub mod caught;
pub mod changes;
mod connector;
mod data_place;
mod expression;
pub mod failure;
mod field;
mod http;
mod identity;
mod limits;
mod output;
mod own_rows;
mod path;
mod source;
pub mod source_reading;
pub mod stated;
mod text_form;
mod time_form;
mod type_words;
mod types;
mod uncalled;
mod unfit;
mod unnest;
mod value_map;
mod window;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;

pub use crate::aggregate::Function;
use crate::row::Identifier;
pub use crate::time::days::Unit;
pub use crate::time::since::Since;
pub use aggregate::{Aggregate, AggregateInput, Sessions};
pub use attribute::{Attribute, Instant, Rank, Segment, Step};
pub use connector::{Connector, Format, Kafka, RowPlace};
pub use data_place::{BucketKeys, BucketPlace, DataPlace};
pub use expression::Expression;
pub use field::Field;
pub use http::{
    HttpServing, KeyHash, Keys, RateLimit, RateLimits, StatedKey, StatedKeys, TlsFiles,
};
pub use identity::{Decisions, IdentifierType, Placeholders};
pub use limits::Limits;
pub use output::{Destination, Output, PostgresTable, Publish, Webhook};
#[cfg(test)]
pub use own_rows::own_rows;
pub use path::{FieldPath, PathStep};
pub use source::{Joined, JoinedTable, Kind, Source};
use stated::Stated;
pub use text_form::{CsvMarks, TextForm};
pub use time_form::{EpochUnit, TimeForm, TimeWriting, ZoneField};
pub use types::{Type, item_type};
pub use unnest::Unnest;
pub use value_map::{Meant, Others, ValueMap};
pub use window::Window;

/// Everything a definition file says, with names resolved to indexes and SQL to expressions.
#[derive(Clone, Debug)]
pub struct Plan {
    pub name: String,
    /// What `date_trunc('day', …)` means: an IANA name.
    pub time_zone: Arc<str>,
    pub target_latency: Duration,
    /// What calls in expressions may make and do.
    pub limits: Limits,
    pub kafka: Kafka,
    pub http: HttpServing,
    /// Where accepted rows are stored.
    pub data: Option<DataPlace>,
    pub sources: Vec<Source>,
    /// Most trusted first.
    pub identifiers: Vec<IdentifierType>,
    /// How many identifiers a person may have, of all types together.
    pub at_most: Option<u32>,
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

    /// The types of identifiers that there are, where an id names one that is none of them.
    pub fn types_in_place_of(&self, id: &str) -> Option<String> {
        let types: Vec<&str> = self.identifiers.iter().map(|kind| kind.name.as_str()).collect();
        let (named, _) = id.split_once(':')?;
        let is_none = !types.contains(&named);
        is_none.then(|| format!("the types of identifiers are: {}", types.join(", ")))
    }

    /// An identifier as it is written: `type:value`.
    pub fn spoken(&self, identifier: &Identifier) -> String {
        format!("{}:{}", self.identifiers[usize::from(identifier.kind)].name, identifier.text)
    }
}
