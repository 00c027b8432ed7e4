//! Several requests at once.

use std::sync::Mutex;

use super::error::StoreError;

/// So many objects are read at once.
const TOGETHER: usize = 8;

/// Does something with several at once, and gives what comes of it in their order.
pub fn at_once<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, StoreError> + Sync,
) -> Result<Vec<R>, StoreError> {
    let next = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..TOGETHER.min(items.len()))
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let taken = next.lock().expect("no one panics with it").next();
                        let Some((place, item)) = taken else { return Ok(()) };
                        let made = work(item)?;
                        done.lock().expect("no one panics with it").push((place, made));
                    }
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
    })?;
    let mut done = done.into_inner().expect("no one panics with it");
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, made)| made).collect())
}
