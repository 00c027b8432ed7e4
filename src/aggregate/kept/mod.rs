//! What functions keep of values: sums that are exact, and values in an order that is cheap to change.

pub mod exact;
pub mod partial;
pub mod parts;
pub mod ranks;
pub mod tally;
