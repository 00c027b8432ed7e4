//! How the texts of a source are written.

use std::sync::Arc;

use encoding_rs::Encoding;

#[derive(Clone, Debug, Default)]
pub struct TextForm {
    /// `None`: UTF-8.
    pub encoding: Option<&'static Encoding>,
    /// The marks of CSV.
    pub marks: CsvMarks,
    /// The names of the columns of CSV, where no header names them.
    pub columns: Option<Arc<[String]>>,
}

/// The characters of CSV that are none of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvMarks {
    /// What separates cells.
    pub delimiter: u8,
    /// What cells may be enclosed in.
    pub quote: Option<u8>,
    /// What a line begins with that is no row.
    pub comment: Option<u8>,
}

impl Default for CsvMarks {
    fn default() -> Self {
        CsvMarks { delimiter: b',', quote: Some(b'"'), comment: None }
    }
}

impl CsvMarks {
    /// Whether what begins so is a comment.
    pub fn is_comment(&self, line: &[u8]) -> bool {
        self.comment.is_some() && self.comment == line.first().copied()
    }

    /// What separates cells, as it is spoken of.
    pub fn separator(&self) -> String {
        match self.delimiter {
            b',' => "commas".to_owned(),
            b';' => "semicolons".to_owned(),
            b'\t' => "tabs".to_owned(),
            b'|' => "vertical bars".to_owned(),
            b' ' => "spaces".to_owned(),
            b':' => "colons".to_owned(),
            other if other.is_ascii_graphic() => format!("the character {}", char::from(other)),
            other => format!("the character U+{other:04X}"),
        }
    }
}
