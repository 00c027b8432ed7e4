//! What generated histories have found, each made small and kept under its name.

use selfsame::internals::runtime::Clock;

use crate::oracle::check::{Case, folded};

/// A definition over events of users: further fields of theirs, attributes and segments, outputs.
fn web(fields: &str, known: &str, outputs: &str) -> String {
    format!(
        "
sources:
  web:
    files: web*.ndjson
    kind: events
    time: at
    fields: {{at: timestamp, user: text{fields}}}
identity:
  user: {{from: {{web: user}}}}
{known}
outputs:
  {outputs}
"
    )
}

const PROFILES: &str = "profiles: {files: out/profiles.ndjson}";

fn holds(yaml: &str, script: &str) -> Case {
    let case = Case::told(yaml, Clock::Wall, script);
    case.holds();
    case
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
        r#"
tick 2025-07-05T00:00:00.000Z
web 0:1 {"at":"2025-07-05T00:00:00Z","user":"a \" \\ b"}
"#,
    );
}

#[test]
fn a_number_of_any_length_is_no_time_of_a_format() {
    let born = ", born: {type: timestamp, format: ['%Y/%m/%d %H:%M', iso]}";
    holds(
        &web(born, "", "rejects: {files: out/rejects.ndjson}"),
        r#"
tick 2025-07-05T00:00:00.000Z
web 0:1 {"at":"2025-07-05T00:00:00Z","born":-62135596800001,"user":"a"}
"#,
    );
}

#[test]
fn an_output_for_which_one_person_fails_keeps_the_others() {
    let many = "many: {publish: profiles, where: 10 / n > 3, files: out/many.ndjson}";
    holds(
        &web(", n: integer", "attributes:\n  n: {from: web, select: sum(n)}", many),
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
    let known = "attributes:\n  n: {from: web, select: sum(n)}";
    let yaml = web(", id: text, n: integer", known, PROFILES);
    holds(
        &yaml.replace("kind: events", "kind: events\n    id: id"),
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
    let known = "attributes:\n  average: {from: web, select: avg(n)}";
    holds(&web(", n: \"decimal(12,2)\"", known, PROFILES), &script);
}

/// Division is DataFusion's.
#[test]
fn a_quotient_of_decimals_is_cut_off_where_an_average_is_rounded() {
    let known = "attributes:
  spent: {from: web, select: sum(n)}
  rows: {from: web, select: count(*)}
  average: {from: web, select: avg(n)}
  quotient: {from: web, select: sum(n) / count(*)}
  derived: {sql: spent / rows}";
    let case = holds(
        &web(", n: \"decimal(12,2)\"", known, PROFILES),
        r#"
tick 2025-07-05T00:00:00.000Z
web 0:1 {"at":"2025-07-05T00:00:00Z","user":"a","n":1.00}
web 0:2 {"at":"2025-07-05T00:00:00Z","user":"a","n":1.00}
web 0:3 {"at":"2025-07-05T00:00:00Z","user":"a","n":0.00}
"#,
    );
    let (state, _) = folded(&case.plan, case.run(1).iter().flatten());
    let profile = state.values().next().expect("a profile");
    let [spent, rounded, cut] = ["2.00", "0.666667", "0.666666"];
    let attributes = format!(
        "\"attributes\":{{\"spent\":{spent},\"rows\":3,\"average\":{rounded},\"quotient\":{cut},\
         \"derived\":{cut}}}"
    );
    assert!(profile.contains(&attributes), "{profile}");
}

#[test]
fn a_path_in_csv_is_a_column_s_name() {
    let yaml = web(", mail: {type: text, path: who.mail}", "", PROFILES);
    let yaml = yaml.replace("kind: events", "kind: events\n    format: csv");
    holds(
        &yaml.replace("from: {web: user}", "from: {web: mail}"),
        r#"
tick 2025-07-05T00:00:00.000Z
web 0:2 header=at,user,who,who.mail 2025-07-05T00:00:00Z,u,other,a@x.org
"#,
    );
}

/// In St. John's the clocks went back a minute after midnight: the day before came once more.
#[test]
fn a_condition_on_a_day_turns_at_a_midnight_that_comes_twice() {
    let known = "attributes:
  day: {from: web, select: last(day)}
  far: {from: web, select: last(far)}
segments:
  that_day: cast(now() as date) = day
  after_it: cast(now() as date) > day
  valid: now() - far < interval '30 days'
  beyond: cast(now() as date) <= cast(far as date)";
    let yaml = web(", day: date, far: timestamp", known, "segments: {files: out/segments.ndjson}");
    holds(
        &format!("time_zone: America/St_Johns{yaml}"),
        r#"
tick 2010-11-06T12:00:00.000Z
web 0:1 {"at":"2010-11-06T12:00:00Z","user":"a","day":"2010-11-07","far":"9999-12-31T23:59:59.999999Z"}
web 0:2 {"at":"2010-11-06T12:00:00Z","user":"b","day":"9999-12-31","far":"0001-01-01T12:00:00Z"}
tick 2010-11-07T02:30:00.000Z
tick 2010-11-07T02:31:00.000Z
tick 2010-11-07T03:29:59.999999Z
tick 2010-11-07T03:30:00.000Z
tick 2010-11-08T03:29:59.999999Z
tick 2010-11-08T03:30:00.000Z
"#,
    );
}

#[test]
fn a_condition_on_a_day_turns_at_midnight_by_the_clocks_of_the_time_zone() {
    let known = "attributes:
  day: {from: web, select: last(day)}
segments:
  since: now() >= day
  later: day < now() - interval '1 day'
  an_hour: now() - day > interval '1 hour'
  that_day: cast(now() as date) = day
  after_it: cast(now() as date) > day
  next_day: cast(now() as date) - interval '1 day' >= day
  days_ago: cast(now() as date) - day >= 1
  day_of_hour: cast(now() - interval '1 hour' as date) <> day
  before_instant: cast(now() as date) < timestamp '2025-07-05T12:00:00Z'";
    let yaml = web(", day: date", known, "segments: {files: out/segments.ndjson}");
    holds(
        &format!("time_zone: Europe/Berlin{yaml}"),
        r#"
tick 2025-07-04T00:00:00.000Z
web 0:1 {"at":"2025-07-04T00:00:00Z","user":"a","day":"2025-07-05"}
tick 2025-07-04T21:59:59.999999Z
tick 2025-07-04T22:00:00.000Z
tick 2025-07-04T23:00:00.000Z
tick 2025-07-04T23:00:00.000001Z
tick 2025-07-05T21:59:59.999999Z
tick 2025-07-05T22:00:00.000Z
tick 2025-07-05T22:00:00.000001Z
tick 2025-07-05T23:00:00.000Z
tick 2025-07-06T00:00:00.000Z
"#,
    );
}

/// A replay of old data must not jump to the day on which it is replayed.
#[test]
fn the_event_clock_follows_only_times_at_which_something_happened() {
    let yaml = r#"
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
"#;
    let script = r#"
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
"#;
    Case::told(yaml, Clock::Event, script).holds();
}

/// What the changelogs of a definition with segments fold to by the clock of events.
fn members(yaml: &str, script: &str) -> Vec<String> {
    let case = Case::told(yaml, Clock::Event, script);
    case.holds();
    let (state, _) = folded(&case.plan, case.run(2).iter().flatten());
    let output = |index: usize| &case.plan.outputs[index].name;
    let segments = state.keys().filter(|(index, _)| output(*index) == "segments");
    segments.map(|(_, key)| key.split_once('/').expect("a person").0.to_owned()).collect()
}

const LATELY: &str = "attributes:
  last: {from: web, select: max(at)}
segments:
  lately: now() - last < interval '30 days'";

#[test]
fn one_date_alone_does_not_move_the_clock_of_events() {
    let yaml = web("", LATELY, "segments: {files: out/segments.ndjson}");
    // The bad date first, in between, and last.
    for bad in 0..3 {
        let days = ["2021-07-05T00:00:00Z", "2021-07-05T06:00:00Z"];
        let mut times = days.to_vec();
        times.insert(bad, "2023-01-01T00:00:00Z");
        let rows = times.iter().zip(1..).map(|(at, place)| {
            let user = if at.starts_with("2023") { "bad" } else { "good" };
            format!(
                "tick 2025-07-05T00:00:00Z\nweb 0:{place} {{\"at\":\"{at}\",\"user\":\"{user}\"}}\n"
            )
        });
        assert_eq!(members(&yaml, &rows.collect::<String>()), ["lately", "lately"], "{bad}");
    }
}

#[test]
fn a_gap_in_the_data_passes_with_the_second_row_behind_it() {
    let yaml = web("", LATELY, "segments: {files: out/segments.ndjson}");
    let script = r#"
tick 2025-07-05T00:00:00.000Z
web 0:1 {"at":"2021-07-05T00:00:00Z","user":"a"}
web 0:2 {"at":"2021-07-05T06:00:00Z","user":"b"}
web 0:3 {"at":"2023-01-01T00:00:00Z","user":"c"}
tick 2025-07-05T00:00:01.000Z
web 0:4 {"at":"2023-01-01T12:00:00Z","user":"d"}
"#;
    assert_eq!(members(&yaml, script), ["lately", "lately"]);
}

#[test]
fn an_id_seen_again_is_judged_by_its_own_times_whatever_comes_together() {
    let known = "attributes:\n  times: {from: web, select: 'recent(at, 9)'}\n  n: {from: web, select: count(*)}";
    let yaml =
        web(", id: text", known, PROFILES).replace("kind: events", "kind: events\n    id: id");
    let at =
        |time: &str| format!("{{\"id\":\"x\",\"at\":\"2025-07-01T{time}:00Z\",\"user\":\"u\"}}");
    let rows = ["00:00", "00:40", "01:20", "02:30", "02:30"].map(at);
    let orders = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]];
    for (order, ticks) in orders.into_iter().zip([1, 5, 2]) {
        let mut script = String::new();
        for (number, place) in order.iter().enumerate() {
            if number % 5usize.div_ceil(ticks) == 0 {
                script.push_str("tick 2025-07-05T00:00:00Z\n");
            }
            script.push_str(&format!("web 0:{} {}\n", place + 1, rows[*place]));
        }
        let case = Case::told(&yaml, Clock::Event, &script);
        case.holds();
        let (state, _) = folded(&case.plan, case.run(1).iter().flatten());
        let profile = state.values().next().expect("a profile");
        let hours = ["02:30", "01:20", "00:00"].map(|at| format!("\"2025-07-01T{at}:00.000Z\""));
        let times = format!("\"times\":[{}],\"n\":3", hours.join(","));
        assert!(profile.contains(&times), "{script}{profile}");
    }
}

#[test]
fn placeholders_make_nobody_of_anybody_unless_a_type_keeps_them() {
    let rows = [
        "",
        " ",
        "null",
        "undefined",
        "0",
        "[object Object]",
        "00000000-0000-0000-0000-000000000000",
    ];
    let mut script = String::from("tick 2025-07-05T00:00:00.000Z\n");
    for (place, text) in (1..).zip(rows) {
        let row = format!(r#"{{"at":"2025-07-05T00:00:00Z","user":"u{place}","mail":"{text}"}}"#);
        script.push_str(&format!("web 0:{place} {row}\n"));
    }
    let people = |mail: &str| {
        let yaml = web(", mail: text", "", PROFILES);
        let yaml = yaml.replace(
            "  user: {from: {web: user}}",
            &format!("  user: {{from: {{web: user}}}}\n  mail: {{from: {{web: mail}}{mail}}}"),
        );
        let case = Case::told(&yaml, Clock::Wall, &script);
        case.holds();
        folded(&case.plan, case.run(1).iter().flatten()).0.len()
    };
    assert_eq!(people(""), 7);
    assert_eq!(people(", normalize: lower(trim(value))"), 7);
    // Whatever the normalisation makes of them.
    assert_eq!(people(", normalize: \"'x' || value\""), 7);
    assert_eq!(people(", normalize: \"nullif(value, 'x') || ''\", placeholders: keep"), 7);
    assert_eq!(people(", normalize: \"substr(value, 1, 0)\", placeholders: keep"), 1);
    assert_eq!(people(", normalize: \"substr(value, 1, 0)\""), 7);
}

#[test]
fn conflicts_of_values_with_separators_have_keys_of_their_own() {
    let yaml = web(", mail: text, device: text", "", "conflicts: {files: out/conflicts.ndjson}").replace(
        "  user: {from: {web: user}}",
        "  user: {from: {web: user}, at_most: 1}\n  mail: {from: {web: mail}}\n  device: {from: {web: device}}",
    );
    // Users are withheld from mails; of one pair the first part ends with what begins the second of another.
    let mut script = String::from("tick 2025-07-05T00:00:00.000Z\n");
    let pairs = [
        ("u", "m"),
        ("v", "m"),
        ("a", "b/mail:c"),
        ("x", "b/mail:c"),
        ("a/mail:b", "c"),
        ("y", "c"),
    ];
    for (place, (user, mail)) in (1..).zip(pairs) {
        let row =
            format!(r#"{{"at":"2025-07-05T00:00:0{place}Z","user":"{user}","mail":"{mail}"}}"#);
        script.push_str(&format!("web 0:{place} {row}\n"));
    }
    let case = Case::told(&yaml, Clock::Wall, &script);
    case.holds();
    let (state, _) = folded(&case.plan, case.run(1).iter().flatten());
    let keys: Vec<&str> = state.keys().map(|(_, key)| key.as_str()).collect();
    let withheld =
        ["withheld/user:v/mail:m", "withheld/user:x/mail:b%2Fmail:c", "withheld/user:y/mail:c"];
    assert_eq!(keys, withheld);
}
