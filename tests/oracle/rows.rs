//! What becomes of a raw row: what it says, or why it is rejected, or that it does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use md5::{Digest, Md5};
use selfsame::internals::columns;
use selfsame::internals::plan::{
    Decisions, Expression, Field, Format, IdentifierType, Kind, PathStep, Placeholders, Plan,
    Source, Type,
};
use selfsame::internals::row::Datum;
use selfsame::internals::time::Micros;
use serde_json::value::RawValue;
use sha2::Sha256;

use super::script::Delivery;
use super::values::{self, Code, Value};
use super::{columnar, csv, elements, json, written};

/// An identifier: its type's trust (the less, the more trusted), then its text. So they compare in
/// their own order.
pub type Identifier = (usize, String);

/// What a row says of the identifiers that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// They are one person's, as every row's are.
    Together,
    /// Someone decided that they are the same person's.
    Same,
    /// Someone decided that they are different people's.
    Different,
}

/// What a row says, when it counts.
#[derive(Clone, Debug)]
pub struct Said {
    pub saying: Saying,
    /// In their own order, each once.
    pub identifiers: Vec<Identifier>,
    /// What it gives to aggregates, by their indexes.
    pub values: Vec<(usize, Datum)>,
}

/// A valid row.
#[derive(Clone, Debug)]
pub struct Row {
    pub source: usize,
    /// The id or key.
    pub key: Option<String>,
    pub time: Micros,
    pub position: (u32, u64),
    /// Its source's own; none for a message without a payload.
    pub columns: Vec<ArrayRef>,
    /// What it says by itself. `None`: its record is gone, or it says what its elements say.
    pub said: Option<Said>,
    /// Where its list is unnested, those of its elements that count.
    pub elements: Vec<Row>,
    /// It is a record that `where` leaves out, and is gone for that.
    pub dropped: bool,
}

impl Row {
    /// A message without one deletes its key's record, and says nothing else.
    pub fn has_payload(&self) -> bool {
        !self.columns.is_empty()
    }

    /// What says something of it: its elements, or itself.
    pub fn parts(&self) -> &[Row] {
        if self.elements.is_empty() { std::slice::from_ref(self) } else { &self.elements }
    }
}

pub enum Verdict {
    Valid(Row),
    /// An event that `where` leaves out.
    Dropped,
    Rejected(BTreeSet<Code>),
}

/// Judges a row by what the definition says of its source.
pub fn judge(plan: &Plan, delivery: &Delivery, wall: Micros) -> Verdict {
    let source = &plan.sources[delivery.source];
    let Some(payload) = &delivery.payload else { return without_payload(source, delivery, wall) };
    if source.unnest.is_some() {
        return elements::judge(plan, delivery, payload, wall);
    }
    match values(source, delivery, payload) {
        Ok(values) => judge_values(plan, delivery, values, wall, false),
        Err(code) => Verdict::Rejected([code].into()),
    }
}

/// Judges a row by the values of its source's fields; one that is bare has no element, and does not count.
pub fn judge_values(
    plan: &Plan,
    delivery: &Delivery,
    values: Vec<Result<Option<Value>, Code>>,
    wall: Micros,
    is_bare: bool,
) -> Verdict {
    let source = &plan.sources[delivery.source];
    let mut judged = Judged { plan, source, reasons: BTreeSet::new(), bad: BTreeSet::new() };
    let mut columns = Vec::new();
    for (field, value) in source.fields.iter().zip(values) {
        let cell = value.map(|value| values::cell(field, value, &plan.time_zone));
        let data_type = field.data_type.arrow(&plan.time_zone);
        columns.push(judged.or_null(cell, columns.len(), &data_type));
    }
    for (_, expression) in &source.derived {
        let value = judged.evaluate(expression, &row_of(&source.schema, &columns));
        columns.push(judged.or_null(value, columns.len(), &expression.data_type));
    }
    let time = time(source, delivery, &columns);
    if columns.len() < source.schema.fields().len() {
        let data_type = Type::Timestamp.arrow(&plan.time_zone);
        columns.push(columns::array(&data_type, [time.map(Datum::Timestamp).as_ref()]));
    }
    let row = row_of(&source.schema, &columns);
    let gone = judged.holds(source.deleted.as_ref(), &row).unwrap_or(false);
    let counts = judged.holds(source.condition.as_ref(), &row).unwrap_or(true) && !is_bare;
    let (stands, dropped) = (counts && !gone, !counts && !gone);
    if dropped && source.kind == Kind::Events {
        return if judged.reasons.is_empty() {
            Verdict::Dropped
        } else {
            Verdict::Rejected(judged.reasons)
        };
    }

    let excused = judged.excuses(source.time);
    check_time(source, time, wall, &mut judged.reasons, excused);
    let key = source.key.and_then(|key| text(&columns[key]));
    // What is empty is none.
    let is_blank = key.as_ref().is_some_and(|key| key.trim().is_empty());
    if source.key.is_some() && (is_blank || key.is_none() && !judged.excuses(source.key)) {
        judged.reasons.insert(match source.kind {
            Kind::Events => "missing_id",
            Kind::Records => "missing_key",
        });
    }
    let said = stands.then(|| judged.said(&columns, &row));
    if !judged.reasons.is_empty() {
        return Verdict::Rejected(judged.reasons);
    }
    let (time, position) = (time.expect("checked"), (delivery.part, delivery.offset));
    let (source, elements) = (delivery.source, Vec::new());
    Verdict::Valid(Row { source, key, time, position, columns, said, elements, dropped })
}

/// What is read of a row by paths.
pub enum RawRow {
    Object(json::Object),
    /// Texts by columns of a columnar file.
    Columns(BTreeMap<String, String>),
    /// Texts by columns of CSV, in which white space alone that can't be read is none.
    Cells(BTreeMap<String, String>),
}

impl RawRow {
    /// Reads a row, or says why it is none.
    pub fn read(source: &Source, delivery: &Delivery, payload: &str) -> Result<Self, Code> {
        if let Some(header) = &delivery.header {
            return csv::cells(header, payload, &source.text.marks).map(RawRow::Cells);
        }
        if source.format == Format::Parquet {
            let texts = columnar::texts(payload).into_iter();
            let texts = texts.filter_map(|(name, text)| Some((name, text?)));
            return Ok(RawRow::Columns(texts.collect()));
        }
        json::object(payload).map(RawRow::Object)
    }

    /// The value of a field; `None` if there is none, or null.
    pub fn field(&self, source: &Source, field: &Field) -> Result<Option<Value>, Code> {
        let columns = match self {
            RawRow::Object(object) => return json::field(source, object, field),
            RawRow::Columns(columns) | RawRow::Cells(columns) => columns,
        };
        if let [PathStep::Key(root), PathStep::Item(_), ..] = field.path.steps()
            && columns.get(root).is_some_and(|text| text.starts_with('['))
        {
            let raw = self.at(field.path.steps())?;
            return raw.map_or(Ok(None), |raw| json::of_raw(field, raw.get()));
        }
        let text = |field: &Field| columns.get(&field.path.to_string());
        let zone = zone_of(source, field).and_then(text);
        let Some(cell) = text(field) else { return Ok(None) };
        match (of_text(field, zone, cell), self) {
            (Err(_), RawRow::Cells(_)) if is_blank(cell) => Ok(None),
            (read, _) => read,
        }
    }

    /// What stands at a path as JSON; `None` if there is nothing, or null. A column of CSV has nothing below it, and its
    /// name may have dots.
    pub fn at(&self, path: &[PathStep]) -> Result<Option<Box<RawValue>>, Code> {
        let columns = match self {
            RawRow::Object(object) => return json::at_path(object, path),
            RawRow::Columns(columns) | RawRow::Cells(columns) => columns,
        };
        let [PathStep::Key(root), below @ ..] = path else { unreachable!("a key") };
        let is_none = |text: &&String| matches!(self, RawRow::Cells(_)) && is_blank(text);
        let Some(text) = columns.get(root).filter(|text| !is_none(text)) else { return Ok(None) };
        let raw: Box<RawValue> = serde_json::from_str(text).map_err(|_| "wrong_type")?;
        let (key, raw) = ("it".to_owned(), json::Object::from([("it".to_owned(), raw)]));
        json::at_path(&raw, &[&[PathStep::Key(key)], below].concat())
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// The values of the source's fields, or why the row has none at all.
fn values(
    source: &Source,
    delivery: &Delivery,
    payload: &str,
) -> Result<Vec<Result<Option<Value>, Code>>, Code> {
    let row = RawRow::read(source, delivery, payload)?;
    Ok(source.fields.iter().map(|field| row.field(source, field)).collect())
}

/// The field that names the zone of another one's times.
pub fn zone_of<'a>(source: &'a Source, field: &Field) -> Option<&'a Field> {
    Some(&source.fields[field.written.as_ref()?.zone_of.as_ref()?.field])
}

/// The value of a field whose text this is.
fn of_text(field: &Field, zone: Option<&String>, text: &str) -> Result<Option<Value>, Code> {
    let itself = || match &field.written {
        Some(form) => {
            let zone = zone.map(String::as_str);
            written::value(field, form, zone, text.trim()).map(|at| Some(Value::Plain(at)))
        }
        None => values::of_text(&field.data_type, text).map(Some),
    };
    values::mapped(field, text).unwrap_or_else(itself)
}

/// A null payload deletes the record of the message's key.
fn without_payload(source: &Source, delivery: &Delivery, wall: Micros) -> Verdict {
    if source.kind == Kind::Events {
        return Verdict::Rejected(["malformed"].into());
    }
    let mut reasons = BTreeSet::new();
    check_time(source, delivery.timestamp, wall, &mut reasons, false);
    if delivery.key.as_ref().is_none_or(|key| key.trim().is_empty()) {
        reasons.insert("missing_key");
    }
    match delivery.timestamp {
        Some(time) if reasons.is_empty() => Verdict::Valid(Row {
            source: delivery.source,
            key: delivery.key.clone(),
            time,
            position: (delivery.part, delivery.offset),
            columns: Vec::new(),
            said: None,
            elements: Vec::new(),
            dropped: false,
        }),
        _ => Verdict::Rejected(reasons),
    }
}

/// The row's time: its column, or the broker's, or the file's order.
fn time(source: &Source, delivery: &Delivery, columns: &[ArrayRef]) -> Option<Micros> {
    match (source.time, source.connector.topic()) {
        (Some(column), _) => match columns::datum(&columns[column], 0) {
            Some(Datum::Timestamp(time)) => Some(time),
            _ => None,
        },
        (None, Some(_)) => delivery.timestamp,
        (None, None) => Some((i64::from(delivery.part) << 32) + delivery.offset as i64),
    }
}

fn check_time(
    source: &Source,
    time: Option<Micros>,
    wall: Micros,
    reasons: &mut BTreeSet<Code>,
    excused: bool,
) {
    match time {
        Some(time) if time > wall.saturating_add(source.max_ahead) => {
            reasons.insert("time_ahead");
        }
        None if !excused => {
            reasons.insert("missing_time");
        }
        _ => {}
    }
}

struct Judged<'a> {
    plan: &'a Plan,
    source: &'a Source,
    reasons: BTreeSet<Code>,
    /// Columns whose value is bad: that it is missing is then no further reason.
    bad: BTreeSet<usize>,
}

impl Judged<'_> {
    fn or_null(
        &mut self,
        value: Result<ArrayRef, Code>,
        column: usize,
        data_type: &DataType,
    ) -> ArrayRef {
        value.unwrap_or_else(|code| {
            self.reasons.insert(code);
            self.bad.insert(column);
            values::null(data_type)
        })
    }

    fn evaluate(&self, expression: &Expression, row: &RecordBatch) -> Result<ArrayRef, Code> {
        expression.evaluate(row).map_err(|_| "expression")
    }

    /// Whether a condition holds, if there is one; null and failure count as false.
    fn holds(&mut self, condition: Option<&Expression>, row: &RecordBatch) -> Option<bool> {
        match self.evaluate(condition?, row) {
            Ok(value) => Some(columns::datum(&value, 0) == Some(Datum::Boolean(true))),
            Err(code) => {
                self.reasons.insert(code);
                Some(false)
            }
        }
    }

    /// Whether a column may be null because of a bad value. A derived one may be for any.
    fn excuses(&self, column: Option<usize>) -> bool {
        column.is_some_and(|column| {
            let derived = column >= self.source.fields.len();
            self.bad.contains(&column) || derived && !self.bad.is_empty()
        })
    }

    fn said(&mut self, columns: &[ArrayRef], row: &RecordBatch) -> Said {
        if let Some(decisions) = &self.plan.decisions
            && std::ptr::eq(&self.plan.sources[decisions.source], self.source)
        {
            return self.decided(decisions, columns);
        }
        let mut identifiers = BTreeSet::new();
        for (kind, column) in &self.source.identifiers {
            for text in texts(&columns[*column]) {
                if !self.identify(usize::from(*kind), text, &mut identifiers) {
                    self.bad.insert(*column);
                }
            }
        }
        let needed = self.source.kind == Kind::Events || !self.source.identifiers.is_empty();
        let excused = self.source.identifiers.iter().any(|(_, column)| self.excuses(Some(*column)));
        if identifiers.is_empty() && needed && !excused {
            self.reasons.insert("unidentified");
        }
        let values = if self.reasons.is_empty() { self.values(row) } else { Vec::new() };
        let identifiers = identifiers.into_iter().collect();
        Said { saying: Saying::Together, identifiers, values }
    }

    /// A decision: two identifiers, each as `type:value`, and a verdict.
    fn decided(&mut self, decisions: &Decisions, columns: &[ArrayRef]) -> Said {
        let saying = match text(&columns[decisions.verdict]).as_deref() {
            Some("same") => Saying::Same,
            Some("different") => Saying::Different,
            _ => {
                if !self.excuses(Some(decisions.verdict)) {
                    self.reasons.insert("wrong_type");
                }
                Saying::Together
            }
        };
        let mut identifiers = BTreeSet::new();
        for named in decisions.identifiers.iter().filter_map(|column| text(&columns[*column])) {
            let of_type = self.plan.identifiers.iter().enumerate().find_map(|(kind, of)| {
                Some((kind, named.strip_prefix(&of.name)?.strip_prefix(':')?))
            });
            if let Some((kind, value)) = of_type {
                self.identify(kind, Some(value.to_owned()), &mut identifiers);
            }
        }
        if identifiers.len() < 2 && self.reasons.is_empty() {
            self.reasons.insert("unidentified");
        }
        Said { saying, identifiers: identifiers.into_iter().collect(), values: Vec::new() }
    }

    /// Adds the identifier that a text is, unless it is none; whether that could be told.
    fn identify(
        &mut self,
        kind: usize,
        text: Option<String>,
        identifiers: &mut BTreeSet<Identifier>,
    ) -> bool {
        match normalised(&self.plan.identifiers[kind], text) {
            Ok(text) => identifiers.extend(text.map(|text| (kind, text))),
            Err(code) => {
                self.reasons.insert(code);
                return false;
            }
        }
        true
    }

    fn values(&mut self, row: &RecordBatch) -> Vec<(usize, Datum)> {
        let mut values = Vec::new();
        for input in &self.source.inputs {
            if self.holds(input.condition.as_ref(), row) == Some(false) {
                continue;
            }
            let value = match &input.argument {
                None => Some(Datum::Boolean(true)),
                Some(argument) => match self.evaluate(argument, row) {
                    Ok(value) => columns::datum(&value, 0),
                    Err(code) => {
                        self.reasons.insert(code);
                        None
                    }
                },
            };
            values.extend(value.map(|value| (usize::from(input.aggregate), value)));
        }
        values
    }
}

/// The identifier that a text is, unless it is none.
fn normalised(of: &IdentifierType, text: Option<String>) -> Result<Option<String>, Code> {
    let counts = |text: &String| of.placeholders == Placeholders::Keep || !stands_for_nothing(text);
    if text.as_ref().is_some_and(|text| !counts(text)) {
        return Ok(None);
    }
    let text = match &of.normalize {
        None => text,
        Some(normalize) => {
            let schema =
                Schema::new(vec![arrow::datatypes::Field::new("value", DataType::Utf8, true)]);
            let value: ArrayRef = Arc::new(StringArray::from(vec![text]));
            let row = RecordBatch::try_new(Arc::new(schema), vec![value]).expect("one column");
            let value = normalize.evaluate(&row).map_err(|_| "expression")?;
            self::text(&value)
        }
    };
    Ok(text.filter(|text| counts(text) && !of.ignore.is_match(text)))
}

/// Whether it is one of the texts, among those that histories are made of, that programs write where there is no value.
fn stands_for_nothing(text: &str) -> bool {
    // Quotes around a word are what an export left of it.
    let around = |of: char| of.is_whitespace() || ['"', '\'', '`'].contains(&of);
    let text = text.trim_matches(around).to_lowercase();
    let is_zeros = text.bytes().all(|byte| b"0-_.:+{}()".contains(&byte));
    let words = ["null", "none", "undefined", "nan", "anonymous", "guest", "true", "false", "-1"];
    is_zeros
        || words.contains(&text.as_str())
        || text == "[object object]"
        || is_hash_of_nothing(&text)
}

/// Whether it is the SHA-256 or the MD5 of such a text, as programs spell them, in hexadecimal digits.
fn is_hash_of_nothing(text: &str) -> bool {
    static HASHES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let words = ["null", "none", "undefined", "nan", "anonymous", "guest", "true", "false"];
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        let words =
            words.iter().flat_map(|word| [(*word).to_owned(), word.to_uppercase(), capital(word)]);
        let others =
            ["", " ", "0", "00", "000", "0.0", "-", "--", "-1", "{}", "NaN", "[object Object]"];
        let all = words.chain(others.map(str::to_owned));
        let hashes = all.flat_map(|text| {
            [const_hex::encode(Sha256::digest(&text)), const_hex::encode(Md5::digest(&text))]
        });
        hashes.collect()
    });
    HASHES.contains(text)
}

/// The texts of a column of text, or of lists of them.
fn texts(column: &ArrayRef) -> Vec<Option<String>> {
    let items = match column.data_type() {
        DataType::List(_) if column.is_null(0) => return Vec::new(),
        DataType::List(_) => column.as_list::<i32>().value(0),
        _ => Arc::clone(column),
    };
    items.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// A value's text; `None` for null.
pub fn text(column: &ArrayRef) -> Option<String> {
    let text = cast(column, &DataType::Utf8).expect("everything has a text");
    text.is_valid(0).then(|| text.as_string::<i32>().value(0).to_owned())
}

/// A row with the schema's first columns.
pub fn row_of(schema: &SchemaRef, columns: &[ArrayRef]) -> RecordBatch {
    let fields = schema.fields()[..columns.len()].to_vec();
    let one = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns.to_vec(), &one)
        .expect("columns have the types that the plan says")
}
