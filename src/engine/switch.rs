//! A run takes the place of another one, in each process at the same tick. Who waits for the engine's end does it, since that
//! one owns what runs.
//!
//! Which definition is in force is decided in one step, when all processes have opened what the run had: the first one
//! replaces a file of the folder that they share (`in_force`). Until then what ran before is started again if anything
//! fails; from then on the other one is in force, and a process that can't go on ends, and with it all.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::asks::RefusedChange;
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use super::followers::{ChangeStep, Followers, is_over};
use super::in_force;
use crate::fault;
use crate::runtime::{OpenedEnds, Run, RunError, Successor};
use crate::serve::Published;
use crate::store::Recovered;
use crate::time::Tick;

/// What is done to the folder while nothing runs.
pub type BeforeSwitch = Box<dyn FnOnce(&Recovered) -> Result<(), RunError> + Send>;

/// Whether outputs hold what was handed over to them.
pub type Settled = Box<dyn Fn() -> bool + Send>;

/// A run that is ready to take the place of the one that runs.
pub struct TakeOver {
    pub successor: Successor,
    pub definition: Definition,
    pub published: Option<Arc<Published>>,
    /// The number of the change.
    pub change: u64,
    pub turn: Turn,
    pub answer: Sender<Result<Settled, RefusedChange>>,
}

/// Who says the steps.
pub enum Turn {
    /// This process does, once the others have taken the one of this number.
    Leads {
        room: u64,
        before: BeforeSwitch,
    },
    Follows(Box<dyn FollowedSteps>),
}

/// What the first process says, and what it is told.
pub trait FollowedSteps: Send {
    /// The next step; `None`: the first process has gone.
    fn next(&mut self) -> Option<ChangeStep>;

    /// What became of the last one.
    fn taken(&mut self, result: Result<(), RefusedChange>);
}

/// Why a run did not take the place of another one.
pub enum NotTaken {
    /// What ran before is to be started again.
    Again(RefusedChange),
    /// It had come to its end meanwhile.
    Over(RefusedChange),
    /// It was decided that it does, and it can't.
    Lost(EngineError),
}

/// What is told to the first process by channels, with the number of each step.
pub struct NumberedSteps<R> {
    pub steps: Receiver<(u64, ChangeStep)>,
    /// The step that is being taken.
    pub number: u64,
    pub reply: R,
}

impl<R: FnMut(u64, Result<(), RefusedChange>) + Send> FollowedSteps for NumberedSteps<R> {
    fn next(&mut self) -> Option<ChangeStep> {
        let (number, step) = self.steps.recv().ok()?;
        self.number = number;
        Some(step)
    }

    fn taken(&mut self, result: Result<(), RefusedChange>) {
        (self.reply)(self.number, result);
    }
}

impl TakeOver {
    /// It comes to nothing: the run has come to its end.
    pub fn refuse(self, why: &str) {
        self.successor.fail(why);
        if let Turn::Follows(mut steps) = self.turn {
            steps.taken(Err(RefusedChange::ending(why)));
        }
        self.successor.give_up();
        let _ = self.answer.send(Err(RefusedChange::ending(why)));
    }
}

/// Has a successor take the place of the run that has made room.
pub fn take_over(
    successor: Successor,
    turn: Turn,
    definition: &Definition,
    followers: &Followers,
) -> Result<Run, NotTaken> {
    match turn {
        Turn::Leads { room, before } => lead(successor, room, before, definition, followers),
        Turn::Follows(mut steps) => follow(successor, &mut *steps),
    }
}

fn lead(
    successor: Successor,
    room: u64,
    before: BeforeSwitch,
    definition: &Definition,
    followers: &Followers,
) -> Result<Run, NotTaken> {
    let opened = match open(&successor, room, before, followers) {
        Ok(opened) => opened,
        Err(error) => {
            let (is_over, refusal) = (is_over(&error), RefusedChange::of(error));
            successor.give_up();
            return Err(match is_over {
                true => NotTaken::Over(refusal),
                false => NotTaken::Again(refusal),
            });
        }
    };
    fault::point("all opened");
    if let Err(error) = in_force::decide(successor.view(), definition) {
        let error = EngineError::from(error);
        followers.give_up(&error);
        successor.give_up();
        return Err(NotTaken::Again(RefusedChange::of(error)));
    }
    fault::point("decided");
    let others = followers.take(&ChangeStep::TakeOver);
    fault::point("others taken over");
    match (others, followers.are_none()) {
        (Err(refusal), _) => {
            successor.give_up();
            Err(NotTaken::Lost(refusal.into()))
        }
        (Ok(()), true) => successor
            .go_live(opened)
            .map_err(|error| NotTaken::Again(RefusedChange::of(error.into()))),
        (Ok(()), false) => successor.go_live(opened).map_err(|error| NotTaken::Lost(error.into())),
    }
}

/// What comes before it is decided. If anything fails all have given it up.
fn open(
    successor: &Successor,
    room: u64,
    before: BeforeSwitch,
    followers: &Followers,
) -> Result<OpenedEnds, EngineError> {
    let until = has_room(successor, room, before, followers).inspect_err(|error| {
        successor.fail(&error.to_string());
        followers.give_up(error);
    })?;
    let step = ChangeStep::Open { until };
    let failure = &successor.view().failure;
    followers.take_with(&step, failure, || successor.open(until)).map_err(|(_, error)| error)
}

/// Waits until nothing runs any more, does to the folder what is to be done, and says up to which tick all is stored.
fn has_room(
    successor: &Successor,
    room: u64,
    before: BeforeSwitch,
    followers: &Followers,
) -> Result<Tick, EngineError> {
    followers.wait(room)?;
    fault::point("room made");
    successor.before_switch(before)?;
    Ok(successor.stored()?.0)
}

fn follow(successor: Successor, steps: &mut dyn FollowedSteps) -> Result<Run, NotTaken> {
    fault::point("room made");
    steps.taken(Ok(()));
    let mut opened = None;
    loop {
        let failed = |error: RunError| RefusedChange::of(error.into());
        match steps.next() {
            Some(ChangeStep::Open { until }) => {
                let result = successor.open(until).map(|of| opened = Some(of));
                if let Err(error) = &result {
                    successor.fail(&error.to_string());
                }
                steps.taken(result.map_err(failed));
            }
            Some(ChangeStep::TakeOver) => {
                let opened = opened.take().expect("nothing is decided before");
                return match successor.go_live(opened) {
                    Ok(run) => {
                        steps.taken(Ok(()));
                        Ok(run)
                    }
                    Err(error) => Err(NotTaken::Lost(error.into())),
                };
            }
            Some(ChangeStep::GiveUp { again }) => {
                successor.give_up();
                steps.taken(Ok(()));
                let refusal = RefusedChange {
                    because: Unchanged::Failed,
                    why: "the first process has given it up".to_owned(),
                };
                return Err(match again {
                    true => NotTaken::Again(refusal),
                    false => NotTaken::Over(refusal),
                });
            }
            Some(other) => unreachable!("{other:?} comes before room is made, or after"),
            None => {
                successor.give_up();
                let why = "the first process is lost: start all of them again".to_owned();
                return Err(NotTaken::Lost(EngineError::Failed(why)));
            }
        }
    }
}
