//! What a process does of what others say: the first one leads, and others take its steps; what they are asked for, it does.

use std::io;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, bounded, unbounded};

use super::asks::{Answered, Ask, News, RefusedChange};
use super::change::{blueprint, options_of};
use super::control::{Control, WeakControl};
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use super::followers::{ChangeStep, ToFirst, ToOthers};
use super::silence;
use super::switch::{NumberedSteps, Settled, TakeOver, Turn};
use crate::fault;
use crate::row::Unwanted;
use crate::runtime::{Peers, RunView, Successor, preflight};
use crate::serve::Published;
use crate::sink::Failure;
use crate::store::FilesInUse;
use crate::time::Tick;

/// Listens to the other processes of an engine, where there are any.
pub fn listen(control: &Control) -> io::Result<()> {
    let Some(peers) = control.peers() else { return Ok(()) };
    match control.follows() {
        true => follow(control, peers),
        false => lead(control, peers),
    }
}

/// What the first process does: it takes in what others reply, and does what they ask for.
fn lead(control: &Control, peers: &Arc<Peers>) -> io::Result<()> {
    let (replied, weak, to) =
        (control.followers().replied(), control.downgrade(), Arc::clone(peers));
    peers.listen(move |process, said: Option<ToFirst>| {
        if let Some(control) = weak.control() {
            control.followers().hear(process);
        }
        let reply = match said {
            Some(ToFirst::Alive) => return,
            Some(ToFirst::Ask { ask, what }) => return answer(&weak, &to, process, ask, what),
            Some(ToFirst::Taken { number, result }) => Some((number, result)),
            None => None,
        };
        // Who waits for it may have gone.
        let _ = replied.send((process, reply));
    })
}

/// Does what another process is asked for, on a thread of its own.
fn answer(control: &WeakControl, peers: &Arc<Peers>, process: usize, ask: u64, what: Ask) {
    let (control, to) = (control.clone(), Arc::clone(peers));
    let say = move |news| to.say(process, ToOthers::News { ask, news });
    let failed = say.clone();
    let work = move || {
        let told = |text: &str| say(News::Told(text.to_owned()));
        let ended = || RefusedChange::ending("it has ended");
        let answered = control.control().ok_or_else(ended).and_then(|of| done(&of, what, &told));
        say(News::Answered(answered));
    };
    let thread = std::thread::Builder::new().name("change".to_owned());
    if let Err(error) = thread.spawn(work) {
        let why = format!("a thread can't start: {error}");
        failed(News::Answered(Err(RefusedChange { because: Unchanged::Failed, why })));
    }
}

fn done(control: &Control, what: Ask, told: &dyn Fn(&str)) -> Result<Answered, RefusedChange> {
    let answered = match what {
        Ask::Apply { definition, dry_run } => {
            let definition = control.read(&definition)?;
            let applied = match dry_run {
                true => control.preview(&definition, told),
                false => control.apply(&definition, told),
            };
            applied.map(|applied| Answered::Applied(Box::new(applied)))
        }
        Ask::Forget { id, how } => {
            let forgotten = control.forget(&id, how, told);
            forgotten.map(|forgotten| Answered::Forgotten(Box::new(forgotten)))
        }
    };
    answered.map_err(RefusedChange::of)
}

/// What another process does: it takes the steps that the first one says, one after another.
fn follow(control: &Control, peers: &Arc<Peers>) -> io::Result<()> {
    let (sender, steps) = unbounded();
    let building: Arc<Mutex<Failure>> = Arc::default();
    let (weak, given_up) = (control.downgrade(), Arc::clone(&building));
    peers.listen(move |_, said: Option<ToOthers>| {
        let asks = weak.control();
        match said {
            Some(ToOthers::News { ask, news }) => {
                asks.iter().for_each(|of| of.asks().take(ask, news.clone()));
            }
            Some(ToOthers::Step { number, step }) => {
                if matches!(step, ChangeStep::GiveUp { .. }) {
                    // It may wait for others who have given it up.
                    let building = given_up.lock().expect("no one panics with it");
                    building.set("the first process has given it up".to_owned());
                }
                let _ = sender.send((number, step));
            }
            None => asks.iter().for_each(|of| of.asks().end()),
        }
    })?;
    let (weak, to) = (control.downgrade(), Arc::clone(peers));
    let is_there = move || {
        while weak.control().is_some() {
            to.say(0, ToFirst::Alive);
            std::thread::sleep(silence::beat());
        }
    };
    std::thread::Builder::new().name("alive".to_owned()).spawn(is_there)?;
    let (weak, to) = (control.downgrade(), Arc::clone(peers));
    let follower = Follower { control: weak, peers: to, steps, building, change: None };
    std::thread::Builder::new().name("change".to_owned()).spawn(move || follower.run()).map(drop)
}

struct Follower {
    control: WeakControl,
    peers: Arc<Peers>,
    steps: Receiver<(u64, ChangeStep)>,
    /// What is being built is given up by it.
    building: Arc<Mutex<Failure>>,
    change: Option<ChangeUnderWay>,
}

/// What there is of a change.
struct ChangeUnderWay {
    view: RunView,
    definition: Definition,
    _in_use: Option<FilesInUse>,
    number: u64,
    built: Option<(Successor, Option<Arc<Published>>)>,
    settled: Option<Settled>,
}

impl Follower {
    fn run(mut self) {
        while let Ok((number, step)) = self.steps.recv() {
            let Some(control) = self.control.control() else { return };
            let result = match step {
                // Who takes over says it.
                ChangeStep::MakeRoom => match self.make_room(&control, number) {
                    Ok(()) => continue,
                    refused => refused,
                },
                step => self.take(&control, step),
            };
            self.peers.say(0, ToFirst::Taken { number, result: result.map_err(RefusedChange::of) });
        }
    }

    fn take(&mut self, control: &Control, step: ChangeStep) -> Result<(), EngineError> {
        match step {
            ChangeStep::Begin => {
                self.end();
                // The one before may be what runs now.
                *self.building.lock().expect("no one panics with it") = Failure::default();
                let view = control.running()?;
                let _in_use = view.recovered.as_ref().map(|of| of.folder.reading());
                let (definition, built, settled) = (control.definition(), None, None);
                let number = 0;
                let begun = ChangeUnderWay { view, definition, _in_use, number, built, settled };
                self.change = Some(begun);
                fault::point("change begun");
            }
            ChangeStep::Check { definition } => {
                let change = self.begun()?;
                if let Some(definition) = definition {
                    change.definition = control.read(&definition)?;
                }
                let options = options_of(&change.view, &change.definition);
                preflight(&change.view, change.definition.plan(), &options)?;
                fault::point("change checked");
            }
            ChangeStep::Build { change, without } => self.build(control, change, without)?,
            ChangeStep::ReadBack { until } => self.read_back(until)?,
            ChangeStep::Settle => {
                let settled = self.begun()?.settled.take();
                settled.map_or(Ok(()), |settled| control.wait_until_settled(&settled, &|_| ()))?;
                fault::point("settled");
            }
            ChangeStep::GiveUp { .. } | ChangeStep::End => self.end(),
            ChangeStep::MakeRoom | ChangeStep::Open { .. } | ChangeStep::TakeOver => {
                unreachable!("{step:?} is for who takes over")
            }
        }
        Ok(())
    }

    fn begun(&mut self) -> Result<&mut ChangeUnderWay, EngineError> {
        self.change.as_mut().ok_or_else(given_up)
    }

    fn build(
        &mut self,
        control: &Control,
        number: u64,
        without: Unwanted,
    ) -> Result<(), EngineError> {
        let building = Arc::clone(&self.building);
        let change = self.begun()?;
        change.number = number;
        let (mut blueprint, published) =
            blueprint(control, &change.view, &change.definition, without, number)?;
        blueprint.failure = building.lock().expect("no one panics with it").clone();
        let successor = Successor::begin(&change.view, blueprint)?;
        change.built = Some((successor, published));
        fault::point("change built");
        Ok(())
    }

    fn read_back(&mut self, until: Tick) -> Result<(), EngineError> {
        let (successor, _) = self.begun()?.built.as_ref().ok_or_else(given_up)?;
        successor.read_back(until)?;
        fault::point("change read back");
        Ok(())
    }

    /// Has what is built take the place of the run, which makes room; who does it takes the next steps.
    fn make_room(&mut self, control: &Control, number: u64) -> Result<(), EngineError> {
        let (steps, peers) = (self.steps.clone(), Arc::clone(&self.peers));
        let reply = move |number, result| peers.say(0, ToFirst::Taken { number, result });
        let change = self.begun()?;
        let (successor, published) = change.built.take().ok_or_else(given_up)?;
        let (answer, answered) = bounded(1);
        let turn = Turn::Follows(Box::new(NumberedSteps { steps, number, reply }));
        let (definition, change_number) = (change.definition.clone(), change.number);
        change._in_use = None;
        let change = change_number;
        control.replace(TakeOver { successor, definition, published, change, turn, answer });
        match answered.recv() {
            Ok(Ok(settled)) => self.begun()?.settled = Some(settled),
            Ok(Err(_)) | Err(_) => self.end(),
        }
        Ok(())
    }

    /// Nothing is left of the change.
    fn end(&mut self) {
        let built = self.change.take().and_then(|change| change.built);
        built.into_iter().for_each(|(successor, _)| successor.give_up());
    }
}

fn given_up() -> EngineError {
    RefusedChange { because: Unchanged::Failed, why: "it was given up".to_owned() }.into()
}
