//! Selfsame keeps customer profiles right at every instant: who is the same person, what is known about each, and who
//! is in which segment, from event streams and record tables, by differential dataflow on timely.
//!
//! A [`Definition`] says what there is; an [`Engine`] runs it. Sources and outputs are those that the definition
//! names, or rows that the program pushes and functions that it gives:
//!
//! ```
//! use selfsame::{Definition, Engine};
//! use serde_json::json;
//!
//! let definition = Definition::parse(
//!     "
//! sources:
//!   orders: {files: none, kind: events, fields: {email: text, amount: integer}}
//! identity:
//!   email: {from: {orders: email}}
//! attributes:
//!   spent: {from: orders, select: sum(amount)}
//! outputs:
//!   profiles: {files: none}
//! ",
//!     "shop.yaml",
//! )?;
//! let mut running = Engine::builder(&definition)
//!     .empty_source("orders")
//!     .output("profiles", |record| println!("{} is now {}", record.key, record.json()))
//!     .start()?;
//! running.push("orders", [json!({"email": "ada@example.com", "amount": 3})])?;
//! running.tick()?;
//! assert_eq!(running.stop()?.people(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Whoever knows differential dataflow gets [`Collections`], to which a dataflow of one's own is joined: of an engine
//! by [`EngineBuilder::attach`], or in a dataflow of one's own by [`build`]. The versions of timely and differential
//! that these are of are exported here.
//!
//! What an engine does is told by `tracing`. It handles no signals and never ends the process.
#![deny(missing_docs)]
// The rooms below are public to the crate's own tools alone (`internals`), and need no words on each item there. The
// files of what the front exports of them deny missing words themselves.

#[allow(missing_docs)]
mod aggregate;
#[allow(missing_docs)]
mod changelog;
#[allow(missing_docs)]
mod columns;
#[allow(missing_docs)]
mod console;
#[allow(missing_docs)]
mod control;
#[allow(missing_docs)]
mod decode;
#[allow(missing_docs)]
mod definition;
mod engine;
#[allow(missing_docs)]
mod explain;
#[allow(missing_docs)]
mod fault;
#[allow(missing_docs)]
mod flow;
#[allow(missing_docs)]
mod generate;
#[allow(missing_docs)]
mod identity;
#[allow(missing_docs)]
mod metrics;
#[allow(missing_docs)]
mod place;
#[allow(missing_docs)]
mod plan;
#[allow(missing_docs)]
mod priority;
#[allow(missing_docs)]
mod profile;
#[cfg(test)]
mod property;
#[allow(missing_docs)]
mod row;
#[allow(missing_docs)]
mod runtime;
#[allow(missing_docs)]
mod segment;
#[allow(missing_docs)]
mod serve;
#[allow(missing_docs)]
mod sink;
#[allow(missing_docs)]
mod source;
#[allow(missing_docs)]
mod standing;
#[allow(missing_docs)]
mod state;
#[allow(missing_docs)]
mod store;
#[allow(missing_docs)]
mod time;
#[allow(missing_docs)]
mod wait;

pub use definition::{DefinitionError, Diagnostic, Diagnostics, Place};
pub use differential_dataflow;
pub use engine::{
    Applied, Control, Definition, Engine, EngineBuilder, EngineError, Feeder, Forgetting,
    Forgotten, Inputs, Running, Summary, Unchanged, build,
};
pub use row::{Datum, Items, Unscaled};
pub use runtime::{
    Clock, Collections, KnownConflict, KnownIdentifier, KnownRow, PersonId, Profile,
};
pub use sink::{ChangelogRecord, SinkError};
pub use source::{SourceError, WrongFile};
pub use timely;

/// The rooms of the house, for its own command line, tests, benches and fuzz targets, which are crates of their own
/// and look behind the front. Nothing here is promised to anybody else.
#[doc(hidden)]
#[allow(missing_docs)]
pub mod internals {
    pub mod aggregate {
        pub use crate::aggregate::*;
    }
    pub mod changelog {
        pub use crate::changelog::*;
    }
    pub mod columns {
        pub use crate::columns::*;
    }
    pub mod console {
        pub use crate::console::*;
    }
    pub mod control {
        pub use crate::control::*;
    }
    pub mod decode {
        pub use crate::decode::*;
    }
    pub mod definition {
        pub use crate::definition::*;
    }
    pub mod engine {
        pub use crate::engine::*;
    }
    pub mod explain {
        pub use crate::explain::*;
    }
    pub mod fault {
        pub use crate::fault::*;
    }
    pub mod flow {
        pub use crate::flow::*;
    }
    pub mod generate {
        pub use crate::generate::*;
    }
    pub mod identity {
        pub use crate::identity::*;
    }
    pub mod metrics {
        pub use crate::metrics::*;
    }
    pub mod place {
        pub use crate::place::*;
    }
    pub mod plan {
        pub use crate::plan::*;
    }
    pub mod profile {
        pub use crate::profile::*;
    }
    pub mod row {
        pub use crate::row::*;
    }
    pub mod runtime {
        pub use crate::runtime::*;
    }
    pub mod segment {
        pub use crate::segment::*;
    }
    pub mod serve {
        pub use crate::serve::*;
    }
    pub mod sink {
        pub use crate::sink::*;
    }
    pub mod source {
        pub use crate::source::*;
    }
    pub mod standing {
        pub use crate::standing::*;
    }
    pub mod state {
        pub use crate::state::*;
    }
    pub mod store {
        pub use crate::store::*;
    }
    pub mod time {
        pub use crate::time::*;
    }
    pub mod wait {
        pub use crate::wait::*;
    }
}
