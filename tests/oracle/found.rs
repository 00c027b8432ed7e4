//! What generated histories have found, each made small and kept under its name.

use selfsame::runtime::Clock;

use crate::oracle::check::Case;

fn holds(yaml: &str, clock: Clock, script: &str) {
    Case::told(yaml, clock, script).holds();
}

#[test]
fn names_are_text_in_json_whatever_stands_in_them() {
    holds(
        r#"
sources:
  web:
    files: web*.ndjson
    kind: events
    time: at
    fields: {at: timestamp, user: text}
identity:
  "the \"user\"":
    from: {web: user}
segments:
  "all \\ \"of\" them": cardinality(identifiers['the "user"']) > 0
outputs:
  profiles: {files: out/profiles.ndjson}
  segments: {files: out/segments.ndjson}
  identities: {files: out/identities.ndjson}
"#,
        Clock::Wall,
        r#"
tick 2025-07-05T00:00:00.000Z
web 0:1 {"at":"2025-07-05T00:00:00Z","user":"a \" \\ b"}
"#,
    );
}

#[test]
fn an_output_for_which_one_person_fails_keeps_the_others() {
    holds(
        r#"
sources:
  web:
    files: web*.ndjson
    kind: events
    time: at
    fields: {at: timestamp, user: text, n: integer}
identity:
  user: {from: {web: user}}
attributes:
  n: {from: web, select: sum(n)}
outputs:
  many: {publish: profiles, where: 10 / n > 3, files: out/many.ndjson}
"#,
        Clock::Wall,
        r#"
tick 2025-07-05T00:00:00.000Z
web 0:1 {"at":"2025-07-05T00:00:00Z","user":"a","n":0}
web 0:2 {"at":"2025-07-05T00:00:00Z","user":"b","n":1}
web 0:3 {"at":"2025-07-05T00:00:00Z","user":"c","n":2}
"#,
    );
}

#[test]
fn of_one_tick_s_events_with_one_id_the_first_position_stands() {
    holds(
        r#"
sources:
  web:
    files: web*.ndjson
    kind: events
    id: id
    time: at
    fields: {id: text, at: timestamp, user: text, n: integer}
identity:
  user: {from: {web: user}}
attributes:
  n: {from: web, select: sum(n)}
outputs:
  profiles: {files: out/profiles.ndjson}
"#,
        Clock::Wall,
        r#"
tick 2025-07-05T00:00:00.000Z
web 1:1 {"id":"1","at":"2025-07-05T00:00:00Z","user":"a","n":3}
web 0:2 {"id":"1","at":"2025-07-05T00:00:00Z","user":"a","n":2}
web 0:1 {"id":"1","at":"2025-07-05T00:00:00Z","user":"a","n":1}
"#,
    );
}

/// Four digits more than cents leave no tie before the 32nd value.
#[test]
fn averages_of_decimals_round_halves_away_from_zero() {
    let mut script = String::from("tick 2025-07-05T00:00:00.000Z\n");
    for (number, (user, first)) in [("up", "0.01"), ("down", "-0.01")].into_iter().enumerate() {
        for more in 0..32 {
            let (place, n) = (32 * number + more + 1, if more == 0 { first } else { "0" });
            let row = format!(r#"{{"at":"2025-07-05T00:00:00Z","user":"{user}","n":{n}}}"#);
            script.push_str(&format!("web 0:{place} {row}\n"));
        }
    }
    holds(
        r#"
sources:
  web:
    files: web*.ndjson
    kind: events
    time: at
    fields: {at: timestamp, user: text, n: "decimal(12,2)"}
identity:
  user: {from: {web: user}}
attributes:
  average: {from: web, select: avg(n)}
outputs:
  profiles: {files: out/profiles.ndjson}
"#,
        Clock::Wall,
        &script,
    );
}

#[test]
fn a_path_in_csv_is_a_column_s_name() {
    holds(
        r#"
sources:
  web:
    files: web*.csv
    format: csv
    kind: events
    time: at
    fields: {at: timestamp, mail: {type: text, path: who.mail}}
identity:
  mail: {from: {web: mail}}
outputs:
  profiles: {files: out/profiles.ndjson}
"#,
        Clock::Wall,
        r#"
tick 2025-07-05T00:00:00.000Z
web 0:2 header=at,who,who.mail 2025-07-05T00:00:00Z,other,a@x.org
"#,
    );
}

#[test]
fn a_condition_on_a_day_turns_at_midnight_by_the_clocks_of_the_time_zone() {
    holds(
        r#"
time_zone: Europe/Berlin
sources:
  web:
    files: web*.ndjson
    kind: events
    time: at
    fields: {at: timestamp, user: text, day: date}
identity:
  user: {from: {web: user}}
attributes:
  day: {from: web, select: last(day)}
segments:
  since: now() >= day
  later: day < now() - interval '1 day'
  an_hour: now() - day > interval '1 hour'
outputs:
  segments: {files: out/segments.ndjson}
"#,
        Clock::Wall,
        r#"
tick 2025-07-04T00:00:00.000Z
web 0:1 {"at":"2025-07-04T00:00:00Z","user":"a","day":"2025-07-05"}
tick 2025-07-04T21:59:59.999999Z
tick 2025-07-04T22:00:00.000Z
tick 2025-07-04T23:00:00.000Z
tick 2025-07-04T23:00:00.000001Z
tick 2025-07-05T22:00:00.000Z
tick 2025-07-05T22:00:00.000001Z
"#,
    );
}

/// A replay of old data must not jump to the day on which it is replayed.
#[test]
fn the_event_clock_follows_only_times_at_which_something_happened() {
    holds(
        r#"
kafka: {brokers: "localhost:1"}
sources:
  crm:
    kafka: {topic: crm}
    kind: records
    key: user
    time: at
    fields: {at: timestamp, user: text}
  shops:
    kafka: {topic: shops}
    kind: records
    key: user
    fields: {user: text}
  notes:
    files: notes*.ndjson
    kind: events
    fields: {user: text}
  clicks:
    kafka: {topic: clicks}
    kind: events
    id: id
    fields: {id: text, user: text}
identity:
  user: {from: {crm: user, shops: user, notes: user, clicks: user}}
attributes:
  last: {from: crm, select: max(at)}
  clicks: {from: clicks, select: count(*), within: 1 hour}
segments:
  lately: now() - last < interval '1 hour'
outputs:
  profiles: {files: out/profiles.ndjson}
"#,
        Clock::Event,
        r#"
tick 2025-07-05T00:00:00.000Z
notes 0:1 {"user":"a"}
shops 0:1 @1751673600000000 key=a {"user":"a"}
tick 2025-07-05T00:00:01.000Z
crm 0:1 @1751673600000000 key=a {"user":"a","at":"2020-01-01T00:00:00Z"}
crm 0:2 @1751673600000000 key=b {"user":"b","at":"2020-01-01T00:30:00Z"}
tick 2025-07-05T00:00:02.000Z
crm 0:3 @1751673600000000 key=b null
shops 0:2 @1751673600000000 key=a null
clicks 0:1 @1577838600000000 {"user":"a","id":"1"}
clicks 0:2 @1577838600000000 {"user":"a","id":"1"}
tick 2025-07-05T00:00:03.000Z
clicks 0:3 @1577842200000000 {"user":"c","id":"1"}
tick 2025-07-05T00:00:04.000Z
clicks 0:4 @1577842200000001 {"user":"c","id":"2"}
"#,
    );
}
