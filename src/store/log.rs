//! Reading logs back: frame by frame, up to where the last run was cut off.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use arrow::buffer::Buffer;

use super::error::StoreError;
use super::frame::{self, LogHeader, MAGIC, PREFIX, TickHeader};

/// A log that is read from its first frame on.
pub struct LogReader {
    path: PathBuf,
    file: BufReader<File>,
    pub header: LogHeader,
    /// Whether what is damaged at its end is what a crash leaves, and not an error.
    may_be_torn: bool,
    at: u64,
    body: Buffer,
    torn: Option<(u64, u64)>,
}

/// A worker's tick, and the streams of its rows.
pub struct TickFrame {
    pub header: TickHeader,
    pub streams: Buffer,
}

impl LogReader {
    /// `None` if it does not even have its header, which a crash may leave so.
    pub fn open(path: &Path, may_be_torn: bool) -> Result<Option<Self>, StoreError> {
        let file = File::open(path).map_err(StoreError::io(path, "read"))?;
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut magic = vec![0; MAGIC.len()];
        let read = read_all(&mut file, &mut magic).map_err(StoreError::io(path, "read"))?;
        if magic != MAGIC {
            return match MAGIC.starts_with(&magic[..read]) && may_be_torn {
                true => Ok(None),
                false => Err(StoreError::altered(
                    path,
                    "it does not begin as a log of this version does",
                )),
            };
        }
        let none = LogHeader::default();
        let (path, at) = (path.to_owned(), MAGIC.len() as u64);
        let body = Buffer::default();
        let mut log = LogReader { path, file, header: none, may_be_torn, at, body, torn: None };
        if !log.advance()? {
            return Ok(None);
        }
        log.header = frame::header(&log.body).map_err(|why| log.altered(&why))?.0;
        Ok(Some(log))
    }

    /// The next frame; `None` at the end.
    pub fn next(&mut self) -> Result<Option<TickFrame>, StoreError> {
        if !self.advance()? {
            return Ok(None);
        }
        let read = frame::header(&self.body);
        let (header, streams) = read.map_err(|why| self.altered(&why))?;
        let streams = self.body.slice(self.body.len() - streams.len());
        Ok(Some(TickFrame { header, streams }))
    }

    /// Behind the last frame that was read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Goes on where another reading of it ended.
    pub fn go_to(&mut self, at: u64) -> Result<(), StoreError> {
        let gone = self.file.seek(SeekFrom::Start(at));
        self.at = gone.map_err(StoreError::io(&self.path, "read"))?;
        Ok(())
    }

    fn advance(&mut self) -> Result<bool, StoreError> {
        let mut prefix = [0; PREFIX];
        let read =
            read_all(&mut self.file, &mut prefix).map_err(StoreError::io(&self.path, "read"))?;
        if read == 0 {
            return Ok(false);
        }
        let told = frame::prefix(&prefix).filter(|_| read == PREFIX);
        let Some((length, sum)) = told else {
            return self.torn();
        };
        let mut body = Vec::with_capacity(length);
        let read = Read::by_ref(&mut self.file).take(length as u64).read_to_end(&mut body);
        read.map_err(StoreError::io(&self.path, "read"))?;
        if body.len() < length || !frame::is_whole(&body, sum) {
            return self.torn();
        }
        self.body = Buffer::from_vec(body);
        self.at += (PREFIX + length) as u64;
        Ok(true)
    }

    /// Where a frame begins that is not whole, if it was read up to there, and how many bytes lie behind it.
    pub fn torn_at(&self) -> Option<(u64, u64)> {
        self.torn
    }

    /// How many bytes are not read.
    fn behind(&mut self) -> Result<u64, StoreError> {
        let io = || StoreError::io(&self.path, "read");
        let length = self.file.get_ref().metadata().map_err(io())?.len();
        Ok(length.saturating_sub(self.file.stream_position().map_err(io())?))
    }

    fn torn(&mut self) -> Result<bool, StoreError> {
        if !self.may_be_torn {
            return Err(self.altered("its checksum differs"));
        }
        self.torn = Some((self.at, self.behind()?));
        Ok(false)
    }

    fn altered(&self, why: &str) -> StoreError {
        StoreError::altered(&self.path, format!("at byte {}, {why}", self.at))
    }
}

/// Fills the buffer as far as there is anything.
fn read_all(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
