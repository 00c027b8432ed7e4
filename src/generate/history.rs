//! Who there is and what happens, in the order in which it is told.

use super::GenerateOptions;
use super::generated_row::{GeneratedRow, RecordKind, RowDestination};
use super::random::Draws;
use super::row::{RowWriter, Subject};
use crate::time::{DAY, Micros};

/// Receives rows.
pub trait RowReceiver {
    type Error;
    fn row(&mut self, row: GeneratedRow<'_>) -> Result<(), Self::Error>;
}

pub const PRODUCTS: u64 = 500;
/// An order for so many web events.
const EVENTS_AN_ORDER: u64 = 25;
/// Customers sign up during this share of the history.
const SIGN_UPS: f64 = 0.6;

/// A history.
pub struct History {
    people: u64,
    events: u64,
    seed: u64,
    start: Micros,
    length: Micros,
    clean: bool,
    mess: u64,
    /// People sign up in the order of `person × step mod people`.
    step: u64,
}

// What draws are for.
const PERSON: u64 = 1;
const EVENT: u64 = 2;
const ORDER: u64 = 3;
const RECORD: u64 = 4;

impl History {
    pub fn new(options: &GenerateOptions) -> Self {
        let GenerateOptions { people, events, seed, start, days, clean, mess, .. } = *options;
        let mut step = (people as f64 * 0.618) as u64 | 1;
        while greatest_common_divisor(step, people) > 1 {
            step += 2;
        }
        let length = Micros::from(days) * DAY;
        History { people, events, seed, start, length, clean, mess, step }
    }

    /// Tells the whole history.
    pub fn write<R: RowReceiver>(&self, rows: &mut R) -> Result<(), R::Error> {
        let mut writer = RowWriter::default();
        for product in 0..PRODUCTS {
            rows.row(writer.product(product))?;
        }
        // Customers by the order of their signing up: their first record, a correction, the end.
        let (mut first, mut corrected, mut ended) = (0, 0, 0);
        for event in 0..self.events {
            let share = event as f64 / self.events as f64;
            let signed_up = |share: f64| ((share / SIGN_UPS).max(0.0) * self.people as f64) as u64;
            while first < signed_up(share).min(self.people) {
                self.record(&mut writer, rows, first, RecordKind::First)?;
                first += 1;
            }
            while corrected < signed_up(share - 0.2).min(self.people) {
                self.record(&mut writer, rows, corrected, RecordKind::Correction)?;
                corrected += 1;
            }
            while ended < signed_up(share - 0.35).min(self.people) {
                self.record(&mut writer, rows, ended, RecordKind::End)?;
                ended += 1;
            }
            self.event(&mut writer, rows, event)?;
            if event % EVENTS_AN_ORDER == EVENTS_AN_ORDER - 1 {
                self.order(&mut writer, rows, event / EVENTS_AN_ORDER, share)?;
            }
        }
        Ok(())
    }

    /// One in so many, or more often where there is more mess.
    fn one_in(&self, draws: &mut Draws, chances: u64) -> bool {
        draws.one_in((chances / self.mess).max(2))
    }

    /// The instant at a share of the history.
    fn at(&self, share: f64) -> Micros {
        // To the millisecond, as clicks are.
        self.start + (self.length as f64 * share) as Micros / 1_000 * 1_000
    }

    fn person(&self, number: u64) -> (Subject, Draws) {
        let mut draws = Draws::new(self.seed, PERSON, number);
        let rank = (u128::from(number) * u128::from(self.step) % u128::from(self.people)) as u64;
        let subject = Subject {
            number,
            code: draws.next(),
            is_customer: draws.below(10) < 7,
            devices: 1 + (draws.below(4) == 0) as u64 + (draws.below(16) == 0) as u64,
            signs_up: SIGN_UPS * rank as f64 / self.people as f64,
        };
        (subject, draws)
    }

    /// The person at a place in the order of signing up: the inverse of `person × step`.
    fn at_rank(&self, rank: u64) -> u64 {
        let inverse = inverse(self.step % self.people.max(1), self.people);
        (u128::from(rank) * u128::from(inverse) % u128::from(self.people)) as u64
    }

    /// Few people do most.
    fn someone(&self, draws: &mut Draws) -> u64 {
        let share = draws.share();
        ((share * share * share.sqrt() * self.people as f64) as u64).min(self.people - 1)
    }

    fn event<R: RowReceiver>(
        &self,
        writer: &mut RowWriter,
        rows: &mut R,
        number: u64,
    ) -> Result<(), R::Error> {
        let mut draws = Draws::new(self.seed, EVENT, number);
        let (person, _) = self.person(self.someone(&mut draws));
        let share = number as f64 / self.events as f64;
        let mut at = self.at(share);
        if self.one_in(&mut draws, 100) {
            at -= draws.below(2 * DAY as u64) as Micros / 1_000 * 1_000;
        }
        let known = person.is_customer && share > person.signs_up && draws.below(10) < 4;
        // A household's shared device: of the even person of a pair.
        let device = draws.below(person.devices);
        let shares = person.code % (64 / self.mess).max(2) == 0 && person.number % 2 == 1;
        let owner = if self.one_in(&mut draws, 50) && shares {
            self.person(person.number - 1).0
        } else {
            person
        };
        let product = (draws.share() * draws.share() * PRODUCTS as f64) as u64;
        let bad = !self.clean && self.one_in(&mut draws, 1_500);
        let kind = draws.below(100);
        let twice = self.one_in(&mut draws, 200);
        let test = self.mess > 1 && self.one_in(&mut draws, 50);
        let row = writer.event(
            number, &person, &owner, device, at, known, kind, product, bad, test, &mut draws,
        );
        rows.row(row)?;
        if twice {
            rows.row(writer.again(RowDestination::Web))?;
        }
        Ok(())
    }

    fn order<R: RowReceiver>(
        &self,
        writer: &mut RowWriter,
        rows: &mut R,
        number: u64,
        share: f64,
    ) -> Result<(), R::Error> {
        let mut draws = Draws::new(self.seed, ORDER, number);
        // Customers order: of a few tries, the first who is one by now.
        let mut person = self.person(self.someone(&mut draws)).0;
        for _ in 0..8 {
            if person.is_customer && person.signs_up < share {
                break;
            }
            person = self.person(self.someone(&mut draws)).0;
        }
        let guest = !(person.is_customer && person.signs_up < share);
        let product = (draws.share() * draws.share() * PRODUCTS as f64) as u64;
        let bad = !self.clean && self.one_in(&mut draws, 1_000);
        let at = self.at(share);
        let row = writer.order(number, &person, at, guest, product, bad, &mut draws);
        rows.row(row)?;
        if self.one_in(&mut draws, 200) {
            rows.row(writer.again(RowDestination::Orders))?;
        }
        Ok(())
    }

    fn record<R: RowReceiver>(
        &self,
        writer: &mut RowWriter,
        rows: &mut R,
        rank: u64,
        kind: RecordKind,
    ) -> Result<(), R::Error> {
        let (person, mut draws) = self.person(self.at_rank(rank));
        let changes = draws.below(10) < 3;
        let ends = self.one_in(&mut draws, 50);
        let (later, wanted) = match kind {
            RecordKind::First => (0.0, true),
            RecordKind::Correction => (0.2, changes),
            RecordKind::End => (0.35, ends),
        };
        if !person.is_customer || !wanted {
            return Ok(());
        }
        let at = self.at(person.signs_up + later);
        let mut draws = Draws::new(self.seed, RECORD, rank * 4 + kind as u64);
        let bad = !self.clean && self.one_in(&mut draws, 1_000);
        rows.row(writer.record(&person, at, kind, bad, &mut draws))
    }
}

fn greatest_common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// The inverse of a number modulo another, coprime one.
fn inverse(number: u64, modulus: u64) -> u64 {
    let (mut old, mut new) = ((number as i128, 1i128), (modulus as i128, 0i128));
    while new.0 != 0 {
        let quotient = old.0 / new.0;
        (old, new) = (new, (old.0 - quotient * new.0, old.1 - quotient * new.1));
    }
    old.1.rem_euclid(modulus as i128) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_signs_up_once() {
        for people in [1, 2, 3, 10, 997, 1000] {
            let options = GenerateOptions {
                people,
                events: 1,
                seed: 1,
                start: 0,
                days: 1,
                clean: true,
                mess: 1,
                to: super::super::GenerateTarget::Folder("unused".into()),
            };
            let history = History::new(&options);
            let mut people: Vec<u64> = (0..people).map(|rank| history.at_rank(rank)).collect();
            let mut ranks: Vec<f64> =
                people.iter().map(|person| history.person(*person).0.signs_up).collect();
            assert!(ranks.is_sorted(), "by rank");
            ranks.dedup();
            people.sort_unstable();
            assert!(people.iter().enumerate().all(|(index, person)| index as u64 == *person));
        }
    }
}
