//! What others may know of a run while it runs, and how its processes meet.

use std::sync::Arc;

use super::greeting::MeetingPurpose;
use super::live::SharedLive;
use super::options::{RunError, RunOptions};
use super::peers::Peers;
use super::processes::{self, ProcessWatch, TimelyWorkers};
use super::stop::Stop;
use crate::plan::Plan;
use crate::sink::Failure;
use crate::source::{LeftFiles, Posts};
use crate::store::Recovered;

/// What others may know of a run while it runs.
#[derive(Clone)]
pub struct RunView {
    pub plan: Arc<Plan>,
    pub options: RunOptions,
    pub stop: Stop,
    pub failure: Failure,
    /// What its folder held as it began, and what holds the folder; `None`: nothing is stored.
    pub recovered: Option<Arc<Recovered>>,
    /// How its processes agree on changes, where it has several and anything is stored.
    pub peers: Option<Arc<Peers>>,
    /// Where rows are posted to, where some source takes any.
    pub posts: Option<Posts>,
    /// What it lets others see, once it runs.
    pub live: Option<SharedLive>,
    /// Where files that it follows are left for the run that takes its place.
    pub left: LeftFiles,
}

impl RunView {
    /// What its connections to other processes look at.
    pub(super) fn watch(&self, wake: Arc<dyn Fn() + Send + Sync>) -> ProcessWatch {
        let RunView { failure, stop, options, .. } = self;
        let (failure, stop) = (failure.clone(), stop.clone());
        ProcessWatch { failure, stop, wake, stay: options.stay, door: options.door.clone() }
    }

    /// Prepares its workers, once all processes are there; `None` if a signal came first.
    pub(super) fn meet(
        &mut self,
        watch: &ProcessWatch,
        meeting: MeetingPurpose,
    ) -> Result<Option<TimelyWorkers>, RunError> {
        let RunView { plan, options, recovered, .. } = self;
        let recovered = recovered.as_deref();
        if self.peers.is_none() && options.hosts.len() > 1 && recovered.is_some() {
            let peers = Peers::connect(plan, options, recovered, watch);
            let Some(peers) = peers.map_err(RunError::Workers)? else { return Ok(None) };
            self.peers = Some(Arc::new(peers));
        }
        self.peers.iter().for_each(|peers| peers.fails(&watch.failure, &watch.stop));
        processes::connect(plan, options, recovered, watch, meeting).map_err(RunError::Workers)
    }
}
