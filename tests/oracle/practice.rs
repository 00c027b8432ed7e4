//! What happens to identifiers in practice, from the rows to the changelogs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use selfsame::internals::runtime::Clock;

use crate::oracle::check::{Case, plan};
use crate::oracle::script::{Delivery, Script, Tick};

const DEFINITION: &str = "
sources:
  crm:
    files: crm.ndjson
    kind: records
    key: id
    time: at
    deleted: gone
    fields: {id: text, at: timestamp, gone: boolean, customer: text, email: text, device: text}
  web:
    files: web.ndjson
    kind: events
    time: at
    join: {feeds: feed}
    fields: {at: timestamp, customer: text, email: text, device: text,
             feed: {type: text, default: web}}
    where: feeds.feed is not null
  feeds:
    files: feeds.ndjson
    kind: records
    key: feed
    deleted: gone
    fields: {feed: text, gone: boolean}
  rulings:
    files: rulings.ndjson
    kind: records
    key: id
    deleted: gone
    fields: {id: text, gone: boolean, one: text, other: text, verdict: text}
identity:
  customer: {from: {crm: customer, web: customer}, at_most: 1}
  email: {from: {crm: email, web: email}}
  device: {from: {crm: device, web: device}, shared_after: 5}
  decisions: {from: rulings, one: one, other: other, verdict: verdict}
outputs:
  profiles: {files: profiles.ndjson}
  conflicts: {files: conflicts.ndjson}
  rejects: {files: rejects.ndjson}
";

/// The state of all outputs after each tick.
#[derive(Debug, PartialEq)]
struct State(BTreeMap<(String, String), Value>);

/// Runs ticks of rows, each with the source that it is of, and takes all of them back in the end.
fn run(ticks: Vec<Vec<(&str, Value)>>) -> Vec<State> {
    let plan = plan(DEFINITION);
    let source = |wanted: &str| plan.sources.iter().position(|source| source.name == wanted);
    let ticks = ticks.into_iter().zip(0u32..).map(|(mut rows, part)| {
        if part == 0 {
            rows.push(("feeds", json!({"feed": "web"})));
        }
        let mut lines: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
        for (of, row) in rows {
            lines.entry(source(of).expect("the definition names it")).or_default().push(row);
        }
        let rows = lines.into_iter().flat_map(|(source, lines)| {
            lines.into_iter().zip(1..).map(move |(line, offset)| Delivery {
                source,
                part,
                offset,
                timestamp: None,
                key: None,
                header: None,
                payload: Some(line.to_string()),
                joined: offset > 1,
            })
        });
        Tick { reading: 1_700_000_000_000_000, rows: rows.collect() }
    });
    let script = Script { ticks: ticks.collect() };
    let case = Case { yaml: DEFINITION.to_owned(), plan, clock: Clock::Wall, script };
    let mut state = BTreeMap::new();
    let sent = case.ends_with_nothing().into_iter();
    sent.map(|records| {
        for record in records {
            let output = case.plan.outputs[usize::from(record.output)].name.clone();
            match record.value {
                Some(value) => {
                    let value = serde_json::from_str(&value).expect("JSON");
                    state.insert((output, record.key), value);
                }
                None => drop(state.remove(&(output, record.key))),
            }
        }
        State(state.clone())
    })
    .collect()
}

impl State {
    fn of(&self, wanted: &str) -> impl Iterator<Item = (&str, &Value)> {
        let wanted = wanted.to_owned();
        let of = self.0.iter().filter(move |((output, _), _)| *output == wanted);
        of.map(|((_, key), value)| (key.as_str(), value))
    }

    /// Each person's identifiers, as `type:value`.
    fn people(&self) -> BTreeSet<Vec<String>> {
        let identifiers = |(_, profile): (&str, &Value)| {
            let types = profile["identifiers"].as_object().expect("a mapping").clone();
            let values = types.into_iter().flat_map(|(kind, values)| {
                let values = values.as_array().expect("a list").clone();
                values.into_iter().map(move |value| format!("{kind}:{}", value.as_str().unwrap()))
            });
            values.collect()
        };
        self.of("profiles").map(identifiers).collect()
    }

    /// The keys of conflicts that begin so.
    fn conflicts(&self, kind: &str) -> Vec<&str> {
        self.of("conflicts").map(|(key, _)| key).filter(|key| key.starts_with(kind)).collect()
    }
}

/// The id of the person who is named after an identifier.
fn id(identifier: &str) -> String {
    let hash = blake3::hash(identifier.as_bytes()).to_hex();
    format!("p_{}", &hash[..32])
}

fn person(identifiers: &[&str]) -> Vec<String> {
    identifiers.iter().map(|identifier| (*identifier).to_owned()).collect()
}

fn people(people: &[&[&str]]) -> BTreeSet<Vec<String>> {
    people.iter().map(|identifiers| person(identifiers)).collect()
}

/// A customer's record; `at` in seconds.
fn customer(
    name: &str,
    at: i64,
    email: Option<&str>,
    device: Option<&str>,
) -> (&'static str, Value) {
    let at = at * 1_000;
    ("crm", json!({"id": name, "at": at, "customer": name, "email": email, "device": device}))
}

fn gone(name: &str, at: i64) -> (&'static str, Value) {
    ("crm", json!({"id": name, "at": at * 1_000, "gone": true}))
}

fn ruling(id: &str, one: &str, other: &str, verdict: &str) -> (&'static str, Value) {
    ("rulings", json!({"id": id, "one": one, "other": other, "verdict": verdict}))
}

#[test]
fn a_device_shared_by_10_000_accounts_links_nobody_until_few_share_it() {
    let names: Vec<String> = (0..10_000).map(|number| format!("c{number:05}")).collect();
    let all = names.iter().map(|name| customer(name, 1, None, Some("kiosk"))).collect();
    let most = names[1..].iter().map(|name| gone(name, 2)).collect();
    let states = run(vec![all, most]);
    assert_eq!(states[0].of("profiles").count(), 10_001);
    assert!(states[0].people().contains(&person(&["device:kiosk"])));
    let shared = &states[0].0[&("conflicts".to_owned(), "shared/device:kiosk".to_owned())];
    assert_eq!((&shared["by"], &shared["count"]), (&json!("customer"), &json!(10_000)));
    assert_eq!(states[1].people(), people(&[&["customer:c00000", "device:kiosk"]]));
    assert!(states[1].conflicts("shared").is_empty());
}

#[test]
fn an_email_of_a_family_is_whose_it_was_first() {
    let family = vec![
        customer("ada", 3, Some("we@home.org"), None),
        customer("ben", 2, Some("we@home.org"), None),
        customer("cleo", 4, Some("we@home.org"), None),
    ];
    let states = run(vec![family, vec![gone("ben", 5)], vec![gone("ada", 6), gone("cleo", 6)]]);
    let with = |owner: &str, others: &[&str]| {
        let mut all = people(&[&[owner, "email:we@home.org"]]);
        all.extend(others.iter().map(|other| person(&[other])));
        all
    };
    assert_eq!(states[0].people(), with("customer:ben", &["customer:ada", "customer:cleo"]));
    assert_eq!(
        states[0].conflicts("withheld"),
        ["withheld/customer:ada/email:we@home.org", "withheld/customer:cleo/email:we@home.org"]
    );
    assert_eq!(states[1].people(), with("customer:ada", &["customer:cleo"]));
    assert!(states[2].0.is_empty(), "all is taken back");
}

#[test]
fn a_test_account_used_by_the_whole_company_parts_nobody_from_their_device() {
    let employees: Vec<String> = (0..2_000).map(|number| format!("e{number:04}")).collect();
    let mut rows: Vec<(&str, Value)> = Vec::new();
    for employee in &employees {
        rows.push(customer(employee, 1, None, Some(&format!("laptop-{employee}"))));
    }
    let test = employees.iter().map(|employee| {
        let device = format!("laptop-{employee}");
        ("web", json!({"at": 2_000, "customer": "test", "device": device}))
    });
    let states = run(vec![rows, test.collect()]);
    let of = |employee: &String| {
        person(&[&format!("customer:{employee}"), &format!("device:laptop-{employee}")])
    };
    let mut expected: BTreeSet<_> = employees.iter().map(of).collect();
    assert_eq!(states[0].people(), expected);
    expected.insert(person(&["customer:test"]));
    assert_eq!(states[1].people(), expected);
    assert_eq!(states[1].conflicts("withheld").len(), 2_000);
}

/// The type has no `at_most`, so that one person may have two.
#[test]
fn accounts_that_an_agent_merged_are_parted_again_when_the_ruling_goes() {
    let rows = vec![
        ("web", json!({"at": "2023-02-01T00:00:00Z", "email": "ada@a.org", "device": "phone"})),
        ("web", json!({"at": "2023-01-01T00:00:00Z", "email": "ada@b.org", "device": "tablet"})),
    ];
    let taken_back = ("rulings", json!({"id": "r", "gone": true}));
    let states = run(vec![
        rows,
        vec![ruling("r", "email:ada@a.org", "email:ada@b.org", "same")],
        vec![taken_back],
    ]);
    let two: [&[&str]; 2] =
        [&["device:phone", "email:ada@a.org"], &["device:tablet", "email:ada@b.org"]];
    assert_eq!(states[0].people(), people(&two));
    let one: Vec<&str> = states[1].of("profiles").map(|(person, _)| person).collect();
    assert_eq!(one, [id("email:ada@b.org")], "whom a row saw first, though no ruling has a time");
    assert_eq!(states[2], states[0]);
}

#[test]
fn what_only_rulings_name_was_seen_after_all_that_rows_carry() {
    let row = ("web", json!({"at": "2023-02-01T00:00:00Z", "email": "ada@b.org"}));
    let taken_back = ("rulings", json!({"id": "r", "gone": true}));
    let states = run(vec![
        vec![ruling("r", "email:ada@a.org", "email:ada@b.org", "same")],
        vec![row],
        vec![("web", json!({"at": "2023-01-01T00:00:00Z", "email": "ada@a.org"}))],
        vec![taken_back],
    ]);
    let person = |state: &State| -> Vec<String> {
        state.of("profiles").map(|(person, _)| person.to_owned()).collect()
    };
    assert_eq!(person(&states[0]), [id("email:ada@a.org")], "by their own order");
    assert_eq!(person(&states[1]), [id("email:ada@b.org")]);
    assert_eq!(person(&states[2]), [id("email:ada@a.org")]);
    assert_eq!(states[3].people(), people(&[&["email:ada@a.org"], &["email:ada@b.org"]]));
}

#[test]
fn a_ruling_that_would_give_a_person_more_than_they_may_have_is_withheld() {
    let rows = || vec![customer("a", 1, None, Some("phone")), customer("b", 1, None, None)];
    let states = run(vec![rows(), vec![ruling("r", "customer:a", "customer:b", "same")]]);
    assert_eq!(states[1].people(), states[0].people());
    assert_eq!(states[1].conflicts("withheld"), ["withheld/customer:a/customer:b"]);
}

#[test]
fn two_whom_someone_keeps_apart_are_two_whatever_links_them() {
    let rows = vec![
        ("web", json!({"at": 1_000, "email": "one@x.org", "device": "phone"})),
        ("web", json!({"at": 2_000, "email": "two@x.org", "device": "phone"})),
    ];
    let states = run(vec![
        rows,
        vec![ruling("r", "email:one@x.org", "email:two@x.org", "different")],
        vec![ruling("s", "email:one@x.org", "email:two@x.org", "same")],
        vec![("rulings", json!({"id": "r", "gone": true}))],
        vec![("rulings", json!({"id": "s", "gone": true}))],
    ]);
    assert_eq!(states[0].people().len(), 1);
    let apart = people(&[&["device:phone", "email:one@x.org"], &["email:two@x.org"]]);
    assert_eq!(states[1].people(), apart);
    assert_eq!(states[1].conflicts("withheld"), ["withheld/email:two@x.org/device:phone"]);
    assert_eq!(states[2].people(), apart, "who keeps apart is heard first");
    assert_eq!(states[3].people().len(), 1);
    assert_eq!(states[4], states[0]);
}

#[test]
fn a_link_that_a_ruling_withholds_names_the_two_who_are_kept_apart_the_most_trusted_first() {
    let ruled = |id: &str, other: &str| ruling(id, "email:y@x.org", other, "different");
    let states = run(vec![
        vec![
            customer("a", 1, Some("x@x.org"), Some("phone")),
            ("web", json!({"at": 2_000, "email": "y@x.org", "device": "d"})),
            ruled("r", "device:phone"),
            ruled("s", "email:x@x.org"),
        ],
        vec![("web", json!({"at": 3_000, "email": "x@x.org", "device": "d"}))],
        vec![("rulings", json!({"id": "s", "gone": true}))],
        vec![("rulings", json!({"id": "r", "gone": true}))],
    ]);
    let decided = |state: usize| {
        let mut conflicts = states[state].of("conflicts");
        let withheld = conflicts.find(|(key, _)| key.starts_with("withheld/"));
        withheld.map(|(key, value)| (key.to_owned(), value["decided"].clone()))
    };
    let key = "withheld/email:x@x.org/device:d".to_owned();
    assert_eq!(decided(0), None);
    assert_eq!(decided(1), Some((key.clone(), json!(["email:x@x.org", "email:y@x.org"]))));
    assert_eq!(decided(2), Some((key, json!(["email:y@x.org", "device:phone"]))));
    assert_eq!(decided(3), None);
}

#[test]
fn a_ruling_must_name_two_identifiers_and_a_verdict() {
    let states = run(vec![
        vec![ruling("a", "email:one@x.org", "email:two@x.org", "maybe")],
        vec![ruling("b", "email:one@x.org", "shoe:42", "same")],
    ]);
    let codes = states.iter().map(|state| {
        let (_, reject) = state.of("rejects").next().expect("a reject");
        reject["reasons"][0]["code"].as_str().expect("a code").to_owned()
    });
    assert_eq!(codes.collect::<Vec<_>>(), ["wrong_type", "unidentified"]);
    assert!(states[1].people().is_empty());
}

#[test]
fn sources_that_disagree_are_told_until_they_agree() {
    let states = run(vec![
        vec![customer("c1", 1, Some("a@x.org"), None)],
        vec![("web", json!({"at": 2_000, "customer": "c1", "email": "b@x.org"}))],
        vec![customer("c1", 3, Some("b@x.org"), None)],
    ]);
    let key = "disagreement/crm/customer:c1/email/web";
    assert_eq!(states[0].conflicts("single_source").len(), 1);
    assert_eq!(states[1].conflicts(""), [key]);
    let told = &states[1].0[&("conflicts".to_owned(), key.to_owned())];
    assert_eq!((&told["says"], &told["other_says"]), (&json!(["a@x.org"]), &json!(["b@x.org"])));
    assert!(states[2].conflicts("").is_empty(), "repaired data empties the output");
}
