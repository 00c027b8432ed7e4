//! What operators keep: which structure for which distribution of keys, and how it is filled.

pub mod batch;
pub mod few;
pub mod held;
pub mod queue;
pub mod table;
