//! Objects of the definition file, read field by field; every mistake is noted, none stops the reading.

use std::collections::HashSet;
use std::time::Duration;

use arrow::datatypes::DataType;
use datafusion_expr::Expr;

use crate::definition::file::diagnostic::{self, Diagnostic, Place, nearest, suggest};
use crate::definition::file::fields::{self, FieldShape};
use crate::definition::file::yaml::{YamlKey, YamlNode, YamlValue};
use crate::definition::sql::describe::describe;
use crate::definition::sql::{Dialect, SqlError};

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
}

impl ReadContext {
    pub fn new(found: Vec<Diagnostic>, dialect: Dialect) -> Self {
        ReadContext { found, dialect, broken: HashSet::new(), lines: Vec::new() }
    }

    /// As it is said of a file of this text.
    pub fn of(self, text: &str) -> Self {
        let lines = diagnostic::lines(text).map(|line| line.chars().collect()).collect();
        ReadContext { lines, ..self }
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
    pub fn plan_scalar(
        &mut self,
        text: &SqlText,
        schema: &arrow::datatypes::Schema,
    ) -> Option<Expr> {
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
}

/// What other tools call a field, and what it is called here.
const ELSEWHERE: [(&str, &str); 16] = [
    ("type", "kind"),
    ("schema", "fields"),
    ("columns", "fields"),
    ("path", "files"),
    ("file", "files"),
    ("topic", "kafka"),
    ("primary_key", "key"),
    ("filter", "where"),
    ("condition", "where"),
    ("timestamp", "time"),
    ("sources", "from"),
    ("source", "from"),
    ("expression", "sql"),
    ("aggregate", "select"),
    ("window", "within"),
    ("ttl", "within"),
];

/// The known field that goes by another name elsewhere.
fn elsewhere<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut ours = ELSEWHERE.iter().filter(|(theirs, _)| *theirs == name).map(|(_, ours)| ours);
    ours.find_map(|ours| known.iter().copied().find(|known| known == ours))
}

impl<'a> Object<'a> {
    pub fn read(
        context: &mut ReadContext,
        what: impl Into<String>,
        node: &'a YamlNode,
        fields: &[FieldShape],
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
                    Some(name) => format!("did you mean '{name}'?"),
                    None => suggest(&key.name, &known),
                };
                let message = format!("unknown field '{}' in {what}: {hint}", key.name);
                context.complain(key.place, message);
                meant.extend(other.or_else(|| nearest(&key.name, &known)));
            }
        }
        let object = Object { what, place: node.place, entries };
        for field in fields.iter().filter(|field| field.required && !meant.contains(&field.name)) {
            object.demand(context, field);
        }
        Some(object)
    }

    /// The fields that are known in a mapping whose other names the user chooses.
    pub fn of_known(context: &mut ReadContext, of: &Object<'a>, name: &str) -> Self {
        let (what, place) = (format!("'{name}'"), of.place_of(name));
        Object { what, place, entries: of.map(context, name) }
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
        let (text, place) = self.text(context, name)?;
        let duration = parse_duration(&text);
        duration
            .map_err(|wrong| {
                context.complain(place, format!("'{name}' of {}: '{text}' {wrong}", self.what));
            })
            .ok()
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
        self.get(name).map_or(&[], |node| map(context, &format!("'{name}' of {}", self.what), node))
    }
}

pub fn map<'a>(
    context: &mut ReadContext,
    what: &str,
    node: &'a YamlNode,
) -> &'a [(YamlKey, YamlNode)] {
    match &node.value {
        YamlValue::Mapping(entries) => entries,
        YamlValue::Unset => &[],
        _ if node.is_null() => &[],
        _ => {
            context.complain(node.place, format!("{what} is a mapping, found {}", node.found()));
            &[]
        }
    }
}

pub fn text(context: &mut ReadContext, what: &str, node: &YamlNode) -> Option<String> {
    match &node.value {
        YamlValue::Scalar { text, .. } if !node.is_null() => Some(text.clone()),
        YamlValue::Unset => None,
        _ => {
            context.complain(node.place, format!("{what} is a text, found {}", node.found()));
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
    let text = text(context, &what, node)?;
    Some(SqlText::of(node, text, what))
}

/// A whole number and a unit.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "is no duration: a whole number and ms, seconds, minutes, hours, days or \
                        weeks, as in 30 days";
    // Beyond, instants would not fit.
    const LONGEST: u64 = 1_000 * 366 * 86_400_000;
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit()).ok_or(FORM)?;
    let milliseconds = match text[digits..].trim() {
        "ms" | "millisecond" | "milliseconds" => 1,
        "s" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 604_800_000,
        _ => return Err(FORM),
    };
    if digits == 0 {
        return Err(FORM);
    }
    let number: Option<u64> = text[..digits].parse().ok();
    let duration = number.and_then(|number| number.checked_mul(milliseconds));
    match duration.filter(|duration| *duration <= LONGEST) {
        Some(duration) => Ok(Duration::from_millis(duration)),
        None => Err("is too long: the longest duration is a thousand years"),
    }
}
