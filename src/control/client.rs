//! Asking an engine that runs.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::socket::{address, names};
use super::{ControlAnswer, ControlRequest};
use crate::plan::DataPlace;
use crate::store::working_folders;

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("no engine runs with the data folder '{}'", folder.display())]
    NotRunning { folder: PathBuf },
    #[error("the engine of '{}' can't be asked: {source}", folder.display())]
    Io { folder: PathBuf, source: io::Error },
    #[error(
        "the engine of '{}' has not answered: it may have ended. Look at what it logs",
        folder.display()
    )]
    Silent { folder: PathBuf },
}

/// Asks the engine that holds a folder. `told` is told how far it is.
pub fn ask(
    data: &DataPlace,
    request: &ControlRequest,
    mut told: impl FnMut(&str),
) -> Result<ControlAnswer, AskError> {
    let folders = working_folders(data)
        .map_err(|_| AskError::NotRunning { folder: PathBuf::from(data.to_string()) })?;
    let folder = folders[0].clone();
    let mut stream = connect(&folders).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            AskError::NotRunning { folder: folder.clone() }
        }
        _ => AskError::Io { folder: folder.clone(), source },
    })?;
    let io = |source| AskError::Io { folder: folder.clone(), source };
    let mut line = serde_json::to_vec(request).expect("JSON");
    line.push(b'\n');
    stream.write_all(&line).map_err(io)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(io)?;
        let answer = serde_json::from_str(&line).map_err(|error| io(error.into()))?;
        match answer {
            ControlAnswer::Told(text) => told(&text),
            last => return Ok(last),
        }
    }
    Err(AskError::Silent { folder })
}

/// Connects to whichever process of the engine listens on this machine.
fn connect(folders: &[PathBuf]) -> io::Result<UnixStream> {
    let mut last = io::ErrorKind::NotFound.into();
    for folder in folders.iter().filter(|folder| folder.exists()) {
        for name in names(folder)? {
            let connected =
                address(folder, &name).and_then(|(path, _of)| UnixStream::connect(path));
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}
