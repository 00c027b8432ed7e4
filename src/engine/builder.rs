//! An engine before it starts: what it reads and writes beside what its definition says.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use timely::dataflow::ProbeHandle;

use super::administered::AdministeredEngine;
use super::control::{Control, WhenReplaced};
use super::definition::Definition;
use super::erase;
use super::error::{EngineError, unknown};
use super::following;
use super::in_force;
use super::pushed::{PushedLines, source_named};
use super::running::Running;
use super::serving::Serving;
use crate::plan::{DataPlace, Destination, Format, Plan};
use crate::runtime::{Attached, Clock, Collections, Progress, Run, RunOptions, RunView, Stop};
use crate::serve::{self, Administration, CurrentRouter, Handles, Published, Served};
use crate::sink::{ChangelogRecord, ProgramFunction};
use crate::source::Memory;
use crate::store::{Recovered, StoreError};
use crate::time::{Tick, wall_clock};

/// Runs definitions.
///
/// ```
/// use selfsame::{Definition, Engine};
/// use serde_json::json;
///
/// let definition = Definition::parse(
///     "
/// sources:
///   orders: {files: unused, kind: events, fields: {email: text, amount: integer}}
/// identity:
///   email: {from: {orders: email}}
/// attributes:
///   spent: {from: orders, select: sum(amount)}
/// outputs:
///   profiles: {files: unused}
/// ",
///     "shop.yaml",
/// )?;
/// let (told, profiles) = std::sync::mpsc::channel();
/// let mut running = Engine::builder(&definition)
///     .source("orders", [json!({"email": "ada@example.com", "amount": 3})])
///     .output("profiles", move |record| told.send(record).unwrap())
///     .start()?;
/// running.push("orders", [json!({"email": "ada@example.com", "amount": 4})])?;
/// running.tick()?;
/// assert_eq!(profiles.recv()?.json()["attributes"]["spent"], 7);
/// running.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine;

impl Engine {
    /// An engine for a definition: one worker that follows the wall clock, until it is told otherwise.
    pub fn builder(definition: &Definition) -> EngineBuilder {
        EngineBuilder {
            definition: definition.clone(),
            plan: Plan::clone(definition.plan()),
            options: RunOptions::default(),
            attached: None,
            functions: Vec::new(),
            pushed: PushedLines::new(definition.plan()),
            memory: Vec::new(),
            wrong: None,
            stoppable: None,
        }
    }
}

/// An engine that has not started: see [`Engine::builder`].
///
/// What is wrong with what it is told, [`EngineBuilder::start`] says.
#[must_use = "nothing runs before `start`"]
pub struct EngineBuilder {
    definition: Definition,
    plan: Plan,
    options: RunOptions,
    attached: Option<Attached>,
    functions: Vec<(usize, ProgramFunction)>,
    pushed: PushedLines,
    /// Sources that are pushed into.
    memory: Vec<usize>,
    /// The first mistake.
    wrong: Option<EngineError>,
    stoppable: Option<Stoppable>,
}

/// Is given what to ask to stop.
type Stoppable = Box<dyn FnOnce(&Stop) -> Result<(), String>>;

/// What the command line says beside what everyone may say.
#[doc(hidden)]
pub struct CommandOptions {
    pub process: usize,
    pub hosts: Vec<String>,
    pub progress: Progress,
    pub reads: Vec<(&'static str, PathBuf)>,
    pub summary: Option<PathBuf>,
    pub stay: fn() -> !,
    pub stoppable: fn(&Stop) -> Result<(), String>,
}

impl EngineBuilder {
    /// How many workers there are, threads of this process: 1 unless it is said.
    pub fn workers(mut self, workers: usize) -> Self {
        self.options.workers = workers.max(1);
        self
    }

    /// What `now()` follows: the wall clock unless it is said.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.options.clock = clock;
        self
    }

    /// Stops when all files are read and all partitions of topics are at the end that they had at the start.
    pub fn until_end(mut self, until_end: bool) -> Self {
        self.options.until_end = until_end;
        self
    }

    /// Keeps reading what is appended to files, and new files that match.
    pub fn follow(mut self, follow: bool) -> Self {
        self.options.follow = follow;
        self
    }

    /// Goes on with a topic that is deleted and created again while it is read, from its start, instead of
    /// failing.
    pub fn from_start(mut self, from_start: bool) -> Self {
        self.options.from_start = from_start;
        self
    }

    /// Stores accepted rows in this folder, and goes on where the last run with it ended, however that was: in place
    /// of the definition's `data`. Without either nothing outlives the run.
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.data = Some(DataPlace::from(folder.into()));
        self
    }

    /// The same, wherever it lies.
    #[doc(hidden)]
    pub fn data_at(mut self, place: DataPlace) -> Self {
        self.options.data = Some(place);
        self
    }

    /// Serves over HTTP at this address and port, such as `127.0.0.1:8080`, in place of the definition's `http`. With
    /// port 0 the operating system chooses one: [`Running::http`] tells it.
    pub fn http(mut self, listen: impl Into<String>) -> Self {
        self.plan.http.listen = Some(listen.into());
        self.options.served = true;
        self
    }

    /// Holds a source in memory, whatever the definition says of where its rows come from. It begins with these
    /// rows, which happen with the first tick; further ones are pushed ([`Running::push`]).
    ///
    /// A row is whatever serialises as a JSON object: a `serde_json::Value`, or a struct whose fields are named as
    /// the source's (by their `path`, where they have one).
    pub fn source<R: Serialize>(mut self, name: &str, rows: impl IntoIterator<Item = R>) -> Self {
        let held = source_named(&self.plan, name).and_then(|source| {
            self.memory.push(source);
            self.pushed.add(&self.plan, source, rows)
        });
        self.note(held)
    }

    /// As [`EngineBuilder::source`], without rows to begin with.
    pub fn empty_source(self, name: &str) -> Self {
        self.source(name, std::iter::empty::<serde_json::Value>())
    }

    /// Hands an output's records to a function, whatever the definition says of where they go.
    ///
    /// The function is called on a thread of its own, for each record in turn. The tick is complete when it has
    /// returned from all of its records, and rows are read no faster than that.
    pub fn output(
        mut self,
        name: &str,
        function: impl FnMut(ChangelogRecord) + Send + 'static,
    ) -> Self {
        let outputs = || self.plan.outputs.iter().map(|output| output.name.as_str());
        let Some(output) = outputs().position(|of| of == name) else {
            let wrong = unknown("output", name, outputs());
            return self.note(Err(wrong));
        };
        self.plan.outputs[output].target = Destination::Program;
        self.plan.outputs[output].format = Format::Json;
        self.functions.retain(|(of, _)| *of != output);
        self.functions.push((output, Box::new(function)));
        self
    }

    /// Attaches a dataflow of one's own to what the engine comes to, in the place of one that was attached before. Each
    /// worker calls this once, within its dataflow, whose scope collections know (`collections.rows.scope()`); a tick is
    /// complete when it has passed the probe that is returned, too. Another definition can't be applied to such an engine
    /// while it runs.
    pub fn attach(
        mut self,
        dataflow: impl for<'scope> Fn(Collections<'scope>) -> ProbeHandle<Tick> + Send + Sync + 'static,
    ) -> Self {
        self.attached = Some(Arc::new(dataflow));
        self
    }

    #[doc(hidden)]
    pub fn as_command(mut self, options: CommandOptions) -> Self {
        let CommandOptions { process, hosts, progress, reads, summary, stay, stoppable } = options;
        let said = RunOptions { process, hosts, progress, reads, summary, stay, ..self.options };
        self.options = said;
        self.stoppable = Some(Box::new(stoppable));
        self
    }

    fn note(mut self, result: Result<(), EngineError>) -> Self {
        self.wrong = self.wrong.or(result.err());
        self
    }

    /// Starts it. What does not exist, or can't be opened, is told before anything is read or written.
    ///
    /// # Errors
    /// If something that was said of it is wrong, or a source or an output can't be opened.
    pub fn start(self) -> Result<Running, EngineError> {
        let EngineBuilder { mut plan, options, attached, functions, pushed, memory, .. } = self;
        let has_own_parts = attached.is_some() || !functions.is_empty() || !memory.is_empty();
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let pushes = (!memory.is_empty()).then(|| {
            let (connector, pushes) = Memory::new();
            for source in memory {
                plan.sources[source].connector = Arc::new(connector.clone());
                plan.sources[source].format = Format::Json;
            }
            pushes
        });
        let bound = serve::bind(&plan, options.process, &options.hosts)?;
        let (plan, serving) = match bound {
            Some(_) => Serving::of(plan, &options)?,
            None => (Arc::new(plan), None),
        };
        let (published, observer) = serving.map(|of| (of.published, of.observer)).unzip();
        let stoppable = self.stoppable.unwrap_or_else(|| Box::new(|_| Ok(())));
        if let Some(data) = options.data.as_ref().or(plan.data.as_ref()) {
            erase::wait_until_finished(data, options.process)?;
        }
        let erased = Arc::clone(&plan);
        let (is_served, is_first) = (bound.is_some(), options.process == 0);
        let finish = |recovered: &Recovered| {
            if is_first && !is_served {
                // Nobody keeps what this run tells: who followed an earlier one begins anew.
                let root = &recovered.folder.root;
                serve::delete_kept_changes(root)
                    .map_err(StoreError::io(root, "cleared of what was told"))?;
            }
            erase::finish(&erased, recovered)
        };
        let of_plan = Arc::clone(&plan);
        let run = Run::start(of_plan, options, finish, stoppable, attached, functions, observer)?;
        in_force::note(run.view(), &self.definition);
        let of_port = bound.as_ref().map(|bound| (bound.closing(), bound.keys()));
        let started = run.view().live.as_ref().map_or_else(wall_clock, |live| live.started);
        let administered = AdministeredEngine::default();
        let administration: Arc<dyn Administration> = Arc::new(administered.clone());
        let served = move |view: &RunView, published: Option<Arc<Published>>| {
            let process = serve::process(&view.plan, view.options.process, &view.options.hosts);
            let RunView { plan, posts, live, stop, failure, recovered, options, .. } = view.clone();
            let (clock, stored) = (options.clock, recovered.as_ref().map(Arc::downgrade));
            let history = live.as_ref().map_or(0, |live| live.history.load(Ordering::Relaxed));
            let (closing, keys) = of_port.clone()?;
            let administration = Arc::clone(&administration);
            let served = Served {
                process,
                administration,
                keys,
                plan,
                clock,
                started,
                stored,
                published,
                posts,
                history,
                live,
                stop,
                failure,
                closing,
            };
            Some(Handles::new(served))
        };
        let handles = served(run.view(), published.clone());
        let current = CurrentRouter::new(handles.as_ref().map(serve::router).unwrap_or_default());
        let server = bound.map(|bound| bound.serve(current.router())).transpose()?;
        let is_served = server.is_some();
        let handles = Mutex::new(handles);
        let changed: WhenReplaced = Box::new(move |view: &RunView, published| {
            let Some(next) = served(view, published) else { return };
            let mut handles = handles.lock().expect("no one panics with it");
            handles.iter().for_each(|before| before.is_replaced_by(&next));
            current.replace(serve::router(&next));
            *handles = Some(next);
        });
        let served = (published, changed);
        let control = Control::new(&run, self.definition, has_own_parts, is_served, served);
        administered.is_of(&control);
        following::listen(&control).map_err(|error| {
            EngineError::Failed(format!("other processes can't be listened to: {error}"))
        })?;
        Ok(Running::new(plan, run, server, pushes, pushed, control))
    }
}
