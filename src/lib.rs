//! Selfsame keeps customer profiles right at every instant.

mod batch;
pub mod columns;
pub mod console;
pub mod decode;
pub mod few;
mod flow;
pub mod generate;
pub mod held;
pub mod identity;
pub mod metrics;
pub mod place;
pub mod profile;
pub mod queue;
pub mod row;
pub mod runtime;
mod seats;
pub mod segment;
pub mod serve;
pub mod sink;
pub mod source;
pub mod spec;
pub mod table;
pub mod time;
pub mod wait;
pub mod why;
