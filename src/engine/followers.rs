//! The other processes of a run, which take each step of a change together with the first one. Where there are none, every
//! step is taken at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use serde::{Deserialize, Serialize};

use super::asks::{Ask, News, RefusedChange, WrittenDefinition};
use super::error::{EngineError, Unchanged};
use super::silence::{self, Silence};
use crate::row::Unwanted;
use crate::runtime::{Peers, RunError};
use crate::sink::Failure;
use crate::time::Tick;

/// A step of a change, which the first process says and the others take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ChangeStep {
    /// Files of the folder are kept from here on, since others read them.
    Begin,
    /// The definition is looked at; `None`: it is the one that runs.
    Check { definition: Option<WrittenDefinition> },
    /// What is to take the place of the run is built, of what is stored without some rows.
    Build { change: u64, without: Unwanted },
    /// What is stored up to a tick is read back.
    ReadBack { until: Tick },
    /// The run ends.
    MakeRoom,
    /// What it had is opened, and what is left is read back.
    Open { until: Tick },
    /// It is decided: what was built takes the run's place.
    TakeOver,
    /// Outputs hold what it comes to.
    Settle,
    /// Everything stays as it was; the run that made room is started again, unless it had ended anyhow.
    GiveUp { again: bool },
    /// The change is over.
    End,
}

/// What the first process says to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToOthers {
    Step { number: u64, step: ChangeStep },
    News { ask: u64, news: News },
}

/// What others say to the first process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToFirst {
    Taken {
        number: u64,
        result: Result<(), RefusedChange>,
    },
    Ask {
        ask: u64,
        what: Ask,
    },
    /// It is there.
    Alive,
}

/// What a process replies to a step of a number; `None`: nothing more comes from it.
type Reply = (usize, Option<(u64, StepTaken)>);

/// What became of a step.
type StepTaken = Result<(), RefusedChange>;

/// The other processes.
pub struct Followers {
    peers: Option<Arc<Peers>>,
    last: AtomicU64,
    replied: Sender<Reply>,
    replies: Receiver<Reply>,
    /// By step and process, what has come of steps that are waited for later.
    early: Mutex<BTreeMap<(u64, usize), StepTaken>>,
    /// Whether one has gone.
    is_less: AtomicBool,
    silence: Silence,
}

/// How often it is looked whether one stands still.
const LOOK: Duration = Duration::from_millis(200);

impl Followers {
    pub fn new(peers: Option<Arc<Peers>>) -> Self {
        let (replied, replies) = unbounded();
        let (last, early, is_less) = (AtomicU64::new(0), Mutex::default(), AtomicBool::new(false));
        let silence = Silence::default();
        Followers { peers, last, replied, replies, early, is_less, silence }
    }

    /// Whether there are none.
    pub fn are_none(&self) -> bool {
        self.peers.is_none()
    }

    /// Where what they reply is laid down.
    pub fn replied(&self) -> Sender<Reply> {
        self.replied.clone()
    }

    /// A process has said something.
    pub fn hear(&self, process: usize) {
        self.silence.hear(process);
    }

    /// Why nothing can come of a change: one of some processes stands still.
    fn stands_still(&self, processes: impl IntoIterator<Item = usize>) -> Option<String> {
        let process = self.silence.silent(processes)?;
        let name = self.peers.as_ref().map(|peers| peers.name(process)).unwrap_or_default();
        let seconds = silence::patience().as_secs_f32();
        Some(format!(
            "{name} has said nothing for {seconds} s: it stands still, or its machine does. Let it go on, or end it, and ask again"
        ))
    }

    /// Does something that waits for all processes; if one stands still, that is its failure.
    pub fn unless_still<T>(&self, failure: &Failure, work: impl FnOnce() -> T) -> T {
        let (over, is_over) = bounded::<()>(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while is_over.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    let all = self.all().map(|(_, process)| process);
                    if let Some(why) = self.stands_still(all) {
                        return failure.set(why);
                    }
                }
            });
            let done = work();
            drop(over);
            done
        })
    }

    /// Says a step, and its number.
    pub fn say(&self, step: &ChangeStep) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        for (peers, process) in self.all() {
            peers.say(process, ToOthers::Step { number, step: step.clone() });
        }
        number
    }

    fn all(&self) -> impl Iterator<Item = (&Peers, usize)> {
        self.peers.iter().flat_map(|peers| peers.others().map(|process| (&**peers, process)))
    }

    /// Waits until all have taken a step, or one says why not, or stands still.
    ///
    /// # Errors
    /// What is said of the first one that did not.
    pub fn wait(&self, number: u64) -> StepTaken {
        self.wait_while(number, |waiting| {
            self.stands_still(waiting.iter().copied()).map_or(Ok(()), Err)
        })
    }

    /// The same, for as long as nothing is said against it.
    fn wait_while(
        &self,
        number: u64,
        is_worth_it: impl Fn(&BTreeSet<usize>) -> Result<(), String>,
    ) -> StepTaken {
        let mut waiting: BTreeSet<usize> = self.all().map(|(_, process)| process).collect();
        let mut early = self.early.lock().expect("no one panics with it");
        // Nobody wants to know of steps before it any more.
        *early = early.split_off(&(number, 0));
        let mut refused = None;
        while !waiting.is_empty() {
            let known = waiting.iter().find_map(|process| early.remove_entry(&(number, *process)));
            if let Some(((_, process), taken)) = known {
                waiting.remove(&process);
                refused = refused.or(taken.err().map(|refusal| self.named(process, refusal)));
                continue;
            }
            if self.is_less.load(Ordering::Relaxed) {
                return Err(RefusedChange::ending("one of its processes has ended"));
            }
            match self.replies.recv_timeout(LOOK) {
                Ok((_, None)) => self.is_less.store(true, Ordering::Relaxed),
                Ok((process, Some((of, taken)))) => drop(early.insert((of, process), taken)),
                Err(_) => is_worth_it(&waiting)
                    .map_err(|why| RefusedChange { because: Unchanged::Failed, why })?,
            }
        }
        refused.map_or(Ok(()), Err)
    }

    fn named(
        &self,
        process: usize,
        RefusedChange { because, why }: RefusedChange,
    ) -> RefusedChange {
        let name = self.peers.as_ref().map(|peers| peers.name(process)).unwrap_or_default();
        RefusedChange { because, why: format!("{name}: {why}") }
    }

    /// Has all take a step.
    pub fn take(&self, step: &ChangeStep) -> Result<(), RefusedChange> {
        self.wait(self.say(step))
    }

    /// Takes a step that needs all at once. What keeps one from it keeps the others, too: all have given the change up then,
    /// and what is told is the cause, with what has come of it here.
    pub fn take_with<T>(
        &self,
        step: &ChangeStep,
        failure: &Failure,
        own: impl FnOnce() -> Result<T, RunError>,
    ) -> Result<T, (Option<T>, EngineError)> {
        let number = self.say(step);
        let has_ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let others = scope.spawn(|| {
                let taken = self.wait(number);
                let is_first = !has_ended.load(Ordering::Acquire);
                taken.map_err(|refusal| {
                    failure.set(refusal.why.clone());
                    (is_first, refusal)
                })
            });
            let own = own();
            has_ended.store(true, Ordering::Release);
            // They may wait for this one.
            let given_up = own.is_err().then(|| self.say(&ChangeStep::GiveUp { again: true }));
            let others = others.join().expect("it does not panic");
            if let Some(given_up) = given_up {
                // Those who can't be asked any more end anyhow.
                let _ = self.wait(given_up);
            }
            match (others, own) {
                (Ok(()), own) => own.map_err(|error| (None, error.into())),
                (Err((false, _)), Err(error)) => Err((None, error.into())),
                (Err((_, refusal)), Err(_)) => Err((None, refusal.into())),
                (Err((_, refusal)), Ok(own)) => {
                    let error = EngineError::from(refusal);
                    self.give_up(&error);
                    Err((Some(own), error))
                }
            }
        })
    }

    /// Has all give the change up, since this went wrong. Those who can't be asked any more end anyhow.
    pub fn give_up(&self, why: &EngineError) {
        let _ = self.take(&ChangeStep::GiveUp { again: !is_over(why) });
    }
}

/// Whether the run has come to its end, so that none is to be started again.
pub fn is_over(why: &EngineError) -> bool {
    matches!(why, EngineError::NotChanged { because: Unchanged::Ending, .. })
}
