//! A changelog on standard output, which the first process writes.
//!
//! What standard output holds stays: it may be a file to which the shell appends, whose header is not written again. Nor is it locked, which is the
//! business of whoever redirects it.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::durable_file;
use super::failure::SinkError;
use super::stream::{StreamSink, StreamTarget};
use super::target::{Opened, Opening, Target};
use crate::plan::Destination;

pub fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let mut opened = Opened::new();
    for (index, output) in opening.plan.outputs.iter().enumerate() {
        if output.target != Destination::StandardOutput || opening.process > 0 {
            continue;
        }
        let path = output.target.to_string();
        let named = |source| SinkError::File { path: path.clone(), source };
        let file = File::from(std::io::stdout().as_fd().try_clone_to_owned().map_err(named)?);
        opening.beginning.claim(&file, &path)?;
        let when_left = Some(Arc::clone(opening.when_left));
        let sink = StreamSink::new(path, file, when_left);
        if let Some(durable) = opening.durable.clone() {
            opened.push(durable_file::start(opening, &durable, index, false, sink)?);
            continue;
        }
        let stream = StreamTarget::start(opening, output, sink, |_| ())?;
        opened.push((index, Box::new(stream) as Box<dyn Target>));
    }
    Ok(opened)
}
