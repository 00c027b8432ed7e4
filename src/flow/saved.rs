//! What operators that see rows keep, saved between two ticks and put back into another run.
//!
//! Only what would otherwise take rows to know again is saved: which of them stand, the links that they support, what
//! each identifier's come to. All that follows from it (people, segments, whatever outputs hold) is told again in the
//! tick in which it is put back, as if it had come in that tick. So a checkpoint fits any number of workers, and
//! nothing is in it that a stage behind could have otherwise.

use std::rc::Rc;

use differential_dataflow::AsCollection;
use serde::de::DeserializeOwned;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Map;

use super::{Collection, Diff, Stream};
use crate::state::saved::{SavedChunk, SavedEntries, Savers, saved_entries};

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
        if let Some(savers) = &self.savers {
            savers.keep(section, save);
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
