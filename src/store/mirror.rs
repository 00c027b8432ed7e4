//! A data folder in a bucket: a working folder on this machine, which is as any data folder, and of which the bucket has
//! all that counts.
//!
//! What is promised is in the bucket first: the pieces of logs (`bucket_log`), columnar files before the manifest that
//! names them, and small files (`bucket_small`). So a working folder may be lost at any
//! time; a run begins by making it what the bucket holds (`restored`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::{fs, io};

use super::bucket::{S3Bucket, Tag};
use super::bucket_log::{self, BucketLog, PieceRow};
use super::bucket_small::SmallFiles;
use super::error::StoreError;
use super::lease::{self, Confirmed, Holder, LeaseFile};
use super::whole::replace;
use crate::fault;
use crate::plan::BucketPlace;

/// Says in a working folder which holder of the lease made it what the bucket holds …
const TOKEN: &str = "lease-token";
/// … and which one had taken it.
const TAKEN: &str = "lease-taken";

/// What keeps a working folder and a bucket together.
#[derive(Debug)]
pub struct Mirror {
    pub bucket: S3Bucket,
    root: PathBuf,
    row: PieceRow,
    token: String,
    /// What the holder says; `None`: given back, or held by another process.
    lease: Mutex<Option<(LeaseFile, Tag)>>,
    small: SmallFiles,
    confirmed: Mutex<Confirmed>,
    log: OnceLock<BucketLog>,
    /// The keys of the pieces of others that were brought.
    brought: Mutex<BTreeSet<String>>,
    /// Whether the working folder is of the run that had the bucket last.
    pub was_last: bool,
    when_lost: Mutex<Option<WhenLost>>,
}

/// What is done when another run has taken over.
struct WhenLost(Box<dyn Fn(&str) + Send>);

impl std::fmt::Debug for WhenLost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("WhenLost")
    }
}

impl Mirror {
    /// Takes a bucket's folder for a run of so many processes, of which the first holds the working folder.
    pub fn take(
        place: &BucketPlace,
        root: &Path,
        processes: usize,
    ) -> Result<Arc<Self>, StoreError> {
        let bucket = S3Bucket::new(place)?;
        // Whoever had the working folder is dead, since this run holds that now.
        let dead: Vec<String> =
            [TOKEN, TAKEN].iter().filter_map(|of| fs::read_to_string(root.join(of)).ok()).collect();
        let known = fs::read_to_string(root.join(TOKEN)).unwrap_or_default();
        if lease::read(&bucket)?.is_none()
            && let Some(other) = bucket.first()?
        {
            let why = format!(
                "it holds something else, such as '{other}', and no store of selfsame's: name a prefix of its own"
            );
            return Err(StoreError::Bucket { url: bucket.place.url(), why });
        }
        let token = random(root)?;
        refuse_unconditional(&bucket, &token)?;
        let holder = Holder::new(token.clone());
        let (mut held, mut tag, last) = lease::take(&bucket, &holder, &dead, processes)?;
        let was_last = known == last;
        let path = root.join(TAKEN);
        replace(&path, token.as_bytes()).map_err(StoreError::io(&path, "written"))?;
        fault::point("lease taken");
        for epoch in held.fenced + 1..held.epoch {
            for process in 0..held.widest {
                bucket_log::fence(&bucket, PieceRow { epoch, process })?;
            }
        }
        (held.fenced, held.widest) = (held.epoch - 1, processes);
        tag = lease::write(&bucket, &held, Some(&tag))?.ok_or_else(|| taken(&bucket))?;
        let row = PieceRow { epoch: held.epoch, process: 0 };
        let mirror = Arc::new(Mirror::of(bucket, root, row, token, was_last));
        *mirror.lease.lock().expect("no one panics with it") = Some((held, tag));
        let weak = Arc::downgrade(&mirror);
        std::thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || keep(&weak))
            .map_err(StoreError::io(root, "written"))?;
        Ok(mirror)
    }

    /// Joins the run of the process that holds a bucket's folder.
    pub fn join(
        place: &BucketPlace,
        root: &Path,
        of: (usize, usize),
    ) -> Result<Arc<Self>, StoreError> {
        let bucket = S3Bucket::new(place)?;
        let LeaseFile { epoch, token, .. } = lease::join(&bucket, &random(root)?, of)?;
        let row = PieceRow { epoch, process: of.0 };
        Ok(Arc::new(Mirror::of(bucket, root, row, token, false)))
    }

    fn of(bucket: S3Bucket, root: &Path, row: PieceRow, token: String, was_last: bool) -> Self {
        Mirror {
            bucket,
            root: root.to_owned(),
            row,
            token,
            lease: Mutex::default(),
            small: SmallFiles::of(row.epoch),
            // Whatever is promised first is asked for.
            confirmed: Mutex::default(),
            log: OnceLock::new(),
            brought: Mutex::default(),
            was_last,
            when_lost: Mutex::new(None),
        }
    }

    /// Whether this process holds the bucket for its run.
    pub fn is_holder(&self) -> bool {
        self.row.process == 0
    }

    /// Whether other processes put something, too.
    pub fn is_shared(&self) -> bool {
        !self.is_holder() || self.with_lease(|lease| !lease.members.is_empty()).unwrap_or_default()
    }

    /// Waits, as the holder, for the other processes of the run: what they begin with is there.
    pub fn gather(&self) -> Result<(), StoreError> {
        let processes = self.with_lease(|lease| lease.processes).unwrap_or_default();
        if processes < 2 {
            return Ok(());
        }
        let members = lease::gather(&self.bucket, &self.token, processes)?;
        self.with_lease(|lease| lease.members = members);
        self.renew()
    }

    fn with_lease<R>(&self, work: impl FnOnce(&mut LeaseFile) -> R) -> Option<R> {
        let mut held = self.lease.lock().expect("no one panics with it");
        held.as_mut().map(|(lease, _)| work(lease))
    }

    /// The working folder is what the bucket holds, with these pieces of logs: from here on what fails is tried for
    /// however long.
    pub fn begin(&self, pieces: BTreeMap<String, Vec<String>>) -> Result<(), StoreError> {
        let _ = self.log.set(BucketLog::new(self.row, pieces));
        let path = self.root.join(TOKEN);
        replace(&path, self.token.as_bytes()).map_err(StoreError::io(&path, "written"))?;
        fault::point("restored");
        self.bucket.is_running.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn log(&self) -> &BucketLog {
        self.log.get().expect("it has begun")
    }

    /// What names of new files have, so that no other run's are the same.
    pub fn mark(&self) -> String {
        format!("e{}.", self.row.epoch)
    }

    /// What a small file holds, which is this run's from now on: no other can replace it.
    pub fn adopt(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.is_holder() {
            true => self.small.adopt(&self.bucket, name),
            // The holder has done so.
            false => self.small.read(&self.bucket, name),
        }
    }

    /// What a small file holds that another process of the run has written, and this one does not know.
    pub fn changed(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.small.changed(&self.bucket, name)
    }

    /// Learns of a piece of a log that another process has put.
    pub fn know(&self, log: &str, key: &str) {
        self.log().know(log, key);
    }

    /// The keys of the pieces of others that were brought, for who brings more.
    pub fn brought(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.brought.lock().expect("no one panics with it")
    }

    /// What the keys of this process's pieces begin with.
    pub fn own_pieces(&self) -> String {
        self.row.below()
    }

    pub fn process(&self) -> usize {
        self.row.process
    }

    /// Replaces a small file.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.small.replace(&self.bucket, name, bytes, || self.renew())
    }

    /// Puts a file that is whole, by its path below the folder.
    pub fn publish(&self, path: &str) -> Result<(), StoreError> {
        self.bucket.put_file(path, &self.root.join(path))
    }

    /// Takes away what does not count any more.
    pub fn delete(&self, path: &Path) -> Result<(), StoreError> {
        let Ok(below) = path.strip_prefix(&self.root) else { return Ok(()) };
        match below.strip_prefix("log") {
            Ok(log) => self.log().delete(&self.bucket, &log.to_string_lossy()),
            Err(_) => self.bucket.delete(&[below.to_string_lossy().into_owned()]),
        }
    }

    /// Makes bytes of a log durable.
    pub fn append(&self, log: &Path, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let name = log.file_name().expect("a log has a name").to_string_lossy();
        match self.log().append(&self.bucket, &name, at, bytes)? {
            true => self.confirm(),
            false => Err(self.lose()),
        }
    }

    /// Asks whether the run has the bucket still, if that is not known for sure: it may have stood still, and whoever took
    /// over may have taken its fence away since (`old_fences`).
    fn confirm(&self) -> Result<(), StoreError> {
        let is_recent = self.confirmed.lock().expect("no one panics with it").is_recent();
        if is_recent { Ok(()) } else { self.renew() }
    }

    /// Says that the holder is there; fails where it is another one.
    fn renew(&self) -> Result<(), StoreError> {
        let asked = Confirmed::now();
        self.renew_lease()?;
        *self.confirmed.lock().expect("no one panics with it") = asked;
        Ok(())
    }

    fn renew_lease(&self) -> Result<(), StoreError> {
        if !self.is_holder() {
            return match lease::read(&self.bucket)? {
                Some((lease, _)) if lease.token == self.token => Ok(()),
                _ => Err(self.lose()),
            };
        }
        let mut held = self.lease.lock().expect("no one panics with it");
        let Some((lease, tag)) = &mut *held else { return Ok(()) };
        lease.beats += 1;
        match lease::write(&self.bucket, lease, Some(tag))? {
            Some(now) => *tag = now,
            None => {
                drop(held);
                return Err(self.lose());
            }
        }
        Ok(())
    }

    /// Another run has taken over: nothing more is promised.
    fn lose(&self) -> StoreError {
        let error = taken(&self.bucket);
        let why = match &error {
            StoreError::Bucket { why, .. } => why.clone(),
            error => error.to_string(),
        };
        let why = self.bucket.lost.get_or_init(|| why);
        if let Some(WhenLost(told)) = &*self.when_lost.lock().expect("no one panics with it") {
            told(&format!("the data folder '{}' can't be used: {why}", self.bucket.place.url()));
        }
        error
    }

    /// Is told when another run has taken over.
    pub fn when_lost(&self, told: Box<dyn Fn(&str) + Send>) {
        *self.when_lost.lock().expect("no one panics with it") = Some(WhenLost(told));
    }

    /// Gives the bucket back: nothing is written any more.
    pub fn release(&self) {
        let mut held = self.lease.lock().expect("no one panics with it");
        let Some((lease, tag)) = held.take() else { return };
        // Others of the run may put something yet, which matters to the next one alone.
        let fenced = lease.epoch - u64::from(lease.processes > 1);
        let last = lease.holder.clone();
        let given_back = LeaseFile { holder: None, last, fenced, ..lease };
        // Otherwise the next one waits for a while.
        let _ = lease::write(&self.bucket, &given_back, Some(&tag));
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.bucket.is_running.store(false, Ordering::Relaxed);
        if self.bucket.lost.get().is_none() {
            self.release();
        }
    }
}

/// Says again and again that the holder is there.
fn keep(mirror: &Weak<Mirror>) {
    loop {
        std::thread::sleep(lease::beat());
        let Some(mirror) = mirror.upgrade() else { return };
        // Otherwise it is tried again.
        let _ = mirror.renew();
        let is_over = mirror.lease.lock().expect("no one panics with it").is_none();
        if is_over || mirror.bucket.lost.get().is_some() {
            return;
        }
    }
}

fn random(root: &Path) -> Result<String, StoreError> {
    let mut random = [0; 16];
    let failed = |error: getrandom::Error| io::Error::other(error.to_string());
    getrandom::fill(&mut random).map_err(failed).map_err(StoreError::io(root, "written"))?;
    Ok(const_hex::encode(random))
}

/// Who has it now, to whom it was lost.
fn taken(bucket: &S3Bucket) -> StoreError {
    let found = lease::read(bucket).ok().flatten().map(|(lease, _)| (lease.holder, lease.last));
    let holder = match found {
        Some((Some(holder), _)) => holder.shown(),
        Some((None, Some(last))) => format!("{}, which has ended since", last.shown()),
        _ => "another run".to_owned(),
    };
    let why =
        format!("it was taken over by {holder}, since this run was silent for too long, and ends");
    StoreError::Bucket { url: bucket.place.url(), why }
}

/// Refuses a server that puts whether or not an object is there: nothing would keep two runs apart.
fn refuse_unconditional(bucket: &S3Bucket, token: &str) -> Result<(), StoreError> {
    let key = format!("probe-{token}");
    let first = bucket.put_if(&key, b"1", None)?;
    let is_mindful = bucket.put_if(&key, b"2", None)?.is_none()
        && bucket
            .put_if(&key, b"3", Some(&"\"00000000000000000000000000000000\"".to_owned()))?
            .is_none()
        && bucket.put_if(&key, b"4", first.as_ref())?.is_some();
    bucket.delete(&[key])?;
    match is_mindful {
        true => Ok(()),
        false => Err(StoreError::Bucket {
            url: bucket.place.url(),
            why: "the server does not heed If-None-Match and If-Match, which keep two runs from writing at once: take a \
                  version of it that does"
                .to_owned(),
        }),
    }
}
