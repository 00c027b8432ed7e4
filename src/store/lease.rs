//! Who holds a folder in a bucket: one run at a time, with an epoch that is never had twice.
//!
//! `lease.json` is replaced by `If-Match` alone, so of several who want it one gets it. Who holds it says so again every
//! few seconds. One that has not said so for a while is taken for dead; if it comes back, whatever it would put is
//! refused, since whoever took over has changed what it puts on (`bucket_log`, `mirror`). So no clocks are compared, and
//! nothing depends on how long anything takes.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::bucket::{S3Bucket, Tag};
use super::error::StoreError;
use crate::fault;
use crate::time::{rfc3339, wall_clock};

pub const LEASE: &str = "lease.json";

/// How long the holder may say nothing, in milliseconds.
fn patience() -> Duration {
    Duration::from_millis(fault::number("SELFSAME_LEASE_MS", 15_000))
}

/// How often the holder says that it is there.
pub fn beat() -> Duration {
    patience() / 5
}

/// What the object says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseFile {
    /// Of the last run that held it.
    pub epoch: u64,
    /// No run up to this epoch can put anything any more.
    pub fenced: u64,
    /// Who holds it; `None`: nobody does.
    pub holder: Option<Holder>,
    /// Of who holds it, or held it last.
    #[serde(default)]
    pub token: String,
    /// Counts how often the holder said that it is there.
    pub beats: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Random, so that nobody else's is the same.
    pub token: String,
    pub host: String,
    pub process: u32,
    pub since: String,
}

impl Holder {
    pub fn new(token: String) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let since = rfc3339(wall_clock());
        Holder { token, host: host.trim().to_owned(), process: std::process::id(), since }
    }

    pub fn shown(&self) -> String {
        let Holder { host, process, since, .. } = self;
        format!("process {process} on '{host}' since {since}")
    }
}

fn json(lease: &LeaseFile) -> Vec<u8> {
    serde_json::to_vec_pretty(lease).expect("JSON")
}

/// What there is of it, and how it is.
pub fn read(bucket: &S3Bucket) -> Result<Option<(LeaseFile, Tag)>, StoreError> {
    let Some((bytes, tag)) = bucket.get(LEASE)? else { return Ok(None) };
    let lease = serde_json::from_slice(&bytes)
        .map_err(|error| StoreError::altered(Path::new(&bucket.url(LEASE)), error.to_string()))?;
    Ok(Some((lease, tag)))
}

/// Replaces it; `None`: somebody else did.
pub fn write(
    bucket: &S3Bucket,
    lease: &LeaseFile,
    was: Option<&Tag>,
) -> Result<Option<Tag>, StoreError> {
    bucket.put_if(LEASE, &json(lease), was)
}

/// Takes it: at once where nobody has it, or somebody of `dead`; else once its holder has been silent. Says also who had
/// it last.
pub fn take(
    bucket: &S3Bucket,
    holder: &Holder,
    dead: &[String],
) -> Result<(LeaseFile, Tag, String), StoreError> {
    loop {
        let found = read(bucket)?;
        if let Some((lease, tag)) = &found
            && let Some(other) = &lease.holder
            && !dead.contains(&other.token)
        {
            wait_for_silence(bucket, other, tag)?;
        }
        let (before, tag) = found.unzip();
        let before: LeaseFile = before.unwrap_or_default();
        let (epoch, fenced, token) = (before.epoch + 1, before.fenced, holder.token.clone());
        let lease = LeaseFile { epoch, fenced, holder: Some(holder.clone()), token, beats: 0 };
        if let Some(tag) = write(bucket, &lease, tag.as_ref())? {
            return Ok((lease, tag, before.token));
        }
    }
}

fn wait_for_silence(bucket: &S3Bucket, holder: &Holder, tag: &Tag) -> Result<(), StoreError> {
    let (began, patience) = (Instant::now(), patience());
    tracing::info!(
        "'{}' is held by {}: whether that is alive shows within {} s",
        bucket.place.url(),
        holder.shown(),
        patience.as_secs_f32()
    );
    while began.elapsed() < patience {
        std::thread::sleep(patience / 15);
        match read(bucket)? {
            Some((lease, now)) if now != *tag => match lease.holder {
                // Whoever comes first has it.
                None => return Ok(()),
                Some(holder) => {
                    return Err(StoreError::HeldElsewhere {
                        url: bucket.place.url(),
                        holder: holder.shown(),
                    });
                }
            },
            _ => {}
        }
    }
    Ok(())
}
