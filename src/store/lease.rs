//! Who holds a folder in a bucket: one run at a time, with an epoch that is never had twice.
//!
//! `lease.json` is replaced by `If-Match` alone, so of several who want it one gets it. Who holds it says so again every
//! few seconds. One that has not said so for a while is taken for dead; if it comes back, whatever it would put is
//! refused, since whoever took over has changed what it puts on (`bucket_log`, `mirror`). So no clocks are compared, and
//! nothing depends on how long anything takes.
//!
//! The first process of a run holds it for all of them. The others join: each says so in `joined-P.json`, by the holder's
//! token, and the holder names them all in the lease once they are there. From then on nothing changes what they begin
//! with, until they have met.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::bucket::{S3Bucket, Tag};
use super::error::StoreError;
use crate::fault;
use crate::time::{rfc3339, wall_clock};

pub const LEASE: &str = "lease.json";

/// The number of how a bucket is laid out.
const LAYOUT: u32 = 2;

/// How often it is looked whether a process is there.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is told that one is waited for.
const TELLING: Duration = Duration::from_secs(10);

/// How long the holder may say nothing, in milliseconds.
pub fn patience() -> Duration {
    Duration::from_millis(fault::number("SELFSAME_LEASE_MS", 15_000))
}

/// How often the holder says that it is there.
pub fn beat() -> Duration {
    patience() / 5
}

/// What the object says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseFile {
    #[serde(default)]
    pub layout: u32,
    /// The epoch of the last run that held it.
    pub epoch: u64,
    /// No run up to this epoch can put anything any more.
    pub fenced: u64,
    /// Who holds it; `None`: nobody does.
    pub holder: Option<Holder>,
    /// Where nobody does, who held it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Holder>,
    /// The token of who holds it, or held it last.
    #[serde(default)]
    pub token: String,
    /// Counts how often the holder said that it is there.
    pub beats: u64,
    /// How many processes the holder's run has.
    #[serde(default)]
    pub processes: usize,
    /// The most processes of a run that may put something yet.
    #[serde(default)]
    pub widest: usize,
    /// By process, who joined, once all have.
    #[serde(default)]
    pub members: Vec<String>,
}

/// How a process says that it is there.
#[derive(Debug, Serialize, Deserialize)]
struct JoinedProcess {
    /// The holder's token.
    token: String,
    member: String,
}

fn joined(process: usize) -> String {
    format!("joined-{process}.json")
}

impl LeaseFile {
    /// Whether the holder has made the bucket what its run begins with, and waits for the others.
    fn is_gathering(&self) -> bool {
        self.holder.is_some() && self.fenced + 1 == self.epoch && self.members.is_empty()
    }
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
    let lease: LeaseFile = serde_json::from_slice(&bytes)
        .map_err(|error| StoreError::altered(Path::new(&bucket.url(LEASE)), error.to_string()))?;
    if lease.layout != LAYOUT {
        let why = format!(
            "another version of selfsame wrote it (layout {}, this one knows {LAYOUT}): go on with that one, or name a \
             prefix of its own",
            lease.layout
        );
        return Err(StoreError::Bucket { url: bucket.place.url(), why });
    }
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
    processes: usize,
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
        let (epoch, token) = (before.epoch + 1, holder.token.clone());
        let holder = Some(holder.clone());
        let (beats, members, layout) = (0, Vec::new(), LAYOUT);
        // One that could not fence those before it has put nothing.
        let (fenced, widest) = (before.fenced, before.widest);
        let lease = LeaseFile {
            layout,
            epoch,
            fenced,
            holder,
            last: None,
            token,
            beats,
            processes,
            widest,
            members,
        };
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

/// When the bucket was last known to be the run's, by both of a machine's clocks: one of them does not go on while the machine
/// sleeps, and the other one may be set back.
#[derive(Debug, Default)]
pub struct Confirmed(Option<(Instant, SystemTime)>);

impl Confirmed {
    pub fn now() -> Self {
        Confirmed(Some((Instant::now(), SystemTime::now())))
    }

    /// Whether nobody can have taken it for dead since.
    pub fn is_recent(&self) -> bool {
        self.0.is_some_and(|(at, time)| {
            let by_date = time.elapsed().unwrap_or(Duration::MAX);
            at.elapsed().max(by_date) < patience()
        })
    }
}

/// Waits for the other processes of the holder's run. Says who they are.
pub fn gather(bucket: &S3Bucket, token: &str, processes: usize) -> Result<Vec<String>, StoreError> {
    let (mut members, mut told) = (vec![token.to_owned()], None::<Instant>);
    while members.len() < processes {
        let process = members.len();
        let found = bucket.get(&joined(process))?;
        let found = found.and_then(|(json, _)| serde_json::from_slice::<JoinedProcess>(&json).ok());
        match found.filter(|found| found.token == token) {
            Some(found) => members.push(found.member),
            None => {
                wait_for(bucket, process, &mut told);
            }
        }
    }
    Ok(members)
}

fn wait_for(bucket: &S3Bucket, process: usize, told: &mut Option<Instant>) {
    if told.is_none_or(|told| told.elapsed() >= TELLING) {
        *told = Some(Instant::now());
        tracing::info!("waiting for process {process} to come to '{}'", bucket.place.url());
    }
    std::thread::sleep(LOOK);
}

/// Joins the run of the process that holds it, or will: until that has all, and has named them.
pub fn join(
    bucket: &S3Bucket,
    member: &str,
    (process, processes): (usize, usize),
) -> Result<LeaseFile, StoreError> {
    let (mut told, mut said, mut first) = (None, None, None::<LeaseFile>);
    loop {
        if let Some((lease, _)) = read(bucket)? {
            if lease.members.get(process).is_some_and(|of| of == member) {
                return Ok(lease);
            }
            let is_ours = lease.is_gathering() && lease.processes == processes;
            if is_ours && said.as_ref() != Some(&lease.token) {
                let joins = JoinedProcess { token: lease.token.clone(), member: member.to_owned() };
                bucket.put(&joined(process), &serde_json::to_vec(&joins).expect("JSON"))?;
                said = Some(lease.token.clone());
            }
            let before = first.get_or_insert_with(|| lease.clone());
            match before.token == lease.token {
                // It is alive, and of a run without this process.
                true if before.beats != lease.beats && !is_ours => {
                    return Err(not_ours(bucket, &lease, (process, processes)));
                }
                true => {}
                false => first = Some(lease),
            }
        }
        wait_for(bucket, 0, &mut told);
    }
}

fn not_ours(
    bucket: &S3Bucket,
    lease: &LeaseFile,
    (process, processes): (usize, usize),
) -> StoreError {
    let url = bucket.place.url();
    let shown = lease.holder.as_ref().map(Holder::shown).unwrap_or_default();
    match lease.is_gathering() {
        false => StoreError::HeldElsewhere { url, holder: shown },
        true => StoreError::Bucket {
            url,
            why: format!(
                "{shown} was started as one of {} processes, and this is process {process} of {processes}: give all \
                 the same hosts file",
                lease.processes
            ),
        },
    }
}
