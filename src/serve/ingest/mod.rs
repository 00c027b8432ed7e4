//! Rows that come in: those of a source as they are (`/v1/sources/NAME`), and what the SDKs of Segment and RudderStack
//! send (the collector).
//!
//! A post is answered when its rows can't be lost any more; what is answered otherwise is to be sent again, unless it
//! says that it never will be taken. Bodies are held in bounded memory, and whoever is slow with one is cut off.

mod body;
mod clock;
mod collector;
mod coming;
mod fault;
mod messages;
mod rows;
mod rows_of;
mod settings;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::plan::Plan;
use crate::serve::denial::Denial;
use crate::serve::handles::ServedProcess;
use crate::serve::profiles::at;
use crate::source::{Http, PostRefused, PostedRows, Posts, RejectedRow};
use crate::time::Tick;

use body::BodyTurn;
pub use collector::write_key;
use coming::ComingBodies;
pub use fault::KeyFault;

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub struct IngestPatience {
    /// For a whole body.
    pub body: Duration,
    /// Until rows can't be lost: whoever waits longer sends them again.
    pub kept: Duration,
}

impl Default for IngestPatience {
    fn default() -> Self {
        IngestPatience { body: Duration::from_secs(30), kept: Duration::from_secs(30) }
    }
}

/// Who may write: given the key that came with a post, if one did, and the sources that it may go to by their places in
/// the plan, says to which it goes.
pub type Writing =
    Arc<dyn Fn(Option<&str>, &[&PostedSource]) -> Result<u16, KeyFault> + Send + Sync>;

/// Says of which tick rows are by now that can't be lost any more, or of which earlier one.
pub type KeptTick = Arc<dyn Fn() -> Option<Tick> + Send + Sync>;

/// What became of rows that were posted.
#[derive(Debug, Default)]
pub struct TakenRows {
    pub rejected: Vec<RejectedRow>,
    /// What follows from them can be read as of this tick.
    tick: Option<Tick>,
}

impl TakenRows {
    /// An answer, with the tick from which on whoever posted reads what follows.
    pub fn answer(&self, answer: impl IntoResponse) -> Response {
        let answer = answer.into_response();
        match self.tick {
            Some(tick) => at(tick, answer),
            None => answer,
        }
    }
}

/// A source that rows are posted into.
#[derive(Clone, Debug)]
pub struct PostedSource {
    pub name: String,
    /// Its place in the plan.
    pub number: u16,
    /// Whether it takes what SDKs send.
    pub collector: bool,
}

/// What posts go through.
pub struct Ingest {
    sources: Vec<PostedSource>,
    posts: Option<Posts>,
    process: ServedProcess,
    writing: Writing,
    tick: KeptTick,
    patience: IngestPatience,
    bodies: ComingBodies,
    /// For those that are looked at.
    turns: Arc<Semaphore>,
}

impl Ingest {
    /// `posts` is where rows go, in the process that takes any.
    pub fn new(
        plan: &Plan,
        posts: Option<Posts>,
        process: &ServedProcess,
        writing: Writing,
        tick: KeptTick,
        patience: IngestPatience,
    ) -> Arc<Self> {
        let of = |(number, source): (usize, &crate::plan::Source)| {
            let http = (&*source.connector as &dyn Any).downcast_ref::<Http>()?;
            let (name, collector) = (source.name.clone(), http.collector);
            Some(PostedSource { name, number: number as u16, collector })
        };
        let sources = plan.sources.iter().enumerate().filter_map(of).collect();
        let bodies = ComingBodies::default();
        let process = process.clone();
        let turns = Arc::new(Semaphore::new(body::TURNS));
        Arc::new(Ingest { sources, posts, process, writing, tick, patience, bodies, turns })
    }

    /// Posts rows, which were looked at in somebody's turn, and waits until they can't be lost; says what became of them.
    pub async fn post(
        &self,
        source: u16,
        rows: PostedRows,
        turn: Option<BodyTurn>,
    ) -> Result<TakenRows, Denial> {
        let posts = self.posts.as_ref().ok_or_else(|| {
            self.process.other("this process takes no rows: the first one of the run does")
        })?;
        if rows.is_empty() {
            return Ok(TakenRows::default());
        }
        let kept = posts.post(source, rows).map_err(|refused| match refused {
            PostRefused::Full => fault::full(),
            PostRefused::Over => fault::stopping(),
        })?;
        drop(turn);
        match tokio::time::timeout(self.patience.kept, kept).await {
            Ok(Ok(rejected)) => Ok(TakenRows { rejected, tick: (self.tick)() }),
            Ok(Err(_)) => Err(fault::stopping()),
            Err(_) => Err(fault::slow_store(self.patience.kept)),
        }
    }
}

/// What rows are posted to, as `guarded` lets in who comes; rows that no SDK of a page sends only as `trusted` does, too,
/// and from pages that `pages` names.
pub fn router(
    ingest: &Arc<Ingest>,
    guarded: impl Fn(Router) -> Router,
    trusted: impl FnOnce(Router) -> Router,
    pages: impl FnOnce(Router) -> Router,
) -> Router {
    let rows = pages(guarded(trusted(rows::router(ingest))));
    rows.merge(collector::in_words_of_segment(guarded(collector::router(ingest))))
}

/// Where there are no keys, everyone may write: the key names the source, if it is one's name, and otherwise there has
/// to be one alone.
pub fn open_to_all() -> Writing {
    Arc::new(|key, sources| {
        let named = sources.iter().find(|source| Some(source.name.as_str()) == key);
        match (named, sources) {
            (Some(source), _) => Ok(source.number),
            (None, [source]) => Ok(source.number),
            (None, []) => Err(KeyFault::NoSource),
            (None, sources) => {
                Err(KeyFault::Unclear(sources.iter().map(|source| source.name.clone()).collect()))
            }
        }
    })
}
