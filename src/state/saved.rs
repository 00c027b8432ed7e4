//! What operators keep of rows, as it is saved: entries of sections, put together in chunks.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// About as many bytes are put together before they are written.
const CHUNK: usize = 1 << 18;

/// Entries of a section, each behind its length.
pub type SavedChunk = Vec<u8>;

/// What writes a section's chunks.
pub type WriteChunk<'a> = dyn FnMut(&str, &[u8]) -> io::Result<()> + 'a;

type Save = Box<dyn Fn(&mut SavedEntries<'_, '_>)>;

/// What is saved of a worker's operators, by section.
#[derive(Clone, Default)]
pub struct Savers(Rc<RefCell<Vec<(String, Save)>>>);

impl Savers {
    /// Has a section saved.
    pub fn keep(&self, section: &str, save: impl Fn(&mut SavedEntries<'_, '_>) + 'static) {
        self.0.borrow_mut().push((section.to_owned(), Box::new(save)));
    }

    /// Saves everything as it is.
    pub fn save(&self, write: &mut WriteChunk<'_>) -> io::Result<()> {
        for (section, save) in self.0.borrow().iter() {
            let mut entries = SavedEntries { section, chunk: Vec::new(), write, failed: None };
            save(&mut entries);
            entries.finish()?;
        }
        Ok(())
    }
}

/// A section that is being saved.
pub struct SavedEntries<'a, 'b> {
    section: &'a str,
    chunk: SavedChunk,
    write: &'a mut WriteChunk<'b>,
    failed: Option<io::Error>,
}

impl SavedEntries<'_, '_> {
    pub fn put(&mut self, entry: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        put_entry(&mut self.chunk, entry);
        if self.chunk.len() >= CHUNK {
            self.write();
        }
    }

    fn write(&mut self) {
        self.failed = (self.write)(self.section, &self.chunk).err();
        self.chunk.clear();
    }

    fn finish(mut self) -> io::Result<()> {
        if !self.chunk.is_empty() && self.failed.is_none() {
            self.write();
        }
        self.failed.map_or(Ok(()), Err)
    }
}

/// Puts an entry behind the others of a chunk.
pub fn put_entry(chunk: &mut SavedChunk, entry: &impl Serialize) {
    let start = chunk.len();
    chunk.extend_from_slice(&[0; 4]);
    bincode::serialize_into(&mut *chunk, entry).expect("nothing of it is endless");
    let length = u32::try_from(chunk.len() - start - 4).expect("less than four gigabytes");
    chunk[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// The entries of a chunk. Of each, what follows what is asked for is passed over.
pub fn saved_entries<T: DeserializeOwned>(chunk: &[u8]) -> impl Iterator<Item = T> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (entry, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        rest = behind;
        Some(
            bincode::deserialize(entry)
                .expect("a checkpoint of this layout, whose checksum is right"),
        )
    })
}
