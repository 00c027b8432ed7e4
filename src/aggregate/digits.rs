//! How many digits decimals have, and how many of them stand behind the point.

use arrow::datatypes::DataType;

/// How many digits a decimal has.
pub const DIGITS: u8 = 38;

/// So many digits behind the point stand for what is smaller, where there is no room for all that one
/// would like.
const ENOUGH: i8 = 6;

/// The digits behind the point of a value with so many before it that would have `wanted` of them.
pub fn digits_behind(before: i16, own: i8, wanted: i8) -> i8 {
    let room = i16::from(DIGITS) - before;
    if i16::from(wanted) <= room {
        return wanted;
    }
    let least = wanted.min(ENOUGH.max(own)).min(DIGITS as i8);
    least.max(room.clamp(0, i16::from(DIGITS)) as i8)
}

/// The type with more digits behind the point, where the values are decimals and there is room; else a number.
pub fn with_more_digits(of: &DataType, more: i8) -> DataType {
    let DataType::Decimal128(digits, behind) = *of else { return DataType::Float64 };
    let before = i16::from(digits) - i16::from(behind);
    DataType::Decimal128(DIGITS, digits_behind(before, behind, behind + more))
}
