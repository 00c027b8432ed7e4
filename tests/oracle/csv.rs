//! Raw rows in CSV.

use std::collections::BTreeMap;

use selfsame::internals::plan::CsvMarks;

use super::values::Code;

/// The cells of a row by the names of the header, or why there are none. An empty cell is none.
pub fn cells(
    header: &str,
    payload: &str,
    marks: &CsvMarks,
) -> Result<BTreeMap<String, String>, Code> {
    // The script has it as most files do.
    let names = record(header, ',', Some('"')).expect("a header");
    let (delimiter, quote) = (char::from(marks.delimiter), marks.quote.map(char::from));
    let cells = record(payload, delimiter, quote).ok_or("malformed")?;
    if cells.len() != names.len() {
        return Err(if cells.len() > names.len() { "too_many_columns" } else { "too_few_columns" });
    }
    Ok(names.into_iter().zip(cells).filter(|(_, cell)| !cell.is_empty()).collect())
}

/// RFC 4180; `None` if a quote is never closed, or text follows one that is.
fn record(line: &str, delimiter: char, quote: Option<char>) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let mut cell = String::new();
        if let Some(quote) = quote
            && let Some(quoted) = rest.strip_prefix(quote)
        {
            let mut parts = quoted.split(quote);
            cell.push_str(parts.next()?);
            let mut read = 1 + cell.len();
            loop {
                // Each quote that is followed by another one is one; the first that is not ends it.
                if !rest[read..].starts_with(quote) {
                    return None;
                }
                if !rest[read + 1..].starts_with(quote) {
                    break;
                }
                let more = rest[read + 2..].split(quote).next()?;
                cell.push(quote);
                cell.push_str(more);
                read += 2 + more.len();
            }
            rest = &rest[read + 1..];
            // Behind the closing quote a cell ends.
            if !rest.is_empty() && !rest.starts_with(delimiter) {
                return None;
            }
        }
        let end = rest.find(delimiter).unwrap_or(rest.len());
        cell.push_str(&rest[..end]);
        cells.push(cell);
        match rest.get(end + 1..) {
            Some(more) => rest = more,
            None => return Some(cells),
        }
    }
}

#[test]
fn cells_are_split_where_no_quotes_are() {
    let cells = |line: &str| record(line, ',', Some('"')).map(|cells| cells.join("|"));
    assert_eq!(cells(r#"a,"b,""c""",,"#).as_deref(), Some(r#"a|b,"c"||"#));
    assert_eq!(cells(r#""a"#), None);
    assert_eq!(cells(r#"a,"b"c"#), None);
    assert_eq!(cells("").as_deref(), Some(""));
}
