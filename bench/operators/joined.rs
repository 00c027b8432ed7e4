//! Orders beside the records of their products: 10,000 products, each order with one; one change in fifty is of a
//! product's price, which a hundred orders have by then.

use std::sync::Arc;
use std::time::Duration;

use differential_dataflow::input::Input;
use selfsame::internals::flow::{Diff, Due, keyed};
use selfsame::internals::metrics::SharedCounts;
use selfsame::internals::row::{Body, BodyBuilder, Joining, Position, Verdict};
use selfsame::internals::standing::{Join, JoinInput, JoinKey, JoiningRow};
use selfsame::internals::time::Tick;
use smallvec::smallvec;
use thin_vec::ThinVec;
use timely::dataflow::operators::probe::{Handle, Probe};

use super::{Drawn, digest, feed, number_of_changes};

const PRODUCTS: u64 = 10_000;

type Record = Arc<Joining>;
type Change = (Side, Diff);

/// A change of either side of the join.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Side {
    Order(JoinKey, Body),
    Product(JoinKey, Record),
}

fn joining(source: u16, key: u64, offset: u64, values: &[u8]) -> Record {
    let position = Position { part: 0, offset };
    let keys = smallvec![Some(u128::from(key))];
    Arc::new(Joining { source, position, element: 0, keys, values: values.into() })
}

fn changes() -> Vec<Change> {
    let (mut drawn, mut prices) = (Drawn::seeded(), vec![None::<Record>; PRODUCTS as usize]);
    let mut changes = Vec::with_capacity(number_of_changes() + 1);
    let mut bodies = BodyBuilder::default();
    while changes.len() < number_of_changes() {
        let (product, offset) = (drawn.below(PRODUCTS), changes.len() as u64);
        let key = (1, u128::from(product));
        if drawn.below(50) > 0 {
            let joining = Some(joining(0, product, offset, &[7; 24]));
            let body = bodies.build(Verdict::Together, joining, ThinVec::new());
            changes.push((Side::Order(key, body), 1));
            continue;
        }
        let price = joining(1, product, offset, &drawn.below(1_000).to_le_bytes());
        let before = prices[product as usize].replace(Arc::clone(&price));
        changes.extend(before.map(|before| (Side::Product(key, before), -1)));
        changes.push((Side::Product(key, price), 1));
    }
    changes
}

fn number(body: &Body, record: Option<&Record>) -> u64 {
    let offset = body.joining().expect("it joins").position.offset;
    let price = record
        .map_or(7, |record| u64::from_le_bytes(record.values[..8].try_into().expect("eight")) + 11);
    (offset + 1).wrapping_mul(price)
}

pub fn ours(tick: usize) -> (Duration, u64) {
    let changes = changes();
    timely::execute_directly(move |worker| {
        let (probe, counts) = (Handle::new(), SharedCounts::default());
        let (mut input, digest) = worker.dataflow::<Tick, _, _>(|scope| {
            let (input, sides) = scope.new_collection::<Side, Diff>();
            let inputs = sides.map(|side| match side {
                Side::Order(key, body) => {
                    let row = JoiningRow { time: 0, body, records: ThinVec::new() };
                    (key, JoinInput::Row(row))
                }
                Side::Product(key, record) => (key, JoinInput::Record(record)),
            });
            let rows = keyed(inputs, None, "Join", &counts, Due::default(), Join::default());
            let (rows, digest) = digest(rows, |row| number(&row.body, row.records[0].as_ref()));
            rows.inner.probe_with(&probe);
            (input, digest)
        });
        let taken = feed(worker, &mut input, &probe, &changes, tick, |_| ());
        (taken, digest.get())
    })
}

pub fn theirs(tick: usize) -> (Duration, u64) {
    let changes = changes();
    timely::execute_directly(move |worker| {
        let probe = Handle::new();
        let (mut input, digest) = worker.dataflow::<Tick, _, _>(|scope| {
            let (input, sides) = scope.new_collection::<Side, Diff>();
            let orders = sides.clone().flat_map(|side| match side {
                Side::Order(key, body) => Some((key, body)),
                Side::Product(..) => None,
            });
            let products = sides.flat_map(|side| match side {
                Side::Order(..) => None,
                Side::Product(key, record) => Some((key, record)),
            });
            let orders = orders.arrange_by_key();
            let products = products.arrange_by_key();
            let with = orders.clone().join_core(products.clone(), |_, body, record| {
                Some((body.clone(), Some(Arc::clone(record))))
            });
            let named = products.as_collection(|key, _| *key).distinct().arrange_by_self();
            let all = orders.clone().as_collection(|_, body| (body.clone(), None));
            let there = orders.join_core(named, |_, body, ()| Some((body.clone(), None)));
            let rows = with.concat(all).concat(there.negate());
            let (rows, digest) = digest(rows, |(body, record)| number(body, record.as_ref()));
            rows.inner.probe_with(&probe);
            (input, digest)
        });
        let taken = feed(worker, &mut input, &probe, &changes, tick, |_| ());
        (taken, digest.get())
    })
}
