//! People and their rows of attributes, as bytes: 100,000 of them, whose rows are replaced all the time.

use std::time::Duration;

use differential_dataflow::input::Input;
use differential_dataflow::trace::TraceReader;
use selfsame::internals::flow::{Diff, Packed, PackedList, arranged};
use selfsame::internals::metrics::SharedCounts;
use selfsame::internals::time::Tick;
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::progress::frontier::AntichainRef;

use super::{Drawn, digest, feed, number_of_changes};

const PEOPLE: u64 = 100_000;

type Change = ((u128, Packed), Diff);

/// A person's row of so many bytes, in which little is another than before.
fn row(person: u64, version: u64) -> Packed {
    let mut bytes = vec![person as u8; 40 + (person % 40) as usize];
    bytes[..8].copy_from_slice(&version.to_le_bytes());
    Packed::from(&bytes[..])
}

fn changes() -> Vec<Change> {
    let (mut drawn, mut versions) = (Drawn::seeded(), vec![0; PEOPLE as usize]);
    let mut changes = Vec::with_capacity(number_of_changes() + 1);
    while changes.len() < number_of_changes() {
        let person = drawn.below(PEOPLE);
        let version = &mut versions[person as usize];
        let key = u128::from(person) << 64 | u128::from(person.wrapping_mul(0x9E37_79B9));
        if *version > 0 {
            changes.push(((key, row(person, *version)), -1));
        }
        *version += 1;
        changes.push(((key, row(person, *version)), 1));
    }
    changes
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("eight"))
}

/// Arranges, and reads each batch as an operator behind would. Somebody holds the arrangement, and asks for nothing
/// before the latest tick.
macro_rules! way {
    ($name:ident, |$pairs:ident| $arrange:expr, $bytes:expr) => {
        pub fn $name(tick: usize) -> (Duration, u64) {
            let changes = changes();
            timely::execute_directly(move |worker| {
                let probe = Handle::new();
                let (mut input, mut trace, digest) = worker.dataflow::<Tick, _, _>(|scope| {
                    let (input, $pairs) = scope.new_collection::<(u128, Packed), Diff>();
                    let arranged = $arrange;
                    let trace = arranged.trace.clone();
                    let values = arranged.as_collection(|_, value| number($bytes(value)));
                    let (values, digest) = digest(values, |number| *number);
                    values.inner.probe_with(&probe);
                    (input, trace, digest)
                });
                let taken = feed(worker, &mut input, &probe, &changes, tick, |next| {
                    trace.set_logical_compaction(AntichainRef::new(&[next - 1]));
                    trace.set_physical_compaction(AntichainRef::new(&[next]));
                });
                (taken, digest.get())
            })
        }
    };
}

way!(
    ours,
    |pairs| arranged::<_, _, PackedList>(pairs, "Ours", &SharedCounts::default()),
    |value| value
);
way!(theirs, |pairs| pairs.arrange_by_key(), AsRef::<[u8]>::as_ref);
