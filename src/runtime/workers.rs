//! The workers of a process: timely's threads, and what each comes to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use crossbeam_channel::Receiver;
use timely::communication::WorkerGuards;
use timely::worker::Worker;

use super::process::Process;
use super::processes::TimelyWorkers;
use super::worker::{Worked, work};
use crate::source::said;

/// The threads of the workers, once they run, for who wakes them.
#[derive(Clone)]
pub struct WorkerThreads(Arc<Vec<OnceLock<Thread>>>);

impl WorkerThreads {
    pub fn new(workers: usize) -> Self {
        WorkerThreads(Arc::new((0..workers).map(|_| OnceLock::new()).collect()))
    }

    pub fn wake(&self) {
        self.0.iter().filter_map(OnceLock::get).for_each(Thread::unpark);
    }

    /// What wakes them.
    pub fn waking(&self) -> Arc<dyn Fn() + Send + Sync> {
        let threads = self.clone();
        Arc::new(move || threads.wake())
    }
}

/// What workers are made of that may not be started after all. Timely's threads for the connections to other processes then
/// wait for what never comes, and break down with whoever waits for them: they are left to the end of the process.
pub struct UnstartedWorkers(Option<TimelyWorkers>);

impl UnstartedWorkers {
    pub fn new(workers: TimelyWorkers) -> Self {
        UnstartedWorkers(Some(workers))
    }

    /// They are started.
    pub fn take(mut self) -> TimelyWorkers {
        self.0.take().expect("they are taken once")
    }
}

impl Drop for UnstartedWorkers {
    fn drop(&mut self) {
        std::mem::forget(self.0.take());
    }
}

/// Workers that run.
pub struct RunningWorkers {
    pub ended: Receiver<Result<Worked, String>>,
    pub guards: WorkerGuards<()>,
}

impl RunningWorkers {
    /// Starts them. `stay` keeps one that failed from ending for as long as others could take that for an end, where there
    /// are other processes.
    pub fn start(
        process: Arc<Process>,
        threads: WorkerThreads,
        (builders, others): TimelyWorkers,
        stay: Option<Arc<dyn Fn() + Send + Sync>>,
    ) -> Result<Self, String> {
        let (sender, ended) = crossbeam_channel::unbounded();
        let work = move |worker: &mut Worker| {
            let _ = threads.0[worker.index() % process.workers].set(std::thread::current());
            let worked = catch_unwind(AssertUnwindSafe(|| work(worker, &process)));
            let worked = worked.unwrap_or_else(|panic| {
                let what =
                    format!("worker {} broke down: {}", worker.index(), said(panic.as_ref()));
                process.failure.set(what.clone());
                Err(what)
            });
            let failed = worked.is_err();
            let _ = sender.send(worked);
            // The others of this process may be parked.
            threads.wake();
            if let (true, Some(stay)) = (failed, &stay) {
                stay();
            }
            // What failed has no end that could be waited for.
            if failed {
                let all = worker.installed_dataflows();
                all.into_iter().for_each(|dataflow| worker.drop_dataflow(dataflow));
            }
        };
        let config = timely::WorkerConfig::default();
        let guards = timely::execute::execute_from(builders, others, config, work)?;
        Ok(RunningWorkers { ended, guards })
    }
}
