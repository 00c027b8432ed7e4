//! Attributes: aggregates over a person's rows, and SQL over other attributes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion_expr::Expr;

use super::aggregate::{self, Call};
use super::fields;
use super::instant::Turn;
use super::plan::{
    Aggregate, AggregateInput, Attribute, Connector, IdentifierType, Instant, Source, Step,
};
use super::read::{Context, Object, SqlText};
use super::sql::{NOW, SqlError};
use super::yaml::Key;
use crate::time::Micros;

/// Attributes, and the columns that segments and outputs are evaluated over, as they grow.
pub struct Attributes {
    pub aggregates: Vec<Aggregate>,
    pub aggregate_schema: SchemaRef,
    pub attributes: Vec<Attribute>,
    pub profile_schema: SchemaRef,
    pub steps: Vec<Step>,
    pub instants: Vec<Instant>,
}

/// An attribute from rows, whose expression waits for the schema of all aggregates.
struct FromRows<'a> {
    key: &'a Key,
    text: SqlText,
    expression: Expr,
}

/// The aggregates found so far, each with what makes it the same as another.
#[derive(Default)]
struct Filed {
    aggregates: Vec<Aggregate>,
    identities: Vec<String>,
}

pub fn read(
    context: &mut Context,
    file: &Object<'_>,
    sources: &mut [Source],
    identifiers: &[IdentifierType],
) -> Attributes {
    let entries = file.map(context, "attributes");
    let mut filed = Filed::default();
    let (mut from_rows, mut derived) = (Vec::new(), Vec::new());
    for (key, node) in entries {
        let what = format!("attribute '{}'", key.name);
        if key.name == "identifiers" || key.name.starts_with('#') || key.name == NOW {
            context.complain(key.place, format!("{what}: that name is taken, choose another"));
            continue;
        }
        let Some(object) = Object::read(context, what, node, fields::ATTRIBUTE) else { continue };
        match (object.get("sql"), object.get("from").or(object.get("select"))) {
            (Some(_), Some(_)) => {
                let message = format!("{} has both 'sql' and 'from': leave one", object.what);
                context.complain(object.place_of("sql"), message);
            }
            (Some(_), None) => {
                for other in ["where", "within"] {
                    if object.get(other).is_some() {
                        let message = format!("'{other}' in {} needs 'from'", object.what);
                        context.complain(object.place_of(other), message);
                    }
                }
                derived.extend(object.sql(context, "sql").map(|text| (key, text)));
            }
            (None, _) => {
                let found = context.found.len();
                if let Some((text, expression)) = select(context, &object, sources, &mut filed) {
                    from_rows.push(FromRows { key, text, expression });
                } else if context.found.len() == found {
                    let message = format!(
                        "{} needs 'from' and 'select', as in {{from: orders, select: count(*)}}, \
                         or 'sql'",
                        object.what
                    );
                    context.complain(object.place, message);
                }
            }
        }
    }
    let numbered = filed.aggregates.iter().enumerate();
    let columns = numbered
        .map(|(index, aggregate)| Field::new(format!("#{index}"), aggregate.output.clone(), true));
    let mut attributes = Attributes {
        aggregate_schema: Arc::new(Schema::new(columns.collect::<Vec<_>>())),
        aggregates: filed.aggregates,
        attributes: Vec::new(),
        profile_schema: initial_schema(context, identifiers),
        steps: Vec::new(),
        instants: Vec::new(),
    };
    for FromRows { key, text, expression } in from_rows {
        let compiled =
            context.dialect.compile(expression, &attributes.aggregate_schema, None, &text.text);
        let Some(expression) = context.check(&text, compiled) else { continue };
        attributes.add_attribute(
            &key.name,
            expression.data_type.clone(),
            Step::Aggregates(expression),
        );
    }
    let segments: Vec<String> =
        file.map(context, "segments").iter().map(|(key, _)| key.name.clone()).collect();
    for (key, text) in in_order(context, "attributes", derived) {
        let words = super::segments::words(&text.text);
        if let Some(segment) = segments.iter().find(|segment| words.contains(segment)) {
            let message = format!(
                "in {}: '{segment}' is a segment, and attributes come before segments",
                text.what
            );
            context.complain(text.place, message);
            continue;
        }
        let schema = Arc::clone(&attributes.profile_schema);
        let Some(planned) = context.plan_scalar(&text, &schema) else { continue };
        if context.no_now(&text, &planned).is_none() {
            continue;
        }
        let compiled = context.dialect.compile(planned, &schema, None, &text.text);
        let Some(expression) = context.check(&text, compiled) else { continue };
        attributes.add_attribute(
            &key.name,
            expression.data_type.clone(),
            Step::Derived(expression),
        );
    }
    // In the order of the file.
    let position = |name: &str| entries.iter().position(|(key, _)| key.name == name);
    attributes.attributes.sort_by_key(|attribute| position(&attribute.name));
    attributes
}

impl Attributes {
    fn add_attribute(&mut self, name: &str, data_type: DataType, step: Step) {
        let column = self.add_column(name, data_type.clone(), step);
        self.attributes.push(Attribute { name: name.to_owned(), column, data_type });
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
    pub fn add_turn(&mut self, context: &mut Context, text: &SqlText, turn: Turn) {
        let timestamp = context.dialect.timestamp();
        let found = context.dialect.type_of(&turn.at, &self.profile_schema);
        let Some(found) = context.check(text, found) else { return };
        if !matches!(found, DataType::Timestamp(..) | DataType::Date32 | DataType::Null) {
            let message = format!(
                "now() is compared with what is no instant but a {}",
                aggregate::describe(&found)
            );
            context.complain_sql(text, SqlError::new(message));
            return;
        }
        let compiled =
            context.dialect.compile(turn.at, &self.profile_schema, Some(&timestamp), &text.text);
        if let Some(at) = context.check(text, compiled) {
            self.instants.push(Instant { at, after: turn.after });
        }
    }
}

fn initial_schema(context: &Context, identifiers: &[IdentifierType]) -> SchemaRef {
    let list = |identifier: &IdentifierType| {
        let item = Field::new("item", DataType::Utf8, true);
        Field::new(&identifier.name, DataType::List(Arc::new(item)), true)
    };
    let identifiers = Fields::from(identifiers.iter().map(list).collect::<Vec<_>>());
    Arc::new(Schema::new(vec![
        Field::new("identifiers", DataType::Struct(identifiers), true),
        Field::new(NOW, context.dialect.timestamp(), true),
    ]))
}

/// Files the aggregates of an attribute and returns the expression over them.
fn select(
    context: &mut Context,
    object: &Object<'_>,
    sources: &mut [Source],
    filed: &mut Filed,
) -> Option<(SqlText, Expr)> {
    let from = from(context, object, sources)?;
    let text = object.sql(context, "select")?;
    let within = within(context, object, sources, &from);
    let schema = shared_columns(sources, &from);
    let condition = match object.sql(context, "where") {
        None => None,
        Some(text) => {
            let planned = context.plan_scalar(&text, &schema)?;
            context.no_now(&text, &planned)?;
            context.is_boolean(&text, &planned, &schema)?;
            Some(planned)
        }
    };
    let planned = context.dialect.plan(&text.text, &schema);
    let planned = context.check(&text, planned)?;
    context.no_now(&text, &planned)?;
    let taken = aggregate::take_out(planned, |call| {
        file_aggregate(context, &text, sources, &from, &schema, within, &condition, call, filed)
    });
    let expression = context.check(&text, taken)?;
    if let Some(column) = expression.column_refs().iter().find(|c| !c.name.starts_with('#')) {
        let message = format!(
            "in {}: '{}' stands outside of an aggregate: say which of the person's rows, as in \
             last({})",
            text.what, column.name, column.name
        );
        context.complain(text.place, message);
        return None;
    }
    Some((text, expression))
}

#[expect(clippy::too_many_arguments, reason = "what an attribute says, taken apart")]
fn file_aggregate(
    context: &Context,
    text: &SqlText,
    sources: &mut [Source],
    from: &[usize],
    schema: &SchemaRef,
    within: Option<Micros>,
    condition: &Option<Expr>,
    call: Call,
    filed: &mut Filed,
) -> Result<usize, SqlError> {
    let Call { function, argument, filter } = call;
    let condition = match (condition.clone(), filter) {
        (Some(one), Some(other)) => Some(one.and(other)),
        (one, other) => one.or(other),
    };
    let identity = format!("{from:?} {within:?} {function:?} {argument:?} {condition:?}");
    if let Some(index) = filed.identities.iter().position(|known| *known == identity) {
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
    let index = filed.aggregates.len();
    if index > u16::MAX as usize {
        return Err(SqlError::new("more than 65,536 aggregates"));
    }
    let mut corrected = false;
    for source in from {
        let source = &mut sources[*source];
        let compile = |expression: &Expr, wanted: &DataType| {
            dialect.compile(expression.clone(), source.columns(), Some(wanted), &text.text)
        };
        let condition = condition.as_ref().map(|c| compile(c, &DataType::Boolean)).transpose()?;
        let argument = match (&argument, &wanted) {
            (Some(argument), Some(wanted)) => Some(compile(argument, wanted)?),
            _ => None,
        };
        corrected |=
            source.add_input(AggregateInput { aggregate: index as u16, condition, argument });
    }
    let retracts = within.is_some() || corrected;
    filed.aggregates.push(Aggregate { function, argument: wanted, output, within, retracts });
    filed.identities.push(identity);
    Ok(index)
}

fn from(context: &mut Context, object: &Object<'_>, sources: &[Source]) -> Option<Vec<usize>> {
    let mut from = Vec::new();
    for (name, place) in object.texts(context, "from")? {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let Some(index) = names.iter().position(|known| *known == name) else {
            let hint = super::diagnostic::suggest(&name, &names);
            let message = format!("'from' of {}: unknown source '{name}': {hint}", object.what);
            context.complain(place, message);
            return None;
        };
        if from.contains(&index) {
            let message = format!("'from' of {} names '{name}' twice", object.what);
            context.complain(place, message);
            return None;
        }
        if sources[index].identifiers.is_empty() {
            let message = format!(
                "'from' of {}: no identifier is taken from source '{name}', so its rows are \
                 nobody's",
                object.what
            );
            context.complain(place, message);
            return None;
        }
        from.push(index);
    }
    from.sort_unstable();
    Some(from)
}

fn within(
    context: &mut Context,
    object: &Object<'_>,
    sources: &[Source],
    from: &[usize],
) -> Option<Micros> {
    let within = object.duration(context, "within")?;
    for source in from.iter().map(|source| &sources[*source]) {
        let has_time = source.time.is_some() || matches!(source.connector, Connector::Kafka { .. });
        if !has_time {
            let message = format!(
                "'within' of {} needs the time of rows, and source '{}' has no 'time'",
                object.what, source.name
            );
            context.complain(object.place_of("within"), message);
        }
    }
    Some(within.as_micros() as Micros)
}

/// The columns that all of the sources have, of one name and type.
fn shared_columns(sources: &[Source], from: &[usize]) -> SchemaRef {
    let first = sources[from[0]].columns();
    let shared = first.fields().iter().filter(|field| {
        from.iter().all(|source| {
            let other = sources[*source].columns().column_with_name(field.name());
            other.is_some_and(|(_, other)| other.data_type() == field.data_type())
        })
    });
    Arc::new(Schema::new(shared.cloned().collect::<Vec<_>>()))
}

/// Expressions in an order in which each comes after those that it names; what names itself in a
/// circle is noted and left out.
pub fn in_order<'a>(
    context: &mut Context,
    what: &str,
    mut waiting: Vec<(&'a Key, SqlText)>,
) -> Vec<(&'a Key, SqlText)> {
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let names: Vec<&str> = waiting.iter().map(|(key, _)| key.name.as_str()).collect();
        let is_free = |(_, text): &(&Key, SqlText)| {
            let words = super::segments::words(&text.text);
            !words.iter().any(|word| names.contains(&word.as_str()))
        };
        let free: Vec<bool> = waiting.iter().map(is_free).collect();
        if !free.contains(&true) {
            let (key, text) = &waiting[0];
            let circle = circle(&waiting, &key.name);
            let message = format!("{what} that need each other: {circle}");
            let place = text.place;
            context.complain(place, message);
            return ordered;
        }
        let mut free = free.into_iter();
        let (next, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|_| free.next().expect("one each"));
        ordered.extend(next);
        waiting = rest;
    }
    ordered
}

fn circle(waiting: &[(&Key, SqlText)], start: &str) -> String {
    let mut path = vec![start.to_owned()];
    loop {
        let last = path.last().expect("it has a start");
        let text = waiting.iter().find(|(key, _)| key.name == *last).map(|(_, text)| text);
        let words = text.map(|text| super::segments::words(&text.text)).unwrap_or_default();
        let next = words.into_iter().find(|word| waiting.iter().any(|(key, _)| key.name == *word));
        let Some(next) = next else { return path.join(" → ") };
        if let Some(first) = path.iter().position(|name| *name == next) {
            path.push(next);
            return path[first..].join(" → ");
        }
        path.push(next);
    }
}
