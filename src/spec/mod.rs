//! The definition file: parse, check, explain → a typed plan.

pub mod plan;
pub mod sql;
