//! The windows of a plan's aggregates, and when rows enter and leave them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::input::IdentifierInput;
use crate::plan::{Plan, Window};
use crate::row::{Input, StandingRow};
use crate::time::Micros;

/// How many steps of a calendar are remembered: days of ten years.
const REMEMBERED: usize = 4_096;

pub struct Windows {
    windows: Vec<Window>,
    /// By aggregate.
    of: Vec<Option<u16>>,
    /// By window, for those of the calendar: by the first time of the rows that leave together, the
    /// time after them, and when they leave.
    leaving: Vec<BTreeMap<Micros, (Micros, Micros)>>,
}

impl Windows {
    pub fn new(plan: &Plan) -> Self {
        let mut windows: Vec<Window> = Vec::new();
        let of = plan.aggregates.iter().map(|aggregate| {
            let window = aggregate.window?;
            let known = windows.iter().position(|known| *known == window);
            let index = known.unwrap_or_else(|| {
                windows.push(window);
                windows.len() - 1
            });
            Some(index as u16)
        });
        let of = of.collect();
        Windows { leaving: vec![BTreeMap::new(); windows.len()], windows, of }
    }

    /// What a row gives to the aggregates of each window, with the readings of `now()` at which it is in it.
    pub fn inputs(&mut self, row: &StandingRow) -> Vec<(IdentifierInput, Range<Micros>)> {
        let StandingRow { time, body, .. } = row;
        let mut in_windows = Vec::new();
        for window in 0..self.windows.len() as u16 {
            let inside = |input: &Input| self.of[usize::from(input.aggregate)] == Some(window);
            let inputs: Arc<[Input]> = body.inputs().filter(inside).collect();
            if !inputs.is_empty() {
                let input = IdentifierInput::InWindow { time: *time, inputs };
                in_windows.push((input, self.readings(window, *time)));
            }
        }
        in_windows
    }

    /// The readings of `now()` at which a row of this time counts, as [`Window::readings`].
    fn readings(&mut self, window: u16, time: Micros) -> Range<Micros> {
        let leaving = &mut self.leaving[window as usize];
        let Window::Since(since) = &self.windows[window as usize] else {
            return self.windows[window as usize].readings(time);
        };
        // A calendar is slow to ask, and many rows leave at the same instant.
        if let Some((_, (after, until))) = leaving.range(..=time).next_back()
            && time < *after
        {
            return Micros::MIN..*until;
        }
        let until = since.until(time);
        if until < Micros::MAX {
            if leaving.len() >= REMEMBERED {
                leaving.clear();
            }
            leaving.insert(since.border(until - 1), (since.border(until), until));
        }
        Micros::MIN..until
    }
}
