//! What operators keep: which structure for which distribution of keys, and how it is filled.
//!
//! State by key is a [`Table`](table::Table): the states side by side without gaps ([`dense::Dense`]), and many small
//! hash maps of different sizes that say where each is. A hash map leaves a third of its room empty, which is much of a
//! state and little of a place; one that doubles does so in the middle of a tick, and those of all operators would at
//! once, since they hold about as many keys. What hangs on one key is mostly little and sometimes very much: a [`FewMap`](few::FewMap) is a
//! sorted list, and a tree from 32 entries on; a single one lies within ([`list::OneWithin`]) where there is mostly no other. What follows from a tick goes on in pieces
//! ([`batch::Batch`]), since one long list would be grown and copied at each; two ticks are open at once,
//! so that each holds more, and who changes several times in one is sent once. With millions of people most
//! of the time goes into waiting for memory, so what some keys need is prefetched before they are visited:
//! many reads take hardly longer than one.

pub mod batch;
pub mod dense;
pub mod entries;
pub mod few;
pub mod list;
pub mod queue;
pub mod saved;
pub mod table;
