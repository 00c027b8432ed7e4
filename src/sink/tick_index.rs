//! Where in an output's file each tick's records begin, so that who comes back finds what was told since.
//!
//! A file of pairs of numbers in the data folder, each of 8 bytes, the lowest first: a tick, and the byte at which its
//! first record stands. Ticks and bytes never fall, so that a tick is found by halving. A pair is written before the
//! records are, and those of records that were cut off go with them. The first pair is of no records: of ticks behind
//! it, all is known.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::time::Tick;

/// Bytes of a pair.
const PAIR: u64 = 16;

/// A file of records, and where in it ticks begin.
#[derive(Debug)]
pub struct TickIndex {
    /// Where the records are.
    pub path: PathBuf,
    pairs: File,
    number: AtomicU64,
    /// A pair could not be written: nothing is known any more.
    is_broken: AtomicBool,
}

impl TickIndex {
    /// Goes on with what there is, if its last pair is of this tick, or of what differed at it, which is told as a later
    /// one, and lies before this byte.
    pub fn kept(index: &Path, path: &Path, (tick, bytes): (Tick, u64)) -> io::Result<Option<Self>> {
        let Some(known) = TickIndex::opened(index, path)? else { return Ok(None) };
        if !known.is_in_order()? {
            return Ok(None);
        }
        let number = match known.first_where(|(_, byte)| byte >= bytes)? {
            // Of what begins where the file ends nothing was cut off.
            0 if known.pairs() > 0 && known.pair(0)?.1 == bytes => 1,
            number => number,
        };
        known.number.store(number, Ordering::Release);
        known.pairs.set_len(number * PAIR)?;
        let Some(last) = number.checked_sub(1) else { return Ok(None) };
        Ok((known.pair(last)?.0 >= tick).then_some(known))
    }

    /// Goes on with an index of a file that was never told anything: of all ticks behind its first pair there is nothing.
    pub fn untold(index: &Path, path: &Path) -> io::Result<Option<Self>> {
        let Some(known) = TickIndex::opened(index, path)?.filter(|known| known.pairs() > 0) else {
            return Ok(None);
        };
        match known.pair(0)? {
            (tick, 0) => TickIndex::begun(index, path, tick, 0).map(Some),
            _ => Ok(None),
        }
    }

    /// What there is, if there is any.
    fn opened(index: &Path, path: &Path) -> io::Result<Option<Self>> {
        match File::options().read(true).write(true).open(index) {
            Ok(pairs) => TickIndex::of(pairs, path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins anew: of ticks up to this one nothing is known, and those behind it begin at this byte.
    pub fn begun(index: &Path, path: &Path, tick: Tick, byte: u64) -> io::Result<Self> {
        std::fs::create_dir_all(index.parent().unwrap_or(Path::new(".")))?;
        let pairs =
            File::options().read(true).write(true).create(true).truncate(true).open(index)?;
        let begun = TickIndex::of(pairs, path)?;
        begun.add(tick, byte);
        Ok(begun)
    }

    /// Whether neither ticks nor bytes fall, as it is written.
    fn is_in_order(&self) -> io::Result<bool> {
        let (mut pairs, mut last) = (BufReader::new(&self.pairs), [0; 2]);
        for _ in 0..self.pairs() {
            let mut pair = [[0; 8]; 2];
            for number in &mut pair {
                pairs.read_exact(number)?;
            }
            let pair = pair.map(u64::from_le_bytes);
            if pair[0] < last[0] || pair[1] < last[1] {
                return Ok(false);
            }
            last = pair;
        }
        Ok(true)
    }

    fn of(pairs: File, path: &Path) -> io::Result<Self> {
        let number = AtomicU64::new(pairs.metadata()?.len() / PAIR);
        Ok(TickIndex { path: path.to_owned(), pairs, number, is_broken: AtomicBool::new(false) })
    }

    /// Records of a tick come, from this byte on.
    pub fn add(&self, tick: Tick, byte: u64) {
        let number = self.number.load(Ordering::Acquire);
        let mut pair = [0; PAIR as usize];
        pair[..8].copy_from_slice(&tick.to_le_bytes());
        pair[8..].copy_from_slice(&byte.to_le_bytes());
        if let Err(error) = self.pairs.write_all_at(&pair, number * PAIR) {
            tracing::warn!(
                "who follows '{}' can't go on from its earlier records: {error}",
                self.path.display()
            );
            self.is_broken.store(true, Ordering::Release);
        }
        self.number.store(number + 1, Ordering::Release);
    }

    /// How many pairs there are.
    pub fn pairs(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    pub fn pair(&self, place: u64) -> io::Result<(Tick, u64)> {
        if self.is_broken.load(Ordering::Acquire) {
            return Err(io::Error::other("where its ticks begin is not known"));
        }
        let mut pair = [0; PAIR as usize];
        self.pairs.read_exact_at(&mut pair, place * PAIR)?;
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
        Ok((number(&pair[..8]), number(&pair[8..])))
    }

    /// The first pair of this tick or a later one, if all behind the tick is known.
    pub fn from(&self, tick: Tick) -> io::Result<Option<u64>> {
        if self.pairs() == 0 || self.pair(0)?.0 > tick {
            return Ok(None);
        }
        self.first_where(|(of, _)| of >= tick).map(Some)
    }

    fn first_where(&self, holds: impl Fn((Tick, u64)) -> bool) -> io::Result<u64> {
        let (mut first, mut last) = (0, self.pairs());
        while first < last {
            let middle = first + (last - first) / 2;
            match holds(self.pair(middle)?) {
                true => last = middle,
                false => first = middle + 1,
            }
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tick_is_found_and_what_was_cut_off_is_forgotten(
            steps in prop::collection::vec((1u64..5, 1u64..100), 1..60),
            asked in 0u64..250,
            kept in 0usize..60,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let (index, path) = (folder.path().join("x.ticks"), folder.path().join("x.ndjson"));
            let begun = TickIndex::begun(&index, &path, 10, 7).expect("it is written");
            let mut all = vec![(10, 7)];
            for (ticks, bytes) in steps {
                let (tick, byte) = all.last().copied().expect("the first");
                all.push((tick + ticks, byte + bytes));
                begun.add(tick + ticks, byte + bytes);
            }
            let place = all.iter().position(|(tick, _)| *tick >= asked).unwrap_or(all.len());
            let expected = (asked >= 10).then_some(place as u64);
            prop_assert_eq!(begun.from(asked).expect("it is read"), expected);
            let kept = kept.min(all.len() - 1);
            // The file is cut back to where the records of this tick end.
            let end = all.get(kept + 1).map_or(u64::MAX, |(_, byte)| *byte);
            let again = TickIndex::kept(&index, &path, (all[kept].0, end)).expect("it is read");
            let again = again.expect("it is as it was told");
            prop_assert_eq!(again.pairs(), kept as u64 + 1);
            // What differed at a tick was told as a later one.
            let earlier = (all[kept].0 - 1, end);
            prop_assert!(TickIndex::kept(&index, &path, earlier).expect("it is read").is_some());
            let later = (all[kept].0 + 1, end);
            prop_assert!(TickIndex::kept(&index, &path, later).expect("it is read").is_none());
            // Of an index that was begun where the file ends, too, nothing was cut off.
            let untold = TickIndex::begun(&index, &path, 10, 7).expect("it is written");
            prop_assert_eq!(untold.pairs(), 1);
            let again = TickIndex::kept(&index, &path, (10, 7)).expect("it is read");
            prop_assert_eq!(again.expect("it is as it was told").pairs(), 1);
            prop_assert!(TickIndex::kept(&index, &path, (10, 6)).expect("it is read").is_none());
        }

        #[test]
        fn an_index_in_which_ticks_or_bytes_fall_is_not_gone_on_with(
            steps in prop::collection::vec((1u64..5, 1u64..100), 2..60),
            altered in 0usize..60,
            is_byte: bool,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let (index, path) = (folder.path().join("x.ticks"), folder.path().join("x.ndjson"));
            let begun = TickIndex::begun(&index, &path, 10, 0).expect("it is written");
            let (mut tick, mut byte) = (10, 0);
            for (ticks, bytes) in &steps {
                (tick, byte) = (tick + ticks, byte + bytes);
                begun.add(tick, byte);
            }
            let mut written = std::fs::read(&index).expect("it is read");
            // The highest byte of a number that is not the last.
            let place = altered % steps.len() * 16 + if is_byte { 15 } else { 7 };
            written[place] ^= 0x40;
            std::fs::write(&index, written).expect("it is written");
            let again = TickIndex::kept(&index, &path, (tick, u64::MAX)).expect("it is read");
            prop_assert!(again.is_none());
        }
    }
}
