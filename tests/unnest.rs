//! Lists: items by their place, and rows that are as many as their list has elements.

mod program;
#[path = "../src/property.rs"]
mod property;

use std::collections::BTreeMap;
use std::path::Path;

use program::{State, records_in, selfsame};
use proptest::prelude::*;
use serde_json::{Value, json};

fn folder(source: &str, rest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let definition = format!(
        "sources:\n  orders:\n{source}  names:\n    files: names.ndjson\n    kind: records\n    key: sku\n    fields: {{sku: text, shelf: text}}\n{rest}outputs:\n  profiles: {{files: out/profiles.ndjson}}\n  rejects: {{files: out/rejects.ndjson}}\n"
    );
    std::fs::write(folder.path().join("d.yaml"), definition).unwrap();
    std::fs::write(folder.path().join("names.ndjson"), "{\"sku\":\"a\",\"shelf\":\"top\"}\n")
        .unwrap();
    folder
}

const ORDERS: &str = "    files: orders*.ndjson\n    kind: KIND\n    KEY: id\n    time: at\n    unnest: items\n    fields:\n      id: text\n      at: timestamp\n      email: text\n      line: {type: integer, path: items.#}\n      sku: {type: text, path: items.sku}\n      amount: {type: \"decimal(12,2)\", path: items.price.net}\n    where: sku <> 'gift'\n    join: {names: sku}\n";

const REST: &str = "identity:\n  email: {from: {orders: email}}\nattributes:\n  lines: {from: orders, select: count(*)}\n  spent: {from: orders, select: sum(amount)}\n  skus: {from: orders, select: array_agg(distinct sku)}\n  numbers: {from: orders, select: sum(line)}\n  top: {from: orders, select: count(*), where: shelf = 'top'}\n";

fn orders(kind: &str) -> String {
    let key = if kind == "records" { "key" } else { "id" };
    ORDERS.replace("KIND", kind).replace("KEY", key)
}

/// The attributes of each person by e-mail.
fn people(folder: &Path) -> BTreeMap<String, Value> {
    let state = State::of(records_in(&folder.join("out")));
    let people =
        state.values.iter().filter(|((output, _), _)| output == "profiles").map(|(_, value)| {
            let value: Value = serde_json::from_str(value).unwrap();
            (
                value["identifiers"]["email"][0].as_str().unwrap().to_owned(),
                value["attributes"].clone(),
            )
        });
    people.collect()
}

fn rejects(folder: &Path) -> Vec<Value> {
    State::of(records_in(&folder.join("out")))
        .rejects
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

#[test]
fn a_key_that_is_the_sign_of_positions_is_one_in_quotes() {
    let rest = "identity:\n  email: {from: {orders: email}}\nattributes:\n  key: {from: orders, select: min(key)}\n  at: {from: orders, select: max(line)}\n";
    let fields = "    fields:\n      email: text\n      key: {type: text, path: \"items.'#'\"}\n      line: {type: integer, path: items.#}\n";
    let json = format!("    files: orders.ndjson\n    kind: events\n    unnest: items\n{fields}");
    let csv = json.replace("ndjson", "csv\n    format: csv");
    let list = r##"[{"#":"hash"},{"#":"tag"}]"##;
    for (source, name, rows) in [
        (json, "orders.ndjson", format!("{{\"email\":\"a@x\",\"items\":{list}}}\n")),
        (csv, "orders.csv", format!("email,items\na@x,\"{}\"\n", list.replace('"', "\"\""))),
    ] {
        let folder = folder(&source, rest);
        std::fs::write(folder.path().join(name), rows).unwrap();
        selfsame(folder.path(), &["run", "d.yaml"]).well();
        assert_eq!(people(folder.path())["a@x"], json!({"key": "hash", "at": 2}), "{name}");
    }
}

#[test]
fn a_null_in_a_cell_is_no_list() {
    let source = "    files: orders.csv\n    kind: records\n    key: email\n    format: csv\n    unnest: items\n    fields:\n      email: text\n      x: {type: integer, path: items.x}\n";
    let rest = "identity:\n  email: {from: {orders: email}}\nattributes:\n  x: {from: orders, select: sum(x)}\n";
    let folder = folder(source, rest);
    let rows = "email,items\na@x,\"[{\"\"x\"\":1}]\"\nb@x,null\nc@x,[]\nd@x, null \ne@x,nil\n";
    std::fs::write(folder.path().join("orders.csv"), rows).unwrap();
    selfsame(folder.path(), &["run", "d.yaml"]).well();
    assert_eq!(people(folder.path())["a@x"], json!({"x": 1}));
    let told = rejects(folder.path());
    assert_eq!((told.len(), &told[0]["position"]["line"]), (1, &json!(6)), "{told:?}");
}

#[test]
fn items_are_found_by_their_place_and_keys_with_dots_in_quotes() {
    let source = "    files: orders.ndjson\n    kind: events\n    fields:\n      email: {type: text, path: \"'a.b'[1].mail\"}\n      first: {type: text, path: 'items[0].sku'}\n      deep: {type: integer, path: 'm[1][0]'}\n      bare: {type: text, path: '\"\".x'}\n";
    let rest = "identity:\n  email: {from: {orders: email}}\nattributes:\n  first: {from: orders, select: last(first)}\n  deep: {from: orders, select: sum(deep)}\n  bare: {from: orders, select: last(bare)}\n";
    let folder = folder(source, rest);
    let rows = [
        r#"{"":{"x":"y"},"a.b":[0,{"mail":"a@x"}],"items":[{"sku":"s1"},{"sku":"s2"}],"m":[[1],[2,3]]}"#,
        r#"{"a.b":[0,{"mail":"b@x"}],"items":[],"m":null}"#,
        r#"{"a.b":[0,{"mail":"c@x"}],"items":{"sku":"s"},"m":[[1],7]}"#,
    ];
    std::fs::write(folder.path().join("orders.ndjson"), rows.join("\n")).unwrap();
    selfsame(folder.path(), &["run", "d.yaml"]).well();
    let people = people(folder.path());
    assert_eq!(people["a@x"], json!({"first": "s1", "deep": 2, "bare": "y"}));
    assert_eq!(people["b@x"], json!({"first": null, "deep": null, "bare": null}));
    let told = &rejects(folder.path())[0]["reasons"];
    assert_eq!(told[0]["message"], "expected a list, found {\"sku\":\"s\"}");
    assert_eq!((&told[0]["path"], &told[1]["path"]), (&json!("$.items"), &json!("$.m[1]")));
}

#[test]
fn a_row_is_accepted_rejected_or_dropped_with_all_of_its_elements() {
    let folder = folder(&orders("events"), REST);
    let row = |id: &str, items: Value| {
        json!({"id": id, "at": 1, "email": format!("{id}@x"), "items": items}).to_string()
    };
    let item = |sku: &str, net: Value| json!({"sku": sku, "price": {"net": net}});
    let rows = [
        row(
            "1",
            json!([item("a", json!(1.5)), item("gift", json!(9)), null, item("b", json!("2.50"))]),
        ),
        row("2", json!([item("a", json!(1)), {"sku": "b", "price": 3}, item("c", json!(true))])),
        row("3", json!([])),
        row("4", json!([item("gift", json!(1))])),
        row("5", Value::Null),
        row("6", json!({"sku": "a"})),
        row("7", json!(["a"])),
        row("1", json!([item("z", json!(100)), item("y", json!(1))])),
    ];
    std::fs::write(folder.path().join("orders.ndjson"), rows.join("\n")).unwrap();
    selfsame(folder.path(), &["run", "d.yaml", "--clock", "event", "--summary", "s.json"]).well();
    let people = people(folder.path());
    assert_eq!(people.len(), 1, "{people:?}");
    assert_eq!(
        people["1@x"],
        json!({"lines": 2, "spent": 4.0, "skus": ["a", "b"], "numbers": 5, "top": 1})
    );
    let rejects = rejects(folder.path());
    let told: Vec<Vec<&str>> = rejects
        .iter()
        .map(|of| {
            of["reasons"]
                .as_array()
                .unwrap()
                .iter()
                .map(|reason| reason["path"].as_str().unwrap())
                .collect()
        })
        .collect();
    assert_eq!(
        told,
        [vec!["$.items[1].price", "$.items[2].price.net"], vec!["$.items"], vec!["$.items[0]"]]
    );
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("s.json")).unwrap())
            .unwrap();
    let orders = &summary["sources"]["orders"];
    let counted =
        ["rows", "accepted", "rejected", "duplicates", "dropped"].map(|name| orders[name].as_u64());
    assert_eq!(counted, [8, 1, 3, 1, 3].map(Some), "{summary}");
}

/// A field that a source of lists has, whose rows are these, and what the log and the rejects say.
fn told(source: &str, rows: &[Value]) -> (String, Vec<Value>) {
    let rest = "identity:\n  email: {from: {orders: email}}\nattributes:\n  lines: {from: orders, select: count(*)}\n";
    let folder = folder(source, rest);
    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    std::fs::write(folder.path().join("orders.ndjson"), rows.join("\n")).unwrap();
    let ended = selfsame(folder.path(), &["run", "d.yaml"]);
    let log = ended.err.clone();
    ended.well();
    (log, rejects(folder.path()))
}

const LISTS: &str = "    files: orders.ndjson\n    kind: events\n    unnest: UNNEST\n    fields: {email: text, sku: {type: text, path: UNNEST.sku}}\n";

/// One list is unnested: what is said where a row has another one above it, none, or elements that are no objects, does help.
#[test]
fn a_list_that_is_not_where_it_is_looked_for_is_told_with_what_would_be_right() {
    let row = |items: Value| json!({"email": "a@x", "items": items});
    let deep = LISTS.replace("UNNEST", "items.lines");
    let (log, rejects) = told(&deep, &[row(json!([{"lines": [{"sku": "a"}]}]))]);
    assert!(log.contains("say `unnest: items`"), "{log}");
    assert!(log.contains("path: items.lines[0]"), "{log}");
    assert!(!log.contains("Declare"), "{log}");
    assert_eq!(rejects[0]["reasons"][0]["path"], "$.items");
    let flat = LISTS.replace("UNNEST", "items");
    let (log, _) = told(&flat, &[row(json!({"sku": "a"}))]);
    assert!(log.contains("`unnest: items` takes a list"), "{log}");
    let (log, _) = told(&flat, &[row(json!(["a", "b"]))]);
    assert!(log.contains("a field with path: items is the element itself"), "{log}");
}

/// Whatever is wrong with an element, the reason says with which.
#[test]
fn a_reason_names_the_element_that_it_is_of() {
    let source = LISTS
        .replace("UNNEST", "items")
        .replace("sku: {", "parts: {type: integer, path: items.parts}, sku: {");
    let source =
        format!("{source}    derive: {{share: 12 / parts, own: \"1 / (length(email) - 3)\"}}\n");
    let row = |email: &str, by: &[i64]| {
        let items: Vec<Value> = by.iter().map(|by| json!({"parts": by})).collect();
        json!({"email": email, "items": items})
    };
    let (_, rejects) =
        told(&source, &[row("ada@x", &[1, 0, 2, 0]), row("bob@x", &[0]), row("eve", &[1, 2])]);
    let reasons = |of: usize| {
        let reasons = rejects[of]["reasons"].as_array().unwrap();
        let messages = reasons.iter().map(|reason| reason["message"].as_str().unwrap().to_owned());
        messages.collect::<Vec<_>>()
    };
    let share = "`12 / parts`: division by zero";
    assert_eq!(reasons(0), [1, 3].map(|at| format!("{share}, in $.items[{at}]")));
    assert_eq!(reasons(1), [format!("{share}, in $.items[0]")]);
    assert_eq!(reasons(2), ["`1 / (length(email) - 3)`: division by zero"]);
}

/// A row's own values are copied to each of its elements, within a bound.
#[test]
fn a_row_that_would_come_to_too_much_with_its_elements_is_rejected_alone() {
    let source = LISTS.replace("UNNEST", "items");
    let items = |number: usize| vec![json!({"sku": "a"}); number];
    // 400 KB of its own, for 100 and for 200 elements.
    let email = |name: char| name.to_string().repeat(400_000);
    let rows = [
        json!({"email": email('a'), "items": items(100)}),
        json!({"email": email('b'), "items": items(200)}),
        json!({"email": "c", "items": items(200)}),
    ];
    let (_, rejects) = told(&source, &rows);
    assert_eq!(rejects.len(), 1);
    let reason = &rejects[0]["reasons"][0];
    assert_eq!(reason["code"], "too_long");
    assert_eq!(
        reason["message"],
        "its 200 elements with its own values beside each would come to more than 67,108,864 bytes"
    );
}

proptest! {
    #![proptest_config(property::cases(24))]

    /// What stands is what the newest version of each order says, however often they were corrected, on however many
    /// workers, in one run or in two.
    #[test]
    fn an_order_that_is_corrected_corrects_its_lines(
        versions in prop::collection::vec(
            (0usize..4, 0usize..3, prop::collection::vec((0usize..3, 1u32..9), 0..4), any::<bool>()), 1..25,
        ),
        parts in 1usize..3, durable: bool, workers in 1usize..3,
    ) {
        let folder = folder(&orders("records").replace("    where: sku <> 'gift'\n", "    where: sku <> 'gift'\n    deleted: email = 'gone'\n"), REST);
        let skus = ["a", "b", "gift"];
        let emails = ["x@x", "y@x", "gone"];
        let mut newest: BTreeMap<usize, (usize, Vec<(usize, u32)>)> = BTreeMap::new();
        let mut lines = vec![Vec::new(); parts];
        for (number, (id, email, items, null)) in versions.iter().enumerate() {
            let list: Vec<Value> = items.iter().map(|(sku, net)| json!({"sku": skus[*sku], "price": {"net": net}})).collect();
            let list = if *null && items.is_empty() { Value::Null } else { list.into() };
            let row = json!({"id": id.to_string(), "at": 1_000 + number, "email": emails[*email], "items": list});
            lines[number * parts / versions.len()].push(row.to_string());
            newest.insert(*id, (*email, items.clone()));
        }
        let workers = workers.to_string();
        let mut arguments = vec!["run", "d.yaml", "--clock", "event", "--workers", &workers];
        if durable {
            arguments.extend(["--data", "kept"]);
        }
        for (part, lines) in lines.iter().enumerate() {
            std::fs::write(folder.path().join(format!("orders-{part}.ndjson")), lines.join("\n") + "\n").unwrap();
            if durable {
                selfsame(folder.path(), &arguments).well();
            }
        }
        if !durable {
            selfsame(folder.path(), &arguments).well();
        }
        let mut expected: BTreeMap<String, (u64, u64, Vec<&str>, u64, u64)> = BTreeMap::new();
        for (email, items) in newest.values().filter(|(email, _)| *email < 2) {
            for (number, (sku, net)) in items.iter().enumerate().filter(|(_, (sku, _))| *sku < 2) {
                let of = expected.entry(emails[*email].to_owned()).or_default();
                of.0 += 1;
                of.1 += u64::from(*net);
                of.2.push(skus[*sku]);
                of.2.sort_unstable();
                of.2.dedup();
                of.3 += number as u64 + 1;
                of.4 += u64::from(*sku == 0);
            }
        }
        let found = people(folder.path());
        let expected: BTreeMap<String, Value> = expected.into_iter().map(|(email, (lines, spent, skus, numbers, top))| {
            (email, json!({"lines": lines, "spent": spent, "skus": skus, "numbers": numbers, "top": top}))
        }).collect();
        let found: BTreeMap<String, Value> = found.into_iter().map(|(email, mut of)| {
            of["spent"] = json!(of["spent"].as_f64().unwrap_or(-1.0) as u64);
            (email, of)
        }).collect();
        prop_assert_eq!(found, expected);
    }
}
