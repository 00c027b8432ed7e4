//! What lies in a data folder is read by tools that are not ours: DuckDB and pandas, as a user would have them.

mod program;
mod python;

use std::fs;
use std::process::Command;

use program::selfsame;

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
    let asked = Command::new(python).args(["-c", QUESTIONS]).current_dir(folder.path()).output();
    let asked = asked.expect("Python runs");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let told = String::from_utf8(asked.stdout).expect("UTF-8");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "500 125375.00 2026-02-01 10:00:00+00 2026-02-28 250 1000 True");
    assert_eq!(lines[1], "500 125375.00 250 7 500");
}
