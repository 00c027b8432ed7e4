//! Connections between the processes of a run, made before anything starts.
//!
//! Every two processes have one connection, which the one with the greater number opens. Before it
//! carries any data both say who they are, so that processes which do not belong together never work
//! together. A connection that breaks before the other side has said goodbye means that a process is
//! lost: nothing that this one has not sent can become complete any more, so it fails, and whoever
//! reads or writes that connection waits for the end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::zero_copy::stream::Stream;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::{Config, Hooks};

use super::door::Door;
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
/// So long another process is waited for. It may have to fetch what is stored first.
const WAITING: Duration = Duration::from_secs(30 * 60);
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
    pub door: Door,
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

/// Tells the other processes of a run why this one fails: those that wait for it would do so in vain, and those that run
/// with it see no more than that its connections break. Returns once they have heard it, or do not listen.
pub fn tell_that_it_failed(process: usize, hosts: &[String], why: &str) {
    let why = why.lines().next().unwrap_or_default().to_owned();
    let greeting = Greeting::of_failed(process, hosts.len(), why);
    let tell = |host: &str| -> io::Result<()> {
        let mut stream = reach(host, MEETING)?;
        greeting.send(&mut stream)?;
        stream.set_read_timeout(Some(MEETING))?;
        // It says nothing, and closes the connection.
        io::copy(&mut stream, &mut io::sink()).map(|_| ())
    };
    std::thread::scope(|scope| {
        for (_, host) in (0..).zip(hosts).filter(|(other, _)| *other != process) {
            scope.spawn(move || {
                let told = tell(host);
                tracing::debug!("{host} is told that this process fails: {told:?}");
            });
        }
    });
}

/// By process, the connection to it; none to this one. `None` if a signal came first.
pub(super) fn meet(
    own: &Greeting,
    options: &RunOptions,
    watch: &ProcessWatch,
) -> Result<Option<Vec<Option<TcpStream>>>, String> {
    meet_within(WAITING, own, options, watch)
}

fn meet_within(
    patience: Duration,
    own: &Greeting,
    options: &RunOptions,
    watch: &ProcessWatch,
) -> Result<Option<Vec<Option<TcpStream>>>, String> {
    let address = &options.hosts[own.process];
    let cannot =
        |error: io::Error| format!("process {} can't listen at {address}: {error}", own.process);
    let listener = options.door.open(address).map_err(cannot)?;
    let mut sockets: Vec<Option<TcpStream>> = (0..own.processes).map(|_| None).collect();
    let (started, mut waiting) = (Instant::now(), MissingLog::default());
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
        if started.elapsed() > patience {
            let minutes = patience.as_secs() / 60;
            return Err(format!(
                "process {missing} at {host} was not there for {minutes} minutes: start all processes together, and look \
                 what the log of that one says"
            ));
        }
        // One with a lesser number comes here only to say that it could not start.
        let met = match accept(&listener, own) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && missing < own.process => {
                call(host, own).map(|(greeting, stream)| (greeting, stream, Some(missing)))
            }
            accepted => accepted.map(|(greeting, stream)| (greeting, stream, None)),
        };
        match met {
            Ok((Greeting { process, failed: Some(why), .. }, ..)) => {
                let who = options.hosts.get(process).unwrap_or(host);
                return Err(format!(
                    "process {process} at {who} could not start ({why}): this one stops, too; start all of them again"
                ));
            }
            // It is behind, or ahead: one of the two comes again. Of two of which one stores its rows, each waits for something
            // that the other never comes for.
            Ok((greeting, ..)) if greeting.meeting != own.meeting && own.stores_as(&greeting) => {
                std::thread::sleep(RETRY);
            }
            Ok((greeting, stream, called)) => {
                let process = greeting.process;
                let who = options.hosts.get(process).unwrap_or(host);
                own.check(&greeting, called.unwrap_or(process), who)?;
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
    options.door.keep(listener, what_fails).map_err(cannot)?;
    Ok(Some(sockets))
}

/// Which process fails, and why, if that is what somebody says.
fn what_fails(stream: &mut TcpStream) -> io::Result<Option<(usize, String)>> {
    let Greeting { process, failed, .. } = Greeting::receive(stream)?;
    Ok(failed.map(|why| (process, why)))
}

/// Another process that looks for this one.
fn accept(listener: &TcpListener, own: &Greeting) -> io::Result<(Greeting, TcpStream)> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let greeting = Greeting::receive(&mut stream)?;
    if greeting.failed.is_none() {
        own.send(&mut stream)?;
    }
    Ok((greeting, stream))
}

/// Looks for a process.
fn call(host: &str, own: &Greeting) -> io::Result<(Greeting, TcpStream)> {
    let mut stream = reach(host, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    own.send(&mut stream)?;
    Ok((Greeting::receive(&mut stream)?, stream))
}

/// Connects to the first of a host's addresses that answers.
fn reach(host: &str, patience: Duration) -> io::Result<TcpStream> {
    let mut reached = Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    for address in host.to_socket_addrs()? {
        reached = TcpStream::connect_timeout(&address, patience);
        if reached.is_ok() {
            break;
        }
    }
    reached
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
        let name = format!("process {process} at {host}");
        self.watch.failure.set(self.watch.door.broken(*process, &name, why));
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
    fn who_never_comes_is_not_waited_for_for_ever() {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|at| at.local_addr()).unwrap();
        let hosts = vec![free().to_string(), free().to_string()];
        for process in [0, 1] {
            let options = RunOptions { process, hosts: hosts.clone(), ..RunOptions::default() };
            let (failure, wake) = (Failure::default(), Arc::new(|| ()));
            let stop = Stop::new(wake.clone());
            let (stay, door) = (options.stay, options.door.clone());
            let watch = ProcessWatch { failure, stop, wake, stay, door };
            let own = Greeting::of_failed(process, 2, String::new());
            let met = meet_within(Duration::from_millis(300), &own, &options, &watch);
            let missing =
                format!("process {} at {} was not there", 1 - process, hosts[1 - process]);
            assert!(met.unwrap_err().starts_with(&missing));
        }
    }

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
