//! A port, and the threads that answer there.
//!
//! 1. Connections are few enough: past a bound they wait with the system until others have gone.
//! 2. A connection is closed that does not send a request's head in time, or takes nothing of its answer.
//! 3. When the run ends, what is being answered is finished, for a while; then all connections are closed.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use super::patient::PatientStream;

/// Threads that answer. What takes long is done on others.
const THREADS: usize = 2;
/// Connections at once.
const CONNECTIONS: usize = 1_024;
/// How long a client may take to send a request's head, and be silent between two.
const HEAD: Duration = Duration::from_secs(30);
/// How long a request's head may be.
const HEAD_BYTES: usize = 64 << 10;
/// How long requests that are under way may take when the run has ended.
const GOODBYE: Duration = Duration::from_secs(3);
/// How often it is looked whether they are done.
const LOOK: Duration = Duration::from_millis(5);
/// How long is waited when the system gives no connection.
const RETRY: Duration = Duration::from_millis(50);

/// Why nothing can be answered.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("nothing can be served at '{listen}': {why}")]
    Address { listen: String, why: String },
    #[error(
        "'{listen}' can be reached from other machines, and there are no keys: give the definition http: {{keys: \
         {{read: …, admin: …}}}}, or serve at 127.0.0.1"
    )]
    Open { listen: String },
    #[error(
        "source {source_name} takes rows over HTTP, and the run listens nowhere: add http: {{listen: \
             \"127.0.0.1:8080\"}} to the definition, or --http 127.0.0.1:8080"
    )]
    NotListening { source_name: String },
    #[error("nothing can be served: a thread can't be started: {0}")]
    Thread(std::io::Error),
}

/// A port that has been taken.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    pub address: SocketAddr,
    closing: watch::Sender<bool>,
}

impl Bound {
    /// Takes a port, such as `127.0.0.1:8080`, or as many behind it as is said.
    ///
    /// # Errors
    /// If the address is none, is taken, or can be reached from elsewhere and there are no keys.
    pub fn at(listen: &str, behind: u16, has_keys: bool) -> Result<Self, ServeError> {
        let failed = |why: String| ServeError::Address { listen: listen.to_owned(), why };
        let addresses = listen.to_socket_addrs().map_err(|error| {
            failed(format!("{error}: an address and a port are wanted, as in 127.0.0.1:8080"))
        })?;
        let mut addresses: Vec<SocketAddr> = addresses.collect();
        // Port 0 is any that is free.
        let given = addresses.iter_mut().filter(|address| address.port() > 0);
        given.for_each(|address| address.set_port(address.port().saturating_add(behind)));
        let is_open = |address: &SocketAddr| !address.ip().is_loopback();
        if !has_keys && addresses.iter().any(is_open) {
            return Err(ServeError::Open { listen: listen.to_owned() });
        }
        let listener =
            TcpListener::bind(&addresses[..]).map_err(|error| failed(error.to_string()))?;
        listener.set_nonblocking(true).map_err(|error| failed(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
        Ok(Bound { listener, address, closing: watch::channel(false).0 })
    }

    /// True once the server closes.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Answers there, until what is returned is dropped.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn serve(self, router: Router) -> Result<Server, ServeError> {
        let Bound { listener, address, closing } = self;
        let failed = |error: std::io::Error| {
            let (listen, why) = (address.to_string(), error.to_string());
            ServeError::Address { listen, why }
        };
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(THREADS).thread_name("http").enable_all();
        let runtime = runtime.build().map_err(failed)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let busy = Arc::new(());
        runtime.spawn(accept(listener, router, closing.subscribe(), Arc::clone(&busy)));
        Ok(Server { address, closing, busy, runtime: Some(runtime) })
    }
}

/// Answers until it is dropped: then what is under way is answered yet, for a while.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    closing: watch::Sender<bool>,
    /// Held by each connection, and by whoever accepts them.
    busy: Arc<()>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        let until = Instant::now() + GOODBYE;
        while Arc::strong_count(&self.busy) > 1 && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits until the server closes.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // Nobody is left to say so when that fails.
    let _ = closing.wait_for(|closing| *closing).await;
}

async fn accept(
    listener: tokio::net::TcpListener,
    router: Router,
    mut closing: watch::Receiver<bool>,
    busy: Arc<()>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await.expect("it is never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = closed(&mut closing) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                let (router, closing) = (router.clone(), closing.clone());
                let busy = Arc::clone(&busy);
                tokio::spawn(async move {
                    connection(PatientStream::new(stream), router, closing).await;
                    drop((place, busy));
                });
            }
            Err(error) => {
                tracing::debug!("no connection was had: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Answers what comes over one connection, until it ends.
async fn connection<S>(stream: S, router: Router, mut closing: watch::Receiver<bool>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closed(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection has ended: {error}");
    }
}
