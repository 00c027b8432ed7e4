//! A journal that is read behind a place, while it is written, and while its oldest files are deleted.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::journal::{self, JournalLine};
use super::recent::RecordPlace;
use crate::time::Tick;

/// Records that are read at once, and bytes of them, or one.
const PART: usize = 256;
const PART_BYTES: usize = 1 << 20;

/// A record, by the number of its output, as files have it.
pub type JournalRecord = (RecordPlace, u16, String);

/// The records of some outputs from a place on.
pub struct JournalReading {
    folder: PathBuf,
    /// By name, the outputs that are read of.
    outputs: Vec<(String, u16)>,
    /// What was read.
    place: RecordPlace,
    /// The tick that the file which is read is named by, and the byte at which the next line begins.
    at: Option<(Tick, u64)>,
    waiting: VecDeque<JournalRecord>,
}

impl JournalReading {
    /// Behind a place; nothing where that is not known any more.
    pub fn begin(
        folder: &Path,
        outputs: Vec<(String, u16)>,
        place: RecordPlace,
    ) -> io::Result<Option<Self>> {
        let (folder, waiting) = (folder.to_owned(), VecDeque::new());
        let reading = JournalReading { folder, outputs, place, at: None, waiting };
        Ok(reading.first(&journal::files(&reading.folder)?).is_some().then_some(reading))
    }

    /// The tick that the first file is named by which has something behind the place.
    fn first(&self, files: &[(Tick, PathBuf)]) -> Option<Tick> {
        let behind = |(tick, _): &&(Tick, PathBuf)| RecordPlace::behind(*tick) <= self.place;
        files.iter().rev().find(behind).map(|(tick, _)| *tick)
    }

    /// The place of the next record, of ticks up to one whose records all stand there.
    pub fn peek(&mut self, until: Tick) -> io::Result<Option<RecordPlace>> {
        if self.waiting.is_empty() {
            self.read(until)?;
        }
        Ok(self.waiting.front().map(|(place, ..)| *place))
    }

    /// The record that was looked at.
    pub fn next(&mut self) -> Option<JournalRecord> {
        self.waiting.pop_front()
    }

    fn read(&mut self, until: Tick) -> io::Result<()> {
        let files = journal::files(&self.folder)?;
        let gone = || io::Error::other("what was told next is kept no longer");
        let (mut behind, mut from) = match self.at {
            Some(at) => at,
            None => (self.first(&files).ok_or_else(gone)?, 0),
        };
        loop {
            let number = files.iter().position(|(of, _)| *of == behind).ok_or_else(gone)?;
            let mut file = BufReader::new(File::open(&files[number].1)?);
            file.seek(SeekFrom::Start(from))?;
            let is_over = self.read_file(&mut file, &mut from, until)?;
            self.at = Some((behind, from));
            match files.get(number + 1) {
                Some((next, _)) if is_over => (behind, from) = (*next, 0),
                _ => return Ok(()),
            }
        }
    }

    /// Reads on in a file; whether it was read to its end.
    fn read_file(
        &mut self,
        file: &mut impl BufRead,
        from: &mut u64,
        until: Tick,
    ) -> io::Result<bool> {
        let mut bytes = Vec::new();
        let mut held = self.waiting.iter().map(|(.., record)| record.len()).sum::<usize>();
        while self.waiting.len() < PART && held < PART_BYTES {
            bytes.clear();
            let read = file.read_until(b'\n', &mut bytes)?;
            if bytes.last() != Some(&b'\n') {
                return Ok(true);
            }
            let line: JournalLine = serde_json::from_slice(&bytes)?;
            if let JournalLine {
                id: Some(id), output: Some(output), record: Some(record), ..
            } = line
            {
                let place = RecordPlace::parse(id);
                let place = place.ok_or_else(|| io::Error::other(format!("'{id}' is no place")))?;
                if place.tick > until {
                    return Ok(false);
                }
                let chosen = self.outputs.iter().find(|(name, _)| *name == output);
                if let Some((_, number)) = chosen.filter(|_| place > self.place) {
                    held += record.get().len();
                    self.waiting.push_back((place, *number, record.get().to_owned()));
                }
                self.place = self.place.max(place);
            }
            *from += read as u64;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::journal::{JournalBounds, JournalFile};
    use super::*;
    use crate::sink::{Committable, DurableOutputs, OutputsDifference};
    use crate::store::Folder;

    /// A run of this number, to which ticks up to this one are known.
    fn run(root: &Path, run: u64, replayed: Tick) -> DurableOutputs {
        let (folder, store) = Folder::open(root, None).expect("a folder");
        DurableOutputs {
            folder,
            store: store.store,
            definition: "one".to_owned(),
            run,
            replayed,
            comes_at_once: false,
            settled: 0,
            known_from: 0,
            process: 0,
            processes: 1,
            workers: 1,
            committable: Committable::new(),
            difference: OutputsDifference::default(),
            differs_at: replayed + 1,
        }
    }

    const BOUNDS: JournalBounds = JournalBounds { file: 300, all: 1_200 };

    fn open(durable: &DurableOutputs) -> (JournalFile, Tick) {
        let outputs = vec!["people".to_owned(), "flat".to_owned()];
        JournalFile::open(durable, outputs, BOUNDS).expect("it is read")
    }

    /// What is read behind a place of one output, or of both; nothing where it is not known any more.
    fn read(
        root: &Path,
        outputs: &[&str],
        place: RecordPlace,
    ) -> Option<Vec<(RecordPlace, String)>> {
        let named = outputs.iter().map(|name| ((*name).to_owned(), 0)).collect();
        let reading = JournalReading::begin(&journal::folder(root), named, place);
        let mut reading = reading.expect("it is read")?;
        let mut found = Vec::new();
        while let Some(place) = reading.peek(Tick::MAX).expect("it is read") {
            let (of, _, record) = reading.next().expect("it was looked at");
            assert_eq!(of, place);
            found.push((place, record));
        }
        Some(found)
    }

    /// How many bytes the files have together.
    fn bytes(root: &Path) -> u64 {
        let files = journal::files(&journal::folder(root)).expect("it is read");
        files.iter().map(|(_, path)| path.metadata().expect("it is there").len()).sum()
    }

    #[test]
    fn a_bound_that_has_become_less_holds_from_the_next_file_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let outputs = || vec!["people".to_owned()];
        let tell = |file: &mut JournalFile, ticks: std::ops::Range<Tick>| {
            for tick in ticks {
                let line =
                    format!("{{\"id\":\"{tick}.0.1\",\"output\":\"people\",\"record\":0}}\n");
                let part = file.part(&line.into_bytes().repeat(100), tick);
                file.write(&part).expect("room");
                file.written(&part, tick);
                file.turn().expect("room");
            }
        };
        let bounds = JournalBounds::new(1 << 20);
        let (mut file, _) = JournalFile::open(&run(root, 1, 10), outputs(), bounds).expect("room");
        tell(&mut file, 11..400);
        assert!((900 << 10..=1 << 20).contains(&bytes(root)), "{}", bytes(root));
        drop(file);
        let less = JournalBounds::new(100 << 10);
        let (mut file, _) = JournalFile::open(&run(root, 2, 400), outputs(), less).expect("room");
        tell(&mut file, 401..402);
        assert!(bytes(root) <= (100 << 10) + bounds.file, "{}", bytes(root));
        tell(&mut file, 402..500);
        assert!((80 << 10..=110 << 10).contains(&bytes(root)), "{}", bytes(root));
        let last = RecordPlace { tick: 499, output: 0, number: 0 };
        assert_eq!(read(root, &["people"], last).expect("it is known").len(), 1);
    }

    proptest! {
        #[test]
        fn all_that_was_told_behind_a_place_is_read_once_however_runs_end(
            told in prop::collection::vec((1u64..4, 1u64..4, 0usize..6), 1..60),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let root = folder.path();
            let (mut number, mut tick, mut all, mut longest) = (1, 10, Vec::new(), 0);
            let (mut file, _) = open(&run(root, number, tick));
            for (ticks, records, torn) in told {
                tick += ticks;
                let mut lines = Vec::new();
                for record in 1..=records {
                    let place = RecordPlace { tick, output: (record / 2) as u16, number: record };
                    let name = ["people", "flat"][(record / 2) as usize];
                    let line = format!("{{\"id\":\"{place}\",\"output\":\"{name}\",\"record\":[{tick}]}}\n");
                    lines.extend_from_slice(line.as_bytes());
                    all.push((place, name));
                }
                let part = file.part(&lines, tick);
                longest = longest.max(part.len() as u64);
                file.write(&part).expect("room");
                file.written(&part, tick);
                file.turn().expect("room");
                if torn > 0 {
                    // The process ends while it writes what nobody was told.
                    let lines = lines.repeat(2);
                    let lost = file.part(&lines, tick + 100);
                    file.write(&lost[..lost.len() * torn / 7]).expect("room");
                    number += 1;
                    let (again, behind) = open(&run(root, number, tick));
                    prop_assert_eq!(behind, tick, "it goes on behind what was told");
                    file = again;
                }
            }
            let first = journal::files(&journal::folder(root)).expect("it is read")[0].0;
            prop_assert!(bytes(root) <= BOUNDS.all + longest, "{} bytes", bytes(root));
            for (place, _) in &all {
                for outputs in [&["people", "flat"][..], &["flat"]] {
                    let behind = all.iter().filter(|(of, name)| of > place && outputs.contains(name));
                    let expected: Vec<_> = behind.map(|(of, _)| (*of, format!("[{}]", of.tick))).collect();
                    let known = place.tick > first;
                    prop_assert_eq!(read(root, outputs, *place), known.then_some(expected));
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_gone_on_from_is_begun_anew_and_says_behind_which_tick() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let tell = |file: &mut JournalFile, tick: Tick| {
            let part = file.part(b"", tick);
            file.write(&part).expect("room");
            file.written(&part, tick);
        };
        let begins = || journal::files(&journal::folder(root)).expect("it is read")[0].0;
        let (mut file, _) = open(&run(root, 1, 10));
        tell(&mut file, 20);
        assert_eq!((begins(), open(&run(root, 2, 30)).1), (10, 20));
        // The run that is next has stored nothing, or is the one behind it.
        assert_eq!((begins(), open(&run(root, 1, 30)).1), (10, 20));
        // Under another definition what is replayed was told, or is told as what differs.
        let other = DurableOutputs { definition: "other".to_owned(), ..run(root, 2, 30) };
        assert_eq!((open(&other).1, begins()), (30, 10));
        for anew in
            [run(root, 7, 30), DurableOutputs { store: "other".to_owned(), ..run(root, 2, 30) }]
        {
            journal::delete(root).expect("it is there");
            let (mut file, _) = open(&run(root, 1, 10));
            tell(&mut file, 20);
            drop(file);
            assert_eq!((open(&anew).1, begins()), (30, 30));
        }
        journal::delete(root).expect("it is there");
        let (mut file, _) = open(&run(root, 1, 10));
        tell(&mut file, 20);
        drop(file);
        let opened = JournalFile::open(&run(root, 2, 30), vec!["people".to_owned()], BOUNDS);
        assert_eq!((opened.expect("it is read").1, begins()), (30, 30));
    }
}
