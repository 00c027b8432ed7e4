//! Selfsame keeps customer profiles right at every instant.

pub mod columns;
pub mod decode;
pub mod identity;
pub mod profile;
pub mod row;
pub mod runtime;
pub mod segment;
pub mod serve;
pub mod sink;
pub mod source;
pub mod spec;
pub mod time;
pub mod flow;
pub mod metrics;
pub mod queue;
