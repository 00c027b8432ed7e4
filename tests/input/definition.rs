//! Definitions for tests of input.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use selfsame::internals::decode::Decoded;
use selfsame::internals::plan::{
    Field, FieldPath, Format, IdentifierType, Kafka, Kind, Placeholders, Plan, Source, TextForm,
    Type,
};
use selfsame::internals::row::{Datum, Row};
use selfsame::internals::source::{Files, KafkaStart, Topic};
use selfsame::internals::time::{DAY, HOUR};

pub type Make = fn(&Path) -> Plan;

pub const EVENTS: Make = |folder| plan(vec![events(folder)]);
pub const PRODUCTS: Make = |folder| plan(vec![products(folder)]);
pub const ORDERS: Make = |folder| plan(vec![orders(folder)]);
pub const FLAT_ORDERS: Make = |folder| {
    let mut of = orders(folder);
    of.fields[3].path = FieldPath::key("customer");
    plan(vec![of])
};
/// With a default for every field.
pub const DEFAULTS: Make = |folder| {
    let mut of = orders(folder);
    of.fields.iter_mut().for_each(|field| field.default = Some(Datum::Text("x".into())));
    plan(vec![of])
};
pub const BOTH: Make = |folder| plan(vec![events(folder), products(folder)]);

/// What is not meant well is known to it: placeholders, what makes much of little, what takes long.
pub const GUARDED_EVENTS: Make = |_| guarded("files: events.ndjson, kind: events, id: id");
pub const GUARDED_PRODUCTS: Make =
    |_| guarded("files: products.csv, format: csv, kind: records, key: id");
/// What an expression of these may make of a row.
pub const GUARDED_BYTES: usize = 1_000;

fn guarded(source: &str) -> Plan {
    let yaml = format!(
        "
limits: {{bytes: {GUARDED_BYTES}, steps: 5000000}}
sources:
  source:
    {{{source}, fields: {{id: text, email: text, x: text, count: integer}},
     derive: {{wide: \"repeat(x, count)\", found: \"x ~ id\"}}, where: \"x <> 'dropped' or found\"}}
identity:
  email: {{from: {{source: email}}, normalize: lower(trim(value)), at_most: 1}}
attributes:
  wide: {{from: source, select: last(wide)}}
  found: {{from: source, select: bool_or(found)}}
outputs:
  profiles: {{files: out.ndjson}}
"
    );
    selfsame::internals::definition::parse(&yaml, Path::new("guarded.yaml"), &|_| None)
        .unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Rows as people have them: times as they are written, in the zone that a column names, lists whose elements are
/// rows, codes, and expressions that look into JSON and tidy texts.
pub const SHAPED_EVENTS: Make = |_| shaped("files: rows.ndjson", "");
/// The same in CSV of another kind, with a list in a cell.
pub const SHAPED_CELLS: Make =
    |_| shaped("files: rows.csv, format: csv, delimiter: \";\", quote: \"'\", comment: \"#\"", "");
/// The same in files, which are unfolded first: compressed texts, and those in other encodings.
pub const UNFOLDED: [Make; 4] = [
    |folder| shaped(&files(folder, "json"), ""),
    |folder| shaped(&files(folder, "csv"), ", encoding: utf-16"),
    |folder| shaped(&files(folder, "csv"), ", encoding: shift_jis, delimiter: tab"),
    |folder| {
        shaped(&files(folder, "csv"), ", quote: none, columns: [id, at, zone, email, items, extra]")
    },
];

fn files(folder: &Path, format: &str) -> String {
    let path = folder.join("rows.txt");
    format!("files: {}, format: {format}", serde_json::Value::from(path.to_string_lossy()))
}

fn shaped(from: &str, form: &str) -> Plan {
    let yaml = format!(
        "
sources:
  source:
    {{{from}{form}, kind: records, key: id, time: at, unnest: items, fields: {{
      id: text, zone: text, email: text, extra: json,
      at: {{type: timestamp, format: [epoch_s, '%d.%m.%Y %H:%M', iso], time_zone_from: zone}},
      line: {{type: integer, path: 'items.#'}},
      sku: {{type: text, path: items.sku}},
      price: {{type: 'decimal(12,2)', path: items.price.net}},
      kind: {{type: text, path: items.kind, map: {{a: b, c: null}}, else: reject}}}},
     derive: {{first: \"json_get_int(extra, 'a', 0)\", keys: json_object_keys(extra), tidy: clean(sku),
              phone: \"e164(sku, 'DE')\", hashed: hashed_email(email)}}}}
identity:
  email: {{from: {{source: email}}, normalize: lower(clean(value))}}
attributes:
  spent: {{from: source, select: sum(price) by kind}}
  keys: {{from: source, select: last(keys)}}
  favourite: {{from: source, select: 'mode(tidy, sum(price))'}}
outputs:
  profiles: {{files: out.ndjson}}
"
    );
    selfsame::internals::definition::parse(&yaml, Path::new("shaped.yaml"), &|_| None)
        .unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// # Panics
/// If a raw row of a chunk of this source is not accounted for, or one got through that the guards of a plan are for.
pub fn account_for(plan: &Plan, source: u16, decoded: &Decoded) {
    // A record that is dropped goes on as one that is gone.
    let dropped = match plan.sources[usize::from(source)].kind {
        Kind::Events => decoded.dropped,
        Kind::Records => 0,
    };
    let known = decoded.rows.len() as u64 + decoded.rejects.len() as u64 + dropped;
    assert_eq!(known, decoded.rows_in, "every row is accounted for");
    let gone = decoded.rows.iter().filter(|row| row.body.is_none()).count() as u64;
    assert!(decoded.dropped <= gone + dropped, "{} dropped of {gone}", decoded.dropped);
    if plan.name == "guarded" {
        hold_guards(&decoded.rows);
    }
}

fn hold_guards(rows: &[Row]) {
    for body in rows.iter().filter_map(|row| row.body.as_ref()) {
        for identifier in body.identifiers() {
            let text = identifier.text();
            let none = ["", "null", "undefined", "none", "nan", "0", "-1", "anonymous", "guest"];
            assert!(
                !none.contains(&text) && text == text.trim_matches(' '),
                "{text:?} is an identifier"
            );
        }
        for input in body.inputs() {
            if let Datum::Text(text) = &input.value {
                assert!(text.len() <= GUARDED_BYTES, "{} bytes of a row", text.len());
            }
        }
    }
}

/// Sources `source0`, `source1`, … of topics, with fields `id` and `email`.
pub fn topics(brokers: &str, topics: &[(&str, Kind, KafkaStart)]) -> Plan {
    let sources = topics.iter().enumerate().map(|(index, (topic, kind, start))| {
        let fields = [("id", Type::Text), ("email", Type::Text)];
        let connector = Arc::new(Topic { topic: (*topic).into(), start: *start });
        let of = source(&format!("source{index}"), "", Format::Json, *kind, &fields);
        Source { connector, identifiers: vec![(0, 1)], ..of }
    });
    let plan = plan(sources.collect());
    Plan { kafka: Kafka { brokers: brokers.into(), ..Kafka::default() }, ..plan }
}

fn plan(sources: Vec<Source>) -> Plan {
    Plan {
        name: "test".into(),
        time_zone: "UTC".into(),
        target_latency: std::time::Duration::from_millis(200),
        limits: selfsame::internals::plan::Limits::default(),
        data: None,
        http: Default::default(),
        kafka: Kafka::default(),
        sources,
        identifiers: vec![IdentifierType {
            name: "email".into(),
            normalize: None,
            placeholders: Placeholders::Ignore,
            ignore: globset::GlobSet::empty(),
            at_most: None,
            shared_after: None,
        }],
        at_most: None,
        decisions: None,
        presence: Vec::new(),
        aggregates: Vec::new(),
        sessions: Vec::new(),
        attributes: Vec::new(),
        segments: Vec::new(),
        outputs: Vec::new(),
        aggregate_schema: Arc::new(Schema::empty()),
        profile_schema: Arc::new(Schema::empty()),
        steps: Vec::new(),
        ranks: Vec::new(),
        ranked_columns: 0,
        instants: Vec::new(),
        stated: Vec::new(),
    }
}

fn source(name: &str, glob: &str, format: Format, kind: Kind, fields: &[(&str, Type)]) -> Source {
    let zone: Arc<str> = "UTC".into();
    let mut columns: Vec<arrow::datatypes::Field> = fields
        .iter()
        .map(|(name, data_type)| arrow::datatypes::Field::new(*name, data_type.arrow(&zone), true))
        .collect();
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some(zone));
    columns.push(arrow::datatypes::Field::new("time", time, true));
    Source {
        name: name.into(),
        connector: Arc::new(Files { globs: vec![glob.into()] }),
        format,
        text: TextForm::default(),
        kind,
        fields: fields
            .iter()
            .map(|(name, data_type)| Field {
                name: (*name).into(),
                data_type: data_type.clone(),
                path: FieldPath::key(*name),
                default: None,
                written: None,
                map: None,
            })
            .collect(),
        unnest: None,
        derived: Vec::new(),
        joined: None,
        looked_up: Vec::new(),
        schema: Arc::new(Schema::new(columns)),
        key: Some(0),
        time: None,
        deleted: None,
        condition: None,
        max_ahead: DAY,
        id_window: HOUR,
        sessions: None,
        identifiers: Vec::new(),
        inputs: Vec::new(),
    }
}

fn events(folder: &Path) -> Source {
    let fields = [
        ("id", Type::Text),
        ("at", Type::Timestamp),
        ("email", Type::Text),
        ("amount", Type::Decimal(12, 2)),
        ("score", Type::Number),
        ("count", Type::Integer),
    ];
    let glob = folder.join("events*.ndjson");
    let events = source("events", &glob.to_string_lossy(), Format::Json, Kind::Events, &fields);
    Source { time: Some(1), identifiers: vec![(0, 2)], ..events }
}

fn orders(folder: &Path) -> Source {
    let fields = [
        ("id", Type::Text),
        ("at", Type::Timestamp),
        ("amount", Type::Decimal(12, 2)),
        ("email", Type::Text),
    ];
    let glob = folder.join("orders*.parquet");
    let of = source("orders", &glob.to_string_lossy(), Format::Parquet, Kind::Events, &fields);
    let mut of = Source { time: Some(1), identifiers: vec![(0, 3)], ..of };
    of.fields[3].path = FieldPath::parse("customer.email").expect("a path");
    of
}

fn products(folder: &Path) -> Source {
    let fields = [("sku", Type::Text), ("title", Type::Text), ("price", Type::Decimal(12, 2))];
    let glob = folder.join("products.csv");
    source("products", &glob.to_string_lossy(), Format::Csv, Kind::Records, &fields)
}
