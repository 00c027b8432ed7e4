//! Ticks that are encoded and not committed, of which what a topic has already is left out.

use std::collections::BTreeMap;

use super::super::compare::LeftOver;
use super::super::encoder::EncodedMessage;
use super::super::receipt::Acknowledgement;
use super::ticks::EncodedBatch;
use crate::time::Tick;

/// What waits to be committed, and what of it has been sent.
#[derive(Default)]
pub struct PendingTicks {
    pub ticks: BTreeMap<Tick, PendingTick>,
    /// The last tick that has been sent, if any is sent that is not committed.
    pub sent: Option<Tick>,
    /// By topic's number, what logs hold that no tick so far has said; with the output.
    left_over: BTreeMap<usize, (u16, LeftOver)>,
}

#[derive(Default)]
pub struct PendingTick {
    /// What is taken back where it does not belong, before all else: the topic's number, the partition, and the key.
    pub strays: Vec<(usize, i32, String)>,
    /// By topic's number.
    pub batches: Vec<(usize, Vec<EncodedMessage>)>,
    pub acknowledgements: Vec<Acknowledgement>,
}

impl PendingTick {
    /// By topic's number, how many records these are.
    pub fn records(&self) -> impl Iterator<Item = (usize, u64)> {
        let strays = self.strays.iter().map(|(topic, ..)| (*topic, 1));
        strays.chain(self.batches.iter().map(|(topic, messages)| (*topic, messages.len() as u64)))
    }
}

impl PendingTicks {
    pub fn add(&mut self, batch: EncodedBatch) {
        let EncodedBatch { tick, topic, mut messages, acknowledgement } = batch;
        if let Some((output, left_over)) = self.left_over.get_mut(&topic) {
            messages.retain(|message| !left_over.has_message(*output, message));
        }
        let pending = self.ticks.entry(tick).or_default();
        pending.batches.push((topic, messages));
        pending.acknowledgements.push(acknowledgement);
    }

    /// A log holds what no tick has said that was compared: those that come may say it again, as where a data folder of
    /// earlier was put back, and its sources are read again from there on.
    pub fn leave_out(&mut self, topic: usize, output: u16, mut left_over: LeftOver) {
        for pending in self.ticks.values_mut() {
            for (_, messages) in pending.batches.iter_mut().filter(|(of, _)| *of == topic) {
                messages.retain(|message| !left_over.has_message(output, message));
            }
        }
        if !left_over.is_empty() {
            self.left_over.insert(topic, (output, left_over));
        }
    }
}
