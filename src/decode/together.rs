//! That rows which would make too much together are decoded in parts, and come out the same.

use std::path::Path;
use std::sync::Arc;

use super::evaluate::ROOMS;
use super::{Decoded, Decoder};
use crate::definition::sql::limits::TOGETHER;
use crate::source::{Chunk, Payload};

const ROWS: usize = 600;

/// Each row makes a megabyte, in four places: a derived column, an identifier and two attributes.
const DEFINITION: &str = "
sources:
  web:
    files: web.ndjson
    kind: events
    fields: {id: text, n: integer}
    derive: {wide: \"repeat(id, n)\", whole: \"1 / (n % 7 - 1)\"}
identity:
  wide: {from: {web: wide}, normalize: \"value || value\"}
attributes:
  last: {from: web, select: \"last(repeat(id, n))\"}
  first: {from: web, select: \"first(repeat(id, n + 1))\"}
outputs: {profiles: {files: out.ndjson}}
";

fn decode(lines: &[String], first_line: u64, decoder: &mut Decoder) -> Decoded {
    let bytes = lines.concat().into_bytes();
    let payload = Payload::Lines { bytes, first_line, header: None, arrived: 0 };
    decoder.decode(&Chunk { source: 0, part: 0, origin: "web".into(), payload, reached: None }, 0)
}

#[test]
fn rows_that_make_too_much_together_come_out_as_they_do_one_by_one() {
    let plan = crate::definition::parse(DEFINITION, Path::new("test.yaml"), &|_| None);
    let mut decoder = Decoder::new(Arc::new(plan.expect("a definition")), 0);
    let line = |row: usize| format!("{{\"id\":\"{row:03}\",\"n\":{}}}\n", 60_000 + row);
    let lines: Vec<String> = (0..ROWS).map(line).collect();
    let together = decode(&lines, 1, &mut decoder);
    // All that they make is counted, and each part of it has room.
    let made: usize = (0..ROWS).map(|row| 5 * 3 * (60_000 + row)).sum();
    assert!(ROOMS.get() > 2 * (made / TOGETHER as usize), "{} rooms", ROOMS.get());
    assert!(together.held >= made as u64, "{} bytes are held", together.held);
    let (mut rows, mut rejects) = (together.rows.iter(), together.rejects.iter());
    for (place, line) in lines.iter().enumerate() {
        let alone = decode(std::slice::from_ref(line), place as u64 + 1, &mut decoder);
        for row in alone.rows {
            let same = rows.next().expect("as many rows");
            assert_eq!((row.position, row.key), (same.position, same.key));
            let (one, other) =
                (row.body.expect("it stands"), same.body.as_ref().expect("it stands"));
            assert_eq!(&one, other);
        }
        for reject in alone.rejects {
            let same = rejects.next().expect("as many rejects");
            assert_eq!(
                (reject.position, reject.reasons),
                (same.position.clone(), same.reasons.clone())
            );
        }
    }
    assert!(rows.next().is_none() && rejects.next().is_none() && together.rejects.len() > ROWS / 8);
}
