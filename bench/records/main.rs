//! What it costs to put a profile together and to see whether it is another one: as packed bytes, as a value for
//! each attribute, and as text.
//!
//! `cargo bench --bench records`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use selfsame::internals::columns::datum;
use selfsame::internals::row::Datum;
use selfsame::internals::sink::json::write_value;
use selfsame::internals::sink::{Packer, pack_value};
use xxhash_rust::xxh3::xxh3_128;

const PEOPLE: usize = 4_096;
const ROUNDS: usize = 60;

/// 30 attributes, as many of each type as a shop's profile has.
fn columns() -> Vec<ArrayRef> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    let some = |index: usize| !index.is_multiple_of(7);
    for number in 0..30usize {
        let values = 0..PEOPLE;
        let column: ArrayRef = match number % 6 {
            0 | 1 => Arc::new(Int64Array::from_iter(
                values.map(|of| some(of).then_some((of * number % 50) as i64)),
            )),
            2 => Arc::new(StringArray::from_iter(
                values.map(|of| some(of).then(|| format!("name-{}", of * number))),
            )),
            3 => Arc::new(TimestampMicrosecondArray::from_iter(
                values.map(|of| some(of).then_some(1_751_673_600_000_000 + (of * number) as i64)),
            )),
            4 => Arc::new(
                Decimal128Array::from_iter(
                    values.map(|of| some(of).then_some((of * number) as i128)),
                )
                .with_precision_and_scale(38, 2)
                .expect("a decimal"),
            ),
            _ if number % 12 == 5 => Arc::new(Float64Array::from_iter(
                values.map(|of| some(of).then_some(of as f64 / 7.0)),
            )),
            _ => {
                Arc::new(BooleanArray::from_iter(values.map(|of| some(of).then_some(of % 2 == 0))))
            }
        };
        columns.push(column);
    }
    columns
}

/// Prints the nanoseconds that a profile takes, the median of all rounds, and its bytes.
fn measure(what: &str, mut profile: impl FnMut(usize) -> (u128, usize)) {
    let mut rounds: Vec<f64> = Vec::new();
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        bytes = (0..PEOPLE).map(|person| black_box(profile(person)).1).sum();
        rounds.push(start.elapsed().as_nanos() as f64 / PEOPLE as f64);
    }
    rounds.sort_by(f64::total_cmp);
    println!("{what:<44} {:>7.0} ns {:>6} bytes", rounds[ROUNDS / 2], bytes / PEOPLE);
}

fn main() {
    let columns = columns();
    let mut packer = Packer::default();
    let pack = |person: usize, packer: &mut Packer| {
        packer.clear();
        for (number, column) in columns.iter().enumerate() {
            packer.name(number as u16);
            pack_value(column, person, packer);
        }
    };
    measure("packed, with its digest", |person| {
        pack(person, &mut packer);
        (xxh3_128(packer.bytes()), packer.bytes().len())
    });
    measure("packed, with its digest, and kept", |person| {
        pack(person, &mut packer);
        let digest = xxh3_128(packer.bytes());
        let kept: Arc<[u8]> = packer.bytes().into();
        (digest, black_box(kept).len())
    });
    measure("a value for each attribute, compared", |person| {
        let row = || -> Vec<Option<Datum>> {
            columns.iter().map(|column| datum(column, person)).collect()
        };
        let row = black_box(row());
        (u128::from(row == black_box(row.clone())), size_of_val(&*row))
    });
    let mut json = String::new();
    measure("text, from packed values, with its digest", |person| {
        pack(person, &mut packer);
        json.clear();
        let mut values = packer.read(0);
        for _ in 0..columns.len() {
            values.name();
            json.push_str("\"attribute\":");
            write_value(&mut values, &mut json);
            json.push(',');
        }
        (xxh3_128(json.as_bytes()), json.len())
    });
}
