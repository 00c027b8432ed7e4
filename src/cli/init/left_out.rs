//! What is not in a draft, and why: the log says so at once, and the draft in comments.

use std::cell::RefCell;

/// What was left out, so far.
#[derive(Default)]
pub struct LeftOut(RefCell<Vec<String>>);

impl LeftOut {
    pub fn add(&self, why: &str) {
        tracing::warn!("{why}; it is left out");
        self.0.borrow_mut().push(why.to_owned());
    }

    /// What of each was said.
    pub fn reasons(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}
