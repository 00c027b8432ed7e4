//! `selfsame why` says what makes people one, what keeps them apart, and where what is known of them
//! comes from.
//!
//! `tests/why/` has a small history with every rule in it: Ada's chain of identifiers, a laptop that
//! two customers used, a family's e-mail address, two who share a kiosk and whom someone parted, a
//! customer whose record was corrected; and a table of decisions without times.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use selfsame::internals::definition;
use selfsame::internals::explain::{AllRows, Question, why};
use selfsame::internals::runtime::Clock;
use serde_json::{Value, json};

const NOW: &str = "fixed:2025-07-01T00:00:00Z";

/// Identifiers as people know them, by type: people's ids are the hashes of these.
fn person(identifier: &str) -> String {
    let (kind, value) = identifier.split_once(':').expect("type:value");
    selfsame::internals::row::IdentifierHash::of(kind, value).person_id()
}

fn given() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/why")
}

/// A folder of its own with all that, for a run that leaves outputs beside its definition.
fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(given()).expect("a folder") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name");
        if path.is_file() {
            std::fs::copy(&path, folder.path().join(name)).expect("copied");
        }
    }
    folder
}

fn selfsame(arguments: &[&str]) -> Output {
    selfsame_in(&given(), arguments)
}

fn selfsame_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selfsame"));
    command.args(arguments).current_dir(folder).env("SELFSAME_LOG", "warn");
    command.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.output().expect("the command starts")
}

#[track_caller]
fn says(question: &[&str], expected: &str) {
    let options = ["why", "--spec", "shop.yaml", "--clock", NOW];
    let output = selfsame(&[&options, question].concat());
    let found = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(found, expected, "{found}");
}

#[track_caller]
fn fails(question: &[&str], expected: &str) {
    let options = ["why", "--spec", "shop.yaml", "--clock", NOW];
    let output = selfsame(&[&options, question].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
}

#[track_caller]
fn answers(question: &[&str]) -> Value {
    let options = ["why", "--spec", "shop.yaml", "--clock", NOW, "--json"];
    let output = selfsame(&[&options, question].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_person_is_told_by_identifiers_links_with_their_rows_and_links_withheld() {
    let (ada, bob) = (person("customer:C1"), person("customer:C2"));
    says(
        // As its owner writes it, not as it is normalised.
        &[" ADA@example.com"],
        &format!(
            "\
{ada}

identifiers
  customer  C1               first seen 2025-05-25T10:00:00.000Z  3 rows
  email     ada@example.com  first seen 2025-05-20T10:00:00.000Z  3 rows
  phone     +49 1            first seen 2025-06-01T08:00:00.000Z  1 row
  device    laptop           first seen 2025-05-20T10:00:00.000Z  4 rows
  device    tablet           first seen 2025-06-20T10:00:00.000Z  1 row

links
  customer:C1 — email:ada@example.com: 1 row
      crm  crm.ndjson:1  2025-06-01T08:00:00.000Z
  customer:C1 — phone:+49 1: 1 row
      crm  crm.ndjson:1  2025-06-01T08:00:00.000Z
  customer:C1 — device:laptop: 1 row
      web  web.ndjson:2  2025-05-25T10:00:00.000Z
  email:ada@example.com — device:laptop: 1 row
      web  web.ndjson:1  2025-05-20T10:00:00.000Z
  email:ada@example.com — device:tablet: 1 row
      web  web.ndjson:4  2025-06-20T10:00:00.000Z

links withheld
  customer:C2 — device:laptop: 1 row
      web  web.ndjson:5  2025-06-21T10:00:00.000Z
      does not count (at_most): a person has at most 1 of type customer: one side has C2, the other C1
      it would make {bob} and {ada} one

decisions
  customer:C2 — device:laptop: different
      rulings  rulings.ndjson:5
"
        ),
    );
}

#[test]
fn a_link_has_the_rows_that_stand_the_first_of_them_and_how_many_there_are() {
    // What the corrected record said before stands no longer, but the customer was seen by it.
    let dora = answers(&["C6"]);
    let identifiers: Vec<_> = dora["identifiers"].as_array().expect("a list").to_vec();
    assert_eq!(
        identifiers[..2],
        [
            json!({"type": "customer", "value": "C6", "rows": 2,
                   "first_seen": "2025-06-04T08:00:00.000Z"}),
            json!({"type": "email", "value": "dora@example.com", "rows": 1,
                   "first_seen": "2025-06-05T08:00:00.000Z"}),
        ]
    );
    let row = |source: &str, line: u64, time: &str| {
        json!({"source": source, "position": {"file": format!("{source}.ndjson"), "line": line},
               "time": time})
    };
    assert_eq!(
        dora["links"],
        json!([
            {"one": "customer:C6", "other": "email:dora@example.com", "decided": false, "of": 1,
             "rows": [row("crm", 7, "2025-06-05T08:00:00.000Z")]},
            {"one": "customer:C6", "other": "phone:+49 6", "decided": true, "of": 0, "rows": []},
        ])
    );
    let often = &answers(&["gus@example.com"])["links"][0];
    assert_eq!(often["of"], 5);
    let lines: Vec<_> =
        often["rows"].as_array().expect("a list").iter().map(|r| &r["position"]["line"]).collect();
    assert_eq!(lines, [13, 12, 11]);
}

#[test]
fn a_shared_identifier_says_who_shares_it() {
    let family = answers(&["family@example.com"]);
    let reason = "email:family@example.com is linked with 3 identifiers of type customer, more \
                  than shared_after: 2 lets it";
    assert_eq!(family["identifiers"][0]["shared"], reason);
    assert_eq!(family["links"], json!([]));
    let withheld = family["withheld"].as_array().expect("a list");
    let ends: Vec<_> = withheld.iter().map(|link| &link["one"]).collect();
    assert_eq!(ends, ["customer:C3", "customer:C4", "customer:C5"]);
    assert_eq!(
        withheld[0]["withheld"],
        json!({"rule": "shared_after", "reason": reason,
               "people": [person("customer:C3"), person("email:family@example.com")]})
    );
}

#[test]
fn two_identifiers_of_one_person_are_told_by_the_shortest_chain_of_links() {
    let ada = person("customer:C1");
    says(
        &["phone:+49 1", "tablet"],
        &format!(
            "\
phone:+49 1 and device:tablet are one person,
{ada}, by 3 links:

  customer:C1 — phone:+49 1: 1 row
      crm  crm.ndjson:1  2025-06-01T08:00:00.000Z
  customer:C1 — email:ada@example.com: 1 row
      crm  crm.ndjson:1  2025-06-01T08:00:00.000Z
  email:ada@example.com — device:tablet: 1 row
      web  web.ndjson:4  2025-06-20T10:00:00.000Z
"
        ),
    );
    says(&["C1", "customer:C1"], &format!("customer:C1 is one identifier, of {ada}\n"));
}

#[test]
fn two_people_are_told_by_the_decision_that_keeps_them_apart() {
    let (eve, finn) = (person("email:eve@example.com"), person("email:finn@example.com"));
    says(
        &["eve@example.com", "finn@example.com"],
        &format!(
            "\
email:eve@example.com and email:finn@example.com are two people:
  {eve}  email:eve@example.com
  {finn}  email:finn@example.com

rows link them so, but not all of it counts:

  email:eve@example.com — device:kiosk: 1 row
      web  web.ndjson:6  2025-06-22T10:00:00.000Z
  email:finn@example.com — device:kiosk: 1 row
      web  web.ndjson:7  2025-06-23T10:00:00.000Z
      does not count (different): a decision says that email:eve@example.com and \
             email:finn@example.com are different people
      it would make {finn} and {eve} one

decisions
  email:eve@example.com — email:finn@example.com: different
      rulings  rulings.ndjson:1
"
        ),
    );
    let (cora, stray) = (person("customer:C4"), person("device:stray"));
    says(
        &["C4", "stray"],
        &format!(
            "\
customer:C4 and device:stray are two people:
  {cora}  customer:C4
  {stray}  device:stray

nothing links them

decisions
  customer:C4 — device:stray: different
      rulings  rulings.ndjson:3
"
        ),
    );
}

#[test]
fn decisions_are_told_by_themselves_and_rows_that_carry_a_link_by_themselves() {
    let decision = |one: &str, other: &str, verdict: &str, line: u64| {
        json!([{"one": one, "other": other, "verdict": verdict, "source": "rulings",
                "position": {"file": "rulings.ndjson", "line": line}}])
    };
    let cora = answers(&["C4"]);
    assert_eq!(cora["decisions"], decision("customer:C4", "device:stray", "different", 3));
    let bob = person("customer:C2");
    says(
        &["C2", "bob@example.com"],
        &format!(
            "\
customer:C2 and email:bob@example.com are one person,
{bob}, by 1 link:

  customer:C2 — email:bob@example.com: 1 row, and by decision
      crm  crm.ndjson:2  2025-06-02T08:00:00.000Z

decisions
  customer:C2 — email:bob@example.com: same
      rulings  rulings.ndjson:4
"
        ),
    );
    // Nobody but the decision knows the phone.
    let dora = answers(&["C6"]);
    assert_eq!(dora["decisions"], decision("customer:C6", "phone:+49 6", "same", 2));
    let phone = json!({"type": "phone", "value": "+49 6", "rows": 1, "first_seen": null});
    assert_eq!(dora["identifiers"][2], phone);
}

#[test]
fn two_people_are_told_by_the_rule_that_withholds_their_link_or_that_there_is_none() {
    let rules = |one: &str, other: &str| {
        let answer = answers(&[one, other]);
        assert_eq!(answer["same_person"], false);
        let links = answer["chain"].as_array().expect("a chain").clone();
        links.iter().map(|link| link["withheld"]["rule"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(rules("C1", "C2"), [Value::Null, json!("at_most")]);
    assert_eq!(rules("C3", "C4"), [json!("shared_after"), json!("shared_after")]);
    let (ada, dora) = (person("customer:C1"), person("customer:C6"));
    says(
        &["C1", "C6"],
        &format!(
            "\
customer:C1 and customer:C6 are two people:
  {ada}  customer:C1
  {dora}  customer:C6

nothing links them
"
        ),
    );
}

#[test]
fn a_segment_is_told_term_by_term_with_what_time_will_change() {
    let ada = person("customer:C1");
    says(
        &["C1", "--segment", "quiet_spenders"],
        &format!(
            "\
{ada} is in quiet_spenders, at 2025-07-01T00:00:00.000Z

  true   all of
  true     segment spenders
  true       spent > 100                               spent = 130.00
  true     any of
  false      name IS NULL                              name = \"Ada\"
  true       not
  false        now() - last_seen < INTERVAL '10 days'  last_seen = \"2025-06-20T10:00:00.000Z\"

time alone does not change it
"
        ),
    );
    // What was spent leaves the window before its term of time turns.
    says(
        &["C1", "--segment", "lately"],
        &format!(
            "\
{ada} is in lately, at 2025-07-01T00:00:00.000Z
  Spent and seen not long ago

  true  all of
  true    spent_30d > 20                             spent_30d = 49.50
                                                     false from 2025-07-10T10:00:00.000Z
                                                     null from 2025-07-20T10:00:00.000Z
  true    last_seen > now() - INTERVAL '1000 hours'  last_seen = \"2025-06-20T10:00:00.000Z\"
                                                     false from 2025-08-01T02:00:00.000Z

leaves at 2025-07-10T10:00:00.000Z, if nothing else happens
"
        ),
    );
}

#[test]
fn an_attribute_is_told_by_identifier_and_source_and_by_its_last_rows() {
    let ada = person("customer:C1");
    says(
        &["C1", "--attribute", "spent_30d"],
        &format!(
            "\
{ada}, at 2025-07-01T00:00:00.000Z

spent_30d = 49.50
  sum(amount) within 30 days

  by identifier and source, each from its rows alone
    customer:C1            web  1 row  40.00
    email:ada@example.com  web  1 row  9.50

  rows, the newest first
    web  web.ndjson:4  2025-06-20T10:00:00.000Z  email:ada@example.com  9.50   leaves at \
             2025-07-20T10:00:00.000Z
    web  web.ndjson:3  2025-06-10T10:00:00.000Z  customer:C1            40.00  leaves at \
             2025-07-10T10:00:00.000Z
    web  web.ndjson:2  2025-05-25T10:00:00.000Z  customer:C1            80.50  left at \
             2025-06-24T10:00:00.000Z
"
        ),
    );
    let basket = answers(&["C1", "--attribute", "basket"]);
    assert_eq!(basket["sql"], "spent / nullif(purchases, 0)");
    let from: Vec<_> = basket["from"].as_array().expect("a list").clone();
    let values = from.iter().map(|of| (of["attribute"].as_str(), of["value"].to_string()));
    let expected = [(Some("spent"), "130.0".to_owned()), (Some("purchases"), "3".to_owned())];
    assert_eq!(values.collect::<Vec<_>>(), expected);
    // What a row says by the table that it is joined with.
    let departments = answers(&["C1", "--attribute", "departments"]);
    assert_eq!(departments["value"], json!(["hats", "shoes"]));
    let gives = |row: usize| departments["rows"][row]["gives"].clone();
    assert_eq!([gives(0), gives(1)], [json!(["hats"]), json!(["shoes"])]);
    // Sessions are the person's: those of the identifiers do not add up to them.
    let visits = answers(&["C1", "--attribute", "visits"]);
    assert_eq!((&visits["value"], &visits["of_rows"]), (&json!(2), &json!(4)));
    let parts = visits["parts"].as_array().expect("a list").iter();
    let parts: Vec<_> = parts.map(|part| (&part["identifier"], &part["value"])).collect();
    assert_eq!(
        parts,
        [(&json!("customer:C1"), &json!(2)), (&json!("email:ada@example.com"), &json!(2))]
    );
    says(
        &["C3", "--attribute", "spent"],
        &format!(
            "\
{}, at 2025-07-01T00:00:00.000Z

spent = null
  sum(amount)
  no row gives it a value
",
            person("customer:C3")
        ),
    );
}

#[test]
fn an_attribute_over_sessions_is_told_by_the_rows_that_moved_it_with_their_sessions() {
    says(
        &["C1", "--attribute", "second_visit"],
        &format!(
            "\
{}, at 2025-07-01T00:00:00.000Z

second_visit = 40.00
  sum(amount)

  by identifier and source, each from its rows alone
    customer:C1  web  1 row  40.00

  rows, the newest first
    web  web.ndjson:3  2025-06-10T10:00:00.000Z  customer:C1  40.00  session 2: 2 rows in 864000 s
",
            person("customer:C1")
        ),
    );
    let longest = answers(&["C1", "--attribute", "longest_visit"]);
    let row = &longest["rows"][2];
    let start = "2025-05-20T10:00:00.000Z";
    assert_eq!(
        row["session"],
        json!({"session": 1, "start": start, "seconds": 432_000, "events": 2})
    );
    assert_eq!((&row["gives"], &row["left"]), (&json!([2]), &json!("2025-06-24T10:00:00.000Z")));
}

#[test]
fn a_funnel_is_told_by_its_steps_and_the_rows_that_carry_them() {
    says(
        &["C1", "--attribute", "bargain"],
        &format!(
            "\
{}, at 2025-07-01T00:00:00.000Z

bargain = 2
  [device = 'laptop', amount > 50, amount < 10] funnel of 3 steps within 20 days

  steps, the furthest that there is
    1  device = 'laptop'  2025-05-25T10:00:00.000Z  web  web.ndjson:2  customer:C1
    2  amount > 50        2025-05-25T10:00:00.000Z  web  web.ndjson:2  customer:C1
    3  amount < 10        not reached               1 row satisfies it

  by identifier and source, each from its rows alone
    email:ada@example.com  web  2 rows  1
    customer:C1            web  1 row   2

  rows, the newest first
    web  web.ndjson:4  2025-06-20T10:00:00.000Z  email:ada@example.com  step 3
    web  web.ndjson:2  2025-05-25T10:00:00.000Z  customer:C1            step 1, 2
    web  web.ndjson:1  2025-05-20T10:00:00.000Z  email:ada@example.com  step 1
",
            person("customer:C1")
        ),
    );
    let times = answers(&["C1", "--attribute", "bargain_times"]);
    let reached: Vec<_> = times["steps"].as_array().expect("a list").iter().collect();
    assert_eq!(times["value"], json!([reached[0]["at"], reached[1]["at"]]));
    assert_eq!((&reached[2]["at"], &reached[2]["rows"]), (&Value::Null, &json!([])));
    assert_eq!(reached[0]["rows"][0]["position"], json!({"file": "web.ndjson", "line": 2}));
}

#[test]
fn a_rank_is_told_by_what_all_people_have_and_where_the_borders_are() {
    says(
        &["C1", "--attribute", "tier"],
        &format!(
            "\
{}, at 2025-07-01T00:00:00.000Z

tier = 2
  ntile(spent, 2)

  by spent = 130.00: 2 of 2
    of 4 people who have a value 3 have a lesser one, 0 the same and 0 a greater one
    1  up to 20.00
    2  above 20.00  this person

spent = 130.00
  sum(amount)

  by identifier and source, each from its rows alone
    customer:C1            web  2 rows  120.50
    email:ada@example.com  web  1 row   9.50

  rows, the newest first
    web  web.ndjson:4  2025-06-20T10:00:00.000Z  email:ada@example.com  9.50
    web  web.ndjson:3  2025-06-10T10:00:00.000Z  customer:C1            40.00
    web  web.ndjson:2  2025-05-25T10:00:00.000Z  customer:C1            80.50
",
            person("customer:C1")
        ),
    );
    let rank = &answers(&["C3", "--attribute", "tier"])["ranks"][0];
    assert_eq!(
        (&rank["value"], &rank["score"], &rank["people"]),
        (&Value::Null, &Value::Null, &json!(4))
    );
    let scores = answers(&["C1", "--attribute", "rfm"])["from"].clone();
    let scores: Vec<_> = scores.as_array().expect("a list").clone();
    let told = scores.iter().map(|of| (of["value"].clone(), of["ranks"][0].clone()));
    let told: Vec<_> =
        told.map(|(value, rank)| (value, rank["by"].clone(), rank["borders"].clone())).collect();
    assert_eq!(
        told,
        [
            (
                json!(2),
                json!("last_seen"),
                json!(["2025-06-05T08:00:00.000Z", "2025-06-22T10:00:00.000Z"])
            ),
            (json!(3), json!("purchases"), json!([0, 1])),
            (json!(3), json!("spent"), json!([20.0, 60.0])),
        ]
    );
}

/// Ada's purchase leaves the window and takes the border with it.
#[test]
fn a_segment_by_rank_is_told_with_the_borders_and_when_others_move_them() {
    says(
        &["finn@example.com", "--segment", "hot"],
        &format!(
            "\
{} is not in hot, at 2025-07-01T00:00:00.000Z

  false  all of
  false    heat = 20              heat = 10
                                  by spent_30d = 20.00: 1 of 2 over 4 people, up to 20.00
                                  true from 2025-07-10T10:00:00.000Z
                                  false from 2025-07-20T10:00:00.000Z
                                  null from 2025-07-23T10:00:00.000Z
  true     last_seen IS NOT NULL  last_seen = \"2025-06-23T10:00:00.000Z\"

enters at 2025-07-10T10:00:00.000Z, if nothing else happens
",
            person("email:finn@example.com")
        ),
    );
}

#[test]
fn an_id_that_was_given_up_leads_to_who_has_become_of_it() {
    let tablet = person("device:tablet");
    let answer = answers(&[&tablet]);
    assert_eq!(answer["person"], person("customer:C1"));
    assert_eq!(answer["formerly"], tablet);
}

#[test]
fn who_is_not_known_is_told_with_what_is_near() {
    fails(
        &["ada@exampel.com"],
        "error: nobody is known as 'ada@exampel.com'; did you mean email:ada@example.com?\n",
    );
    fails(&["C1", "nobody-at-all"], "error: nobody is known as 'nobody-at-all'\n");
    fails(
        &["mail:zoe@example.net"],
        "error: nobody is known as 'mail:zoe@example.net'; the types of identifiers are: customer, email, phone, device\n",
    );
    // The corrected record's address, which no row that stands carries.
    fails(&["email:old@example.com"], "error: nobody is known as 'email:old@example.com'\n");
    fails(
        &["C1", "--segment", "spender"],
        "error: no segment is named 'spender': did you mean 'spenders'?\n",
    );
    fails(
        &["C1", "--attribute", "spend"],
        "error: no attribute is named 'spend': did you mean 'spent'?\n",
    );
}

/// The answer must be what the engine says of everyone in its outputs.
#[test]
fn whatever_is_asked_the_answer_agrees_with_the_outputs_of_a_run() {
    let folder = shop();
    let spec = folder.path().join("shop.yaml");
    let run = selfsame_in(folder.path(), &["run", "shop.yaml", "--clock", NOW, "--until-end"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let lines = std::fs::read_to_string(folder.path().join("out/profiles.ndjson")).expect("text");
    let mut profiles = std::collections::BTreeMap::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let person = record["key"].as_str().expect("text").to_owned();
        profiles.insert(person, record["value"].clone());
    }
    profiles.retain(|_, profile| !profile.is_null());
    assert_eq!(profiles.len(), 11);
    let clock: Clock = NOW.parse().expect("a clock");
    let ask = |id: &str, question: Question| {
        let plan = definition::load(&spec).expect("it is well");
        let answer = why(AllRows::of_sources(plan, clock).expect("sources"), true, id, &question)
            .expect("an answer");
        serde_json::to_value(&answer).expect("JSON")
    };
    for (person, profile) in profiles {
        let told = ask(&person, Question::Person);
        assert_eq!(told["person"], person);
        let mut identifiers = json!({});
        for of in told["identifiers"].as_array().expect("a list") {
            let kind = of["type"].as_str().expect("text");
            if identifiers.get(kind).is_none() {
                identifiers[kind] = json!([]);
            }
            identifiers[kind].as_array_mut().expect("a list").push(of["value"].clone());
        }
        assert_eq!(identifiers, profile["identifiers"], "{person}");
        for (name, value) in profile["attributes"].as_object().expect("an object") {
            let told = ask(&person, Question::Attribute(name.clone()));
            assert_eq!(told["value"], *value, "{person} {name}");
        }
        for segment in ["spenders", "quiet_spenders", "lately", "hot", "best"] {
            let told = ask(&person, Question::Segment(segment.to_owned()));
            let is_in = profile["segments"].as_array().expect("a list").contains(&json!(segment));
            assert_eq!(told["is_in"], is_in, "{person} {segment}");
            assert_eq!(told["terms"]["value"] == json!(true), is_in, "{person} {segment}");
        }
    }
}

/// A run's outputs, and then a purchase that it has not read.
#[test]
fn beside_the_answer_stands_what_the_outputs_say() {
    let folder = shop();
    let selfsame = |arguments: &[&str]| {
        let output = selfsame_in(folder.path(), arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let published = |question: &[&str]| {
        let options = ["why", "--spec", "shop.yaml", "--clock", NOW, "--json"];
        let answer: Value =
            serde_json::from_str(&selfsame(&[&options, question].concat())).expect("JSON");
        match question.len() {
            2 => json!([answer["one"]["published"], answer["other"]["published"]]),
            _ => answer["published"].clone(),
        }
    };
    assert_eq!(published(&["C1"]), Value::Null);
    selfsame(&["run", "shop.yaml", "--clock", NOW, "--until-end"]);
    let at = "2025-07-01T00:00:00.000Z";
    let ada = person("customer:C1");
    let same = json!({"person": ada, "at": at, "differs": []});
    assert_eq!(published(&["C1"]), same);
    assert_eq!(published(&["laptop", "tablet"]), json!([same, same]));
    for (option, name) in [
        ("--segment", "spenders"),
        ("--segment", "hot"),
        ("--attribute", "spent"),
        ("--attribute", "name"),
        ("--attribute", "rfm"),
    ] {
        assert_eq!(published(&["C1", option, name]), same, "{name}");
    }

    let path = folder.path().join("web.ndjson");
    let rows = std::fs::read_to_string(&path).expect("text");
    let more = r#"{"email": "finn@example.com", "customer": "C8", "at": "2025-06-29T00:00:00Z", "amount": 500}"#;
    std::fs::write(&path, format!("{rows}{more}\n")).expect("written");
    let finn = person("email:finn@example.com");
    let differs = |question: &[&str]| published(question)["differs"].clone();
    let otherwise = format!("the person is {finn}");
    assert_eq!(differs(&["finn@example.com"]), json!([otherwise, "without customer:C8"]));
    assert_eq!(
        differs(&["finn@example.com", "--segment", "spenders"]),
        json!([otherwise, "they are not in spenders"])
    );
    assert_eq!(
        differs(&["finn@example.com", "--attribute", "spent"]),
        json!([otherwise, "spent is 20.00"])
    );
    assert_eq!(differs(&["C8"]), json!(["nobody is customer:C8"]));
    let told = selfsame(&["why", "--spec", "shop.yaml", "--clock", NOW, "finn@example.com"]);
    let end = format!(
        "\npublished\n  otherwise, at {at}\n    {otherwise}\n    without customer:C8\n  a run may not \
         have come so far, have another clock, or have known rows that are gone\n"
    );
    assert!(told.ends_with(&end), "{told}");

    std::fs::write(folder.path().join("out/profiles.ndjson"), "{}\n").expect("written");
    let told = selfsame(&["why", "--spec", "shop.yaml", "--clock", NOW, "C1"]);
    let end = "\npublished\n  not known: 'out/profiles.ndjson', line 1, is no record of a changelog: \
               missing field `output` at line 1 column 2\n";
    assert!(told.ends_with(end), "{told}");
}

/// A record that comes later changes what one element of a row says: the other one says what it said.
#[test]
fn an_element_still_carries_its_link_when_another_ones_record_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("room");
    };
    write(
        "orders.ndjson",
        r#"{"id": "0", "device": "c", "items": [{"mail": "d", "sku": "5"}, {"mail": "b", "sku": "0"}]}"#,
    );
    write("products.ndjson", r#"{"sku": "5", "title": "Hat"}"#);
    write(
        "shop.yaml",
        "
name: shop
sources:
  orders:
    files: orders.ndjson
    kind: events
    id: id
    unnest: items
    fields: {id: text, device: text, mail: {type: text, path: items.mail}, sku: {type: text, path: items.sku}}
    join: {products: sku}
  products: {files: products.ndjson, kind: records, key: sku, fields: {sku: text, title: text}}
identity:
  mail: {from: {orders: mail}}
  device: {from: {orders: device}}
attributes:
  titles: {from: orders, select: array_agg(distinct title)}
outputs:
  profiles: {files: out.ndjson}
",
    );
    let output = selfsame_in(folder.path(), &["why", "mail:b", "--spec", "shop.yaml", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let links = answer["links"].as_array().expect("a list").iter();
    let links: Vec<_> = links.map(|link| (&link["one"], &link["of"])).collect();
    assert_eq!(links, [(&json!("mail:b"), &json!(1)), (&json!("mail:d"), &json!(1))], "{answer:#}");
}
