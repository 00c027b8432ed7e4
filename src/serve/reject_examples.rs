//! A few of the latest rejects by source and reason, in bounded memory, for people who look at what is wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::sink::{Record, RecordBody, RecordKey, RecordValue};

/// Examples of each source and reason.
const EXAMPLES: usize = 5;
/// Sources and reasons together: codes are few, so that no definition comes near.
const GROUPS: usize = 4_096;

/// Where a reject is from, and the first of its reasons.
pub type RejectGroup = (RecordKey, String);

/// How many rejects of each group were told, and the latest of them, newest first.
#[derive(Default)]
pub struct RejectExamples(Mutex<BTreeMap<RejectGroup, HeldRejects>>);

#[derive(Default)]
struct HeldRejects {
    told: u64,
    examples: VecDeque<Arc<Record>>,
}

/// What was told of a group.
pub struct NotedRejects {
    pub group: RejectGroup,
    pub told: u64,
    pub examples: Vec<Arc<Record>>,
}

impl RejectExamples {
    /// Looks at the records of a tick. `output` is the one whose records count: another may tell the same.
    pub fn note(&self, output: u16, records: &[Record]) {
        let rejects = records.iter().filter(|record| record.output == output);
        let mut groups = None;
        for record in rejects {
            let RecordBody::Is { value: RecordValue::Reject(input), .. } = &record.body else {
                continue;
            };
            let code = input.reasons.first().map_or(String::new(), |reason| reason.code.clone());
            let groups =
                groups.get_or_insert_with(|| self.0.lock().unwrap_or_else(PoisonError::into_inner));
            let group = (record.key.clone(), code);
            if groups.len() >= GROUPS && !groups.contains_key(&group) {
                continue;
            }
            let HeldRejects { told, examples } = groups.entry(group).or_default();
            *told += 1;
            examples.truncate(EXAMPLES - 1);
            examples.push_front(Arc::new(record.clone()));
        }
    }

    pub fn all(&self) -> Vec<NotedRejects> {
        let groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = groups.iter().map(|(group, held)| NotedRejects {
            group: group.clone(),
            told: held.told,
            examples: held.examples.iter().cloned().collect(),
        });
        noted.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::RawPosition;
    use crate::sink::{RejectReason, RejectedInput};

    fn reject(output: u16, source: u16, code: &str, raw: usize) -> Record {
        let reason =
            RejectReason { code: code.into(), path: String::new(), message: String::new() };
        let position = RawPosition::Line { file: "a".into(), line: Some(raw as u64) };
        let input = RejectedInput { position, reasons: vec![reason], raw: raw.to_string() };
        let value = RecordValue::Reject(Box::new(input));
        Record { output, key: RecordKey::Source(source), body: RecordBody::Is { value, at: 0 } }
    }

    #[test]
    fn the_latest_few_of_each_source_and_reason_are_kept_and_none_twice() {
        let examples = RejectExamples::default();
        let records: Vec<Record> = (0..100)
            .flat_map(|raw| [reject(1, 0, "malformed", raw), reject(2, 0, "malformed", raw)])
            .collect();
        examples.note(1, &records);
        examples.note(1, &[reject(1, 3, "wrong_type", 7)]);
        let raw = |record: &Arc<Record>| match &record.body {
            RecordBody::Is { value: RecordValue::Reject(input), .. } => input.raw.clone(),
            _ => panic!("no reject"),
        };
        let all: Vec<(RejectGroup, u64, Vec<String>)> = examples
            .all()
            .into_iter()
            .map(|of| (of.group, of.told, of.examples.iter().map(raw).collect()))
            .collect();
        let of = |source, code: &str| (RecordKey::Source(source), code.to_owned());
        let texts = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let expected = [
            (of(0, "malformed"), 100, texts(&["99", "98", "97", "96", "95"])),
            (of(3, "wrong_type"), 1, texts(&["7"])),
        ];
        assert_eq!(all, expected);
    }
}
