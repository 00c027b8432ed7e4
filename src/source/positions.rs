//! Where sources are read on: what all that was read comes to.
//!
//! Chunks of a partition are taken in order, so its position is one offset. Chunks of a file go to whichever
//! worker is free, so of a file that was being read there may be gaps at the end: what was read of it is a
//! set of ranges.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reached::{FileMark, FileOffset, PartStart, Print, Reached, Span, TextLength};
use crate::place::FileId;

/// Where sources are read on. In which order it is added to, and how often, does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// By name.
    sources: BTreeMap<Arc<str>, SourcePositions>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourcePositions {
    /// By name.
    pub topics: BTreeMap<Arc<str>, TopicPosition>,
    /// By part.
    pub files: BTreeMap<u32, FilePosition>,
    /// Behind all parts that are known.
    pub next_part: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TopicPosition {
    pub generation: u32,
    /// The id of the topic of this generation.
    pub id: Option<Arc<str>>,
    /// Which offset is read next, by partition.
    pub next: BTreeMap<i32, u64>,
}

/// How far a part of a file is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FilePosition {
    pub file: Arc<FileMark>,
    start: PartStart,
    /// What was read, by its first byte, or its first row where the file is columnar. No two touch.
    ranges: BTreeMap<u64, RangeEnd>,
}

/// Where something that was read ends: as the key of its range, and as a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RangeEnd {
    pub at: u64,
    pub row: u64,
    before: Print,
}

impl RangeEnd {
    /// In a text.
    pub fn place(self) -> FileOffset {
        FileOffset { byte: self.at, row: self.row }
    }
}

impl Positions {
    /// Takes in that something was read.
    pub fn add(&mut self, reached: &Reached) {
        let of = self.sources.entry(Arc::clone(&reached.source)).or_default();
        of.next_part = of.next_part.max(reached.part + 1);
        match &reached.span {
            Span::Topic { topic, id, partition, generation, from: _, next } => {
                let of = of.topics.entry(Arc::clone(topic)).or_default();
                if of.generation < *generation {
                    *of = TopicPosition { generation: *generation, ..TopicPosition::default() };
                }
                if of.generation == *generation {
                    of.id = of.id.take().or_else(|| id.clone());
                    let known = of.next.entry(*partition).or_default();
                    *known = (*known).max(*next);
                }
            }
            Span::File { file, start, bytes, rows, before } => {
                let range = if file.rows.is_some() { rows } else { bytes };
                let end = RangeEnd { at: range.end, row: rows.end, before: *before };
                let position = of.files.entry(reached.part).or_insert_with(|| FilePosition {
                    file: Arc::clone(file),
                    start: *start,
                    ranges: BTreeMap::new(),
                });
                position.add(file, range.start, end);
            }
        }
    }

    /// Takes in all that others come to.
    pub fn merge(&mut self, others: &Positions) {
        for (source, others) in &others.sources {
            let of = self.sources.entry(Arc::clone(source)).or_default();
            of.next_part = of.next_part.max(others.next_part);
            for (topic, other) in &others.topics {
                let of = of.topics.entry(Arc::clone(topic)).or_default();
                if of.generation < other.generation {
                    *of =
                        TopicPosition { generation: other.generation, ..TopicPosition::default() };
                }
                if of.generation == other.generation {
                    of.id = of.id.take().or_else(|| other.id.clone());
                    for (partition, next) in &other.next {
                        let known = of.next.entry(*partition).or_default();
                        *known = (*known).max(*next);
                    }
                }
            }
            for (part, other) in &others.files {
                let position = of.files.entry(*part).or_insert_with(|| FilePosition {
                    file: Arc::clone(&other.file),
                    start: other.start,
                    ranges: BTreeMap::new(),
                });
                for (from, end) in &other.ranges {
                    position.add(&other.file, *from, *end);
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    pub(super) fn of(&self, source: &str) -> Option<&SourcePositions> {
        self.sources.get(source)
    }

    /// Those of topics alone.
    pub(super) fn of_topics(&self) -> Self {
        let of_source = |(name, of): (&Arc<str>, &SourcePositions)| {
            let topics = of.topics.clone();
            (Arc::clone(name), SourcePositions { topics, ..SourcePositions::default() })
        };
        Positions { sources: self.sources.iter().map(of_source).collect() }
    }

    /// Up to where all sources that read a topic have read a partition of it, as far as they are known.
    pub(super) fn read_by_all(&self, topic: &str, partition: i32) -> Option<u64> {
        let of_topic = || self.sources.values().filter_map(|source| source.topics.get(topic));
        let generation = of_topic().map(|of| of.generation).max()?;
        let newest = of_topic().filter(|of| of.generation == generation);
        newest.filter_map(|of| of.next.get(&partition)).min().copied()
    }

    pub(super) fn topic(&self, source: &str, topic: &str) -> Option<&TopicPosition> {
        self.of(source)?.topics.get(topic)
    }
}

impl SourcePositions {
    /// Where another part goes on behind one, as far as that is known.
    pub fn continued(&self, part: u32) -> Option<u64> {
        let behind = self.files.values().filter(|of| of.start.after == Some(part));
        behind.map(|of| of.start.at.byte).max()
    }

    /// How far files are read under each of their parts, and under those before it whose bytes still stand in it.
    pub fn known(&self) -> BTreeMap<u32, FilePosition> {
        let mut known: BTreeMap<u32, FilePosition> = BTreeMap::new();
        // Parts go up: what comes before one is known when its turn comes.
        for (part, position) in &self.files {
            let mut position = position.clone();
            let before = position.after(*part).and_then(|after| known.get(&after));
            let kept = position.start.at;
            for (from, end) in before.iter().flat_map(|before| &before.ranges) {
                let end = match end.at <= kept.byte {
                    true => *end,
                    false => RangeEnd { at: kept.byte, row: kept.row, before: Print::default() },
                };
                if *from < end.at {
                    position.add_range(*from, end);
                }
            }
            known.insert(*part, position);
        }
        known
    }
}

impl FilePosition {
    fn add(&mut self, file: &Arc<FileMark>, from: u64, end: RangeEnd) {
        let newer = self.end().map_or(0, |end| end.at);
        // The newest reading knows best what the file is called, and most of how it begins.
        if end.at > newer || (end.at == newer && *file > self.file) {
            self.file = Arc::clone(file);
        }
        self.add_range(from, end);
    }

    fn add_range(&mut self, mut from: u64, mut end: RangeEnd) {
        let touching: Vec<u64> = self.ranges.range(..=end.at).map(|(from, _)| *from).collect();
        for start in touching.into_iter().rev() {
            let range = self.ranges[&start];
            if range.at < from {
                break;
            }
            self.ranges.remove(&start);
            from = from.min(start);
            // Of two that end there the one that tells more of it.
            if (range.at, range.before) > (end.at, end.before) {
                end = range;
            }
        }
        self.ranges.insert(from, end);
    }

    fn end(&self) -> Option<&RangeEnd> {
        self.ranges.last_key_value().map(|(_, end)| end)
    }

    /// Behind all that was read.
    pub fn read_at_most(&self) -> FileOffset {
        self.end().map_or(FileOffset::FIRST, |end| end.place())
    }

    /// What says that the file is known as another one on this machine, or by another name, by now, if it is: a part of
    /// it that holds nothing.
    pub fn known_as(&self, id: FileId, path: &str) -> Option<Span> {
        let known = &self.file;
        let end = self.end().filter(|_| known.id != id || *known.path != *path)?;
        let again = known.again + 1;
        let file = Arc::new(FileMark { again, id, path: path.into(), ..FileMark::clone(known) });
        let (bytes, rows) = match self.is_columnar() {
            true => (0..0, end.at..end.at),
            false => (end.at..end.at, end.row..end.row),
        };
        Some(Span::File { file, start: self.start, bytes, rows, before: end.before })
    }

    pub fn is_columnar(&self) -> bool {
        self.file.rows.is_some()
    }

    /// Whether the file does not grow: then one that has changed is another file.
    pub fn is_whole(&self) -> bool {
        self.is_columnar() || self.file.unfolded.is_some()
    }

    /// Where the file begins, in what its ranges are measured in.
    fn first(&self) -> u64 {
        u64::from(self.is_columnar())
    }

    pub fn start(&self) -> PartStart {
        self.start
    }

    /// The part behind which this one goes on. Parts go up, whatever was written into a damaged log.
    pub fn after(&self, part: u32) -> Option<u32> {
        self.start.after.filter(|after| *after < part)
    }

    /// Up to where all was read.
    pub fn read_to(&self) -> FileOffset {
        match self.ranges.first_key_value() {
            Some((from, end)) if *from <= self.first() => end.place(),
            _ => FileOffset::FIRST,
        }
    }

    /// What was read behind the first gap.
    pub fn later(&self) -> impl Iterator<Item = (u64, RangeEnd)> {
        let first = self.first();
        self.ranges.iter().map(|(from, end)| (*from, *end)).filter(move |(from, _)| *from > first)
    }

    /// The rows of a columnar file that were not read.
    pub fn rows_left(&self) -> Vec<Range<u64>> {
        let (mut at, mut left) = (self.first(), Vec::new());
        for (from, end) in &self.ranges {
            if at < *from {
                left.push(at..*from);
            }
            at = end.at;
        }
        let behind = self.file.rows.unwrap_or_default() + 1;
        if at < behind {
            left.push(at..behind);
        }
        left
    }

    /// How many bytes of a file of this length were not read.
    pub fn bytes_left(&self, length: u64) -> u64 {
        let Some(rows) = self.file.rows else {
            let read = self.ranges.iter().map(|(from, end)| end.at - from).sum::<u64>();
            return match self.file.unfolded {
                None => length.saturating_sub(read),
                Some(TextLength::Known(text)) if self.read_to().byte == text => 0,
                // It is unfolded from its beginning on.
                Some(_) => length,
            };
        };
        let left: u64 = self.rows_left().iter().map(|range| range.end - range.start).sum();
        // A row that is left may be less than a byte, and is no nothing.
        let share = (u128::from(length) * u128::from(left)).div_ceil(u128::from(rows.max(1)));
        u64::try_from(share).unwrap_or(length)
    }

    /// Whether a file is the one that was read, as it was when it was read or longer.
    pub fn stands(&self, file: &File) -> io::Result<bool> {
        let print = self.file.print;
        if self.is_whole() {
            let metadata = file.metadata()?;
            let is_same = FileId::of(&metadata) == self.file.id;
            let ends_stand = metadata.len() == print.length && Print::of_whole(file)? == print;
            let content = self.file.content.filter(|_| ends_stand);
            return content.map_or(Ok(ends_stand), |content| content.is_in(file, is_same));
        }
        if !print.stands_before(file, print.length)? {
            return Ok(false);
        }
        for end in self.ranges.values() {
            if !end.before.stands_before(file, end.at)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
