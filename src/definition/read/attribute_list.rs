//! Attributes as they are found, each with its step.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::object::{ReadContext, SqlText};
use crate::definition::sql::SqlError;
use crate::definition::sql::describe::describe;
use crate::definition::sql::instant::NowTurn;
use crate::plan::{Aggregate, Attribute, Instant, Rank, Sessions, Step};

/// Attributes, and the columns that segments and outputs are evaluated over, as they grow.
pub struct Attributes {
    pub aggregates: Vec<Aggregate>,
    pub sessions: Vec<Sessions>,
    pub aggregate_schema: SchemaRef,
    pub attributes: Vec<Attribute>,
    pub profile_schema: SchemaRef,
    pub steps: Vec<Step>,
    pub ranks: Vec<Rank>,
    /// How many of the first columns ranks may look at.
    pub ranked_columns: usize,
    pub instants: Vec<Instant>,
}

impl Attributes {
    pub fn add_attribute(
        &mut self,
        name: &str,
        data_type: DataType,
        step: Step,
        note: Option<String>,
    ) {
        let column = self.add_column(name, data_type.clone(), step);
        self.attributes.push(Attribute { name: name.to_owned(), column, data_type, note });
    }

    /// Adds a step and its column.
    pub fn add_column(&mut self, name: &str, data_type: DataType, step: Step) -> usize {
        let mut fields = self.profile_schema.fields().to_vec();
        fields.push(Arc::new(Field::new(name, data_type, true)));
        self.profile_schema = Arc::new(Schema::new(fields));
        self.steps.push(step);
        self.profile_schema.fields().len() - 1
    }

    /// Adds where a condition turns.
    pub fn add_turn(&mut self, context: &mut ReadContext, text: &SqlText, turn: NowTurn) {
        let timestamp = context.dialect.timestamp();
        let found = context.dialect.type_of(&turn.at, &self.profile_schema);
        let Some(found) = context.check(text, found) else { return };
        if !matches!(found, DataType::Timestamp(..) | DataType::Date32 | DataType::Null) {
            let message =
                format!("now() is compared with what is no instant but a {}", describe(&found));
            context.complain_sql(text, SqlError::new(message));
            return;
        }
        let after = turn.after;
        let at = turn.instant(&timestamp);
        let compiled =
            context.dialect.compile(at, &self.profile_schema, Some(&timestamp), &text.text);
        if let Some(at) = context.check(text, compiled) {
            self.instants.push(Instant { at, after });
        }
    }
}
