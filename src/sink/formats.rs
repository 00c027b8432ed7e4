//! The formats that there are.
//!
//! To add one, write a file beside `json` that implements [`Encoder`]: it
//! writes a record and reads back what it wrote. Give it a row in [`FORMATS`], and `format` its word
//! (`plan::Format`, `definition/file/fields.rs`). `get`, `tail`, `report` and `why` read it then, and the
//! property tests of `sink/tests.rs` hold for it.
//!
//! Messages are JSON wherever they go, so that there is no list of their formats: whoever adds a second one gives
//! [`message_encoder`] the output's format, and its callers have to bring that along.

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

/// The encoder of messages: of topics, of services, and of functions of a program.
pub fn message_encoder(names: &Catalog) -> Box<dyn MessageEncoder> {
    Box::new(Json::new(names))
}
