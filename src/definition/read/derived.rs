//! Attributes by SQL from other attributes.
//!
//! Those with a rank in them, and those that build on such, come after all others: so what ranks look
//! at is known of a person before any rank is.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Fields, Schema};
use datafusion_common::Column;
use datafusion_expr::Expr;

use super::attribute_list::Attributes;
use super::object::{ReadContext, SqlText};
use super::order::{in_order, words};
use crate::definition::file::yaml::YamlKey;
use crate::definition::sql::SqlError;
use crate::definition::sql::describe::describe;
use crate::definition::sql::ranks::{self, NTILE};
use crate::plan::{Rank, Step};

/// An attribute as it is written.
pub struct DerivedAttribute {
    pub key: YamlKey,
    pub text: SqlText,
    /// Where not what the text says is the attribute, but a person's rank by it.
    pub bins: Option<u16>,
}

/// Adds them to the attributes. `segments` are names that have no place here.
pub fn read(
    context: &mut ReadContext,
    all: Vec<DerivedAttribute>,
    segments: &[String],
    attributes: &mut Attributes,
) {
    let scores = all.iter().filter_map(|one| Some((one.key.name.clone(), one.bins?)));
    let scores: HashMap<String, u16> = scores.collect();
    let all = all.into_iter().map(|one| (one.key, one.text)).collect();
    let mut ranked: Vec<(YamlKey, SqlText)> = Vec::new();
    for (key, text) in in_order(context, "attributes", all) {
        let words = words(&text.text);
        if let Some(segment) = segments.iter().find(|segment| words.contains(segment)) {
            let message = format!(
                "in {}: '{segment}' is a segment, and segments look at attributes, not attributes at \
                 segments: put the condition in its place",
                text.what
            );
            context.complain(text.place_of(segment), message);
            context.broken(&key.name);
            continue;
        }
        if scores.contains_key(&key.name)
            || ranked.iter().any(|(ranked, _)| words.contains(&ranked.name))
        {
            ranked.push((key, text));
            continue;
        }
        let Some(planned) = plan(context, &text, attributes) else {
            context.broken(&key.name);
            continue;
        };
        if ranks::has_ntile(&planned) {
            ranked.push((key, text));
            continue;
        }
        add(context, &key, &text, Some(planned), None, attributes);
    }
    attributes.ranked_columns = attributes.profile_schema.fields().len();
    let mut filed = FiledRanks::default();
    for (key, text) in ranked {
        let bins = scores.get(&key.name).copied();
        let taken = plan(context, &text, attributes).and_then(|planned| {
            let taken = filed.take_ranks(context, &text, planned, bins, attributes);
            context.check(&text, taken)
        });
        let note = taken.as_ref().and_then(|expression| filed.note(expression));
        add(context, &key, &text, taken, note, attributes);
    }
}

fn plan(context: &mut ReadContext, text: &SqlText, attributes: &Attributes) -> Option<Expr> {
    let planned = context.plan_scalar(text, &attributes.profile_schema)?;
    context.no_now(text, &planned)?;
    Some(planned)
}

/// Adds an attribute, or remembers that it is broken.
fn add(
    context: &mut ReadContext,
    key: &YamlKey,
    text: &SqlText,
    planned: Option<Expr>,
    note: Option<String>,
    attributes: &mut Attributes,
) {
    let schema = Arc::clone(&attributes.profile_schema);
    let compiled = planned.and_then(|planned| {
        let compiled = context.dialect.compile(planned, &schema, None, &text.text);
        context.check(text, compiled)
    });
    let Some(expression) = compiled else { return context.broken(&key.name) };
    let data_type = expression.data_type.clone();
    attributes.add_attribute(&key.name, data_type, Step::Derived(expression), note);
}

/// The ranks found so far, each once, with the column of its scores.
#[derive(Default)]
struct FiledRanks(Vec<(Expr, u16, String)>);

impl FiledRanks {
    /// An expression with its ranks taken out; where `bins` are given, it is ranked as a whole.
    fn take_ranks(
        &mut self,
        context: &ReadContext,
        text: &SqlText,
        planned: Expr,
        bins: Option<u16>,
        attributes: &mut Attributes,
    ) -> Result<Expr, SqlError> {
        let Some(bins) = bins else {
            return ranks::take_out(&text.text, planned, |ranked, bins| {
                self.file(context, ranked, bins, attributes)
            });
        };
        if ranks::has_ntile(&planned) {
            let message = format!("{NTILE}(…) in what is ranked: ranks do not nest");
            return Err(SqlError::at_name(message, &text.text, NTILE));
        }
        let name = self.file(context, planned, bins, attributes)?;
        Ok(Expr::Column(Column::new_unqualified(name)))
    }

    /// How an expression ranks people, for people.
    fn note(&self, expression: &Expr) -> Option<String> {
        let used = expression.column_refs();
        let used = self.0.iter().filter(|(_, _, column)| used.iter().any(|of| of.name == *column));
        let notes: Vec<String> = used
            .map(|(ranked, bins, _)| format!("1 to {bins} by {ranked} over all people"))
            .collect();
        (!notes.is_empty()).then(|| notes.join(", "))
    }

    /// The column of the scores.
    fn file(
        &mut self,
        context: &ReadContext,
        ranked: Expr,
        bins: u16,
        attributes: &mut Attributes,
    ) -> Result<String, SqlError> {
        let known = self.0.iter().find(|(expr, number, _)| *expr == ranked && *number == bins);
        if let Some((_, _, column)) = known {
            return Ok(column.clone());
        }
        let first = &attributes.profile_schema.fields()[..attributes.ranked_columns];
        let schema = Arc::new(Schema::new(Fields::from(first)));
        let is_ranked = |name: &str| schema.column_with_name(name).is_none();
        if let Some(other) = ranked.column_refs().iter().find(|column| is_ranked(&column.name)) {
            return Err(SqlError::new(format!(
                "'{}' is made with {NTILE}(…): what is ranked has no rank in it",
                other.name
            )));
        }
        let text = ranked.to_string();
        let expression = context.dialect.compile(ranked.clone(), &schema, None, &text)?;
        if let DataType::List(_) | DataType::Struct(_) | DataType::Map(..) = expression.data_type {
            let found = describe(&expression.data_type);
            return Err(SqlError::new(format!(
                "what is ranked is a number, a text or an instant, found {found}"
            )));
        }
        let number = attributes.ranks.len();
        if number > usize::from(u16::MAX) {
            return Err(SqlError::new("more than 65,536 ranks"));
        }
        // No name that a user may choose.
        let column = format!("#rank {number}");
        attributes.add_column(&column, DataType::Int64, Step::Rank(number));
        attributes.ranks.push(Rank { expression, bins });
        self.0.push((ranked, bins, column.clone()));
        Ok(column)
    }
}
