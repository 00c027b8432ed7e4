//! `nfc(x)` and `nfkc(x)`: one of the texts that look alike, as Unicode normalises them.

use datafusion_expr::ScalarUDF;
use unicode_normalization::UnicodeNormalization;

use super::own::OfTexts;

/// A letter and its accent are one character.
pub fn nfc() -> ScalarUDF {
    OfTexts::of_one("nfc", "nfc(x)", |given| given[0].map(|text| text.nfc().collect()))
}

/// And what is the same but for its looks (full width letters, ligatures, superscripts) is the plain one.
pub fn nfkc() -> ScalarUDF {
    OfTexts::of_one("nfkc", "nfkc(x)", |given| given[0].map(|text| text.nfkc().collect()))
}
