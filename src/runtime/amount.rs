//! How much happens together, and how much is in memory for it.

/// What the rows hold that one tick takes of a worker at most, in bytes, where little is kept: some 350,000 short ones.
pub const TICK_BYTES: u64 = 80 << 20;

/// The same, however much is kept.
pub const MOST_TICK_BYTES: u64 = 2 * TICK_BYTES;

/// Raw rows that one tick takes of a worker at most: those that do not count hold nothing, and how far their source is read
/// is told with a tick.
pub const TICK_ROWS: u64 = 1 << 19;

/// What the rows hold that one tick takes of a worker at most whose operators keep so many bytes. Where rows come faster
/// than they pass, larger ticks cost less a row (`bench/throughput.py`): who changes in several of them is put together,
/// evaluated and sent in each. They take memory, but never more than a half of what is kept, or [`TICK_BYTES`].
pub fn tick_bytes(kept: u64) -> u64 {
    (kept / 2).clamp(TICK_BYTES, MOST_TICK_BYTES)
}

/// What the rows of a worker may hold, waiting and in ticks that are not handed over: the inflow is held back beyond. So
/// while a large tick goes through the stages, only a part of the next one is in memory.
pub fn held_bytes(tick_bytes: u64) -> u64 {
    tick_bytes + tick_bytes / 4
}
