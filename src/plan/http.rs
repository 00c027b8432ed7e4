//! What is served over HTTP.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Where a run is asked and posted to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpServing {
    /// An address and a port; `None`: nowhere, unless the command says so.
    pub listen: Option<String>,
    pub tls: Option<TlsFiles>,
    pub keys: StatedKeys,
    /// Whose pages may read, as `https://shop.example` or `*`.
    pub origins: Vec<String>,
    pub limits: RateLimits,
    /// How many MiB are kept of what outputs were told, where it is said.
    pub kept_changes_mib: Option<u32>,
}

/// As many as are kept unless it is said.
const KEPT_CHANGES_MIB: u32 = 256;

impl HttpServing {
    /// How many bytes are kept of what outputs were told.
    pub fn kept_changes(&self) -> u64 {
        u64::from(self.kept_changes_mib.unwrap_or(KEPT_CHANGES_MIB)) << 20
    }

    /// Files that it reads: what each is, and its path.
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        let tls = self.tls.iter().flat_map(|tls| {
            [("http.tls.certificate", &*tls.certificate), ("http.tls.key", &*tls.key)]
        });
        tls.chain(self.keys.files().map(|path| ("http.keys", path))).collect()
    }
}

/// Files in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that vouch for it.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// How many requests each key may send, by what it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    pub read: Option<RateLimit>,
    pub write: Option<RateLimit>,
    pub admin: Option<RateLimit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a second.
    pub rate: u32,
    /// Requests at once, after a while without any.
    pub burst: u32,
}

/// What is said of keys, by what they open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByPurpose<T> {
    pub read: Vec<T>,
    /// By the names of sources.
    pub write: Vec<(String, T)>,
    /// They open everything.
    pub admin: Vec<T>,
}

impl<T> Default for ByPurpose<T> {
    fn default() -> Self {
        ByPurpose { read: Vec::new(), write: Vec::new(), admin: Vec::new() }
    }
}

/// Who may do what.
pub type Keys = ByPurpose<KeyHash>;

/// The same as it is written. Where nothing is, everyone may do everything; where a file is that has no key, nobody may.
pub type StatedKeys = ByPurpose<StatedKey>;

/// A key as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatedKey {
    Key(KeyHash),
    /// A file with a key a line.
    File(PathBuf),
}

impl StatedKeys {
    pub fn are_any(&self) -> bool {
        !(self.read.is_empty() && self.write.is_empty() && self.admin.is_empty())
    }

    /// Whether some of them may change while they are in use.
    pub fn have_files(&self) -> bool {
        self.files().next().is_some()
    }

    /// The files that some of them stand in.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let write = self.write.iter().map(|(_, key)| key);
        let all = self.read.iter().chain(write).chain(&self.admin);
        all.filter_map(|key| match key {
            StatedKey::Key(_) => None,
            StatedKey::File(path) => Some(&**path),
        })
    }

    /// Those that there are now.
    ///
    /// # Errors
    /// If a file can't be read, or has what is no key.
    pub fn keys(&self) -> Result<Keys, String> {
        let all = |stated: &[StatedKey]| -> Result<Vec<KeyHash>, String> {
            stated.iter().try_fold(Vec::new(), |mut all, of| {
                all.extend(of.hashes()?);
                Ok(all)
            })
        };
        let mut write = Vec::new();
        for (source, of) in &self.write {
            write.extend(of.hashes()?.into_iter().map(|hash| (source.clone(), hash)));
        }
        Ok(Keys { read: all(&self.read)?, write, admin: all(&self.admin)? })
    }
}

impl StatedKey {
    /// What of it there is now.
    ///
    /// # Errors
    /// If the file can't be read, or has what is no key. No key is shown: it is a secret.
    pub fn hashes(&self) -> Result<Vec<KeyHash>, String> {
        let path = match self {
            StatedKey::Key(hash) => return Ok(vec![*hash]),
            StatedKey::File(path) => path,
        };
        let text = fs::read_to_string(path)
            .map_err(|error| format!("keys '{}' can't be read: {error}", path.display()))?;
        let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        let hash = |(number, line): (usize, &str)| {
            KeyHash::written(line).map_err(|why| {
                format!("the key in line {} of '{}' does not do: {why}", number + 1, path.display())
            })
        };
        lines.map(hash).collect()
    }
}

/// What is kept of a key: its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    pub fn of(key: &str) -> Self {
        KeyHash(Sha256::digest(key.as_bytes()).into())
    }

    /// Its 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        const_hex::encode(self.0)
    }

    /// A key as it may be written: as it is, or as `sha256:` and 64 hexadecimal digits.
    pub fn written(text: &str) -> Result<Self, String> {
        match text.strip_prefix("sha256:") {
            Some(hex) => match const_hex::decode_to_array(hex) {
                Ok(hash) => Ok(KeyHash(hash)),
                Err(_) => Err("behind sha256: are 64 hexadecimal digits".to_owned()),
            },
            None if text.len() < SHORTEST => {
                Err(format!("a key has {SHORTEST} characters at least, or others will guess it"))
            }
            None => Ok(KeyHash::of(text)),
        }
    }
}

/// Characters of a key.
const SHORTEST: usize = 16;
