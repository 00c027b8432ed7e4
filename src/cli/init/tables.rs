//! Tables of text: what parts their cells, whether the first line names the columns, and whether rows have as many cells as that.

use std::collections::HashMap;

use csv::StringRecord;

use super::names::is_email;
use super::words;

/// What is longer is rarely a name, but may be a question, and what is longer still is none.
const LONG: usize = 64;
const LONGEST: usize = 512;

/// The one that parts the first lines into as many cells each, and most.
pub fn delimiter_of(text: &str) -> u8 {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).take(20).collect();
    let score = |delimiter: u8| {
        let mut reader = csv::ReaderBuilder::new();
        let text = lines.join("\n");
        let mut reader = reader
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        let counts: Vec<usize> =
            reader.records().filter_map(Result::ok).map(|row| row.len()).collect();
        let first = counts.first().copied().unwrap_or(1);
        (counts.iter().filter(|count| **count == first && first > 1).count(), first)
    };
    // The first of equals is meant.
    let all = [b',', b';', b'\t', b'|'];
    all.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(b',')
}

/// What a cell is like.
#[derive(Clone, Copy, PartialEq)]
enum CellShape {
    Number,
    Email,
    Long,
    Other,
}

fn shape(cell: &str) -> CellShape {
    match cell.trim() {
        cell if cell.parse::<f64>().is_ok() => CellShape::Number,
        cell if is_email(cell) => CellShape::Email,
        cell if cell.len() >= LONG => CellShape::Long,
        _ => CellShape::Other,
    }
}

/// Whether the first line of a table names its columns. A cell that could be a value of its column, a number above numbers or
/// an address above addresses, speaks against it; one that is unlike all that stand below it speaks for it. Where neither is
/// there, it does: so names may be as long as questions are, and years.
pub fn is_header(first: &StringRecord, rest: &[StringRecord]) -> bool {
    if first.iter().all(|cell| cell.trim().is_empty())
        || first.iter().any(|cell| cell.len() > LONGEST)
    {
        return false;
    }
    let (mut names, mut values) = (0, 0);
    for (at, cell) in first.iter().enumerate().filter(|(_, cell)| !cell.trim().is_empty()) {
        let above = shape(cell);
        let below = || rest.iter().filter_map(|row| row.get(at));
        let below = || below().filter(|cell| !cell.trim().is_empty() && !words::is_none(cell));
        let (all, alike) = below().fold((0, 0), |(all, alike), cell| {
            (all + 1, alike + usize::from(shape(cell) == above))
        });
        let are_typed = all > 0
            && matches!(
                shape(below().next().unwrap_or_default()),
                CellShape::Number | CellShape::Email
            );
        let has_digit = |cell: &str| cell.bytes().any(|byte| byte.is_ascii_digit());
        let are_codes = all > 0 && below().all(has_digit);
        let is_unlike = alike == 0 && are_typed || are_codes && !has_digit(cell);
        match above {
            CellShape::Other => names += usize::from(is_unlike && !words::is_none(cell)),
            CellShape::Number | CellShape::Email | CellShape::Long => {
                // Where nothing is below, a number or an address is a value, as in a table of one line.
                let is_value = alike * 2 > all || all == 0 && above != CellShape::Long;
                values += usize::from(is_value);
                names += usize::from(is_unlike && !is_value);
            }
        }
    }
    values == 0 || names > 0 && names * 2 >= values
}

/// How many cells most rows of a table have.
pub struct UsualCells {
    pub number: usize,
    /// Whether those behind the last that the header names are empty in all of these rows, as where each line ends with what parts
    /// cells.
    pub are_empty: bool,
}

/// How many cells most rows have, where these are not as many as the header names.
pub fn uneven(names: usize, rest: &[StringRecord]) -> Option<UsualCells> {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    rest.iter().for_each(|row| *counts.entry(row.len()).or_default() += 1);
    let (number, rows) = counts.into_iter().max_by_key(|(cells, rows)| (*rows, *cells))?;
    let usual = || rest.iter().filter(|row| row.len() == number);
    let are_empty = usual().all(|row| row.iter().skip(names).all(str::is_empty));
    (number != names && rows * 2 > rest.len()).then_some(UsualCells { number, are_empty })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<StringRecord> {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.has_headers(false).flexible(true).from_reader(text.as_bytes());
        reader.into_records().map(|row| row.expect("a row")).collect()
    }

    #[test]
    fn a_first_line_is_a_header_unless_it_is_like_the_lines_below_it() {
        let question =
            "How likely are you to recommend our company to a friend or a colleague? (0-10)";
        let story =
            "It arrived late, and when it did the box was open, so I had to send it back to you";
        for (text, expected) in [
            ("id,email\n1,a@x.org\n", true),
            ("name,city\nAda,Ulm\n", true),
            // Questions, examples and years are names as others are.
            (&format!("Email Address,{question}\na@x.org,7\nb@x.org,9\n"), true),
            (&format!("{question},city\nyes,Ulm\nno,Bonn\n"), true),
            ("customer,me@company.org\n17,a@x.org\n", true),
            ("E-mail (name@company.com),phone\na@x.org,+491\n", true),
            ("customer_id,email,2023,2024\n17,a@x.org,5,6\n18,b@x.org,7,8\n", true),
            ("at,customer,2024\n2025-07-05,c17,5\n2025-07-06,c18,6\n", true),
            ("id,name\n", true),
            // Rows.
            ("1001,Ada,5\n1,Ben,6\n", false),
            ("17,a@x.org,Ada\n18,b@x.org,Ben\n", false),
            ("17,-,Ada\n18,4,Ben\n", false),
            (&format!("Ada,\"{story}\"\nBen,\"{story} again\"\n"), false),
            ("17,a@x.org\n", false),
            (",,\n1,2,3\n", false),
            (&format!("email,{}\na@x.org,1\n", "x".repeat(600)), false),
        ] {
            let rows = rows(text);
            assert_eq!(is_header(&rows[0], &rows[1..]), expected, "{text}");
        }
    }

    #[test]
    fn rows_of_another_number_of_cells_are_told_where_most_have_it() {
        let told = |text: &str| uneven(2, &rows(text)).map(|of| (of.number, of.are_empty));
        assert_eq!(told("1,2,\n3,4,\n5,6\n"), Some((3, true)));
        assert_eq!(told("1,2,\n3,4,5\n"), Some((3, false)));
        assert_eq!(told("1\n3\n"), Some((1, true)));
        assert_eq!(told("1,2\n3,4\n5,6,7\n"), None);
        assert_eq!(told(""), None);
    }
}
