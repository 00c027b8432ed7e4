//! What a local output writes into: a file, a pipe, a function, somebody else's service.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::catalog::Catalog;
use super::local_progress::FilePart;
use super::record::Record;
use crate::time::Tick;
use crate::wait::Retry;

/// Where records end.
pub trait Medium: Send + 'static {
    /// Records of a tick come next.
    fn begins(&mut self, _: Tick) {}

    /// Writes records; says whether anybody reads them.
    fn write(&mut self, records: &[Record], names: &Catalog) -> Readership;

    /// Whether what was written and is not told of can be taken back.
    fn takes_back(&self) -> bool {
        false
    }

    /// Makes sure that what was written stays, which is all of ticks up to this one. Of a file, what there is of it then.
    fn commit(&mut self, tick: Tick) -> (Readership, Option<FilePart>);

    /// Does something until it works; `false`: it is not waited for any more.
    fn until_it_works(&self, what: &str, work: &dyn Fn() -> std::io::Result<()>) -> bool;
}

/// Whether somebody reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readership {
    Stays,
    /// Whoever read it has left, or what can't be written is abandoned.
    Left,
}

/// Between two tries, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(5)];

/// What some work gives in the end, however long the disk refuses; `None` if that is not waited for.
pub fn until_it_works<T>(
    path: &str,
    is_abandoned: &AtomicBool,
    mut work: impl FnMut() -> std::io::Result<T>,
) -> Option<T> {
    let mut retry = Retry::new(PAUSES[0], PAUSES[1]);
    loop {
        match work() {
            Ok(done) => {
                retry.works(&format!("'{path}' can be written"));
                return Some(done);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) if is_abandoned.load(Ordering::Relaxed) => return None,
            Err(error) => {
                std::thread::sleep(retry.failed(&format!("'{path}' can't be written"), &error));
            }
        }
    }
}
