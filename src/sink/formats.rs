//! The formats that there are.
//!
//! To add one, write a file beside `json` that implements [`Encoder`] (for topics, [`MessageEncoder`]): it
//! writes a record and reads back what it wrote. Give it a row in [`FORMATS`], and `format` its word
//! (`plan::Format`, `definition/file/fields.rs`). `get`, `tail`, `report` and `why` read it then, and the
//! property tests of `sink/tests.rs` hold for it.

use super::catalog::Catalog;
use super::csv::Csv;
use super::encoder::{Encoder, Holding, MessageEncoder};
use super::json::Json;
use crate::plan::Format;

type Make = fn(&Catalog, &Holding) -> Box<dyn Encoder>;

/// Every format that an output can have.
pub const FORMATS: [(Format, Make); 2] = [
    (Format::Json, |names, _| Box::new(Json::new(names))),
    (Format::Csv, |names, holding| Box::new(Csv::new(names, holding))),
];

/// The encoder of an output's format.
pub fn encoder(format: Format, holding: &Holding, names: &Catalog) -> Box<dyn Encoder> {
    let known = FORMATS.iter().find(|(known, _)| *known == format);
    let (_, make) = known.expect("a definition with another format is refused");
    make(names, holding)
}

/// The encoder of messages, which are JSON in all topics.
pub fn message_encoder(names: &Catalog) -> Box<dyn MessageEncoder> {
    Box::new(Json::new(names))
}
