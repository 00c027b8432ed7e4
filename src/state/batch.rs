//! What arrives with a tick or follows from it, and how it is applied to a state far larger than the
//! processor's caches.

use std::hint::black_box;

/// What arrives with a tick, in the pieces in which it came, or what follows from it, in pieces as it is
/// found: one long vector would be grown, and so copied into fresh memory, at every tick.
pub struct Batch<D> {
    pieces: Vec<Vec<D>>,
}

impl<D> Default for Batch<D> {
    fn default() -> Self {
        Batch { pieces: Vec::new() }
    }
}

impl<D> Batch<D> {
    pub fn append(&mut self, data: &mut Vec<D>) {
        match self.pieces.last_mut() {
            Some(last) if last.capacity() - last.len() >= data.len() => last.append(data),
            _ => self.pieces.push(std::mem::take(data)),
        }
    }

    pub fn push(&mut self, data: D) {
        match self.pieces.last_mut() {
            Some(last) if last.len() < last.capacity() => last.push(data),
            last => {
                // The more there is, the larger the pieces.
                let most = (PIECE / size_of::<D>().max(1)).max(1);
                let room = last.map_or(16, |last| 2 * last.capacity());
                let mut piece = Vec::with_capacity(room.min(most));
                piece.push(data);
                self.pieces.push(piece);
            }
        }
    }

    /// All of it in one run of memory, which is made once.
    pub fn into_vec(self) -> Vec<D> {
        let mut all = Vec::with_capacity(self.len());
        self.pieces.into_iter().for_each(|mut piece| all.append(&mut piece));
        all
    }

    pub fn into_pieces(self) -> impl Iterator<Item = Vec<D>> {
        self.pieces.into_iter()
    }

    pub fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(Vec::is_empty)
    }

    pub fn iter(&self) -> impl Iterator<Item = &D> {
        self.pieces.iter().flatten()
    }
}

/// A batch that is given on portion by portion.
pub struct BatchPortions<D> {
    pieces: std::vec::IntoIter<Vec<D>>,
}

impl<D> BatchPortions<D> {
    /// Gives the next pieces, as many as come to a portion.
    pub fn give(&mut self, mut give: impl FnMut(&mut Vec<D>)) {
        let mut given = 0;
        while given < PORTION
            && let Some(mut piece) = self.pieces.next()
        {
            given += piece.len();
            give(&mut piece);
        }
    }

    /// Whether all was given.
    pub fn is_over(&self) -> bool {
        self.pieces.as_slice().is_empty()
    }
}

impl<D> From<Batch<D>> for BatchPortions<D> {
    fn from(batch: Batch<D>) -> Self {
        BatchPortions { pieces: batch.pieces.into_iter() }
    }
}

/// How many data are given on at once. Whoever is behind has its turn before the next ones are, so that what maps and
/// filters make of a large tick is in memory, and in the processor's caches, a portion at a time.
const PORTION: usize = 1 << 14;

/// How many bytes a piece has at most that is made here.
const PIECE: usize = 1 << 15;

/// How many are looked at before they are applied.
const GROUP: usize = 32;

/// Reads something of a state that a datum will need, and returns anything that depends on it.
pub type Prefetch<S, D> = fn(&S, &D) -> usize;

/// Applies data to a state, one after the other. Before, `prefetches` read what some of them will need of
/// the state, one prefetch for all, then the next: what lies far apart comes from memory at once then,
/// where it would be waited for one by one.
pub fn apply_prefetched<D, S>(
    batch: impl Into<Batch<D>>,
    state: &mut S,
    prefetches: &[Prefetch<S, D>],
    mut apply: impl FnMut(&mut S, D),
) {
    for piece in batch.into().pieces {
        let mut piece = piece.into_iter();
        while !piece.as_slice().is_empty() {
            let group = &piece.as_slice()[..piece.len().min(GROUP)];
            let number = group.len();
            for prefetch in prefetches {
                black_box(group.iter().map(|data| prefetch(state, data)).sum::<usize>());
            }
            piece.by_ref().take(number).for_each(|data| apply(state, data));
        }
    }
}

impl<D> From<Vec<D>> for Batch<D> {
    fn from(data: Vec<D>) -> Self {
        Batch { pieces: vec![data] }
    }
}

impl<D> Extend<D> for Batch<D> {
    fn extend<I: IntoIterator<Item = D>>(&mut self, data: I) {
        data.into_iter().for_each(|data| self.push(data));
    }
}

impl<D> FromIterator<D> for Batch<D> {
    fn from_iter<I: IntoIterator<Item = D>>(data: I) -> Self {
        Vec::from_iter(data).into()
    }
}

impl<D> IntoIterator for Batch<D> {
    type Item = D;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<D>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter().flatten()
    }
}
