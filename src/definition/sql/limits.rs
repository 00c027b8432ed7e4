//! How much an expression may make of one row, and do for it: one row never takes all memory, nor the time
//! of all others.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion_common::{Result, exec_err};
use datafusion_expr::ColumnarValue;

use crate::console::grouped;
use crate::plan::Limits;

/// What a call may make of all rows of a batch: a batch that would make more is evaluated in parts.
pub const TOGETHER: u64 = 64 << 20;

impl Limits {
    /// That what was made is within them, row by row.
    pub fn hold(&self, name: &str, made: &ColumnarValue) -> Result<()> {
        let ColumnarValue::Array(made) = made else {
            let one = made.to_array(1)?;
            return self.hold_bytes(name, bytes_of(&one, 0));
        };
        let all = all_bytes(made);
        if all <= self.bytes {
            return Ok(());
        }
        for row in 0..made.len() {
            self.hold_bytes(name, bytes_of(made, row))?;
        }
        together(made.len(), all)
    }

    pub fn hold_bytes(&self, name: &str, bytes: u64) -> Result<()> {
        if bytes > self.bytes {
            return exec_err!(
                "{name} would make more than {} bytes of one row",
                grouped(self.bytes)
            );
        }
        Ok(())
    }

    pub fn hold_steps(&self, name: &str, steps: u64) -> Result<()> {
        if steps > self.steps {
            return exec_err!(
                "{name} would take more than {} steps for one row",
                grouped(self.steps)
            );
        }
        Ok(())
    }
}

/// That the rows of a batch do not make too much together; one row alone does not.
pub fn together(rows: usize, bytes: u64) -> Result<()> {
    if rows > 1 && bytes > TOGETHER {
        return exec_err!("its rows make more than {} bytes together", grouped(TOGETHER));
    }
    Ok(())
}

/// What all values of an array come to.
pub fn all_bytes(array: &ArrayRef) -> u64 {
    let between = |first: usize, last: usize| (last - first) as u64;
    match array.data_type() {
        DataType::Utf8 => {
            let offsets = array.as_string::<i32>().value_offsets();
            between(offsets[0] as usize, offsets[offsets.len() - 1] as usize)
        }
        DataType::LargeUtf8 => {
            let offsets = array.as_string::<i64>().value_offsets();
            between(offsets[0] as usize, offsets[offsets.len() - 1] as usize)
        }
        DataType::Utf8View => lengths(array.as_string_view().views()),
        DataType::BinaryView => lengths(array.as_binary_view().views()),
        DataType::Binary | DataType::LargeBinary => {
            (0..array.len()).map(|row| bytes_of(array, row)).sum()
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
            all_bytes(&list.values().slice(first, last - first)) + 4 * array.len() as u64
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let offsets = list.value_offsets();
            let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
            all_bytes(&list.values().slice(first, last - first)) + 8 * array.len() as u64
        }
        DataType::FixedSizeList(..) => all_bytes(array.as_fixed_size_list().values()),
        DataType::Struct(_) => array.as_struct().columns().iter().map(all_bytes).sum(),
        DataType::Map(..) => {
            let entries = array.as_map().entries();
            entries.columns().iter().map(all_bytes).sum()
        }
        other => (other.primitive_width().unwrap_or(1) * array.len()) as u64,
    }
}

/// A view begins with its length.
fn lengths(views: &[u128]) -> u64 {
    views.iter().map(|view| u64::from(*view as u32)).sum()
}

/// What the value of a row comes to.
pub fn bytes_of(array: &ArrayRef, row: usize) -> u64 {
    if array.is_null(row) {
        return 0;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value_length(row) as u64,
        DataType::LargeUtf8 => array.as_string::<i64>().value_length(row) as u64,
        DataType::Utf8View => array.as_string_view().value(row).len() as u64,
        DataType::BinaryView => array.as_binary_view().value(row).len() as u64,
        DataType::Binary => array.as_binary::<i32>().value(row).len() as u64,
        DataType::LargeBinary => array.as_binary::<i64>().value(row).len() as u64,
        DataType::List(_) => all_bytes(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => all_bytes(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => all_bytes(&array.as_fixed_size_list().value(row)),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            entries.columns().iter().map(all_bytes).sum()
        }
        other => match other.primitive_width() {
            Some(width) => width as u64,
            None => all_bytes(&array.slice(row, 1)),
        },
    }
}

/// The row whose value comes to most, or one of them.
pub fn longest(array: &ArrayRef) -> Option<usize> {
    let soon = match array.data_type() {
        DataType::Utf8 => {
            let offsets = array.as_string::<i32>().value_offsets();
            let lengths = || offsets.windows(2).map(|ends| ends[1] - ends[0]);
            lengths().max().and_then(|most| lengths().position(|length| length == most))
        }
        DataType::Utf8View => {
            let lengths = || array.as_string_view().views().iter().map(|view| *view as u32);
            lengths().max().and_then(|most| lengths().position(|length| length == most))
        }
        _ => None,
    };
    // What lies under a null is no value.
    soon.filter(|row| array.is_valid(*row))
        .or_else(|| (0..array.len()).max_by_key(|row| bytes_of(array, *row)))
}

/// How many values the list of a row has.
pub fn items_of(array: &ArrayRef, row: usize) -> u64 {
    if array.is_null(row) {
        return 0;
    }
    match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value_length(row) as u64,
        DataType::LargeList(_) => array.as_list::<i64>().value_length(row) as u64,
        DataType::FixedSizeList(_, items) => *items as u64,
        _ => 1,
    }
}
