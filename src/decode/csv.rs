//! CSV rows to columns: RFC 4180 by the source's own marks, cells found by the header's names.
//!
//! An empty cell is null (or the field's default), quoted or not: most writers do not tell the two
//! apart. A row with more or fewer cells than the header is set aside alone.

use std::sync::Arc;

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};

use super::column::Column;
use super::raw_row::Flaws;
use crate::plan::{CsvMarks, Field};

pub(super) struct Cells {
    reader: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The header that was seen last.
    header: Option<(Arc<[String]>, CellOfField)>,
}

/// By field: which cell of a row is its own, if one is.
type CellOfField = Vec<Option<usize>>;

impl Cells {
    pub fn new(marks: CsvMarks) -> Self {
        // Whole rows come in, without their newline: a lone carriage return is a part of its cell.
        let mut reader = ReaderBuilder::new();
        reader.terminator(Terminator::Any(b'\n')).delimiter(marks.delimiter);
        match marks.quote {
            Some(quote) => reader.quote(quote),
            None => reader.quoting(false),
        };
        let reader = reader.build();
        Cells { reader, text: Vec::new(), ends: Vec::new(), header: None }
    }

    /// Adds one value to every column, and to `flaws` what is wrong with the row. Whether it has
    /// as many cells as the header; if not, all values are null.
    pub fn decode(
        &mut self,
        row: &str,
        header: &Arc<[String]>,
        fields: &[Field],
        columns: &mut [Column],
        flaws: &mut Flaws,
    ) -> bool {
        let count = self.split(row.as_bytes());
        if count != header.len() {
            columns.iter_mut().for_each(Column::push_null);
            let code = if count > header.len() { "too_many_columns" } else { "too_few_columns" };
            let message = format!("{count} cells, the header names {}", header.len());
            flaws.add(code, "", message);
            return false;
        }
        let Cells { text, ends, header: seen, .. } = self;
        let known = seen.as_ref().is_some_and(|(seen, _)| Arc::ptr_eq(seen, header));
        if !known {
            *seen = Some((Arc::clone(header), places(header, fields)));
        }
        let places = seen.as_ref().map(|(_, places)| places.as_slice()).unwrap_or_default();
        for (index, (column, place)) in columns.iter_mut().zip(places).enumerate() {
            let field = &fields[index];
            let cell_at = |place: &Option<usize>| {
                place.map_or("", |place| {
                    let from = if place == 0 { 0 } else { ends[place - 1] };
                    std::str::from_utf8(&text[from..ends[place]]).expect("cells of a text are text")
                })
            };
            let cell = cell_at(place);
            if cell.is_empty() {
                column.push_default(field.default.as_ref());
                continue;
            }
            let zone = column.zone_of().map(|of| cell_at(&places[of]));
            let pushed = match column.set_zone(zone) {
                Ok(()) => column.push_text(cell),
                Err(fault) => {
                    column.push_null();
                    Err(fault)
                }
            };
            if let Err(fault) = pushed {
                let path = format!("{}{}", field.path.root(), fault.within);
                flaws.add(fault.code, path, fault.message);
                flaws.columns.push(index);
            }
        }
        true
    }

    /// Splits a row into its unquoted cells and counts them.
    fn split(&mut self, row: &[u8]) -> usize {
        self.reader.reset();
        self.text.resize(self.text.len().max(row.len() + 1), 0);
        self.ends.resize(self.ends.len().max(64), 0);
        let (mut read, mut written, mut count) = (0, 0, 0);
        loop {
            let (result, input, output, ends) = self.reader.read_record(
                &row[read..],
                &mut self.text[written..],
                &mut self.ends[count..],
            );
            read += input;
            written += output;
            count += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return count,
            }
        }
    }
}

fn places(header: &[String], fields: &[Field]) -> Vec<Option<usize>> {
    let place = |field: &Field| header.iter().position(|name| *name == field.path.root());
    fields.iter().map(place).collect()
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
        let mut cells = Cells::new(CsvMarks::default());
        let wide = format!("{}z", ",".repeat(200));
        let rows = [
            r#"a,ignored,0.10,FALSE,"[""x"",""y""]",1000"#,
            r#""b ""and"" c",,"",,"",1970-01-01T00:00:01Z"#,
            "a,b",
            &wide,
            "c,,1.001,maybe,x,then",
        ];
        let told: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                let mut flaws = Flaws::default();
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
    }
}
