//! Sums of differences by value, of which there are few: a search from the start is all that it takes.

use crate::flow::Diff;

/// Adds to the difference of a value. One whose sum is zero stays until somebody looks.
pub fn add<T: PartialEq, S: AsMut<[(T, Diff)]> + Extend<(T, Diff)>>(
    sums: &mut S,
    value: T,
    diff: Diff,
) {
    match sums.as_mut().iter_mut().find(|(of, _)| *of == value) {
        Some((_, sum)) => *sum += diff,
        None => sums.extend([(value, diff)]),
    }
}
