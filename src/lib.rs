//! Selfsame keeps customer profiles right at every instant.

pub mod aggregate;
pub mod changelog;
pub mod columns;
pub mod console;
pub mod decode;
pub mod definition;
pub mod engine;
pub mod explain;
pub mod flow;
pub mod generate;
pub mod identity;
pub mod metrics;
pub mod place;
pub mod plan;
pub mod profile;
pub mod row;
pub mod runtime;
pub mod segment;
pub mod sink;
pub mod source;
pub mod standing;
pub mod state;
pub mod time;
pub mod wait;

pub use definition::{DefinitionError, Diagnostic, Diagnostics, Place};
pub use differential_dataflow;
pub use engine::{
    Definition, Engine, EngineBuilder, EngineError, Feeder, Inputs, Running, Summary, build,
};
pub use row::Datum;
pub use runtime::{
    Clock, Collections, KnownConflict, KnownIdentifier, KnownRow, PersonId, Profile,
};
pub use sink::{ChangelogRecord, SinkError};
pub use source::{SourceError, WrongFile};
pub use timely;
