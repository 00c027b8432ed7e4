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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};

    use crate::columns;
    use crate::definition::sql::Dialect;
    use crate::row::Datum;

    fn called(sql: &str, text: Option<&str>) -> Option<String> {
        let text: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let batch = RecordBatch::try_from_iter([("x", text)]).expect("a row");
        let (dialect, schema) = (Dialect::new("UTC"), batch.schema());
        let planned = dialect.plan(sql, &schema).expect("a call");
        let compiled = dialect.compile(planned, &schema, None, sql).expect("a call");
        match columns::datum(&compiled.evaluate(&batch).expect("a value"), 0) {
            Some(Datum::Text(text)) => Some(text.to_string()),
            None => None,
            other => panic!("{other:?} is no text"),
        }
    }

    /// A text, its NFC and its NFKC, as the Unicode Consortium publishes them: the figures of Unicode Standard Annex 15,
    /// and lines of NormalizationTest.txt.
    const PUBLISHED: [(&str, &str, &str); 16] = [
        // Figure 3: singletons.
        ("\u{212b}", "\u{c5}", "\u{c5}"),
        ("\u{2126}", "\u{3a9}", "\u{3a9}"),
        // Figure 4: canonical composites.
        ("A\u{30a}", "\u{c5}", "\u{c5}"),
        ("o\u{302}", "\u{f4}", "\u{f4}"),
        // Figure 5: several marks, in whatever order.
        ("s\u{323}\u{307}", "\u{1e69}", "\u{1e69}"),
        ("s\u{307}\u{323}", "\u{1e69}", "\u{1e69}"),
        ("\u{1e0b}\u{323}", "\u{1e0d}\u{307}", "\u{1e0d}\u{307}"),
        ("q\u{307}\u{323}", "q\u{323}\u{307}", "q\u{323}\u{307}"),
        // Figure 6: what is the same but for its looks.
        ("\u{fb01}", "\u{fb01}", "fi"),
        ("2\u{2075}", "2\u{2075}", "25"),
        ("\u{1e9b}\u{323}", "\u{1e9b}\u{323}", "\u{1e69}"),
        // Some of the test's lines: full width and half width, Hangul, what is left apart, and what is plain already.
        ("\u{ff21}", "\u{ff21}", "A"),
        ("\u{ff76}\u{ff9e}", "\u{ff76}\u{ff9e}", "\u{30ac}"),
        ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}", "\u{d55c}"),
        ("\u{958}", "\u{915}\u{93c}", "\u{915}\u{93c}"),
        ("Ada <ada@x.org>", "Ada <ada@x.org>", "Ada <ada@x.org>"),
    ];

    #[test]
    fn texts_become_what_unicode_publishes_of_them() {
        for (text, nfc, nfkc) in PUBLISHED {
            assert_eq!(called("nfc(x)", Some(text)).as_deref(), Some(nfc), "{text:?}");
            assert_eq!(called("nfkc(x)", Some(text)).as_deref(), Some(nfkc), "{text:?}");
        }
        assert_eq!(called("nfc(x)", None), None);
        assert_eq!(called("nfkc(x)", None), None);
    }
}
