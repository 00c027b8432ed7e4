//! A bucket of S3 or of what speaks like it: objects that are there whole or not at all, by their keys.
//!
//! Whatever fails on the way is tried again, at a start a few times, in a run for however long, until the bucket is lost
//! to another run. Two kinds of puts keep runs apart: one that wants no object to be there (`If-None-Match: *`), and one
//! that wants the object to be the one that was seen (`If-Match`).

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
    WriteMultipart,
};
use tokio::runtime::Runtime;

use super::bucket_client::client;
use super::bucket_refusal::{BucketRefusal, said};
use super::error::StoreError;
use super::whole::beside;
use crate::plan::BucketPlace;
use crate::time::Micros;
use crate::wait::Retry;

/// Between two tries.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];
/// So many requests at once.
const TOGETHER: usize = 8;
/// Tries of a start.
const TRIES: usize = 3;

/// A larger file goes in parts of so many bytes …
const PART: u64 = 8 << 20;
/// … of which so many are under way.
const PARTS: usize = 2;

/// How an object was, as `If-Match` has it.
pub type Tag = String;

/// A folder in a bucket.
#[derive(Debug)]
pub struct S3Bucket {
    pub place: BucketPlace,
    client: AmazonS3,
    runtime: Option<Runtime>,
    /// Whether what fails is tried for however long.
    pub is_running: AtomicBool,
    /// Why it is not ours any more.
    pub lost: OnceLock<String>,
}

impl S3Bucket {
    /// Nothing is asked of it yet.
    pub fn new(place: &BucketPlace) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::Bucket { url: place.url(), why };
        if place.bucket.is_empty() {
            return Err(failed("no bucket is named: say s3://BUCKET/PREFIX".to_owned()));
        }
        let client = client(place).map_err(|error| failed(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("s3")
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(S3Bucket {
            place: place.clone(),
            client,
            runtime: Some(runtime),
            is_running: AtomicBool::new(false),
            lost: OnceLock::new(),
        })
    }

    pub fn url(&self, key: &str) -> String {
        match self.place.prefix.is_empty() {
            true => format!("s3://{}/{key}", self.place.bucket),
            false => format!("{}/{key}", self.place.url()),
        }
    }

    fn key(&self, key: &str) -> Key {
        let whole = format!("{}/{key}", self.place.prefix);
        Key::parse(whole.trim_matches('/')).expect("the store names its objects so")
    }

    fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.as_ref().expect("it is not dropped").block_on(future)
    }

    /// Why it can't be used any more, if it can't.
    pub fn usable(&self) -> Result<(), StoreError> {
        match self.lost.get() {
            Some(why) => Err(StoreError::Bucket { url: self.place.url(), why: why.clone() }),
            None => Ok(()),
        }
    }

    /// Tries until it works, or what comes is an answer.
    fn tried<T, F: Future<Output = Result<T, Error>>>(
        &self,
        work: impl Fn() -> F,
        is_answer: impl Fn(&Error) -> bool,
    ) -> Result<Result<T, Error>, StoreError> {
        let mut retry = Retry::new(PAUSES[0], PAUSES[1]);
        let mut tries = 0;
        loop {
            self.usable()?;
            let url = self.place.url();
            match self.wait(work()) {
                Err(error) if !is_answer(&error) => {
                    tries += 1;
                    let why = said(&error);
                    if !self.is_running.load(Ordering::Relaxed)
                        && (tries >= TRIES || BucketRefusal::of(&error).is_some())
                    {
                        return Err(StoreError::Bucket { url, why });
                    }
                    std::thread::sleep(retry.failed(&format!("'{url}' can't be used"), &why));
                }
                answer => {
                    retry.works(&format!("'{url}' can be used"));
                    return Ok(answer);
                }
            }
        }
    }

    /// An object, and how it is; `None` if it isn't there.
    pub fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>, StoreError> {
        let at = self.key(key);
        let work = || async {
            let found = self.client.get(&at).await?;
            let tag = found.meta.e_tag.clone().unwrap_or_default();
            Ok((found.bytes().await?.to_vec(), tag))
        };
        let is_absent = |error: &Error| BucketRefusal::of(error) == Some(BucketRefusal::NoObject);
        match self.tried(work, is_absent)? {
            Ok(found) => Ok(Some(found)),
            Err(_) => Ok(None),
        }
    }

    async fn send(&self, key: &Key, bytes: &[u8], mode: PutMode) -> Result<Tag, Error> {
        let options = PutOptions { mode, ..PutOptions::default() };
        let sent = self.client.put_opts(key, PutPayload::from(bytes.to_vec()), options).await?;
        Ok(sent.e_tag.unwrap_or_default())
    }

    /// Puts an object where none is, or, with a tag, in the place of the one that was so. `None`: another one is there.
    pub fn put_if(
        &self,
        key: &str,
        bytes: &[u8],
        was: Option<&Tag>,
    ) -> Result<Option<Tag>, StoreError> {
        let at = self.key(key);
        let mode = match was {
            None => PutMode::Create,
            Some(tag) => PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None }),
        };
        let is_refused = |error: &Error| {
            matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. })
        };
        loop {
            if let Ok(tag) = self.tried(|| self.send(&at, bytes, mode.clone()), is_refused)? {
                return Ok(Some(tag));
            }
            let found = self.get(key)?;
            match found {
                // An answer that was lost on the way, and then the same again: what is there is ours.
                Some((found, tag)) if found == bytes => return Ok(Some(tag)),
                // What was refused because of another put that was under way, and came to nothing.
                found if found.as_ref().map(|(_, tag)| tag) == was => {
                    std::thread::sleep(PAUSES[0]);
                }
                _ => return Ok(None),
            }
        }
    }

    /// Puts an object whose key nobody else has.
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let at = self.key(key);
        let sent = self.tried(|| self.send(&at, bytes, PutMode::Overwrite), |_| false)?;
        sent.map(drop).map_err(|error| self.failed(&error))
    }

    /// Puts a file under a key that nobody else has: in parts, where it is large.
    pub fn put_file(&self, key: &str, path: &Path) -> Result<(), StoreError> {
        let at = self.key(key);
        let sent = self.tried(|| self.send_file(&at, path), |_| false)?;
        sent.map_err(|error| self.failed(&error))?.map_err(StoreError::io(path, "read"))
    }

    async fn send_file(&self, at: &Key, path: &Path) -> Result<std::io::Result<()>, Error> {
        let (mut file, mut part) = match File::open(path) {
            Ok(file) => (file, Vec::new()),
            Err(error) => return Ok(Err(error)),
        };
        let mut next = |part: &mut Vec<u8>| {
            part.clear();
            Read::by_ref(&mut file).take(PART).read_to_end(part).map(|read| read as u64 == PART)
        };
        match next(&mut part) {
            Err(error) => return Ok(Err(error)),
            Ok(false) => return self.send(at, &part, PutMode::Overwrite).await.map(|_| Ok(())),
            Ok(true) => {}
        }
        let mut upload = WriteMultipart::new_with_chunk_size(
            self.client.put_multipart(at).await?,
            PART as usize,
        );
        loop {
            upload.write(&part);
            let waited = upload.wait_for_capacity(PARTS).await;
            let more = next(&mut part);
            match (waited, more) {
                (Ok(()), Ok(true)) => {}
                (Ok(()), Ok(false)) => {
                    upload.write(&part);
                    return upload.finish().await.map(|_| Ok(()));
                }
                (Ok(()), Err(error)) => return upload.abort().await.map(|()| Err(error)),
                (Err(error), _) => {
                    // What stays of it is no object, and goes by a rule of the bucket.
                    let _ = upload.abort().await;
                    return Err(error);
                }
            }
        }
    }

    /// Brings an object here as a file, which is whole or as it was; `false`: it isn't there.
    pub fn get_file(&self, key: &str, path: &Path) -> Result<bool, StoreError> {
        let (at, beside) = (self.key(key), beside(path));
        let work = || async {
            let mut stream = self.client.get(&at).await?.into_stream();
            let mut file = match File::create(&beside) {
                Ok(file) => file,
                Err(error) => return Ok(Err(error)),
            };
            while let Some(bytes) = stream.next().await {
                if let Err(error) = file.write_all(&bytes?) {
                    return Ok(Err(error));
                }
            }
            Ok(file.sync_all())
        };
        let is_absent = |error: &Error| BucketRefusal::of(error) == Some(BucketRefusal::NoObject);
        let Ok(written) = self.tried(work, is_absent)? else { return Ok(false) };
        let placed = written.and_then(|()| fs::rename(&beside, path));
        placed.map(|()| true).map_err(StoreError::io(path, "written"))
    }

    /// Keys with their lengths, below one.
    pub fn list(&self, below: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let listed = self.list_with_times(below)?;
        Ok(listed.into_iter().map(|(key, bytes, _)| (key, bytes)).collect())
    }

    /// Keys with their lengths, and when they were put, by the bucket's clock.
    pub fn list_with_times(&self, below: &str) -> Result<Vec<(String, u64, Micros)>, StoreError> {
        let at = self.key(below);
        let from = match self.place.prefix.len() {
            0 => 0,
            length => length + 1,
        };
        let work = || async {
            let listed = self.client.list(Some(&at));
            listed
                .map_ok(|of| {
                    let key = of.location.as_ref().get(from..).unwrap_or_default().to_owned();
                    (key, of.size, of.last_modified.timestamp_micros())
                })
                .try_collect::<Vec<_>>()
                .await
        };
        let mut listed = self.tried(work, |_| false)?.map_err(|error| self.failed(&error))?;
        listed.sort_unstable();
        Ok(listed)
    }

    /// The keys just below one, and not what lies deeper.
    pub fn names(&self, below: &str) -> Result<Vec<String>, StoreError> {
        let at = self.key(below);
        let work = || self.client.list_with_delimiter(Some(&at));
        let listed = self.tried(work, |_| false)?.map_err(|error| self.failed(&error))?;
        let name = |of: &Key| of.filename().map(|name| format!("{below}{name}"));
        let mut names: Vec<String> =
            listed.objects.iter().filter_map(|of| name(&of.location)).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Some key below the folder, if there is any.
    pub fn first(&self) -> Result<Option<String>, StoreError> {
        let at = self.key("");
        let work = || async { self.client.list(Some(&at)).next().await.transpose() };
        let found = self.tried(work, |_| false)?.map_err(|error| self.failed(&error))?;
        Ok(found.map(|of| of.location.to_string()))
    }

    /// Deletes objects, whether they are there or not.
    pub fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let work = || async {
            let deleted = keys.iter().map(|key| {
                let at = self.key(key);
                async move {
                    match self.client.delete(&at).await {
                        Err(Error::NotFound { .. }) => Ok(()),
                        done => done,
                    }
                }
            });
            futures_util::stream::iter(deleted).buffer_unordered(TOGETHER).try_collect::<()>().await
        };
        self.tried(work, |_| false)?.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &Error) -> StoreError {
        StoreError::Bucket { url: self.place.url(), why: said(error) }
    }
}

impl Drop for S3Bucket {
    fn drop(&mut self) {
        // Whoever drops it may be a thread that must not wait.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}
