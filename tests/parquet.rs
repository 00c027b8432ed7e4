//! Parquet: columns of every type are read as the language's, or refused with the column and a remedy.

mod input;

use std::path::Path;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type, i256};
use input::Input;
use input::written::parquet;
use selfsame::internals::decode::Decoder;
use selfsame::internals::plan::Plan;
use selfsame::internals::source::{self, Next, SourceOptions};

/// A definition that reads one column as a type, and counts what `where` lets pass.
fn definition(folder: &Path, of: &str) -> Plan {
    let yaml = format!(
        "
sources:
  t:
    files: t.parquet
    format: parquet
    kind: events
    fields: {{user: text, c: {of}}}
identity:
  user: {{from: {{t: user}}}}
attributes:
  c: {{from: t, select: 'recent(c, 9)'}}
outputs:
  profiles: {{files: out.ndjson}}
"
    );
    let plan = selfsame::internals::definition::parse(&yaml, &folder.join("t.yaml"), &|_| None);
    plan.unwrap_or_else(|wrong| panic!("{wrong}\n{yaml}"))
}

/// What the rows say, or what is wrong with them, or with the file.
fn read(column: ArrayRef, of: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let users: ArrayRef = Arc::new(StringArray::from(vec!["u"; column.len()]));
    let batch =
        RecordBatch::try_from_iter_with_nullable([("user", users, true), ("c", column, true)])
            .expect("columns of one length");
    std::fs::write(folder.path().join("t.parquet"), parquet(&[batch])).expect("room");
    let plan = Arc::new(definition(folder.path(), of));
    let options = SourceOptions { until_end: true, ..SourceOptions::default() };
    let mut feeds = source::start(&plan, &options, Arc::new(|| ())).map_err(|error| {
        error.to_string().replace(&*folder.path().to_string_lossy(), "<folder>")
    })?;
    let mut said = Vec::new();
    loop {
        match feeds.workers[0].try_next() {
            Next::Chunk(chunk) => {
                let decoded = Decoder::new(Arc::clone(&plan), 0).decode(&chunk, 0);
                let rows = decoded.rows.iter().map(|row| {
                    let mut inputs = row.body.as_ref().expect("it stands").inputs();
                    inputs.next().map_or("null".to_owned(), |input| format!("{:?}", input.value))
                });
                said.extend(rows);
                said.extend(decoded.rejects.iter().flat_map(|reject| {
                    reject.reasons.iter().map(|why| format!("{}: {}", why.code, why.message))
                }));
            }
            Next::Empty | Next::Together(..) => std::thread::yield_now(),
            Next::Ended => return Ok(said),
            Next::Failed(error) => return Err(error.to_string()),
        }
    }
}

#[track_caller]
fn reads(column: impl Array + 'static, of: &str, said: &[&str]) {
    let found = read(Arc::new(column), of);
    assert_eq!(found, Ok(said.iter().map(|said| (*said).to_owned()).collect()), "as {of}");
}

#[track_caller]
fn refuses(column: impl Array + 'static, of: &str, why: &str) {
    let why = format!("source t: <folder>/t.parquet: column c is {why}");
    assert_eq!(read(Arc::new(column), of), Err(why), "as {of}");
}

fn people() -> StructArray {
    let fields = Fields::from(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("spent", DataType::Decimal128(12, 2), true),
    ]);
    let spent = Decimal128Array::from(vec![Some(1250), None]).with_precision_and_scale(12, 2);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("zoë \"z\""), None])),
        Arc::new(spent.expect("in range")),
    ];
    StructArray::new(fields, columns, None)
}

fn map() -> MapArray {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    builder.keys().append_value("a");
    builder.values().append_value(1);
    builder.keys().append_value("b.c");
    builder.values().append_null();
    builder.append(true).expect("as many of either");
    builder.append(false).expect("as many of either");
    builder.keys().append_value("a");
    builder.values().append_value(3);
    builder.append(true).expect("as many of either");
    builder.finish()
}

#[test]
fn a_column_of_nulls_is_null_in_every_type() {
    for of in [
        "text",
        "integer",
        "number",
        "\"decimal(12,2)\"",
        "boolean",
        "timestamp",
        "date",
        "json",
        "\"[text]\"",
        "\"[timestamp]\"",
        "{type: text, path: c.below}",
    ] {
        reads(NullArray::new(2), of, &["null", "null"]);
    }
    reads(NullArray::new(1), "{type: integer, default: 7}", &["Integer(7)"]);
    let empty = ListArray::new(
        Arc::new(Field::new("item", DataType::Null, true)),
        OffsetBuffer::from_lengths([0, 2]),
        Arc::new(NullArray::new(2)),
        None,
    );
    reads(empty, "\"[text]\"", &["List(Items([]))"; 2]);
}

#[test]
fn structs_maps_and_lists_are_json_and_their_parts_have_paths() {
    let text = |text: &str| format!("Text({text:?})");
    let [one, two] = [r#"{"name":"zoë \"z\"","spent":12.50}"#, r#"{"name":null,"spent":null}"#];
    reads(people(), "json", &[&text(one), &text(two)]);
    reads(people(), "{type: text, path: c.name}", &[&text("zoë \"z\""), "null"]);
    reads(map(), "json", &[&text(r#"{"a":1,"b.c":null}"#), "null", &text(r#"{"a":3}"#)]);
    reads(map(), "{type: integer, path: c.a}", &["Integer(1)", "null", "Integer(3)"]);
    let of = Field::new("item", people().data_type().clone(), true);
    let lists =
        ListArray::new(Arc::new(of), OffsetBuffer::from_lengths([2]), Arc::new(people()), None);
    reads(lists.clone(), "json", &[&text(&format!("[{one},{two}]"))]);
    refuses(
        lists,
        "\"[text]\"",
        "a Parquet list of lists or structs, which is no [text]: declare it as json",
    );
    let lists =
        ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), None]), None]);
    reads(lists, "json", &[&text("[1,null]"), "null"]);
}

#[test]
fn lists_of_every_kind_are_lists() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![None, Some(3)]),
    ]);
    let item = || Arc::new(Field::new("item", DataType::Int64, true));
    let said = ["List(Items([Integer(1), Integer(2)]))", "null", "List(Items([Integer(3)]))"];
    for of in [DataType::LargeList(item()), DataType::FixedSizeList(item(), 2)] {
        reads(make_array(cast(&lists, &of).expect("it casts").to_data()), "\"[integer]\"", &said);
    }
    reads(lists.clone(), "\"[integer]\"", &said);
    refuses(lists, "text", "a Parquet list of Int64, which is no text: declare it as [integer]");
}

#[test]
fn numbers_texts_and_instants_are_read_however_wide_they_are() {
    let wide = |value: i64| i256::from(value);
    let decimals =
        Decimal256Array::from(vec![Some(wide(125)), None, Some(wide(10_000_000_000_000))]);
    reads(
        decimals.with_precision_and_scale(50, 2).expect("in range"),
        "\"decimal(12,2)\"",
        &[
            "Decimal(Short(125))",
            "null",
            "out_of_range: 100000000000.00 does not fit decimal(12,2)",
        ],
    );
    let narrow = Decimal32Array::from(vec![Some(125)]).with_precision_and_scale(5, 2);
    reads(narrow.expect("in range"), "\"decimal(12,2)\"", &["Decimal(Short(125))"]);
    let narrow = Decimal64Array::from(vec![Some(125)]).with_precision_and_scale(12, 2);
    reads(narrow.expect("in range"), "json", &["Text(\"1.25\")"]);

    let words: DictionaryArray<Int32Type> =
        vec![Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    reads(words.clone(), "text", &["Text(\"a\")", "null", "Text(\"b\")", "Text(\"a\")"]);
    refuses(
        StructArray::from(vec![(
            Arc::new(Field::new("x", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![1])) as ArrayRef,
        )]),
        "text",
        "a Parquet struct, which is no text: name one of its fields by path, or declare it as json",
    );
    refuses(
        map(),
        "text",
        "a Parquet map, which is no text: name one of its keys by path, or declare it as json",
    );
    reads(LargeStringArray::from(vec!["a"]), "text", &["Text(\"a\")"]);
    reads(
        StringViewArray::from(vec!["longer than twelve bytes"]),
        "text",
        &["Text(\"longer than twelve bytes\")"],
    );
    reads(
        BinaryViewArray::from(vec![&b"a"[..], b"\xff"]),
        "text",
        &["Text(\"a\")", "not_utf8: not UTF-8 at byte 1"],
    );
    reads(
        BinaryArray::from(vec![&b"\xff\x01"[..]]),
        "{type: json, default: '{}'}",
        &["not_utf8: not UTF-8 at byte 1"],
    );
    let uuid = FixedSizeBinaryArray::try_from_iter([[0xab; 16]].into_iter()).expect("of one size");
    reads(uuid, "text", &["Text(\"abababab-abab-abab-abab-abababababab\")"]);
    reads(Date64Array::from(vec![1_751_673_600_000]), "date", &["Date(20274)"]);
    reads(
        Date64Array::from(vec![1_751_673_600_000]),
        "timestamp",
        &["Timestamp(1751673600000000)"],
    );
    // As pandas writes days: midnight, without a zone. With one, the day is that of the clocks in UTC, the definition's.
    reads(
        TimestampMillisecondArray::from(vec![Some(1_751_673_600_000), None]),
        "date",
        &["Date(20274)", "null"],
    );
    reads(
        TimestampSecondArray::from(vec![1_751_673_599]).with_timezone("Asia/Tokyo"),
        "date",
        &["Date(20273)"],
    );
    reads(
        TimestampNanosecondArray::from(vec![1_751_673_600_000_000_999]),
        "timestamp",
        &["Timestamp(1751673600000000)"],
    );
    reads(
        TimestampSecondArray::from(vec![1_751_673_600]),
        "json",
        &["Text(\"\\\"2025-07-05T00:00:00.000Z\\\"\")"],
    );
    refuses(
        TimestampSecondArray::from(vec![1]),
        "integer",
        "a Parquet Timestamp(s), which is no integer: declare it as timestamp",
    );
    refuses(
        Float64Array::from(vec![1.0]),
        "boolean",
        "a Parquet Float64, which is no boolean: declare it as number",
    );
    reads(Time64MicrosecondArray::from(vec![1]), "text", &["Text(\"00:00:00.000001\")"]);
}

#[test]
fn two_columns_of_one_name_are_told() {
    let fields = vec![
        Field::new("user", DataType::Utf8, true),
        Field::new("c", DataType::Utf8, true),
        Field::new("c", DataType::Utf8, true),
    ];
    let text = || Arc::new(StringArray::from(vec!["u"])) as ArrayRef;
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let batch = RecordBatch::try_new(schema, vec![text(), text(), text()]).expect("columns");
    let bytes = parquet(&[batch]);
    let input = Input::new(|folder| definition(folder, "text"), &[("t.parquet", &bytes)]);
    assert_eq!(input.fails(), "source t: <folder>/t.parquet: two columns are named c");
}

#[test]
fn the_zone_of_a_row_is_the_value_of_its_field() {
    let zones = StringArray::from(vec![Some("EDT"), Some("?"), None, Some("CET+1"), Some("CET+1")]);
    let of = "{type: timestamp, path: c.at, time_zone_from: zone}, zone: {type: text, path: c.zone, \
              map: {EDT: America/New_York, '?': null}, default: Europe/Berlin}";
    let at = |instant: i64| format!("Timestamp({instant})");
    let bad = "wrong_type: its zone is CET+1, which is no time zone of the IANA database";
    let texts = StringArray::from(vec![
        "2025-07-05 12:00:00",
        "2025-07-05 12:00:00",
        "2025-07-05 12:00:00",
        "2025-07-05T12:00:00Z",
        "2025-07-05 12:00:00",
    ]);
    let noon = 1_751_716_800_000_000;
    let hour = 3_600_000_000;
    let [new_york, berlin] = [at(noon + 4 * hour), at(noon - 2 * hour)];
    let beside = |name: &str, times: ArrayRef| {
        let zone = (
            Arc::new(Field::new("zone", DataType::Utf8, true)),
            Arc::new(zones.clone()) as ArrayRef,
        );
        StructArray::from(vec![
            zone,
            (Arc::new(Field::new(name, times.data_type().clone(), true)), times),
        ])
    };
    reads(beside("at", Arc::new(texts)), of, &[&new_york, &berlin, &berlin, &at(noon), bad]);
    let naive = TimestampMicrosecondArray::from(vec![noon; 5]);
    reads(beside("at", Arc::new(naive)), of, &[&new_york, &berlin, &berlin, bad, bad]);
}
