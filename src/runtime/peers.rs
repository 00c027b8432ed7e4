//! How the processes of a run agree on changes of it: by connections of their own to the first process, which are there for
//! as long as the processes are, whatever run takes the place of another.
//!
//! A message is a line of JSON. A connection that breaks before a goodbye means that a process is lost, and whatever runs by
//! then fails.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::door::Door;
use super::greeting::{Greeting, MeetingPurpose};
use super::options::RunOptions;
use super::processes::{ProcessWatch, meet, prepare};
use super::stop::Stop;
use crate::plan::Plan;
use crate::sink::Failure;
use crate::store::Recovered;

/// What goes over a connection.
#[derive(Serialize, Deserialize)]
enum PeerLine<M> {
    Message(M),
    /// Nothing more comes: the run is over.
    Goodbye,
}

/// A connection to each other process that this one agrees with: of the first process to all, of others to that one.
pub struct Peers {
    /// By process.
    streams: Vec<Option<Mutex<TcpStream>>>,
    hosts: Vec<String>,
    door: Door,
    loss: Arc<Mutex<Loss>>,
}

/// What is told of a process that is lost.
#[derive(Default)]
struct Loss {
    lost: Option<String>,
    /// What runs, or is built.
    told: Vec<(Failure, Stop)>,
}

impl Peers {
    /// Connects to the others, once all are there. `None` if a signal came first.
    pub fn connect(
        plan: &Plan,
        options: &RunOptions,
        recovered: Option<&Recovered>,
        watch: &ProcessWatch,
    ) -> Result<Option<Self>, String> {
        let greeting = Greeting::new(plan, options, recovered, MeetingPurpose::Agreement);
        let Some(streams) = meet(&greeting, options, watch)? else { return Ok(None) };
        let own = options.process;
        let kept = |(process, stream): (usize, Option<TcpStream>)| {
            let stream = stream.filter(|_| own == 0 || process == 0);
            stream.map(|stream| prepare(&stream).map(|()| Mutex::new(stream))).transpose()
        };
        let streams = streams.into_iter().enumerate().map(kept).collect::<io::Result<_>>();
        let streams =
            streams.map_err(|error| format!("other processes can't be talked to: {error}"))?;
        let (hosts, door) = (options.hosts.clone(), options.door.clone());
        Ok(Some(Peers { streams, hosts, door, loss: Arc::default() }))
    }

    /// The processes that this one agrees with.
    pub fn others(&self) -> impl Iterator<Item = usize> {
        (0..self.streams.len()).filter(|process| self.streams[*process].is_some())
    }

    /// A process, as it is told.
    pub fn name(&self, process: usize) -> String {
        format!("process {process} at {}", self.hosts[process])
    }

    /// Why a process is lost, if one is.
    pub fn lost(&self) -> Option<String> {
        self.loss.lock().expect("no one panics with it").lost.clone()
    }

    /// A run fails, and is told to look, when a process is lost.
    pub(super) fn fails(&self, failure: &Failure, stop: &Stop) {
        let mut loss = self.loss.lock().expect("no one panics with it");
        if let Some(why) = &loss.lost {
            failure.set(why.clone());
        }
        loss.told.push((failure.clone(), stop.clone()));
    }

    /// Says something to a process. One that is lost is told of by [`Peers::listen`].
    pub fn say<M: Serialize>(&self, process: usize, message: M) {
        self.write(process, &PeerLine::Message(message));
    }

    /// Says that nothing more comes.
    pub fn say_goodbye(&self) {
        self.others().for_each(|process| self.write(process, &PeerLine::<()>::Goodbye));
    }

    fn write<M: Serialize>(&self, process: usize, line: &PeerLine<M>) {
        let Some(stream) = &self.streams[process] else { return };
        let mut text = serde_json::to_vec(line).expect("JSON");
        text.push(b'\n');
        let mut stream = stream.lock().expect("no one panics with it");
        if let Err(error) = stream.write_all(&text) {
            tracing::debug!("{} does not listen: {error}", self.name(process));
        }
    }

    /// Hands over what others say, each on a thread of its own, and last of all that nothing more comes.
    pub fn listen<M: DeserializeOwned>(
        &self,
        take: impl Fn(usize, Option<M>) + Send + Clone + 'static,
    ) -> io::Result<()> {
        for process in self.others() {
            let stream = self.streams[process].as_ref().expect("it is one of those");
            let stream = stream.lock().expect("no one panics with it").try_clone()?;
            let (take, name, loss) = (take.clone(), self.name(process), Arc::clone(&self.loss));
            let door = self.door.clone();
            let thread = std::thread::Builder::new().name("agreement".to_owned());
            thread.spawn(move || {
                let lost = hear(stream, |message| take(process, Some(message)));
                lost.inspect(|how| Loss::announce(&loss, &door.broken(process, &name, how)));
                take(process, None);
            })?;
        }
        Ok(())
    }
}

/// Reads what is said until the goodbye, or says why none came.
fn hear<M: DeserializeOwned>(stream: TcpStream, take: impl Fn(M)) -> Option<String> {
    for line in BufReader::new(stream).lines() {
        let line = line.and_then(|line| Ok(serde_json::from_str::<PeerLine<M>>(&line)?));
        match line {
            Ok(PeerLine::Message(message)) => take(message),
            Ok(PeerLine::Goodbye) => return None,
            Err(error) => return Some(error.to_string()),
        }
    }
    Some("it closed the connection".to_owned())
}

impl Loss {
    fn announce(loss: &Mutex<Loss>, why: &str) {
        let mut loss = loss.lock().expect("no one panics with it");
        for (failure, stop) in &loss.told {
            failure.set(why.to_owned());
            stop.wake();
        }
        loss.lost = Some(why.to_owned());
    }
}
