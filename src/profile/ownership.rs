//! Whose an identifier was, before a tick changes something of it.

use crate::identity::Component;
use crate::time::Micros;

/// Whose a known identifier was when the tick began, and when it had first been seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    pub component: Component,
    pub first_seen: Micros,
}
