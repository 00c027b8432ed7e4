//! What JSON is read as, by paths and types.

use super::*;
use crate::columns;
use crate::plan::{FieldPath, Type};
use crate::row::Datum;
use arrow::array::ArrayRef;
use proptest::prelude::*;
use std::sync::Arc;

fn field(path: &str, data_type: Type) -> Field {
    Field {
        name: path.to_owned(),
        data_type,
        path: FieldPath::parse(path).expect("a path"),
        default: None,
        written: None,
        map: None,
    }
}

fn text(value: &str) -> Option<Datum> {
    Some(Datum::Text(value.into()))
}

/// The columns of some rows, and of each row its reasons as `code path: message`.
fn decode(fields: &[Field], rows: &[&str]) -> (Vec<ArrayRef>, Vec<Vec<String>>) {
    let paths = Paths::new(fields);
    let zone: Arc<str> = "UTC".into();
    let mut columns: Vec<Column> = fields.iter().map(|field| Column::of(field, &zone)).collect();
    let mut all = Vec::new();
    for row in rows {
        let mut flaws = Flaws::default();
        paths.decode(row, fields, &mut columns, &mut flaws);
        all.push(
            flaws
                .reasons
                .iter()
                .map(|reason| format!("{} {}: {}", reason.code, reason.path, reason.message))
                .collect(),
        );
    }
    let columns: Vec<ArrayRef> = columns.iter_mut().map(Column::finish).collect();
    assert!(columns.iter().all(|column| column.len() == rows.len()));
    (columns, all)
}

/// What one value of a type is read as.
fn one(data_type: Type, raw: &str) -> Result<Option<Datum>, String> {
    let (columns, reasons) = decode(&[field("v", data_type)], &[&format!("{{\"v\": {raw} }}")]);
    match reasons[0].first() {
        Some(reason) => Err(reason.clone()),
        None => Ok(columns::datum(&columns[0], 0)),
    }
}

#[test]
fn values_are_found_by_their_paths_and_the_rest_is_passed_over() {
    let fields = [
        field("id", Type::Text),
        field("context.page.url", Type::Text),
        field("context.page", Type::Json),
        field("context.ip", Type::Text),
    ];
    let (columns, reasons) = decode(
        &fields,
        &[
            r#"{"x":[{"id":1}],"context":{"page":{"url":"u","z":[1, 2]},"ip":"1.2.3.4"},"id":"a"}"#,
            r#"{"id":"b\u00e9\n","context":null}"#,
            r#"{"id":"c","context":{"page":{"url":"gone"}},"context":{"ip":7}}"#,
        ],
    );
    assert_eq!(reasons, [[""; 0]; 3]);
    let column = |column: usize| -> Vec<_> {
        (0..3).map(|row| columns::datum(&columns[column], row)).collect()
    };
    assert_eq!(column(0), [text("a"), text("bé\n"), text("c")]);
    assert_eq!(column(1), [text("u"), None, None]);
    assert_eq!(column(2), [text(r#"{"url":"u","z":[1, 2]}"#), None, None]);
    assert_eq!(column(3), [text("1.2.3.4"), None, text("7")]);
}

#[test]
fn a_row_tells_every_reason_with_its_path() {
    let fields = [
        field("n", Type::Integer),
        field("p.email", Type::Text),
        field("p.tags", Type::List(Box::new(Type::Integer))),
        field("q.r", Type::Text),
    ];
    let (columns, reasons) = decode(
        &fields,
        &[r#"{"n":"12","p":{"email":{"a":1},"tags":[1,2,"x"]},"q":"flat"}"#, r#"{"n":1}"#],
    );
    assert_eq!(
        reasons[0],
        [
            r#"wrong_type $.q: expected an object, found "flat""#,
            r#"wrong_type $.n: expected an integer, found the text "12""#,
            r#"wrong_type $.p.email: expected text, found the object {"a":1}"#,
            r#"wrong_type $.p.tags[2]: expected an integer, found the text "x""#,
        ]
    );
    assert!(reasons[1].is_empty());
    assert_eq!(columns::datum(&columns[0], 1), Some(Datum::Integer(1)));
    assert_eq!(columns::datum(&columns[2], 0), None);
}

#[test]
fn what_is_not_json_gives_nothing_but_its_reason() {
    for (row, reason) in [
        (r#"{"n":1"#, "malformed : not JSON: EOF while parsing an object at column 6"),
        (r#"{"n":1}}"#, "malformed : not JSON: trailing characters at column 8"),
        (r#"{"n":1} {"n":2}"#, "malformed : not JSON: trailing characters at column 9"),
        (r#"{"n": NaN}"#, "malformed : NaN at column 7 is not JSON: numbers are finite"),
        (r#"{"n":-Infinity}"#, "malformed : -Infinity at column 7 is not JSON: numbers are finite"),
        (r#"{"z":tru}"#, "malformed : not JSON: expected ident at column 9"),
        ("[1]", "wrong_type $: expected an object, found [1]"),
        (" 17 ", "wrong_type $: expected an object, found 17"),
        (r#"{"n":1,"p":{"a":"\ud800"}}"#, ""),
    ] {
        let (columns, reasons) = decode(&[field("n", Type::Integer)], &[row]);
        assert_eq!(reasons[0].first().map_or("", |reason| reason.as_str()), reason, "{row}");
        let value = columns::datum(&columns[0], 0);
        assert_eq!(value, reason.is_empty().then_some(Datum::Integer(1)), "{row}");
    }
}

#[test]
fn deep_nesting_is_no_danger() {
    let deep = format!("{{\"v\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let (_, reasons) = decode(&[field("v", Type::Json), field("w", Type::Text)], &[&deep]);
    assert!(reasons[0].is_empty());
    let (_, reasons) = decode(&[field("v", Type::List(Box::new(Type::Text)))], &[&deep]);
    assert_eq!(reasons[0].len(), 1);
}

#[test]
fn types_take_what_their_users_expect() {
    assert_eq!(one(Type::Text, "12.50"), Ok(text("12.50")));
    assert_eq!(one(Type::Text, "true"), Ok(text("true")));
    assert_eq!(one(Type::Text, r#""\"""#), Ok(text("\"")));
    assert_eq!(one(Type::Integer, "12.0"), Ok(Some(Datum::Integer(12))));
    assert_eq!(one(Type::Integer, "null"), Ok(None));
    assert!(one(Type::Integer, "\"12\"").unwrap_err().starts_with("wrong_type"));
    assert!(one(Type::Integer, "1e19").unwrap_err().starts_with("out_of_range"));
    assert!(one(Type::Number, "1e999").unwrap_err().starts_with("out_of_range"));
    assert!(one(Type::Number, "\"NaN\"").unwrap_err().starts_with("wrong_type"));
    let money = || Type::Decimal(12, 2);
    // As a double, 0.29 × 100 is 28.999….
    assert_eq!(one(money(), "0.29"), Ok(Some(Datum::decimal(29))));
    assert_eq!(one(money(), "\"1e3\""), Ok(Some(Datum::decimal(100_000))));
    assert_eq!(
        one(money(), "0.125").unwrap_err(),
        "out_of_range $.v: 0.125 has 3 fraction digits, decimal(12,2) has room for 2"
    );
    assert_eq!(one(Type::Boolean, "false"), Ok(Some(Datum::Boolean(false))));
    assert!(one(Type::Boolean, "0").unwrap_err().starts_with("wrong_type"));
    let noon = Ok(Some(Datum::Timestamp(1_751_673_600_000_000)));
    assert_eq!(one(Type::Timestamp, "1751673600000"), noon);
    assert_eq!(one(Type::Timestamp, r#""2025-07-05T02:00:00+02:00""#), noon);
    assert!(one(Type::Timestamp, r#""1751673600000""#).unwrap_err().starts_with("wrong_type"));
    assert_eq!(one(Type::Date, r#""1970-01-03""#), Ok(Some(Datum::Date(2))));
    assert_eq!(one(Type::Json, "[1,  2]"), Ok(text("[1,  2]")));
    assert_eq!(
        one(Type::List(Box::new(Type::Text)), r#"["a",null,3]"#),
        Ok(Some(Datum::List([Datum::Text("a".into()), Datum::Text("3".into())].into())))
    );
    assert!(one(Type::List(Box::new(Type::Text)), r#""a""#).unwrap_err().starts_with("wrong_type"));
    assert_eq!(
        one(Type::Text, r#""\ud800""#).unwrap_err(),
        r#"not_utf8 $.v: "\ud800" escapes half a character"#
    );
}

#[test]
fn defaults_stand_for_what_is_absent_or_null() {
    let mut fields = [field("a", Type::Text), field("b", Type::List(Box::new(Type::Integer)))];
    fields[0].default = Some(Datum::Text("none".into()));
    fields[1].default = Some(Datum::List([Datum::Integer(1)].into()));
    let (columns, _) = decode(&fields, &["{}", r#"{"a":null,"b":[]}"#, r#"{"a":"x","b":null}"#]);
    let row = |row| (columns::datum(&columns[0], row), columns::datum(&columns[1], row));
    let one = Some(Datum::List([Datum::Integer(1)].into()));
    assert_eq!(row(0), (text("none"), one.clone()));
    assert_eq!(row(1), (text("none"), Some(Datum::List([].into()))));
    assert_eq!(row(2), (text("x"), one));
}

#[test]
fn of_a_key_that_comes_twice_what_was_wrong_with_the_first_counts_no_more() {
    let fields = [
        field("who.mail", Type::Text),
        field("who.seen[1].day", Type::Text),
        field("who.seen.first", Type::Text),
        field("whole", Type::Integer),
    ];
    let (columns, reasons) = decode(
        &fields,
        &[
            r#"{"who":7,"who":{"mail":"a","seen":true,"seen":null}}"#,
            r#"{"who":{"seen":[{"day":1},7],"mail":"a"},"who":{"mail":"b","seen":[]}}"#,
            r#"{"who":{"seen":{"first":"x"}}}"#,
            r#"{"who":[],"whole":"x","who":{"mail":"c"}}"#,
        ],
    );
    let found: Vec<_> = (0..4).map(|row| columns::datum(&columns[0], row)).collect();
    assert_eq!(found, [text("a"), text("b"), None, text("c")]);
    assert_eq!(reasons[0], [""; 0]);
    assert_eq!(reasons[1], ["wrong_type $.who.seen: expected an object, found []"]);
    assert_eq!(reasons[2], [r#"wrong_type $.who.seen: expected a list, found {"first":"x"}"#]);
    assert_eq!(reasons[3], [r#"wrong_type $.whole: expected an integer, found the text "x""#]);
}

/// Rows near to JSON: texts, numbers and words as they are written, right and wrong, in objects and lists.
fn near_json() -> impl Strategy<Value = String> {
    let space =
        || prop::sample::select(vec!["", "", "", " ", "\t ", "\n", "\r\n", "\u{b}", "\u{a0}"]);
    let text = prop_oneof![
        6 => "[a-e]{0,12}",
        2 => "\\PC{0,9}",
        2 => prop::collection::vec(prop::sample::select(vec![
            "a", "\\\"", "\\\\", "\\/", "\\n", "\\u00e9", "\\ud800", "\\u12", "\\x", "\\", "\u{1}", "\t", "é", "\u{7f}",
            "12345678", "\u{1f642}",
        ]), 0..6).prop_map(|parts| parts.concat()),
    ];
    let text = text.prop_map(|text| format!("\"{text}\""));
    let number = prop_oneof![
        Just("0".to_owned()),
        "-?[0-9]{1,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
        "[+.eE0-9-]{1,4}",
    ];
    let word = prop::sample::select(vec!["true", "false", "null", "nul", "True", "NaN", ""])
        .prop_map(str::to_owned);
    let leaf = prop_oneof![5 => text, 3 => number, 2 => word];
    let value = leaf.prop_recursive(4, 40, 5, move |inner| {
        let key = prop_oneof![
            8 => prop::sample::select(vec!["a", "b", "c", "é", "a b", "x", "\\u0061", "a\\\"", ""]).prop_map(|key| format!("\"{key}\"")),
            1 => prop::sample::select(vec!["a", "'a'", "\"a", ""]).prop_map(str::to_owned),
        ];
        let colon = prop::sample::select(vec![":", ":", ":", ":", ":", ":", " : ", "", "::"]);
        let member = (key, colon, inner.clone(), space()).prop_map(|(key, colon, value, space)| format!("{space}{key}{colon}{value}{space}"));
        let comma = || prop::sample::select(vec![",", ",", ",", ",", ",", ",", ",,", ""]);
        let end = |right: char, wrong: char| prop::sample::select(vec![right, right, right, right, right, right, right, wrong]);
        let object = (prop::collection::vec(member, 0..5), comma(), end('}', ']'));
        let list = (prop::collection::vec((space(), inner).prop_map(|(space, value)| space.to_owned() + &value), 0..5), comma(), end(']', '}'));
        prop_oneof![
            4 => object.prop_map(|(members, comma, end)| format!("{{{}{end}", members.join(comma))),
            1 => list.prop_map(|(items, comma, end)| format!("[{}{end}", items.join(comma))),
        ]
    });
    (space(), value, space()).prop_map(|(before, value, after)| format!("{before}{value}{after}"))
}

proptest! {
    #![proptest_config(crate::property::cases(4_000))]

    #[test]
    fn what_a_scan_finds_is_what_serde_json_finds(row in near_json()) {
        let wanted = [
            vec!["a", "b", "c"], vec!["a.b", "a.a.c", "b"], vec!["a[1]", "a[0].b", "c"], vec!["c", "a b", "é", "'a\"'"],
            vec!["a.b", "a[0]", "b.a", "b"],
        ];
        for wanted in wanted {
            let fields: Vec<Field> = wanted.iter().map(|path| field(path, Type::Json)).collect();
            let paths = Paths::new(&fields);
            let (mut scanned, mut found) = (vec![None; fields.len()], vec![None; fields.len()]);
            if Scan::find(&row, &paths.root, &mut scanned).is_none() {
                continue;
            }
            let mut flaws = Flaws::default();
            prop_assert!(paths.find_whatever(&row, &mut found, &mut flaws).is_ok(), "{row}");
            prop_assert!(flaws.reasons.is_empty(), "{row}");
            prop_assert_eq!(scanned, found, "{}", row);
        }
    }
}

#[test]
fn a_scan_takes_plain_rows() {
    let fields = [field("a", Type::Text), field("b.c[1]", Type::Text), field("d", Type::Json)];
    let paths = Paths::new(&fields);
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(60), "]".repeat(60));
    let rows = [
        (r#"{}"#, [None; 3]),
        (
            r#" { "x" : [ 1 , { "y\n" : [ ] , "z" : { } } , -0.5e+3 ] , "a" : "é\"\u00e9" } "#,
            [Some(r#""é\"\u00e9""#), None, None],
        ),
        (
            r#"{"d":{"e":[true,false,null]},"b":{"c":["x",12],"d":1},"a":"0123456789abcdef"}"#,
            [Some("\"0123456789abcdef\""), Some("12"), Some(r#"{"e":[true,false,null]}"#)],
        ),
        (r#"{"b":{"c":[1,2]},"b":null,"a":1,"a":2}"#, [Some("2"), None, None]),
        (&deep, [None; 3]),
    ];
    for (row, expected) in rows {
        let mut values = [None; 3];
        assert!(Scan::find(row, &paths.root, &mut values).is_some(), "{row}");
        assert_eq!(values, expected, "{row}");
    }
}
