//! What a worker takes in: what is stored, round by round, and then what its sources bring.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::dataflow::Dataflow;
use super::giving_way;
use super::process::Process;
use super::replay::Replay;
use super::requests::{Request, Requests};
use crate::decode::Decoder;
use crate::source::{Feed, Next};
use crate::time::{Tick, wall_clock};

/// How long a worker may decode before it steps the dataflow.
const DECODING: Duration = Duration::from_millis(3);

/// One worker's input.
pub struct Intake {
    worker: usize,
    workers: usize,
    state: IntakeState,
    /// The round that comes next, and the last tick of those that have begun.
    round: usize,
    after: Tick,
    feed: Feed,
    decoders: Vec<Decoder>,
}

/// What there is to take in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// There may be more right now.
    More,
    /// There may be more, but what is under way has to pass first.
    HeldBack,
    /// Nothing for now, or as much waits as a tick takes.
    Enough,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IntakeState {
    /// What is stored is read back, or waited for.
    Stored,
    Open,
    Ended,
    /// Ended, and the leader knows.
    Told,
}

impl Intake {
    pub fn new(worker: usize, workers: usize) -> Self {
        Intake {
            worker,
            workers,
            state: IntakeState::Stored,
            round: 0,
            after: 0,
            feed: Feed::default(),
            decoders: Vec::new(),
        }
    }

    /// Whether what is stored is not all read back, or more of it may come.
    pub fn reads_back(&self) -> bool {
        self.state == IntakeState::Stored
    }

    /// Takes in what there is, up to the bounds.
    pub fn advance(
        &mut self,
        process: &Process,
        dataflow: &Dataflow,
        requests: &mut Requests,
    ) -> Result<Supply, String> {
        if self.state == IntakeState::Stored {
            self.begin(process, dataflow);
        }
        if let Some(replay) = &mut dataflow.inbox.borrow_mut().replay {
            let loaded = replay.load().map_err(|error| error.to_string())?;
            if let Some(tick) = loaded {
                requests.send(Request::Loaded(self.worker, tick));
            }
            return Ok(Supply::Enough);
        }
        if self.state != IntakeState::Open {
            return Ok(Supply::Enough);
        }
        if process.stop.asked().is_some() {
            self.state = IntakeState::Ended;
            if !matches!(self.feed.try_next(), Next::Ended) {
                requests.send(Request::Cut);
            }
            return Ok(Supply::Enough);
        }
        Ok(self.take_in(process, dataflow))
    }

    /// Begins the next round once the last one is over, or to read the sources when all are.
    fn begin(&mut self, process: &Process, dataflow: &Dataflow) {
        let mut inbox = dataflow.inbox.borrow_mut();
        if inbox.replay.is_some() {
            return;
        }
        // Asked first: no round comes after that.
        let handed = process.handed.get();
        while let Some(recovered) = process.rounds.get(self.round) {
            let beginning = process.stored().and_then(|store| store.beginning.as_ref());
            let beginning = beginning.filter(|_| self.round == 0);
            self.round += 1;
            let (after, without) = (self.after, &process.without);
            let (plan, worker, workers) = (&process.plan, self.worker, self.workers);
            inbox.replay =
                Replay::new(plan, &recovered, beginning, after, without, worker, workers)
                    .map(|replay| replay.told_from(dataflow.told_from));
            if process.beside.is_some() && handed.is_none() {
                inbox.replay = inbox.replay.take().map(|of| of.together(giving_way::ROWS));
            }
            self.after = after.max(recovered.until);
            if inbox.replay.is_some() {
                return;
            }
        }
        let Some(handed) = handed else { return };
        self.feed = handed.feed(self.worker % process.workers);
        self.state = IntakeState::Open;
        let stored = process.stored();
        inbox.is_stored = stored.is_some();
        let decoder = |source| {
            let decoder = Decoder::new(Arc::clone(&process.plan), source);
            match stored {
                Some(store) => decoder.storing().without(&store.recovered.suppressed),
                None => decoder,
            }
        };
        self.decoders = (0..process.plan.sources.len()).map(decoder).collect();
    }

    /// Tells the leader when all is read and given to ticks.
    pub fn tell_end(&mut self, process: &Process, dataflow: &Dataflow, requests: &mut Requests) {
        if self.state == IntakeState::Ended && dataflow.inbox.borrow().waiting() == 0 {
            process.beginnings.end(&process.plan);
            requests.send(Request::Ended);
            self.state = IntakeState::Told;
        }
    }

    /// Decodes what has arrived.
    fn take_in(&mut self, process: &Process, dataflow: &Dataflow) -> Supply {
        let started = Instant::now();
        loop {
            let inbox = dataflow.inbox.borrow();
            // The dataflow's own activity, or its receipts, wake this worker.
            if inbox.is_full() {
                return Supply::Enough;
            }
            if inbox.holds_back() {
                return Supply::HeldBack;
            }
            drop(inbox);
            let (chunks, mut ticket) = match self.feed.try_next() {
                Next::Chunk(chunk) => (vec![chunk], None),
                Next::Together(chunks, ticket) => (chunks, Some(ticket)),
                Next::Empty => return Supply::Enough,
                Next::Ended if process.stays => return Supply::Enough,
                Next::Ended => {
                    self.state = IntakeState::Ended;
                    return Supply::Enough;
                }
                Next::Failed(error) => {
                    process.failure.set(error.to_string());
                    self.state = IntakeState::Ended;
                    return Supply::Enough;
                }
            };
            for mut chunk in chunks {
                if chunk.reached.is_none() {
                    chunk.part += process.part_of_run();
                }
                let source = chunk.source as usize;
                let decoded = self.decoders[source].decode(&chunk, wall_clock());
                process.amounts.rows.fetch_add(decoded.rows_in, Ordering::Relaxed);
                process.amounts.bytes.fetch_add(chunk.payload.bytes(), Ordering::Relaxed);
                process.beginnings.look(&process.plan, source, &decoded);
                ticket.iter_mut().for_each(|ticket| ticket.note(&decoded.rejects));
                let mut inbox = dataflow.inbox.borrow_mut();
                inbox.add(source, decoded, &dataflow.counts);
                inbox.reached(chunk.reached);
            }
            dataflow.inbox.borrow_mut().tickets.extend(ticket);
            if started.elapsed() > DECODING {
                return Supply::More;
            }
        }
    }
}
