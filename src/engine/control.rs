//! A handle on an engine that runs, for who changes it from beside: its command line over a socket, or a server.
//!
//! A change is built beside what runs (`runtime::Successor`). The switch is done by whoever waits for the engine's end
//! ([`Running::wait`](crate::Running::wait)), since that one owns what runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError, Weak};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use super::in_force;
use super::serving::Serving;
use crate::explain::{self, AllRows, Answer, Question, WhyError};
use crate::plan::{Destination, Plan};
use crate::runtime::{Ended, Leftover, Run, RunError, RunView, StopCause, Successor};
use crate::serve::Published;
use crate::source::Posts;
use crate::store::Recovered;

/// How often it is looked whether outputs hold what was handed over.
const LOOK: Duration = Duration::from_millis(10);

/// A handle that keeps nothing of the engine.
#[derive(Clone)]
pub(super) struct WeakControl(Weak<ControlState>);

impl WeakControl {
    /// The engine, if it is there still.
    pub fn control(&self) -> Option<Control> {
        self.0.upgrade().map(Control)
    }
}

/// A handle on an engine that runs. It is cheap to clone, and may be used from any thread.
#[derive(Clone)]
pub struct Control(Arc<ControlState>);

struct ControlState {
    /// One change at a time.
    changing: Mutex<()>,
    current: Mutex<Current>,
    /// Why it can't be changed, whatever the change.
    fixed: Option<(Unchanged, &'static str)>,
    /// Whether it is asked over HTTP.
    is_served: bool,
    changed: WhenReplaced,
}

/// Is told of the run that took the place of another one.
pub(super) type WhenReplaced = Box<dyn Fn(&RunView, Option<Arc<Published>>) + Send + Sync>;

/// What runs, and what is to take its place.
struct Current {
    /// `None`: it has ended.
    run: Option<RunView>,
    definition: Definition,
    waiting: Option<TakeOver>,
}

/// What is done to the folder while nothing runs.
type BeforeSwitch = Box<dyn FnOnce(&Recovered) -> Result<(), RunError> + Send>;

/// A run that is ready to take the place of the one that runs.
struct TakeOver {
    successor: Successor,
    definition: Definition,
    published: Option<Arc<Published>>,
    before: BeforeSwitch,
    answer: Sender<Result<Settled, String>>,
}

/// Whether outputs hold what was handed over to them.
type Settled = Box<dyn Fn() -> bool + Send>;

/// Held for as long as a change is made.
pub(super) struct Changing<'a> {
    control: &'a Control,
    pub view: RunView,
    pub definition: Definition,
    _one: MutexGuard<'a, ()>,
}

impl Control {
    pub(super) fn new(
        run: &Run,
        definition: Definition,
        has_own_parts: bool,
        is_served: bool,
        changed: WhenReplaced,
    ) -> Self {
        let view = run.view();
        let fixed = if has_own_parts {
            Some((
                Unchanged::NeedsRestart,
                "the program around it holds its sources or outputs: end it, and start it with what is new",
            ))
        } else if view.options.hosts.len() > 1 {
            let why = "it has several processes: end them, and start all of them with what is new";
            Some((Unchanged::NeedsRestart, why))
        } else if view.recovered.is_none() {
            Some((
                Unchanged::NothingStored,
                "nothing is stored from which the change could be computed: start it with --data FOLDER, or end it, and \
                 start it with what is new",
            ))
        } else {
            None
        };
        let current = Current { run: Some(view.clone()), definition, waiting: None };
        let (changing, current) = (Mutex::default(), Mutex::new(current));
        Control(Arc::new(ControlState { changing, current, fixed, is_served, changed }))
    }

    pub(super) fn downgrade(&self) -> WeakControl {
        WeakControl(Arc::downgrade(&self.0))
    }

    /// The definition that is in force.
    pub fn definition(&self) -> Definition {
        self.current().definition.clone()
    }

    /// Asks the engine to stop: what has been read is sent yet.
    pub fn stop(&self) {
        if let Some(run) = &self.current().run {
            run.stop.ask(StopCause::Program);
        }
    }

    /// A definition's path as the running one has its own, where both lie in one folder: paths in them are then told
    /// alike.
    pub(crate) fn beside(&self, path: &Path) -> PathBuf {
        let known = self.definition().path().to_owned();
        let folder = |path: &Path| std::path::absolute(path).ok()?.parent().map(Path::to_owned);
        match path.file_name() {
            Some(name) if folder(&known) == folder(path) => known.with_file_name(name),
            _ => path.to_owned(),
        }
    }

    /// Where rows are posted to now, where some source takes any.
    #[doc(hidden)]
    pub fn posts(&self) -> Option<Posts> {
        self.current().run.as_ref()?.posts.clone()
    }

    /// Answers a question about a person by what is stored.
    pub(crate) fn why(&self, id: &str, question: &Question) -> Result<Answer, WhyError> {
        let Some(run) = self.current().run.clone() else { return Err(WhyError::GivenUp) };
        let held = run.recovered.as_ref().ok_or(WhyError::NothingStored)?;
        let (plan, clock) = (Arc::clone(&run.plan), run.options.clock);
        explain::why(AllRows::of_run(plan, clock, held, Arc::default())?, false, id, question)
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.0.current.lock().expect("no one panics with it")
    }

    /// Begins a change. Another one has to be over.
    pub(super) fn change(&self) -> Result<Changing<'_>, EngineError> {
        let one = match self.0.changing.try_lock() {
            Ok(one) => one,
            Err(TryLockError::WouldBlock) => {
                let why = "another change is being made: wait for its end";
                return refused(Unchanged::Busy, why);
            }
            Err(TryLockError::Poisoned(one)) => one.into_inner(),
        };
        if let Some((because, why)) = self.0.fixed {
            return refused(because, why);
        }
        let current = self.current();
        let Some(view) = current.run.clone() else {
            return refused(Unchanged::Ending, ENDED);
        };
        if view.stop.asked().is_some() {
            return refused(Unchanged::Ending, "it is being stopped");
        }
        let definition = current.definition.clone();
        Ok(Changing { control: self, view, definition, _one: one })
    }

    /// Waits for the end of what runs, and of whatever takes its place. Says what it came to, of which definition, and
    /// what is left to be taken apart.
    pub(super) fn wait(&self, mut run: Run) -> (Result<Ended, EngineError>, Arc<Plan>, Leftover) {
        loop {
            let view = run.view().clone();
            let (ended, leftover) = run.join();
            let is_stopped = view.stop.asked().is_some_and(|cause| cause != StopCause::Replaced);
            let Some(next) = self.next(ended.is_err() || is_stopped) else {
                return (ended.map_err(EngineError::from), view.plan, leftover);
            };
            leftover.take_apart_meanwhile();
            let TakeOver { successor, definition, published, before, answer } = next;
            let why = match successor.take_over(before) {
                Ok(taken_over) => {
                    in_force::note(taken_over.view(), &definition);
                    (self.0.changed)(taken_over.view(), published);
                    let mut current = self.current();
                    (current.run, current.definition) =
                        (Some(taken_over.view().clone()), definition);
                    // Who asked may have gone.
                    let _ = answer.send(Ok(Box::new(taken_over.settled())));
                    run = taken_over;
                    continue;
                }
                Err(why) => why,
            };
            tracing::error!("the change failed, and what ran before starts again: {why}");
            let _ = answer.send(Err(format!("{why}: what ran before goes on")));
            let again = self.serving(&view.plan, &view).and_then(|(_, serving)| {
                let (published, observer) = serving.map(|of| (of.published, of.observer)).unzip();
                Ok((Run::start_again(&view, observer)?, published))
            });
            let published;
            (run, published) = match again {
                Ok(again) => again,
                Err(error) => {
                    self.current().run = None;
                    return (Err(error), view.plan, Leftover::default());
                }
            };
            (self.0.changed)(run.view(), published);
            self.current().run = Some(run.view().clone());
        }
    }

    /// A plan as it is run, and what is published of it, where anything is asked for over HTTP.
    pub(super) fn serving(
        &self,
        plan: &Arc<Plan>,
        view: &RunView,
    ) -> Result<(Arc<Plan>, Option<Serving>), EngineError> {
        match self.0.is_served {
            true => Ok(Serving::of(Plan::clone(plan), &view.options)?),
            false => Ok((Arc::clone(plan), None)),
        }
    }

    /// What takes the place of a run that has ended, if anything does.
    fn next(&self, is_over: bool) -> Option<TakeOver> {
        let mut current = self.current();
        let next = current.waiting.take().filter(|_| !is_over);
        if next.is_none() {
            current.run = None;
        }
        next
    }
}

impl Changing<'_> {
    /// Has another run take the place of the one that runs, and waits until outputs hold what it comes to.
    pub(super) fn hand_over(
        self,
        successor: Successor,
        definition: Definition,
        published: Option<Arc<Published>>,
        before: impl FnOnce(&Recovered) -> Result<(), RunError> + Send + 'static,
    ) -> Result<(), EngineError> {
        let (answer, answered) = bounded(1);
        {
            let mut current = self.control.current();
            let Some(run) = current.run.clone() else {
                successor.give_up();
                return refused(Unchanged::Ending, ENDED);
            };
            let before = Box::new(before);
            current.waiting = Some(TakeOver { successor, definition, published, before, answer });
            run.stop.replace();
        }
        // If nothing answers it has ended before.
        let settled = match answered.recv() {
            Ok(Ok(settled)) => settled,
            Ok(Err(why)) => return refused(Unchanged::Failed, &why),
            Err(_) => return refused(Unchanged::Ending, ENDED),
        };
        loop {
            if settled() {
                return Ok(());
            }
            let failure = self.control.current().run.as_ref().map(|run| run.failure.clone());
            match failure {
                None => {
                    return refused(
                        Unchanged::Ending,
                        "it ended before outputs held all of the change: the next run sees to it",
                    );
                }
                Some(failure) if failure.get().is_some() => {
                    return Err(EngineError::Failed(failure.get().unwrap_or_default().to_owned()));
                }
                Some(_) => std::thread::sleep(LOOK),
            }
        }
    }
}

const ENDED: &str = "it has ended";

pub(super) fn refused<T>(because: Unchanged, why: &str) -> Result<T, EngineError> {
    Err(EngineError::NotChanged { because, why: why.to_owned() })
}

/// Why a plan can't be handed what another one has, if it can't.
pub(super) fn cannot_take_over(plan: &Plan) -> Option<String> {
    use std::os::unix::fs::FileTypeExt;

    if let Some(source) = plan.sources.iter().find(|source| source.connector.is_single()) {
        return Some(format!(
            "source {} reads {}, which can't be handed over",
            source.name, source.connector
        ));
    }
    let is_pipe = |target: &Destination| {
        let found = target.file().and_then(|path| std::fs::metadata(path).ok());
        found.is_some_and(|found| found.file_type().is_fifo())
    };
    let piped = plan.outputs.iter().find(|output| is_pipe(&output.target))?;
    Some(format!("output {} goes to a pipe, whose reader would leave", piped.name))
}
