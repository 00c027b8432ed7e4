//! A port, and the threads that answer there.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use axum::Router;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Threads that answer. What takes long is done on others.
const THREADS: usize = 2;

/// How long requests that are under way may take when the run has ended.
const GOODBYE: Duration = Duration::from_secs(3);

/// Why nothing can be answered.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("nothing can be served at '{listen}': {why}")]
    Address { listen: String, why: String },
    #[error(
        "'{listen}' can be reached from other machines, and there are no keys: serve at 127.0.0.1, behind a proxy \
         that asks who is there"
    )]
    Open { listen: String },
    #[error(
        "source {source_name} takes rows over HTTP, and the run listens nowhere: add http: {{listen: \
             \"127.0.0.1:8080\"}} to the definition, or --http 127.0.0.1:8080"
    )]
    NotListening { source_name: String },
}

/// A port that has been taken.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Bound {
    /// Takes a port, such as `127.0.0.1:8080`, or as many behind it as is said.
    ///
    /// # Errors
    /// If the address is none, is taken, or can be reached from elsewhere.
    pub fn at(listen: &str, behind: u16) -> Result<Self, ServeError> {
        let failed = |why: String| ServeError::Address { listen: listen.to_owned(), why };
        let addresses = listen.to_socket_addrs().map_err(|error| {
            failed(format!("{error}: an address and a port are wanted, as in 127.0.0.1:8080"))
        })?;
        let mut addresses: Vec<SocketAddr> = addresses.collect();
        // Port 0 is any that is free.
        let given = addresses.iter_mut().filter(|address| address.port() > 0);
        given.for_each(|address| address.set_port(address.port().saturating_add(behind)));
        if addresses.iter().any(|address| !address.ip().is_loopback()) {
            return Err(ServeError::Open { listen: listen.to_owned() });
        }
        let listener =
            TcpListener::bind(&addresses[..]).map_err(|error| failed(error.to_string()))?;
        listener.set_nonblocking(true).map_err(|error| failed(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
        Ok(Bound { listener, address })
    }

    /// Answers there, until what is returned is dropped.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn serve(self, router: Router) -> Result<Server, ServeError> {
        let address = self.address;
        let failed = |error: std::io::Error| {
            let (listen, why) = (address.to_string(), error.to_string());
            ServeError::Address { listen, why }
        };
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(THREADS).thread_name("http").enable_all();
        let runtime = runtime.build().map_err(failed)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(self.listener).map_err(failed)?
        };
        let (ending, mut ended) = watch::channel(false);
        let (told, is_over) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let end = async move { drop(ended.wait_for(|is_ended| *is_ended).await) };
            // It ends by being told to.
            let _ = axum::serve(listener, router).with_graceful_shutdown(end).await;
            let _ = told.send(());
        });
        Ok(Server { address, ending, is_over, runtime: Some(runtime) })
    }
}

/// Answers until it is dropped: then what is under way is answered yet, for a while.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    ending: watch::Sender<bool>,
    is_over: std::sync::mpsc::Receiver<()>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.ending.send(true);
        let _ = self.is_over.recv_timeout(GOODBYE);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
