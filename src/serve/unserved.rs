//! What tests serve without a run.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::administrator::{Administration, Undone};
use super::handles::{Served, ServedProcess};
use super::keys_in_force::KeysInForce;
use crate::runtime::{Clock, Stop};
use crate::sink::Failure;

struct Nobody;

impl Administration for Nobody {
    fn definition(&self) -> Result<String, Undone> {
        Err(Undone::Ending(String::new()))
    }

    fn apply(&self, _: &str, _: bool) -> Result<Value, Undone> {
        Err(Undone::Ending(String::new()))
    }

    fn forget(&self, _: &str, _: bool, _: bool) -> Result<Option<Value>, Undone> {
        Err(Undone::Ending(String::new()))
    }
}

/// What a definition would be served with, if there were a run.
pub fn unserved(definition: &str) -> Served {
    let read = crate::definition::check_text(definition, Path::new("shop.yaml"));
    let plan = Arc::new(read.expect("it is right").0);
    Served {
        process: ServedProcess { of: 1, first: None },
        administration: Arc::new(Nobody),
        keys: KeysInForce::load(&plan.http.keys).expect("they are read"),
        plan,
        clock: Clock::Wall,
        stored: None,
        published: None,
        posts: None,
        live: None,
        history: 0,
        stop: Stop::new(Arc::new(|| ())),
        failure: Failure::default(),
        // As it is when the server has gone.
        closing: watch::channel(false).1,
    }
}
