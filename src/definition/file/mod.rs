//! A definition file as it is written: YAML in which everything has its place, the table of its fields,
//! and what is told of both.

pub mod diagnostic;
pub mod fields;
pub mod hashed;
pub mod no_yaml;
pub mod origin;
mod parentheses;
pub mod reference;
pub mod schema;
pub mod shape;
pub mod stated;
pub mod unquoted;
pub mod yaml;
