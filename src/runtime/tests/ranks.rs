//! Ranks over all people, from the definition to the records of each tick.

use serde_json::{Value, json};

use super::SOURCES;
use super::history::{run, sent};

fn of(minute: u32, device: &str, price: &str) -> (&'static str, Value) {
    let at = format!("2025-07-05T00:{minute:02}:00Z");
    ("web", json!({"device": device, "at": at, "price": price}))
}

/// The values, and the scores that DuckDB 2.0.1 gives: for n in 4, 5, 10,
/// `with b as (select unnest(quantile_disc(v, [1/n, …, (n-1)/n])) as b from p)
///  select v, 1 + (select count(*) from b where b < v) from p`.
const SCORED: [(&str, [i64; 3]); 13] = [
    ("12.50", [3, 3, 6]),
    ("0.00", [1, 1, 1]),
    ("7.25", [1, 2, 3]),
    ("7.25", [1, 2, 3]),
    ("-3.00", [1, 1, 1]),
    ("99.99", [4, 5, 9]),
    ("12.50", [3, 3, 6]),
    ("12.50", [3, 3, 6]),
    ("41.00", [4, 4, 8]),
    ("8.75", [2, 3, 5]),
    ("0.01", [1, 1, 2]),
    ("7.25", [1, 2, 3]),
    ("250.00", [4, 5, 10]),
];

#[test]
fn scores_are_what_duckdb_makes_of_the_same_values() {
    let definition = format!(
        "{SOURCES}
attributes:
  device: {{from: web, select: last(device)}}
  spent:  {{from: web, select: sum(price)}}
  four:   {{sql: 'ntile(spent, 4)'}}
  five:   {{sql: 'ntile(spent, 5)'}}
  ten:    {{sql: '11 - ntile(spent, 10)'}}
"
    );
    let devices: Vec<String> = (0..SCORED.len()).map(|number| format!("d{number}")).collect();
    let mut rows: Vec<_> =
        devices.iter().zip(SCORED).map(|(device, (price, _))| of(1, device, price)).collect();
    rows.push(("web", json!({"device": "unpriced", "at": "2025-07-05T00:01:00Z"})));
    let known = run(&definition, &[("2025-07-05T01:00:00Z", &rows)]).remove(0);
    assert_eq!(known.len(), SCORED.len() + 1);
    for person in known {
        let found = ["four", "five", "ten"].map(|name| person[name].as_i64());
        let number = devices.iter().position(|device| person["device"] == **device);
        let expected = number.map(|number| SCORED[number].1);
        assert_eq!(
            found,
            match expected {
                Some([four, five, ten]) => [Some(four), Some(five), Some(11 - ten)],
                None => [None; 3],
            }
        );
    }
}

#[test]
fn recency_frequency_and_monetary_value_make_one_text() {
    let definition = |bins: u16| {
        format!(
            "{SOURCES}
attributes:
  last:  {{from: web, select: max(at)}}
  rows:  {{from: web, select: count(*)}}
  spent: {{from: web, select: sum(price)}}
  rfm:   {{rfm: {{recency: last, frequency: rows, monetary: spent, bins: {bins}}}}}
  best:  {{sql: rfm_recency = {bins}}}
"
        )
    };
    let rows = [
        of(1, "old", "5"),
        of(2, "much", "50"),
        of(3, "often", "1"),
        of(4, "often", "1"),
        ("web", json!({"device": "nothing", "at": "2025-07-05T00:05:00Z"})),
    ];
    for (bins, texts) in [(2, ["111", "112", "221"]), (10, ["1-1-4", "3-1-7", "6-8-1"])] {
        let known = run(&definition(bins), &[("2025-07-05T01:00:00Z", &rows)]).remove(0);
        let mut found: Vec<Option<&str>> = known.iter().map(|of| of["rfm"].as_str()).collect();
        found.sort_unstable();
        // Without a value there is no text.
        assert_eq!(found, [None, Some(texts[0]), Some(texts[1]), Some(texts[2])]);
        for person in &known {
            let score = |name: &str| person[name].as_i64().map(|score| score.to_string());
            let scores = [score("rfm_recency"), score("rfm_frequency"), score("rfm_monetary")];
            let scores: Option<Vec<String>> = scores.into_iter().collect();
            let text = scores.map(|scores| scores.join(if bins > 9 { "-" } else { "" }));
            assert_eq!(person["rfm"], json!(text));
            assert_eq!(person["best"], json!(person["rfm_recency"] == json!(bins)));
        }
    }
}

#[test]
fn a_moved_border_sends_those_it_passes_and_nobody_else() {
    let definition = format!(
        "{SOURCES}
attributes:
  device: {{from: web, select: last(device)}}
  spent:  {{from: web, select: sum(price)}}
  half:   {{sql: 'ntile(spent, 2)'}}
"
    );
    let devices: Vec<String> = (0..100).map(|number| format!("d{number}")).collect();
    let all: Vec<_> =
        devices.iter().enumerate().map(|(n, device)| of(1, device, &n.to_string())).collect();
    let half = |known: &[Value]| -> Vec<(String, i64)> {
        let of = |person: &Value| {
            let device = person["device"].as_str().expect("a device").to_owned();
            (device, person["half"].as_i64().expect("a score"))
        };
        known.iter().map(of).collect()
    };
    // The border is at 49. One of those below goes above: it moves to 50.
    let sent = sent(
        &definition,
        &[
            ("2025-07-05T01:00:00Z", &all),
            ("2025-07-05T01:00:01Z", &[of(2, "d10", "1000")]),
            // Nobody passes the border, nor does it move.
            ("2025-07-05T01:00:02Z", &[of(3, "d99", "1")]),
        ],
    );
    assert_eq!(sent[0].len(), 100);
    let mut second = half(&sent[1]);
    second.sort();
    assert_eq!(second, [("d10".to_owned(), 2), ("d50".to_owned(), 1)]);
    assert_eq!(half(&sent[2]), [("d99".to_owned(), 2)]);
}
