//! Small files in a bucket: each is an object with the epoch of the run that wrote it, replaced by `If-Match` alone.
//!
//! Whoever takes the bucket over writes each anew under its own epoch. So they are other objects than those that an
//! earlier run has seen, and what that would replace is refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::bucket::{S3Bucket, Tag};
use super::checked;
use super::error::StoreError;

/// What such an object holds, beside its checksum.
#[derive(Serialize, Deserialize)]
struct SmallObject {
    epoch: u64,
    /// So that no two are equal.
    write: u64,
    /// The content of a file that has a checksum of it …
    #[serde(
        default,
        deserialize_with = "content_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    content: Option<Box<RawValue>>,
    /// … and of another one all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl SmallObject {
    fn file(self) -> Vec<u8> {
        match self {
            SmallObject { content: Some(content), .. } => checked::json(&content),
            SmallObject { text, .. } => text.unwrap_or_default().into_bytes(),
        }
    }
}

/// How the small files are that a run has seen, or has written.
#[derive(Debug)]
pub struct SmallFiles {
    epoch: u64,
    writes: AtomicU64,
    tags: Mutex<BTreeMap<String, Tag>>,
}

impl SmallFiles {
    pub fn of(epoch: u64) -> Self {
        SmallFiles { epoch, writes: AtomicU64::new(0), tags: Mutex::default() }
    }

    /// What a file holds, which is noted as it is.
    pub fn read(&self, bucket: &S3Bucket, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((bytes, tag)) = bucket.get(name)? else { return Ok(None) };
        let url = bucket.url(name);
        let object: SmallObject = checked::parse(Path::new(&url), &bytes)?;
        self.tags.lock().expect("no one panics with it").insert(name.to_owned(), tag);
        Ok(Some(object.file()))
    }

    /// What a file holds, where another process has written it since this one knew it.
    pub fn changed(&self, bucket: &S3Bucket, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tags = self.tags.lock().expect("no one panics with it");
        let Some((bytes, tag)) = bucket.get(name)? else { return Ok(None) };
        // Servers give them with quotes, or without.
        let bare = |tag: &Tag| tag.trim_matches('"').to_owned();
        if tags.get(name).map(bare) == Some(bare(&tag)) {
            return Ok(None);
        }
        let object: SmallObject = checked::parse(Path::new(&bucket.url(name)), &bytes)?;
        tags.insert(name.to_owned(), tag);
        Ok(Some(object.file()))
    }

    /// What a file holds, which is this run's from now on: no other can replace it.
    pub fn adopt(&self, bucket: &S3Bucket, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        loop {
            let Some(file) = self.read(bucket, name)? else { return Ok(None) };
            let mut tags = self.tags.lock().expect("no one panics with it");
            if let Some(tag) = bucket.put_if(name, &self.object(&file), tags.get(name))? {
                tags.insert(name.to_owned(), tag);
                return Ok(Some(file));
            }
        }
    }

    /// Replaces a file. Where it is not as this run left it, that is asked whether the bucket is the run's yet.
    pub fn replace(
        &self,
        bucket: &S3Bucket,
        name: &str,
        bytes: &[u8],
        is_ours: impl Fn() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let object = self.object(bytes);
        let mut tags = self.tags.lock().expect("no one panics with it");
        loop {
            if let Some(tag) = bucket.put_if(name, &object, tags.get(name))? {
                tags.insert(name.to_owned(), tag);
                return Ok(());
            }
            // Somebody else's: one that was held up on its way, or of who holds the bucket now.
            is_ours()?;
            match bucket.get(name)? {
                Some((_, tag)) => drop(tags.insert(name.to_owned(), tag)),
                None => drop(tags.remove(name)),
            }
        }
    }

    fn object(&self, bytes: &[u8]) -> Vec<u8> {
        let (epoch, write) = (self.epoch, self.writes.fetch_add(1, Ordering::Relaxed));
        let content = checked::content(bytes);
        let text = || String::from_utf8_lossy(bytes).into_owned();
        let text = content.is_none().then(text);
        checked::json(&SmallObject { epoch, write, content, text })
    }
}

/// Content that is null is content.
fn content_or_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_it_was_whatever_is_in_it() {
        let small = SmallFiles::of(1);
        let json = |value: serde_json::Value| checked::json(&value);
        for file in [
            json(serde_json::json!({"a": [1, "\u{e4}\n", 0.10]})),
            json(serde_json::Value::Null),
            json(serde_json::json!("")),
            b"sources: {}\n".to_vec(),
            b"{\"tick\": 1}".to_vec(),
            Vec::new(),
        ] {
            let object = checked::parse::<SmallObject>(Path::new("s3://"), &small.object(&file));
            assert_eq!(object.expect("it is whole").file(), file);
        }
    }
}
