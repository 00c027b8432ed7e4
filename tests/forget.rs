//! Who is forgotten is in no file of the data folder any more, and in no output but as gone.

mod held;
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use held::texts;
use program::{Running, free_addresses, records, selfsame};

const DEFINITION: &str = "
data: data
sources:
  web:
    files: web.ndjson
    kind: events
    id: id
    fields: {id: text, user: text, email: text, cookie: text}
  crm:
    files: crm.csv
    format: csv
    kind: records
    key: user
    fields: {user: text, email: text, name: text}
identity:
  user: {from: {crm: user, web: user}, at_most: 1}
  email: {from: {crm: email, web: email}, normalize: lower(trim(value))}
  cookie: {from: {web: cookie}}
attributes:
  visits: {from: web, select: count(*)}
outputs:
  profiles: {files: out/profiles.ndjson}
  identities: {files: out/identities.ndjson}
";

const RUN: [&str; 4] = ["run", "shop.yaml", "--until-end", "--quiet"];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.yaml"), DEFINITION).expect("it is written");
    let mut web = String::new();
    for row in 0..400 {
        let user = row % 40;
        web.push_str(&format!(
            "{{\"id\":\"e{row}\",\"user\":\"user-{user:03}\",\"email\":\" Mail{user:03}@Example.com\",\"cookie\":\"cookie-{:03}\"}}\n",
            row % 80
        ));
    }
    fs::write(folder.path().join("web.ndjson"), web).expect("it is written");
    let crm: String =
        (0..40).map(|user| format!("user-{user:03},mail{user:03}@example.com,Name\n")).collect();
    fs::write(folder.path().join("crm.csv"), format!("user,email,name\n{crm}"))
        .expect("it is written");
    folder
}

#[test]
fn nothing_of_who_is_forgotten_is_left() {
    let folder = folder();
    let folder = folder.path();
    selfsame(folder, &RUN).well();
    // One run's rows are still in a log, as a kill leaves them.
    let more = "{\"id\":\"later\",\"user\":\"user-007\",\"email\":\"mail007@example.com\",\"cookie\":\"cookie-new\"}\n";
    let web = folder.join("web.ndjson");
    fs::write(&web, fs::read_to_string(&web).expect("a file") + more).expect("it is written");
    let mut run = Running::start(folder, &["run", "shop.yaml", "--follow", "--quiet"]);
    let identities = folder.join("out/identities.ndjson");
    run.until("it has read on", |_| {
        fs::read_to_string(&identities).is_ok_and(|text| text.contains("cookie-new"))
    });
    run.signal("KILL");
    run.end();
    let before = texts(&folder.join("data"));
    let marks = ["user-007", "mail007@example.com", "cookie-007", "cookie-047", "cookie-new"];
    marks.iter().for_each(|mark| assert!(before.contains(mark), "{mark} is there"));

    let dry =
        selfsame(folder, &["forget", "cookie-new", "--spec", "shop.yaml", "--dry-run"]).well();
    assert!(dry.contains("12 stored rows would be removed\n  crm: 1\n  web: 11\n"), "{dry}");
    assert!(dry.contains("user:user-007, email:mail007@example.com, cookie:cookie-007"), "{dry}");
    let told =
        selfsame(folder, &["forget", "cookie-new", "--spec", "shop.yaml", "--suppress"]).well();
    assert!(told.contains("12 stored rows are removed"), "{told}");
    let after = texts(&folder.join("data"));
    marks.iter().for_each(|mark| assert!(!after.contains(mark), "{mark} is left"));
    assert!(
        after.contains("user-008") && after.contains("cookie-088") == before.contains("cookie-088")
    );

    // What comes with one of the identifiers again is dropped, and outputs have the person as gone.
    let again = "{\"id\":\"again\",\"user\":\"user-007\",\"email\":\"other@example.com\",\"cookie\":\"c\"}\n";
    fs::write(&web, fs::read_to_string(&web).expect("a file") + again).expect("it is written");
    let summary = selfsame(folder, &["run", "shop.yaml", "--until-end"]).well();
    assert!(summary.contains("39"), "{summary}");
    let mut last = std::collections::BTreeMap::new();
    for record in
        records(&identities).into_iter().chain(records(&folder.join("out/profiles.ndjson")))
    {
        last.insert((record.output, record.key), record.value);
    }
    let held: Vec<_> = last.iter().filter(|(_, value)| value.is_some()).collect();
    assert_eq!(held.iter().filter(|((output, _), _)| output == "profiles").count(), 39);
    for mark in marks {
        assert!(held.iter().all(|((_, key), value)| {
            !key.contains(mark) && !value.as_ref().is_some_and(|value| value.contains(mark))
        }));
    }
    assert!(!texts(&folder.join("data")).contains("user-007"));
    let nobody = selfsame(folder, &["forget", "user:user-007", "--spec", "shop.yaml"]).badly();
    assert!(nobody.contains("nobody is known by it"), "{nobody}");
}

#[test]
fn who_has_no_rows_yet_is_kept_out_and_the_list_is_missed_where_it_has_gone() {
    let folder = folder();
    let folder = folder.path();
    let forget = |more: &[&str]| {
        selfsame(folder, &[&["forget", "user:user-new", "--spec", "shop.yaml"], more].concat())
    };
    // A folder that nobody stores in is not made.
    let nowhere = forget(&["--data", "dta", "--suppress"]).badly();
    assert!(nowhere.contains("'dta' is no data folder"), "{nowhere}");
    assert!(!folder.join("dta").exists());

    selfsame(folder, &RUN).well();
    let told = forget(&["--suppress"]).well();
    assert!(told.contains("nobody is known by 'user:user-new' now"), "{told}");
    let web = folder.join("web.ndjson");
    let append = |text: &str| {
        let before = fs::read_to_string(&web).expect("a file");
        fs::write(&web, before + text).expect("it is written");
    };
    append("{\"id\":\"n1\",\"user\":\"user-new\",\"cookie\":\"c\"}\n");
    selfsame(folder, &RUN).well();
    assert!(!texts(&folder.join("data")).contains("user-new"));
    assert!(!texts(&folder.join("out")).contains("user-new"));

    // An engine that runs does so too.
    let mut run = Running::start(folder, &["run", "shop.yaml", "--follow", "--quiet"]);
    run.until("it listens", |_| folder.join("data/control.sock").exists());
    let told =
        selfsame(folder, &["forget", "user:user-other", "--spec", "shop.yaml", "--suppress"]);
    assert!(told.well().contains("dropped from now on"));
    append("{\"id\":\"n2\",\"user\":\"user-other\"}\n{\"id\":\"n3\",\"user\":\"user-last\"}\n");
    run.until("it has read on", |_| texts(&folder.join("out")).contains("user-last"));
    run.signal("TERM");
    run.end().well();
    assert!(!texts(&folder.join("data")).contains("user-other"));

    let list = folder.join("data/suppressed.json");
    let altered = fs::read_to_string(&list).expect("a list").replacen("[\"", "[\"0", 1);
    fs::write(&list, altered).expect("it is written");
    let told = selfsame(folder, &RUN).badly();
    assert!(told.contains("suppressed.json' is not what was written"), "{told}");
    fs::remove_file(&list).expect("it is deleted");
    let told = selfsame(folder, &RUN).badly();
    assert!(told.contains("suppressed.json' is not what was written: it is not there"), "{told}");
}

/// What of outputs' keys holds.
fn held(folder: &Path) -> Vec<(String, String)> {
    let mut last = std::collections::BTreeMap::new();
    for name in ["profiles", "identities"] {
        for record in records(&folder.join(format!("out/{name}.ndjson"))) {
            last.insert((record.output, record.key), record.value.is_some());
        }
    }
    last.into_iter().filter(|(_, holds)| *holds).map(|(key, _)| key).collect()
}

const MARKS: [&str; 3] = ["user-007", "mail007@example.com", "cookie-007"];

/// Two processes of a run in the folder, the second or the first of which ends at a point.
fn two(folder: &Path, fault: Option<(usize, &str)>) -> [Running; 2] {
    fs::write(folder.join("hosts"), free_addresses(2).join("\n")).expect("it is written");
    for socket in ["data/control.sock", "data/control-1.sock"] {
        // One that was killed left it.
        let _ = fs::remove_file(folder.join(socket));
    }
    let point = fault.map(|(_, point)| format!("{point}:1")).unwrap_or_default();
    let mut both = [0, 1].map(|process| {
        let number = process.to_string();
        let run = ["run", "shop.yaml", "--follow", "--hosts", "hosts", "--process", &number];
        let is_it = fault.is_some_and(|(of, _)| of == process);
        let environment = [("SELFSAME_FAULT", point.as_str())];
        Running::start_with(folder, &run, if is_it { &environment } else { &[] })
    });
    let identities = folder.join("out/identities.ndjson");
    both[0].until("it has read", |_| {
        fs::read_to_string(&identities).is_ok_and(|text| text.contains("user-039"))
    });
    both[1].until("it listens", |_| folder.join("data/control-1.sock").exists());
    both
}

#[test]
fn an_engine_of_two_processes_forgets_a_person_and_goes_on() {
    for asked in ["control.sock", "control-1.sock"] {
        let folder = folder();
        let folder = folder.path();
        let mut both = two(folder, None);
        let all = |folder: &Path| texts(&folder.join("data")) + &texts(&folder.join("out"));
        MARKS.iter().for_each(|mark| assert!(all(folder).contains(mark), "{mark} is there"));
        if asked == "control-1.sock" {
            fs::remove_file(folder.join("data/control.sock")).expect("it is there");
        }
        let ask = ["forget", "user:user-007", "--spec", "shop.yaml"];
        let dry = selfsame(folder, &[&ask[..], &["--dry-run"]].concat()).well();
        assert!(dry.contains("11 stored rows would be removed\n  crm: 1\n  web: 10\n"), "{dry}");
        let told = selfsame(folder, &[&ask[..], &["--suppress"]].concat()).well();
        assert!(told.contains("11 stored rows are removed\n  crm: 1\n  web: 10\n"), "{told}");
        assert!(told.contains("1 record is removed from the file of output profiles"), "{told}");
        let left = all(folder);
        MARKS.iter().for_each(|mark| assert!(!left.contains(mark), "{mark} is left"));
        assert!(left.contains("user-008"));

        let web = folder.join("web.ndjson");
        let more = "{\"id\":\"x1\",\"user\":\"user-007\",\"cookie\":\"c\"}\n{\"id\":\"x2\",\"user\":\"user-new\"}\n";
        fs::write(&web, fs::read_to_string(&web).expect("a file") + more).expect("it is written");
        let identities = folder.join("out/identities.ndjson");
        both[1].until("it has read on", |_| {
            fs::read_to_string(&identities).is_ok_and(|text| text.contains("user-new"))
        });
        both[0].signal("TERM");
        for running in both {
            running.end().well();
        }
        assert!(!all(folder).contains("user-007"));
        let before = held(folder);
        fs::remove_dir_all(folder.join("out")).expect("it is deleted");
        selfsame(folder, &RUN).well();
        assert_eq!(held(folder), before);
    }
}

#[test]
fn whoever_ends_while_a_person_is_forgotten_the_next_start_finishes_what_was_begun() {
    let of_first = ["room made", "erasure begun", "rows removed", "decided"].map(|of| (0, of));
    let of_second = ["room made", "outputs opened", "taken over"].map(|of| (1, of));
    for (number, (process, point)) in of_first.into_iter().chain(of_second).enumerate() {
        let folder = folder();
        let folder = folder.path();
        let both = two(folder, Some((process, point)));
        let asked =
            selfsame(folder, &["forget", "user:user-007", "--spec", "shop.yaml", "--suppress"]);
        let what = format!("{point} of process {process}");
        let said = asked.badly();
        let tells = match point {
            "erasure begun" | "rows removed" => {
                "which is noted: whatever uses the folder next finishes"
            }
            _ => "either nothing of the person has left yet, or all has",
        };
        assert!(
            process > 0 || (said.contains(tells) && !said.contains("definition")),
            "{what}: {said}"
        );
        for running in both {
            assert!(!running.end().status.success(), "{what}");
        }
        match number % 2 {
            0 => drop(selfsame(folder, &RUN).well()),
            _ => {
                let both = two(folder, None);
                both[1].signal("TERM");
                for running in both {
                    running.end().well();
                }
            }
        }
        let is_begun = point != "room made";
        for mark in MARKS {
            // Whoever was there as the rows left is told as gone.
            let left = texts(&folder.join("data")).contains(mark)
                || held(folder).iter().any(|(_, key)| key.contains(mark));
            assert_eq!(left, !is_begun, "{what}: {mark}");
        }
        let before = held(folder);
        fs::remove_dir_all(folder.join("out")).expect("it is deleted");
        selfsame(folder, &RUN).well();
        assert_eq!(held(folder), before, "{what}");
    }
}

#[test]
fn an_engine_that_runs_forgets_a_person_and_goes_on() {
    let folder = folder();
    let folder = folder.path();
    let web = folder.join("web.ndjson");
    let append = |text: &str| {
        let before = fs::read_to_string(&web).expect("a file");
        fs::write(&web, before + text).expect("it is written");
    };
    append("{\"id\":\"bad\",\"user\":\"user-007\",\"amount\":\n");
    let mut run = Running::start(folder, &["run", "shop.yaml", "--follow", "--quiet"]);
    let identities = folder.join("out/identities.ndjson");
    run.until("it has read", |_| {
        fs::read_to_string(&identities).is_ok_and(|text| text.contains("user-039"))
    });
    let marks = ["user-007", "mail007@example.com", "cookie-007"];
    let all = |folder: &Path| texts(&folder.join("data")) + &texts(&folder.join("out"));
    marks.iter().for_each(|mark| assert!(all(folder).contains(mark), "{mark} is there"));
    let ask = ["forget", "user:user-007", "--spec", "shop.yaml"];
    let dry = selfsame(folder, &[&ask[..], &["--dry-run"]].concat()).well();
    assert!(dry.contains("would be removed"), "{dry}");
    marks.iter().for_each(|mark| assert!(all(folder).contains(mark), "{mark} is there yet"));
    let told = selfsame(folder, &[&ask[..], &["--suppress"]].concat()).well();
    assert!(told.contains("1 record is removed from the file of output profiles"), "{told}");
    assert!(!told.contains("start the run again"), "{told}");
    let left = all(folder);
    marks.iter().for_each(|mark| assert!(!left.contains(mark), "{mark} is left"));
    assert!(left.contains("user-008"));

    // It goes on, and what comes with one of the identifiers is dropped.
    append(
        "{\"id\":\"x1\",\"user\":\"user-007\",\"cookie\":\"c\"}\n{\"id\":\"x2\",\"user\":\"user-new\"}\n",
    );
    run.until("it has read on", |_| {
        fs::read_to_string(&identities).is_ok_and(|text| text.contains("user-new"))
    });
    run.signal("TERM");
    run.end().well();
    assert!(!all(folder).contains("user-007"));
    // What is there is what a run comes to of the rows that are left.
    let before = held(folder);
    fs::remove_dir_all(folder.join("out")).expect("it is deleted");
    selfsame(folder, &["run", "shop.yaml", "--until-end", "--quiet"]).well();
    assert_eq!(held(folder), before);
}

/// Rows that say that a record is gone, that do not count, or that are none any more: they name people, too.
const NOT_STANDING: &str = "
data: data
sources:
  crm:
    files: crm-*.ndjson
    kind: records
    key: card
    deleted: status = 'gone'
    where: status <> 'draft'
    derive: {address: lower(mail)}
    fields: {card: text, mail: text, status: text, note: text, points: integer}
  web:
    files: web-*.ndjson
    kind: events
    id: id
    unnest: items
    where: item <> 'none'
    fields:
      id: text
      cookie: text
      item: {type: text, path: items.item}
      email: {type: text, path: items.email}
identity:
  email: {from: {crm: address, web: email}}
  cookie: {from: {web: cookie}}
attributes:
  cards: {from: crm, select: count(*)}
outputs:
  profiles: {files: out/profiles.ndjson}
  rejects: {files: out/rejects.ndjson}
";

#[test]
fn rows_that_do_not_stand_are_forgotten_with_their_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let write = |name: &str, lines: &[&str]| {
        fs::write(folder.join(name), lines.join("\n") + "\n").expect("it is written");
    };
    write("shop.yaml", &[NOT_STANDING]);
    let crm = [
        r#"{"card":"c1","mail":"Ada@x.org","status":"in"}"#,
        r#"{"card":"c2","mail":"ADA@x.org","status":"draft"}"#,
        r#"{"card":"c3","mail":"ada@x.org","status":"gone"}"#,
        r#"{"card":"c4","mail":"bob@x.org","status":"in"}"#,
        r#"{"card":"c5","mail":"ada@x.org","status":"in"}"#,
    ];
    write("crm-1.ndjson", &crm);
    let web = [
        r#"{"id":"web-row-1","items":[{"item":"none","email":"ada@x.org"},{"item":"a","email":"bob@x.org"}]}"#,
        r#"{"id":"web-row-2","items":[{"item":"b","email":"ada@x.org"}]}"#,
        r#"{"id":"web-row-3","items":[{"item":"a","email":"bob@x.org"}]}"#,
    ];
    write("web-1.ndjson", &web);
    selfsame(folder, &RUN).well();
    write("crm-2.ndjson", &[r#"{"card":"c5","mail":"bob@x.org","status":"in"}"#]);
    selfsame(folder, &RUN).well();
    let gone = [
        r#"{"card":"c1","status":"gone","note":"her secret"}"#,
        r#"{"card":"c5","status":"gone","note":"his note"}"#,
    ];
    write("crm-3.ndjson", &gone);
    selfsame(folder, &RUN).well();
    // By now a row counts no more that is stored.
    write("shop.yaml", &[&NOT_STANDING.replace("'none'", "'none' and item <> 'b'")]);

    let forget = |more: &[&str]| {
        let ask = [&["forget", "email:ada@x.org", "--spec", "shop.yaml"], more].concat();
        selfsame(folder, &ask).well()
    };
    let dry = forget(&["--dry-run"]);
    assert!(dry.contains("7 stored rows would be removed\n  crm: 5\n  web: 2\n"), "{dry}");
    let told = forget(&["--suppress"]);
    assert!(told.contains("7 stored rows are removed\n  crm: 5\n  web: 2\n"), "{told}");
    let left = texts(&folder.join("data"));
    ["ada@", "secret", "web-row-1"].iter().for_each(|mark| assert!(!left.contains(mark), "{mark}"));
    // What is gone of somebody else stays gone.
    assert!(left.contains("his note") && left.contains("web-row-3"));
    selfsame(folder, &RUN).well();
    let profiles = texts(&folder.join("out"));
    let last = profiles.lines().rfind(|line| line.contains("bob@x.org")).expect("Bob is there");
    assert!(last.contains("\"cards\":1"), "{last}");

    // What comes later and names who is suppressed is dropped, whether it would stand or not.
    let later = [
        r#"{"card":"c6","mail":"ada@x.org","status":"gone"}"#,
        r#"{"card":"c7","mail":"Ada@x.org","status":"draft"}"#,
        r#"{"card":"c8","mail":"ada@x.org","status":"in","points":"many"}"#,
        r#"{"card":"c9","mail":"cleo@x.org","status":"in","points":"more"}"#,
    ];
    write("crm-4.ndjson", &later);
    write("web-2.ndjson", &[&web[0].replace("row-1", "row-4")]);
    let summary = selfsame(folder, &["run", "shop.yaml", "--until-end"]).well();
    assert!(!texts(&folder.join("data")).contains("ada@"), "{summary}");
    let rejects = fs::read_to_string(folder.join("out/rejects.ndjson")).expect("rejects");
    assert!(rejects.contains("cleo@") && !rejects.to_lowercase().contains("ada@"), "{rejects}");
}

/// Rejects have rows as their sources wrote them: escaped, not normalised, or torn.
const WRITTEN: &str = "
data: data
sources:
  web: {files: web.ndjson, kind: events, id: id, fields: {id: text, email: text, phone: text, n: integer}}
  shop: {files: shop.csv, format: csv, delimiter: ';', kind: records, key: id, fields: {id: text, phone: text, n: integer}}
identity:
  email: {from: {web: email}, normalize: lower(clean(value))}
  phone: {from: {web: phone, shop: phone}, normalize: \"nullif(regexp_replace(value, '[^0-9+]', '', 'g'), '')\"}
attributes:
  rows: {from: web, select: count(*)}
outputs:
  profiles: {files: out/profiles.ndjson}
  rejects: {files: out/rejects.ndjson}
  table: {files: out/table.csv, publish: rejects, format: csv}
";

#[test]
fn rejects_leave_however_they_write_who_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("it is written");
    write("shop.yaml", WRITTEN);
    write(
        "web.ndjson",
        r#"{"id":"1","email":"Ada.Love@X.org","phone":"+49 (170) 555-0001","n":1}
{"id":"gone2","phone":"+49 (170) 555-0001","n":"bad"}
{"id":"gone3","email":"ada.love\u0040x.org","n":"bad"}
{"id":"gone4","email":"ADA.LOVE@X.ORG","n":"bad"}
{"id":"gone5","phone":"+49 170 / 555 00 01","n":"bad"}
{"id":"gone6","email":"ada.love\u0040x.org" "n":1}
{"id":"gone7" "phone":"+49 (170) 555-0001","n":1
{"id":"stays1","phone":"+49 (170) 555-0002","n":"bad"}
{"id":"stays2","email":"bada.love@x.org","n":"bad"}
{"id":"stays3" "email":"love@x.org"}
"#,
    );
    write(
        "shop.csv",
        "id;phone;n\ngone8;+49170 5550001;bad\ngone9;\"+49170 5550001\";bad\nstays4;+49170 5550003;bad\n",
    );
    selfsame(folder, &RUN).well();
    let marks = |text: &str| {
        let all = (1..10).flat_map(|of| [format!("gone{of}"), format!("stays{of}")]);
        all.filter(|mark| text.contains(mark)).collect::<Vec<_>>()
    };
    let files = ["out/rejects.ndjson", "out/table.csv"].map(|of| folder.join(of));
    let told = || files.each_ref().map(|of| marks(&fs::read_to_string(of).expect("rejects")));
    assert_eq!(told().map(|all| all.len()), [12, 12]);
    selfsame(folder, &["forget", "email:ada.love@x.org", "--spec", "shop.yaml"]).well();
    let stays = (1..5).map(|of| format!("stays{of}")).collect::<Vec<_>>();
    assert_eq!(told(), [stays.clone(), stays]);
    let left = texts(&folder.join("data")) + &texts(&folder.join("out"));
    assert!(!left.contains("555-0001") && left.contains("555-0002"));
}

#[test]
fn the_list_of_whose_rows_are_dropped_says_of_nobody_that_they_are_in_it() {
    let folder = folder();
    let folder = folder.path();
    selfsame(folder, &RUN).well();
    let person = |id: &str, more: &[&str]| {
        let ask = [&["forget", id, "--spec", "shop.yaml", "--json"], more].concat();
        let said: serde_json::Value =
            serde_json::from_str(&selfsame(folder, &ask).well()).expect("JSON");
        let id = said["person"].as_str().expect("somebody has it");
        id.strip_prefix("p_").expect("a person's id is a hash").to_owned()
    };
    let list = folder.join("data/suppressed.json");
    let key = folder.join("data/suppressed-key.json");
    let read = |path: &Path| fs::read_to_string(path).expect("a file");
    let forgotten = person("user:user-007", &["--suppress"]);
    assert!(!read(&list).contains(&forgotten));
    let mode = fs::metadata(&key).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Earlier versions had no key.
    let before = person("user:user-008", &["--dry-run"]);
    fs::remove_file(&key).expect("it is deleted");
    fs::write(&list, format!("{{\"identifiers\":[\"{before}\"]}}")).expect("it is written");
    selfsame(folder, &["forget", "user:user-008", "--spec", "shop.yaml"]).well();
    let web = folder.join("web.ndjson");
    let later = "{\"id\":\"x1\",\"user\":\"user-008\",\"email\":\"mail008@example.com\"}\n{\"id\":\"x2\",\"user\":\"user-new\"}\n";
    fs::write(&web, read(&web) + later).expect("it is written");
    selfsame(folder, &RUN).well();
    let stored = texts(&folder.join("data"));
    assert!(stored.contains("user-new") && !stored.contains("user-008"));
    assert!(!read(&list).contains(&before) && key.exists());

    let whole = read(&key);
    fs::remove_file(&key).expect("it is deleted");
    let told = selfsame(folder, &RUN).badly();
    assert!(
        told.contains("suppressed-key.json' is not what was written: it is not there"),
        "{told}"
    );
    let other = format!("{{\"key\":\"{}\"}}", "0".repeat(64));
    fs::write(&key, other).expect("it is written");
    let told = selfsame(folder, &RUN).badly();
    assert!(told.contains("it is not the key of `suppressed.json`"), "{told}");
    fs::write(&key, whole).expect("it is written");
    selfsame(folder, &RUN).well();
}
