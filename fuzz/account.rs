//! What every target asserts.
#![allow(dead_code)]

#[path = "../tests/input/definition.rs"]
pub mod definition;

use std::path::Path;
use std::sync::Arc;

use selfsame::internals::decode::Decoder;
use selfsame::internals::plan::Plan;
use selfsame::internals::source::{Chunk, Payload};

/// Decodes the payload of a definition's first source.
pub fn account(definition: impl FnOnce(&Path) -> Plan, payload: Payload) {
    let plan = Arc::new(definition(Path::new("")));
    check(&plan, &Chunk { source: 0, part: 0, origin: "fuzz".into(), payload, reached: None });
}

/// Every raw row is a row, a reject, or dropped.
pub fn check(plan: &Arc<Plan>, chunk: &Chunk) {
    let mut decoder = Decoder::new(Arc::clone(plan), usize::from(chunk.source));
    let decoded = decoder.decode(chunk, 0);
    definition::account_for(plan, chunk.source, &decoded);
}
