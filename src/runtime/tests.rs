//! Attributes from the definition to the changelog.

mod arrangements;
mod history;
mod memory;
mod ranks;

use serde_json::{Value, json};

use history::run;

const SOURCES: &str = "
sources:
  web:
    files: web.ndjson
    kind: events
    time: at
    fields: {device: text, user: text, at: timestamp, category: text, price: \"decimal(12,2)\",
             feed: {type: text, default: web}}
    join: {feeds: feed}
    where: feeds.feed is not null
  crm:
    files: crm.ndjson
    kind: records
    key: user
    time: at
    deleted: gone
    fields: {user: text, device: text, at: timestamp, category: text, gone: boolean}
  feeds:
    files: feeds.ndjson
    kind: records
    key: feed
    deleted: gone
    fields: {feed: text, gone: boolean}
identity:
  user: {from: {web: user, crm: user}}
  device: {from: {web: device, crm: device}}
outputs:
  profiles: {files: out.ndjson}
";

#[test]
fn lists_are_published_as_json_and_sql_reaches_into_them() {
    let definition = format!(
        "{SOURCES}
attributes:
  categories: {{from: web, select: 'top(category, 2)'}}
  favourite:  {{sql: \"categories[1]['value']\"}}
  how_often:  {{from: web, select: \"top(category, 2)[1]['count']\"}}
  lately:     {{from: web, select: 'recent(price, 2)'}}
  middle:     {{from: web, select: median(price)}}
  all:        {{from: web, select: array_agg(distinct category)}}
  first_one:  {{from: web, select: 'array_agg(distinct category)[1]'}}
  pairs:      {{from: web, select: \"recent(named_struct('c', category, 'p', price), 1)\"}}
  usual:      {{from: crm, select: mode(category)}}
"
    );
    let row = |minute: u32, category: Value, price: Value| {
        let at = format!("2025-07-05T00:{minute:02}:00Z");
        ("web", json!({"device": "d", "at": at, "category": category, "price": price}))
    };
    let known = run(
        &definition,
        &[(
            "2025-07-05T01:00:00Z",
            &[
                row(1, json!("shoes"), json!(10)),
                row(4, json!("hats"), json!(30.5)),
                row(2, json!("hats"), json!(20)),
                row(3, json!("shoes"), json!(null)),
                row(5, json!(null), json!(20.25)),
            ],
        )],
    );
    let expected = json!({
        "categories": [{"value": "hats", "count": 2}, {"value": "shoes", "count": 2}],
        "favourite": "hats",
        "how_often": 2,
        "lately": [20.25, 30.5],
        "middle": 20.125,
        "all": ["hats", "shoes"],
        "first_one": "hats",
        "pairs": [{"c": null, "p": 20.25}],
        "usual": null,
    });
    assert_eq!(known, [[expected]]);
}

#[test]
fn calendar_windows_turn_by_the_clocks_of_the_definition() {
    let definition = format!(
        "time_zone: America/New_York
{SOURCES}
attributes:
  today:     {{from: web, select: count(*), since: \"date_trunc('day', now())\"}}
  yesterday: {{from: web, select: count(*), between: [1 day, 2 days]}}
"
    );
    let row = |at: &str| ("web", json!({"device": "d", "at": at}));
    // Clocks went forward on the 9th: the day ended at four.
    let known = run(
        &definition,
        &[
            ("2025-03-09T22:00:00Z", &[row("2025-03-09T04:59:59Z"), row("2025-03-09T05:00:00Z")]),
            ("2025-03-10T03:59:59.999999Z", &[]),
            ("2025-03-10T04:00:00Z", &[]),
            ("2025-03-10T04:59:59Z", &[]),
            ("2025-03-11T05:00:00Z", &[]),
        ],
    );
    let known: Vec<_> =
        known.iter().map(|people| (&people[0]["today"], &people[0]["yesterday"])).collect();
    let expected = [(1, 0), (1, 0), (0, 0), (0, 1), (0, 0)].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(known, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
}

#[test]
fn sessions_are_counted_anew_by_late_rows_and_by_merges() {
    let sources = SOURCES.replace(
        "    time: at\n    fields: {device: text, user",
        "    time: at\n    sessions: {gap: 30 minutes}\n    fields: {device: text, user",
    );
    let definition = format!(
        "{sources}
attributes:
  sessions: {{from: web, select: count(distinct session)}}
  pages:    {{from: web, select: last(session_events)}}
  longest:  {{from: web, select: max(session_seconds)}}
  entries:  {{from: web, select: 'recent(category, 5)', where: time = session_start}}
  starts:   {{from: web, select: 'array_agg(distinct session_start)'}}
  second:   {{from: web, select: sum(price), where: price > 1 and session = 2}}
"
    );
    let row = |device: &str, user: Value, at: &str, category: &str, price: u32| {
        let at = format!("2025-07-05T{at}Z");
        let row =
            json!({"device": device, "user": user, "at": at, "category": category, "price": price});
        ("web", row)
    };
    let nobody = || json!(null);
    let now = "2025-07-06T00:00:00Z";
    let known = run(
        &definition,
        &[
            (
                now,
                &[
                    row("phone", nobody(), "10:00:00", "a", 1),
                    // Exactly the gap: the same session.
                    row("phone", nobody(), "10:30:00", "b", 2),
                    row("phone", nobody(), "11:00:00.000001", "c", 4),
                    row("laptop", nobody(), "11:20:00.9", "d", 8),
                ],
            ),
            // Both are one person's, and a row between two sessions makes one of them.
            (now, &[row("phone", json!("u"), "12:00:00", "e", 16)]),
            (now, &[row("laptop", json!("u"), "10:45:00", "f", 32)]),
        ],
    );
    let phone = json!({
        "sessions": 2, "pages": 1, "longest": 1800, "entries": ["c", "a"],
        "starts": ["2025-07-05T10:00:00.000Z", "2025-07-05T11:00:00.000001Z"], "second": 4.00,
    });
    let laptop = json!({
        "sessions": 1, "pages": 1, "longest": 0, "entries": ["d"],
        "starts": ["2025-07-05T11:20:00.900Z"], "second": null,
    });
    let mut first = known[0].clone();
    first.sort_by_key(|attributes| attributes["sessions"].as_i64());
    assert_eq!(first, [laptop, phone]);
    let merged = json!({
        "sessions": 2, "pages": 1, "longest": 4800, "entries": ["e", "a"],
        "starts": ["2025-07-05T10:00:00.000Z", "2025-07-05T12:00:00.000Z"], "second": 16.00,
    });
    assert_eq!(known[2], [merged]);
}

#[test]
fn a_funnel_tells_the_furthest_step_and_when_each_was() {
    let definition = format!(
        "{SOURCES}
attributes:
  checkout:
    {{from: [web, crm], within: 1 hour, where: category <> 'none',
     funnel: [category = 'view', \"category in ('view', 'add')\", category = 'order']}}
  conversion: {{sql: \"checkout_times[3] - checkout_times[1] < interval '10 minutes'\"}}
"
    );
    let row = |source: &'static str, device: &str, at: &str, category: Value| {
        let at = format!("2025-07-05T{at}Z");
        (source, json!({"device": device, "user": "u", "at": at, "category": category}))
    };
    let now = "2025-07-06T00:00:00Z";
    let known = run(
        &definition,
        &[
            (
                now,
                &[
                    row("web", "d", "10:00:00", json!("add")),
                    row("web", "d", "10:01:00", json!(null)),
                ],
            ),
            (
                now,
                &[
                    row("web", "d", "09:30:00", json!("view")),
                    row("crm", "d", "10:30:00", json!("order")),
                ],
            ),
            (now, &[row("web", "e", "10:25:00", json!("view"))]),
            // The record says something else now: the order was never there.
            (now, &[row("crm", "d", "10:40:00", json!("none"))]),
        ],
    );
    let at = |time: &str| format!("2025-07-05T{time}.000Z");
    let expected = [
        (0, json!([]), json!(null)),
        (3, json!([at("09:30:00"), at("09:30:00"), at("10:30:00")]), json!(false)),
        (3, json!([at("10:25:00"), at("10:25:00"), at("10:30:00")]), json!(true)),
        (2, json!([at("10:25:00"), at("10:25:00")]), json!(null)),
    ];
    for (known, (checkout, times, conversion)) in known.iter().zip(expected) {
        let expected =
            json!({"checkout": checkout, "checkout_times": times, "conversion": conversion});
        assert_eq!(*known, [expected]);
    }
}

#[test]
fn a_joined_table_corrects_sessions_and_funnels() {
    let definition = "
sources:
  web:
    files: web.ndjson
    kind: events
    time: at
    sessions: {gap: 30 minutes}
    join: {products: sku, feeds: feed}
    fields: {device: text, at: timestamp, event: text, sku: text, session_id: text,
             feed: {type: text, default: web}}
    where: feeds.feed is not null
  products:
    files: products.ndjson
    kind: records
    key: sku
    deleted: gone
    fields: {sku: text, department: text, session: integer, gone: boolean}
  feeds:
    files: feeds.ndjson
    kind: records
    key: feed
    deleted: gone
    fields: {feed: text, gone: boolean}
identity:
  device: {from: {web: device}}
attributes:
  entries: {from: web, select: array_agg(distinct department), where: time = session_start}
  other:   {from: web, select: count(*), where: products.session > session and event <> 'x'}
  way:     {from: web, within: 1 hour, funnel: [event = 'view', department = 'hats']}
outputs:
  profiles: {files: out.ndjson}
";
    let row = |at: &str, event: &str, sku: &str| {
        (
            "web",
            json!({"device": "d", "at": format!("2025-07-05T{at}Z"), "event": event, "sku": sku}),
        )
    };
    let product = |sku: &str, department: &str, session: u32| {
        ("products", json!({"sku": sku, "department": department, "session": session}))
    };
    let now = "2025-07-06T00:00:00Z";
    let known = run(
        definition,
        &[
            (
                now,
                &[
                    product("1", "shoes", 2),
                    row("10:00:00", "view", "1"),
                    row("10:10:00", "order", "2"),
                    row("11:00:00", "x", "1"),
                ],
            ),
            (now, &[product("2", "hats", 0)]),
            (now, &[product("1", "bags", 0)]),
            (now, &[product("2", "bags", 9)]),
        ],
    );
    let known = known.iter().map(|people| {
        let known = &people[0];
        (known["entries"].clone(), known["other"].clone(), known["way"].clone())
    });
    let expected = [
        (json!(["shoes"]), json!(1), json!(1)),
        (json!(["shoes"]), json!(1), json!(2)),
        (json!(["bags"]), json!(0), json!(2)),
        (json!(["bags"]), json!(1), json!(1)),
    ];
    assert_eq!(known.collect::<Vec<_>>(), expected);
}
