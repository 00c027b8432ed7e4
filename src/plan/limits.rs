//! What one call in an expression may make of one row, and do for it.

/// What one call may make of one row, and do for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Bytes that are made.
    pub bytes: u64,
    /// Characters that are looked at, and the like: some nanoseconds each.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 1 << 20, steps: 100_000_000 }
    }
}

impl Limits {
    /// So many that what some thousand rows make has room in one column.
    pub const MOST_BYTES: u64 = 2_000_000;
}
