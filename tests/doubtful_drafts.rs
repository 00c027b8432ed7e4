//! What `selfsame init` makes of files whose names and numbers may mislead: it says of what it is not sure, and drafts what
//! makes one person of each and counts each amount once.

mod program;

use std::collections::BTreeMap;
use std::path::Path;

use program::outputs::{folded, values};
use program::selfsame;
use serde_json::Value;

/// Writes files below a folder.
fn write(folder: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        let file = folder.join("data").join(name);
        std::fs::create_dir_all(file.parent().expect("one")).expect("a folder");
        std::fs::write(file, text).expect("room");
    }
}

/// Drafts a definition of files, takes it to the end of a run, and returns it.
fn drafted(files: &[(&str, String)]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), files);
    selfsame(folder.path(), &["init", "data", "-o", "draft.yaml"]).well();
    selfsame(folder.path(), &["check", "draft.yaml"]).well();
    selfsame(folder.path(), &["run", "draft.yaml"]).well();
    let yaml = std::fs::read_to_string(folder.path().join("draft.yaml")).expect("a draft");
    (folder, yaml)
}

fn refused(files: &[(&str, String)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), files);
    selfsame(folder.path(), &["init", "data"]).badly()
}

fn rows(head: &str, number: usize, row: impl Fn(usize) -> String) -> String {
    (0..number).fold(format!("{head}\n"), |text, at| text + &row(at) + "\n")
}

fn profiles(folder: &Path) -> BTreeMap<String, Value> {
    folded(values(&folder.join("out/profiles.ndjson")))
}

/// What ties rows to people, as the draft has it.
fn identity(yaml: &str) -> Vec<&str> {
    let (_, identity) = yaml.split_once("\nidentity:").expect("identifiers");
    identity.lines().filter_map(|line| line.strip_prefix("    from: ")).collect()
}

#[test]
fn what_says_of_what_kind_a_row_is_says_of_nobody_who_they_are() {
    let by = ["cellular", "telephone", "unknown"];
    // Nothing else says whose a row is.
    let said = refused(&[(
        "bank.csv",
        rows("age,contact", 600, |at| format!("{},{}", at % 60, by[at % 3])),
    )]);
    assert!(
        said.contains(
            "left out: bank.contact: only 3 different in 600 values, such as 'cellular' and"
        ),
        "{said}"
    );
    // Something else does, be it beside a kind or beside codes of some.
    for (head, column) in [("contact", &by), ("client_code", &["A1", "B2", "C3"])] {
        let (folder, yaml) = drafted(&[(
            "calls.csv",
            rows(&format!("called_at,email,{head}"), 600, |at| {
                format!("2025-07-05T10:00:00Z,p{}@x.org,{}", at % 90, column[at % 3])
            }),
        )]);
        assert_eq!(identity(&yaml), ["{calls: email}"], "{yaml}");
        assert!(yaml.contains(&format!("# ? left out: calls.{head}: only 3 different")), "{yaml}");
        assert_eq!(profiles(folder.path()).len(), 90);
    }
    // Few loyal people are people.
    for (head, names) in [("user", ["ada", "ben", "cem"]), ("customer_id", ["17", "18", "19"])] {
        let (folder, yaml) = drafted(&[(
            "visits.csv",
            rows(&format!("visited_at,{head}"), 600, |at| {
                format!("2025-07-05T10:00:00Z,{}", names[at % 3])
            }),
        )]);
        assert!(yaml.contains("# ? only 3 different in 600 values: are there so few"), "{yaml}");
        assert_eq!(profiles(folder.path()).len(), 3);
    }
    // Each of whom may have many devices.
    let (_, yaml) = drafted(&[(
        "visits.csv",
        rows("visited_at,customer_id,device_id", 600, |at| {
            format!("2025-07-05T10:00:00Z,c{},d{}", at % 3, at % 60)
        }),
    )]);
    assert_eq!(identity(&yaml), ["{visits: customer_id}", "{visits: device_id}"], "{yaml}");
    // Where a table of them says who they are, nothing is in doubt.
    let (_, yaml) = drafted(&[
        ("customers.csv", rows("id,name", 3, |at| format!("K-{at},N{at}"))),
        ("orders.csv", rows("customer,sum", 600, |at| format!("K-{},{at}", at % 3))),
    ]);
    assert_eq!(identity(&yaml), ["{customers: id, orders: customer}"], "{yaml}");
    assert!(!yaml.contains("so few people"), "{yaml}");
    // A phone makes a contact of somebody's.
    let (folder, yaml) = drafted(&[(
        "calls.csv",
        rows("call_id,contact", 40, |at| format!("c{at},+49 170 12345{:02}", at % 20)),
    )]);
    assert!(yaml.contains("# calls.contact: 40 of 40 values are phone numbers\n"), "{yaml}");
    assert_eq!(profiles(folder.path()).len(), 20);
}

#[test]
fn points_between_thousands_are_no_points_before_cents() {
    let sales = |head: &str, day: &dyn Fn(usize) -> String| {
        rows(head, 40, |at| format!("{};{};{}", at % 20, day(at), ["2.086", "12.500", "7"][at % 3]))
    };
    let german = sales("Kundennr;Datum;Umsatz", &|at| format!("{:02}.07.2025", at % 28 + 1));
    let (folder, yaml) = drafted(&[("verkauf.csv", german)]);
    let said = "umsatz: {type: text, path: \"Umsatz\"}    # ? whole numbers such as 12.500, whose points mark thousands, it \
                seems, since datum is written as 01.07.2025";
    assert!(yaml.contains(said), "{yaml}");
    // The draft reads them.
    let read = "    derive:\n      umsatz_number: \"cast(replace(umsatz, '.', '') as bigint)\"\n";
    assert!(yaml.contains(read), "{yaml}");
    assert!(
        yaml.contains("  verkauf_umsatz: {from: verkauf, select: sum(umsatz_number)}"),
        "{yaml}"
    );
    selfsame(folder.path(), &["run", "draft.yaml"]).well();
    let said = selfsame(folder.path(), &["get", "kundennr:1", "--spec", "draft.yaml"]).well();
    let profile: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(profile["attributes"]["verkauf_umsatz"], 12_500 + 2_086);

    // By commas elsewhere; and by semicolons alone they only may.
    let commas = sales("Kundennr;Preis;Umsatz", &|at| format!("{},50", at + 1));
    let (_, yaml) = drafted(&[("verkauf.csv", commas)]);
    assert!(
        yaml.contains("points mark thousands, it seems, since preis is written as 40,50"),
        "{yaml}"
    );
    let either = sales("Kundennr;Tag;Umsatz", &|at| format!("{at}"));
    let (_, yaml) = drafted(&[("verkauf.csv", either)]);
    assert!(yaml.contains("\"decimal(18,3)\", path: \"Umsatz\"}    # ? numbers"), "{yaml}");
    // Kilograms with three digits are no thousands.
    let weights = rows("Kundennr;Datum;Gewicht", 40, |at| {
        format!("{};01.07.2025;{}", at % 20, ["2.086", "12.500", "0.750"][at % 3])
    });
    let (_, yaml) = drafted(&[("verkauf.csv", weights)]);
    assert!(yaml.contains("path: \"Gewicht\"}    # numbers with up to 3 digits"), "{yaml}");
}

#[test]
fn numbers_that_have_lost_their_zeros_meet_those_that_have_them() {
    let customers =
        |id: &dyn Fn(usize) -> String| rows("id,city", 120, |at| id(at + 1) + ",Berlin");
    let orders = |id: &dyn Fn(usize) -> String| {
        rows("customer_id,ordered_at", 240, |at| id(at % 120 + 1) + ",2025-07-05T10:00:00Z")
    };
    let plain = |at: usize| at.to_string();
    let padded = |at: usize| format!("{at:05}");
    for (of_customers, of_orders) in [
        (&plain as &dyn Fn(usize) -> String, &padded as &dyn Fn(usize) -> String),
        (&padded, &plain),
    ] {
        let files = [("customers.csv", customers(of_customers)), ("orders.csv", orders(of_orders))];
        let (folder, yaml) = drafted(&files);
        for said in [
            "# customers.id and orders.customer_id share 0 of 120 values, and 120 without the zeros before them\n",
            "    normalize: ltrim(value, '0')    # ? 00001 is 1\n",
        ] {
            assert!(yaml.contains(said), "{said}\n{yaml}");
        }
        assert_eq!(profiles(folder.path()).len(), 120, "{yaml}");
    }
    // They say nothing where both have them, or some of one column alone.
    let mixed = |at: usize| if at.is_multiple_of(2) { padded(at) } else { plain(at) };
    for (of_customers, of_orders) in [
        (&padded as &dyn Fn(usize) -> String, &padded as &dyn Fn(usize) -> String),
        (&plain, &mixed),
    ] {
        let files = [("customers.csv", customers(of_customers)), ("orders.csv", orders(of_orders))];
        let (_, yaml) = drafted(&files);
        assert!(!yaml.contains("ltrim"), "{yaml}");
    }
    // What meets nowhere is one by its name alone.
    let files =
        [("customers.csv", customers(&plain)), ("orders.csv", orders(&|at| format!("K{at}")))];
    let (_, yaml) = drafted(&files);
    assert!(
        yaml.contains("# ? customers.id and orders.customer_id share 0 of 120 values\n"),
        "{yaml}"
    );
}

#[test]
fn folders_by_month_are_one_source_in_which_a_correction_counts_once() {
    let orders = |from: usize, to: usize, total: usize| {
        (from..to).fold("order_id,customer_id,updated_at,total\n".to_owned(), |text, at| {
            text + &format!("o{at},c{},2025-07-{:02}T10:00:00Z,{total}\n", at % 9, total)
        })
    };
    let returns = |at: usize| format!("return_id,customer_id,why\nr{at},c{at},broken\n");
    let (folder, yaml) = drafted(&[
        ("2025-06/orders-0.csv", orders(0, 40, 1)),
        ("2025-06/orders-1.csv", orders(40, 80, 1)),
        ("2025-06/returns.csv", returns(1)),
        ("2025-07/orders-0.csv", orders(70, 100, 2)),
        ("2025-07/returns.csv", returns(2)),
        ("eu/firms.csv", "mail,sum\na@x.org,1\n".to_owned()),
        ("us/firms.csv", "mail,sum\nb@x.org,1\n".to_owned()),
    ]);
    for said in [
        "  orders:    # 110 rows were looked at\n    files: \"data/*/orders-*.csv\"\n",
        "  returns:    # 2 rows were looked at\n    files: \"data/*/returns.csv\"\n",
        // What no number tells apart are two.
        "    files: \"data/eu/firms.csv\"\n",
        "    files: \"data/us/firms.csv\"\n",
    ] {
        assert!(yaml.contains(said), "{said}\n{yaml}");
    }
    let sums = profiles(folder.path());
    let total: u64 = sums.values().filter_map(|of| of["attributes"]["orders_total"].as_u64()).sum();
    assert_eq!(total, 70 + 30 * 2, "{yaml}");
}

#[test]
fn days_are_when_something_happened_in_whatever_language_they_say_so() {
    for name in [
        "Datum",
        "Bestelldatum",
        "Kaufdatum",
        "Fecha",
        "Date de commande",
        "date_created",
        "Invoice Date",
    ] {
        let head = format!("order_no,customer_id,{name}");
        let (_, yaml) = drafted(&[(
            "orders.csv",
            rows(&head, 30, |at| format!("o{at},c{},2025-07-{:02}", at % 9, at % 28 + 1)),
        )]);
        let time = name.to_lowercase().replace(' ', "_");
        assert!(yaml.contains(&format!("    time: {time}    # the only timestamp\n")), "{yaml}");
    }
    let (_, yaml) = drafted(&[(
        "orders.csv",
        rows("order_no,customer_id,Geburtsdatum", 30, |at| format!("o{at},c{},1980-07-05", at % 9)),
    )]);
    assert!(!yaml.contains("    time: "), "{yaml}");
}

#[test]
fn a_file_without_a_header_is_told_with_what_names_its_columns() {
    let said = refused(&[("people.csv", rows("1001,Ada,5", 5, |at| format!("{at},Ben,6")))]);
    for part in [
        "people: column_1 ('1001'), column_2 ('Ada'), column_3 ('5'); its first line seems to be no header",
        "by `columns: [column_1, column_2, column_3]`",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn columns_that_say_that_a_record_is_gone_delete_it() {
    for (name, gone, there, condition) in [
        ("is_deleted", "true", "false", "is_deleted"),
        ("deleted", "1", "0", "deleted = 1"),
        ("deleted_at", "2025-07-05T10:00:00Z", "", "deleted_at is not null"),
        ("status", "deleted", "active", "status = 'deleted'"),
    ] {
        let (folder, yaml) = drafted(&[(
            "customers.csv",
            rows(&format!("customer_id,email,{name}"), 30, |at| {
                format!("c{at},p{at}@x.org,{}", if at == 3 { gone } else { there })
            }),
        )]);
        assert!(yaml.contains(&format!("    deleted: {condition}    # ? rows say so\n")), "{yaml}");
        assert_eq!(profiles(folder.path()).len(), 29, "{yaml}");
    }
}
