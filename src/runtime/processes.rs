//! Connections between the processes of a run, made before anything starts.
//!
//! Every two processes have one connection, which the one with the greater number opens. Before it
//! carries any data both say who they are, so that processes which do not belong together never work
//! together. A connection that breaks before the other side has said goodbye means that a process is
//! lost: nothing that this one has not sent can become complete any more, so it fails, and whoever
//! reads or writes that connection waits for the end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::zero_copy::stream::Stream;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::{Config, Hooks};

use super::Clock;
use super::options::RunOptions;
use super::stop::Stop;
use crate::plan::Plan;
use crate::plan::stated::{Stated, differences};
use crate::sink::Failure;
use crate::store::Recovered;
use crate::time::{Tick, rfc3339};

/// How often another process is looked for, and how often that is logged.
const RETRY: Duration = Duration::from_millis(100);
const LOGGING: Duration = Duration::from_secs(10);
/// How long another process may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long another machine may be silent although it is asked.
const SILENCE: Duration = Duration::from_secs(30);
/// A greeting has at most so many bytes; it holds what the definition says.
const GREETING: usize = 16 << 20;
/// Timely ends its data with a message header of zeros; no other header is like it.
const GOODBYE: usize = 6 * size_of::<u64>();

/// What timely's workers are made of, and what is to be held for as long as they run.
pub type TimelyWorkers = (Vec<AllocatorBuilder>, Box<dyn std::any::Any + Send>);

/// What those who wait for others, and those who read from them, look at.
#[derive(Clone)]
pub struct ProcessWatch {
    pub failure: Failure,
    pub stop: Stop,
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// See [`RunOptions::stay`].
    pub stay: fn() -> !,
}

/// Prepares this process's workers, once all processes are there. `None` if a signal came first.
pub fn connect(
    plan: &Plan,
    options: &RunOptions,
    recovered: Option<&Recovered>,
    watch: &ProcessWatch,
) -> Result<Option<TimelyWorkers>, String> {
    if options.hosts.len() < 2 {
        let workers = options.workers;
        return if workers == 1 { Config::Thread } else { Config::Process(workers) }
            .try_build()
            .map(Some);
    }
    let greeting = Greeting::new(plan, options, recovered);
    let Some(sockets) = meet(&greeting, options, watch)? else { return Ok(None) };
    let hooks = Hooks::default();
    let workers = ProcessBuilder::new_typed_vector(options.workers, hooks.refill.clone(), None);
    initialize_networking_from_sockets(workers, sockets, options.process, options.workers, hooks)
        .map(|(workers, guard)| {
            let workers = workers.into_iter().map(AllocatorBuilder::Tcp).collect();
            Some((workers, Box::new(guard) as Box<_>))
        })
        .map_err(|error| format!("connections can't be used: {error}"))
}

/// By process, the connection to it; none to this one.
fn meet(
    own: &Greeting,
    options: &RunOptions,
    watch: &ProcessWatch,
) -> Result<Option<Vec<Option<Connection>>>, String> {
    let address = &options.hosts[own.process];
    let cannot =
        |error: io::Error| format!("process {} can't listen at {address}: {error}", own.process);
    let listener = TcpListener::bind(address).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    let mut sockets: Vec<Option<Connection>> = (0..own.processes).map(|_| None).collect();
    let mut waiting = MissingLog::default();
    while let Some(missing) =
        (0..own.processes).find(|p| *p != own.process && sockets[*p].is_none())
    {
        if watch.stop.asked().is_some() {
            return Ok(None);
        }
        let host = &options.hosts[missing];
        let met = if missing < own.process {
            TcpStream::connect(host).and_then(|mut stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                own.send(&mut stream)?;
                Ok((Greeting::receive(&mut stream)?, stream))
            })
        } else {
            listener.accept().and_then(|(mut stream, _)| {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                let greeting = Greeting::receive(&mut stream)?;
                own.send(&mut stream)?;
                Ok((greeting, stream))
            })
        };
        match met {
            Ok((greeting, stream)) => {
                let process = greeting.process;
                let expected = if missing < own.process { missing } else { process };
                let who = options.hosts.get(process).unwrap_or(host);
                own.check(&greeting, expected, who)?;
                match sockets.get_mut(process) {
                    Some(socket @ None) if process != own.process => {
                        *socket = Some(Connection::new(stream, process, who, watch)?);
                    }
                    _ => return Err(format!("two processes were started as --process {process}")),
                }
            }
            Err(error) => {
                waiting.log(missing, host, &error);
                std::thread::sleep(RETRY);
            }
        }
    }
    waiting.end();
    Ok(Some(sockets))
}

/// Tells whom this process waits for.
#[derive(Default)]
struct MissingLog {
    logged: Option<Instant>,
}

impl MissingLog {
    fn log(&mut self, process: usize, host: &str, error: &io::Error) {
        if self.logged.is_some_and(|logged| logged.elapsed() < LOGGING) {
            return;
        }
        self.logged = Some(Instant::now());
        match error.kind() {
            io::ErrorKind::WouldBlock => tracing::info!("waiting for process {process} at {host}"),
            _ => tracing::info!("waiting for process {process} at {host}: {error}"),
        }
    }

    fn end(&self) {
        if self.logged.is_some() {
            tracing::info!("all processes are there");
        }
    }
}

/// What processes tell each other before anything else.
#[derive(Debug, Serialize, Deserialize)]
struct Greeting {
    selfsame: String,
    process: usize,
    processes: usize,
    workers: usize,
    /// What was said on the command line of when the run begins and ends and of what `now()` follows.
    said: Vec<String>,
    definition: Vec<Stated>,
    /// What is stored, where anything is.
    stored: Option<Storing>,
}

/// Which store a run goes on with, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Storing {
    store: String,
    run: u64,
    until: Tick,
    checkpoint: Option<Tick>,
}

impl Greeting {
    fn new(plan: &Plan, options: &RunOptions, recovered: Option<&Recovered>) -> Self {
        Greeting {
            selfsame: env!("CARGO_PKG_VERSION").to_owned(),
            process: options.process,
            processes: options.hosts.len(),
            workers: options.workers,
            said: said(options),
            definition: plan.stated.clone(),
            stored: recovered.map(|recovered| Storing {
                store: recovered.store.clone(),
                run: recovered.next_run,
                until: recovered.until,
                checkpoint: recovered.checkpoint.as_ref().map(|checkpoint| checkpoint.of.tick),
            }),
        }
    }

    fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        let json = serde_json::to_vec(self)?;
        stream.write_all(&(json.len() as u32).to_be_bytes())?;
        stream.write_all(&json)
    }

    fn receive(stream: &mut TcpStream) -> io::Result<Self> {
        let foreign = || io::Error::new(io::ErrorKind::InvalidData, "what answers is no selfsame");
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > GREETING {
            return Err(foreign());
        }
        let mut json = vec![0; length];
        stream.read_exact(&mut json)?;
        serde_json::from_slice(&json).map_err(|_| foreign())
    }

    /// Whether the other one belongs to the same run.
    fn check(&self, other: &Greeting, expected: usize, host: &str) -> Result<(), String> {
        let who = format!("process {} at {host}", other.process);
        if other.selfsame != self.selfsame {
            let (found, own) = (&other.selfsame, &self.selfsame);
            return Err(format!("{who} is selfsame {found}, this one {own}: run the same version"));
        }
        if other.processes != self.processes {
            let (found, own) = (other.processes, self.processes);
            return Err(format!(
                "{who} has a hosts file with {found} processes, this one {own}: give all the same"
            ));
        }
        if other.process != expected {
            return Err(format!(
                "what answers at {host} is process {}, not {expected}: give all processes the \
                 same hosts file, and each its own --process",
                other.process
            ));
        }
        if other.workers != self.workers {
            let (found, own) = (other.workers, self.workers);
            return Err(format!(
                "{who} has --workers {found}, this one --workers {own}: give all the same number"
            ));
        }
        if other.said != self.said {
            let (found, own) = (other.said.join(" "), self.said.join(" "));
            return Err(format!(
                "{who} was started with {found}, this one with {own}: give all the same"
            ));
        }
        if other.stored != self.stored {
            let why = match (&other.stored, &self.stored) {
                (None, _) => "has no data folder, and this one has".to_owned(),
                (_, None) => "has a data folder, and this one has none".to_owned(),
                (Some(found), Some(own)) if found.store != own.store => {
                    "has another data folder".to_owned()
                }
                _ => "sees other rows in the data folder".to_owned(),
            };
            return Err(format!(
                "{who} {why}: give all processes one data folder that all of them see, and start them when no \
                 process of an earlier run is left"
            ));
        }
        let differences = differences(&other.definition, &self.definition);
        if !differences.is_empty() {
            return Err(format!(
                "{who} runs another definition: give all the same. They differ in{differences}"
            ));
        }
        Ok(())
    }
}

/// What all processes have to be told alike beside the number of workers.
fn said(options: &RunOptions) -> Vec<String> {
    let clock = match options.clock {
        Clock::Wall => "--clock wall".to_owned(),
        Clock::Event => "--clock event".to_owned(),
        Clock::Fixed(instant) => format!("--clock fixed:{}", rfc3339(instant)),
    };
    let flags = [(options.until_end, "--until-end"), (options.follow, "--follow")];
    let given = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned());
    [clock].into_iter().chain(given).collect()
}

/// A connection to another process that knows whether it ended as it should.
struct Connection {
    stream: TcpStream,
    process: usize,
    host: String,
    /// How many zeros were read last.
    zeros: usize,
    watch: ProcessWatch,
}

impl Connection {
    fn new(
        stream: TcpStream,
        process: usize,
        host: &str,
        watch: &ProcessWatch,
    ) -> Result<Self, String> {
        prepare(&stream).map_err(|error| format!("{host} can't be talked to: {error}"))?;
        Ok(Connection { stream, process, host: host.to_owned(), zeros: 0, watch: watch.clone() })
    }

    /// The process will end, and what its workers would yet say must not look like a goodbye.
    fn lost(&self, why: &str) -> ! {
        let Connection { process, host, .. } = self;
        self.watch.failure.set(format!(
            "process {process} at {host} is lost ({why}): this one stops, too; start all of them again"
        ));
        (self.watch.wake)();
        (self.watch.stay)()
    }
}

/// A machine that is gone says nothing any more: silence is taken for its end.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(None)?;
    let socket = socket2::SockRef::from(stream);
    let probes = socket2::TcpKeepalive::new().with_time(SILENCE / 2).with_interval(SILENCE / 6);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE))?;
    Ok(())
}

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(into) {
            Ok(0) | Err(_) if self.zeros >= GOODBYE => Ok(0),
            Ok(0) => self.lost("it closed the connection"),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => self.lost(&error.to_string()),
            Ok(read) => {
                let zeros = into[..read].iter().rev().take_while(|byte| **byte == 0).count();
                self.zeros = if zeros == read { self.zeros + read } else { zeros };
                Ok(read)
            }
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.lost(&error.to_string())
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for Connection {
    fn try_clone(&self) -> io::Result<Self> {
        let stream = self.stream.try_clone()?;
        let (host, watch) = (self.host.clone(), self.watch.clone());
        Ok(Connection { stream, process: self.process, host, zeros: 0, watch })
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.stream.shutdown(how) {
            // The other one was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_falls_silent_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().unwrap()).expect("it listens");
        prepare(&stream).expect("options that the system knows");
        let socket = socket2::SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(SILENCE));
    }
}
