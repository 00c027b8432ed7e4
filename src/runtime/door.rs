//! Where the other processes of a run find this one: while it looks for them, and for as long as it runs, so that one
//! that fails can say why before its connections break.
//!
//! What is said here counts only once a connection breaks: a stranger who knocks ends nothing.

use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Reads which process failed, and why, if that is what somebody says who knocks.
pub type Hear = fn(&mut TcpStream) -> io::Result<Option<(usize, String)>>;

/// How often somebody is looked for who knocks.
const LOOKING: Duration = Duration::from_millis(100);
/// How long somebody who knocks may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(1);
/// So long a process whose connections break may take to say why.
const SAYING: Duration = Duration::from_millis(500);

/// The place of a process among those of a run.
#[derive(Clone, Debug, Default)]
pub struct Door(Arc<DoorState>);

#[derive(Debug, Default)]
struct DoorState {
    told: Arc<Mutex<BTreeMap<usize, String>>>,
    keeper: Mutex<Option<DoorKeeper>>,
}

/// Who listens while nobody looks for others.
#[derive(Debug)]
struct DoorKeeper {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Door {
    /// Listens at an address, until it is kept again.
    pub fn open(&self, address: &str) -> io::Result<TcpListener> {
        self.0.end_keeping();
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Hears what other processes say while all run.
    pub fn keep(&self, listener: TcpListener, hear: Hear) -> io::Result<()> {
        let ends = Arc::new(AtomicBool::new(false));
        let (told, until) = (Arc::clone(&self.0.told), Arc::clone(&ends));
        let thread = std::thread::Builder::new().name("door".to_owned()).spawn(move || {
            while !until.load(Ordering::Relaxed) {
                match knock(&listener).and_then(|mut stream| hear(&mut stream)) {
                    Ok(Some((process, why))) => {
                        told.lock().expect("no one panics with it").insert(process, why);
                    }
                    // Who looks for this process already looks for its next run, and comes again.
                    Ok(None) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        std::thread::sleep(LOOKING);
                    }
                    Err(error) => tracing::debug!("somebody knocked and said nothing: {error}"),
                }
            }
        })?;
        *self.0.keeper.lock().expect("no one panics with it") = Some(DoorKeeper { ends, thread });
        Ok(())
    }

    /// What becomes of this process since the connection to another one broke, and why that did.
    pub fn broken(&self, process: usize, name: &str, how: &str) -> String {
        let told = || self.0.told.lock().expect("no one panics with it").get(&process).cloned();
        let broke = Instant::now();
        let said = loop {
            let told = told();
            if told.is_some() || broke.elapsed() > SAYING {
                break told;
            }
            std::thread::sleep(LOOKING / 4);
        };
        let what = match said {
            Some(why) => format!("failed ({why})"),
            None => format!("is lost ({how})"),
        };
        format!("{name} {what}: this one stops, too; start all of them again")
    }
}

impl DoorState {
    fn end_keeping(&self) {
        if let Some(DoorKeeper { ends, thread }) =
            self.keeper.lock().expect("no one panics with it").take()
        {
            ends.store(true, Ordering::Relaxed);
            let _ = thread.join();
        }
    }
}

impl Drop for DoorState {
    fn drop(&mut self) {
        self.end_keeping();
    }
}

/// Somebody who knocks. The connection is closed once it is heard: then it knows that it was.
fn knock(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
