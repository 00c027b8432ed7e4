//! TLS: a certificate and its key, which are read anew when their files change.
//!
//! At the start a pair that does not do is an error. Later the one that is in use stays, and the log says what is wrong
//! with the new one: once, and not at once, since two files are seldom replaced in one step.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};

use super::patient::PatientStream;
use crate::plan::TlsFiles;

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(1);
/// What the first record of TLS begins with: no request does.
const HANDSHAKE: u8 = 0x16;
/// How long it is waited until who spoke no TLS has read what it is told, and how much of theirs is read.
const FAREWELL: Duration = Duration::from_secs(1);
const FAREWELL_BYTES: u64 = 64 << 10;

/// What is wrong with a certificate and a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("the {what} '{}' can't be read: {why}", .path.display())]
    Unreadable { what: &'static str, path: PathBuf, why: String },
    #[error(
        "'{}' has no certificate: a file in PEM is wanted, in which -----BEGIN CERTIFICATE----- stands",
        .path.display()
    )]
    NoCertificate { path: PathBuf },
    #[error("'{}' is broken: {why}", .path.display())]
    Broken { path: PathBuf, why: String },
    #[error(
        "'{}' has no private key: a file in PEM is wanted, in which -----BEGIN PRIVATE KEY----- stands",
        .path.display()
    )]
    NoKey { path: PathBuf },
    #[error(
        "the private key '{}' is encrypted, and nobody is there to give its password: write it without one, as with \
         openssl pkey -in {0} -out NEW", .path.display()
    )]
    Encrypted { path: PathBuf },
    #[error("the certificate '{}' and the key '{}' do not do: {why}", .files.certificate.display(), .files.key.display())]
    Unfit { files: TlsFiles, why: String },
}

/// What a port is encrypted with.
#[derive(Debug)]
pub struct ReloadedTls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
    /// The hash of what the files had when it was made.
    hash: blake3::Hash,
}

impl ReloadedTls {
    /// Reads the files.
    ///
    /// # Errors
    /// If they do not do.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let (hash, config) = read(files);
        Ok(ReloadedTls { files: files.clone(), config: RwLock::new(config?), hash })
    }

    /// Looks again and again whether the files have changed.
    pub async fn follow(self: Arc<Self>) {
        let (mut used, mut last) = (self.hash, self.hash);
        loop {
            tokio::time::sleep(LOOK).await;
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || read(&files)).await;
            let (hash, config) = read.expect("nothing in it panics");
            let certificate = self.files.certificate.display();
            match config {
                Ok(config) if hash != used => {
                    *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                    used = hash;
                    tracing::info!("TLS: what is served with is now the changed '{certificate}'");
                }
                // Said when it is seen for the second time.
                Err(error) if hash == last && hash != used => {
                    used = hash;
                    tracing::warn!("TLS goes on with what there was: {error}");
                }
                _ => {}
            }
            last = hash;
        }
    }

    /// Agrees with a client on how to encrypt.
    pub async fn agree(
        &self,
        mut stream: TcpStream,
    ) -> io::Result<TlsStream<PatientStream<TcpStream>>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            tell_plain(&mut stream).await?;
            return Err(io::Error::other("the client speaks no TLS"));
        }
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(PatientStream::new(stream)).await
    }
}

/// Tells who sent a plain request that the port wants TLS.
async fn tell_plain(stream: &mut TcpStream) -> io::Result<()> {
    let body = json!({"error": {
        "code": "tls_wanted", "message": "this port speaks TLS alone, and what came is not encrypted",
        "remedy": "ask at https://, not http://",
    }})
    .to_string();
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await?;
    // A connection that is closed while something of it is unread takes the answer with it.
    let (mut rest, mut nowhere) = (stream.take(FAREWELL_BYTES), tokio::io::sink());
    let read = tokio::io::copy(&mut rest, &mut nowhere);
    let _ = tokio::time::timeout(FAREWELL, read).await;
    Ok(())
}

/// What the files come to, and a hash of what they had: also of what is wrong with them.
fn read(files: &TlsFiles) -> (blake3::Hash, Result<Arc<ServerConfig>, TlsError>) {
    let texts = bytes("certificate", &files.certificate)
        .and_then(|certificate| Ok((certificate, bytes("private key", &files.key)?)));
    match texts {
        Ok((certificate, key)) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&(certificate.len() as u64).to_le_bytes());
            hasher.update(&certificate).update(&key);
            (hasher.finalize(), config(files, &certificate, &key))
        }
        Err(error) => (blake3::hash(error.to_string().as_bytes()), Err(error)),
    }
}

fn bytes(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| {
        let (path, why) = (path.to_owned(), error.to_string());
        TlsError::Unreadable { what, path, why }
    })
}

fn config(files: &TlsFiles, certificate: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let path = || files.certificate.clone();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Broken { path: path(), why: error.to_string() })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path() });
    }
    let path = || files.key.clone();
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound
            if memchr::memmem::find(key, b"ENCRYPTED").is_some() =>
        {
            TlsError::Encrypted { path: path() }
        }
        rustls::pki_types::pem::Error::NoItemsFound => TlsError::NoKey { path: path() },
        error => TlsError::Broken { path: path(), why: error.to_string() },
    })?;
    let unfit = |error: rustls::Error| {
        let why = match error {
            rustls::Error::InconsistentKeys(_) => {
                "the key is that of another certificate".to_owned()
            }
            error => error.to_string(),
        };
        TlsError::Unfit { files: files.clone(), why }
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(unfit)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
