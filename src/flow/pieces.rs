//! A list in pieces, as batches keep their keys and short values.
//!
//! A batch that is merged of two is made with room for all of both, and most often it needs less: what one takes back
//! of the other is in neither. One run of memory would keep that room as long as the batch is there, and one that
//! grows would be copied into fresh memory again and again. Pieces are made as they are needed.

use differential_dataflow::trace::implementations::BatchContainer;
use serde::{Deserialize, Serialize};
use timely::container::PushInto;

/// How many items a piece has.
const PIECE: usize = 1 << 11;

/// Items in the order in which they were pushed.
#[derive(Serialize, Deserialize)]
pub struct Pieces<T>(Vec<Vec<T>>);

impl<T> Pieces<T> {
    pub fn pieces(&self) -> impl Iterator<Item = &Vec<T>> {
        self.0.iter()
    }

    pub fn push(&mut self, item: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < PIECE => last.push(item),
            last => {
                // The first one grows: many batches are short.
                let room = if last.is_some() { PIECE } else { 1 };
                let mut piece = Vec::with_capacity(room);
                piece.push(item);
                self.0.push(piece);
            }
        }
    }
}

impl<T: Ord + Clone + 'static> BatchContainer for Pieces<T> {
    type Owned = T;
    type ReadItem<'a> = &'a T;

    fn into_owned(item: &T) -> T {
        item.clone()
    }

    fn push_ref(&mut self, item: &T) {
        self.push(item.clone());
    }

    fn push_own(&mut self, item: &T) {
        self.push(item.clone());
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn with_capacity(_: usize) -> Self {
        Pieces(Vec::new())
    }

    fn merge_capacity(_: &Self, _: &Self) -> Self {
        Pieces(Vec::new())
    }

    fn reborrow<'b, 'a: 'b>(item: &'a T) -> &'b T {
        item
    }

    fn index(&self, index: usize) -> &T {
        &self.0[index / PIECE][index % PIECE]
    }

    fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * PIECE + last.len())
    }
}

impl<T> PushInto<T> for Pieces<T> {
    fn push_into(&mut self, item: T) {
        self.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_pushed_is_there() {
        for number in [0, 1, 5, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7] {
            let mut pieces = Pieces::with_capacity(number);
            (0..number).for_each(|item| pieces.push_into(item));
            assert_eq!(pieces.len(), number);
            assert!((0..number).all(|index| *pieces.index(index) == index));
            pieces.clear();
            assert!(pieces.is_empty());
        }
    }
}
