//! A bucket of S3 or of what speaks like it: objects that are there whole or not at all, by their keys.
//!
//! Whatever fails on the way is tried again, at a start a few times, in a run for however long, until the bucket is lost
//! to another run. Two kinds of puts keep runs apart: one that wants no object to be there (`If-None-Match: *`), and one
//! that wants the object to be the one that was seen (`If-Match`).

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig, UpdateVersion,
};
use tokio::runtime::Runtime;

use super::error::StoreError;
use crate::place::path_part;
use crate::wait::Retry;

/// Between two tries.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];
/// A request that takes longer is given up, and made again.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many requests at once.
const TOGETHER: usize = 8;
/// Tries of a start.
const TRIES: usize = 3;

/// How an object was, as `If-Match` has it.
pub type Tag = String;

/// Where a bucket's folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketAddress {
    pub bucket: String,
    /// Without a slash at either end.
    pub prefix: String,
}

impl BucketAddress {
    /// Whether a data folder lies in a bucket, as `s3://BUCKET/PREFIX` says; `None`: it is a folder.
    pub fn of(data: &Path) -> Option<Self> {
        let place = data.to_str()?.strip_prefix("s3:/")?.trim_start_matches('/');
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
        Some(BucketAddress { bucket: bucket.to_owned(), prefix: parts.join("/") })
    }

    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    /// A name for it that a folder may have.
    pub fn name(&self) -> String {
        let endpoint = endpoint().unwrap_or_default();
        let all = format!("{endpoint}\n{}\n{}", self.bucket, self.prefix);
        format!("{}-{}", path_part(&self.bucket), &blake3::hash(all.as_bytes()).to_hex()[..16])
    }
}

fn endpoint() -> Option<String> {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    names.into_iter().find_map(|name| std::env::var(name).ok())
}

/// A folder in a bucket.
#[derive(Debug)]
pub struct S3Bucket {
    pub address: BucketAddress,
    client: AmazonS3,
    runtime: Option<Runtime>,
    /// Whether what fails is tried for however long.
    pub is_running: AtomicBool,
    /// Why it is not ours any more.
    pub lost: OnceLock<String>,
}

impl S3Bucket {
    /// Nothing is asked of it yet.
    pub fn new(address: BucketAddress) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::Bucket { url: address.url(), why };
        if address.bucket.is_empty() {
            return Err(failed("no bucket is named: say s3://BUCKET/PREFIX".to_owned()));
        }
        let endpoint = endpoint();
        let options = ClientOptions::new()
            .with_timeout(PATIENCE)
            .with_connect_timeout(Duration::from_secs(5))
            .with_allow_http(endpoint.as_ref().is_some_and(|of| of.starts_with("http://")));
        let retry = RetryConfig {
            // They are counted and told by whoever asks.
            max_retries: 0,
            retry_timeout: Duration::from_secs(10),
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&address.bucket)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let client = builder.build().map_err(|error| failed(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("s3")
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(S3Bucket {
            address,
            client,
            runtime: Some(runtime),
            is_running: AtomicBool::new(false),
            lost: OnceLock::new(),
        })
    }

    pub fn url(&self, key: &str) -> String {
        match self.address.prefix.is_empty() {
            true => format!("s3://{}/{key}", self.address.bucket),
            false => format!("{}/{key}", self.address.url()),
        }
    }

    fn key(&self, key: &str) -> Key {
        let whole = format!("{}/{key}", self.address.prefix);
        Key::parse(whole.trim_matches('/')).expect("the store names its objects so")
    }

    fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.as_ref().expect("it is not dropped").block_on(future)
    }

    /// Why it can't be used any more, if it can't.
    pub fn usable(&self) -> Result<(), StoreError> {
        match self.lost.get() {
            Some(why) => Err(StoreError::Bucket { url: self.address.url(), why: why.clone() }),
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
            let url = self.address.url();
            match self.wait(work()) {
                Err(error) if !is_answer(&error) => {
                    tries += 1;
                    let why = said(&error);
                    if !self.is_running.load(Ordering::Relaxed)
                        && (tries >= TRIES || is_final(&error))
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
        let is_absent = |error: &Error| matches!(error, Error::NotFound { .. });
        match self.tried(work, |error| is_absent(error) && !said(error).contains("NoSuchBucket"))? {
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

    /// Keys with their lengths, below one.
    pub fn list(&self, below: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let at = self.key(below);
        let from = match self.address.prefix.len() {
            0 => 0,
            length => length + 1,
        };
        let work = || async {
            let listed = self.client.list(Some(&at));
            listed
                .map_ok(|of| {
                    (of.location.as_ref().get(from..).unwrap_or_default().to_owned(), of.size)
                })
                .try_collect::<Vec<_>>()
                .await
        };
        let mut listed = self.tried(work, |_| false)?.map_err(|error| self.failed(&error))?;
        listed.sort_unstable();
        Ok(listed)
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
        StoreError::Bucket { url: self.address.url(), why: said(error) }
    }
}

impl Drop for S3Bucket {
    fn drop(&mut self) {
        // Whoever drops it may be a thread that must not wait.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Whether trying again is of no use.
fn is_final(error: &Error) -> bool {
    let is_denied = matches!(
        error,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::NotFound { .. }
    );
    is_denied || WRONG_REGION.iter().any(|of| error.to_string().contains(of))
}

const WRONG_REGION: [&str; 3] =
    ["Received redirect", "PermanentRedirect", "AuthorizationHeaderMalformed"];

/// What an error comes to, with what to do about it.
fn said(error: &Error) -> String {
    let text = error.to_string();
    // What a server says comes as XML, of which the code tells all.
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map_or("", |(code, _)| code);
    let told = if code.is_empty() { String::new() } else { format!(" ({code})") };
    if code == "NoSuchBucket" || matches!(error, Error::NotFound { .. }) {
        return format!("there is no such bucket{told}: make it, or name another one");
    }
    if WRONG_REGION.iter().any(|of| text.contains(of)) {
        return format!("the bucket is in another region{told}: name that by AWS_REGION");
    }
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => format!(
            "access is denied{told}: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may list, read, \
             write and delete there"
        ),
        _ if text.contains("169.254.169.254") || text.contains("credential") => {
            "nothing says who is asking: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                .to_owned()
        }
        _ => {
            let short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
            format!(
                "{}: look at AWS_ENDPOINT_URL, and whether it runs",
                short.chars().take(300).collect::<String>()
            )
        }
    }
}
