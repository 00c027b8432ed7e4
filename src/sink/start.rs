//! When the local targets of a run begin: with its first record, to whichever of them, all do at once.
//!
//! What an earlier run left in files stays until this one has something to say. Then all of them are emptied, so
//! that no two runs ever speak at once.

use std::fs::File;
use std::sync::{Arc, Mutex, OnceLock};

use super::failure::SinkError;
use crate::place::FileId;

/// What is done when the run begins to speak.
#[derive(Clone, Default)]
pub struct LocalStart(Arc<Begin>);

#[derive(Default)]
struct Begin {
    works: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    begun: OnceLock<()>,
    /// Files that are written, each with its path.
    known: Mutex<Vec<(FileId, String)>>,
}

impl LocalStart {
    /// Adds something to be done.
    pub fn then(&self, work: impl FnOnce() + Send + 'static) {
        self.0.works.lock().expect("no one panics with it").push(Box::new(work));
    }

    /// Does it all, once; whoever comes meanwhile waits.
    pub fn begin(&self) {
        self.0.begun.get_or_init(|| {
            let works = std::mem::take(&mut *self.0.works.lock().expect("no one panics with it"));
            works.into_iter().for_each(|work| work());
        });
    }

    /// Fails if another output goes to the same file.
    pub fn claim(&self, file: &File, path: &str) -> Result<(), SinkError> {
        let named = |source| SinkError::File { path: path.to_owned(), source };
        let id = FileId::of(&file.metadata().map_err(named)?);
        let mut known = self.0.known.lock().expect("no one panics with it");
        if let Some((_, other)) = known.iter().find(|(of, _)| *of == id) {
            let (path, other) = (path.to_owned(), other.clone());
            return Err(SinkError::Same { path, other });
        }
        known.push((id, path.to_owned()));
        Ok(())
    }
}
