//! The socket of an engine that runs: `control.sock` in its data folder, for its owner alone. Another process of several
//! than the first one has its own, such as `control-1.sock`, since the folder may be seen from other machines, and a
//! socket only where it was made.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{ControlAnswer, answer};
use crate::engine::Control;

/// Its name in the folder begins and ends so.
const NAME: [&str; 2] = ["control", ".sock"];
/// A request has at most so many bytes; it holds a definition.
const LONGEST: u64 = 16 << 20;
/// How long somebody who has connected may take to say what they want.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who may connect: its owner.
const OWNER: libc::mode_t = 0o600;
/// The system takes no longer paths for a socket.
const LONGEST_PATH: usize = 100;

/// A socket at which requests are answered until this is dropped.
pub struct ControlSocket {
    path: PathBuf,
    is_over: Arc<AtomicBool>,
}

/// What a process's is named.
fn name(process: usize) -> String {
    let [before, after] = NAME;
    match process {
        0 => format!("{before}{after}"),
        process => format!("{before}-{process}{after}"),
    }
}

/// Those that there are in a folder, the first process's first.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let [before, after] = NAME;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(before) && name.ends_with(after) {
            names.push(name);
        }
    }
    names.sort_by_key(|name| (name.len(), name.clone()));
    Ok(names)
}

/// Where a folder's socket of a name is, by a path that the system takes, with what it goes through.
pub(super) fn address(folder: &Path, name: &str) -> io::Result<(PathBuf, Option<File>)> {
    let path = folder.join(name);
    if path.as_os_str().len() <= LONGEST_PATH || !cfg!(target_os = "linux") {
        return Ok((path, None));
    }
    let open = File::open(folder)?;
    let fd: RawFd = open.as_raw_fd();
    Ok((PathBuf::from(format!("/proc/self/fd/{fd}/{name}")), Some(open)))
}

impl ControlSocket {
    /// Listens in a folder that this process holds.
    pub fn open(folder: &Path, process: usize, control: Control) -> io::Result<Self> {
        let name = name(process);
        let path = folder.join(&name);
        // A process that was killed has left it.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (through, _folder) = address(folder, &name)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Before it has a name, so that at no time anybody else may connect.
        // SAFETY: it takes two numbers, and the socket is open.
        if unsafe { libc::fchmod(socket.as_raw_fd(), OWNER) } != 0 {
            return Err(io::Error::last_os_error());
        }
        socket.bind(&SockAddr::unix(through)?)?;
        socket.listen(16)?;
        let listener = UnixListener::from(std::os::fd::OwnedFd::from(socket));
        let is_over = Arc::new(AtomicBool::new(false));
        let is_ending = Arc::clone(&is_over);
        let thread = std::thread::Builder::new().name("control".to_owned());
        thread.spawn(move || listen(&listener, &control, &is_ending))?;
        Ok(ControlSocket { path, is_over })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Who listens looks up.
        let folder = self.path.parent().expect("it lies in a folder");
        let name = self.path.file_name().expect("it has a name").to_string_lossy();
        let woken = address(folder, &name).and_then(|(path, _folder)| UnixStream::connect(path));
        drop(woken);
        let _ = fs::remove_file(&self.path);
    }
}

fn listen(listener: &UnixListener, control: &Control, is_over: &AtomicBool) {
    for stream in listener.incoming() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let control = control.clone();
        let serve = move |stream: UnixStream| {
            if let Err(error) = serve(stream, &control) {
                tracing::debug!("who asked has left: {error}");
            }
        };
        match stream {
            Ok(stream) => {
                let thread = std::thread::Builder::new().name("control request".to_owned());
                if let Err(error) = thread.spawn(move || serve(stream)) {
                    tracing::warn!("a request can't be answered: {error}");
                }
            }
            Err(error) => {
                tracing::warn!("the control socket can't be listened at: {error}");
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

fn serve(stream: UnixStream, control: &Control) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new((&stream).take(LONGEST)).read_line(&mut line)?;
    if line.is_empty() {
        return Ok(());
    }
    let say = |answer: &ControlAnswer| {
        let mut line = serde_json::to_vec(answer).expect("JSON");
        line.push(b'\n');
        (&stream).write_all(&line)
    };
    let last = match serde_json::from_str(&line) {
        Ok(request) => answer(control, request, &|text| {
            // What was begun is brought to its end, whoever listens.
            let _ = say(&ControlAnswer::Told(text.to_owned()));
        }),
        Err(error) => ControlAnswer::Failed(format!("what was asked is no request: {error}")),
    };
    say(&last)
}
