//! One client's way along what outputs are told: behind a place, as it happens.
//!
//! What memory has no longer is read from the outputs' files, up to where memory goes on. A client that reads slowly is
//! read for slowly: nothing waits for it, and once it is behind by more than is kept anywhere it is told so.
//!
//! Where a run outlives its process, a tick is told once the outputs that are followed have committed it. A restart
//! computes what they had not committed in other, larger ticks: what somebody had been told of it before would stand in
//! no output, and nothing would ever take it back.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::stream::{self, Stream};
use tokio::sync::watch;

use super::denial::Denial;
use super::earlier::EarlierRecords;
use super::handles::SharedHandles;
use super::journal;
use super::published::Published;
use super::recent::{RecordPlace, ToldRecord, TooOld};
use crate::plan::KeyHash;
use crate::sink::Json;
use crate::time::{Tick, wall_clock};

/// Records that are taken at once.
const PART: usize = 256;
/// How far the clock of an earlier run may have been ahead of this one's.
const SOON: Duration = Duration::from_secs(3_600);
/// How often it is looked whether outputs have what was published.
const LOOK: Duration = Duration::from_millis(5);

/// What a client is told.
pub enum FollowedChange {
    /// A record, as a line of a file has it.
    Told { place: RecordPlace, output: String, line: String },
    /// The last: it can't be gone on.
    Fault(Denial),
}

/// What is told next.
enum NextChange {
    Record(ToldRecord),
    /// A line, and the number of its output.
    Line(u16, String),
}

/// Follows outputs.
pub struct Following {
    handles: SharedHandles,
    /// What it is followed by.
    key: Option<KeyHash>,
    published: Arc<Published>,
    outputs: Vec<u16>,
    place: Option<RecordPlace>,
    /// The next ones, the last first: what is read from memory is written when it is told.
    waiting: Vec<(RecordPlace, NextChange)>,
    /// What is read from files yet.
    earlier: Option<EarlierRecords>,
    over: bool,
}

impl Following {
    /// Begins behind a place, or with what comes next, for who has a key.
    pub fn begin(
        handles: SharedHandles,
        key: Option<KeyHash>,
        outputs: Vec<u16>,
        place: Option<RecordPlace>,
    ) -> Result<Self, Denial> {
        let published = Arc::clone(handles.source()?);
        handles.ready()?;
        // Nothing would be told for as long as the clock takes to come there.
        let soon = (wall_clock() / 1_000 + SOON.as_millis() as i64).unsigned_abs();
        if place.is_some_and(|place| place.tick > published.tick().max(soon)) {
            let message = "Last-Event-ID is ahead of all that was told";
            let remedy = "send the id of the last event of this run, or none";
            return Err(Denial::bad_request("bad_event_id", message, remedy));
        }
        let place = place.or_else(|| published.recent.last());
        // Said before the first event: afterwards there is no status to say it by.
        let earlier = match (published.recent.behind(place, 1), place) {
            (Err(old), Some(place)) => Some(earlier(&handles, &outputs, place, old)?),
            _ => None,
        };
        let waiting = Vec::new();
        Ok(Following { handles, key, published, outputs, place, waiting, earlier, over: false })
    }

    /// What is told, up to its end, or until its key is taken back.
    pub fn changes(self) -> impl Stream<Item = FollowedChange> {
        stream::unfold(self, |mut following| async move {
            if following.over {
                return None;
            }
            // Nothing else is held of a run whose place another one takes meanwhile.
            let keys = Arc::clone(&following.handles.keys);
            let change = tokio::select! {
                biased;
                () = keys.taken_back(following.key) => following.fail(taken_back()),
                change = following.next() => change?,
            };
            Some((change, following))
        })
    }

    async fn next(&mut self) -> Option<FollowedChange> {
        let (mut published, mut told) = self.watch();
        while !self.over {
            told.mark_unchanged();
            if let Some((place, next)) = self.waiting.pop() {
                return Some(self.change(place, next));
            }
            if let Some(earlier) = self.earlier.take() {
                if let Err(denial) = self.read(earlier).await {
                    return Some(self.fail(denial));
                }
                continue;
            }
            // Looked at first: what is committed by then is in memory, or was.
            let (last, is_closed) = (self.may_be_told(), published.recent.is_closed());
            match published.recent.behind(self.place, PART) {
                Ok(records) if records.is_empty() && is_closed => {
                    let handles = Arc::clone(&self.handles);
                    let next = tokio::select! {
                        next = handles.replaced() => next,
                        () = handles.closed() => {
                            self.over = true;
                            continue;
                        }
                    };
                    if let Err(denial) = self.go_on(next).await {
                        return Some(self.fail(denial));
                    }
                    (published, told) = self.watch();
                }
                Ok(records) if records.is_empty() => {
                    let handles = Arc::clone(&self.handles);
                    tokio::select! {
                        changed = told.changed() => self.over = changed.is_err(),
                        () = handles.closed() => self.over = true,
                    }
                }
                Ok(mut records) => {
                    records.truncate(records.partition_point(|(place, _)| place.tick <= last));
                    if records.is_empty() {
                        self.look_again().await;
                        continue;
                    }
                    self.place = records.last().map(|(place, _)| *place);
                    let records = records.into_iter().rev();
                    let chosen = records.filter(|(_, of)| self.outputs.contains(&of.record.output));
                    let next = chosen.map(|(place, of)| (place, NextChange::Record(of)));
                    self.waiting = next.collect();
                }
                Err(old) => {
                    let place = self.place.expect("without a place nothing is too old");
                    match earlier(&self.handles, &self.outputs, place, old) {
                        Ok(earlier) => self.earlier = Some(earlier),
                        Err(denial) => return Some(self.fail(denial)),
                    }
                }
            }
        }
        None
    }

    /// What is published, and what tells whenever there is more.
    fn watch(&self) -> (Arc<Published>, watch::Receiver<u64>) {
        let published = Arc::clone(&self.published);
        let told = published.recent.watch();
        (published, told)
    }

    /// Goes on with the run that has taken the place of the one that was followed.
    async fn go_on(&mut self, next: SharedHandles) -> Result<(), Denial> {
        let names = &self.handles.catalog.outputs;
        let outputs = self.outputs.iter().map(|output| {
            let name = names.name(*output);
            next.catalog.outputs.number(name).ok_or_else(|| {
                let message = format!("there is no output '{name}' any more");
                Denial::not_found("unknown_output", message, "follow the outputs that there are")
            })
        });
        let outputs = outputs.collect::<Result<_, _>>()?;
        self.published = Arc::clone(next.source()?);
        (self.outputs, self.handles) = (outputs, next);
        while self.handles.ready().is_err() && !self.over {
            self.look_again().await;
        }
        Ok(())
    }

    /// Reads on in files, as far as is wanted of them; then memory goes on behind the last tick that they have whole.
    async fn read(&mut self, mut earlier: EarlierRecords) -> Result<(), Denial> {
        let from = self.published.recent.from().map_or(Tick::MAX, |from| from.tick);
        let until = self.settled().min(from);
        let read = tokio::task::spawn_blocking(move || {
            let records = earlier.read(PART, until);
            (records, earlier)
        });
        let (records, earlier) = read.await.expect("nothing in it panics");
        let records = records.map_err(|error| {
            let message = format!("what was told earlier can't be read: {error}");
            Denial::new(StatusCode::GONE, "too_old", message, REMEDY)
        })?;
        if !records.is_empty() {
            self.place = records.last().map(|(place, ..)| *place);
            let records = records.into_iter().rev();
            let next = records.map(|(place, output, line)| (place, NextChange::Line(output, line)));
            self.waiting = next.collect();
            self.earlier = Some(earlier);
            return Ok(());
        }
        let behind = RecordPlace::behind(until).max(self.place.unwrap_or(RecordPlace::before(0)));
        match self.published.recent.behind(Some(behind), 1) {
            Ok(_) => self.place = Some(behind),
            // More was told meanwhile than memory has, or a file is yet to get what was published.
            Err(_) => {
                self.look_again().await;
                self.earlier = Some(earlier);
            }
        }
        Ok(())
    }

    async fn look_again(&mut self) {
        let handles = Arc::clone(&self.handles);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = handles.closed() => self.over = true,
        }
    }

    /// The last tick that may be told by now.
    fn may_be_told(&self) -> Tick {
        match self.handles.stored {
            Some(_) if self.handles.live.is_some() => self.settled(),
            _ => Tick::MAX,
        }
    }

    /// The last tick of which the outputs have all that is published, and all is kept that no file of theirs tells. A
    /// webhook commits nothing, and may be slow.
    fn settled(&self) -> Tick {
        // Looked at first: what was published has been handed over.
        let published = self.published.tick();
        let Some(live) = &self.handles.live else { return 0 };
        let of = |output: &u16| {
            let number = usize::from(*output);
            let target = &self.handles.plan.outputs[number].target;
            live.under_way[number].oldest().filter(|_| target.commits())
        };
        let unkept = match self.published.kept.get() {
            Some(kept) if self.outputs.iter().any(|output| kept.keeps(*output)) => kept.oldest(),
            _ => None,
        };
        let unwritten = self.outputs.iter().filter_map(of).chain(unkept).min();
        unwritten.map_or(published, |tick| published.min(tick.saturating_sub(1)))
    }

    fn change(&self, place: RecordPlace, next: NextChange) -> FollowedChange {
        let catalog = &self.handles.catalog;
        let (output, line) = match next {
            NextChange::Line(output, line) => (output, line),
            NextChange::Record(ToldRecord { record, names: Some(names) }) => {
                (record.output, Json::new(&names).line(&record, &names).to_owned())
            }
            NextChange::Record(ToldRecord { record, names: None }) => {
                let line = self.handles.write(|json| json.line(&record, catalog).to_owned());
                (record.output, line)
            }
        };
        FollowedChange::Told { place, output: catalog.outputs.name(output).to_owned(), line }
    }

    fn fail(&mut self, denial: Denial) -> FollowedChange {
        self.over = true;
        FollowedChange::Fault(denial)
    }
}

const REMEDY: &str =
    "read the output's file or topic, or the profiles, and follow without the id of an event";

fn taken_back() -> Denial {
    let message = "the key has been taken back";
    Denial::new(StatusCode::UNAUTHORIZED, "wrong_key", message, "follow with a key that there is")
}

/// What files tell from a place on.
fn earlier(
    handles: &SharedHandles,
    outputs: &[u16],
    place: RecordPlace,
    TooOld { from: RecordPlace { tick, .. } }: TooOld,
) -> Result<EarlierRecords, Denial> {
    let index = |output: &u16| {
        let live = handles.live.as_ref();
        (*output, live.and_then(|live| live.under_way[usize::from(*output)].index()))
    };
    let indexes = outputs.iter().map(index).collect();
    let kept = handles.source()?.kept.get();
    let journal = kept.map(|kept| kept.folder.as_path());
    EarlierRecords::open(indexes, journal, place, &handles.catalog).map_err(|output| {
        let known = index(&output).1.and_then(|index| index.pair(0).ok());
        let first = || journal::files(journal?).ok()?.first().map(|(behind, _)| *behind);
        let name = handles.catalog.outputs.name(output);
        let file = match (known, first()) {
            (Some((behind, _)), _) => {
                format!("the file of '{name}' tells of ticks behind {behind}")
            }
            (None, Some(behind)) => {
                format!("the data folder has what '{name}' was told behind tick {behind}")
            }
            (None, None) => format!("nothing is kept of what '{name}' was told"),
        };
        let message = format!(
            "what was told behind {place} is not in memory, which goes back to tick {tick}, and {file}"
        );
        Denial::new(StatusCode::GONE, "too_old", message, REMEDY)
    })
}
