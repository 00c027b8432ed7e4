//! Ticks that are under way, and when each had passed which part of its way: so that it can be told what an output that
//! was late waited for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::dataflow::Dataflow;
use super::live::Live;
use crate::time::Tick;

/// A tick that takes longer is told of, to whoever has the log tell everything.
const SLOW: Duration = Duration::from_millis(100);

/// The ticks whose records are not all acknowledged, in order.
#[derive(Default)]
pub struct OpenTicks {
    under_way: VecDeque<TickUnderWay>,
    last_took: Duration,
}

struct TickUnderWay {
    tick: Tick,
    opened: Instant,
    /// How long after its opening all its records were handed over, …
    handed: Option<Duration>,
    /// … and all its rows durable.
    durable: Option<Duration>,
}

impl OpenTicks {
    pub fn open(&mut self, tick: Tick) {
        self.under_way.push_back(TickUnderWay {
            tick,
            opened: Instant::now(),
            handed: None,
            durable: None,
        });
    }

    /// How many are not handed over.
    pub fn not_handed(&self) -> usize {
        self.under_way.iter().filter(|of| of.handed.is_none()).count()
    }

    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// How long the last tick that was handed over took until then; none while stored rows are read back.
    pub fn last_took(&self) -> Duration {
        self.last_took
    }

    /// Looks which have come how far. Those that read stored rows back are no measure of others.
    pub fn follow(&mut self, dataflow: &Dataflow, live: &Live, are_measured: bool) {
        let stored = dataflow.durable.as_ref();
        for of in &mut self.under_way {
            let took = of.opened.elapsed();
            if of.handed.is_none() && !dataflow.handed.less_equal(&of.tick) {
                of.handed = Some(took);
                self.last_took = if are_measured { took } else { Duration::ZERO };
            }
            if of.durable.is_none() && stored.is_none_or(|stored| !stored.less_equal(&of.tick)) {
                of.durable = Some(took);
            }
        }
        let is_complete = |of: &mut TickUnderWay| !dataflow.complete.less_equal(&of.tick);
        while let Some(TickUnderWay { tick, opened, handed, durable }) =
            self.under_way.pop_front_if(is_complete)
        {
            let took = opened.elapsed();
            let (handed, durable) = (handed.unwrap_or(took), durable.unwrap_or(took));
            if !are_measured {
                continue;
            }
            live.tick_lengths.record(took, 1);
            live.tick_handed.record(handed, 1);
            if stored.is_some() {
                live.tick_durable.record(durable, 1);
            }
            if took > SLOW {
                let ms = |of: Duration| of.as_millis();
                tracing::debug!(
                    "tick {tick} took {} ms: its records were handed over after {}, its rows durable after {}",
                    ms(took),
                    ms(handed),
                    ms(durable)
                );
            }
        }
    }
}
