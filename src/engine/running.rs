//! An engine that runs.

use std::any::Any;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::control::Control;
use super::error::EngineError;
use super::pushed::{PushedLines, source_named};
use super::summary::Summary;
use crate::plan::Plan;
use crate::runtime::{Run, StopCause};
use crate::serve::Server;
use crate::source::{Memory, Pushes};

/// An engine that runs: see [`Engine`](crate::Engine).
///
/// Its workers are threads of this process. One that is dropped is stopped, and waited for.
#[must_use = "it is stopped when it is dropped"]
pub struct Running {
    plan: Arc<Plan>,
    /// Until it is waited for.
    run: Option<Run>,
    /// Where something is served. It goes once the run has ended: whoever posted rows is told what became of them.
    server: Option<Server>,
    /// Where some source is pushed into.
    pushes: Option<Pushes>,
    pushed: PushedLines,
    control: Control,
}

impl Running {
    pub(super) fn new(
        plan: Arc<Plan>,
        run: Run,
        server: Option<Server>,
        pushes: Option<Pushes>,
        pushed: PushedLines,
        control: Control,
    ) -> Self {
        Running { plan, run: Some(run), server, pushes, pushed, control }
    }

    /// The address and the port at which it is asked over HTTP, where it is.
    pub fn http(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }

    /// The same as browsers take it, such as `https://127.0.0.1:8080`.
    pub fn url(&self) -> Option<String> {
        let server = self.server.as_ref()?;
        let scheme = if server.is_encrypted { "https" } else { "http" };
        Some(format!("{scheme}://{}", server.address))
    }

    /// Pushes rows into a source that is held in memory. They wait there, and happen with the next
    /// [`Running::tick`].
    ///
    /// A row that is an object but not what the definition wants goes to the output `rejects`, as a row of a
    /// file does.
    ///
    /// # Errors
    /// If there is no such source, if it is not held in memory, or if a row is no object: those before that one
    /// are pushed.
    pub fn push<R: Serialize>(
        &mut self,
        source: &str,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), EngineError> {
        let number = source_named(&self.plan, source)?;
        let connector = &self.plan.sources[number].connector;
        if !(&**connector as &dyn Any).is::<Memory>() {
            let (name, reads) = (source.to_owned(), connector.to_string());
            return Err(EngineError::NotPushed { name, reads });
        }
        self.pushed.add(&self.plan, number, rows)
    }

    /// Lets all that has been pushed happen, in one tick, and waits until it is complete: until what follows from
    /// it has been taken by all outputs, and by the dataflow that is attached.
    ///
    /// # Errors
    /// If no source is held in memory, or the run failed or ended.
    pub fn tick(&mut self) -> Result<(), EngineError> {
        let (Some(pushes), Some(run)) = (&self.pushes, &self.run) else {
            return Err(EngineError::NothingPushed);
        };
        let complete = pushes.push(self.pushed.take());
        run.wake();
        complete.recv().map_err(|_| {
            let why = run.view().failure.get().unwrap_or("the run has ended");
            EngineError::Failed(why.to_owned())
        })
    }

    /// Stops: what has been pushed and read is sent, nothing more is read. Says what the run came to.
    ///
    /// # Errors
    /// If the run failed.
    pub fn stop(mut self) -> Result<Summary, EngineError> {
        self.finish_pushing()?;
        self.ask_to_stop();
        self.wait()
    }

    /// Waits until sources that come to an end have done so and all is sent; none is pushed into any more. Where
    /// topics or files are followed it waits until the run fails. Says what the run came to.
    ///
    /// # Errors
    /// If the run failed.
    pub fn wait(mut self) -> Result<Summary, EngineError> {
        self.finish_pushing()?;
        let run = self.run.take().expect("it is waited for once");
        let (ended, plan, leftover) = self.control.wait(run);
        leftover.take_apart();
        Ok(Summary::new(plan, ended?))
    }

    /// As [`Running::wait`], and leaves to the end of the process what the workers held.
    #[doc(hidden)]
    pub fn wait_and_leave(mut self) -> Result<Summary, EngineError> {
        self.finish_pushing()?;
        let run = self.run.take().expect("it is waited for once");
        let (ended, plan, leftover) = self.control.wait(run);
        leftover.leave();
        Ok(Summary::new(plan, ended?))
    }

    /// The folder that rows are stored in, and the number of this process.
    #[doc(hidden)]
    pub fn data(&self) -> Option<(PathBuf, usize)> {
        let view = self.run.as_ref()?.view();
        Some((view.recovered.as_ref()?.folder.root.clone(), view.options.process))
    }

    /// A handle on it, for who changes it while somebody waits for it.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    fn ask_to_stop(&self) {
        if let Some(run) = &self.run {
            run.view().stop.ask(StopCause::Program);
        }
    }

    /// What was pushed happens, and nothing more is.
    fn finish_pushing(&mut self) -> Result<(), EngineError> {
        if self.pushes.is_some() && self.pushed.are_any() {
            self.tick()?;
        }
        self.pushes = None;
        self.run.iter().for_each(Run::wake);
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.pushes = None;
        self.ask_to_stop();
    }
}
