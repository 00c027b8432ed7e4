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

use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::zero_copy::stream::Stream;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::{Config, Hooks};

use super::greeting::{Greeting, MeetingPurpose};
use super::options::RunOptions;
use super::stop::Stop;
use crate::plan::Plan;
use crate::sink::Failure;
use crate::store::Recovered;

/// How often another process is looked for, and how often that is logged.
const RETRY: Duration = Duration::from_millis(100);
const LOGGING: Duration = Duration::from_secs(10);
/// So long processes that are there take to meet.
const MEETING: Duration = Duration::from_secs(1);
/// How long another process may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long another machine may be silent although it is asked.
const SILENCE: Duration = Duration::from_secs(30);
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
    meeting: MeetingPurpose,
) -> Result<Option<TimelyWorkers>, String> {
    if options.hosts.len() < 2 {
        let workers = options.workers;
        return if workers == 1 { Config::Thread } else { Config::Process(workers) }
            .try_build()
            .map(Some);
    }
    let greeting = Greeting::new(plan, options, recovered, meeting);
    let Some(streams) = meet(&greeting, options, watch)? else { return Ok(None) };
    let connected = |(process, stream): (usize, Option<TcpStream>)| {
        stream.map(|of| Connection::new(of, process, &options.hosts[process], watch)).transpose()
    };
    let sockets = streams.into_iter().enumerate().map(connected).collect::<Result<_, _>>()?;
    let hooks = Hooks::default();
    let workers = ProcessBuilder::new_typed_vector(options.workers, hooks.refill.clone(), None);
    initialize_networking_from_sockets(workers, sockets, options.process, options.workers, hooks)
        .map(|(workers, guard)| {
            let workers = workers.into_iter().map(AllocatorBuilder::Tcp).collect();
            Some((workers, Box::new(guard) as Box<_>))
        })
        .map_err(|error| format!("connections can't be used: {error}"))
}

/// By process, the connection to it; none to this one. `None` if a signal came first.
pub(super) fn meet(
    own: &Greeting,
    options: &RunOptions,
    watch: &ProcessWatch,
) -> Result<Option<Vec<Option<TcpStream>>>, String> {
    let address = &options.hosts[own.process];
    let cannot =
        |error: io::Error| format!("process {} can't listen at {address}: {error}", own.process);
    let listener = TcpListener::bind(address).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    let mut sockets: Vec<Option<TcpStream>> = (0..own.processes).map(|_| None).collect();
    let mut waiting = MissingLog::default();
    while let Some(missing) =
        (0..own.processes).find(|p| *p != own.process && sockets[*p].is_none())
    {
        if watch.stop.asked().is_some() {
            return Ok(None);
        }
        if let Some(why) = watch.failure.get() {
            return Err(why.to_owned());
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
            // It is behind, or ahead: one of the two comes again.
            Ok((greeting, _)) if greeting.meeting != own.meeting => std::thread::sleep(RETRY),
            Ok((greeting, stream)) => {
                let process = greeting.process;
                let expected = if missing < own.process { missing } else { process };
                let who = options.hosts.get(process).unwrap_or(host);
                own.check(&greeting, expected, who)?;
                match sockets.get_mut(process) {
                    Some(socket @ None) if process != own.process => {
                        *socket = Some(stream);
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

/// Tells whom this process waits for, where it takes longer than those take to meet who are there.
struct MissingLog {
    next: Instant,
    is_logged: bool,
}

impl Default for MissingLog {
    fn default() -> Self {
        MissingLog { next: Instant::now() + MEETING, is_logged: false }
    }
}

impl MissingLog {
    fn log(&mut self, process: usize, host: &str, error: &io::Error) {
        if Instant::now() < self.next {
            return;
        }
        (self.next, self.is_logged) = (Instant::now() + LOGGING, true);
        match error.kind() {
            io::ErrorKind::WouldBlock => tracing::info!("waiting for process {process} at {host}"),
            _ => tracing::info!("waiting for process {process} at {host}: {error}"),
        }
    }

    fn end(&self) {
        if self.is_logged {
            tracing::info!("all processes are there");
        }
    }
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
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
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
