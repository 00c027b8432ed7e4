//! Standard input, as one text.
//!
//! Nothing of it can be read again, so its chunks do not say how far it is read: a run that is started again
//! takes what it is given then.
//!
//! One thread waits for bytes and another cuts them into rows, so that rows that come singly are handed on
//! as they come. What is read ahead is bounded: a run that is held back holds back who writes the pipe. Only
//! the first process reads.

use std::any::Any;
use std::fmt::Display;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError, bounded};

use super::begin::{Begun, begin, most};
use super::connector::{ConnectorType, Inflow};
use super::outlet::{Chunks, Outlet, ReadEnd, SharedState, SourceOptions, Stopped};
use super::reached::FileOffset;
use super::records::RecordForm;
use super::text::{CutRows, Cutter, TextEnd};
use super::unfold::{Unfolding, unfolded};
use super::{Chunk, Payload, SourceError, encoding};
use crate::place;
use crate::plan::{Connector, Format, Plan, Source};
use crate::time::wall_clock;

/// What positions call it.
const NAME: &str = "-";

/// What is read at once.
const READ: usize = 128 << 10;

/// Blocks that wait to be cut.
const WAITING: usize = 2;

/// How long the thread that cuts goes without looking whether it is to stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

pub(super) const TYPE: ConnectorType = ConnectorType { said: None, open };

/// Standard input, which `files: "-"` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandardInput;

impl Connector for StandardInput {
    fn ends(&self, _follow: bool) -> bool {
        true
    }

    fn is_single(&self) -> bool {
        true
    }

    fn refuses(&self, format: Format) -> Option<&'static str> {
        let why = "Parquet begins with the end of a file, and standard input is read from its start: name the file";
        (format == Format::Parquet).then_some(why)
    }

    fn again(&self) -> Option<Arc<dyn Connector>> {
        None
    }
}

impl Display for StandardInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard input")
    }
}

/// Whether a path among files means standard input; `./-` is a file.
pub(super) fn is_named_by(text: &str) -> bool {
    matches!(text, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// The source that is read from standard input.
struct StandardReading {
    plan: Arc<Plan>,
    source: usize,
    workers: usize,
}

/// `None` if there is no such source, or another process reads it.
fn open(
    plan: &Arc<Plan>,
    options: &SourceOptions,
    _wrong: &mut Vec<SourceError>,
) -> Option<Box<dyn Inflow>> {
    let reads = |source: &Source| (&*source.connector as &dyn Any).is::<StandardInput>();
    let source = plan.sources.iter().position(reads).filter(|_| options.process == 0)?;
    Some(Box::new(StandardReading { plan: Arc::clone(plan), source, workers: options.workers }))
}

impl Inflow for StandardReading {
    /// Standard input, where it is a file.
    fn files(&self) -> Vec<(&str, &Path)> {
        let file = place::standard_input();
        file.map(|file| (self.plan.sources[self.source].name.as_str(), file)).into_iter().collect()
    }

    /// Starts the threads that read; whichever worker is free takes their chunks.
    fn start(self: Box<Self>, shared: &SharedState) -> Result<Vec<Option<Chunks>>, SourceError> {
        let workers = self.workers;
        let (outlet, receiver) = shared.channel();
        shared.spawn("standard input", outlet, move |outlet| self.run(outlet));
        Ok(vec![Some(receiver); workers])
    }
}

impl StandardReading {
    fn run(self, outlet: &Outlet) -> Result<(), ReadEnd> {
        let source = &self.plan.sources[self.source];
        if io::stdin().is_terminal() {
            tracing::info!(
                "source {} reads this terminal: type its rows, and Ctrl-D at the end, or run with < FILE",
                source.name
            );
        }
        let unreadable = |why| SourceError::unreadable(&source.name, Path::new(NAME), why);
        let mut blocks = Blocks::start(Arc::clone(&self.plan), self.source);
        let Some((begun, head)) = self.begin(source, &mut blocks, outlet)? else { return Ok(()) };
        let Begun { length, line, header } = begun;
        let header: Option<Arc<[String]>> = header.map(Arc::from);
        let at = FileOffset { byte: length as u64, row: line };
        let form = |columns| RecordForm { marks: source.text.marks, columns: Some(columns) };
        let mut cutter = Cutter::new(header.as_ref().map(|names| form(names.len())), at);
        blocks.put_back(head, length);
        let origin: Arc<str> = NAME.into();
        loop {
            let end = blocks.end();
            match cutter.next(&mut blocks, end).map_err(unreadable)? {
                CutRows::Rows { bytes, first_line } => {
                    let bytes = encoding::rows(&source.text, bytes);
                    let (header, arrived) = (header.clone(), wall_clock());
                    let payload = Payload::Lines { bytes, first_line, header, arrived };
                    let (source, origin) = (self.source as u16, Arc::clone(&origin));
                    outlet.send(Ok(Chunk { source, part: 0, origin, payload, reached: None }))?;
                }
                CutRows::Waiting => blocks.wait(&outlet.shared)?,
                CutRows::Ended => return Ok(()),
            }
        }
    }

    /// Reads until it is known where the rows begin, with what was read for it; `None` if there are none.
    fn begin(
        &self,
        source: &Source,
        blocks: &mut Blocks,
        outlet: &Outlet,
    ) -> Result<Option<(Begun, Vec<u8>)>, ReadEnd> {
        let path = Path::new(NAME);
        let unreadable = |why| SourceError::unreadable(&source.name, path, why);
        let mut head = Vec::new();
        loop {
            blocks.wait(&outlet.shared)?;
            let room = most(source.format) - head.len();
            blocks.by_ref().take(room as u64).read_to_end(&mut head).map_err(unreadable)?;
            if let Some(begun) = begin(source, path, &head, blocks.end())? {
                return Ok(Some((begun, head)));
            }
            if blocks.ended {
                return Ok(None);
            }
        }
    }
}

/// What has come of standard input, without waiting for more: reading nothing means that nothing has come
/// since, unless it has ended.
struct Blocks {
    blocks: Receiver<io::Result<Vec<u8>>>,
    /// The block at hand, and how much of it has been read.
    block: Vec<u8>,
    read: usize,
    failed: Option<io::Error>,
    ended: bool,
}

impl Blocks {
    /// Starts the thread that waits for bytes. It ends with them or with the process: nothing wakes it
    /// before.
    fn start(plan: Arc<Plan>, source: usize) -> Self {
        let (sender, blocks) = bounded(WAITING);
        let pump = move || {
            let mut input = match unfolded(&plan.sources[source], io::stdin(), TextEnd::Final) {
                Ok(Unfolding::Plain(text) | Unfolding::Unfolded(text)) => text,
                Ok(Unfolding::Undecided) => unreachable!("the end is final"),
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            loop {
                let mut block = vec![0; READ];
                let block = match input.read(&mut block) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Ok(0) => return,
                    read => read.map(|read| {
                        block.truncate(read);
                        block
                    }),
                };
                let failed = block.is_err();
                if sender.send(block).is_err() || failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("standard input's bytes".to_owned());
        thread.spawn(pump).expect("the operating system gives a thread");
        Blocks { blocks, block: Vec::new(), read: 0, failed: None, ended: false }
    }

    fn hold(&mut self, block: io::Result<Vec<u8>>) {
        match block {
            Ok(block) => (self.block, self.read) = (block, 0),
            Err(error) => self.failed = Some(error),
        }
    }

    fn end(&self) -> TextEnd {
        TextEnd::of(!self.ended)
    }

    /// What was read is read again, but for its first bytes.
    fn put_back(&mut self, mut bytes: Vec<u8>, without: usize) {
        bytes.extend_from_slice(&self.block[self.read..]);
        (self.block, self.read) = (bytes, without);
    }

    /// Waits until there is something to read, or the end.
    fn wait(&mut self, shared: &SharedState) -> Result<(), Stopped> {
        while self.read == self.block.len() && self.failed.is_none() && !self.ended {
            match self.blocks.recv_timeout(STOP_CHECK) {
                Ok(block) => self.hold(block),
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
                Err(RecvTimeoutError::Timeout) if shared.stopped() => return Err(Stopped),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(())
    }
}

impl Read for Blocks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.read == self.block.len() && self.failed.is_none() {
            match self.blocks.try_recv() {
                Ok(block) => self.hold(block),
                Err(TryRecvError::Disconnected) => self.ended = true,
                Err(TryRecvError::Empty) => {}
            }
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let rest = &self.block[self.read..];
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        self.read += read;
        Ok(read)
    }
}
