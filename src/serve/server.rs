//! A port, and the threads that answer there.
//!
//! 1. Connections are few enough: past a bound whoever has been waited for longest goes (`places`), and others wait.
//! 2. A connection is closed that does not agree on TLS or send a request's head in time, or takes nothing of its answer.
//! 3. When the run ends, what is being answered is finished, for a while; then all connections are closed.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::head::{HEAD_BYTES, checked};
use super::keys_in_force::KeysInForce;
use super::open_files;
use super::patient::PatientStream;
use super::places::{AnswerBody, ConnectionPlace, ConnectionPlaces, RequestBody};
use super::refused::RefusingStream;
use super::tls::{ReloadedTls, TlsError};
use super::unread::UnreadInput;
use crate::plan::HttpServing;

/// Threads that answer. What takes long is done on others.
const THREADS: usize = 2;
/// Connections at once, where that leaves half of what a process may have open for files.
const CONNECTIONS: usize = 1_024;
/// How long a client may take to send a request's head, and be silent between two.
const HEAD: Duration = Duration::from_secs(30);
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
    #[error("nothing can be served with `tls` of `http`: {0}")]
    Tls(#[from] TlsError),
    #[error("nothing can be served with `keys` of `http`: {0}")]
    Keys(String),
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: SocketAddr,
    /// Whether it came encrypted.
    pub is_encrypted: bool,
    /// The connection's place among all: held by whatever goes on with it when HTTP has ended there.
    pub place: Arc<ConnectionPlace>,
}

/// A port that has been taken.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    pub address: SocketAddr,
    tls: Option<Arc<ReloadedTls>>,
    keys: Arc<KeysInForce>,
    closing: watch::Sender<bool>,
}

impl Bound {
    /// Takes a port, such as `127.0.0.1:8080`, or as many behind it as is said.
    ///
    /// # Errors
    /// If the address is none, is taken, or can be reached from elsewhere and there are no keys, or if its
    /// keys, or what it is to be encrypted with, do not do.
    pub fn at(listen: &str, behind: u16, serving: &HttpServing) -> Result<Self, ServeError> {
        let tls = serving.tls.as_ref().map(ReloadedTls::load).transpose()?.map(Arc::new);
        let keys = KeysInForce::load(&serving.keys).map_err(ServeError::Keys)?;
        let failed = |why: String| ServeError::Address { listen: listen.to_owned(), why };
        let addresses = listen.to_socket_addrs().map_err(|error| {
            failed(format!("{error}: an address and a port are wanted, as in 127.0.0.1:8080"))
        })?;
        let mut addresses: Vec<SocketAddr> = addresses.collect();
        // Port 0 is any that is free.
        let given = addresses.iter_mut().filter(|address| address.port() > 0);
        given.for_each(|address| address.set_port(address.port().saturating_add(behind)));
        let is_open = |address: &SocketAddr| !address.ip().is_loopback();
        if !keys.are_wanted() && addresses.iter().any(is_open) {
            return Err(ServeError::Open { listen: listen.to_owned() });
        }
        let listener =
            TcpListener::bind(&addresses[..]).map_err(|error| failed(error.to_string()))?;
        listener.set_nonblocking(true).map_err(|error| failed(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
        Ok(Bound { listener, address, tls, keys, closing: watch::channel(false).0 })
    }

    pub fn keys(&self) -> Arc<KeysInForce> {
        Arc::clone(&self.keys)
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
        let Bound { listener, address, tls, keys, closing } = self;
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
        let is_encrypted = tls.is_some();
        if let Some(tls) = &tls {
            runtime.spawn(Arc::clone(tls).follow());
        }
        runtime.spawn(keys.follow());
        runtime.spawn(accept(listener, tls, router, closing.subscribe(), Arc::clone(&busy)));
        Ok(Server { address, is_encrypted, closing, busy, runtime: Some(runtime) })
    }
}

/// Answers until it is dropped: then what is under way is answered yet, for a while.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    pub is_encrypted: bool,
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
    tls: Option<Arc<ReloadedTls>>,
    router: Router,
    mut closing: watch::Receiver<bool>,
    busy: Arc<()>,
) {
    let places = ConnectionPlaces::new(CONNECTIONS.min(open_files::may_be_open() / 2));
    loop {
        let next = async {
            let (stream, address) = listener.accept().await?;
            Ok::<_, io::Error>((stream, address, places.room().await))
        };
        let accepted = tokio::select! {
            next = next => next,
            () = closed(&mut closing) => return,
        };
        match accepted {
            Ok((stream, address, room)) => {
                let _ = stream.set_nodelay(true);
                let is_encrypted = tls.is_some();
                let client = Client { address, is_encrypted, place: places.place(room, &busy) };
                let answering =
                    Answering { router: router.clone(), client, closing: closing.clone() };
                let tls = tls.clone();
                tokio::spawn(async move { answering.client(stream, tls).await });
            }
            Err(error) => {
                tracing::debug!("no connection was had: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// What a connection is answered with.
struct Answering {
    router: Router,
    client: Client,
    closing: watch::Receiver<bool>,
}

impl Answering {
    /// Answers a client, over TLS where the port wants it.
    async fn client(mut self, stream: tokio::net::TcpStream, tls: Option<Arc<ReloadedTls>>) {
        let Some(tls) = tls else { return self.connection(PatientStream::new(stream)).await };
        let agreed = tokio::select! {
            agreed = tokio::time::timeout(HEAD, tls.agree(stream)) => agreed,
            () = closed(&mut self.closing) => return,
            () = self.client.place.dismissed() => return,
        };
        match agreed {
            Ok(Ok(stream)) => self.connection(stream).await,
            Ok(Err(error)) => tracing::debug!("TLS was not agreed on: {error}"),
            Err(_) => tracing::debug!("TLS was not agreed on in time"),
        }
    }

    /// Answers what comes over one connection, until it ends.
    async fn connection<S>(mut self, stream: S)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
        let (client, router) = (self.client, TowerToHyperService::new(self.router));
        let (place, unread) = (Arc::clone(&client.place), UnreadInput::default());
        let stream = RefusingStream::new(stream, Arc::clone(&place), unread.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let place = Arc::clone(&client.place);
            place.is_answered();
            unread.clear();
            let sent = |body| RequestBody::of(body, Arc::clone(&place), unread.clone());
            let checked = checked(&request);
            let mut request = request.map(sent);
            request.extensions_mut().insert(client.clone());
            let answer = checked.map(|()| router.call(request));
            let unread = unread.clone();
            async move {
                let answer = match answer {
                    Ok(answer) => answer.await,
                    Err(denial) => Ok(denial.into_response()),
                };
                // HTTP takes a small rest of a body that is there, or gives the connection up: it does so before the
                // answer's head is written, which says then that the connection ends (RFC 9112, section 9.6).
                if unread.is_there() {
                    tokio::task::yield_now().await;
                }
                answer.map(|answer| AnswerBody::of(answer, place))
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = place.dismissed() => return,
            () = closed(&mut self.closing) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!("a connection has ended: {error}");
        }
    }
}
