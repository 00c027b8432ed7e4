//! What is served over HTTP.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

/// Where a run is asked and posted to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpServing {
    /// An address and a port; `None`: nowhere, unless the command says so.
    pub listen: Option<String>,
    pub tls: Option<TlsFiles>,
    pub keys: Keys,
    /// Whose pages may read, as `https://shop.example` or `*`.
    pub origins: Vec<String>,
    pub limits: RateLimits,
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

/// Who may do what. Where there are none at all, everyone may do everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    pub read: Vec<KeyHash>,
    /// By the names of sources.
    pub write: Vec<(String, KeyHash)>,
    /// They open everything.
    pub admin: Vec<KeyHash>,
}

impl Keys {
    pub fn are_any(&self) -> bool {
        !(self.read.is_empty() && self.write.is_empty() && self.admin.is_empty())
    }
}

/// What is kept of a key: its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    pub fn of(key: &str) -> Self {
        KeyHash(Sha256::digest(key.as_bytes()).into())
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
