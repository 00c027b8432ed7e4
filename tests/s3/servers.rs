//! Real servers that speak S3: versitygw, of Go, and moto, of Python. Each is fetched once and kept for the next time.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::program::free_addresses;
use crate::python;

const VERSITYGW: &str = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
const MOTO: &str = "moto[server,s3]==5.2.5";
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, ended when this is dropped.
pub struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    address: String,
    child: Option<Child>,
    folder: tempfile::TempDir,
}

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// What is installed once.
///
/// # Panics
/// Where this must not be left out: in continuous integration.
fn have(program: PathBuf, install: impl Fn() -> std::io::Result<bool>) -> Option<PathBuf> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if program.exists() {
        return Some(program);
    }
    let got = install();
    if program.exists() {
        return Some(program);
    }
    let why = format!("'{}' can't be had: {got:?}", program.display());
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
    None
}

impl Server {
    /// Objects are files of a folder.
    pub fn versitygw() -> Option<Self> {
        let folder = kept("versitygw-1.8.0");
        let program = have(folder.join("versitygw"), || {
            let go =
                Command::new("go").args(["install", VERSITYGW]).env("GOBIN", &folder).status()?;
            Ok(go.success())
        })?;
        let objects = tempfile::tempdir().expect("a folder");
        let address = free_addresses(1).remove(0);
        let data = objects.path().display().to_string();
        let arguments = [
            "--access",
            "someone",
            "--secret",
            "secret12",
            "--port",
            &address,
            "--region",
            "us-east-1",
            "posix",
            &data,
        ];
        let arguments = arguments.map(str::to_owned).to_vec();
        Some(Server { program, arguments, address, child: None, folder: objects }.started())
    }

    pub fn moto() -> Option<Self> {
        let works = |bin: &Path| bin.join("moto_server").exists();
        let program = python::programs("moto-5.2.5", &[MOTO], works)?.join("moto_server");
        let address = free_addresses(1).remove(0);
        let (host, port) = address.split_once(':').expect("a port");
        let arguments = ["-H", host, "-p", port].map(str::to_owned).to_vec();
        let folder = tempfile::tempdir().expect("a folder");
        Some(Server { program, arguments, address, child: None, folder }.started())
    }

    fn started(mut self) -> Self {
        self.start();
        self
    }

    pub fn start(&mut self) {
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.expect("it starts"));
        let began = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            assert!(began.elapsed() < PATIENCE, "{} does not listen", self.program.display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a program is to have in its environment, with a working folder of its own.
    pub fn environment(&self, cache: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", "someone".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret12".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("XDG_CACHE_HOME", cache.display().to_string()),
            ("SELFSAME_LEASE_MS", "2000".to_owned()),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The objects of a server, as another client than ours sees them.
pub struct Objects {
    client: object_store::aws::AmazonS3,
    runtime: tokio::runtime::Runtime,
}

impl Objects {
    /// A place in a bucket, which is made.
    pub fn of(server: &Server, bucket: &str) -> Self {
        let builder = || {
            object_store::aws::AmazonS3Builder::new()
                .with_endpoint(server.endpoint())
                .with_allow_http(true)
                .with_region("us-east-1")
                .with_access_key_id("someone")
                .with_secret_access_key("secret12")
                .with_bucket_name(bucket)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let objects = Objects {
            client: builder().build().expect("a client"),
            runtime: runtime.expect("a runtime"),
        };
        objects.make_bucket(server, bucket);
        objects
    }

    /// In versitygw it is a folder, and moto asks nobody who they are.
    fn make_bucket(&self, server: &Server, bucket: &str) {
        if server.program.ends_with("versitygw") {
            return fs::create_dir(server.folder.path().join(bucket)).expect("a bucket");
        }
        let mut stream = TcpStream::connect(&server.address).expect("it listens");
        let host = &server.address;
        let request = format!(
            "PUT /{bucket} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{bucket}: {answer}");
    }

    pub fn keys(&self) -> Vec<String> {
        use futures_util::TryStreamExt;
        use object_store::ObjectStore;
        let listed = self.client.list(None).map_ok(|of| of.location.to_string());
        let mut keys: Vec<String> = self.runtime.block_on(listed.try_collect()).expect("keys");
        keys.sort();
        keys
    }

    pub fn get(&self, key: &str) -> Vec<u8> {
        use object_store::ObjectStoreExt;
        let key = object_store::path::Path::parse(key).expect("a key");
        let got = async { self.client.get(&key).await?.bytes().await };
        self.runtime.block_on(got).expect("an object").to_vec()
    }

    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        use object_store::ObjectStoreExt;
        let key = object_store::path::Path::parse(key).expect("a key");
        self.runtime.block_on(self.client.put(&key, bytes.into())).expect("it is put");
    }

    pub fn delete(&self, key: &str) {
        use object_store::ObjectStoreExt;
        let key = object_store::path::Path::parse(key).expect("a key");
        self.runtime.block_on(self.client.delete(&key)).expect("it is deleted");
    }
}
