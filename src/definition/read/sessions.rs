//! Sessions: a person's rows of one source, parted where they pause.
//!
//! What session a row is in is known only where all of a person's rows are, so aggregates that look
//! at sessions take their rows there: for each row its time, the columns that they look at, and of
//! their conditions what needs no session, as an answer (but for what joined columns are in).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion_common::Column;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_expr::expr::{Cast, ScalarFunction};
use datafusion_expr::utils::{conjunction, split_conjunction_owned};
use datafusion_expr::{Expr, lit};

use super::column::TIME;
use super::object::{Object, ReadContext, SqlText};
use crate::definition::file::fields;
use crate::definition::sql::names::COLUMNS;
use crate::definition::sql::{Dialect, SqlError};
use crate::plan::{Aggregate, AggregateInput, Function, Kind, Sessions, Source, Window};
use crate::time::Micros;

/// Those that are never below a number, with it.
pub const LEAST: [(&str, i64); 3] = [("session", 1), ("session_seconds", 0), ("session_events", 1)];

/// As many windows as a row's answer to them has bits.
const MOST_WINDOWS: usize = 64;

/// The gap that parts the sessions of a source.
pub fn gap(
    context: &mut ReadContext,
    object: &Object<'_>,
    kind: Option<Kind>,
    has_time: bool,
    schema: &Schema,
) -> Option<Micros> {
    object.get("sessions")?;
    let gap = checked_gap(context, object, kind, has_time, schema);
    if gap.is_none() {
        COLUMNS.iter().for_each(|name| context.broken(name));
    }
    gap
}

fn checked_gap(
    context: &mut ReadContext,
    object: &Object<'_>,
    kind: Option<Kind>,
    has_time: bool,
    schema: &Schema,
) -> Option<Micros> {
    let node = object.get("sessions")?;
    let what = format!("'sessions' of {}", object.what);
    let place = object.place_of("sessions");
    if kind == Some(Kind::Records) {
        let message = format!("'sessions' are of events, {} has records", object.what);
        context.complain(place, message);
        return None;
    }
    if !has_time {
        let message = format!("{what} need the time of rows: name its column as 'time'");
        context.complain(place, message);
    }
    for name in COLUMNS.iter().filter(|name| schema.column_with_name(name).is_some()) {
        let message = format!(
            "{what} give a column '{name}', and it has one: name that otherwise and give its 'path'"
        );
        context.complain(place, message);
    }
    let object = Object::read(context, what, node, fields::SESSIONS)?;
    let gap = object.duration(context, "gap")?;
    Some(gap.as_micros() as Micros)
}

/// A source's columns and those of its sessions.
pub fn with_sessions(schema: &Schema, dialect: &Dialect) -> SchemaRef {
    let fields = schema.fields().iter().cloned().chain(session_fields(dialect));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn session_fields(dialect: &Dialect) -> [FieldRef; 4] {
    let types =
        [DataType::Int64, dialect.timestamp(), DataType::Int64, DataType::Int64].into_iter();
    let mut fields = COLUMNS.iter().zip(types);
    std::array::from_fn(|_| {
        let (name, data_type) = fields.next().expect("four of each");
        Arc::new(Field::new(*name, data_type, true))
    })
}

/// Whether an expression looks at sessions, given that its source has them.
pub fn looks_at_them(expression: &Expr) -> bool {
    expression.column_refs().iter().any(|column| COLUMNS.contains(&column.name.as_str()))
}

/// An aggregate over sessions, until all are known.
pub struct SessionAggregate {
    pub source: usize,
    pub aggregate: u16,
    /// Its condition, with what a row is told on which that fails.
    pub condition: Option<(Expr, String)>,
    /// Its argument, with the type that it is brought to.
    pub argument: Option<(Expr, DataType)>,
    pub text: SqlText,
}

/// What a source's rows bring to their person.
struct SessionInput {
    fields: Vec<Field>,
    values: Vec<Expr>,
    /// The texts of the conditions that are answered on the way.
    asked: Vec<String>,
    /// Whether some of it comes by joins. Then nothing is answered on the way: an answer that fails
    /// would take the row's columns with it, and its place in its session.
    late: bool,
}

/// Makes one timeline a source of what its aggregates look at.
pub fn timelines(
    context: &mut ReadContext,
    sources: &mut [Source],
    aggregates: &mut Vec<Aggregate>,
    over: Vec<SessionAggregate>,
) -> Vec<Sessions> {
    let mut timelines = Vec::new();
    for (index, source) in sources.iter_mut().enumerate() {
        let of_source: Vec<&SessionAggregate> =
            over.iter().filter(|over| over.source == index).collect();
        let (Some(gap), Some(first)) = (source.sessions, of_source.first()) else { continue };
        let timeline = timeline(&context.dialect, source, gap, &of_source, aggregates);
        if let Some(mut timeline) = context.check(&first.text, timeline) {
            timeline.source = index as u16;
            for input in &timeline.inputs {
                aggregates[input.aggregate as usize].sessions = Some(timelines.len() as u16);
            }
            timelines.push(timeline);
        }
    }
    timelines
}

fn timeline(
    dialect: &Dialect,
    source: &mut Source,
    gap: Micros,
    over: &[&SessionAggregate],
    aggregates: &mut Vec<Aggregate>,
) -> Result<Sessions, SqlError> {
    let late = over.iter().any(|over| {
        let argument = over.argument.as_ref().map(|(argument, _)| argument);
        let condition = over.condition.as_ref().map(|(condition, _)| condition);
        condition.into_iter().chain(argument).any(|asked| {
            let joined = source.joined_columns();
            asked.column_refs().iter().any(|of| joined.iter().any(|it| *it.name() == of.name))
        })
    });
    let mut brought =
        SessionInput { fields: Vec::new(), values: Vec::new(), asked: Vec::new(), late };
    let mut parts = Vec::new();
    for over in over {
        let condition = match over.condition.clone() {
            Some((condition, asked)) => {
                let rest = brought.condition(condition, &asked);
                Some((brought.columns(rest, source)?, asked))
            }
            None => None,
        };
        let argument = match over.argument.clone() {
            Some((argument, wanted)) => Some((brought.columns(argument, source)?, wanted)),
            None => None,
        };
        parts.push((over, condition, argument));
    }
    let time = Arc::new(Field::new(TIME, dialect.timestamp(), true));
    let fields = brought.fields.iter().cloned().map(Arc::new).chain([time]);
    let schema: SchemaRef =
        Arc::new(Schema::new(fields.chain(session_fields(dialect)).collect::<Vec<_>>()));
    let mut inputs = Vec::new();
    let mut windows: Vec<Window> = Vec::new();
    for (over, condition, argument) in parts {
        let compile = |expression: Expr, wanted: DataType| {
            dialect.compile(expression, &schema, Some(&wanted), &over.text.text)
        };
        inputs.push(AggregateInput {
            aggregate: over.aggregate,
            condition: condition
                .map(|(it, asked)| compile(it, DataType::Boolean).map(|it| it.told_as(&asked)))
                .transpose()?,
            argument: argument.map(|(it, wanted)| compile(it, wanted)).transpose()?,
        });
        let window = aggregates[over.aggregate as usize].window;
        windows.extend(window.filter(|window| !windows.contains(window)));
    }
    if windows.len() > MOST_WINDOWS {
        let message = format!(
            "more than {MOST_WINDOWS} windows over the sessions of source '{}'",
            source.name
        );
        return Err(SqlError::new(message));
    }
    let timeline = aggregates.len() as u16;
    let brings = brought.fields.len();
    let argument = brought.into_struct(dialect, source.columns())?;
    source.add_input(AggregateInput { aggregate: timeline, condition: None, argument });
    aggregates.push(Aggregate {
        function: Function::Timeline,
        argument: None,
        output: DataType::Null,
        window: None,
        retracts: true,
        sessions: None,
    });
    Ok(Sessions { source: 0, gap, timeline, schema, brings, inputs })
}

impl SessionInput {
    /// Has the terms answered that need no session, and leaves the others.
    fn condition(&mut self, condition: Expr, asked: &str) -> Expr {
        let (over, plain): (Vec<_>, Vec<_>) = split_conjunction_owned(condition)
            .into_iter()
            .partition(|term| self.late || looks_at_them(term));
        let plain = conjunction(plain).map(|plain| {
            if !self.asked.iter().any(|known| known == asked) {
                self.asked.push(asked.to_owned());
            }
            let name = format!("#{}", self.fields.len());
            let answer = Expr::Cast(Cast::new(Box::new(plain), DataType::Boolean));
            self.column(&name, DataType::Boolean, answer)
        });
        conjunction(plain.into_iter().chain(over)).unwrap_or(lit(true))
    }

    /// Has the columns brought that an expression looks at, as they are.
    fn columns(&mut self, expression: Expr, source: &Source) -> Result<Expr, SqlError> {
        let replaced = expression.transform(|part| {
            let Expr::Column(column) = &part else { return Ok(Transformed::no(part)) };
            let name = column.name.as_str();
            if name == TIME || name.starts_with('#') || COLUMNS.contains(&name) {
                return Ok(Transformed::no(part));
            }
            let field = source.columns().field_with_name(name)?;
            let name = name.to_owned();
            Ok(Transformed::yes(self.column(&name, field.data_type().clone(), part)))
        })?;
        Ok(replaced.data)
    }

    /// The column in which a value is brought, under this name unless it is brought already.
    fn column(&mut self, name: &str, data_type: DataType, value: Expr) -> Expr {
        let known = self.values.iter().position(|known| *known == value);
        let index = known.unwrap_or_else(|| {
            self.fields.push(Field::new(name, data_type, true));
            self.values.push(value);
            self.values.len() - 1
        });
        Expr::Column(Column::new_unqualified(self.fields[index].name()))
    }

    /// All of it as one value; `None` for nothing.
    fn into_struct(
        self,
        dialect: &Dialect,
        schema: &SchemaRef,
    ) -> Result<Option<crate::plan::Expression>, SqlError> {
        if self.fields.is_empty() {
            return Ok(None);
        }
        let wanted = DataType::Struct(self.fields.to_vec().into());
        let named = self.fields.iter().zip(self.values);
        let arguments = named.flat_map(|(field, value)| [lit(field.name().as_str()), value]);
        let function = datafusion_functions::core::named_struct();
        let value = ScalarFunction::new_udf(function, arguments.collect());
        // Columns as they are do not fail.
        let text = self.asked.join("` or `");
        dialect.compile(Expr::ScalarFunction(value), schema, Some(&wanted), &text).map(Some)
    }
}
