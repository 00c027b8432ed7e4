//! Where tests let the process end at once, as a crash would: before and after each step that a restart must not trip
//! over. In what is released, nothing of it is left.

/// Every place of a run, by name.
pub const POINTS: &[&str] = &[
    "log made",
    "frames written",
    "frames synced",
    "log closed",
    "rows written",
    "rows in place",
    "ticks in place",
    "manifest written",
    "manifest in place",
    "log deleted",
    "checkpoint written",
    "checkpoint completed",
    "replay step",
    "records written",
    "records synced",
    "records told",
];

/// Those of a run whose outputs are topics, which are committed in transactions.
pub const COMMITTING: &[&str] = &["claimed", "records sent", "progress sent", "committed"];

/// Those of a run whose data folder lies in a bucket, beside the others.
pub const IN_A_BUCKET: &[&str] = &["lease taken", "restored", "checkpoint put"];

/// Those of a run that takes the place of another one.
pub const TAKING_OVER: &[&str] =
    &["room made", "outputs opened", "all opened", "decided", "others taken over", "taken over"];

/// Those of a process that follows the first one's steps of a change, before and behind these.
pub const FOLLOWING: &[&str] =
    &["change begun", "change checked", "change built", "change read back", "settled"];

/// Those of an erasure.
pub const ERASING: &[&str] = &["erasure begun", "rows removed"];

/// Those of a run whose files are many enough for some to become one.
pub const MERGING: &[&str] = &["merged in place", "merge in force"];

/// Those of a run whose records have so many older versions that these leave.
pub const COMPACTING: &[&str] = &["compacted in place", "compaction in force"];

/// Ends the process here, if a test wants it: `SELFSAME_FAULT=frames synced:3` ends it the third time.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
        let wanted = std::env::var("SELFSAME_FAULT").ok()?;
        let (name, time) = wanted.rsplit_once(':')?;
        Some((name.to_owned(), AtomicU64::new(time.parse().ok()?)))
    });
    let listed =
        [POINTS, COMMITTING, TAKING_OVER, FOLLOWING, ERASING, MERGING, COMPACTING, IN_A_BUCKET];
    debug_assert!(listed.iter().any(|names| names.contains(&name)), "{name} is not listed");
    if let Some((wanted, left)) = &*WANTED
        && wanted == name
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_: &'static str) {}

/// A number that tests set smaller than it is in earnest: `SELFSAME_LOG_BYTES=1000`.
#[cfg(debug_assertions)]
pub fn number(name: &str, in_earnest: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(in_earnest)
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn number(_: &str, in_earnest: u64) -> u64 {
    in_earnest
}
