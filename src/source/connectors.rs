//! The types of sources, in one list: how the definition's words become a connector of each, and how all
//! sources of a type are opened.
//!
//! To add one: a file in this folder that fills in a [`ConnectorType`] and implements
//! [`Inflow`](super::connector::Inflow), a row in [`CONNECTORS`], and its fields in `definition/file/fields.rs`.

use super::connector::ConnectorType;
use super::{files, http, kafka, memory, standard};

/// Every type of source, in the order in which they are opened.
pub const CONNECTORS: &[ConnectorType] =
    &[files::TYPE, standard::TYPE, kafka::TYPE, http::TYPE, memory::TYPE];
