//! What lies in a data folder is read by tools that are not ours: DuckDB and pandas, as a user would have them.

mod program;
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use program::outputs::holds;
use program::selfsame;
use serde_json::json;

const DEFINITION: &str = "
sources:
  orders:
    files: orders.ndjson
    kind: events
    id: id
    time: placed
    fields: {id: text, placed: timestamp, email: text, amount: \"decimal(12,2)\", tags: [text], day: date, ok: boolean}
identity:
  email: {from: {orders: email}}
attributes:
  spent: {from: orders, select: sum(amount)}
outputs:
  profiles: {files: out/profiles.ndjson}
";

const QUESTIONS: &str = "
import duckdb, pandas
duck = duckdb.connect().execute('''select count(*), sum(amount), cast(min(placed) as varchar),
    cast(max(\"day\") as varchar), count(case when ok then 1 end), sum(len(tags)), count(distinct __tick) > 0
    from read_parquet('data/rows/orders/*.parquet')''').fetchall()[0]
print(*duck)
rows = pandas.read_parquet('data/rows/orders')
print(len(rows), rows['amount'].sum(), int(rows['ok'].sum()), rows['email'].nunique(), rows['__offset'].max())
";

/// Of files whose fields differ, as the reference says.
const OF_OTHERS: &str = "
import duckdb, glob, pandas
files = 'data/rows/orders/*.parquet'
print(*duckdb.connect().execute(f\"select count(*), max(city), max(ok) from read_parquet('{files}', union_by_name = true)\").fetchone())
rows = pandas.concat(pandas.read_parquet(file) for file in glob.glob(files))
print(len(rows), rows['city'].count(), rows['city'].dropna().iloc[0])
";

#[test]
fn duckdb_and_pandas_read_the_stored_rows_as_they_are() {
    let Some(python) = python::with("readers", &["duckdb", "pandas", "pyarrow"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.yaml"), DEFINITION).expect("it is written");
    let order = |number: u32| {
        let (user, day) = (number % 7, 1 + number % 28);
        format!(
            "{{\"id\":\"{number}\",\"placed\":\"2026-02-{day:02}T10:00:00Z\",\"email\":\"u{user}@example.com\",\
             \"amount\":{number}.25,\"tags\":[\"a\",\"b\"],\"day\":\"2026-02-{day:02}\",\"ok\":{}}}\n",
            number.is_multiple_of(2)
        )
    };
    let orders: String = (1..=500).map(order).collect();
    fs::write(folder.path().join("orders.ndjson"), orders).expect("it is written");
    selfsame(folder.path(), &["run", "shop.yaml", "--data", "data"]).well();
    let asked = Command::new(&python).args(["-c", QUESTIONS]).current_dir(folder.path()).output();
    let asked = asked.expect("Python runs");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let told = String::from_utf8(asked.stdout).expect("UTF-8");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "500 125375.00 2026-02-01 10:00:00+00 2026-02-28 250 1000 True");
    assert_eq!(lines[1], "500 125375.00 250 7 500");
    // Another definition has one field more, and another has another type.
    let other = DEFINITION.replace("tags: [text]", "city: text").replace("ok: boolean", "ok: text");
    fs::write(folder.path().join("shop.yaml"), other).expect("it is written");
    let order = "{\"id\":\"501\",\"placed\":\"2026-03-01T10:00:00Z\",\"email\":\"u1@example.com\",\"amount\":1,\
                 \"city\":\"Oslo\",\"ok\":\"yes\"}\n";
    let file = folder.path().join("orders.ndjson");
    fs::write(&file, fs::read_to_string(&file).expect("it is there") + order)
        .expect("it is written");
    selfsame(folder.path(), &["run", "shop.yaml", "--data", "data"]).well();
    let asked = Command::new(python).args(["-c", OF_OTHERS]).current_dir(folder.path()).output();
    let asked = asked.expect("Python runs");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    assert_eq!(String::from_utf8_lossy(&asked.stdout), "501 Oslo yes\n501 1 Oslo\n");
}

/// The query that the reference shows, with what is told beside it in the place of its order.
fn recipe(order: &str) -> String {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let reference = fs::read_to_string(reference).expect("the reference");
    let (_, behind) = reference.split_once("```sql\nselect email, sum(amount)").expect("a query");
    let (query, beside) = behind.split_once(";\n```").expect("its end");
    let (by, _) = query.split_once(") = 1").expect("a row number");
    let (_, shown) = by.split_once("(partition by id ").expect("by id");
    assert!(order == shown || beside.contains(&format!("`{order}`")), "{order}");
    format!("select email, sum(amount){}", query.replace(shown, order).replace("data/shop", "data"))
}

/// Orders that come again: in the same file and in a later one, with other amounts, and as earlier ones.
#[test]
fn the_query_of_the_reference_comes_to_what_a_run_adds_up() {
    let Some(python) = python::with("readers", &["duckdb", "pandas", "pyarrow"]) else { return };
    let order = |number: u32, minute: u32, amount: u32| {
        let (hour, user) = (number % 24, number % 7);
        let placed = format!("2026-02-01T{hour:02}:{minute:02}:00Z");
        let email = format!("u{user}@example.com");
        let order =
            json!({"id": number.to_string(), "placed": placed, "email": email, "amount": amount});
        format!("{order}\n")
    };
    let first: String = (1..=300).map(|of| order(of, 30, of)).collect();
    let again: String = (1..=300).step_by(5).map(|of| order(of, 40, 10_000)).collect();
    let earlier: String = (1..=300).step_by(3).map(|of| order(of, 20, 20_000)).collect();
    for (clock, by) in [
        ("wall", "order by __tick, __part, __offset"),
        ("event", "order by placed, __part, __offset"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        fs::write(path.join("shop.yaml"), DEFINITION.replace("orders.ndjson", "orders*.ndjson"))
            .expect("it is written");
        let run = || {
            let run = ["run", "shop.yaml", "--data", "data", "--clock", clock, "--until-end"];
            selfsame(path, &run).well()
        };
        fs::write(path.join("orders1.ndjson"), format!("{first}{again}")).expect("it is written");
        run();
        fs::write(path.join("orders2.ndjson"), &earlier).expect("it is written");
        run();
        let spent: BTreeMap<String, f64> = holds(path, &["profiles"])
            .values()
            .map(|of| {
                let email = of["identifiers"]["email"][0].as_str().expect("an address").to_owned();
                (email, of["attributes"]["spent"].as_f64().expect("a number"))
            })
            .collect();
        let query = format!(
            "import duckdb, json\nrows = duckdb.execute('''{}''').fetchall()\n\
             print(json.dumps({{email: float(spent) for email, spent in rows}}))",
            recipe(by).replace('\'', "\\'")
        );
        let asked = Command::new(&python).args(["-c", &query]).current_dir(path).output();
        let asked = asked.expect("Python runs");
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        let told: BTreeMap<String, f64> = serde_json::from_slice(&asked.stdout).expect("JSON");
        assert_eq!((told.len(), told), (7, spent), "--clock {clock}");
    }
}
