//! What endpoints have at hand of the run that they answer for.

use std::sync::{Arc, Mutex, Weak};

use axum::http::StatusCode;
use serde_json::Value;
use tokio::sync::watch;

use super::administrator::Administration;
use super::denial::Denial;
use super::keys_in_force::KeysInForce;
use super::published::{Published, PublishedView};
use super::store_answers::StoreAnswers;
use crate::decode::identifiers::Normaliser;
use crate::plan::Plan;
use crate::runtime::{Clock, SharedLive, Stop};
use crate::sink::{Catalog, Failure, Json};
use crate::source::Posts;
use crate::store::Recovered;
use crate::time::{Micros, Tick};

/// Which process of a run it is.
#[derive(Clone, Debug)]
pub struct ServedProcess {
    /// How many there are.
    pub of: usize,
    /// Where the first one answers, if that is another one and it can be told.
    pub first: Option<String>,
}

impl ServedProcess {
    /// Another process answers it: the first one, with its address where that is known.
    pub fn other(&self, message: &str) -> Denial {
        let remedy = match &self.first {
            Some(address) => format!("ask the first process, at {address}"),
            None => "ask at the first process's address".to_owned(),
        };
        let beside = self.first.as_deref().map(|at| Box::new(("address", Value::from(at))));
        let status = StatusCode::MISDIRECTED_REQUEST;
        Denial { beside, ..Denial::new(status, "other_process", message, remedy) }
    }
}

/// What a run has to answer with.
pub struct Served {
    pub process: ServedProcess,
    pub plan: Arc<Plan>,
    pub clock: Clock,
    /// When the program was started to run; what counts, and since when, may have changed since.
    pub started: Micros,
    pub administration: Arc<dyn Administration>,
    pub keys: Arc<KeysInForce>,
    /// What holds the data folder, for as long as the run does; `None`: nothing is stored.
    pub stored: Option<Weak<Recovered>>,
    /// What is known of people, in the first process.
    pub published: Option<Arc<Published>>,
    /// Where rows go that are posted, in the process that takes any.
    pub posts: Option<Posts>,
    /// What the workers have counted.
    pub live: Option<SharedLive>,
    /// The last tick that earlier runs have stored: what is published is of use once it is there.
    pub history: Tick,
    pub stop: Stop,
    pub failure: Failure,
    /// True once the server closes: whatever lasts ends then.
    pub closing: watch::Receiver<bool>,
}

/// What endpoints have at hand.
pub struct Handles {
    served: Served,
    pub catalog: Arc<Catalog>,
    /// By type of identifiers.
    pub normalisers: Vec<Normaliser>,
    /// Writers of JSON that are not in use.
    writers: Mutex<Vec<Json>>,
    pub answers: StoreAnswers,
    /// Those of the run that has taken this one's place.
    next: watch::Sender<Option<SharedHandles>>,
}

impl std::ops::Deref for Handles {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.served
    }
}

/// As endpoints share them.
pub type SharedHandles = Arc<Handles>;

impl Handles {
    pub fn new(served: Served) -> SharedHandles {
        let catalog = Catalog::shared(&served.plan);
        if let Some(published) = &served.published {
            published.recent.begin_behind(served.history);
        }
        let normalisers = served.plan.identifiers.iter().map(Normaliser::of).collect();
        let (writers, answers) = Default::default();
        let next = watch::channel(None).0;
        Arc::new(Handles { served, catalog, normalisers, writers, answers, next })
    }

    /// Another run has taken the place of this one: who follows goes on there.
    pub fn is_replaced_by(&self, next: &SharedHandles) {
        if let (Some(before), Some(published)) = (&self.published, &next.published) {
            if self.catalog.outputs.iter().eq(next.catalog.outputs.iter()) {
                published.recent.go_on(&before.recent, &self.catalog);
            }
            let own = &self.plan.segments;
            let known = next.plan.segments.iter();
            let known = known.map(|of| own.iter().position(|before| before.name == of.name));
            published.sizes.go_on(&before.sizes, &known.collect::<Vec<_>>());
        }
        self.next.send_replace(Some(Arc::clone(next)));
    }

    /// Waits until another run has taken this one's place.
    pub async fn replaced(&self) -> SharedHandles {
        let mut told = self.next.subscribe();
        loop {
            let next = told.borrow_and_update().clone();
            match next {
                Some(next) => return next,
                // What tells it is this one's, so that it does not end before.
                None => drop(told.changed().await),
            }
        }
    }

    /// What is published, where it is.
    pub fn source(&self) -> Result<&Arc<Published>, Denial> {
        self.published.as_ref().ok_or_else(|| {
            let message = "this process does not know all people: the first one of the run does";
            self.process.other(message)
        })
    }

    /// As of which tick all can be read that follows from rows which can't be lost any more by now.
    pub fn kept_tick(&self) -> Option<Tick> {
        let durable = self.live.as_ref().and_then(|live| live.durable_before());
        // At the end of a run there is no tick before which all is.
        match durable.filter(|before| (1..Tick::MAX).contains(before)) {
            Some(before) => Some(before - 1),
            None => self.source().ok().map(|published| published.tick()),
        }
    }

    /// Reads what is published, as of one tick.
    pub fn read<R>(&self, read: impl FnOnce(&PublishedView<'_>) -> R) -> Result<R, Denial> {
        self.ready()?;
        Ok(self.source()?.read(read))
    }

    /// Whether all of earlier runs has been read back.
    pub fn ready(&self) -> Result<(), Denial> {
        let (tick, history) = (self.source()?.tick(), self.history);
        if tick >= history {
            return Ok(());
        }
        let message = format!(
            "the rows of earlier runs are being read back: tick {tick} of {history} is reached"
        );
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Err(Denial::new(status, "catching_up", message, "ask again shortly").after(1))
    }

    /// Writes JSON.
    pub fn write<R>(&self, write: impl FnOnce(&mut Json) -> R) -> R {
        let held = self.writers.lock().expect("no one panics with it").pop();
        let mut writer = held.unwrap_or_else(|| Json::new(&self.catalog));
        let written = write(&mut writer);
        self.writers.lock().expect("no one panics with it").push(writer);
        written
    }

    /// Waits until the server closes.
    pub async fn closed(&self) {
        // Nobody is left to say so when that fails.
        let _ = self.closing.clone().wait_for(|closing| *closing).await;
    }
}
