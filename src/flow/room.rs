//! The memory that the containers of an arrangement's batches have.

use std::mem::size_of;

use super::packed::PackedList;
use super::pieces::Pieces;

/// What has memory.
pub trait Room {
    /// How many bytes it has, used or not.
    fn room(&self) -> usize;
}

impl<T> Room for Vec<T> {
    fn room(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

impl<T> Room for Pieces<T> {
    fn room(&self) -> usize {
        self.pieces().map(Room::room).sum()
    }
}

impl Room for PackedList {
    fn room(&self) -> usize {
        // Where values end is told in four bytes for each, or eight.
        self.blocks().map(Room::room).sum::<usize>() + 4 * self.len()
    }
}
