//! How much happens together, and how much is in memory for it.

/// What the rows hold that one tick takes of a worker at most, in bytes: some 350,000 short ones. Where rows come faster
/// than they pass, larger ticks cost less a row, up to about this (`bench/lite.py`): who changes in several of them is put
/// together, evaluated and sent in each.
pub const TICK_BYTES: u64 = 80 << 20;

/// Raw rows that one tick takes of a worker at most: those that do not count hold nothing, and how far their source is read
/// is told with a tick.
pub const TICK_ROWS: u64 = 1 << 19;

/// What the rows of a worker may hold, waiting and in ticks that are not handed over: the inflow is held back beyond. So
/// while a large tick goes through the stages, only a part of the next one is in memory.
pub const HELD_BYTES: u64 = TICK_BYTES + TICK_BYTES / 4;
