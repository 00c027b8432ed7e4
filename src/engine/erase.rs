//! What leaves a data folder, and files of outputs, when somebody is forgotten. What is to leave is noted before anything
//! does, so that where the process ends in between the next one finishes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{BooleanArray, RecordBatch};

use super::error::EngineError;
use super::recognised::Recognised;
use super::redacted::{self, NamedTexts, RedactedFile};
use super::surveyed::{self, Surveyed, survey};
use crate::decode::Decoder;
use crate::explain::{AllRows, WhyError};
use crate::fault;
use crate::plan::{DataPlace, Plan};
use crate::row::Unwanted;
use crate::serve;
use crate::sink::DifferingRecords;
use crate::store::{self, Erasure, Recovered, StoreError};

/// How often a process looks whether the first one is done with what the run before had begun.
const LOOK: Duration = Duration::from_millis(100);

/// What is to leave.
#[derive(Clone)]
pub struct Erased {
    pub unwanted: Unwanted,
    /// What files of outputs are looked through for: the identifiers, and how stored rows write them.
    pub texts: Vec<String>,
}

/// What was removed, or would be.
#[derive(Default)]
pub struct Removed {
    pub rows: BTreeMap<String, u64>,
    pub records: BTreeMap<String, u64>,
    /// What is told of it to who follows outputs, since their files say nothing of it.
    pub withdrawn: Vec<DifferingRecords>,
}

impl Erased {
    /// Looks for all that is to leave, and says how much it is.
    pub fn count(&mut self, all: &AllRows, recovered: &Recovered) -> Result<Removed, EngineError> {
        let surveyed = survey(&all.plan, recovered, &self.unwanted, || all.is_wanted());
        let rows = self.learn(surveyed.map_err(unread)?);
        let redacted = self.redact(&all.plan, recovered, true).map_err(EngineError::Store)?;
        Ok(Removed::new(rows, redacted))
    }

    /// What was found leaves, too. Says how many rows there are, by source.
    fn learn(&mut self, found: Surveyed) -> BTreeMap<String, u64> {
        let Surveyed { unwanted, rows, texts } = found;
        self.unwanted = unwanted;
        for text in texts {
            if !self.texts.contains(&text) {
                self.texts.push(text);
            }
        }
        rows
    }

    /// What says something of the person.
    pub fn named(&self, plan: &Arc<Plan>) -> NamedTexts {
        NamedTexts::of(&self.texts, Recognised::of(plan, &self.unwanted))
    }

    /// Has the files of outputs go without records that name the person.
    fn redact(
        &self,
        plan: &Arc<Plan>,
        recovered: &Recovered,
        is_dry: bool,
    ) -> Result<Vec<RedactedFile>, StoreError> {
        let io = StoreError::io(&recovered.folder.root, "cleared of what outputs were told");
        redacted::redact(plan, &self.named(plan), is_dry).map_err(io)
    }

    pub fn remove(
        mut self,
        plan: &Arc<Plan>,
        recovered: &Recovered,
        suppress: bool,
    ) -> Result<Removed, StoreError> {
        let folder = &recovered.folder;
        // Rows may have come since they were counted.
        let surveyed = survey(plan, recovered, &self.unwanted, || Ok::<(), StoreError>(()))?;
        self.learn(surveyed);
        Erasure::new(plan, &self.unwanted, &self.texts, suppress).begin(folder)?;
        fault::point("erasure begun");
        // First of all: if the process ends here, the next run finds what is missing there, and tells it.
        let redacted = self.redact(plan, recovered, false)?;
        serve::delete_kept_changes(&folder.root)
            .map_err(StoreError::io(&folder.root, "cleared of what was told"))?;
        let leaves =
            |source: &str, batch: &RecordBatch| of_person(plan, source, batch, &self.unwanted);
        let rows = recovered.remove(plan, &self.unwanted, leaves)?;
        fault::point("rows removed");
        if suppress {
            store::suppress(folder, &self.unwanted.identifiers)?;
        }
        Erasure::finish(folder)?;
        Ok(Removed::new(rows, redacted))
    }
}

impl Removed {
    fn new(rows: BTreeMap<String, u64>, redacted: Vec<RedactedFile>) -> Self {
        let mut removed = Removed { rows, ..Removed::default() };
        for RedactedFile { output, records, withdrawn } in redacted {
            removed.records.insert(output, records);
            removed.withdrawn.push(withdrawn);
        }
        removed
    }
}

/// Finishes what an earlier process had begun in a folder that nobody else uses. Says whether anything was.
pub fn finish(plan: &Arc<Plan>, recovered: &Recovered) -> Result<bool, StoreError> {
    let root = &recovered.folder.root;
    let Some(erasure) = Erasure::of(root)? else { return Ok(false) };
    let _others = recovered.hold_all()?;
    tracing::info!(
        "'{}': somebody was being forgotten when the last run ended, and is now",
        root.display()
    );
    let (unwanted, suppress) = (erasure.unwanted(plan), erasure.suppress);
    Erased { unwanted, texts: erasure.texts }.remove(plan, recovered, suppress)?;
    Ok(true)
}

/// The first process finishes what an earlier run had begun, and the others use the folder no sooner. Who joins a bucket's
/// run waits anyhow until the first process has all; what lies in a working folder there may be of any run.
pub fn wait_until_finished(data: &DataPlace, process: usize) -> Result<(), StoreError> {
    let DataPlace::Folder(root) = data else { return Ok(()) };
    let mut is_told = false;
    while process > 0 && Erasure::of(root)?.is_some() {
        if !std::mem::replace(&mut is_told, true) {
            tracing::info!(
                "process 0 is waited for, which forgets somebody in '{}'",
                root.display()
            );
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// The rows of a batch that are unwanted.
fn of_person(
    plan: &Arc<Plan>,
    source: &str,
    batch: &RecordBatch,
    unwanted: &Unwanted,
) -> BooleanArray {
    let mut leaves = vec![false; batch.num_rows()];
    if let Some(source) = plan.sources.iter().position(|of| of.name == source) {
        let mut decoder = Decoder::new(Arc::clone(plan), source).naming_all();
        let (_, places) = surveyed::carrying(&mut decoder, source, batch, unwanted);
        places.into_iter().for_each(|place| leaves[place] = true);
    }
    leaves.into()
}

/// What stands in the way of looking through what is stored.
pub fn unread(error: WhyError) -> EngineError {
    match error {
        WhyError::Store(error) => EngineError::Store(error),
        error => EngineError::Failed(error.to_string()),
    }
}
