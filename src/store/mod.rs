//! The store: accepted rows by tick, durable, from which everything else is computed again.
//!
//! Each process writes a log of what its workers took in with each tick: the accepted rows, after decoding, how far
//! the sources were read, and what the clock read. A tick is durable when every worker's part of it is; outputs are
//! committed only for durable ticks. Closed logs become columnar files, one a source, that anything reads which
//! knows Parquet: the repository of all rows. A run begins by reading them back (`StoredHistory`), whatever number of
//! workers and processes there are now, and reads its sources on from where the durable ticks end (`Positions`).
//!
//! Which rows a columnar file has of whom an index beside it says (`row_index`), and one in memory of a log's (`log_index`).
//! Neither stands for anything: `RowFinder` asks them.
//!
//! Parquet is what DuckDB, pandas and Spark read as it is, and small; but a file of it is written as a whole. So the
//! newest rows are in a log, whose frames are appended and checked one by one.

mod at_once;
mod brought;
mod bucket;
mod bucket_checkpoints;
mod bucket_client;
mod bucket_log;
mod bucket_refusal;
mod bucket_small;
mod checked;
pub mod checkpoint;
mod checkpoint_of;
mod columnar;
mod compaction;
mod entries;
mod erasure;
mod error;
mod folder;
mod frame;
mod history;
mod in_force;
mod indexing;
mod kept;
mod key_file;
mod laid_down;
mod lease;
mod log;
mod log_index;
mod log_indexing;
mod manifest;
mod merge;
mod mirror;
mod old_fences;
mod ordered;
mod presence;
mod private;
mod read_back;
mod recovery;
mod rejects;
mod removal;
mod restored;
mod rewritten;
mod row_finder;
mod row_index;
mod row_keys;
mod spread;
mod superseded;
mod suppressed;
mod suppressed_key;
#[cfg(test)]
mod tests;
mod whole;
mod working_folder;
mod writer;

pub use checkpoint::Checkpoint;
pub use checkpoint_of::CheckpointOf;
pub use columnar::make;
pub use compaction::{CompactedUntil, Compaction};
pub use erasure::Erasure;
pub use error::StoreError;
pub use folder::Folder;
pub use frame::LogHeader;
pub use history::{Readings, StoredHistory, StoredRows};
pub use in_force::InForce;
pub use indexing::{Indexing, sweep};
pub use kept::FilesInUse;
pub use merge::merge_small;
pub use mirror::Mirror;
pub use read_back::{RowInBatch, all_in_batch, rows_in_batch};
pub use recovery::{Recovered, open, open_existing};
pub use rejects::StoredReject;
pub use row_finder::{FoundRows, RowFinder};
pub use row_keys::{KeyHasher, RowKey};
pub use suppressed::suppress;
pub use whole::beside;
pub use working_folder::{working_folder, working_folders};
pub use writer::{ClosedLog, StoreWriter, StoredTick, WhenGone, start};
