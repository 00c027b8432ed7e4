//! What became of raw rows: each is accepted, rejected, a duplicate or dropped.

use selfsame::internals::metrics::SourceCounts;

use super::Oracle;

/// What became of a source's raw rows, each of them one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Became {
    pub accepted: u64,
    pub rejected: u64,
    pub duplicates: u64,
    pub dropped: u64,
}

impl From<&SourceCounts> for Became {
    fn from(counts: &SourceCounts) -> Self {
        let SourceCounts { rejected, duplicates, dropped, .. } = *counts;
        Became { accepted: counts.accepted(), rejected, duplicates, dropped }
    }
}

impl Oracle {
    /// What became of all raw rows, by source.
    pub fn became(&self) -> Vec<Became> {
        let repeated = self.repeated();
        let mut became = self.became.clone();
        for (place, row) in self.log.iter().enumerate() {
            let of_source = &mut became[row.source];
            match row.dropped {
                _ if repeated.contains(&place) => of_source.duplicates += 1,
                true => of_source.dropped += 1,
                false => of_source.accepted += 1,
            }
        }
        became
    }
}
