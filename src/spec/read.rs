//! Objects of the definition file, read field by field; every mistake is noted, none stops the reading.

use std::time::Duration;

use arrow::datatypes::DataType;
use datafusion_expr::Expr;

use super::aggregate;
use super::diagnostic::{Diagnostic, Place, list, suggest};
use super::fields::Field;
use super::sql::{Dialect, SqlError};
use super::yaml::{Key, Node, Value};

/// What was found wrong so far, and the dialect that expressions are in.
pub struct Context {
    pub found: Vec<Diagnostic>,
    pub dialect: Dialect,
}

impl Context {
    pub fn complain(&mut self, place: Place, message: impl Into<String>) {
        self.found.push(Diagnostic { place, message: message.into() });
    }

    /// Notes what is wrong with an expression, where it stands.
    pub fn complain_sql(&mut self, text: &SqlText, error: SqlError) {
        let place = match (error.at, text.inline) {
            (Some((1, column)), Some(start)) => {
                Place { line: text.place.line, column: start + column as usize - 1 }
            }
            _ => text.place,
        };
        self.complain(place, format!("in {}: {}", text.what, error.message));
    }

    /// The value, or a note of what is wrong with the expression.
    pub fn check<T>(&mut self, text: &SqlText, result: Result<T, SqlError>) -> Option<T> {
        result.map_err(|error| self.complain_sql(text, error)).ok()
    }

    /// Plans an expression without aggregates.
    pub fn plan_scalar(
        &mut self,
        text: &SqlText,
        schema: &arrow::datatypes::Schema,
    ) -> Option<Expr> {
        let planned = self.dialect.plan(&text.text, schema);
        let planned = self.check(text, planned)?;
        if aggregate::has_aggregate(&planned) {
            self.complain(
                text.place,
                format!("in {}: an aggregate has no place here, only in 'select'", text.what),
            );
            return None;
        }
        Some(planned)
    }

    /// Compiles a condition without aggregates and without `now()`.
    pub fn condition(
        &mut self,
        text: &SqlText,
        schema: &arrow::datatypes::SchemaRef,
    ) -> Option<super::sql::Expression> {
        let planned = self.plan_scalar(text, schema)?;
        self.no_now(text, &planned)?;
        self.is_boolean(text, &planned, schema)?;
        let compiled = self.dialect.compile(planned, schema, Some(&DataType::Boolean), &text.text);
        self.check(text, compiled)
    }

    pub fn no_now(&mut self, text: &SqlText, planned: &Expr) -> Option<()> {
        if !super::instant::uses_now(planned) {
            return Some(());
        }
        let message = "now() has its place in segments only: here the answer would change \
                       with no row to change it";
        self.complain(text.place, format!("in {}: {message}", text.what));
        None
    }

    pub fn is_boolean(
        &mut self,
        text: &SqlText,
        planned: &Expr,
        schema: &arrow::datatypes::Schema,
    ) -> Option<()> {
        let found = self.dialect.type_of(planned, schema);
        match self.check(text, found)? {
            DataType::Boolean | DataType::Null => Some(()),
            other => {
                let found = aggregate::describe(&other);
                let message =
                    format!("in {}: a condition is true or false, found {found}", text.what);
                self.complain(text.place, message);
                None
            }
        }
    }
}

/// An expression as it stands in the file.
#[derive(Clone, Debug)]
pub struct SqlText {
    pub text: String,
    pub place: Place,
    /// The column at which the text starts, if it stands in one line as it is.
    pub inline: Option<usize>,
    /// Such as `'where' of segment 'lapsed'`.
    pub what: String,
}

/// A mapping whose fields are known.
pub struct Object<'a> {
    /// Such as `source 'web'`.
    pub what: String,
    pub place: Place,
    entries: &'a [(Key, Node)],
}

impl<'a> Object<'a> {
    pub fn read(
        context: &mut Context,
        what: impl Into<String>,
        node: &'a Node,
        fields: &[Field],
    ) -> Option<Self> {
        let what = what.into();
        let Value::Mapping(entries) = &node.value else {
            context.complain(node.place, format!("{what} is a mapping, found {}", node.kind()));
            return None;
        };
        let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
        for (key, _) in entries {
            if !known.contains(&key.name.as_str()) {
                let hint = suggest(&key.name, &known);
                let message = format!("unknown field '{}' in {what}: {hint}", key.name);
                context.complain(key.place, message);
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            if !entries.iter().any(|(key, _)| key.name == field.name) {
                let example = match field.example {
                    "" => String::new(),
                    example => format!(", as in {}: {example}", field.name),
                };
                let message = format!("{what} lacks '{}'{example}", field.name);
                context.complain(node.place, message);
            }
        }
        Some(Object { what, place: node.place, entries })
    }

    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The place of a field's name, or of the whole.
    pub fn place_of(&self, name: &str) -> Place {
        let entry = self.entries.iter().find(|(key, _)| key.name == name);
        entry.map_or(self.place, |(key, _)| key.place)
    }

    pub fn text(&self, context: &mut Context, name: &str) -> Option<(String, Place)> {
        let node = self.get(name)?;
        let text = text(context, &format!("'{name}' of {}", self.what), node)?;
        Some((text, node.place))
    }

    pub fn texts(&self, context: &mut Context, name: &str) -> Option<Vec<(String, Place)>> {
        let node = self.get(name)?;
        texts(context, &format!("'{name}' of {}", self.what), node)
    }

    pub fn sql(&self, context: &mut Context, name: &str) -> Option<SqlText> {
        sql(context, format!("'{name}' of {}", self.what), self.get(name)?)
    }

    pub fn duration(&self, context: &mut Context, name: &str) -> Option<Duration> {
        let (text, place) = self.text(context, name)?;
        let duration = parse_duration(&text);
        if duration.is_none() {
            context.complain(
                place,
                format!(
                    "'{name}' of {}: '{text}' is no duration: a whole number and ms, seconds, \
                     minutes, hours, days or weeks, as in 30 days",
                    self.what
                ),
            );
        }
        duration
    }

    /// A whole number from 1.
    pub fn count(&self, context: &mut Context, name: &str) -> Option<u32> {
        let (text, place) = self.text(context, name)?;
        match text.parse() {
            Ok(count @ 1..) => Some(count),
            _ => {
                let what = &self.what;
                let message = format!(
                    "'{name}' of {what}: '{text}' is no whole number from 1, as in {name}: 5"
                );
                context.complain(place, message);
                None
            }
        }
    }

    pub fn choice(&self, context: &mut Context, name: &str, known: &[&str]) -> Option<String> {
        let (text, place) = self.text(context, name)?;
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        let what = &self.what;
        context.complain(place, format!("'{name}' of {what}: '{text}' is none of {}", list(known)));
        None
    }

    pub fn map(&self, context: &mut Context, name: &str) -> &'a [(Key, Node)] {
        self.get(name).map_or(&[], |node| map(context, &format!("'{name}' of {}", self.what), node))
    }
}

pub fn map<'a>(context: &mut Context, what: &str, node: &'a Node) -> &'a [(Key, Node)] {
    match &node.value {
        Value::Mapping(entries) => entries,
        _ if node.is_null() => &[],
        _ => {
            context.complain(node.place, format!("{what} is a mapping, found {}", node.kind()));
            &[]
        }
    }
}

pub fn text(context: &mut Context, what: &str, node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar { text, .. } if !node.is_null() => Some(text.clone()),
        _ => {
            context.complain(node.place, format!("{what} is a text, found {}", node.kind()));
            None
        }
    }
}

pub fn texts(context: &mut Context, what: &str, node: &Node) -> Option<Vec<(String, Place)>> {
    match &node.value {
        Value::Sequence(items) => {
            let mut texts = Vec::new();
            for item in items {
                texts.push((text(context, &format!("an entry of {what}"), item)?, item.place));
            }
            Some(texts)
        }
        _ => Some(vec![(text(context, what, node)?, node.place)]),
    }
}

pub fn sql(context: &mut Context, what: String, node: &Node) -> Option<SqlText> {
    let text = text(context, &what, node)?;
    let inline = match &node.value {
        Value::Scalar { inline, .. } => *inline,
        _ => None,
    };
    Some(SqlText { text, place: node.place, inline, what })
}

/// A whole number and a unit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let milliseconds = match text[digits..].trim() {
        "ms" | "millisecond" | "milliseconds" => 1,
        "s" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 604_800_000,
        _ => return None,
    };
    // A thousand years: beyond, instants would not fit.
    let duration = number.checked_mul(milliseconds)?;
    (duration <= 31_557_600_000_000).then(|| Duration::from_millis(duration))
}
