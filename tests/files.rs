//! Files: Parquet, files that grow, and sources that take turns.

mod input;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringArray, StructArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use input::written::parquet;
use input::{Input, definition};
use selfsame::internals::decode::key_hash;
use selfsame::internals::source::{Chunk, Feeds, Next, Positions, SourceOptions};

fn orders(ids: &[Option<&str>], amounts: &[i128], emails: &[Option<&str>]) -> RecordBatch {
    let emails: ArrayRef = Arc::new(StringArray::from(emails.to_vec()));
    let fields = Fields::from(vec![Field::new("email", DataType::Utf8, true)]);
    let amounts = Decimal128Array::from(amounts.to_vec()).with_precision_and_scale(20, 3);
    let times = TimestampMillisecondArray::from(vec![1_751_673_600_000; ids.len()]);
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(StringArray::from(ids.to_vec()))),
        ("at", Arc::new(times.with_timezone("UTC"))),
        ("unused", Arc::new(Float64Array::from(vec![1.0; ids.len()]))),
        ("amount", Arc::new(amounts.unwrap())),
        ("customer", Arc::new(StructArray::new(fields, vec![emails], None))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .expect("columns of one length")
}

#[test]
fn rows_of_parquet_files_are_numbered_and_stand_or_fall_alone() {
    let good = orders(&[Some("a"), Some("b")], &[1_500, 20], &[Some("a@x.org"), Some("b@x.org")]);
    let bad =
        orders(&[Some("c"), None, Some("e")], &[1_505, 10, 10], &[Some("c@x.org"), None, None]);
    let many = vec![good; 1_000];
    let bytes = parquet(&[&many[..], &[bad]].concat());
    let read = Input::new(definition::ORDERS, &[("orders.parquet", &bytes)]).read();
    assert_eq!(read.rows_in, 2_003);
    assert_eq!(read.keys(), ["a", "b"].map(key_hash).repeat(1_000));
    let rows: Vec<u64> = read.rows.iter().map(|row| row.position.offset).collect();
    assert_eq!(rows, (1..=2_000).collect::<Vec<_>>());
    assert_eq!(read.rows[0].time, 1_751_673_600_000_000);
    assert_eq!(
        read.reasons(),
        [
            "2001 out_of_range amount: 1.505 does not fit decimal(12,2)",
            "2002 missing_id id: the row has no id",
            "2002 unidentified : none of the row's columns gives an identifier",
            "2003 unidentified : none of the row's columns gives an identifier",
        ]
    );
    assert_eq!(
        String::from_utf8_lossy(&read.rejects[1].raw),
        r#"{"amount":"0.010","at":"2025-07-05T00:00:00Z","customer":{"email":null},"id":null}"#
    );
}

#[test]
fn a_parquet_file_is_checked_before_anything_starts() {
    let other = RecordBatch::try_from_iter([
        ("id", Arc::new(StringArray::from(vec!["a"])) as ArrayRef),
        ("at", Arc::new(Float64Array::from(vec![1.0]))),
        ("amuont", Arc::new(Float64Array::from(vec![1.0]))),
        ("customer", Arc::new(StringArray::from(vec!["a"]))),
    ]);
    let bytes = parquet(&[other.expect("columns of one length")]);
    let wrong = Input::new(definition::ORDERS, &[("orders.parquet", &bytes)]).fails();
    assert_eq!(
        wrong,
        "source orders: <folder>/orders.parquet: column at is a Parquet Float64, which is no timestamp: declare it as number"
    );
    // Two thousand million rows without a column, which no default stands in for.
    let metadata = b"\x15\x02\x19\x1c\x48\x01m\x15\0\0\x16\x80\x80\x80\x80\x10\x19\x1c\
                     \x19\x0c\x16\0\x16\x80\x80\x80\x80\x10\0\0";
    let size = (metadata.len() as u32).to_le_bytes();
    let bytes = [b"PAR1", &metadata[..], &size, b"PAR1"].concat();
    let wrong = Input::new(definition::DEFAULTS, &[("orders.parquet", &bytes)]).fails();
    assert_eq!(wrong, "source orders: <folder>/orders.parquet: no column id; it has none");
    let wrong = Input::new(definition::ORDERS, &[("orders.parquet", b"PAR1")]).fails();
    let start = "source orders: <folder>/orders.parquet: not readable as Parquet: ";
    assert!(wrong.starts_with(start), "{wrong}");
}

fn rows(input: &Input, feeds: &mut Feeds, wanted: usize) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let start = Instant::now();
    while found.len() < wanted {
        assert!(start.elapsed() < Duration::from_secs(10), "{found:?}");
        match feeds.workers[0].try_next() {
            Next::Chunk(chunk) => {
                let file = chunk.origin.rsplit('/').next().expect("a name").to_owned();
                let decoded = input.decode(&chunk);
                assert!(decoded.rejects.is_empty());
                found.extend(decoded.rows.iter().map(|row| (file.clone(), row.position.offset)));
            }
            Next::Empty | Next::Together(..) => std::thread::sleep(Duration::from_millis(1)),
            other => panic!("{other:?}"),
        }
    }
    found
}

fn follow() -> SourceOptions {
    SourceOptions { follow: true, ..SourceOptions::default() }
}

const LINE: &str = r#"{"id":"a","at":"2025-07-05T00:00:00Z","email":"a@x.org"}"#;

#[test]
fn files_that_grow_and_new_ones_are_followed() {
    let first = format!("{LINE}\n{}", &LINE[..20]);
    let input = Input::new(definition::EVENTS, &[("events1.ndjson", first.as_bytes())]);
    let mut feeds = input.start(&follow());
    let at = |file: &str, line| (file.to_owned(), line);
    assert_eq!(rows(&input, &mut feeds, 1), [at("events1.ndjson", 1)]);

    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(input.path("events1.ndjson"))
        .expect("the file is there");
    // The rest of the line that waited, without its newline, then that and another line.
    file.write_all(&LINE.as_bytes()[20..]).expect("it writes");
    std::thread::sleep(Duration::from_millis(400));
    assert!(matches!(feeds.workers[0].try_next(), Next::Empty));
    file.write_all(format!("\n{LINE}\n").as_bytes()).expect("it writes");
    let both = rows(&input, &mut feeds, 2);
    assert_eq!(both, [at("events1.ndjson", 2), at("events1.ndjson", 3)]);

    // A new file comes behind the others, although its name comes before.
    std::fs::write(input.path("events0.ndjson"), format!("{LINE}\n")).expect("it writes");
    assert_eq!(rows(&input, &mut feeds, 1), [at("events0.ndjson", 1)]);
    file.write_all(format!("{LINE}\n").as_bytes()).expect("it writes");
    assert_eq!(rows(&input, &mut feeds, 1), [at("events1.ndjson", 4)]);
}

#[test]
fn a_followed_csv_file_may_get_its_header_later() {
    let input = Input::new(definition::PRODUCTS, &[("products.csv", b"sku,ti")]);
    let mut feeds = input.start(&follow());
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(input.path("products.csv"))
        .expect("the file is there");
    file.write_all(b"tle,price\na,\"x\ny\",1\nb,\"").expect("it writes");
    assert_eq!(rows(&input, &mut feeds, 1), [("products.csv".to_owned(), 2)]);
    file.write_all(b"z\",2\n").expect("it writes");
    assert_eq!(rows(&input, &mut feeds, 1), [("products.csv".to_owned(), 4)]);
}

#[test]
fn reading_stops_when_nobody_wants_it_any_more() {
    let input = Input::new(definition::EVENTS, &[("events.ndjson", LINE.as_bytes())]);
    let options = follow();
    let woken = Arc::new(());
    let alive = Arc::downgrade(&woken);
    let feeds = input.start_with(&options, Arc::new(move || drop(Arc::clone(&woken))));
    assert!(alive.upgrade().is_some());
    drop(feeds);
    let start = Instant::now();
    while alive.upgrade().is_some() {
        assert!(start.elapsed() < Duration::from_secs(5), "the thread still holds what wakes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn sources_take_turns() {
    let events = format!("{LINE}\n").repeat(20_000);
    let products = "sku,title,price\n".to_owned() + &"a,b,1\n".repeat(200_000);
    let files = [("events.ndjson", events.as_bytes()), ("products.csv", products.as_bytes())];
    let input = Input::new(definition::BOTH, &files);
    let mut feeds = input.start(&SourceOptions { follow: false, ..follow() });
    let mut order = Vec::new();
    while order.len() < 6 {
        match feeds.workers[0].try_next() {
            Next::Chunk(chunk) => order.push(chunk.source),
            Next::Empty | Next::Together(..) => std::thread::yield_now(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(order, [0, 1, 0, 1, 0, 1]);
}

/// The chunks of a run that ends, and how much it was to read.
fn all(input: &Input, options: &SourceOptions) -> (Vec<Chunk>, Option<u64>) {
    let mut feeds = input.start(options);
    let mut chunks = Vec::new();
    loop {
        match feeds.workers[0].try_next() {
            Next::Chunk(chunk) => chunks.push(chunk),
            Next::Empty => std::thread::yield_now(),
            Next::Ended => return (chunks, feeds.bytes),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_run_that_is_started_again_reads_what_is_new_and_nothing_where_nothing_is() {
    let events = format!("{LINE}\n").repeat(3);
    let products = "sku,title,price\na,b,1\n";
    let files = [("events.ndjson", events.as_bytes()), ("products.csv", products.as_bytes())];
    let input = Input::new(definition::BOTH, &files);
    let (chunks, bytes) = all(&input, &SourceOptions::default());
    assert_eq!(bytes, Some((events.len() + products.len()) as u64));
    let mut positions = Positions::default();
    let mut add = |chunks: &[Chunk]| {
        let reached = chunks.iter().map(|chunk| chunk.reached.as_ref().expect("of a file"));
        reached.for_each(|reached| positions.add(reached));
        // As they are kept from run to run.
        let kept = bincode::serialize(&positions).expect("they are plain");
        let positions = Arc::new(bincode::deserialize(&kept).expect("they come back"));
        SourceOptions { positions, ..SourceOptions::default() }
    };
    let options = add(&chunks);
    let (nothing, bytes) = all(&input, &options);
    assert_eq!((nothing.len(), bytes), (0, Some(0)));

    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(input.path("products.csv"))
        .expect("the file is there");
    file.write_all(b"c,d,2\n").expect("it writes");
    let (more, bytes) = all(&input, &options);
    assert_eq!((more.len(), bytes), (1, Some(6)));
    let rows = input.decode(&more[0]).rows;
    assert_eq!((more[0].part, rows[0].position.offset), (chunks[1].part, 3));

    // What is gone was read.
    std::fs::remove_file(input.path("events.ndjson")).expect("it was there");
    let (nothing, bytes) = all(&input, &add(&more));
    assert_eq!((nothing.len(), bytes), (0, Some(0)));
}
