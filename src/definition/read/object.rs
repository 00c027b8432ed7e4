//! Objects of the definition file, read field by field; every mistake is noted, none stops the reading.

use std::collections::HashSet;
use std::num::IntErrorKind;
use std::time::Duration;

use arrow::datatypes::{DataType, Schema};
use datafusion_expr::Expr;

use crate::definition::file::diagnostic::{self, Diagnostic, Place, nearest, suggest};
use crate::definition::file::fields::{self, FieldShape};
use crate::definition::file::yaml::{YamlKey, YamlNode, YamlValue};
use crate::definition::sql::describe::describe;
use crate::definition::sql::{Dialect, NOW, SqlError};
use crate::plan::Source;

use super::duration::parse_duration;
use super::field_elsewhere::elsewhere;
pub use super::sql_text::SqlText;

/// Broken where nothing is known of the attributes, whose names may stand anywhere then.
pub const ANY_ATTRIBUTE: &str = "*";

/// What was found wrong so far, and the dialect that expressions are in.
pub struct ReadContext {
    pub found: Vec<Diagnostic>,
    pub dialect: Dialect,
    broken: HashSet<String>,
    /// The file's.
    lines: Vec<Vec<char>>,
    /// The columns of rows, each with its source.
    columns: Vec<(String, String)>,
}

impl ReadContext {
    pub fn new(found: Vec<Diagnostic>, dialect: Dialect) -> Self {
        ReadContext {
            found,
            dialect,
            broken: HashSet::new(),
            lines: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// As it is said of a file of this text.
    pub fn of(self, text: &str) -> Self {
        let lines = diagnostic::lines(text).map(|line| line.chars().collect()).collect();
        ReadContext { lines, ..self }
    }

    /// Whether no colon stands behind a name, which is one to YAML as it stands behind a comma.
    fn lacks_colon(&self, key: &YamlKey) -> bool {
        let line = self.lines.get(key.place.line.saturating_sub(1));
        let rest: String = line.into_iter().flatten().skip(key.place.column - 1).collect();
        let behind = rest.strip_prefix(&key.name);
        behind.is_some_and(|behind| behind.trim_start().starts_with([',', '}']))
    }

    /// Takes in what columns rows have, to tell who looks for one elsewhere.
    pub fn know_columns(&mut self, sources: &[Source]) {
        let columns = sources.iter().flat_map(|source| {
            let fields = source.schema.fields().iter();
            fields.map(|field| (source.name.clone(), field.name().clone()))
        });
        self.columns = columns.collect();
    }

    /// What is wrong with an expression over a person, where it looks for a column of rows.
    fn out_of_reach(&self, error: SqlError, schema: &Schema) -> SqlError {
        let is_of_person = schema.column_with_name(NOW).is_some();
        let Some(name) = error.unknown.as_deref().filter(|_| is_of_person) else { return error };
        let Some((source, _)) = self.columns.iter().find(|(_, column)| column == name) else {
            return error;
        };
        let (unknown, hint) = error.message.split_once("': ").unwrap_or((&error.message, ""));
        let hint =
            if hint.starts_with("did you mean") { format!("{hint} ") } else { String::new() };
        let message = format!(
            "{unknown}': {hint}it is a column of source '{source}', whose rows are out of reach here: an attribute \
             takes from them, as in {{from: {source}, select: last({name})}}"
        );
        SqlError { message, ..error }
    }

    /// Remembers a name whose own mistake has been noted: that it is missing elsewhere is no other.
    pub fn broken(&mut self, name: &str) {
        debug_assert!(!self.found.is_empty(), "it was noted");
        self.broken.insert(name.to_owned());
    }

    pub fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
    }

    pub fn complain(&mut self, place: Place, message: impl Into<String>) {
        self.found.push(Diagnostic { place, message: message.into() });
    }

    /// Notes what is wrong with an expression, where it stands.
    pub fn complain_sql(&mut self, text: &SqlText, error: SqlError) {
        let is_broken = |name| self.is_broken(name) || self.is_broken(ANY_ATTRIBUTE);
        if error.unknown.as_deref().is_some_and(is_broken) {
            return;
        }
        let place = match (error.at, &error.unknown) {
            (Some((line, column)), _) => text.place_at(line, column),
            (None, Some(name)) => text.place_of(name),
            (None, None) => text.place,
        };
        let cut_short =
            if text.ends_too_early(&error) { text.cut_short(&self.lines) } else { None };
        let why = cut_short.map_or_else(String::new, |why| format!("; {why}"));
        self.complain(place, format!("in {}: {}{why}", text.what, error.message));
    }

    /// The value, or a note of what is wrong with the expression.
    pub fn check<T>(&mut self, text: &SqlText, result: Result<T, SqlError>) -> Option<T> {
        result.map_err(|error| self.complain_sql(text, error)).ok()
    }

    /// Plans an expression without aggregates.
    pub fn plan_scalar(&mut self, text: &SqlText, schema: &Schema) -> Option<Expr> {
        if let Some(name) = self.dialect.aggregate_in(&text.text) {
            let message = format!(
                "in {}: {name}(…) is an aggregate, which has its place in 'select' of an attribute \
                 only",
                text.what
            );
            self.complain(text.place_of(&name), message);
            return None;
        }
        let planned = self.dialect.plan(&text.text, schema);
        let planned = planned.map_err(|error| self.out_of_reach(error, schema));
        self.check(text, planned)
    }

    /// Compiles a condition without aggregates and without `now()`.
    pub fn condition(
        &mut self,
        text: &SqlText,
        schema: &arrow::datatypes::SchemaRef,
    ) -> Option<crate::plan::Expression> {
        let planned = self.plan_scalar(text, schema)?;
        self.no_now(text, &planned)?;
        self.is_boolean(text, &planned, schema)?;
        let compiled = self.dialect.compile(planned, schema, Some(&DataType::Boolean), &text.text);
        self.check(text, compiled)
    }

    pub fn no_now(&mut self, text: &SqlText, planned: &Expr) -> Option<()> {
        if !crate::definition::sql::instant::uses_now(planned) {
            return Some(());
        }
        let message = "now() has its place in segments only: here the answer would change \
                       with no row to change it";
        self.complain(text.place_of("now"), format!("in {}: {message}", text.what));
        None
    }

    pub fn is_boolean(&mut self, text: &SqlText, planned: &Expr, schema: &Schema) -> Option<()> {
        let found = self.dialect.type_of(planned, schema);
        match self.check(text, found)? {
            DataType::Boolean | DataType::Null => Some(()),
            other => {
                let found = describe(&other);
                let message =
                    format!("in {}: a condition is true or false, found {found}", text.what);
                self.complain(text.place, message);
                None
            }
        }
    }
}

/// A mapping whose fields are known.
pub struct Object<'a> {
    /// Such as `source 'web'`.
    pub what: String,
    pub place: Place,
    entries: &'a [(YamlKey, YamlNode)],
    fields: &'static [FieldShape],
}

impl<'a> Object<'a> {
    pub fn read(
        context: &mut ReadContext,
        what: impl Into<String>,
        node: &'a YamlNode,
        fields: &'static [FieldShape],
    ) -> Option<Self> {
        let what = what.into();
        let YamlValue::Mapping(entries) = &node.value else {
            let example = fields::example(fields);
            let message = format!("{what} is a mapping such as {example}, found {}", node.found());
            context.complain(node.place, message);
            return None;
        };
        let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let mut meant = Vec::new();
        for (key, _) in entries {
            if !known.contains(&key.name.as_str()) {
                let other = elsewhere(&key.name, &known);
                let hint = match other {
                    _ if context.lacks_colon(key) => {
                        "to YAML a ',' in {…} ends a text: put what stands before it in quotes as a whole".to_owned()
                    }
                    Some(name) => format!("did you mean '{name}'?"),
                    None => suggest(&key.name, &known),
                };
                let message = format!("unknown field '{}' in {what}: {hint}", key.name);
                context.complain(key.place, message);
                meant.extend(other.or_else(|| nearest(&key.name, &known)));
            }
        }
        let object = Object { what, place: node.place, entries, fields };
        for field in fields.iter().filter(|field| field.required && !meant.contains(&field.name)) {
            object.demand(context, field);
        }
        Some(object)
    }

    /// The fields that are known in a mapping whose other names the user chooses.
    pub fn of_known(context: &mut ReadContext, of: &Object<'a>, name: &str) -> Self {
        let (what, place) = (format!("'{name}'"), of.place_of(name));
        Object { what, place, entries: of.map(context, name), fields: &[] }
    }

    /// Notes that a field is absent, or names nothing.
    fn demand(&self, context: &mut ReadContext, field: &FieldShape) {
        let (name, what) = (field.name, &self.what);
        let (place, wrong) = match self.get(name) {
            None => (self.place, format!("{what} lacks '{name}'")),
            Some(node) if field.shape.is_map() && node.is_empty() => {
                (self.place_of(name), format!("'{name}' of {what} names nothing"))
            }
            Some(_) => return,
        };
        context.complain(place, format!("{wrong}: add it, as in {name}: {}", field.example));
    }

    pub fn get(&self, name: &str) -> Option<&'a YamlNode> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The place of a field's name, or of the whole.
    pub fn place_of(&self, name: &str) -> Place {
        let entry = self.entries.iter().find(|(key, _)| key.name == name);
        entry.map_or(self.place, |(key, _)| key.place)
    }

    pub fn text(&self, context: &mut ReadContext, name: &str) -> Option<(String, Place)> {
        let node = self.get(name)?;
        let text = text(context, &format!("'{name}' of {}", self.what), node)?;
        Some((text, node.place))
    }

    pub fn texts(&self, context: &mut ReadContext, name: &str) -> Option<Vec<(String, Place)>> {
        let node = self.get(name)?;
        texts(context, &format!("'{name}' of {}", self.what), node)
    }

    pub fn sql(&self, context: &mut ReadContext, name: &str) -> Option<SqlText> {
        sql(context, format!("'{name}' of {}", self.what), self.get(name)?)
    }

    pub fn duration(&self, context: &mut ReadContext, name: &str) -> Option<Duration> {
        let kind = format!("a duration, as in {name}: 30 days");
        let (node, what) = (self.get(name)?, format!("'{name}' of {}", self.what));
        let text = scalar(context, &what, &kind, node)?;
        let wrong = |wrong| context.complain(node.place, format!("{what}: '{text}' {wrong}"));
        parse_duration(text).map_err(wrong).ok()
    }

    /// A duration within which something may be: one of nothing has nothing in it.
    pub fn length(&self, context: &mut ReadContext, name: &str) -> Option<Duration> {
        let duration = self.duration(context, name)?;
        if duration.is_zero() {
            let (text, place) = self.text(context, name)?;
            let message = format!(
                "'{name}' of {}: nothing is ever within '{text}': give it a length, as in {name}: 30 days",
                self.what
            );
            context.complain(place, message);
            return None;
        }
        Some(duration)
    }

    /// A whole number from 1.
    pub fn count(&self, context: &mut ReadContext, name: &str) -> Option<u32> {
        let kind = format!("a whole number from 1, as in {name}: 5");
        let (node, what) = (self.get(name)?, format!("'{name}' of {}", self.what));
        let text = scalar(context, &what, &kind, node)?;
        let wrong = match text.parse() {
            Ok(count @ 1..) => return Some(count),
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
                format!("{what}: '{text}' is too large: it is {} at most", u32::MAX)
            }
            _ => format!("{what}: '{text}' is no whole number from 1, as in {name}: 5"),
        };
        context.complain(node.place, wrong);
        None
    }

    pub fn choice(&self, context: &mut ReadContext, name: &str, known: &[&str]) -> Option<String> {
        let (text, place) = self.text(context, name)?;
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        let (what, hint) = (&self.what, suggest(&text, known));
        context.complain(place, format!("unknown {name} '{text}' of {what}: {hint}"));
        None
    }

    pub fn map(&self, context: &mut ReadContext, name: &str) -> &'a [(YamlKey, YamlNode)] {
        let Some(node) = self.get(name) else { return &[] };
        let example = self.fields.iter().find(|field| field.name == name);
        let such = example.map_or_else(String::new, |field| format!(" such as {}", field.example));
        map(context, &format!("'{name}' of {}", self.what), &such, node)
    }
}

fn map<'a>(
    context: &mut ReadContext,
    what: &str,
    such: &str,
    node: &'a YamlNode,
) -> &'a [(YamlKey, YamlNode)] {
    match &node.value {
        YamlValue::Mapping(entries) => entries,
        YamlValue::Unset => &[],
        _ if node.is_null() => &[],
        _ => {
            context
                .complain(node.place, format!("{what} is a mapping{such}, found {}", node.found()));
            &[]
        }
    }
}

pub fn text(context: &mut ReadContext, what: &str, node: &YamlNode) -> Option<String> {
    scalar(context, what, "a text", node).map(str::to_owned)
}

/// What is written where something of a kind stands, which is one word or more: no list, no mapping, and not nothing.
fn scalar<'a>(
    context: &mut ReadContext,
    what: &str,
    kind: &str,
    node: &'a YamlNode,
) -> Option<&'a str> {
    match &node.value {
        YamlValue::Scalar { text, .. } if !node.is_null() => Some(text),
        YamlValue::Unset => None,
        _ => {
            context.complain(node.place, format!("{what} is {kind}, found {}", node.found()));
            None
        }
    }
}

pub fn texts(
    context: &mut ReadContext,
    what: &str,
    node: &YamlNode,
) -> Option<Vec<(String, Place)>> {
    match &node.value {
        YamlValue::Sequence(items) => {
            let mut texts = Vec::new();
            for item in items {
                texts.push((text(context, &format!("an entry of {what}"), item)?, item.place));
            }
            Some(texts)
        }
        _ => Some(vec![(text(context, what, node)?, node.place)]),
    }
}

pub fn sql(context: &mut ReadContext, what: String, node: &YamlNode) -> Option<SqlText> {
    if let YamlValue::Sequence(_) = &node.value {
        let message = format!(
            "{what} is a text, found a list: one expression stands here, and 'and' puts conditions together, as in \
             a > 1 and b > 2"
        );
        context.complain(node.place, message);
        return None;
    }
    let text = text(context, &what, node)?;
    Some(SqlText::of(node, text, what))
}
