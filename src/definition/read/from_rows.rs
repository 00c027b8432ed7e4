//! Attributes from rows: which rows count, and the aggregates over them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion_expr::Expr;

use super::object::{Object, ReadContext, SqlText};
use super::sessions::{self, SessionAggregate};
use super::windows;
use crate::definition::sql::aggregate::{self, AggregateCall};
use crate::definition::sql::describe::describe;
use crate::definition::sql::{Dialect, SqlError};
use crate::plan::{Aggregate, AggregateInput, Source, Window};

/// The aggregates found so far, each with what makes it the same as another.
#[derive(Default)]
pub struct FiledAggregates {
    pub aggregates: Vec<Aggregate>,
    identities: Vec<String>,
    pub over_sessions: Vec<SessionAggregate>,
}

/// Which rows an attribute is about.
struct ChosenRows {
    /// Indexes into the sources.
    from: Vec<usize>,
    /// The columns that all of the sources have.
    schema: SchemaRef,
    /// What `where` asks, with its text.
    condition: Option<(Expr, SqlText)>,
    window: Option<Window>,
}

/// An attribute from rows, whose expression waits for the schema of all aggregates.
pub struct FromRows {
    pub text: SqlText,
    pub expression: Expr,
    /// How it chooses rows, for people.
    pub note: Option<String>,
}

/// Files the aggregates of an attribute and returns the expression over them.
pub fn select(
    context: &mut ReadContext,
    object: &Object<'_>,
    sources: &mut [Source],
    filed: &mut FiledAggregates,
) -> Option<FromRows> {
    let from = from(context, object, sources)?;
    let text = object.sql(context, "select")?;
    let (window, note) = windows::window(context, object, sources, &from).unzip();
    let schema = columns(&context.dialect, sources, &from);
    let condition = object.sql(context, "where").map(|text| {
        let planned = condition(context, &text, &schema)?;
        // What is wrong with it stands in it, and not in the text of an aggregate that it is compiled with.
        let compiled = context.dialect.compile(planned.clone(), &schema, None, &text.text);
        context.check(&text, compiled)?;
        Some((planned, text))
    });
    let planned = context.dialect.plan(&text.text, &schema);
    let planned = context.check(&text, planned)?;
    context.no_now(&text, &planned)?;
    if !aggregate::has_aggregate(&planned) && planned.column_refs().is_empty() {
        let message = format!(
            "in {}: there is no aggregate in it: say what of the person's rows, as in count(*), or \
             give 'sql' alone",
            text.what
        );
        context.complain(text.place, message);
        return None;
    }
    // A condition that is wrong has been noted.
    let condition = condition.map_or(Some(None), |planned| planned.map(Some))?;
    let rows = ChosenRows { from, schema, condition, window };
    let taken =
        aggregate::take_out(planned, |call| filed.file(context, &text, sources, &rows, call));
    let taken = taken.map_err(|error| context.dialect.at_aggregate(error, &text.text));
    let expression = context.check(&text, taken)?;
    if let Some(column) = expression.column_refs().iter().find(|c| !c.name.starts_with('#')) {
        let message = format!(
            "in {}: '{}' stands outside of an aggregate: say which of the person's rows, as in \
             last({})",
            text.what, column.name, column.name
        );
        context.complain(text.place_of(&column.name), message);
        return None;
    }
    Some(FromRows { text, expression, note })
}

/// A condition on rows, planned.
pub fn condition(context: &mut ReadContext, text: &SqlText, schema: &SchemaRef) -> Option<Expr> {
    let planned = context.plan_scalar(text, schema)?;
    context.no_now(text, &planned)?;
    context.is_boolean(text, &planned, schema)?;
    Some(planned)
}

/// Refuses what stands in `filter (where …)` and is no condition.
fn check_filter(dialect: &Dialect, filter: &Expr, schema: &SchemaRef) -> Result<(), SqlError> {
    match dialect.type_of(filter, schema)? {
        DataType::Boolean | DataType::Null => Ok(()),
        other => Err(SqlError::new(format!(
            "what stands in filter (where …) is a condition, which is true or false, found {}",
            describe(&other)
        ))),
    }
}

impl FiledAggregates {
    /// The number of an aggregate that is filed already.
    pub fn known(&self, identity: &str) -> Option<usize> {
        self.identities.iter().position(|known| *known == identity)
    }

    pub fn add(&mut self, aggregate: Aggregate, identity: String) {
        self.aggregates.push(aggregate);
        self.identities.push(identity);
    }

    /// The number of an aggregate, which is filed unless it is known.
    fn file(
        &mut self,
        context: &ReadContext,
        text: &SqlText,
        sources: &mut [Source],
        rows: &ChosenRows,
        call: AggregateCall,
    ) -> Result<usize, SqlError> {
        let AggregateCall { function, argument, filter } = call;
        let ChosenRows { from, schema, window, .. } = rows;
        if let Some(filter) = &filter {
            check_filter(&context.dialect, filter, schema)?;
        }
        // Its text is what a row is told on which it fails.
        let (condition, asked) = match (&rows.condition, filter) {
            (Some((one, by)), Some(other)) => {
                (Some(one.clone().and(other)), format!("{}` and `{}", by.text.trim(), text.text))
            }
            (Some((one, by)), None) => (Some(one.clone()), by.text.clone()),
            (None, other) => (other, text.text.clone()),
        };
        let identity = format!("{from:?} {window:?} {function:?} {argument:?} {condition:?}");
        if let Some(index) = self.known(&identity) {
            return Ok(index);
        }
        let dialect = &context.dialect;
        let found = match &argument {
            None => None,
            Some(argument) => {
                let found = dialect.type_of(argument, schema)?;
                Some(dialect.language_type(&found)?)
            }
        };
        let (wanted, output) = aggregate::types(function, found.as_ref())?;
        let index = self.aggregates.len();
        if index > u16::MAX as usize {
            return Err(SqlError::new("more than 65,536 aggregates"));
        }
        let mut terms = condition.iter().chain(&argument);
        let of_sessions = schema.fields().len() > sources[from[0]].columns().fields().len()
            && terms.any(sessions::looks_at_them);
        let mut corrected = false;
        for source in from {
            let source = &mut sources[*source];
            let columns = if of_sessions { schema } else { source.columns() };
            let compile = |expression: &Expr, wanted: &DataType| {
                dialect.compile(expression.clone(), columns, Some(wanted), &text.text)
            };
            let condition = condition
                .as_ref()
                .map(|it| compile(it, &DataType::Boolean).map(|it| it.told_as(&asked)))
                .transpose()?;
            let argument = match (&argument, &wanted) {
                (Some(argument), Some(wanted)) => Some(compile(argument, wanted)?),
                _ => None,
            };
            if !of_sessions {
                let input = AggregateInput { aggregate: index as u16, condition, argument };
                corrected |= source.add_input(input);
            }
        }
        if of_sessions {
            self.over_sessions.push(SessionAggregate {
                source: from[0],
                aggregate: index as u16,
                condition: condition.map(|condition| (condition, asked)),
                argument: argument.zip(wanted.clone()),
                text: text.clone(),
            });
        }
        let aggregate = Aggregate {
            function,
            argument: wanted,
            output,
            window: *window,
            retracts: window.is_some() || corrected || of_sessions,
            sessions: None,
        };
        self.add(aggregate, identity);
        Ok(index)
    }
}

pub fn from(
    context: &mut ReadContext,
    object: &Object<'_>,
    sources: &[Source],
) -> Option<Vec<usize>> {
    let mut from = Vec::new();
    for (name, place) in object.texts(context, "from")? {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let Some(index) = names.iter().position(|known| *known == name) else {
            if !context.is_broken(&name) {
                let hint = crate::definition::file::diagnostic::suggest(&name, &names);
                let message = format!("'from' of {}: unknown source '{name}': {hint}", object.what);
                context.complain(place, message);
            }
            return None;
        };
        if from.contains(&index) {
            let message = format!("'from' of {} names '{name}' twice", object.what);
            context.complain(place, message);
            return None;
        }
        if sources[index].identifiers.is_empty() && !context.is_broken(&name) {
            let message = format!(
                "'from' of {}: no identifier is taken from source '{name}', so its rows are \
                 nobody's: name one of its columns in 'identity'",
                object.what
            );
            context.complain(place, message);
        }
        from.push(index);
    }
    if from.is_empty() {
        let message = format!("'from' of {} names no source: add one", object.what);
        context.complain(object.place_of("from"), message);
        return None;
    }
    from.sort_unstable();
    Some(from)
}

/// What `select` and `where` of an attribute know: of one source its sessions too.
pub fn columns(dialect: &Dialect, sources: &[Source], from: &[usize]) -> SchemaRef {
    match from {
        [one] if sources[*one].sessions.is_some() => {
            sessions::with_sessions(sources[*one].columns(), dialect)
        }
        _ => shared_columns(sources, from),
    }
}

/// The columns that all of the sources have, of one name and type.
pub fn shared_columns(sources: &[Source], from: &[usize]) -> SchemaRef {
    let first = sources[from[0]].columns();
    let shared = first.fields().iter().filter(|field| {
        from.iter().all(|source| {
            let other = sources[*source].columns().column_with_name(field.name());
            other.is_some_and(|(_, other)| other.data_type() == field.data_type())
        })
    });
    Arc::new(Schema::new(shared.cloned().collect::<Vec<_>>()))
}
