//! Bodies that are coming, in bounded memory: where there is no room for more, the one gives way that has been coming for
//! longest. Whoever sends slowly, or never ends, keeps nobody else from being taken.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::fault;
use crate::serve::denial::Denial;

/// Bytes of bodies that may be under way at once, as they are sent.
const MOST: usize = 256 << 20;

/// All that are under way.
pub struct ComingBodies {
    coming: Mutex<BodiesByAge>,
    most: usize,
}

#[derive(Default)]
struct BodiesByAge {
    begun: u64,
    bytes: usize,
    /// In the order in which they began.
    bodies: BTreeMap<u64, BodyBytes>,
}

struct BodyBytes {
    bytes: usize,
    /// It is let go of where the body has to give way.
    _stays: oneshot::Sender<()>,
}

/// The bytes of one body, while they are held.
pub struct ComingBody<'a> {
    bodies: &'a ComingBodies,
    number: u64,
}

/// Tells when a body has to give way.
pub struct GivesWay(oneshot::Receiver<()>);

impl Default for ComingBodies {
    fn default() -> Self {
        ComingBodies { coming: Mutex::default(), most: MOST }
    }
}

impl ComingBodies {
    /// A body begins to come.
    pub fn begin(&self) -> (ComingBody<'_>, GivesWay) {
        let (sender, stays) = oneshot::channel();
        let mut coming = self.lock();
        coming.begun += 1;
        let number = coming.begun;
        coming.bodies.insert(number, BodyBytes { bytes: 0, _stays: sender });
        (ComingBody { bodies: self, number }, GivesWay(stays))
    }

    fn lock(&self) -> MutexGuard<'_, BodiesByAge> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodiesByAge {
    fn remove(&mut self, number: u64) {
        self.bytes -= self.bodies.remove(&number).map_or(0, |body| body.bytes);
    }
}

impl ComingBody<'_> {
    /// So many more of its bytes have come.
    ///
    /// # Errors
    /// If it has to give way.
    pub fn add(&self, bytes: usize) -> Result<(), Denial> {
        let mut coming = self.bodies.lock();
        if let Some(body) = coming.bodies.get_mut(&self.number) {
            body.bytes += bytes;
            coming.bytes += bytes;
        }
        while coming.bytes > self.bodies.most {
            // Those of which nothing has come have nothing to give.
            let held = coming.bodies.iter().find(|(_, body)| body.bytes > 0);
            let oldest = *held.expect("somebody has the bytes").0;
            coming.remove(oldest);
        }
        match coming.bodies.contains_key(&self.number) {
            true => Ok(()),
            false => Err(fault::full()),
        }
    }
}

impl GivesWay {
    /// Waits until that is so.
    pub async fn wait(&mut self) -> Denial {
        // Nobody says anything else than that it is gone.
        let _ = (&mut self.0).await;
        fault::full()
    }
}

impl Drop for ComingBody<'_> {
    fn drop(&mut self) {
        self.bodies.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn where_there_is_no_room_the_body_gives_way_that_has_been_coming_for_longest() {
        let bodies = ComingBodies { most: 100, ..ComingBodies::default() };
        let [(none, mut none_goes), (first, mut first_goes), (second, mut second_goes), (third, _)] =
            [(); 4].map(|()| bodies.begin());
        assert!(first.add(40).is_ok() && second.add(40).is_ok() && third.add(20).is_ok());
        let has_gone = |goes: &mut GivesWay| goes.wait().now_or_never().is_some();
        assert!(!has_gone(&mut first_goes));
        assert!(third.add(1).is_ok(), "there is room where another one was");
        assert!(has_gone(&mut first_goes));
        assert!(!has_gone(&mut second_goes) && !has_gone(&mut none_goes));
        assert!(first.add(1).is_err(), "what has given way is not taken");
        assert_eq!(bodies.lock().bytes, 61);
        assert!(second.add(50).is_err(), "the oldest one is refused itself");
        assert_eq!(bodies.lock().bytes, 21);
        drop((first, second, third));
        assert_eq!(bodies.lock().bytes, 0);
        assert!(none.add(100).is_ok());
        assert!(none.add(1).is_err(), "one that has no room at all");
        drop(none);
        assert!(bodies.lock().bodies.is_empty());
    }
}
