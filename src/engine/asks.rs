//! What a process of several is asked for, the first one does: so there is one change at a time, whoever is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use serde::{Deserialize, Serialize};

use super::applied::Applied;
use super::error::{EngineError, Unchanged};
use super::forgotten::{Forgetting, Forgotten};

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ask {
    Apply { definition: WrittenDefinition, dry_run: bool },
    Forget { id: String, how: Forgetting },
}

/// A definition, for another process to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrittenDefinition {
    pub text: String,
    pub name: PathBuf,
    /// Where paths in it begin; `None`: where those of the running one do.
    pub folder: Option<PathBuf>,
}

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answered {
    Applied(Box<Applied>),
    Forgotten(Box<Option<Forgotten>>),
}

/// Why nothing was changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefusedChange {
    pub because: Unchanged,
    pub why: String,
}

/// What comes back to who asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum News {
    Told(String),
    Answered(Result<Answered, RefusedChange>),
}

/// Those who have asked and wait, by the numbers of what they asked.
#[derive(Default)]
pub struct Asks {
    last: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Sender<News>>>,
}

impl Asks {
    /// A number for something that is asked for, and what comes back of it.
    pub fn begin(&self) -> (u64, Receiver<News>) {
        let (sender, news) = unbounded();
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().expect("no one panics with it").insert(number, sender);
        (number, news)
    }

    /// Something came back. Who asked may have gone.
    pub fn take(&self, number: u64, news: News) {
        let mut waiting = self.waiting.lock().expect("no one panics with it");
        let is_last = matches!(news, News::Answered(_));
        if let Some(sender) = waiting.get(&number) {
            let _ = sender.send(news);
        }
        if is_last {
            waiting.remove(&number);
        }
    }

    /// Nothing comes back any more.
    pub fn end(&self) {
        self.waiting.lock().expect("no one panics with it").clear();
    }
}

impl Answered {
    pub fn applied(self) -> Applied {
        match self {
            Answered::Applied(applied) => *applied,
            Answered::Forgotten(_) => unreachable!("it is what was asked for"),
        }
    }

    pub fn forgotten(self) -> Option<Forgotten> {
        match self {
            Answered::Forgotten(forgotten) => *forgotten,
            Answered::Applied(_) => unreachable!("it is what was asked for"),
        }
    }
}

impl RefusedChange {
    pub fn of(error: EngineError) -> Self {
        match error {
            EngineError::NotChanged { because, why } => RefusedChange { because, why },
            error => RefusedChange { because: Unchanged::Failed, why: error.to_string() },
        }
    }

    pub fn ending(why: &str) -> Self {
        RefusedChange { because: Unchanged::Ending, why: why.to_owned() }
    }
}

impl From<RefusedChange> for EngineError {
    fn from(RefusedChange { because, why }: RefusedChange) -> Self {
        EngineError::NotChanged { because, why }
    }
}
