//! The index of a columnar file: in which blocks of its rows a key's hash is.
//!
//! ```text
//! 16 bytes                  MAGIC
//! u32, u64                  the length of the header, and XXH3 of it
//! header                    JSON: `IndexHeader`
//! u64 for each page         its first word
//! pages of 4,096 bytes      XXH3 of what follows (u64), how many words (u16), and the words
//! ```
//!
//! A word is 40 bits of a hash and the number of a block (u16), in order, each as what it is more than the one before
//! (LEB128; in each page from 0 on). Numbers are little-endian. That comes to about six bytes for each identifier and id
//! of a row. Two hashes that agree in their 40 bits cost a block that is read in vain, and nothing else.
//!
//! The file stands for nothing: what is missing or torn, or of another file or definition, is made anew of the rows.

use std::fs::{self, File};
use std::io::{self, Error, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::whole::{beside, sync_folder};

const MAGIC: &[u8; 16] = b"selfsame.rows.1\n";
const PAGE: usize = 4_096;
/// Before a page's words.
const PAGE_HEADER: usize = 10;
/// The bytes of a number, at most.
const LONGEST: usize = 10;
/// Blocks of a file, at most.
const BLOCKS: u64 = 1 << 16;

/// What an index is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexHeader {
    /// The checksum of the columnar file.
    pub of: String,
    /// What says which keys rows have: `KeyHasher::meaning`.
    pub meaning: String,
    /// How many rows the file has.
    pub rows: u64,
    /// The columnar file, piece by piece, so that a group of rows can be read and checked without all others.
    pub pieces: Vec<CheckedPiece>,
    pages: u32,
}

/// Some bytes of a file, and their XXH3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedPiece {
    pub start: u64,
    pub bytes: u64,
    pub sum: u64,
}

impl CheckedPiece {
    pub fn of(file: &File, range: Range<u64>) -> io::Result<Self> {
        let (start, bytes) = (range.start, range.end - range.start);
        Ok(CheckedPiece { start, bytes, sum: sum(file, start, bytes)? })
    }

    /// Whether a file still has these bytes.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        Ok(sum(file, self.start, self.bytes)? == self.sum)
    }
}

fn sum(file: &File, start: u64, bytes: u64) -> io::Result<u64> {
    let mut read = vec![0; usize::try_from(bytes).map_err(Error::other)?];
    file.read_exact_at(&mut read, start)?;
    Ok(xxh3_64(&read))
}

/// How many rows a block has, of so many in all.
fn block(rows: u64) -> u64 {
    rows.div_ceil(BLOCKS).max(1)
}

/// What becomes an index.
pub struct IndexBuilder {
    header: IndexHeader,
    words: Vec<u64>,
}

impl IndexBuilder {
    pub fn new(of: &str, meaning: &str, rows: u64) -> Self {
        let (of, meaning) = (of.to_owned(), meaning.to_owned());
        let header = IndexHeader { of, meaning, rows, pieces: Vec::new(), pages: 0 };
        IndexBuilder { header, words: Vec::new() }
    }

    /// A row of the file, by its number, has a key.
    pub fn add(&mut self, row: u64, hash: u64) {
        self.words.push(first_word(hash) | (row / block(self.header.rows)));
    }

    pub fn add_piece(&mut self, piece: CheckedPiece) {
        self.header.pieces.push(piece);
    }

    /// Writes the index where it belongs, whole.
    pub fn write(mut self, path: &Path) -> io::Result<()> {
        self.words.sort_unstable();
        self.words.dedup();
        let (mut firsts, mut pages) = (Vec::new(), Vec::new());
        let mut rest = &self.words[..];
        while let Some(first) = rest.first() {
            firsts.extend_from_slice(&first.to_le_bytes());
            rest = &rest[page(rest, &mut pages)..];
        }
        self.header.pages = (firsts.len() / 8) as u32;
        let mut header = serde_json::to_vec(&self.header).expect("JSON");
        header.extend_from_slice(&firsts);
        let parent = path.parent().expect("it lies in a folder");
        fs::create_dir_all(parent)?;
        let beside = beside(path);
        let mut file = File::create(&beside)?;
        file.write_all(MAGIC)?;
        file.write_all(&((header.len() - firsts.len()) as u32).to_le_bytes())?;
        file.write_all(&xxh3_64(&header).to_le_bytes())?;
        file.write_all(&header)?;
        file.write_all(&pages)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder(parent)
    }
}

/// The least word of a hash.
fn first_word(hash: u64) -> u64 {
    hash >> 24 << 16
}

/// Writes a page of as many words as it takes. Returns how many these are.
fn page(words: &[u64], pages: &mut Vec<u8>) -> usize {
    let start = pages.len();
    pages.resize(start + PAGE_HEADER, 0);
    let (mut last, mut taken) = (0, 0);
    for word in words {
        if pages.len() - start + LONGEST > PAGE {
            break;
        }
        let mut more = word - last;
        while more >= 0x80 {
            pages.push(more as u8 | 0x80);
            more >>= 7;
        }
        pages.push(more as u8);
        (last, taken) = (*word, taken + 1);
    }
    pages.resize(start + PAGE, 0);
    let page = &mut pages[start..];
    page[8..PAGE_HEADER].copy_from_slice(&(taken as u16).to_le_bytes());
    let sum = xxh3_64(&page[8..]);
    page[..8].copy_from_slice(&sum.to_le_bytes());
    taken
}

/// An index that is asked.
#[derive(Debug)]
pub struct RowIndex {
    file: File,
    pub header: IndexHeader,
    /// The first word of each page.
    firsts: Vec<u64>,
    /// Where pages begin.
    start: u64,
}

impl RowIndex {
    /// The index of a columnar file, by its checksum, and of a meaning; `None` if there is none that is.
    pub fn open(path: &Path, of: &str, meaning: &str) -> Option<Self> {
        let index = read(path).ok()?;
        let is_meant = index.header.of == of && index.header.meaning == meaning;
        is_meant.then_some(index)
    }

    /// The rows among which those with a key are, in order.
    ///
    /// # Errors
    /// If the index can't be read, or is not what was written.
    pub fn rows(&self, hash: u64) -> io::Result<Vec<Range<u64>>> {
        let (least, most) = (first_word(hash), first_word(hash) | (BLOCKS - 1));
        let first = self.firsts.partition_point(|first| *first < least).saturating_sub(1);
        let pages = self.firsts.iter().enumerate().skip(first);
        let mut found = Vec::new();
        let (rows, block) = (self.header.rows, block(self.header.rows));
        for (number, _) in pages.take_while(|(_, first)| **first <= most) {
            for word in self.page(number)? {
                if (least..=most).contains(&word) {
                    let start = (word & (BLOCKS - 1)) * block;
                    found.push(start..(start + block).min(rows));
                }
            }
        }
        Ok(found)
    }

    /// Whether it is known that no row has a key.
    pub fn has_none(&self, hash: u64) -> bool {
        self.rows(hash).is_ok_and(|rows| rows.is_empty())
    }

    /// All rows, by block.
    pub fn all_rows(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let (rows, block) = (self.header.rows, block(self.header.rows));
        (0..rows.div_ceil(block)).map(move |of| of * block..((of + 1) * block).min(rows))
    }

    /// The words of a page.
    fn page(&self, number: usize) -> io::Result<Vec<u64>> {
        let torn = || Error::other("a page of the index is not what was written");
        let mut page = [0; PAGE];
        self.file.read_exact_at(&mut page, self.start + (number * PAGE) as u64)?;
        let sum = u64::from_le_bytes(page[..8].try_into().expect("8 bytes"));
        if sum != xxh3_64(&page[8..]) {
            return Err(torn());
        }
        let many = u16::from_le_bytes(page[8..PAGE_HEADER].try_into().expect("2 bytes"));
        let mut bytes = page[PAGE_HEADER..].iter();
        let (mut words, mut last) = (Vec::with_capacity(usize::from(many)), 0_u64);
        for _ in 0..many {
            let (mut more, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes.next().filter(|_| shift < 64).ok_or_else(torn)?;
                more |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            last = last.checked_add(more).ok_or_else(torn)?;
            words.push(last);
        }
        Ok(words)
    }
}

fn read(path: &Path) -> io::Result<RowIndex> {
    let torn = || Error::other("it is no index");
    let file = File::open(path)?;
    let mut begin = [0; 28];
    file.read_exact_at(&mut begin, 0)?;
    if begin[..16] != MAGIC[..] {
        return Err(torn());
    }
    let length = u32::from_le_bytes(begin[16..20].try_into().expect("4 bytes")) as usize;
    let sum = u64::from_le_bytes(begin[20..].try_into().expect("8 bytes"));
    let whole = file.metadata()?.len();
    if length as u64 > whole {
        return Err(torn());
    }
    let mut header = vec![0; length];
    file.read_exact_at(&mut header, 28)?;
    let read: IndexHeader = serde_json::from_slice(&header).map_err(|_| torn())?;
    let start = 28 + length as u64 + 8 * u64::from(read.pages);
    if start + u64::from(read.pages) * PAGE as u64 != whole {
        return Err(torn());
    }
    let mut firsts = vec![0; 8 * read.pages as usize];
    file.read_exact_at(&mut firsts, 28 + length as u64)?;
    header.extend_from_slice(&firsts);
    if xxh3_64(&header) != sum {
        return Err(torn());
    }
    let firsts = firsts.chunks_exact(8).map(|of| u64::from_le_bytes(of.try_into().expect("8")));
    Ok(RowIndex { file, header: read, firsts: firsts.collect(), start })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_of_a_key_is_in_a_block_that_is_told(
            rows in 1_u64..400_000,
            seeds in prop::collection::vec((any::<u64>(), 0_u64..400_000), 0..3_000),
            hub in prop::collection::vec(0_u64..400_000, 0..3_000),
        ) {
            let of_hub = hub.iter().map(|row| (7 << 40, *row));
            let all: BTreeSet<(u64, u64)> =
                seeds.iter().copied().chain(of_hub).map(|(hash, row)| (hash, row % rows)).collect();
            let mut builder = IndexBuilder::new("sum", "meaning", rows);
            all.iter().for_each(|(hash, row)| builder.add(*row, *hash));
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("rows/of.index");
            builder.write(&path).expect("it is written");
            prop_assert!(RowIndex::open(&path, "sum", "another").is_none());
            prop_assert!(RowIndex::open(&path, "another", "meaning").is_none());
            let index = RowIndex::open(&path, "sum", "meaning").expect("it is one");
            for (hash, row) in all {
                let told = index.rows(hash).expect("it is read");
                prop_assert!(told.is_sorted_by_key(|range| range.start));
                prop_assert!(told.iter().any(|range| range.contains(&row)));
            }
            prop_assert!(index.rows(1 << 30).expect("it is read").is_empty() || seeds.len() > 1_000);
        }

        #[test]
        fn an_index_that_is_torn_or_altered_is_none_or_says_so(
            hashes in prop::collection::vec(any::<u64>(), 1..2_000),
            at in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let mut builder = IndexBuilder::new("sum", "meaning", hashes.len() as u64);
            (0..).zip(&hashes).for_each(|(row, hash)| builder.add(row, *hash));
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("index");
            builder.write(&path).expect("it is written");
            let mut bytes = fs::read(&path).expect("it is there");
            let at = at.index(bytes.len());
            match cut {
                true => bytes.truncate(at),
                false => bytes[at] ^= 0x10,
            }
            fs::write(&path, bytes).expect("it is written");
            if let Some(index) = RowIndex::open(&path, "sum", "meaning") {
                let told: io::Result<Vec<_>> = hashes.iter().map(|hash| index.rows(*hash)).collect();
                prop_assert!(told.is_err(), "some page has been altered");
            }
        }
    }
}
