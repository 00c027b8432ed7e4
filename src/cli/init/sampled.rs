//! The values of a column, as they were found in the first rows of a file.

#[derive(Clone, Debug)]
pub struct SampledColumn {
    /// As a definition writes it.
    pub path: String,
    /// The type that it is stored in, where that says so.
    pub stored: Option<StoredType>,
    /// By row; `None` where it has none.
    pub values: Vec<Option<SampledCell>>,
}

/// The type that a columnar file has its values in.
#[derive(Clone, Debug)]
pub struct StoredType {
    /// As a definition writes it.
    pub data_type: String,
    /// Some of the values that this has no room for, and how many these are.
    pub unfit: Vec<String>,
    pub misfits: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SampledCell {
    Text(String),
    /// As it is written.
    Number(String),
    Boolean(bool),
    /// A list of texts or numbers: the texts.
    List(Vec<String>),
    /// A list of objects.
    Objects,
    /// An object without a key.
    Nothing,
    /// A list of lists, or an object where other rows have something else.
    Other,
}

impl SampledCell {
    /// What it says, if that is one text or number.
    fn text(&self) -> Option<&str> {
        match self {
            SampledCell::Text(text) | SampledCell::Number(text) => Some(text),
            _ => None,
        }
    }
}

impl SampledColumn {
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.values.iter().flatten().filter_map(SampledCell::text)
    }

    /// The texts of rows that have one here and in another column, side by side.
    pub fn texts_beside<'a>(
        &'a self,
        other: &'a SampledColumn,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let text = |cell: &'a Option<SampledCell>| cell.as_ref()?.text();
        let rows = self.values.iter().zip(&other.values);
        rows.filter_map(move |(one, other)| Some((text(one)?, text(other)?)))
    }

    /// The texts in lists.
    pub fn items(&self) -> impl Iterator<Item = &str> {
        let lists = self.values.iter().flatten().filter_map(|cell| match cell {
            SampledCell::List(items) => Some(items),
            _ => None,
        });
        lists.flatten().map(String::as_str)
    }

    pub fn present(&self) -> usize {
        self.values.iter().flatten().count()
    }
}
