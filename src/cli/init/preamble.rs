//! Lines above the header of a table: a title, when it was made, and for whom.

/// So many lines above a header are looked for.
const MOST: usize = 30;

/// How many such lines a text begins with, and what takes them away.
pub fn told(text: &str, name: &str) -> Option<String> {
    let (above, header) = lines_above(text)?;
    let lines = if above == 1 { "line stands" } else { "lines stand" };
    Some(format!(
        "its first {above} {lines} above the header, {header}: delete them, as by tail -n +{} '{name}' > '{name}.csv'",
        above + 1
    ))
}

/// How many lines stand above the header, and the header: the first line that has as many cells as most of those below it,
/// all of which are names.
fn lines_above(text: &str) -> Option<(usize, String)> {
    let lines: Vec<&str> = text.lines().take(3 * MOST).collect();
    if lines.first().is_none_or(|first| first.starts_with('#')) {
        return None;
    }
    [b',', b';', b'\t', b'|'].into_iter().find_map(|delimiter| {
        let rows: Vec<Vec<String>> = lines.iter().map(|line| cells(line, delimiter)).collect();
        (1..rows.len().min(MOST)).find_map(|at| {
            let number = rows[at].len();
            let below: Vec<usize> =
                rows[at + 1..].iter().map(Vec::len).filter(|cells| *cells > 0).collect();
            let alike = below.iter().filter(|cells| **cells == number).count();
            let is_header = number > 1
                && below.len() > 1
                && alike * 10 >= below.len() * 9
                && rows[0].len() < number
                && rows[..at].iter().all(|row| row.len() <= number)
                && rows[at].iter().all(|cell| is_name(cell))
                && rows[at + 1..].iter().flatten().any(|cell| !is_name(cell));
            is_header.then(|| (at, rows[at].iter().take(3).cloned().collect::<Vec<_>>().join(", ")))
        })
    })
}

fn cells(line: &str, delimiter: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(delimiter);
    let mut reader = reader.from_reader(line.as_bytes());
    let row = reader.records().next().and_then(Result::ok);
    row.map(|row| row.iter().map(str::to_owned).collect()).unwrap_or_default()
}

/// Whether a cell may be the name of a column.
fn is_name(cell: &str) -> bool {
    let has_letter = cell.contains(char::is_alphabetic);
    has_letter
        && !cell.contains('@')
        && cell.len() < 64
        && !cell.starts_with(|of: char| of.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_above_a_header_are_counted_where_there_are_some() {
        let report = "Customer report\nGenerated,2025-11-03\n\nCustomer ID,Email,Total\nC0,a@x,0\nC1,b@x,1\nC2,c@x,2\n";
        assert_eq!(lines_above(report), Some((3, "Customer ID, Email, Total".to_owned())));
        let said = told(report, "r.csv").expect("lines");
        assert!(
            said.contains("its first 3 lines stand above the header")
                && said.contains("tail -n +4 'r.csv'")
        );
        let short = "Report\nMade,2025-11-03\n\nid,email\n1,a@x\n2,b@x\n3,c@x\n";
        assert_eq!(lines_above(short).map(|(above, _)| above), Some(3));
        for text in [
            "id,email\n1,a@x\n2,b@x\n3,c@x\n",
            "id,email\n1,a@x,\n2,b@x,\n3,c@x,\n",
            "name\nAda\nBen\n",
            "# made today\nid,email\n1,a@x\n2,b@x\n",
            "",
        ] {
            assert_eq!(lines_above(text), None, "{text}");
        }
    }
}
