//! Files and other streams of a run that outlives its process: what they hold is found out when it begins.
//!
//! A file that is as its progress says is cut back to what was committed, and appended to. Any other one is read
//! back and compared, or, where nothing is known that it could be compared with, begun anew with the first record.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::ahead::{HeldAhead, ReadAhead};
use super::catalog::Catalog;
use super::commit::DurableOutputs;
use super::compare::Comparison;
use super::durable::{self, LocalStanding};
use super::encoder::{Encoder, Holding, ReadBack};
use super::failure::SinkError;
use super::formats::encoder;
use super::local_progress::{FilePart, LocalProgress, ProgressFile};
use super::stream::{StreamMedium, StreamSink};
use super::target::{Opening, Target};
use super::tick_index::TickIndex;
use crate::plan::{Destination, Format, Output, Plan, Publish};
use crate::time::{Tick, wall_clock};

/// So many bytes are read at once.
const CHUNK: usize = 1 << 20;

/// Starts the thread of a stream, which may be a file.
pub fn start(
    opening: &mut Opening<'_>,
    durable: &DurableOutputs,
    index_of: usize,
    is_file: bool,
    sink: StreamSink,
) -> Result<(usize, Box<dyn Target>), SinkError> {
    let output = &opening.plan.outputs[index_of];
    let named = |source| SinkError::File { path: sink.path.clone(), source };
    let (standing, begins) = match is_file {
        true => of_file(opening, durable, index_of, &sink).map_err(named)?,
        false => (of_stream(durable, &output.name, &mut opening.committed).map_err(named)?, true),
    };
    let index = match &output.target {
        Destination::File { path } if is_file && output.format == Format::Json => {
            let progress = ProgressFile::new(durable, &output.name);
            let is_compared = matches!(standing, LocalStanding::Compared(_));
            let begins = (begins, is_compared);
            index(durable, &progress, path, &sink, begins).map_err(named)?.map(Arc::new)
        }
        _ => None,
    };
    opening.under_way[index_of].set_index(index.clone());
    if let LocalStanding::Withheld(tick) = standing {
        opening.holds(&output.name, tick);
    }
    let encoder = encoder(output.format, &Holding::of(opening.plan, output), &opening.names);
    let (sink, beginning) = (Arc::new(sink), opening.beginning.clone());
    if begins {
        let (mut head, cleared) = (Vec::new(), Arc::clone(&sink));
        encoder.head(&opening.names, &mut head);
        beginning.then(move || {
            if is_file {
                cleared.until_it_works(|file| file.set_len(0));
            }
            cleared.write_head(&head);
        });
    }
    let (abandoned, closed) = (Arc::clone(&sink), beginning.clone());
    let medium = StreamMedium { sink, encoder, beginning, is_file, index };
    let abandon = move || abandoned.abandon();
    let target = durable::start(
        opening,
        (durable, index_of),
        standing,
        (medium, None),
        abandon,
        // Files that were not spoken to hold nothing of an earlier run either.
        move || closed.begin(),
    )?;
    Ok((index_of, Box::new(target)))
}

/// What cannot be read back has what was told of it. Where nothing was, what is replayed counts as told. Ticks of which
/// something may have been sent are added to those at which the replay ends a step.
pub fn of_stream(
    durable: &DurableOutputs,
    output: &str,
    ends: &mut BTreeSet<Tick>,
) -> io::Result<LocalStanding> {
    let file = ProgressFile::new(durable, output);
    let told = file.read()?;
    if told.is_none() && file.path().exists() {
        tracing::warn!(
            "{}, and is written anew: output {output} counts as told of all that is stored",
            file.why_unknown()
        );
    }
    let told = told.filter(|told| told.is_of(durable));
    // Ticks that the data folder does not know were not replayed either.
    let told = told.filter(|_| !durable.comes_at_once);
    let tick = told.as_ref().map_or(durable.replayed, |told| told.tick.min(durable.replayed));
    let mut sending = told.map_or(Vec::new(), |told| told.sending);
    sending.retain(|sent| *sent > tick && *sent <= durable.replayed);
    ends.extend(&sending);
    // A run that is killed before they are sent again sends them again, too.
    file.write(&LocalProgress { sending, ..LocalProgress::of(durable, tick, None) })?;
    Ok(LocalStanding::Withheld(durable.told_up_to(tick)))
}

/// Where the ticks of a file begin: as it was told, if the file is what was told, and else from here on.
fn index(
    durable: &DurableOutputs,
    progress: &ProgressFile,
    path: &Path,
    sink: &StreamSink,
    (begins, is_compared): (bool, bool),
) -> io::Result<Option<TickIndex>> {
    let place = progress.path().with_extension("ticks");
    let told = progress.read()?;
    if told.is_none()
        && sink.file.metadata()?.len() == 0
        && let Some(untold) = TickIndex::untold(&place, path)?
    {
        return Ok(Some(untold));
    }
    // Also where another definition told it: what differs by this one is added behind it.
    let told = told.filter(|told| told.store == durable.store && !begins);
    if let Some(told) = told.filter(|told| told.tick <= durable.replayed)
        && let Some(part) = told.file.filter(|part| part.is_in(&sink.file))
    {
        if let Some(kept) = TickIndex::kept(&place, path, (told.tick, part.bytes))? {
            // What is behind it had not been committed, and stays where the file is compared.
            if sink.file.metadata()?.len() > part.bytes {
                kept.add(told.tick, part.bytes);
            }
            return Ok(Some(kept));
        }
        tracing::warn!(
            "'{}', which tells where in '{}' its ticks begin, is not there, or is not what was written, and is begun \
             anew: who follows the output can't go on from before",
            place.display(),
            path.display()
        );
    }
    // Behind what is replayed; of a folder without rows, behind all that another one may have told.
    let (tick, byte) = match (durable.replayed, begins) {
        (0, _) => ((wall_clock() / 1_000) as Tick, 0),
        (replayed, true) => (replayed, 0),
        // What else was told of the ticks that are replayed is not known: the file may have been written anew.
        (_, false) if is_compared => (durable.differs_at, sink.file.metadata()?.len()),
        (replayed, false) => (replayed, sink.file.metadata()?.len()),
    };
    TickIndex::begun(&place, path, tick, byte).map(Some)
}

/// What a file holds, and whether it is begun anew with the first record.
fn of_file(
    opening: &mut Opening<'_>,
    durable: &DurableOutputs,
    index_of: usize,
    sink: &StreamSink,
) -> io::Result<(LocalStanding, bool)> {
    let (file, path, output) = (&sink.file, &sink.path, &opening.plan.outputs[index_of]);
    let progress = ProgressFile::new(durable, &output.name);
    let told = progress.read()?;
    let ours = told.as_ref().filter(|told| told.is_of(durable));
    if let Some(told) = ours.filter(|told| told.tick <= durable.replayed && !durable.comes_at_once)
        && let Some(part) = told.file.as_ref().filter(|part| part.is_in(file))
    {
        let bytes = file.metadata()?.len();
        if bytes > part.bytes {
            let (cut, stay) = (bytes - part.bytes, part.bytes);
            tracing::info!(
                "'{path}' is cut back by {cut} bytes, to the {stay} that were committed"
            );
            file.set_len(stay)?;
        }
        return Ok((LocalStanding::Withheld(durable.told_up_to(told.tick)), false));
    }
    let is_empty = file.metadata()?.len() == 0;
    if durable.replayed == 0 || (is_empty && !durable.comes_at_once) {
        return Ok((LocalStanding::Withheld(0), true));
    }
    let why = match (&told, ours) {
        _ if durable.comes_at_once => "another run takes over".to_owned(),
        (_, Some(_)) => "it is not what was committed there".to_owned(),
        (Some(told), _) if told.store == durable.store => {
            "it was written with another definition, or another clock".to_owned()
        }
        (Some(_), _) => {
            "it was written from another data folder, or before somebody was forgotten".to_owned()
        }
        (None, _) => progress.why_unknown(),
    };
    let ahead = opening.ahead.take(index_of);
    match read_back(opening, output, sink, ahead)? {
        Ok(comparison) => {
            if !durable.comes_at_once {
                tracing::warn!("'{path}' is read back once, and only what differs is added: {why}");
            }
            durable.difference.is_awaited();
            Ok((LocalStanding::Compared(Box::new(comparison)), is_empty))
        }
        Err(unreadable) => {
            tracing::warn!(
                "'{path}' is begun anew: {why}, and it can't be read back: {unreadable}"
            );
            Ok((LocalStanding::Withheld(0), true))
        }
    }
}

/// What a file holds; a last record without its end is cut off.
fn read_back(
    opening: &Opening<'_>,
    output: &Output,
    sink: &StreamSink,
    ahead: Option<HeldAhead>,
) -> io::Result<Result<Comparison, String>> {
    let mut reading = FileReading::new(opening.plan, output, &opening.names);
    reading.go_on(ahead, &sink.file);
    Ok(match reading.read(&sink.file)? {
        Ok(()) => {
            sink.file.set_len(reading.whole)?;
            let FileReading { mut comparison, catalog, .. } = reading;
            comparison.end(catalog, false);
            Ok(comparison)
        }
        Err(why) => Err(why),
    })
}

/// What files of outputs hold by now, whoever writes them.
pub fn read_files_ahead(plan: &Plan, names: &Catalog) -> Vec<(usize, HeldAhead)> {
    let look = |(index, output): (usize, &Output)| {
        let Destination::File { path } = &output.target else { return None };
        let file = File::open(path).ok().filter(|file| {
            // A pipe would be waited for, and what is read of it is gone.
            file.metadata().is_ok_and(|found| found.is_file())
        })?;
        let mut reading = FileReading::new(plan, output, names);
        reading.read(&file).ok()?.ok()?;
        let part = FilePart::of(&file, reading.whole).ok()?;
        let FileReading { comparison, catalog, line, .. } = reading;
        Some((index, HeldAhead { comparison, catalog, read: ReadAhead::File(part, line) }))
    };
    plan.outputs.iter().enumerate().filter_map(look).collect()
}

/// A file of records that is read.
struct FileReading {
    output: u16,
    encoder: Box<dyn Encoder>,
    /// What it begins with.
    head: Vec<u8>,
    comparison: Comparison,
    catalog: Catalog,
    /// Bytes of whole records that were read, and the number of the line behind them.
    whole: u64,
    line: usize,
}

impl FileReading {
    fn new(plan: &Plan, output: &Output, names: &Catalog) -> Self {
        let holding = Holding::of(plan, output);
        let is_log = output.publish == Publish::Rejects;
        let comparison = Comparison::new(holding.output, is_log, names);
        let encoder = encoder(output.format, &holding, names);
        let mut head = Vec::new();
        encoder.head(names, &mut head);
        let (output, catalog) = (holding.output, names.clone());
        FileReading { output, encoder, head, comparison, catalog, whole: 0, line: 1 }
    }

    /// Begins behind what was read before, if the file still begins with that.
    fn go_on(&mut self, ahead: Option<HeldAhead>, file: &File) {
        let Some(HeldAhead { comparison, catalog, read: ReadAhead::File(part, line) }) = ahead
        else {
            return;
        };
        if part.bytes > 0 && part.is_in(file) {
            (self.comparison, self.catalog) = (comparison, catalog);
            (self.whole, self.line) = (part.bytes, line);
        }
    }

    /// Reads the rest; fails if it is no such file.
    fn read(&mut self, mut file: &File) -> io::Result<Result<(), String>> {
        let (mut bytes, mut place) = (Vec::new(), 0);
        file.seek(SeekFrom::Start(self.whole))?;
        loop {
            let left = bytes.len() - place;
            bytes.copy_within(place.., 0);
            bytes.truncate(left);
            place = 0;
            if file.take(CHUNK as u64).read_to_end(&mut bytes)? == 0 {
                return Ok(Ok(()));
            }
            if self.whole == 0 && !bytes.starts_with(&self.head) {
                return Ok(Err("its columns are others".to_owned()));
            }
            loop {
                let line = self.line;
                let length = match self.encoder.decode(&bytes[place..], &mut self.catalog) {
                    Ok(ReadBack::Record(record, length)) => {
                        if record.output != self.output {
                            return Ok(Err(format!("line {line} is a record of another output")));
                        }
                        self.comparison.hold(record, &self.catalog);
                        length
                    }
                    Ok(ReadBack::Nothing(length)) => length,
                    Ok(ReadBack::Unfinished) => break,
                    Err(why) => return Ok(Err(format!("line {line}: {why}"))),
                };
                self.line += 1;
                place += length;
                self.whole += length as u64;
            }
        }
    }
}
