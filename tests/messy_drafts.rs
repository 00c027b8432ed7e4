//! `selfsame init` on whatever files there are: it ends with a word that names what is wrong, or writes a definition that
//! passes `check`, that a run takes to its end, and whose types fit the rows that it was drafted of.

mod program;
#[path = "../src/property.rs"]
mod property;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use program::outputs::{folded, values};
use program::selfsame;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// What columns and keys may be called: as definitions, YAML, SQL and paths have their own meaning for, too.
#[rustfmt::skip]
const NAMES: [&str; 56] = [
    "id", "email", "user_id", "customer", "Order ID", "a.b", "x[0]", "\"q\"", "it's", "'\"", "select",
    "time", "now", "group", "", "  lead ", "naïve", "имя", "名前", "#", "a#b", "a: b", "{x}", "[y]", "-",
    "1st", "null", "true", "key", "created_at", "date", "device_id", "phone", "status", "zone", "value",
    "session", "identifiers", "decisions", "at_most", "items", "at", "tab\tname", "a,b", "*", "&a", "!t",
    "@x", "`b`", "\\n", "${X", "${HOME}", "$", "~", "yes", "event_date",
];

#[rustfmt::skip]
const TEXTS: [&str; 52] = [
    "", "a", "1", "-1", "+1", "0", "1.5", ".5", "5.", "1e5", "007", "a@x.org", "b@y.org ", "2025-07-05",
    "2025-07-05T00:00:00Z", "2025-07-05 00:00:00+00:00", "2025-07-05T10:00:00.5", "05.07.2025 10:00",
    "5/7/2025 10:00", "1751710000", "1751710000000", "1751710000.25", "null", "true", "false", "NaN", "inf",
    "a\"b", "it's", "#c", "a,b", "a;b", "é", "\u{a0}", "\u{2028}", "a\nb", "999999999999999999999999999999",
    "0.1234567891234", "{\"a\":1}", "[1,2]", "Europe/Berlin", "deleted", "12:00", "+49 30 1234", "5%",
    "1,5", "-0", "2025-13-45", "c-1", "c-2", "u1", "u2",
];

/// All values of some columns are alike.
const DOMAINS: [&[&str]; 7] = [
    &TEXTS,
    &["u1", "u2", "u3"],
    &["a@x.org", "b@x.org"],
    &["2025-07-05T00:00:00Z", "2025-07-06T00:00:00Z"],
    &["1", "2", "3"],
    &["1751710000", "1751710001"],
    &[""],
];

#[rustfmt::skip]
const FILES: [&str; 14] = [
    "orders.csv", "users-1.csv", "users-2.csv", "my file.ndjson", "1.json", "ÄÖ.txt", "select.csv",
    "a*b.ndjson", "[z].csv", "user", "time.csv", "out.ndjson", "x.y.z", "${HOME}.csv",
];

#[rustfmt::skip]
fn odd_values() -> Vec<Value> {
    vec![
        json!(null), json!(true), json!(0), json!(-5), json!(1.5), json!(1e300),
        json!(12345678901234567890u64), json!([1, 2]), json!(["a"]), json!([null]), json!([]), json!({}),
        json!({"a": 1}), json!({"b": {"c": {"d": {"e": {"f": 1}}}}}), json!([{"sku": "a"}]), json!([[1]]),
        json!({"id": 3}), json!({"": 1}), json!({"a.b": 2}), json!({"'\"": 1}),
    ]
}

const NOBODY: &str = "no column of them seems to say who somebody is";
const NONE: &str = "none of these files can be read";

#[derive(Clone, Debug)]
struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<(&'static str, Index)>>,
    /// How the file is written, and which of its rows have something odd, in a hundred.
    odd: Vec<Index>,
}

fn table() -> impl Strategy<Value = Table> {
    let identified =
        select(vec![None, Some("user_id"), Some("email"), Some("id"), Some("customer")]);
    let names = (identified, prop::collection::vec(select(&NAMES[..]), 1..6));
    names.prop_flat_map(|(identified, names)| {
        let names: Vec<&str> = identified.into_iter().chain(names).collect();
        let cells: Vec<_> = names
            .iter()
            .map(|_| select(&DOMAINS[..]).prop_flat_map(|of| prop::collection::vec(select(of), 24)))
            .collect();
        let odd = prop::collection::vec(any::<Index>(), 40);
        (Just(names), cells, 0usize..24, prop::collection::vec(any::<Index>(), 240), odd).prop_map(
            |(names, cells, rows, odd_cells, odd)| {
                let rows = (0..rows).map(|row| {
                    let cell = |(at, of): (usize, &Vec<&'static str>)| {
                        (of[row], odd_cells[(row * 7 + at) % 240])
                    };
                    cells.iter().enumerate().map(cell).collect()
                });
                Table { names, rows: rows.collect(), odd }
            },
        )
    })
}

impl Table {
    fn one_in(&self, at: usize, number: usize) -> bool {
        self.odd[at].index(number) == 0
    }

    fn bytes(&self) -> Vec<u8> {
        let text = match self.odd[0].index(16) {
            0 => return self.odd.iter().map(|byte| byte.index(256) as u8).collect(),
            1 => return Vec::new(),
            2..8 => self.json(),
            _ => self.csv(),
        };
        let wide = || text.encode_utf16();
        let bytes: Vec<u8> = match self.odd[1].index(8) {
            0 => ["\u{feff}", &text].concat().into_bytes(),
            1 => [0xfeff].into_iter().chain(wide()).flat_map(u16::to_le_bytes).collect(),
            2 => wide().flat_map(u16::to_be_bytes).collect(),
            3 => text.chars().map(|of| u8::try_from(of).unwrap_or(b'?')).collect(),
            _ => text.into_bytes(),
        };
        let bytes = if self.one_in(2, 10) { bytes[..bytes.len() / 2].to_vec() } else { bytes };
        if !self.one_in(3, 6) {
            return bytes;
        }
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&bytes).expect("to memory");
        packed.finish().expect("to memory")
    }

    fn json(&self) -> String {
        let odd = odd_values();
        let object = |row: &Vec<(&'static str, Index)>| {
            let cell = |(name, (text, at)): (&&str, &(&str, Index))| match at.index(10) {
                0 => None,
                1 | 2 => Some(((*name).to_owned(), odd[at.index(odd.len() * 10) / 10].clone())),
                3 => Some(((*name).to_owned(), serde_json::from_str(text).unwrap_or(json!(text)))),
                _ => Some(((*name).to_owned(), json!(text))),
            };
            Value::Object(self.names.iter().zip(row).filter_map(cell).collect::<Map<_, _>>())
        };
        let objects: Vec<Value> = self.rows.iter().map(object).collect();
        match self.odd[4].index(4) {
            0 => serde_json::to_string_pretty(&objects).expect("JSON"),
            1 => serde_json::to_string(&objects).expect("JSON"),
            _ => objects.iter().map(|object| format!("{object}\n")).collect(),
        }
    }

    fn csv(&self) -> String {
        let delimiter = b",,,;\t|"[self.odd[4].index(6)];
        let mut writer =
            csv::WriterBuilder::new().flexible(true).delimiter(delimiter).from_writer(Vec::new());
        let mut write = |cells: Vec<&str>| writer.write_record(&cells).expect("to memory");
        if !self.one_in(5, 8) {
            write(self.names.clone());
        }
        for row in &self.rows {
            let mut cells: Vec<&str> = row.iter().map(|(text, _)| *text).collect();
            match row[0].1.index(24) {
                0 => cells.push("x"),
                1 if cells.len() > 1 => drop(cells.pop()),
                _ => {}
            }
            write(cells);
        }
        let text = String::from_utf8(writer.into_inner().expect("to memory")).expect("texts");
        let text = if self.one_in(6, 10) { format!("# a comment\n{text}") } else { text };
        if self.one_in(7, 12) { text.replace('\n', "\r") } else { text }
    }
}

/// Drafts a definition of what is in a folder, and takes it on to the end of a run.
fn taken(folder: &Path) -> Result<(), TestCaseError> {
    let said = selfsame(folder, &["init", "data", "-o", "draft.yaml"]);
    if !said.status.success() {
        let is_told = said.status.code() == Some(1) && said.err.contains("error: ");
        prop_assert!(is_told && !said.err.contains("mistake of this program"), "{:?}", said);
        return Ok(());
    }
    let yaml =
        std::fs::read_to_string(folder.join("draft.yaml")).expect("it says that it is written");
    let checked = selfsame(folder, &["check", "draft.yaml"]);
    prop_assert!(checked.status.success(), "{}\n{}", checked.err, yaml);
    let command: Vec<&str> =
        said.out.lines().last().expect("what to do").split_whitespace().skip(1).collect();
    let ran = selfsame(folder, &command);
    prop_assert!(ran.status.success(), "{}\n{}", ran.err, yaml);
    let records = program::records(&folder.join("out/rejects.ndjson")).into_iter();
    let rejects: Vec<Value> = records
        .map(|record| serde_json::from_str(&record.value.unwrap_or_default()).expect("JSON"))
        .collect();
    // Behind a quote that is not closed rows begin anew with the next line, which `init` takes for the rest of that one.
    let is_rest = |reject: &Value| {
        let place = &reject["position"];
        rejects.iter().any(|before| {
            before["reasons"][0]["code"] == "malformed"
                && before["position"]["file"] == place["file"]
                && before["position"]["line"].as_u64().map(|line| line + 1)
                    == place["line"].as_u64()
        })
    };
    for reject in &rejects {
        for reason in reject["reasons"].as_array().expect("a list") {
            let is_of_type =
                ["wrong_type", "out_of_range"].iter().any(|code| reason["code"] == *code);
            let is_of_field = reason["path"].as_str().is_some_and(|path| path.len() > 1);
            let is_told = yaml.contains("the others are rejected") || is_rest(reject);
            prop_assert!(!is_of_type || !is_of_field || is_told, "{}\n{}", reject, yaml);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(property::cases(48))]

    #[test]
    fn what_is_drafted_is_checked_and_runs(
        files in prop::collection::vec((select(&FILES[..]), table()), 1..4),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        for (name, table) in &files {
            std::fs::write(folder.path().join("data").join(name), table.bytes()).expect("room");
        }
        taken(folder.path())?;
    }
}

/// What nobody would make up: each with its word, or with a draft that runs.
#[test]
fn hostile_files_have_a_word_or_a_draft() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let wide = |cell: &dyn Fn(usize) -> String| -> String {
        (0..10_000).map(cell).collect::<Vec<_>>().join(",")
    };
    let mut cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty.csv", Vec::new(), &["empty.csv: it is empty", NONE]),
        ("blank.csv", b"\n\n \n".to_vec(), &["blank.csv: it is empty", NONE]),
        ("nulls.csv", b"user_id,x\n,\n,\n".to_vec(), &[NOBODY, "nulls: user_id, x"]),
        (
            "twice.csv",
            b"email,email,x\na@x.org,b@x.org,1\n".to_vec(),
            &[NOBODY, "2 columns are named \"email\""],
        ),
        ("bytes", (0..=255).collect(), &["bytes: it is no text", NONE]),
        ("cut.json", b"[{\"email\":\"a@x.org\"},".to_vec(), &["cut.json: ", NONE]),
        (
            "long.csv",
            format!("email,{}\na@x.org,1\n", "x".repeat(3 << 20)).into_bytes(),
            &[NOBODY, "long: column_1 ('email'), column_2 ('xxxxx"],
        ),
        ("spaces.txt", b"id  x\n1   2\n".to_vec(), &["parted by runs of spaces"]),
        (
            "profiles.ndjson",
            b"{\"output\":\"profiles\",\"key\":\"p_1\",\"value\":null}\n".to_vec(),
            &["it is what an output of selfsame wrote"],
        ),
    ];
    for (name, bytes, words) in cases.drain(..) {
        std::fs::write(at.join(name), bytes).expect("room");
        let said = selfsame(at, &["init", name, "-o", "none.yaml"]).badly();
        words.iter().for_each(|word| assert!(said.contains(word), "{name}: {word}\n{said}"));
    }
    let said = selfsame(at, &["init", "not-there"]).badly();
    assert!(said.contains("'not-there': No such file"), "{said}");
    let said = selfsame(at, &["init", "/dev/null"]).badly();
    assert!(said.contains("'/dev/null': it is no file"), "{said}");

    let many = |number: usize| format!("email,c{number}\na{number}@x.org,1\n").into_bytes();
    let long = format!(
        "{{\"email\":\"a@x.org\",\"x\":\"{}\"}}\n{{\"email\":\"b@x.org\"}}\n",
        "y".repeat(3 << 20)
    );
    let wide_csv =
        format!("{},email\n{},a@x.org\n", wide(&|at| format!("c{at}")), wide(&|_| "1".to_owned()));
    let wide_json: Map<String, Value> = (0..10_000)
        .map(|at| (format!("c{at}"), json!(at)))
        .chain([("email".to_owned(), json!("a@x.org"))])
        .collect();
    let fine: Vec<(&str, Vec<u8>)> = vec![
        ("one", b"email\na@x.org\nb@x.org\n".to_vec()),
        ("long", long.into_bytes()),
        ("wide", wide_csv.into_bytes()),
        ("keys", Value::Object(wide_json).to_string().into_bytes()),
        ("row numbers", b",email,note,note\n0,a@x.org,1,2\n".to_vec()),
        (
            "texts",
            b"{\"user_id\":\"u\",\"n\":\"5\",\"on\":true}\n{\"user_id\":7,\"n\":6,\"on\":\"no\"}\n"
                .to_vec(),
        ),
    ];
    for (name, bytes) in fine {
        let folder = at.join(name);
        std::fs::create_dir_all(folder.join("data")).expect("a folder");
        std::fs::write(folder.join("data/rows"), bytes).expect("room");
        taken(&folder).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(folder.join("out/profiles.ndjson").exists(), "{name}");
    }
    // All of a folder that can be read is taken, once.
    let data = at.join("all/data");
    std::fs::create_dir_all(&data).expect("a folder");
    (0..200).for_each(|number| {
        std::fs::write(data.join(format!("f{number}.csv")), many(number)).expect("room")
    });
    std::os::unix::fs::symlink("../data", data.join("again")).expect("a link");
    std::os::unix::fs::symlink("nowhere", data.join("gone")).expect("a link");
    std::fs::write(data.join(std::ffi::OsStr::from_bytes(b"\xff.csv")), many(200)).expect("room");
    let made = std::process::Command::new("mkfifo").arg(data.join("pipe")).status();
    assert!(made.expect("mkfifo").success());
    taken(&at.join("all")).expect("a draft");
    assert_eq!(held(&at.join("all"), "profiles").len(), 200);
}

/// However addresses were pasted: with no-break spaces, tabs and marks that nobody sees.
#[test]
fn what_nobody_sees_makes_no_other_person() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    let rows =
        "user_id,email\nu1,a@x.org\nu1\u{a0},\u{feff}A@x.org\u{200b}\n\u{2003}u1,\"a@x.org\t\"\n";
    std::fs::write(folder.path().join("data/rows.csv"), rows).expect("room");
    taken(folder.path()).expect("a draft");
    let found = held(folder.path(), "identities");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["email:a@x.org", "user_id:u1"]);
}

/// The first thousands of rows of each need not have values in common.
#[test]
fn the_id_of_users_is_what_others_call_a_users_id() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    std::fs::write(folder.path().join("data/users.csv"), "id,email\nu1,a@x.org\nu2,b@x.org\n")
        .expect("room");
    std::fs::write(folder.path().join("data/visits.csv"), "user_id,page\nu8,/\nu9,/\n")
        .expect("room");
    taken(folder.path()).expect("a draft");
    let yaml = std::fs::read_to_string(folder.path().join("draft.yaml")).expect("a draft");
    assert!(yaml.contains("    from: {users: id, visits: user_id}"), "{yaml}");
}

/// Drafts a definition of some files, takes it on to the end of a run, and returns it.
fn drafted(files: &[(&str, String)]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join("data").join(name), text).expect("room");
    }
    taken(folder.path()).unwrap_or_else(|why| panic!("{why}"));
    let rejects = program::records(&folder.path().join("out/rejects.ndjson"));
    let yaml = std::fs::read_to_string(folder.path().join("draft.yaml")).expect("a draft");
    assert!(rejects.is_empty(), "{:?}\n{yaml}", rejects[0].value);
    (folder, yaml)
}

#[test]
fn the_id_of_an_order_is_not_whose_it_is() {
    let orders = |columns: &str, rows: &[&str]| format!("{columns}\n{}\n", rows.join("\n"));
    // Two orders of two customers: a third one, of the first customer, is an order all the same.
    let (folder, yaml) = drafted(&[(
        "orders.csv",
        orders(
            "customer_id,order_no,ordered_at",
            &["K-1,O-1,2026-07-01T10:00:00Z", "K-2,O-2,2026-07-02T10:00:00Z"],
        ),
    )]);
    assert!(yaml.contains("    id: order_no    # 2 different in 2 values (100 %)\n"), "{yaml}");
    let third = orders("customer_id,order_no,ordered_at", &["K-1,O-3,2026-07-03T10:00:00Z"]);
    let all = std::fs::read_to_string(folder.path().join("data/orders.csv")).expect("rows");
    let all = all + third.split_once('\n').expect("rows").1;
    std::fs::write(folder.path().join("data/orders.csv"), all).expect("room");
    selfsame(folder.path(), &["run", "draft.yaml"]).well();
    assert_eq!(profile(folder.path(), "K-1")["attributes"]["orders_rows"], 2);
    // Where there is no other the draft says what is wrong with it.
    for (columns, rows) in [
        ("customer_id,ordered_at", ["K-1,2026-07-01T10:00:00Z", "K-2,2026-07-02T10:00:00Z"]),
        ("device_id,ordered_at", ["d-1,2026-07-01T10:00:00Z", "d-2,2026-07-02T10:00:00Z"]),
    ] {
        let (_, yaml) = drafted(&[("orders.csv", orders(columns, &rows))]);
        let column = columns.split(',').next().expect("one");
        let said = format!("# ? no id: {column} ");
        assert!(yaml.contains(&said) && !yaml.contains("    id: "), "{yaml}");
    }
    // Which row it is says who people are.
    let customers = orders("customer_id,email", &["K-1,a@x.org", "K-2,b@x.org"]);
    let (_, yaml) = drafted(&[("customers.csv", customers)]);
    assert!(yaml.contains("    key: customer_id    # 2 different in 2 values (100 %)\n"), "{yaml}");
}

/// By key, what an output comes to, in however many ticks the rows came.
fn held(folder: &Path, output: &str) -> BTreeMap<String, Value> {
    folded(values(&folder.join(format!("out/{output}.ndjson"))))
}

/// Profiles by an identifier, such as `user_id:u1`.
fn profile(folder: &Path, of: &str) -> Value {
    let said = selfsame(folder, &["get", of, "--spec", "draft.yaml"]).well();
    serde_json::from_str(&said).expect("JSON")
}

#[test]
fn no_file_is_left_out_for_a_column_that_another_one_has() {
    let (folder, yaml) = drafted(&[
        (
            "orders_2023.csv",
            "id,email,amount,city,zip\n1,a@x.org,5,Bern,1\n2,b@x.org,7,Bern,2\n".into(),
        ),
        (
            "orders_2024.csv",
            "email,id,amount,city,zip\na@x.org,3,5,Bern,1\nc@x.org,4,7,Bern,2\n".into(),
        ),
        (
            "orders_2025.csv",
            "id,email,amount,city,zip,channel\n5,a@x.org,5,Bern,1,web\n6,d@x.org,7,Bern,2,shop\n"
                .into(),
        ),
    ]);
    for said in [
        "files: [\"data/orders_2023.csv\", \"data/orders_2024.csv\"]",
        "files: \"data/orders_2025.csv\"",
        "# ? its files have channel, which those of orders_2023 lack: one source reads all of them where each field that \
         some lack has a `default`",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    let of_a = profile(folder.path(), "a@x.org");
    let rows =
        ["orders_2023_rows", "orders_2025_rows"].map(|name| of_a["attributes"][name].as_u64());
    assert_eq!(rows, [Some(2), Some(1)], "{of_a}");
    // What a run says that misses the column is what the draft says.
    let wide = yaml.replace("\"data/orders_2025.csv\"", "[\"data/orders_*.csv\"]");
    std::fs::write(folder.path().join("wide.yaml"), &wide).expect("room");
    let said = selfsame(folder.path(), &["run", "wide.yaml"]).badly();
    let told = "no column channel; it has id, email, amount, city, zip. Where a file may lack it, the field needs a `default`";
    assert!(said.contains(told), "{said}");
    let wide = wide.replace("channel: text", "channel: {type: text, default: shop}");
    std::fs::write(folder.path().join("wide.yaml"), wide).expect("room");
    selfsame(folder.path(), &["run", "wide.yaml"]).well();

    // What can't be read is named where people look.
    let data = folder.path().join("data");
    std::fs::write(data.join("logo.png"), b"\x89PNG\r\n\x1a\n\0\0").expect("room");
    std::fs::write(data.join("empty.csv"), "").expect("room");
    std::fs::remove_file(folder.path().join("draft.yaml")).expect("it is there");
    taken(folder.path()).expect("a draft");
    let yaml = std::fs::read_to_string(folder.path().join("draft.yaml")).expect("a draft");
    for said in ["# ? left out: data/empty.csv: it is empty\n", "# ? left out: data/logo.png: "] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
}

/// A file of columns, each with a value for each of its rows.
fn file_of(columns: &[(&str, &[&str])]) -> String {
    let rows = columns[0].1.len();
    let line = |cell: &dyn Fn(usize) -> String| -> String {
        let cells: Vec<String> = (0..columns.len()).map(|at| format!("\"{}\"", cell(at))).collect();
        cells.join(",") + "\n"
    };
    let head = line(&|at| columns[at].0.to_owned());
    (0..rows).fold(head, |text, row| text + &line(&|at| columns[at].1[row].to_owned()))
}

#[test]
fn times_are_drafted_with_what_reads_them_however_programs_write_them() {
    let times = [
        ("python", "2018-09-01T12:29:00.367278", "iso"),
        ("pandas", "2018-09-01 12:29:00.367", "iso"),
        ("shopify", "2018-09-01 12:29:00 +0100", "iso"),
        ("hubspot", "2018-09-01T12:29:00+0200", "iso"),
        ("postgres", "2018-09-01 12:29:00.5+00", "iso"),
        ("bigquery", "2018-09-01 12:29:00 UTC", "iso"),
        ("german", "01.09.18 12:29", "'%d.%m.%y %H:%M'"),
        ("excel", "9/13/18 12:29", "'%m/%d/%y %H:%M'"),
        ("american", "09/13/2018 12:29 PM", "'%m/%d/%Y %I:%M %p'"),
        ("stripe", "Sep 1, 2018", "'%b %d, %Y'"),
        ("mail", "Sat, 01 Sep 2018 12:29:00 +0200", "'%a, %d %b %Y %H:%M:%S %z'"),
        ("browser_time", "1.9.2018, 12:29:00", "'%d.%m.%Y, %H:%M:%S'"),
    ];
    let cells: Vec<[&str; 2]> = times.iter().map(|(_, text, _)| [*text, *text]).collect();
    let mut columns: Vec<(&str, &[&str])> = vec![("user_id", &["u1", "u2"])];
    columns.extend(times.iter().zip(&cells).map(|((name, ..), cells)| (*name, &cells[..])));
    columns.push(("datum", &["1. Sept. 2018", "Samstag, 2. September 2018"]));
    let (folder, yaml) = drafted(&[("rows.csv", file_of(&columns))]);
    for (name, _, format) in times {
        let line = yaml.lines().find(|line| line.starts_with(&format!("      {name}: ")));
        assert!(
            line.is_some_and(|line| line.contains(&format!("format: {format}}}"))),
            "{name}\n{yaml}"
        );
    }
    assert!(yaml.contains("      datum: text    # ? 2 different in 2 values"), "{yaml}");
    assert!(yaml.contains("times, it seems, that no format reads"), "{yaml}");
    // All of them are of one year.
    let year: Vec<String> = times
        .iter()
        .map(|(name, ..)| {
            format!("  y_{name}: {{from: rows, select: max(date_part('year', {name}))}}\n")
        })
        .collect();
    let yaml = yaml.replace("attributes:\n", &format!("attributes:\n{}", year.concat()));
    std::fs::write(folder.path().join("draft.yaml"), yaml).expect("room");
    selfsame(folder.path(), &["run", "draft.yaml", "--clock", "event"]).well();
    let of = profile(folder.path(), "u1");
    for (name, ..) in times {
        assert_eq!(of["attributes"][format!("y_{name}")].as_f64(), Some(2018.0), "{name}: {of}");
    }
}

#[test]
fn what_does_not_fit_a_type_costs_no_row() {
    let mut rows = "user_id,amount,birthday,score,vip,active,joined,age\n".to_owned();
    let mut objects = String::new();
    for row in 0..40 {
        let (amount, birthday) = match row {
            7 => ("twelve", "1980-02-30"),
            9 => ("12", "31.12.1999?"),
            _ => ("12", "1980-01-05"),
        };
        let score = if row % 4 == 0 { "N/A" } else { "3" };
        let vip = if row % 3 == 0 { "True" } else { "False" };
        let active = if row % 3 == 0 { "yes" } else { "no" };
        let joined = if row % 5 == 0 { "0000-00-00" } else { "2024-05-01" };
        let age = if row % 2 == 0 { "  " } else { "30" };
        let left = if row % 2 == 0 { "" } else { "2024-06-01" };
        rows += &format!("u{row},{amount},{birthday},{score},{vip},{active},{joined},{age}\n");
        objects += &format!(
            "{}\n",
            json!({"user_id": format!("u{row}"), "score": score, "vip": vip, "joined": joined, "left": left})
        );
    }
    let (folder, yaml) = drafted(&[("rows.csv", rows), ("objects.ndjson", objects)]);
    for said in [
        "amount: text    # ? 39 of 40 values fit integer, and others, such as 'twelve', would cost their rows; `derive: \
         {amount_read: \"try_cast(amount as bigint)\"}` reads those",
        "birthday: text    # ? 38 of 40 values fit date, and others, such as '1980-02-30' and '31.12.1999?', would",
        "score: {type: integer, map: {\"N/A\": null}}    # ? whole numbers, all 30 values; 'N/A' stands for none",
        "score: {type: \"decimal(18,0)\", map: {\"N/A\": null}}",
        "vip: boolean",
        "vip: {type: boolean, map: {\"False\": false, \"True\": true}}",
        "active: {type: boolean, map: {\"no\": false, \"yes\": true}}",
        "joined: {type: date, map: {\"0000-00-00\": null}}",
        "left: {type: date, map: {\"\": null}}    # ? ",
        "age: integer",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    // What is advised is understood.
    let own = "    derive: {amount_read: \"try_cast(amount as bigint)\", born: \"try_cast(birthday as date)\"}\n    fields:\n      user_id: text    # 40 different in 40 values, such as u0\n      amount";
    let yaml = yaml.replace(
        "    fields:\n      user_id: text    # 40 different in 40 values, such as u0\n      amount",
        own,
    );
    let own = "attributes:\n  spent: {from: rows, select: sum(amount_read)}\n  born: {from: rows, select: max(born)}\n  vip: {from: rows, select: last(vip)}\n";
    std::fs::write(folder.path().join("draft.yaml"), yaml.replace("attributes:\n", own))
        .expect("room");
    selfsame(folder.path(), &["run", "draft.yaml"]).well();
    let of = |user| profile(folder.path(), user)["attributes"].clone();
    assert_eq!((&of("u7")["spent"], &of("u7")["born"]), (&Value::Null, &Value::Null));
    assert_eq!((&of("u8")["spent"], &of("u8")["born"]), (&json!(12), &json!("1980-01-05")));
    assert_eq!(of("u9")["vip"], true);
}

/// What ties rows to people, as the draft has it.
fn identity(yaml: &str) -> Vec<String> {
    let (_, identity) = yaml.split_once("\nidentity:").expect("identifiers");
    let froms = identity.lines().filter_map(|line| line.strip_prefix("    from: "));
    froms.map(str::to_owned).collect()
}

#[test]
fn people_are_known_as_exports_of_others_call_them() {
    let rows =
        |number: usize, row: &dyn Fn(usize) -> String| -> String { (0..number).map(row).collect() };
    // As dbt's example names its tables.
    let (folder, yaml) = drafted(&[
        (
            "raw_customers.csv",
            "id,name\n".to_owned() + &rows(20, &|at| format!("{},N{at}\n", at + 1)),
        ),
        (
            "raw_orders.csv",
            "id,customer,ordered_at\n".to_owned()
                + &rows(60, &|at| format!("o{at},{},2024-05-01T00:00:00Z\n", at % 20 + 1)),
        ),
        (
            "raw_items.csv",
            "id,order_id,sku\n".to_owned()
                + &rows(90, &|at| format!("i{at},o{},s{}\n", at % 60, at % 7)),
        ),
    ]);
    assert_eq!(
        identity(&yaml),
        ["{raw_customers: id, raw_orders: customer}", "{raw_orders: id, raw_items: order_id}"],
        "{yaml}"
    );
    assert_eq!(held(folder.path(), "profiles").len(), 20);

    // Small numbers are shared by chance, a name is not.
    let (_, yaml) = drafted(&[
        (
            "baskets.csv",
            "basket_id,panel_id,product_id,day\n".to_owned()
                + &rows(400, &|at| {
                    format!("b{},{},{},{}\n", at / 2, at % 90 + 1, at % 120 + 1, at % 30)
                }),
        ),
        (
            "ages.csv",
            "panel_id,age\n".to_owned() + &rows(90, &|at| format!("{},{}\n", at + 1, at % 50)),
        ),
        (
            "mailings.csv",
            "mailing,panel_id\n".to_owned()
                + &rows(200, &|at| format!("m{},{}\n", at % 9, at % 90 + 1)),
        ),
        (
            "makers.csv",
            "maker_id,kind\n".to_owned()
                + &rows(200, &|at| format!("{},k{}\n", at % 60 + 1, at % 3)),
        ),
    ]);
    assert_eq!(
        identity(&yaml),
        ["{ages: panel_id, baskets: panel_id, mailings: panel_id}"],
        "{yaml}"
    );
    assert!(yaml.contains("  #  makers:"), "{yaml}");

    // Whose somebody is says not who they are.
    let (_, yaml) = drafted(&[
        (
            "contacts.csv",
            "id,email,owner_id\n".to_owned()
                + &rows(200, &|at| format!("{},p{at}@x.org,{}\n", at + 1, at % 5 + 1)),
        ),
        (
            "deals.csv",
            "deal_id,contact_id,owner_id\n".to_owned()
                + &rows(300, &|at| format!("d{at},{},{}\n", at % 200 + 1, at % 5 + 1)),
        ),
        (
            "owners.csv",
            "owner_id,name\n".to_owned() + &rows(5, &|at| format!("{},O{at}\n", at + 1)),
        ),
    ]);
    assert_eq!(
        identity(&yaml),
        ["{contacts: id, deals: contact_id}", "{contacts: email}"],
        "{yaml}"
    );
    for said in [
        "  # ? left out: contacts.owner_id: its 5 values are of who works there",
        "  # ? left out: deals.owner_id: its 5 values are of who works there",
        "  # ? left out: owner is who works there, it seems by its name",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    let without = drafted(&[(
        "contacts.csv",
        "id,email,owner_id\n".to_owned()
            + &rows(200, &|at| format!("{},p{at}@x.org,{}\n", at + 1, at % 5 + 1)),
    )]);
    let said = "  # ? left out: owner_id: 5 different in 200 rows of contacts, each of which has its own id";
    assert!(without.1.contains(said), "{}", without.1);

    // An address says nothing of who has none.
    let (_, yaml) = drafted(&[
        (
            "Kunden.csv",
            "Kd.-Nr.;E-Mail;Telefon (mobil)\n".to_owned()
                + &rows(30, &|at| format!("K{at};k{at}@x.org;0170 12345{at:02}\n")),
        ),
        (
            "Bestellungen.csv",
            "Bestellnr;Kundennummer\n".to_owned()
                + &rows(60, &|at| format!("B{at};K{}\n", at % 30)),
        ),
        (
            "Karten.csv",
            "KundenID;Stufe\n".to_owned() + &rows(30, &|at| format!("K{at};{}\n", at % 3)),
        ),
        (
            "Retouren.csv",
            "Retoure;Konto\n".to_owned() + &rows(20, &|at| format!("R{at};K{}\n", at % 15)),
        ),
    ]);
    let all = identity(&yaml);
    assert_eq!(
        all[0], "{bestellungen: kundennummer, karten: kunden_id, kunden: kd_nr, retouren: konto}",
        "{yaml}"
    );
    assert_eq!(all[1..], ["{kunden: e_mail}", "{kunden: telefon_mobil}"], "{yaml}");

    // As Google Analytics has it: few are logged in.
    let (_, yaml) = drafted(&[(
        "events.csv",
        "event_name,event_timestamp,user_pseudo_id,user_id,device_category\n".to_owned()
            + &rows(60, &|at| {
                let user = if at % 10 == 0 { "u1" } else { "" };
                format!(
                    "view,{},{}.{},{user},mobile\n",
                    1_725_193_740_000_000u64 + at as u64,
                    at % 12 + 1,
                    at % 12
                )
            }),
    )]);
    assert_eq!(identity(&yaml), ["{events: user_id}", "{events: user_pseudo_id}"], "{yaml}");

    // A seller is not the buyer.
    let (_, yaml) = drafted(&[
        ("users.csv", "id,email\n".to_owned() + &rows(30, &|at| format!("u{at},u{at}@x.org\n"))),
        (
            "deals.csv",
            "deal,user_id,owner_id\n".to_owned()
                + &rows(30, &|at| format!("d{at},u{at},u{}\n", (at + 7) % 30)),
        ),
    ]);
    assert_eq!(
        identity(&yaml)[..2],
        ["{deals: user_id, users: id}", "{deals: owner_id}"],
        "{yaml}"
    );
}

/// The lines of a source in a draft, without what is said of its fields.
fn source_of<'a>(yaml: &'a str, name: &str) -> Vec<&'a str> {
    let lines = yaml.lines().skip_while(|line| !line.starts_with(&format!("  {name}:")));
    let lines = lines.take_while(|line| *line != "    fields:" && !line.is_empty());
    lines.map(str::trim).collect()
}

#[test]
fn what_somebody_has_is_no_key_of_a_table() {
    let rows =
        |number: usize, row: &dyn Fn(usize) -> String| -> String { (0..number).map(row).collect() };
    let (folder, yaml) = drafted(&[
        (
            "contacts.csv",
            "Vorname,Email,Phone Number\n".to_owned()
                + &rows(60, &|at| format!("N{at},a{at}@x.org,0170 5510{at:02}\n"))
                + "Spouse,spouse@x.org,0170 551003\n",
        ),
        (
            "places.csv",
            "postal_code,credit_card_number,id,email\n".to_owned()
                + &rows(40, &|at| format!("9{at:04},4111{at:08},p{at},a{at}@x.org\n")),
        ),
        (
            "products.csv",
            "sku,product_id,name\n".to_owned() + &rows(30, &|at| format!("s{at},{at},N{at}\n")),
        ),
        ("parts.csv", "sku,name\n".to_owned() + &rows(30, &|at| format!("s{at},N{at}\n"))),
    ]);
    let contacts = source_of(&yaml, "contacts");
    assert!(contacts.iter().all(|line| !line.starts_with("id:") && !line.starts_with("key:")));
    let said = "# ? no id: phone_number is what somebody has, and two may have the same";
    assert!(contacts.contains(&said), "{yaml}");
    for (name, key) in [
        ("places", "key: id    # 40 different"),
        ("products", "key: product_id    # 30 different"),
        ("parts", "key: sku    # ? 30 different"),
    ] {
        let source = source_of(&yaml, name);
        assert!(source.iter().any(|line| line.starts_with(key)), "{name}\n{yaml}");
    }
    // Nobody is gone who shares a phone.
    let people = held(folder.path(), "identities");
    assert!(people.contains_key("email:a3@x.org") && people.contains_key("email:spouse@x.org"));
}

#[test]
fn an_amount_is_no_key() {
    let rows = "kunde,umsatz,email\nK1,12.50,a@x.org\nK2,13.75,b@x.org\nK3,9.99,c@x.org\n";
    let (_, yaml) = drafted(&[("umsatz.csv", rows.to_owned())]);
    let is_keyed = |line: &&str| line.starts_with("id: umsatz") || line.starts_with("key: umsatz");
    assert!(!source_of(&yaml, "umsatz").iter().any(is_keyed), "{yaml}");
}

#[test]
fn parts_of_objects_with_one_name_each_say_what_they_stand_in() {
    let rows: String = (0..5)
        .map(|at| {
            let part = json!({"sunshine": at, "rain": at, "a": {"wind": at}, "b": {"wind": at}});
            let row = json!({
                "user_id": format!("u{at}"), "rain": at, "disp": part, "feat": {"sunshine": at},
                "other": {"a": {"wind": at}}
            });
            format!("{row}\n")
        })
        .collect();
    let (_, yaml) = drafted(&[("rows.ndjson", rows)]);
    for (name, path) in [
        ("disp_sunshine", "disp.sunshine"),
        ("feat_sunshine", "feat.sunshine"),
        ("disp_rain", "disp.rain"),
        ("b_wind", "disp.b.wind"),
        ("disp_a_wind", "disp.a.wind"),
        ("other_a_wind", "other.a.wind"),
    ] {
        let line = format!("      {name}: {{type: integer, path: \"{path}\"}}");
        assert!(yaml.contains(&line), "{line}\n{yaml}");
    }
    assert!(yaml.contains("      rain: integer"), "{yaml}");
}

#[test]
fn what_somebody_was_called_before_is_tied_to_what_they_were_called() {
    let mut rows = String::new();
    for at in 0..10 {
        let row = json!({
            "messageId": format!("m{at}"), "type": "track", "anonymousId": format!("an-{at}"),
            "timestamp": "2025-07-05T00:00:00Z"
        });
        rows += &format!("{row}\n");
    }
    let alias = json!({
        "messageId": "m10", "type": "alias", "previousId": "an-9", "userId": "u9",
        "timestamp": "2025-07-05T00:00:00Z"
    });
    rows += &format!("{alias}\n");
    let (folder, yaml) = drafted(&[("events.ndjson", rows)]);
    assert!(yaml.contains("    from: {events: [anonymous_id, previous_id]}"), "{yaml}");
    let said = "# events.previous_id: by its name, and 1 of its 1 value is one that others have";
    assert!(yaml.contains(said), "{yaml}");
    assert_eq!(profile(folder.path(), "u9")["attributes"]["events_rows"], 2);
}

#[test]
fn amounts_as_people_write_them_are_summed() {
    let rows = |name: &str, amounts: [&str; 4]| {
        let rows = amounts.iter().enumerate();
        let rows = rows.map(|(at, of)| format!("u{};{of};{at}\n", at % 2));
        format!("user_id;amount;{name}_no\n{}", rows.collect::<String>())
    };
    let (folder, yaml) = drafted(&[
        ("german.csv", rows("german", ["1.234,56", "7,50", "-0,56", " "])),
        ("dollars.csv", rows("dollar", ["$1,234.50", "$3.00", "$0.50", "n/a"])),
        ("books.csv", rows("book", ["1,200.00", "20.00", "(15.00)", "1.00"])),
    ]);
    assert!(yaml.contains("      amount_number: \"cast("), "{yaml}");
    let said = "# ? numbers such as (15.00), of which those in parentheses are negative, as accountants write them";
    assert!(yaml.contains(said), "{yaml}");
    let of = profile(folder.path(), "u0")["attributes"].clone();
    for (name, sum) in [("german", 1234.0), ("dollars", 1235.0), ("books", 1185.0)] {
        assert_eq!(of[format!("{name}_amount")].as_f64(), Some(sum), "{name}: {of}\n{yaml}");
    }
}

#[test]
fn cells_of_white_space_are_drafted_as_none() {
    let rows: String = (1..6)
        .map(|at| format!("K{at}, {}, a{at}@x.org\n", if at % 2 == 0 { "" } else { "Bern" }))
        .collect();
    let (folder, yaml) =
        drafted(&[("customers.csv", "customer_id, city, email\n".to_owned() + &rows)]);
    let said = "city: {type: text, path: \" city\", map: {\" \": null}}    # ? ";
    assert!(yaml.contains(said) && yaml.contains("; white space alone stands for none"), "{yaml}");
    let of = profile(folder.path(), "K2");
    assert_eq!(of["attributes"]["customers_city"], Value::Null, "{of}\n{yaml}");
}

#[test]
fn tables_of_people_are_records_though_rows_say_when_they_were_made() {
    let rows =
        |number: usize, row: &dyn Fn(usize) -> String| -> String { (0..number).map(row).collect() };
    let of = |email: &str, says: &str| {
        "Kd.-Nr.;E-Mail;Angelegt am;Newsletter\n".to_owned()
            + &format!("K0;{email};01.09.2024 10:00;{says}\n")
            + &rows(30, &|at| format!("K{};k{at}@x.org;0{}.09.2024 10:00;ja\n", at + 1, at % 9 + 1))
    };
    let (folder, yaml) = drafted(&[
        ("Kunden-2025-10.csv", of("alt@x.org", "ja")),
        ("Kunden-2025-11.csv", of("neu@x.org", "nein")),
        (
            "crm.csv",
            "user_id,signup_date\n".to_owned()
                + &rows(20, &|at| format!("u{at},2024-05-01T10:{at:02}:00Z\n")),
        ),
        (
            "items.csv",
            "id,email,last_update\n".to_owned()
                + &rows(20, &|at| format!("i{at},k{at}@x.org,2024-05-01 10:{at:02}:00\n")),
        ),
        (
            "visits.csv",
            "user_id,at\n".to_owned()
                + &rows(20, &|at| format!("u{at},2024-05-01T10:{at:02}:00Z\n")),
        ),
    ]);
    for (name, lines) in [
        ("kunden", &["kind: records    # ? a table: of rows with one key", "key: kd_nr"][..]),
        ("crm", &["kind: records    # ? ", "key: user_id"]),
        ("items", &["kind: records    # ? a table: rows say when they", "time: last_update"]),
        ("visits", &["kind: events", "# ? no id: user_id says whose a row is", "time: at"]),
    ] {
        let source = source_of(&yaml, name);
        for line in lines {
            assert!(source.iter().any(|of| of.starts_with(line)), "{name}: {line}\n{yaml}");
        }
    }
    let held = held(folder.path(), "identities");
    assert!(held.contains_key("email:neu@x.org") && !held.contains_key("email:alt@x.org"));
}

#[test]
fn words_for_no_value_and_numbers_that_excel_spoiled_are_nobody() {
    let rows =
        |number: usize, row: &dyn Fn(usize) -> String| -> String { (0..number).map(row).collect() };
    let (folder, yaml) = drafted(&[
        (
            "Kunden.csv",
            "Kd.-Nr.;E-Mail;Stufe\n".to_owned()
                + &rows(40, &|at| match at % 10 {
                    0 => format!("K{at};k.A.;1\n"),
                    _ => format!("K{at};k{at}@x.org;1\n"),
                }),
        ),
        (
            "customers.csv",
            "Customer ID,Phone,Email\n".to_owned()
                + &rows(40, &|at| format!("5.00000E+12,4.92E+10,a{at}@x.org\n")),
        ),
    ]);
    for said in [
        "36 of 40 values are e-mail addresses; ? 4 are something else, such as 'k.A.', which identifies nobody",
        "    normalize: nullif(regexp_replace(lower(clean(value)), '^[^@]*$', ''), '')    # what has no @ is none",
        "customer_id: {type: text, path: \"Customer ID\"}    # ? 40 of 40 values are as Excel writes long numbers",
        "  # ? left out: customers.phone: 40 of 40 values are as Excel writes long numbers",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    assert_eq!(identity(&yaml), ["{kunden: kd_nr}", "{kunden: e_mail, customers: email}"]);
    assert_eq!(held(folder.path(), "profiles").len(), 80);
}

#[test]
fn rows_are_tied_to_whom_they_are_of_and_to_nobody_else() {
    let rows =
        |number: usize, row: &dyn Fn(usize) -> String| -> String { (0..number).map(row).collect() };
    let (_, yaml) = drafted(&[
        (
            "people.csv",
            "id,email,shopify_customer_id\n".to_owned()
                + &rows(50, &|at| format!("{},p{at}@x.org,{}\n", at + 300, at + 600_000_000)),
        ),
        (
            "orders.csv",
            "ORDERNUMBER,customer,total\n".to_owned()
                + &rows(80, &|at| format!("{},{},{at}\n", at + 10_100, at % 40 + 300)),
        ),
        (
            "orderlines.csv",
            "OrderNumber,line,qty\n".to_owned()
                + &rows(160, &|at| format!("{},{},1\n", at % 80 + 10_100, at % 3)),
        ),
        (
            "offices.csv",
            "office_id,phone\n".to_owned() + &rows(12, &|at| format!("o{at},030 7777{at:02}\n")),
        ),
        (
            "accounts.csv",
            "account,owner_id\n".to_owned() + &rows(40, &|at| format!("Firm {at},005{}\n", at % 4)),
        ),
        (
            "notes.csv",
            "note_id,customer\n".to_owned()
                + &rows(20, &|at| {
                    let name = ["Anna Smith", "Ben Jones"][at % 2];
                    format!("n{at},{name}\n")
                }),
        ),
    ]);
    let all = identity(&yaml);
    assert!(all.contains(&"{orders: customer, people: id}".to_owned()), "{yaml}");
    assert!(all.contains(&"{people: shopify_customer_id}".to_owned()), "{yaml}");
    assert!(all.contains(&"{orders: ordernumber, orderlines: order_number}".to_owned()), "{yaml}");
    for said in [
        "  # ? left out: a phone is all that could say whose its rows are",
        "  #  offices:",
        "  # ? left out: owner_id: 4 different in 40 rows of accounts",
        "  # ? left out: notes.customer: names such as Anna Smith, which several people may have",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
}

#[test]
fn who_works_there_is_left_out_and_no_customer_is() {
    let rows =
        |number: usize, row: &dyn Fn(usize) -> String| -> String { (0..number).map(row).collect() };
    let left_out = |yaml: &str, name: &str, why: &str| {
        let said = yaml.lines().skip_while(|line| !line.starts_with("  # ? left out: "));
        let is_there = said.clone().any(|line| line.starts_with(&format!("  #  {name}:")));
        assert!(is_there && yaml.contains(why), "{name}\n{yaml}");
    };
    // As help desks have it: each ticket has a customer's address, and an agent's.
    let (folder, yaml) = drafted(&[
        (
            "agents.csv",
            "id,name,email\n".to_owned()
                + &rows(4, &|at| format!("{},A{at},a{at}@desk.example\n", at + 1)),
        ),
        (
            "tickets.csv",
            "ticket_id,requester_email,assignee_email,agent_id\n".to_owned()
                + &rows(60, &|at| {
                    let (of, by) = (at % 30, at % 4);
                    format!("t{at},c{of}@x{}.example,A{by}@desk.example,{}\n", of % 7, by + 1)
                }),
        ),
        (
            "customers.csv",
            "customer_id,email\n".to_owned()
                + &rows(30, &|at| format!("K{at},c{at}@x{}.example\n", at % 7)),
        ),
    ]);
    left_out(&yaml, "agents", "left out: agent is who works there, it seems by its name");
    assert!(
        yaml.contains("# ? left out: tickets.assignee_email: its 4 values are of who"),
        "{yaml}"
    );
    assert_eq!(
        identity(&yaml),
        ["{customers: customer_id}", "{customers: email, tickets: requester_email}"],
        "{yaml}"
    );
    assert_eq!(held(folder.path(), "profiles").len(), 30);

    // As the back office of a shop has it: by their addresses alone.
    let users = "id,email,role\n".to_owned()
        + &rows(5, &|at| format!("{},u{at}@firm.example,editor\n", at + 1));
    let people = |domain: &'static str| {
        "contact_id,email\n".to_owned()
            + &rows(40, &|at| {
                format!("C{at},p{at}@{}{domain}\n", ["a", "b", "c", "d", "firm"][at % 5])
            })
    };
    let (_, yaml) = drafted(&[
        ("users.csv", users.clone()),
        ("contacts.csv", people("mail.example")),
        (
            "changes.csv",
            "change,user_id,contact_id\n".to_owned()
                + &rows(50, &|at| format!("x{at},{},C{}\n", at % 5 + 1, at % 40)),
        ),
    ]);
    left_out(
        &yaml,
        "users",
        "all 5 addresses are at firm.example, and those elsewhere at 5 others",
    );
    assert!(yaml.contains("# ? left out: changes.user_id: its 5 values are of who"), "{yaml}");
    assert_eq!(
        identity(&yaml),
        ["{changes: contact_id, contacts: contact_id}", "{contacts: email}"],
        "{yaml}"
    );

    // Whom all is about stays, whatever it is called.
    let stays = |files: &[(&str, String)], from: &str| {
        let (_, yaml) = drafted(files);
        assert!(identity(&yaml).iter().any(|of| of.contains(from)), "{from}\n{yaml}");
        assert!(!yaml.contains("works there"), "{yaml}");
    };
    // Others are of the same firm, or there are no others.
    stays(&[("users.csv", users.clone()), ("contacts.csv", people(".example"))], "users: email");
    stays(&[("users.csv", users.clone())], "users: email");
    let expenses = "expense,employee_id,amount\n".to_owned()
        + &rows(20, &|at| format!("e{at},{},1.5\n", at % 5 + 1));
    stays(&[("employees.csv", users.clone()), ("expenses.csv", expenses)], "employees: email");
    // Owners of pets, beside those who look after these.
    let owners = "owner_id,email\n".to_owned()
        + &rows(20, &|at| format!("{},o{at}@{}.example\n", at + 1, ["a", "b", "c"][at % 3]));
    let pets = "pet_id,owner_id,name\n".to_owned()
        + &rows(30, &|at| format!("p{at},{},Rex\n", at % 20 + 1));
    let vets = "vet,email\n".to_owned() + &rows(3, &|at| format!("v{at},v{at}@clinic.example\n"));
    stays(&[("owners.csv", owners), ("pets.csv", pets), ("vets.csv", vets)], "owners: email");
    // The same people elsewhere are customers.
    let members = "id,email\n".to_owned() + &rows(9, &|at| format!("{},m{at}@y.example\n", at + 1));
    let orders =
        "order_id,email\n".to_owned() + &rows(30, &|at| format!("O{at},m{}@y.example\n", at % 9));
    stays(&[("reps.csv", members), ("orders.csv", orders)], "reps: email");
}

#[test]
fn files_are_read_as_others_export_them() {
    // As Segment and Shopify write objects.
    let event = |at: usize| {
        json!({
            "anonymousId": format!("a{}", at % 5), "messageId": format!("m{at}"),
            "originalTimestamp": "2025-10-01T10:00:00.100Z", "receivedAt": "2025-10-01T10:00:01Z",
            "timestamp": "2025-10-01T10:00:00Z", "integrations": {}, "userId": format!("u{}", at % 7),
        })
    };
    let order = |at: usize| {
        json!({
            "admin_graphql_api_id": format!("gid://shopify/Order/{at}"), "id": format!("o{at}"),
            "customer": {"email": format!("c{at}@x.org")}, "email": format!("e{at}@x.org"),
        })
    };
    let lines = |of: &dyn Fn(usize) -> Value| -> String {
        (0..40).map(|at| format!("{}\n", of(at))).collect()
    };
    let days = (0..20).fold(
        "order_id,customer_id,ordered_on,zone,invoice_no,at\n".to_owned(),
        |all, at| {
            let number = if at == 7 { "C99".to_owned() } else { format!("{}", 5_000 + at) };
            all + &format!(
                "o{at},c{at},{:02}/{:02}/2025,Europe/Berlin,{number},01.02.2025 10:00\n",
                at % 9 + 1,
                at % 8 + 1
            )
        },
    );
    let (_, yaml) = drafted(&[
        ("segment.json", lines(&event)),
        ("shopify.json", lines(&order)),
        ("days.csv", days),
    ]);
    let (segment, shopify) = (source_of(&yaml, "segment"), source_of(&yaml, "shopify"));
    assert!(segment.contains(&"time: timestamp    # one of 3 timestamps"), "{yaml}");
    assert!(shopify.iter().any(|line| line.starts_with("key: id ")), "{yaml}");
    assert!(!yaml.contains("integrations"), "{yaml}");
    for said in [
        "      email: text",
        "      customer_email: {type: text, path: \"customer.email\"}",
        "all 20 values; '%m/%d/%Y' reads them all, too",
        "time_zone_from: zone}    # ? ",
        "      invoice_no: text    # 20 different in 20 values",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }

    // In letters of Japan, below lines that are no rows, in folders by month, and beside the definition's.
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let japanese = "顧客ID,氏名,メール\n".to_owned()
        + &(0..20).map(|of| format!("{of},山田太郎,j{of}@x.jp\n")).collect::<String>();
    let report = "Customer report\nMade,2025-11-03\n\nCustomer ID,Email\nC0,a@x.org\nC1,b@x.org\nC2,c@x.org\n";
    for (name, bytes) in [
        ("data/kokyaku.csv", encoding_rs::SHIFT_JIS.encode(&japanese).0.into_owned()),
        ("data/report.csv", report.as_bytes().to_vec()),
        ("data/visits/month=01/part-0.csv", b"user_id,page\nu1,a\nu1,b\nu2,a\n".to_vec()),
        ("data/visits/month=02/part-0.csv", b"user_id,page\nu1,c\nu3,b\nu2,a\n".to_vec()),
    ] {
        std::fs::create_dir_all(at.join(name).parent().expect("one")).expect("a folder");
        std::fs::write(at.join(name), bytes).expect("room");
    }
    std::fs::create_dir(at.join("own")).expect("a folder");
    selfsame(at, &["init", "data", "-o", "own/draft.yaml"]).well();
    let yaml = std::fs::read_to_string(at.join("own/draft.yaml")).expect("a draft");
    for said in [
        "files: \"../data/kokyaku.csv\"",
        "encoding: shift_jis    # ? it is no UTF-8, and by this all of it is read",
        "  visits:    # 6 rows were looked at",
        "files: \"../data/visits/month=*/part-0.csv\"",
        "its first 3 lines stand above the header, Customer ID, Email: delete them, as by tail -n +4",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    selfsame(&at.join("own"), &["run", "draft.yaml", "--until-end"]).well();
}
