//! How many answers that read all that is stored are computed at once.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Answers that are computed at once, and that wait for it.
const AT_ONCE: usize = 2;
const WAITING: usize = 16;

/// Room for answers that read all that is stored.
pub struct StoreAnswers {
    pub computed: Arc<Semaphore>,
    pub waiting: Semaphore,
}

impl Default for StoreAnswers {
    fn default() -> Self {
        let computed = Arc::new(Semaphore::new(AT_ONCE));
        StoreAnswers { computed, waiting: Semaphore::new(AT_ONCE + WAITING) }
    }
}
