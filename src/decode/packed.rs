//! What a join needs of rows: the keys that they name, and some of their columns packed into bytes.
//!
//! Packed values are Arrow's row format: exact, a fraction of a row of data, and unpacked to columns
//! by the batch.

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, Rows, SortField};
use smallvec::SmallVec;

use super::keys::{key_hash, texts};
use crate::plan::Source;
use crate::row::{Joining, Position};

/// Packs some of a source's own columns, and unpacks them.
pub struct Packing {
    columns: Vec<usize>,
    /// `None` for no column at all.
    converter: Option<RowConverter>,
    /// A row of nulls.
    nulls: Box<[u8]>,
}

impl Packing {
    /// What the source's joins need of its rows, or those of others of its records; `None` for a
    /// source that has nothing to do with joins.
    pub fn of(source: &Source) -> Option<Self> {
        match &source.joined {
            Some(joined) => Some(Self::new(&source.schema, &joined.carried)),
            None if source.looked_up.is_empty() => None,
            None => Some(Self::new(&source.schema, &source.looked_up)),
        }
    }

    fn new(schema: &Schema, columns: &[usize]) -> Self {
        let of_column = |column: &usize| SortField::new(schema.field(*column).data_type().clone());
        let fields: Vec<SortField> = columns.iter().map(of_column).collect();
        let converter = (!fields.is_empty())
            .then(|| RowConverter::new(fields).expect("Arrow packs every type of the language"));
        let mut packing = Packing { columns: columns.to_vec(), converter, nulls: Box::default() };
        let of_null =
            columns.iter().map(|column| new_null_array(schema.field(*column).data_type(), 1));
        let of_null: Vec<ArrayRef> = of_null.collect();
        let nulls = packing.pack(&of_null).map(|rows| rows.row(0).data().into());
        packing.nulls = nulls.unwrap_or_default();
        packing
    }

    /// The columns that are packed.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn pack(&self, columns: &[ArrayRef]) -> Option<Rows> {
        let converter = self.converter.as_ref()?;
        Some(converter.convert_columns(columns).expect("columns have the types that the plan says"))
    }

    /// The packed columns of rows; all null for a row that is not there.
    pub fn unpack<'a>(&self, rows: impl Iterator<Item = Option<&'a Joining>>) -> Vec<ArrayRef> {
        let Some(converter) = &self.converter else { return Vec::new() };
        let parser = converter.parser();
        let bytes = rows.map(|row| row.map_or(&*self.nulls, |row| &row.values));
        converter
            .convert_rows(bytes.map(|bytes| parser.parse(bytes)))
            .expect("what was packed can be unpacked")
    }
}

/// The rows of a batch, packed.
pub struct PackedRows {
    values: Option<Rows>,
    /// For each joined table, the keys that the rows name.
    keys: Vec<StringArray>,
}

impl PackedRows {
    pub fn new(packing: &Packing, source: &Source, batch: &RecordBatch) -> Self {
        let tables = source.joined.iter().flat_map(|joined| &joined.tables);
        let keys = tables.map(|table| texts(batch.column(table.key))).collect();
        let columns = packing.columns.iter().map(|column| batch.column(*column).clone());
        PackedRows { values: packing.pack(&columns.collect::<Vec<_>>()), keys }
    }

    /// What joins need of a row that has this key of its own.
    pub fn joining(
        &self,
        place: usize,
        source: u16,
        (position, element): (Position, u32),
        own_key: Option<u128>,
    ) -> Joining {
        let named = |keys: &StringArray| keys.is_valid(place).then(|| key_hash(keys.value(place)));
        let keys: SmallVec<_> = match self.keys.is_empty() {
            true => SmallVec::from_elem(own_key, 1),
            false => self.keys.iter().map(named).collect(),
        };
        let values = self.values.as_ref().map(|rows| rows.row(place).data().into());
        Joining { source, position, element, keys, values: values.unwrap_or_default() }
    }
}
