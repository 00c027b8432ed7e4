//! Outputs of runs that are killed and started again: what is committed is committed once, whole ticks at a time.
//!
//! Writers are driven without an engine: a history says which records each tick has, and which process owns a
//! key, as the engine would.

#[path = "../broker/mod.rs"]
mod broker;
mod files;
mod history;
#[path = "../program/mod.rs"]
mod program;
mod topics;
