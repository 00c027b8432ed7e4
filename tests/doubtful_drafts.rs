//! What `selfsame init` makes of files whose names and numbers may mislead: it says of what it is not sure, and drafts what
//! makes one person of each and counts each amount once.

mod program;

use std::collections::BTreeMap;
use std::path::Path;

use md5::{Digest, Md5};
use program::outputs::{folded, values};
use program::selfsame;
use serde_json::Value;
use sha2::Sha256;

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

#[test]
fn a_header_may_ask_questions_and_give_examples() {
    for named in [
        "How likely are you to recommend our company to a friend or a colleague? (0-10)",
        "E-mail (name@company.org)",
        "2024",
    ] {
        let (folder, yaml) = drafted(&[(
            "answers.csv",
            rows(&format!("answered_at,customer_id,{named}"), 20, |at| {
                let third =
                    if named.contains('@') { format!("p{at}@x.org") } else { at.to_string() };
                format!("2025-07-05T10:00:{at:02}Z,c{at},{third}")
            }),
        )]);
        assert!(!yaml.contains("    columns: "), "{yaml}");
        assert!(yaml.contains("# 20 rows were looked at\n"), "{yaml}");
        assert!(yaml.contains("    time: answered_at    # the only timestamp\n"), "{yaml}");
        assert_eq!(profiles(folder.path()).len(), 20, "{yaml}");
    }
}

#[test]
fn addresses_in_lists_are_their_owners() {
    let contacts = (0..10).fold(String::new(), |text, at| {
        text + &format!(
            "{{\"contact_id\":\"c{at}\",\"emails\":[\"p{at}@x.org\",\"P{at}@y.org\",null],\"recipients\":[\"z@x.org\"]}}\n"
        )
    });
    let orders = rows("order_id,email", 10, |at| format!("o{at},p{at}@y.org"));
    let (folder, yaml) = drafted(&[("contacts.ndjson", contacts), ("orders.csv", orders)]);
    let tied = identity(&yaml);
    assert!(tied.contains(&"{contacts: emails, orders: email}"), "{yaml}");
    assert!(yaml.contains("20 of 20 values in lists are e-mail addresses; ? all in one"), "{yaml}");
    // Whom a message went to are several people.
    let people = profiles(folder.path());
    assert_eq!(people.len(), 10, "{yaml}");
    assert!(people.values().all(|of| of["attributes"]["orders_rows"] == 1), "{people:?}");
}

#[test]
fn words_for_none_do_not_hide_addresses_and_what_is_cloned_is_nobody() {
    let (folder, yaml) = drafted(&[(
        "visits.csv",
        rows("at,remote_user,ssh_url", 40, |at| {
            let user = if at % 4 == 0 { format!("p{at}@x.org") } else { "-".to_owned() };
            format!("2025-07-05T10:00:{at:02}Z,{user},git@github.com:octo/cat.git")
        }),
    )]);
    assert_eq!(identity(&yaml), ["{visits: remote_user}"], "{yaml}");
    assert!(yaml.contains("visits.remote_user: 10 of 40 values are e-mail addresses; ? 30 are something else, such as '-',"), "{yaml}");
    assert_eq!(profiles(folder.path()).len(), 10, "{yaml}");
}

#[test]
fn what_would_be_one_row_of_many_people_is_refused_with_what_makes_rows_of_it() {
    let each = |row: &dyn Fn(usize) -> String| (0..5).map(row).collect::<Vec<_>>().join(",");
    let by_key = each(&|at| format!("\"u{at}\":{{\"email\":\"p{at}@x.org\",\"seen\":{at}}}"));
    let lists = each(&|at| format!("[{at},\"p{at}@x.org\"]"));
    for (name, text, remedy) in [
        ("users.json", format!("{{{by_key}}}"), "jq -c 'to_entries[] | {key} + .value'"),
        ("users.json", format!("{{\"users\":{{{by_key}}}}}"), "jq -c '.\"users\" | to_entries[]"),
        ("users.json", format!("[[\"id\",\"email\"],{lists}]"), "jq -r '.[] | @csv'"),
        (
            "users.csv",
            rows("id;email;city", 5, |at| format!("{at};p{at}@x.org;Ulm;")),
            "its header names 3 columns, and most of its rows have 4 cells: give it as many, as by sed '1s/\\r*$/;/'",
        ),
    ] {
        let said = refused(&[(name, text)]);
        assert!(said.contains(remedy), "{remedy}\n{said}");
    }
}

#[test]
fn changes_of_a_table_are_told_with_where_to_read_on() {
    let changes = (0..30).fold(String::new(), |text, at| {
        let row = format!("{{\"id\":{},\"email\":\"p{}@x.org\"}}", at % 10, at % 10);
        let (before, after, op) = match at {
            ..10 => ("null", row.as_str(), "c"),
            10..20 => (row.as_str(), row.as_str(), "u"),
            _ => (row.as_str(), "null", "d"),
        };
        text + &format!("{{\"before\":{before},\"after\":{after},\"op\":\"{op}\",\"ts_ms\":1751710000{at:03}}}\n")
    });
    let (_, yaml) = drafted(&[("customers.ndjson", changes)]);
    assert!(yaml.contains("    # ? changes of a table, it seems: docs/guide.md"), "{yaml}");
    let guide = std::fs::read_to_string("docs/guide.md").expect("the guide");
    assert!(guide.contains("\n## Changes of a database\n"));
}

#[test]
fn what_kind_a_browser_is_makes_nobody_of_strangers() {
    let kinds = ["Chrome", "Mobile Safari", "Firefox"];
    let (folder, yaml) = drafted(&[(
        "visits.csv",
        rows("visit_id,at,email,client,browser,device,device_model_id,cookie", 120, |at| {
            format!(
                "{at},2025-07-05T10:00:{:02}Z,p{}@x.org,{},{} {},iPhone{},{},c{}",
                at % 60,
                at % 40,
                ["web", "ios"][at % 2],
                kinds[at % 3],
                at % 7,
                at % 11,
                at % 13,
                at % 40
            )
        }),
    )]);
    assert_eq!(identity(&yaml), ["{visits: email}", "{visits: cookie}"], "{yaml}");
    assert!(
        yaml.contains("left out: visits.client: most of its values stand beside more"),
        "{yaml}"
    );
    assert!(yaml.contains("left out: visits.device_model_id: most of its values stand beside more than 3 different email each"), "{yaml}");
    // Others may have the same one, also where an address is all that says who somebody is.
    assert!(yaml.contains("    shared_after: 10    # ?"), "{yaml}");
    assert_eq!(profiles(folder.path()).len(), 40, "{yaml}");
}

#[test]
fn hashes_of_addresses_meet_the_addresses() {
    let sha256 = |text: &str| const_hex::encode(Sha256::digest(text));
    let md5 = |text: &str| const_hex::encode(Md5::digest(text)).to_uppercase();
    for (column, hash) in
        [("hashed_email", &sha256 as &dyn Fn(&str) -> String), ("email_md5", &md5)]
    {
        let (folder, yaml) = drafted(&[
            ("crm.csv", rows("customer_id,email", 20, |at| format!("c{at},P{at}@x.org"))),
            (
                "ads.csv",
                rows(&format!("click_id,{column}"), 30, |at| {
                    format!("k{at},{}", hash(&format!("p{}@x.org", at % 10)))
                }),
            ),
        ]);
        assert!(
            identity(&yaml).contains(&format!("{{ads: {column}, crm: email}}").as_str()),
            "{yaml}"
        );
        let people = profiles(folder.path());
        let clicks = |of: &Value| of["attributes"]["ads_rows"].as_u64().expect("a number");
        assert_eq!(people.values().filter(|of| clicks(of) == 3).count(), 10, "{yaml}\n{people:?}");
        assert_eq!(people.len(), 20);
    }
}

#[test]
fn numbers_in_marks_of_excels_meet_those_without() {
    let (folder, yaml) = drafted(&[
        ("crm.csv", rows("customer_id,email", 20, |at| format!("=\"{:05}\",p{at}@x.org", at + 1))),
        ("orders.csv", rows("order_no,customer_id", 20, |at| format!("o{at},{:05}", at + 1))),
    ]);
    assert!(yaml.contains("# =\"00017\" is 00017, as Excel is told\n"), "{yaml}");
    let people = profiles(folder.path());
    assert_eq!(people.len(), 20, "{yaml}");
    assert!(people.values().all(|of| of["identifiers"]["email"][0].is_string()), "{people:?}");
}

#[test]
fn two_people_who_stand_in_one_row_are_two() {
    for (head, one, other, people) in [
        ("from_email,to_email", 1, 30, 30),
        ("host_email,invitee_email", 3, 30, 30),
        ("buyer_email,seller_email", 30, 7, 30),
    ] {
        let (folder, yaml) = drafted(&[(
            "calls.csv",
            rows(&format!("call_id,at,{head}"), 60, |at| {
                format!("k{at},2025-07-05T10:00:{at:02}Z,a{}@x.org,b{}@x.org", at % one, at % other)
            }),
        )]);
        assert!(yaml.contains(" it says somebody else than "), "{yaml}");
        assert!(yaml.contains("  # ? left out: calls."), "{yaml}");
        assert_eq!(profiles(folder.path()).len(), people, "{yaml}");
    }
    // Who has two addresses, and who has things sent to somebody else now and then.
    for (second, people) in [("b{}@x.org", 30), ("a{}@x.org", 30)] {
        let (folder, yaml) = drafted(&[(
            "orders.csv",
            rows("order_id,at,billing_email,shipping_email", 60, |at| {
                let second = second.replace("{}", &(at % 30).to_string());
                format!("o{at},2025-07-05T10:00:{at:02}Z,a{}@x.org,{second}", at % 30)
            }),
        )]);
        assert_eq!(identity(&yaml), ["{orders: [billing_email, shipping_email]}"], "{yaml}");
        assert_eq!(profiles(folder.path()).len(), people, "{yaml}");
    }
}
