//! The memory that the containers of an arrangement's batches have.

use std::mem::size_of;

use super::packed::PackedList;
use super::pieces::Pieces;

/// What has memory.
pub trait BatchRoom {
    /// How many bytes it has, used or not.
    fn room(&self) -> usize;
}

impl<T> BatchRoom for Vec<T> {
    fn room(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

impl<T> BatchRoom for Pieces<T> {
    fn room(&self) -> usize {
        self.pieces().map(BatchRoom::room).sum()
    }
}

impl BatchRoom for PackedList {
    fn room(&self) -> usize {
        // Where values end is told in four bytes for each, or eight.
        self.blocks().map(BatchRoom::room).sum::<usize>() + 4 * self.len()
    }
}
