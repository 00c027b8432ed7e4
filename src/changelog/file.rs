//! A file's changelog, read back as far as it goes, and further as it grows.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::defined::{Defined, TakeRecord};
use super::error::ChangelogError;
use crate::sink::{Catalog, Encoder, Json, ReadBack};

/// So many bytes are read at once.
const CHUNK: usize = 1 << 20;

pub struct FileReader {
    path: PathBuf,
    /// What a definition says of it; of a file without one it is known that it is JSON.
    output: Option<Defined>,
    file: File,
    encoder: Box<dyn Encoder>,
    catalog: Catalog,
    /// What has been read and is no whole record yet.
    bytes: Vec<u8>,
    /// Bytes that were read of the file.
    read: u64,
    /// Lines before `bytes`.
    lines: u64,
}

impl FileReader {
    pub fn new(path: &Path, output: Option<&Defined>) -> Result<Self, ChangelogError> {
        let named = |source| ChangelogError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(named)?;
        let catalog =
            output.map_or_else(Catalog::default, |output| Catalog::clone(&output.catalog));
        let mut reader = FileReader {
            path: path.to_owned(),
            output: output.cloned(),
            file,
            encoder: Box::new(Json::new(&catalog)),
            catalog,
            bytes: Vec::new(),
            read: 0,
            lines: 0,
        };
        reader.begin();
        Ok(reader)
    }

    /// From here on what is read is the file's beginning.
    fn begin(&mut self) {
        if let Some(output) = &self.output {
            self.encoder = output.encoder();
        }
        self.bytes.clear();
        (self.read, self.lines) = (0, 0);
    }

    /// Reads every record up to the present end. A last one without its end is still being written.
    pub fn read(&mut self, take: &mut TakeRecord<'_>) -> Result<(), ChangelogError> {
        let path = self.path.clone();
        let named = |source| ChangelogError::File { path: path.clone(), source };
        loop {
            self.decode(take)?;
            let mut chunk = (&self.file).take(CHUNK as u64);
            let read = chunk.read_to_end(&mut self.bytes).map_err(named)?;
            self.read += read as u64;
            if read == 0 {
                return Ok(());
            }
        }
    }

    fn decode(&mut self, take: &mut TakeRecord<'_>) -> Result<(), ChangelogError> {
        let mut place = 0;
        let decoded = loop {
            let length = match self.encoder.decode(&self.bytes[place..], &mut self.catalog) {
                Ok(ReadBack::Record(record, length)) => {
                    take(&record, &self.catalog);
                    length
                }
                Ok(ReadBack::Nothing(length)) => length,
                Ok(ReadBack::Unfinished) => break Ok(()),
                Err(source) => {
                    let (path, line) = (self.path.clone(), self.lines + 1);
                    break Err(ChangelogError::Line { path, line, source });
                }
            };
            let lines = memchr::memchr_iter(b'\n', &self.bytes[place..place + length]);
            self.lines += lines.count() as u64;
            place += length;
        };
        self.bytes.drain(..place);
        decoded
    }

    /// As `read`, of a file that may have been begun anew: then it shrinks. What is no record is passed over.
    pub fn follow(&mut self, take: &mut TakeRecord<'_>) -> Result<bool, ChangelogError> {
        let named = |source| ChangelogError::File { path: self.path.clone(), source };
        if std::fs::metadata(&self.path).map_err(named)?.len() < self.read {
            self.file = File::open(&self.path).map_err(named)?;
            self.begin();
        }
        let mut moved = false;
        let mut taken = |record: &_, catalog: &_| {
            moved = true;
            take(record, catalog);
        };
        while let Err(error) = self.read(&mut taken) {
            let ChangelogError::Line { .. } = error else { return Err(error) };
            let end = memchr::memchr(b'\n', &self.bytes).map_or(self.bytes.len(), |end| end + 1);
            self.bytes.drain(..end);
            self.lines += 1;
        }
        Ok(moved)
    }

    /// The names that its records speak of.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}
