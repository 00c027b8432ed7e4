//! What a run answers over HTTP, on threads of its own: no worker waits for a client.
//!
//! Each concern has a router of its own (`ingest`, …), merged in [`router`]. The port is taken before anything is read
//! or written, and given back once the run has ended: until then whoever sent rows can be told what became of them.

mod health;
pub mod ingest;
mod metrics;
mod server;

use std::any::Any;
use std::sync::Arc;

use axum::Router;

use crate::plan::{Plan, Source};
use crate::runtime::{SharedLive, Stop};
use crate::sink::Failure;
use crate::source::{Http, Posts};
use health::Health;
use ingest::{Ingest, IngestPatience, open_to_all};

pub use server::{Bound, ServeError, Server};

/// Takes the port that a process of a run answers at, where one is to be had. Processes on one machine take one behind
/// the other.
///
/// # Errors
/// If it can't be had, or a source needs one and there is none.
pub fn bind(plan: &Plan, process: usize, hosts: &[String]) -> Result<Option<Bound>, ServeError> {
    let Some(listen) = &plan.http.listen else {
        let is_posted = |source: &&Source| (&*source.connector as &dyn Any).is::<Http>();
        return match plan.sources.iter().find(is_posted) {
            Some(source) => Err(ServeError::NotListening { source_name: source.name.clone() }),
            None => Ok(None),
        };
    };
    let machine = |host: &String| host.rsplit_once(':').map(|(machine, _)| machine.to_owned());
    let own = hosts.get(process).and_then(machine);
    let before = hosts.iter().take(process).filter(|host| machine(host) == own).count();
    Bound::at(listen, before as u16).map(Some)
}

/// What a run has to answer with.
pub struct Served {
    pub plan: Arc<Plan>,
    /// Where rows go that are posted, in the process that takes any.
    pub posts: Option<Posts>,
    /// What it lets others see; `None` where it was stopped before it began.
    pub live: Option<SharedLive>,
    pub stop: Stop,
    pub failure: Failure,
}

/// All that is answered.
pub fn router(served: &Served) -> Router {
    let Served { plan, posts, live, stop, failure } = served;
    let ingest = Ingest::new(plan, posts.clone(), open_to_all(), IngestPatience::default());
    let router = Router::new().merge(ingest::router(&ingest));
    let Some(live) = live else { return router };
    let health = Health { live: Arc::clone(live), stop: stop.clone(), failure: failure.clone() };
    router.merge(metrics::router(plan, live)).merge(health::router(health))
}
