//! A person's attributes and segments, worked out from their rows, and as they are published.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray};
use arrow::datatypes::DataType;
use selfsame::internals::columns;
use selfsame::internals::plan::{Expression, Output, Plan, Rank, Step, Window};
use selfsame::internals::row::Datum;
use selfsame::internals::time::{DAY, Micros, rfc3339};

use super::aggregate::aggregate;
use super::people::Person;
use super::rows::{Row, row_of};
use super::{calendar, sessions, values};

/// All that a definition says of a person: one row of `Plan::profile_schema`.
pub struct Profile {
    row: RecordBatch,
}

impl Profile {
    /// The profile by the rows that are the person's.
    pub fn new(plan: &Plan, person: &Person, rows: &[&Row], now: Micros) -> Self {
        let aggregates: Vec<ArrayRef> = plan
            .aggregates
            .iter()
            .enumerate()
            .map(|(index, of)| {
                let mut values: Vec<(Micros, Datum)> = match of.sessions {
                    Some(number) => {
                        sessions::values(&plan.sessions[usize::from(number)], index, rows)
                    }
                    None => said(index, rows),
                };
                let window = of.window.as_ref();
                values.retain(|(time, _)| window.is_none_or(|w| counts(w, *time, now)));
                let value = aggregate(of, &values);
                columns::array(&of.output, [value.as_ref()])
            })
            .collect();
        let aggregates = row_of(&plan.aggregate_schema, &aggregates);
        let schema = &plan.profile_schema;
        let now = Datum::Timestamp(now);
        let mut known = vec![
            identifiers(plan, person),
            columns::array(schema.field(1).data_type(), [Some(&now)]),
        ];
        for step in &plan.steps[..plan.ranked_columns - 2] {
            known.push(match step {
                Step::Aggregates(expression) => value_or_null(expression, &aggregates),
                Step::Derived(expression) => value_or_null(expression, &row_of(schema, &known)),
                Step::Rank(_) => unreachable!("ranks look at no rank"),
            });
        }
        Profile { row: row_of(schema, &known) }
    }

    /// What each rank looks at.
    pub fn ranked(&self, plan: &Plan) -> Vec<Option<Datum>> {
        let value = |rank: &Rank| columns::datum(&value_or_null(&rank.expression, &self.row), 0);
        plan.ranks.iter().map(value).collect()
    }

    /// With the scores by each rank, and what follows from them.
    pub fn with_scores(self, plan: &Plan, scores: &[Option<Datum>]) -> Self {
        let schema = &plan.profile_schema;
        let mut known = self.row.columns().to_vec();
        for step in &plan.steps[plan.ranked_columns - 2..] {
            known.push(match step {
                Step::Aggregates(_) => unreachable!("they come before the ranks"),
                Step::Derived(expression) => value_or_null(expression, &row_of(schema, &known)),
                Step::Rank(rank) => columns::array(&DataType::Int64, [scores[*rank].as_ref()]),
            });
        }
        Profile { row: row_of(schema, &known) }
    }

    /// The names of the segments that the person is in, sorted.
    pub fn segments<'a>(&self, plan: &'a Plan) -> Vec<&'a str> {
        let is_in = |column: usize| {
            columns::datum(self.row.column(column), 0) == Some(Datum::Boolean(true))
        };
        let segments = plan.segments.iter().filter(|segment| is_in(segment.column));
        let mut names: Vec<&str> = segments.map(|segment| segment.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// What an output says of the person, less `at` and the closing brace; `None` if they are not
    /// in it.
    pub fn published(&self, plan: &Plan, person: &Person, output: &Output) -> Option<String> {
        if let Some(condition) = &output.condition {
            let value = value_or_null(condition, &self.row);
            if columns::datum(&value, 0) != Some(Datum::Boolean(true)) {
                return None;
            }
        }
        let text = |text: &str| serde_json::to_string(text).expect("text");
        let kinds = plan.identifiers.iter().enumerate().filter_map(|(kind, of)| {
            let texts: Vec<String> = texts(person, kind).map(|of| text(of)).collect();
            let list = format!("{}:[{}]", text(&of.name), texts.join(","));
            (!texts.is_empty()).then_some(list)
        });
        let attributes = output.attributes.iter().map(|attribute| {
            let attribute = &plan.attributes[*attribute];
            let column = self.row.column(attribute.column);
            let value = columns::datum(column, 0);
            format!("{}:{}", text(&attribute.name), written(&value, &attribute.data_type))
        });
        let segments = self.segments(plan).into_iter().map(text);
        Some(format!(
            "{{\"person\":\"{}\",\"identifiers\":{{{}}},\"attributes\":{{{}}},\"segments\":[{}]",
            person.id,
            joined(kinds),
            joined(attributes),
            joined(segments),
        ))
    }
}

/// What rows give to an aggregate, each with its time.
fn said(index: usize, rows: &[&Row]) -> Vec<(Micros, Datum)> {
    let mut given = Vec::new();
    for row in rows {
        let values = &row.said.as_ref().expect("it stands").values;
        let values = values.iter().filter(|(aggregate, _)| *aggregate == index);
        given.extend(values.map(|(_, value)| (row.time, value.clone())));
    }
    given
}

/// Whether a row of a time counts at a reading of `now()`.
fn counts(window: &Window, time: Micros, now: Micros) -> bool {
    match window {
        Window::Within(length) => time > now - length,
        Window::Between { near, far } => time <= now - near && time > now - far,
        Window::Since(since) => time >= calendar::border(since, now),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

/// A person's identifiers of a type, sorted.
fn texts(person: &Person, kind: usize) -> impl Iterator<Item = &String> {
    person.identifiers.iter().filter(move |(of, _)| *of == kind).map(|(_, text)| text)
}

/// What fails for a person is null.
fn value_or_null(expression: &Expression, row: &RecordBatch) -> ArrayRef {
    expression.evaluate(row).unwrap_or_else(|_| values::null(&expression.data_type))
}

/// A struct with a list of text for each type.
fn identifiers(plan: &Plan, person: &Person) -> ArrayRef {
    let DataType::Struct(fields) = plan.profile_schema.field(0).data_type() else {
        unreachable!("identifiers are a struct")
    };
    let lists = fields.iter().enumerate().map(|(kind, field)| {
        let texts: Vec<Datum> =
            texts(person, kind).map(|text| Datum::Text(text.as_str().into())).collect();
        values::list(field.data_type(), texts.iter().map(Some))
    });
    Arc::new(StructArray::new(fields.clone(), lists.collect(), None))
}

/// A value in JSON: numbers with their full digits, instants as RFC 3339 in UTC.
fn written(value: &Option<Datum>, data_type: &DataType) -> String {
    match value {
        None => "null".to_owned(),
        Some(Datum::Boolean(value)) => value.to_string(),
        Some(Datum::Integer(value)) => value.to_string(),
        Some(Datum::Number(value)) if value.is_finite() => {
            serde_json::to_string(&(value + 0.0)).expect("a number")
        }
        Some(Datum::Number(_)) => "null".to_owned(),
        Some(Datum::Decimal(value)) => {
            let value = value.get();
            let DataType::Decimal128(_, scale) = data_type else { unreachable!("a decimal") };
            let scale = usize::try_from(*scale).expect("the language's scales count up from 0");
            let sign = if value < 0 { "-" } else { "" };
            let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            let point = if scale > 0 { "." } else { "" };
            format!("{sign}{whole}{point}{fraction}")
        }
        Some(Datum::Text(text)) => serde_json::to_string(text.as_str()).expect("text"),
        Some(Datum::Timestamp(at)) => format!("\"{}\"", rfc3339(*at)),
        Some(Datum::Date(days)) => format!("\"{}\"", &rfc3339(i64::from(*days) * DAY)[..10]),
        Some(Datum::Struct(values)) => {
            let DataType::Struct(fields) = data_type else { unreachable!("a struct") };
            let fields = fields.iter().zip(values.iter()).map(|(field, value)| {
                format!("\"{}\":{}", field.name(), written(value, field.data_type()))
            });
            format!("{{{}}}", joined(fields))
        }
        Some(Datum::List(entries)) if let DataType::Map(of, _) = data_type => {
            let DataType::Struct(fields) = of.data_type() else { unreachable!("entries") };
            let entries = entries.iter().map(|entry| {
                let Datum::Struct(entry) = entry else { unreachable!("an entry") };
                let [key, value] = &entry[..] else { unreachable!("of two") };
                format!(
                    "{}:{}",
                    written(key, fields[0].data_type()),
                    written(value, fields[1].data_type())
                )
            });
            format!("{{{}}}", joined(entries))
        }
        Some(Datum::List(items)) => {
            let DataType::List(item) = data_type else { unreachable!("a list") };
            let items = items.iter().map(|value| written(&Some(value.clone()), item.data_type()));
            format!("[{}]", joined(items))
        }
    }
}
