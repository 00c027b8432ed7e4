//! A row of a history, before it is written.

/// Where a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowDestination {
    Web,
    Orders,
    Crm,
    Products,
}

/// A row as its source would send it.
#[derive(Debug)]
pub struct GeneratedRow<'a> {
    pub destination: RowDestination,
    pub key: &'a str,
    /// JSON, unless it is a bad row.
    pub value: &'a str,
    /// A customer record that says `erased`: to Kafka it goes as a null.
    pub erased: bool,
}

/// A customer's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    First,
    Correction,
    End,
}
