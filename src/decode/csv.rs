//! CSV rows to columns: RFC 4180 by the source's own marks, cells found by the header's names.
//!
//! An empty cell is null (or the field's default), quoted or not: most writers do not tell the two
//! apart. So is one with white space alone, where that is no value of its field. A row with more or fewer cells than the header is set aside alone.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::{memchr, memchr_iter};

use super::column::Column;
use super::raw_row::Flaws;
use crate::plan::{CsvMarks, Field};
use crate::source::records::{self, Breach, RecordEnd, RecordForm};

/// The cells of the record that was found last.
pub(super) struct Cells {
    form: RecordForm,
    /// Where each of them ends, behind where the record begins.
    ends: Vec<usize>,
    /// The next quote among the bytes in which records are looked for: before it, records are lines.
    quote: Option<usize>,
    /// The header that was seen last.
    header: Option<(Arc<[String]>, Vec<FieldCell>)>,
    /// The definition names the columns, and no header.
    named: bool,
}

/// Which cells of a row a field is read from, if any are.
struct FieldCell {
    own: Option<usize>,
    /// For a timestamp whose zone another field names: that one.
    zone: Option<Option<usize>>,
}

/// A record among others.
pub(super) struct CsvRecord {
    /// Where it ends, behind its newline.
    pub end: usize,
    pub newlines: u64,
    pub breach: Option<Breach>,
}

impl Cells {
    /// `named`: the definition names the columns, and no header.
    pub fn new(marks: CsvMarks, named: bool) -> Self {
        let form = RecordForm { marks, columns: None };
        Cells { form, ends: Vec::new(), quote: None, header: None, named }
    }

    /// Begins with other bytes, whose records have so many cells.
    pub fn begin(&mut self, bytes: &[u8], columns: usize) {
        self.form.columns = Some(columns);
        self.look_for_quote(bytes, 0);
    }

    fn look_for_quote(&mut self, bytes: &[u8], from: usize) {
        let quote = self.form.marks.quote.and_then(|quote| memchr(quote, &bytes[from..]));
        self.quote = quote.map(|quote| from + quote);
    }

    /// The record that begins at a place; those before it have been found.
    pub fn record(&mut self, bytes: &[u8], start: usize) -> CsvRecord {
        let newline = memchr(b'\n', &bytes[start..]).map(|end| start + end);
        let line = newline.unwrap_or(bytes.len());
        if self.quote.is_none_or(|quote| quote >= line) {
            self.ends.clear();
            self.ends.extend(memchr_iter(self.form.marks.delimiter, &bytes[start..line]));
            self.ends.push(line - start);
            let newlines = u64::from(newline.is_some());
            return CsvRecord { end: line + newlines as usize, newlines, breach: None };
        }
        let (length, breach) = match records::first(&bytes[start..], self.form, &mut self.ends) {
            RecordEnd::Broken(length, breach) => (length, Some(breach)),
            RecordEnd::At(length) => (length, None),
            RecordEnd::Open | RecordEnd::Quoted => unreachable!("a chunk has whole records"),
        };
        let end = start + length;
        if self.quote.is_some_and(|quote| quote < end) {
            self.look_for_quote(bytes, end);
        }
        CsvRecord { end, newlines: memchr_iter(b'\n', &bytes[start..end]).count() as u64, breach }
    }

    /// Adds one value to every column, and to `flaws` what is wrong with the row: the record that was found last,
    /// without its line end. Whether it has as many cells as the header; if not, all values are null.
    pub fn decode(
        &mut self,
        row: &str,
        header: &Arc<[String]>,
        fields: &[Field],
        columns: &mut [Column],
        flaws: &mut Flaws,
    ) -> bool {
        let count = self.ends.len();
        if count != header.len() {
            columns.iter_mut().for_each(Column::push_null);
            let code = if count > header.len() { "too_many_columns" } else { "too_few_columns" };
            let by = if self.named { "`columns`" } else { "the header" };
            let message = format!("{count} cells, {by} names {}", header.len());
            flaws.add(code, "", message);
            return false;
        }
        let Cells { form, ends, header: seen, .. } = self;
        // The carriage return before a newline is none of the last cell's.
        ends[count - 1] = row.len();
        let known = seen.as_ref().is_some_and(|(seen, _)| Arc::ptr_eq(seen, header));
        if !known {
            *seen = Some((Arc::clone(header), places(header, fields, columns)));
        }
        let places = seen.as_ref().map(|(_, places)| places.as_slice()).unwrap_or_default();
        let cell_at = |place: Option<usize>| {
            place.map_or(Cow::Borrowed(""), |place| {
                let from = place.checked_sub(1).map_or(0, |before| ends[before] + 1);
                unquoted(&row[from..ends[place]], form.marks.quote)
            })
        };
        for (index, (column, place)) in columns.iter_mut().zip(places).enumerate() {
            let cell = cell_at(place.own);
            let default = fields[index].default.as_ref();
            if cell.is_empty() {
                column.push_default(default);
                continue;
            }
            if let Some(of) = place.zone {
                let zone = cell_at(of);
                column.set_zone(Some(&*zone).filter(|zone| !zone.is_empty()));
            }
            if let Err(fault) = column.push_cell(&cell, default) {
                let path = fields[index].path.up_to(1);
                let path = format!("{path}{}", fault.within);
                flaws.add(fault.code, path, fault.message);
                flaws.columns.push(index);
            }
        }
        true
    }
}

/// What a cell says: what its quotes enclose, if it begins with one.
pub(super) fn unquoted(cell: &str, quote: Option<u8>) -> Cow<'_, str> {
    let Some(quote) = quote.filter(|quote| cell.as_bytes().first() == Some(quote)) else {
        return Cow::Borrowed(cell);
    };
    let inside = &cell[1..cell.len() - 1];
    if memchr(quote, inside.as_bytes()).is_none() {
        return Cow::Borrowed(inside);
    }
    let quote = char::from(quote);
    Cow::Owned(inside.replace(&String::from_iter([quote, quote]), quote.encode_utf8(&mut [0; 4])))
}

fn places(header: &[String], fields: &[Field], columns: &[Column]) -> Vec<FieldCell> {
    let place = |field: &Field| header.iter().position(|name| *name == field.path.root());
    let of = |(field, column): (&Field, &Column)| FieldCell {
        own: place(field),
        zone: column.zone_of().map(|of| place(&fields[of])),
    };
    fields.iter().zip(columns).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::datum;
    use crate::plan::FieldPath;
    use crate::plan::Type;
    use crate::row::Datum;

    #[test]
    fn cells_are_found_by_name_and_bad_rows_stand_alone() {
        let field = |name: &str, data_type, default| Field {
            name: name.to_owned(),
            data_type,
            path: FieldPath::key(name),
            default,
            written: None,
            map: None,
        };
        let fields = [
            field("price", Type::Decimal(12, 2), None),
            field("sku", Type::Text, None),
            field("on", Type::Boolean, Some(Datum::Boolean(true))),
            field("tags", Type::List(Box::new(Type::Text)), None),
            field("at", Type::Timestamp, None),
        ];
        let header: Arc<[String]> =
            ["sku", "x", "price", "on", "tags", "at"].map(str::to_owned).into();
        let zone: Arc<str> = "UTC".into();
        let mut columns: Vec<Column> =
            fields.iter().map(|field| Column::of(field, &zone)).collect();
        let mut cells = Cells::new(CsvMarks::default(), false);
        let wide = format!("{}z", ",".repeat(200));
        let rows = [
            r#"a,ignored,0.10,FALSE,"[""x"",""y""]",1000"#,
            r#""b ""and"" c",,"",,"",1970-01-01T00:00:01Z"#,
            "a,b",
            &wide,
            "c,,1.001,maybe,x,then",
            "\u{feff}\"d\",,,,,",
            " ,,\u{a0},  ,\" \",\t",
        ];
        let told: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                let mut flaws = Flaws::default();
                cells.begin(row.as_bytes(), header.len());
                assert_eq!(cells.record(row.as_bytes(), 0).end, row.len());
                cells.decode(row, &header, &fields, &mut columns, &mut flaws);
                flaws
                    .reasons
                    .iter()
                    .map(|r| format!("{} {}: {}", r.code, r.path, r.message))
                    .collect()
            })
            .collect();
        assert_eq!(told[0], [""; 0]);
        assert_eq!(told[1], [""; 0]);
        assert_eq!(told[2], ["too_few_columns : 2 cells, the header names 6"]);
        assert_eq!(told[3], ["too_many_columns : 201 cells, the header names 6"]);
        assert_eq!(
            told[4],
            [
                "out_of_range price: 1.001 has 3 fraction digits, decimal(12,2) has room for 2",
                "wrong_type on: expected true or false (or 1 or 0), found maybe",
                "wrong_type tags: expected a list in JSON such as [\"a\",\"b\"], found x",
                "wrong_type at: expected a timestamp such as 2025-07-05T12:00:00Z, found then",
            ]
        );
        assert_eq!(told[6], [""; 0]);
        let mut named = Cells::new(CsvMarks::default(), true);
        let mut flaws = Flaws::default();
        named.begin(b"a", header.len());
        named.record(b"a", 0);
        let mut others: Vec<Column> = fields.iter().map(|field| Column::of(field, &zone)).collect();
        assert!(!named.decode("a", &header, &fields, &mut others, &mut flaws));
        assert_eq!(flaws.reasons[0].message, "1 cells, `columns` names 6");
        let columns: Vec<_> = columns.iter_mut().map(Column::finish).collect();
        let row = |row| columns.iter().map(|c| datum(c, row)).collect::<Vec<_>>();
        let text = |text: &str| Datum::Text(text.into());
        let second = Some(Datum::Timestamp(1_000_000));
        assert_eq!(
            row(0),
            [
                Some(Datum::decimal(10)),
                Some(text("a")),
                Some(Datum::Boolean(false)),
                Some(Datum::List([text("x"), text("y")].into())),
                second.clone(),
            ]
        );
        assert_eq!(
            row(1),
            [None, Some(text("b \"and\" c")), Some(Datum::Boolean(true)), None, second]
        );
        // A mark of byte order is one at the beginning of a text alone.
        assert_eq!(row(5)[1], Some(text("\u{feff}\"d\"")));
        // White space alone is a text, and no value of anything else.
        assert_eq!(row(6), [None, Some(text(" ")), Some(Datum::Boolean(true)), None, None]);
    }
}
