//! What tests serve without a run.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::administrator::{Administration, Undone};
use super::handles::{Handles, Served, ServedProcess, SharedHandles};
use super::keys_in_force::KeysInForce;
use crate::runtime::{Clock, Live, Stop};
use crate::sink::{Failure, UnderWay};

/// A definition with a collector.
pub const SHOP: &str = "
sources:
  orders: {http: {collector: segment}, kind: events, fields: {email: text}}
identity:
  email: {from: {orders: email}}
outputs:
  profiles: {files: unused}
";

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
        started: 0,
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

/// A shop of which all that a run tells of itself can be asked for.
pub fn unserved_shop(closing: watch::Receiver<bool>) -> SharedHandles {
    let mut served = Served { closing, ..unserved(SHOP) };
    served.live = Some(Arc::new(Live::new(&served.plan, 1, UnderWay::default())));
    Handles::new(served)
}
