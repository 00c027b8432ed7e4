//! Tables, counts and rows in text.

use std::fmt::{self, Formatter, Write};

use crate::console::shown;
use crate::explain::person::RowSaid;
use crate::explain::published::PublishedSaid;

/// Lines of cells, in columns as wide as their widest cell.
pub fn table(f: &mut Formatter<'_>, indent: usize, lines: &[Vec<String>]) -> fmt::Result {
    let lines: Vec<Vec<_>> =
        lines.iter().map(|line| line.iter().map(|cell| shown(cell)).collect()).collect();
    let width = |text: &str| text.chars().count();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|c| width(c)).max())
        .map(Option::unwrap_or_default)
        .collect();
    for line in &lines {
        let mut text = " ".repeat(indent);
        for (cell, widest) in line.iter().zip(&widths) {
            write!(text, "{cell}{}  ", " ".repeat(widest - width(cell)))?;
        }
        writeln!(f, "{}", text.trim_end())?;
    }
    Ok(())
}

/// What outputs say, of one person or of two.
pub fn published<'a>(
    f: &mut Formatter<'_>,
    said: impl Iterator<Item = &'a PublishedSaid>,
) -> fmt::Result {
    let said: Vec<&PublishedSaid> = said.collect();
    if said.is_empty() {
        return Ok(());
    }
    writeln!(f, "\npublished")?;
    for PublishedSaid { at, differs, unread, .. } in &said {
        if let Some(reason) = unread {
            writeln!(f, "  not known: {}", shown(reason))?;
            continue;
        }
        let at = at.as_ref().map(|at| format!(", at {at}")).unwrap_or_default();
        match differs.as_slice() {
            [] => writeln!(f, "  the same{at}")?,
            differs => {
                writeln!(f, "  otherwise{at}")?;
                differs.iter().try_for_each(|differs| writeln!(f, "    {}", shown(differs)))?;
            }
        }
    }
    match said.iter().all(|said| said.differs.is_empty()) {
        true => Ok(()),
        false => writeln!(
            f,
            "  a run may not have come so far, have another clock, or have known rows that are gone"
        ),
    }
}

pub fn cells(row: &RowSaid) -> Vec<String> {
    vec![row.source.clone(), row.position.to_string(), row.time.clone().unwrap_or_default()]
}

/// What `now()` is; where it was not said, by which clock.
pub fn reading(now: &str, clock: &str) -> String {
    match clock {
        "fixed" => now.to_owned(),
        clock => format!("{now} (--clock {clock})"),
    }
}
