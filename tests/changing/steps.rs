//! The steps at which one of two processes may end while they take up a change together.

use selfsame::internals::fault::{FOLLOWING, TAKING_OVER};

/// Those of the first process, which leads, and those of the second.
pub fn of_processes() -> impl Iterator<Item = (usize, &'static str)> {
    let of_first = TAKING_OVER.iter().map(|point| (0, *point));
    let others = ["room made", "outputs opened", "taken over"];
    of_first.chain(FOLLOWING.iter().copied().chain(others).map(|point| (1, point)))
}

/// Whether what is new is in force where one ends there.
pub fn is_decided(point: &str) -> bool {
    ["decided", "others taken over", "taken over", "settled"].contains(&point)
}
