//! Where a run's rows are stored: in a folder, or in one of a bucket of S3 or of what speaks like it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A data folder, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataPlace {
    Folder(PathBuf),
    Bucket(BucketPlace),
}

/// A folder in a bucket. What is not said here, the environment says, as for the tools of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketPlace {
    pub bucket: String,
    /// Without a slash at either end.
    pub prefix: String,
    /// The server, as `https://…` or `http://…`.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub keys: Option<BucketKeys>,
    /// Whether the bucket is a part of the host's name, and not of the path.
    pub is_host: Option<bool>,
    /// Where a run works on its machine.
    pub working_folder: Option<PathBuf>,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketKeys {
    pub id: String,
    pub secret: String,
    /// Where they are lent for a while.
    pub session: Option<String>,
}

// It does not tell secrets.
impl fmt::Debug for BucketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DataPlace {
    /// As `--data` says it: `s3://BUCKET/PREFIX` is in a bucket, all else a folder.
    pub fn of(data: &Path) -> Self {
        match data.to_str().and_then(BucketPlace::of) {
            Some(place) => DataPlace::Bucket(place),
            None => DataPlace::Folder(data.to_owned()),
        }
    }
}

impl From<PathBuf> for DataPlace {
    fn from(data: PathBuf) -> Self {
        DataPlace::of(&data)
    }
}

impl fmt::Display for DataPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataPlace::Folder(path) => write!(f, "{}", path.display()),
            DataPlace::Bucket(place) => f.write_str(&place.url()),
        }
    }
}

impl BucketPlace {
    /// That of `s3://BUCKET/PREFIX`, also as a path has it; `None` where it is no such text.
    pub fn of(url: &str) -> Option<Self> {
        let place = url.strip_prefix("s3:/")?.trim_start_matches('/');
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
        let (bucket, prefix) = (bucket.to_owned(), parts.join("/"));
        Some(BucketPlace { bucket, prefix, ..BucketPlace::default() })
    }

    pub fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_known_by_its_url_however_it_is_written() {
        for (written, meant) in [
            ("s3://people/some/shop", "s3://people/some/shop"),
            ("s3:/people/some//shop/", "s3://people/some/shop"),
            ("s3://people", "s3://people/"),
            ("data/s3", "data/s3"),
        ] {
            assert_eq!(DataPlace::of(Path::new(written)).to_string(), meant);
        }
    }

    #[test]
    fn no_secret_is_told() {
        let keys = BucketKeys { id: "AKIA".into(), secret: "s3cr3t".into(), session: None };
        assert!(!format!("{keys:?}").contains("s3cr3t"));
    }
}
