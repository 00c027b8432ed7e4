//! Selfsame keeps customer profiles right at every instant.

pub mod aggregate;
pub mod changelog;
pub mod columns;
pub mod console;
pub mod decode;
pub mod definition;
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
