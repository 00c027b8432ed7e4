//! What operators that see rows keep, saved between two ticks and put back into another run.
//!
//! Only what would otherwise take rows to know again is saved: which of them stand, the links that they support, what
//! each identifier's come to. All that follows from it (people, segments, whatever outputs hold) is told again in the
//! tick in which it is put back, as if it had come in that tick. So a checkpoint fits any number of workers, and
//! nothing is in it that a stage behind could have otherwise.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use differential_dataflow::AsCollection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Map;

use super::{Collection, Diff, Stream};

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

type Restore<'scope> = Rc<dyn Fn(&str) -> Stream<'scope, SavedChunk> + 'scope>;

/// What a stage registers what it keeps with, and has back what was saved.
#[derive(Clone, Default)]
pub struct Saving<'scope> {
    savers: Option<Savers>,
    restore: Option<Restore<'scope>>,
}

impl<'scope> Saving<'scope> {
    /// `savers` where checkpoints are made, `restore` where the run begins with one: the chunks of a section.
    pub fn new(
        savers: Option<Savers>,
        restore: Option<impl Fn(&str) -> Stream<'scope, SavedChunk> + 'scope>,
    ) -> Self {
        Saving { savers, restore: restore.map(|restore| Rc::new(restore) as _) }
    }

    /// Has a section saved by this worker. Called between ticks alone.
    pub fn keep(&self, section: &str, save: impl Fn(&mut SavedEntries<'_, '_>) + 'static) {
        if let Some(Savers(savers)) = &self.savers {
            savers.borrow_mut().push((section.to_owned(), Box::new(save)));
        }
    }

    /// What was saved of a section, in the order in which it was: each worker has a share, whoever's it is.
    pub fn restored<T: DeserializeOwned + Clone + 'static>(
        &self,
        section: &str,
    ) -> Option<Stream<'scope, T>> {
        let restore = self.restore.as_ref()?;
        Some(restore(section).flat_map(|chunk| saved_entries(&chunk).collect::<Vec<T>>()))
    }

    /// What was saved of a section, as changes of a collection.
    pub fn put_back<T: DeserializeOwned + Clone + 'static, D: Clone + 'static>(
        &self,
        section: &str,
        changes: impl Fn(T) -> Vec<(D, Diff)> + 'static,
    ) -> Option<Collection<'scope, D>> {
        let entries = self.restored(section)?;
        let updates = entries.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
            Pipeline,
            "Put back",
            |_, _| {
                move |input, output| {
                    input.for_each_stamp(|capability, batches| {
                        let Some(tick) = capability.least().copied() else { return };
                        let mut session = output.session(&capability);
                        for entry in batches.flat_map(|batch| batch.drain(..)) {
                            let changes = changes(entry).into_iter();
                            changes.for_each(|(datum, diff)| session.give((datum, tick, diff)));
                        }
                    });
                }
            },
        );
        Some(updates.as_collection())
    }
}
