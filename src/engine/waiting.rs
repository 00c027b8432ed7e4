//! What a change waits for: that outputs take what they were told. Until anything is done that is waited for only so long.
//! From then on nothing is taken back, and it is said again and again what is missing.

use std::time::{Duration, Instant};

use super::error::{EngineError, Unchanged};
use super::silence::patience;
use crate::console::counted;
use crate::runtime::RunView;
use crate::time::{Micros, Tick, wall_clock};

/// How often it is looked whether a tick is complete.
const LOOK: Duration = Duration::from_millis(10);
/// A tick that has been under way for less is none that waits for anybody.
const SHORT: Duration = Duration::from_secs(1);

/// The tick that a run's outputs, of all processes, or its store have yet to complete, how long it has been under way, and
/// whether a service has yet to take it.
fn under_way(view: &RunView) -> Option<(Tick, Duration, bool)> {
    let live = view.live.as_ref()?;
    let outputs = live.under_way.iter().zip(&view.plan.outputs);
    let services = outputs.filter(|(_, output)| output.target.is_service());
    let lagging = services.filter_map(|(of, _)| of.oldest());
    let lags_from = lagging.min();
    let tick = lags_from.into_iter().chain(live.oldest_tick()).min()?;
    // A tick is a number of milliseconds.
    let took = wall_clock().saturating_sub((tick as Micros).saturating_mul(1_000));
    let took = Duration::from_micros(u64::try_from(took).unwrap_or(0));
    Some((tick, took, lags_from == Some(tick)))
}

/// Who has yet to take something, as far as this process knows.
pub fn who_is_behind(view: &RunView) -> String {
    let outputs = view.live.iter().flat_map(|live| live.under_way.iter().zip(&view.plan.outputs));
    let behind = outputs.filter_map(|(of, output)| Some((of.oldest()?, of.records(), output)));
    match behind.min_by_key(|(tick, ..)| *tick) {
        Some((_, records, output)) => format!(
            "output {} has yet to take {}",
            output.name,
            counted(records, "record", "records")
        ),
        None => "rows are not durable yet, or another process's outputs have yet to take what they were told".to_owned(),
    }
}

/// Waits until the outputs of a run go on taking what they are told. Nothing has been done yet.
pub fn until_outputs_go_on(view: &RunView) -> Result<(), EngineError> {
    let (began, first) = (Instant::now(), under_way(view).map(|(tick, ..)| tick));
    // The run goes on without a service, which so may not have taken anything for long.
    while let Some((tick, took, is_service)) = under_way(view)
        && first == Some(tick)
        && (took > SHORT || is_service)
    {
        if began.elapsed() > patience() {
            let why = format!(
                "{}, and has taken nothing for {} s: what runs would come to no end. Ask again when it goes on",
                who_is_behind(view),
                took.as_secs()
            );
            return Err(EngineError::NotChanged { because: Unchanged::Failed, why });
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Says every so often what is waited for.
pub struct Reminder {
    last: Instant,
}

impl Reminder {
    pub fn new() -> Self {
        Reminder { last: Instant::now() }
    }

    /// How long until it is due.
    pub fn every() -> Duration {
        patience() / 3
    }

    pub fn remind(&mut self, told: &dyn Fn(&str), what: impl FnOnce() -> String) {
        if self.last.elapsed() >= Self::every() {
            self.last = Instant::now();
            let what = what();
            tracing::warn!("a change is waited for: {what}");
            told(&what);
        }
    }
}
