//! A data folder in a bucket: a working folder on this machine, which is as any data folder, and of which the bucket has
//! all that counts.
//!
//! What is promised is in the bucket first: the pieces of logs (`bucket_log`), columnar files before the manifest that
//! names them, and small files, each with the epoch of the run that wrote it. So a working folder may be lost at any
//! time; a run begins by making it what the bucket holds (`restored`).
//!
//! Whoever takes the bucket over writes every small file anew under its own epoch. So they are other objects than those
//! that an earlier run has seen, and its `If-Match` fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::bucket::{S3Bucket, Tag};
use super::bucket_client::named;
use super::bucket_log::{self, BucketLog};
use super::error::StoreError;
use super::lease::{self, Holder, LeaseFile};
use super::whole::replace;
use crate::fault;
use crate::plan::{BucketPlace, DataPlace};

/// Says in a working folder which holder of the lease made it what the bucket holds …
const TOKEN: &str = "lease-token";
/// … and which one had taken it.
const TAKEN: &str = "lease-taken";

/// What a small file is in a bucket.
#[derive(Serialize, Deserialize)]
struct SmallObject {
    epoch: u64,
    /// So that no two are equal.
    write: u64,
    /// XXH3 of the text.
    checksum: String,
    text: String,
}

/// What keeps a working folder and a bucket together.
#[derive(Debug)]
pub struct Mirror {
    pub bucket: S3Bucket,
    root: PathBuf,
    epoch: u64,
    token: String,
    /// `None`: given back.
    lease: Mutex<Option<(LeaseFile, Tag)>>,
    small: Mutex<BTreeMap<String, Tag>>,
    writes: AtomicU64,
    log: OnceLock<BucketLog>,
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

/// The folder on this machine in which a run works: `data` itself, where that is one.
pub fn working_folder(data: &DataPlace) -> Result<PathBuf, StoreError> {
    let place = match data {
        DataPlace::Folder(folder) => return Ok(folder.clone()),
        DataPlace::Bucket(BucketPlace { working_folder: Some(folder), .. }) => {
            return Ok(folder.clone());
        }
        DataPlace::Bucket(place) => place,
    };
    let set = |name: &str| std::env::var_os(name).filter(|of| !of.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| StoreError::Bucket {
        url: place.url(),
        why: "there is no place for its working folder: name one by `working_folder` of `data`, or by XDG_CACHE_HOME"
            .to_owned(),
    })?;
    Ok(cache.join("selfsame").join("s3").join(named(place)))
}

impl Mirror {
    /// Takes a bucket's folder for a run, which holds the working folder.
    pub fn open(place: &BucketPlace, root: &Path) -> Result<Arc<Self>, StoreError> {
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
        let mut random = [0; 16];
        let failed = |error: getrandom::Error| io::Error::other(error.to_string());
        getrandom::fill(&mut random).map_err(failed).map_err(StoreError::io(root, "written"))?;
        let token = const_hex::encode(random);
        refuse_unconditional(&bucket, &token)?;
        let holder = Holder::new(token.clone());
        let (mut held, mut tag, last) = lease::take(&bucket, &holder, &dead)?;
        let was_last = known == last;
        let path = root.join(TAKEN);
        replace(&path, token.as_bytes()).map_err(StoreError::io(&path, "written"))?;
        fault::point("lease taken");
        for epoch in held.fenced + 1..held.epoch {
            bucket_log::fence(&bucket, epoch)?;
        }
        held.fenced = held.epoch - 1;
        tag = lease::write(&bucket, &held, Some(&tag))?.ok_or_else(|| taken(&bucket))?;
        let (small, writes) = (Mutex::default(), AtomicU64::new(0));
        let mirror = Mirror {
            root: root.to_owned(),
            epoch: held.epoch,
            lease: Mutex::new(Some((held, tag))),
            log: OnceLock::new(),
            was_last,
            when_lost: Mutex::new(None),
            bucket,
            token,
            small,
            writes,
        };
        let mirror = Arc::new(mirror);
        let weak = Arc::downgrade(&mirror);
        std::thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || keep(&weak))
            .map_err(StoreError::io(root, "written"))?;
        Ok(mirror)
    }

    /// The working folder is what the bucket holds, with these pieces of logs: from here on what fails is tried for
    /// however long.
    pub fn begin(&self, pieces: BTreeMap<String, Vec<String>>) -> Result<(), StoreError> {
        let _ = self.log.set(BucketLog::new(self.epoch, pieces));
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
        format!("e{}.", self.epoch)
    }

    /// The text of a small file, which is noted as it is.
    pub fn small(&self, name: &str) -> Result<Option<String>, StoreError> {
        let Some((bytes, tag)) = self.bucket.get(name)? else { return Ok(None) };
        let altered = |why: &str| StoreError::altered(Path::new(&self.bucket.url(name)), why);
        let object: SmallObject =
            serde_json::from_slice(&bytes).map_err(|error| altered(&error.to_string()))?;
        if object.checksum != sum(&object.text) {
            return Err(altered("its checksum differs"));
        }
        self.small.lock().expect("no one panics with it").insert(name.to_owned(), tag);
        Ok(Some(object.text))
    }

    /// The text of a small file, which is this run's from now on: no other can replace it.
    pub fn adopt(&self, name: &str) -> Result<Option<String>, StoreError> {
        loop {
            let Some(text) = self.small(name)? else { return Ok(None) };
            let mut small = self.small.lock().expect("no one panics with it");
            let object = self.object(&text);
            if let Some(tag) = self.bucket.put_if(name, &object, small.get(name))? {
                small.insert(name.to_owned(), tag);
                return Ok(Some(text));
            }
        }
    }

    fn object(&self, text: &str) -> Vec<u8> {
        let (epoch, write) = (self.epoch, self.writes.fetch_add(1, Ordering::Relaxed));
        let (checksum, text) = (sum(text), text.to_owned());
        let object = SmallObject { epoch, write, checksum, text };
        serde_json::to_vec_pretty(&object).expect("JSON")
    }

    /// Replaces a small file.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let object = self.object(&String::from_utf8_lossy(bytes));
        let mut small = self.small.lock().expect("no one panics with it");
        loop {
            if let Some(tag) = self.bucket.put_if(name, &object, small.get(name))? {
                small.insert(name.to_owned(), tag);
                return Ok(());
            }
            // Somebody else's: one that was held up on its way, or of who holds the bucket now.
            self.renew()?;
            match self.bucket.get(name)? {
                Some((_, tag)) => drop(small.insert(name.to_owned(), tag)),
                None => drop(small.remove(name)),
            }
        }
    }

    /// Puts a file that is whole, by its path below the folder.
    pub fn publish(&self, path: &str) -> Result<(), StoreError> {
        let whole = self.root.join(path);
        let bytes = fs::read(&whole).map_err(StoreError::io(&whole, "read"))?;
        self.bucket.put(path, &bytes)
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
            true => Ok(()),
            false => Err(self.lose()),
        }
    }

    /// Says that the holder is there; fails where it is another one.
    fn renew(&self) -> Result<(), StoreError> {
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
        let given_back = LeaseFile { holder: None, fenced: lease.epoch, ..lease };
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

/// Who has it now, to whom it was lost.
fn taken(bucket: &S3Bucket) -> StoreError {
    let found = lease::read(bucket).ok().flatten().and_then(|(lease, _)| lease.holder);
    let holder = found.map_or("another run".to_owned(), |holder| holder.shown());
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

fn sum(text: &str) -> String {
    format!("{:016x}", xxh3_64(text.as_bytes()))
}
