//! Long numbers as spreadsheets write them when they open a file: `5.00000E+12`, of which most digits are lost.

use selfsame::internals::console::{counted, grouped};

use super::sample::{SampledCell, SampledColumn};

/// What is written so is ignored by this pattern, once it is known to be there.
pub const PATTERN: &str = "*E+*";

/// And by this one where only digits and marks are left of it.
pub const PHONES: &str = "?*+*";

/// Whether a text is such a number.
fn is_spoiled(text: &str) -> bool {
    let Some((digits, power)) = text.trim().split_once("E+") else { return false };
    let is_number = |text: &str| {
        text.contains(|of: char| of.is_ascii_digit())
            && text.chars().all(|of| of.is_ascii_digit() || ",.".contains(of))
    };
    is_number(digits) && is_number(power)
}

/// How many values are such numbers. What is a number in JSON is written so by programs, which lose nothing.
pub fn spoiled(column: &SampledColumn) -> usize {
    let is_one = |cell: &&SampledCell| matches!(cell, SampledCell::Text(text) if is_spoiled(text));
    column.values.iter().flatten().filter(is_one).count()
}

/// Whether so many values are that the column says of nobody who they are.
pub fn are_spoiled(column: &SampledColumn) -> bool {
    spoiled(column) * 2 > column.present()
}

/// What is said of a column of ids that are such numbers.
pub fn told(column: &SampledColumn) -> String {
    let example = column.texts().find(|text| is_spoiled(text)).unwrap_or_default();
    format!(
        "{} of {} are as Excel writes long numbers, such as {}: their digits are lost, so that they say of nobody who they \
         are. Export the rows anew, and do not save them from Excel, or make the column text before",
        grouped(spoiled(column)),
        counted(column.present(), "value", "values"),
        example.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_whose_digits_are_lost_are_told_from_others() {
        for text in ["5.00000E+12", "4,92E+10", " 1E+15 "] {
            assert!(is_spoiled(text), "{text}");
        }
        for text in ["5000000000000", "1.5e3", "E+1", "HE+LP", "A1E+5", ""] {
            assert!(!is_spoiled(text), "{text}");
        }
    }
}
