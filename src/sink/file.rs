//! Changelogs in files, of which the first process writes all.
//!
//! A run holds its files by a lock, which the system lets go of however the run ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::durable_file;
use super::failure::SinkError;
use super::stream::{StreamSink, StreamTarget};
use super::target::{Opened, Opening, Target};
use crate::plan::Destination;

/// Opens and locks the files, and creates those that are not there.
pub fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let mut sinks = Vec::new();
    for (index, output) in opening.plan.outputs.iter().enumerate() {
        let Destination::File { path } = &output.target else { continue };
        if opening.process > 0 {
            continue;
        }
        let shown = output.target.to_string();
        let named = |source| SinkError::File { path: shown.clone(), source };
        let is_pipe = std::fs::metadata(path).is_ok_and(|it| it.file_type().is_fifo());
        if is_pipe {
            tracing::info!("output {}: waiting for who reads '{shown}'", output.name);
        }
        // A pipe that is open for reading, too, would never have lost who reads it.
        let is_read = opening.durable.is_some() && !is_pipe;
        let file = match is_pipe {
            true => met(path, opening.stopped).map_err(named)?.ok_or(SinkError::Stopped)?,
            false => create(path, is_read).map_err(named)?,
        };
        opening.beginning.claim(&file, &shown)?;
        // What is no file, as /dev/null, holds nothing that two could spoil.
        let is_file = file.metadata().map_err(named)?.is_file();
        if is_file {
            lock(&file, &shown)?;
        }
        let when_left = is_pipe.then(|| {
            let (path, when_left) = (shown.clone(), Arc::clone(opening.when_left));
            let told = move || {
                tracing::warn!("who read '{path}' has left, so the run ends");
                when_left();
            };
            Arc::new(told) as Arc<dyn Fn() + Send + Sync>
        });
        sinks.push((index, is_file, StreamSink::new(shown, file, when_left)));
    }
    if let Some(durable) = opening.durable.clone() {
        let start =
            |(index, is_file, sink)| durable_file::start(opening, &durable, index, is_file, sink);
        return sinks.into_iter().map(start).collect();
    }
    // No thread has started when one of them can't be opened.
    let start = |(index, is_file, sink): (usize, bool, StreamSink)| {
        let clear = move |sink: &StreamSink| {
            if is_file {
                sink.until_it_works(|file| file.set_len(0));
            }
        };
        let stream = StreamTarget::start(opening, &opening.plan.outputs[index], sink, clear)?;
        Ok((index, Box::new(stream) as Box<dyn Target>))
    };
    sinks.into_iter().map(start).collect()
}

fn create(path: &Path, is_read: bool) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().read(is_read).append(true).create(true).open(path)
}

/// How often it is looked whether somebody reads a pipe.
const LOOK: Duration = Duration::from_millis(20);

/// A pipe that has a reader; nothing, where the run is to stop before one has come.
fn met(path: &Path, stopped: &dyn Fn() -> bool) -> std::io::Result<Option<File>> {
    while !stopped() {
        // To open it as usual would wait within the system, where nobody hears that the run is to stop.
        let opened = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path);
        match opened {
            Ok(file) => return blocking(file).map(Some),
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => std::thread::sleep(LOOK),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The same file, which is waited for when it has no room.
fn blocking(file: File) -> std::io::Result<File> {
    let descriptor = file.as_raw_fd();
    // SAFETY: the descriptor is the file's, which is open; its flags are read and written, and no memory is.
    let done = unsafe {
        let flags = libc::fcntl(descriptor, libc::F_GETFL);
        flags >= 0 && libc::fcntl(descriptor, libc::F_SETFL, flags & !libc::O_NONBLOCK) >= 0
    };
    if done { Ok(file) } else { Err(std::io::Error::last_os_error()) }
}

fn lock(file: &File, path: &str) -> Result<(), SinkError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(SinkError::Held { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => {
            tracing::warn!(
                "'{path}' can't be locked, so nothing keeps another run from writing it: {error}"
            );
            Ok(())
        }
    }
}
