//! Joined tables: what a change of a record does to the rows that name it.

use selfsame::internals::runtime::Clock;

use crate::oracle::State;
use crate::oracle::check::{Case, folded};
use crate::oracle::script::Delivery;

const SHOP: &str = r#"
sources:
  orders:
    files: orders*.ndjson
    kind: events
    id: id
    time: at
    join: {products: sku}
    fields: {id: text, at: timestamp, user: text, device: text, sku: text, price: integer, n: integer}
    derive:
      cost: products.price * n
      per_cent: 100 / products.price
    where: WHERE
  products:
    files: products*.ndjson
    kind: records
    key: sku
    time: changed_at
    deleted: gone
    fields: {sku: integer, price: integer, department: text, changed_at: timestamp, gone: boolean}
identity:
  user: {from: {orders: user}}
  device: {from: {orders: device}}
attributes:
  orders: {from: orders, select: count(*)}
  spent: {from: orders, select: sum(cost)}
  dearest: {from: orders, select: max("products.price")}
  least: {from: orders, select: min(per_cent)}
  departments: {from: orders, select: count(distinct department)}
  shoes: {from: orders, select: sum(n), where: department = 'shoes'}
outputs:
  profiles: {files: out/profiles.ndjson}
  identities: {files: out/identities.ndjson}
"#;

/// The shop with a table by which its orders can be taken back, and that one's record.
fn retractable(yaml: &str, script: &str) -> Case {
    let (before, after) = yaml.split_once("  products:\n").expect("the table of products");
    let (before, condition) = before.rsplit_once("where: ").expect("the orders' condition");
    let before = before
        .replace("join: {products: sku}", "join: {products: sku, feeds: feed}")
        .replace("fields: {id: text", "fields: {feed: {type: text, default: web}, id: text");
    let feeds = "feeds: {files: feeds.ndjson, kind: records, key: feed, deleted: gone,
           fields: {feed: text, gone: boolean}}";
    let condition = format!("({}) and feeds.feed is not null", condition.trim());
    let yaml = format!("{before}where: {condition}\n  {feeds}\n  products:\n{after}");
    let mut case = Case::told(&yaml, Clock::Wall, script);
    let source = case.plan.sources.iter().position(|source| source.name == "feeds");
    case.script.ticks[0].rows.push(Delivery {
        source: source.expect("it was added"),
        part: 0,
        offset: 1,
        timestamp: None,
        key: None,
        header: None,
        payload: Some(r#"{"feed":"web"}"#.to_owned()),
        joined: false,
    });
    case
}

/// Holds a shop against the oracle, and takes all of it back. What it comes to before.
fn shop(yaml: &str, script: &str) -> State {
    let case = Case::told(yaml, Clock::Wall, script);
    case.holds();
    let (state, _) = folded(&case.plan, case.run(2).iter().flatten());
    let retractable = retractable(yaml, script);
    let sent = retractable.ends_with_nothing();
    assert_eq!(folded(&case.plan, sent.iter().flatten()).0, state);
    state
}

/// What profiles come to: each person's attributes, sorted.
fn attributes(condition: &str, script: &str) -> Vec<String> {
    let state = shop(&SHOP.replace("WHERE", condition), script);
    let profiles = state.iter().filter(|((output, _), _)| *output == 0);
    let attributes = profiles.map(|(_, profile)| {
        let profile: serde_json::Value =
            serde_json::from_str(&format!("{profile}}}")).expect("a profile");
        profile["attributes"].to_string()
    });
    let mut attributes: Vec<String> = attributes.collect();
    attributes.sort();
    attributes
}

const TWO_BUY_ONE: &str = r#"
tick 2025-07-05T00:00:00.000Z
products 0:1 {"sku":7,"price":10,"department":"shoes","changed_at":"2025-07-01T00:00:00Z"}
orders 0:1 {"id":"1","at":"2025-07-04T00:00:00Z","user":"a","sku":"7","price":1,"n":2}
orders 0:2 {"id":"2","at":"2025-07-04T00:00:00Z","user":"b","sku":"7","n":3}
orders 0:3 {"id":"3","at":"2025-07-04T00:00:00Z","user":"b","sku":"8","n":1}
orders 0:4 {"id":"4","at":"2025-07-04T00:00:00Z","user":"b","n":1}
"#;

#[test]
fn a_corrected_price_corrects_the_sums_of_everyone_who_bought_it() {
    let script = format!(
        r#"{TWO_BUY_ONE}
tick 2025-07-05T01:00:00.000Z
products 0:2 {{"sku":7,"price":4,"department":"shoes","changed_at":"2025-07-02T00:00:00Z"}}
"#
    );
    assert_eq!(
        attributes("true", &script),
        [
            r#"{"dearest":4,"departments":1,"least":25,"orders":1,"shoes":2,"spent":8}"#,
            r#"{"dearest":4,"departments":1,"least":25,"orders":3,"shoes":3,"spent":12}"#,
        ]
    );
}

#[test]
fn rows_stay_when_their_product_is_deleted_and_take_it_up_when_it_comes_back() {
    let deleted = format!(
        r#"{TWO_BUY_ONE}
tick 2025-07-05T01:00:00.000Z
products 0:2 {{"sku":7,"changed_at":"2025-07-02T00:00:00Z","gone":true}}
"#
    );
    let without = r#""departments":0,"least":null"#;
    assert_eq!(
        attributes("true", &deleted),
        [
            format!(r#"{{"dearest":null,{without},"orders":1,"shoes":null,"spent":null}}"#),
            format!(r#"{{"dearest":null,{without},"orders":3,"shoes":null,"spent":null}}"#),
        ]
    );
    let back = format!(
        r#"{deleted}
tick 2025-07-05T02:00:00.000Z
products 0:3 {{"sku":7,"price":5,"department":"bags","changed_at":"2025-07-03T00:00:00Z"}}
"#
    );
    assert!(attributes("true", &back)[0].ends_with(r#""orders":1,"shoes":null,"spent":10}"#));
}

#[test]
fn a_row_carries_nothing_until_its_product_makes_it_count() {
    let condition = "coalesce(department, 'none') <> 'test'";
    let ordered = r#"
tick 2025-07-05T00:00:00.000Z
products 0:1 {"sku":7,"price":10,"department":"test","changed_at":"2025-07-01T00:00:00Z"}
orders 0:1 {"id":"1","at":"2025-07-04T00:00:00Z","user":"a","device":"d","sku":"7","n":2}
orders 0:2 {"id":"2","at":"2025-07-04T00:00:00Z","user":"a","sku":"8","n":1}
orders 0:3 {"id":"3","at":"2025-07-04T00:00:00Z","user":"b","device":"d","sku":"8","n":1}
"#;
    assert_eq!(
        attributes(condition, ordered).len(),
        2,
        "only an order that counts would link them"
    );
    let sold = format!(
        r#"{ordered}
tick 2025-07-05T01:00:00.000Z
products 0:2 {{"sku":7,"price":10,"department":"shoes","changed_at":"2025-07-02T00:00:00Z"}}
"#
    );
    assert_eq!(
        attributes(condition, &sold),
        [r#"{"dearest":10,"departments":1,"least":10,"orders":3,"shoes":2,"spent":20}"#]
    );
    let withdrawn = format!(
        r#"{sold}
tick 2025-07-05T02:00:00.000Z
products 0:3 {{"sku":7,"department":"test","changed_at":"2025-07-03T00:00:00Z"}}
"#
    );
    assert_eq!(attributes(condition, &withdrawn).len(), 2);
}

#[test]
fn what_fails_with_a_product_is_null_until_the_product_is_mended() {
    let script = format!(
        r#"{TWO_BUY_ONE}
tick 2025-07-05T01:00:00.000Z
products 0:2 {{"sku":7,"price":0,"department":"shoes","changed_at":"2025-07-02T00:00:00Z"}}
"#
    );
    let found = attributes("100 / coalesce(products.price, 1) > 2", &script);
    assert_eq!(
        found,
        [r#"{"dearest":null,"departments":0,"least":null,"orders":2,"shoes":null,"spent":null}"#],
        "the orders of a product for which the condition fails do not count"
    );
    let mended = format!(
        r#"{script}
tick 2025-07-05T02:00:00.000Z
products 0:3 {{"sku":7,"price":20,"department":"shoes","changed_at":"2025-07-03T00:00:00Z"}}
"#
    );
    assert_eq!(attributes("100 / coalesce(products.price, 1) > 2", &mended).len(), 2);
}

/// Two tables, one after the other, and records that join them.
const STOCK: &str = r#"
sources:
  bought:
    files: bought*.ndjson
    kind: records
    key: id
    time: at
    deleted: gone
    join: {products: sku, stores: store}
    fields: {id: text, at: timestamp, user: text, device: text, sku: text, store: text, gone: boolean}
    where: coalesce(kind, '-') <> 'test' and coalesce(country, '-') <> 'XX'
  products:
    files: products*.ndjson
    kind: records
    key: sku
    time: at
    deleted: gone
    fields: {sku: text, kind: text, price: integer, at: timestamp, gone: boolean}
  stores:
    kafka: {topic: stores}
    kind: records
    key: store
    fields: {store: text, country: text, price: integer, user: text}
kafka: {brokers: "localhost:1"}
identity:
  user: {from: {bought: user, stores: user}}
  device: {from: {bought: device}}
attributes:
  last_kind: {from: bought, select: last(kind)}
  countries: {from: bought, select: array_agg(distinct country)}
  spent: {from: bought, select: sum(products.price - stores.price)}
outputs:
  profiles: {files: out/profiles.ndjson}
  identities: {files: out/identities.ndjson}
"#;

#[test]
fn the_whole_history_retracted_leaves_nothing() {
    let script = r#"
tick 2025-07-05T00:00:00.000Z
bought 0:1 {"id":"1","at":"2025-07-04T00:00:00Z","user":"a","device":"d","sku":"p","store":"s"}
bought 0:2 {"id":"2","at":"2025-07-04T00:00:00Z","user":"b","device":"d","sku":"p","store":"t"}
products 0:1 {"sku":"p","kind":"shoe","price":10,"at":"2025-07-01T00:00:00Z"}
stores 0:1 @1751587200000000 key=s {"store":"s","country":"DE","price":3,"user":"a"}
tick 2025-07-05T01:00:00.000Z
stores 0:2 @1751587300000000 key=t {"store":"t","country":"XX","price":4}
products 0:2 {"sku":"p","kind":"shoe","price":20,"at":"2025-07-02T00:00:00Z"}
bought 0:3 {"id":"1","at":"2025-07-04T01:00:00Z","user":"a","device":"e","sku":"p"}
tick 2025-07-05T02:00:00.000Z
stores 0:3 @1751587400000000 key=t null
bought 0:4 {"id":"1","at":"2025-07-04T02:00:00Z","gone":true}
tick 2025-07-05T03:00:00.000Z
products 0:3 {"sku":"p","kind":"test","at":"2025-07-03T00:00:00Z"}
tick 2025-07-05T04:00:00.000Z
bought 0:5 {"id":"2","at":"2025-07-04T02:00:00Z","gone":true}
products 0:4 {"sku":"p","at":"2025-07-04T00:00:00Z","gone":true}
stores 0:4 @1751587500000000 key=s null
"#;
    let case = Case::told(STOCK, Clock::Wall, script);
    case.holds();
    let (state, _) = folded(&case.plan, case.run(2).iter().flatten());
    assert!(state.is_empty(), "{state:#?}");
    case.ends_with_nothing();
}

/// Holds a stock against the oracle, and takes all of it back. The ids of its people before.
fn people(case: &Case) -> Vec<String> {
    case.holds();
    let (state, _) = folded(&case.plan, case.ends_with_nothing().iter().flatten());
    let profiles = state.into_keys().filter(|(output, _)| *output == 0);
    profiles.map(|(_, person)| person).collect()
}

/// The person who is named after a user.
fn named_after(user: &str) -> String {
    let hash = blake3::hash(format!("user:{user}").as_bytes()).to_hex();
    format!("p_{}", &hash[..32])
}

/// A correction that comes too late to stand still says when its identifiers were seen.
#[test]
fn a_late_correction_says_when_something_was_first_seen() {
    for kind in ["shoe", "test"] {
        let script = format!(
            r#"
tick 2025-07-05T00:00:00.000Z
products 0:1 {{"sku":"p","kind":"{kind}","at":"2025-07-01T00:00:00Z"}}
stores 0:1 @1751587200000000 key=s {{"store":"s","country":"DE"}}
bought 0:1 {{"id":"1","at":"2025-07-04T00:00:00Z","user":"a","device":"d"}}
bought 0:2 {{"id":"2","at":"2025-07-03T00:00:00Z","user":"b","device":"d"}}
tick 2025-07-05T01:00:00.000Z
bought 0:3 {{"id":"1","at":"2025-07-02T00:00:00Z","user":"a","sku":"p","store":"s"}}
tick 2025-07-05T02:00:00.000Z
bought 0:4 {{"id":"3","at":"2025-07-01T00:00:00Z","user":"b","sku":"p","store":"s"}}
bought 0:5 {{"id":"3","at":"2025-07-04T00:00:00Z","gone":true}}
"#
        );
        let case = Case::told(STOCK, Clock::Wall, &script);
        assert_eq!(people(&case), [named_after("b")]);
    }
}

#[test]
fn when_something_was_first_seen_is_the_same_whether_a_row_or_its_record_comes_first() {
    let tables = r#"
products 0:1 {"sku":"p","kind":"test","at":"2025-07-01T00:00:00Z"}
"#;
    let rows = r#"
bought 0:1 {"id":"1","at":"2025-07-03T00:00:00Z","user":"b","sku":"p"}
bought 0:2 {"id":"2","at":"2025-07-04T00:00:00Z","user":"a","device":"d"}
bought 0:3 {"id":"3","at":"2025-07-05T00:00:00Z","user":"b","device":"d"}
"#;
    for [first, second] in [[tables, rows], [rows, tables]] {
        let (one, other) = ("tick 2025-07-05T00:00:00.000Z", "tick 2025-07-05T01:00:00.000Z");
        let case = Case::told(STOCK, Clock::Wall, &format!("{one}{first}{other}{second}"));
        assert_eq!(
            people(&case),
            [named_after("b")],
            "though the first of b's rows does not count"
        );
    }
}

#[test]
fn a_row_that_comes_and_goes_in_one_tick_says_when_something_was_first_seen() {
    let script = r#"
tick 2025-07-05T00:00:00.000Z
bought 0:1 {"id":"1","at":"2025-07-01T00:00:00Z","user":"b","sku":"p","store":"s"}
bought 0:2 {"id":"1","at":"2025-07-02T00:00:00Z","user":"a","device":"d"}
bought 0:3 {"id":"2","at":"2025-07-03T00:00:00Z","user":"b","device":"d"}
"#;
    let condition = STOCK.lines().find(|line| line.contains("where:")).expect("it has one");
    for yaml in [STOCK, &STOCK.replace(condition, "")] {
        let case = Case::told(yaml, Clock::Wall, script);
        assert_eq!(people(&case), [named_after("b")]);
    }
}

/// What fails with a record is no reason to leave a row out of its session.
#[test]
fn a_row_keeps_its_place_in_its_session_whatever_fails_with_its_product() {
    let yaml = SHOP
        .replace("WHERE", "true")
        .replace("    join:", "    sessions: {gap: 1 hour}\n    join:")
        .replace(
            "attributes:",
            "attributes:
  events: {from: orders, select: max(session_events), where: session = 1 and 100 / products.price > 2}
  own: {from: orders, select: max(session_events), where: session = 1 and 6 / n > 2}
  started: {from: orders, select: count(*) filter (where 100 / products.price > 2 and session = 1)}",
        );
    let script = r#"
tick 2025-07-05T00:00:00.000Z
products 0:1 {"sku":7,"price":10,"changed_at":"2025-07-01T00:00:00Z"}
products 0:2 {"sku":8,"price":0,"changed_at":"2025-07-01T00:00:00Z"}
orders 0:1 {"id":"1","at":"2025-07-04T00:00:00Z","user":"a","sku":"7","n":2}
orders 0:2 {"id":"2","at":"2025-07-04T00:10:00Z","user":"a","sku":"8","n":0}
orders 0:3 {"id":"3","at":"2025-07-04T00:20:00Z","user":"a","sku":"9","n":1}
"#;
    let state = shop(&yaml, script);
    let profile = state.values().next().expect("a profile");
    assert!(profile.contains(r#""events":3,"own":3,"started":1,"orders":3"#), "{profile}");
}

/// Then no table is looked at, though a joined column is; and so none can take the rows back.
#[test]
fn a_row_counts_though_what_is_asked_of_its_product_is_true_of_any() {
    let (attributes, outputs) = (SHOP.find("attributes:"), SHOP.find("outputs:"));
    let (Some(attributes), Some(outputs)) = (attributes, outputs) else { unreachable!() };
    let known = "attributes:
  n: {from: orders, select: sum(n)}
  any: {from: orders, select: count(*), where: any}
";
    let yaml = format!("{}{known}{}", &SHOP[..attributes], &SHOP[outputs..])
        .replace("per_cent: 100 / products.price", "any: products.price > 1 or true")
        .replace("WHERE", "any");
    Case::told(&yaml, Clock::Wall, TWO_BUY_ONE).holds();
}
