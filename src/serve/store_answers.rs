//! How many answers that take their time are under way at once, so that there is room for all others.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Answers that are computed at once, and that wait for it.
const AT_ONCE: usize = 2;
const WAITING: usize = 16;
/// Who may wait for a tick that is to come: half of the connections that there may be.
const AFTER: usize = 512;

/// Room for answers that take their time.
pub struct StoreAnswers {
    /// For those that read all that is stored.
    pub computed: Arc<Semaphore>,
    pub waiting: Semaphore,
    /// For those that wait for a tick.
    pub after: Semaphore,
}

impl Default for StoreAnswers {
    fn default() -> Self {
        let computed = Arc::new(Semaphore::new(AT_ONCE));
        let (waiting, after) = (Semaphore::new(AT_ONCE + WAITING), Semaphore::new(AFTER));
        StoreAnswers { computed, waiting, after }
    }
}
