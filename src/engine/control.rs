//! A handle on an engine that runs, for who changes it from beside: its command line over a socket, or a server.
//!
//! A change is built beside what runs (`runtime::Successor`), and then takes its place (`switch`). Where there are several
//! processes the first one leads (`followers`): it says each step, which all take before it says the next one. What another
//! one is asked for it has the first one do (`asks`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError, Weak};
use std::time::Duration;

use super::asks::{Asks, RefusedChange};
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use super::followers::{ChangeStep, Followers};
use super::in_force;
use super::serving::Serving;
use super::switch::{self, NotTaken, Settled, TakeOver};
use super::waiting::{Reminder, who_is_behind};
use crate::explain::{self, AllRows, Answer, Question, WhyError};
use crate::plan::{Destination, Plan};
use crate::runtime::{Ended, Leftover, Peers, Run, RunView, StopCause};
use crate::serve::Published;
use crate::source::Posts;
use crate::store::FilesInUse;

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
    /// One change at a time, and what numbers them.
    changing: Mutex<()>,
    changes: AtomicU64,
    current: Mutex<Current>,
    /// Why it can't be changed, whatever the change.
    fixed: Option<(Unchanged, &'static str)>,
    /// Whether it is asked over HTTP.
    is_served: bool,
    changed: WhenReplaced,
    peers: Option<Arc<Peers>>,
    /// What the first process has: the others that follow it.
    pub(super) followers: Followers,
    /// What the others have: what they ask the first one for.
    asks: Asks,
}

/// Is told of the run that took the place of another one.
pub(super) type WhenReplaced = Box<dyn Fn(&RunView, Option<Arc<Published>>) + Send + Sync>;

/// What runs, and what is to take its place.
struct Current {
    /// `None`: it has ended.
    run: Option<RunView>,
    definition: Definition,
    /// What is published of it, where anything is asked for over HTTP.
    published: Option<Arc<Published>>,
    waiting: Option<TakeOver>,
}

/// Held for as long as a change is made.
pub(super) struct Changing<'a> {
    pub control: &'a Control,
    pub view: RunView,
    pub definition: Definition,
    /// Its number.
    pub change: u64,
    /// Files of the folder are kept for who reads them.
    pub in_use: Option<FilesInUse>,
    _one: MutexGuard<'a, ()>,
}

impl Control {
    pub(super) fn new(
        run: &Run,
        definition: Definition,
        has_own_parts: bool,
        is_served: bool,
        (published, changed): (Option<Arc<Published>>, WhenReplaced),
    ) -> Self {
        let view = run.view();
        let fixed = if has_own_parts {
            Some((
                Unchanged::NeedsRestart,
                "the program around it holds its sources or outputs: end it, and start it with what is new",
            ))
        } else if view.recovered.is_none() {
            Some((
                Unchanged::NothingStored,
                "nothing is stored from which the change could be computed: start it with --data FOLDER, or end it, and \
                 start it with what is new",
            ))
        } else {
            None
        };
        let current = Current { run: Some(view.clone()), definition, published, waiting: None };
        let (peers, first) = (view.peers.clone(), view.options.process == 0);
        Control(Arc::new(ControlState {
            changing: Mutex::default(),
            changes: AtomicU64::new(1),
            current: Mutex::new(current),
            fixed,
            is_served,
            changed,
            followers: Followers::new(peers.clone().filter(|_| first)),
            peers,
            asks: Asks::default(),
        }))
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
        explain::why(AllRows::of_run(plan, clock, held)?, false, id, question)
    }

    /// What is published of what runs.
    pub(super) fn published(&self) -> Option<Arc<Published>> {
        self.current().published.clone()
    }

    /// What a change waits for that is being made.
    pub(super) fn what_is_missing(&self) -> String {
        let run = self.current().run.clone();
        run.map_or_else(|| ENDED.to_owned(), |view| who_is_behind(&view))
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.0.current.lock().expect("no one panics with it")
    }

    pub(super) fn followers(&self) -> &Followers {
        &self.0.followers
    }

    pub(super) fn peers(&self) -> Option<&Arc<Peers>> {
        self.0.peers.as_ref()
    }

    pub(super) fn asks(&self) -> &Asks {
        &self.0.asks
    }

    /// Whether another process leads.
    pub(super) fn follows(&self) -> bool {
        self.0.peers.is_some() && self.0.followers.are_none()
    }

    /// What runs, if it can be changed.
    pub(super) fn running(&self) -> Result<RunView, EngineError> {
        if let Some((because, why)) = self.0.fixed {
            return refused(because, why);
        }
        let Some(view) = self.current().run.clone() else {
            return refused(Unchanged::Ending, ENDED);
        };
        match view.stop.asked() {
            Some(_) => refused(Unchanged::Ending, "it is being stopped"),
            None => Ok(view),
        }
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
        let view = self.running()?;
        let change = self.0.changes.fetch_add(1, Ordering::Relaxed);
        let (definition, control) = (self.definition(), self);
        let in_use = view.recovered.as_ref().map(|recovered| recovered.folder.reading());
        // From here on it is ended with `End`.
        let changing = Changing { control, view, definition, change, in_use, _one: one };
        self.followers().take(&ChangeStep::Begin)?;
        Ok(changing)
    }

    /// Waits for the end of what runs, and of whatever takes its place. Says what it came to, of which definition, and
    /// what is left to be taken apart.
    pub(super) fn wait(&self, run: Run) -> (Result<Ended, EngineError>, Arc<Plan>, Leftover) {
        let (ended, plan, leftover) = self.wait_for_all(run);
        if ended.is_ok() {
            self.peers().into_iter().for_each(|peers| peers.say_goodbye());
        }
        (ended, plan, leftover)
    }

    fn wait_for_all(&self, mut run: Run) -> (Result<Ended, EngineError>, Arc<Plan>, Leftover) {
        loop {
            let view = run.view().clone();
            let (ended, leftover) = run.join();
            let is_stopped = view.stop.asked().is_some_and(|cause| cause != StopCause::Replaced);
            let Some(next) = self.next(ended.is_err() || is_stopped) else {
                return (ended.map_err(EngineError::from), view.plan, leftover);
            };
            let TakeOver { successor, definition, published, change, turn, answer } = next;
            let taken = switch::take_over(successor, turn, &definition, self.followers());
            let lost = self.peers().and_then(|peers| peers.lost());
            let taken = match (taken, lost) {
                (Err(_), Some(why)) => Err(NotTaken::Lost(EngineError::Failed(why))),
                (taken, _) => taken,
            };
            let refusal = match taken {
                Ok(taken_over) => {
                    leftover.take_apart_meanwhile();
                    self.goes_on(&taken_over, Some(definition), published);
                    // Who asked may have gone.
                    let _ = answer.send(Ok(Box::new(taken_over.settled())));
                    run = taken_over;
                    continue;
                }
                Err(NotTaken::Again(refusal)) => refusal,
                Err(NotTaken::Over(refusal)) => {
                    self.current().run = None;
                    let _ = answer.send(Err(refusal));
                    return (ended.map_err(EngineError::from), view.plan, leftover);
                }
                Err(NotTaken::Lost(error)) => {
                    self.current().run = None;
                    let _ = answer.send(Err(RefusedChange::ending(&error.to_string())));
                    return (Err(error), view.plan, leftover);
                }
            };
            leftover.take_apart_meanwhile();
            let RefusedChange { because, why } = refusal;
            tracing::error!("the change failed, and what ran before starts again: {why}");
            let again = self.start_again(&view, change);
            // The next change may be asked for as soon as this one is answered.
            let why = format!("{why}: what ran before goes on");
            let answered = again.as_ref().map(|_| RefusedChange { because, why });
            let answered =
                answered.unwrap_or_else(|error| RefusedChange::ending(&error.to_string()));
            let _ = answer.send(Err(answered));
            match again {
                Ok(again) => run = again,
                Err(error) => {
                    self.current().run = None;
                    return (Err(error), view.plan, Leftover::default());
                }
            }
        }
    }

    fn start_again(&self, of: &RunView, change: u64) -> Result<Run, EngineError> {
        let (_, serving) = self.serving(&of.plan, of)?;
        let (published, observer) = serving.map(|of| (of.published, of.observer)).unzip();
        let run = Run::start_again(of, change, observer)?;
        if let Err(error) = in_force::decide(run.view(), &self.definition()) {
            in_force::untold(&error);
        }
        self.goes_on(&run, None, published);
        Ok(run)
    }

    /// Another run is what runs.
    fn goes_on(
        &self,
        run: &Run,
        definition: Option<Definition>,
        published: Option<Arc<Published>>,
    ) {
        (self.0.changed)(run.view(), published.clone());
        let mut current = self.current();
        current.published = published;
        current.run = Some(run.view().clone());
        current.definition = definition.unwrap_or_else(|| current.definition.clone());
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
        let mut next = current.waiting.take();
        if is_over {
            next.take().into_iter().for_each(|next| next.refuse(ENDED));
        }
        if next.is_none() {
            current.run = None;
        }
        next
    }

    /// Has another run take the place of the one that runs, which makes room.
    pub(super) fn replace(&self, with: TakeOver) {
        let mut current = self.current();
        let Some(run) = current.run.clone() else { return with.refuse(ENDED) };
        current.waiting = Some(with);
        run.stop.replace();
    }

    /// Waits until outputs hold what was handed over to them.
    pub(super) fn wait_until_settled(
        &self,
        settled: &Settled,
        told: &dyn Fn(&str),
    ) -> Result<(), EngineError> {
        let mut reminder = Reminder::new();
        while !settled() {
            reminder
                .remind(told, || format!("the change is in force, and {}", self.what_is_missing()));
            let failure = self.current().run.as_ref().map(|run| run.failure.clone());
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
        Ok(())
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.control.followers().say(&ChangeStep::End);
    }
}

pub(super) const ENDED: &str = "it has ended";

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
