//! A function that panics on a row fails on it, as one that returns an error of its own making does.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use datafusion_common::{DataFusionError, Result};

thread_local! {
    /// Whether what panics on this thread is caught and told as an error.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// What is evaluated keeps no state of its own, so nothing is left half done.
pub fn caught<T>(evaluate: impl FnOnce() -> Result<T>) -> Result<T> {
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            // It says nothing of a panic that becomes the reason of a reject.
            if !CATCHING.get() {
                before(panic);
            }
        }));
    });
    let outer = CATCHING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(evaluate));
    CATCHING.set(outer);
    outcome.unwrap_or_else(|panic| Err(DataFusionError::Internal(message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let first = text.and_then(|text| text.lines().next()).unwrap_or("it gave up");
    first.to_owned()
}
