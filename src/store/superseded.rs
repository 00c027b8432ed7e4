//! Which versions of a record nothing depends on any more.
//!
//! What a run comes to depends, among all versions of a key, on the newest one, which stands; and among those that
//! carry the same identifiers on the first one, since when an identifier or a link was first seen is kept for ever. So
//! a version has had its time where others of its key carry what it carries, one before it and one behind it. When rows
//! leave because somebody is forgotten, all that carry the same leave together: what is left is again what the newest
//! one left and the first ones say.
//!
//! A row that carries nothing (it says that the record is gone, or its source has no identifiers) has had its time where
//! another such row is behind it.

use crate::row::{Body, Position, Row};
use crate::time::Micros;

/// A version of a record, as far as it has to be known of it whether it has had its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// A hash of the record's key.
    pub key: u128,
    /// A hash of what it carries; 0 for nothing.
    pub carries: u128,
    /// By these the newest is known that stands.
    pub time: Micros,
    pub position: Position,
    /// Which of the rows it is that are looked through.
    pub place: u64,
}

impl Version {
    /// Bytes of one that is laid down.
    pub const BYTES: usize = 60;

    /// The version that a row of a source of `records` is.
    pub fn of(row: &Row, place: u64) -> Self {
        let key = row.key.expect("a record has a key").bits();
        let carries = row.body.as_ref().map_or(0, carries);
        Version { key, carries, time: row.time, position: row.position, place }
    }

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.key.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.carries.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.time.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.position.part.to_le_bytes());
        bytes[44..52].copy_from_slice(&self.position.offset.to_le_bytes());
        bytes[52..].copy_from_slice(&self.place.to_le_bytes());
        bytes
    }

    pub fn of_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
            bytes[from..from + N].try_into().expect("so many bytes")
        }
        Version {
            key: u128::from_le_bytes(part(bytes, 0)),
            carries: u128::from_le_bytes(part(bytes, 16)),
            time: Micros::from_le_bytes(part(bytes, 32)),
            position: Position {
                part: u32::from_le_bytes(part(bytes, 40)),
                offset: u64::from_le_bytes(part(bytes, 44)),
            },
            place: u64::from_le_bytes(part(bytes, 52)),
        }
    }
}

/// A hash of the identifiers that a row carries, and of what it says of them; 0 where it carries none.
fn carries(body: &Body) -> u128 {
    // Elements that say the same of the same identifiers say it once.
    let mut said: Vec<(u8, Vec<u128>)> = body
        .said()
        .iter()
        .map(|body| {
            let hashes = body.identifiers().map(|identifier| identifier.hash.0);
            (body.verdict() as u8, hashes.collect())
        })
        .filter(|(_, hashes): &(u8, Vec<u128>)| !hashes.is_empty())
        .collect();
    said.sort_unstable();
    said.dedup();
    if said.is_empty() {
        return 0;
    }
    let mut hasher = blake3::Hasher::new();
    for (verdict, hashes) in said {
        hasher.update(&[verdict]).update(&(hashes.len() as u64).to_le_bytes());
        for hash in hashes {
            hasher.update(&hash.to_le_bytes());
        }
    }
    let hash = hasher.finalize();
    u128::from_le_bytes(hash.as_bytes()[..16].try_into().expect("16 of 32 bytes")).max(1)
}

/// The places of the versions that have had their time, of all versions of their keys.
pub fn superseded(versions: &mut [Version]) -> Vec<Version> {
    versions.sort_unstable();
    let order = |version: &Version| (version.time, version.position);
    let mut had = Vec::new();
    for same in versions.chunk_by(|one, other| (one.key, one.carries) == (other.key, other.carries))
    {
        let (first, last) = (order(&same[0]), order(&same[same.len() - 1]));
        let is_between = |version: &&Version| {
            (version.carries == 0 || order(version) > first) && order(version) < last
        };
        had.extend(same.iter().filter(is_between));
    }
    had
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn versions() -> impl Strategy<Value = Vec<Version>> {
        let version = (0u128..3, 0u128..3, 0i64..6, 0u64..6);
        prop::collection::vec(version, 0..24).prop_map(|all| {
            let version = |(place, (key, carries, time, offset))| {
                let position = Position { part: 0, offset };
                Version { key, carries, time, position, place }
            };
            (0..).zip(all).map(version).collect()
        })
    }

    /// By key the row that stands, and by key and what is carried when it was first seen.
    type Outcome = (Vec<Option<Version>>, Vec<Option<Micros>>);

    fn outcome(versions: &[Version]) -> Outcome {
        let newest = |key| {
            let of = versions.iter().filter(|version| version.key == key);
            of.max_by_key(|version| (version.time, version.position, version.place)).copied()
        };
        let first = |(key, carries)| {
            let of = versions.iter().filter(|of| (of.key, of.carries) == (key, carries));
            of.map(|version| version.time).min()
        };
        let carried = (0..3).flat_map(|key| (1..3).map(move |carries| (key, carries)));
        ((0..3).map(newest).collect(), carried.map(first).collect())
    }

    proptest! {
        /// Also of what is left when all that carry something leave.
        #[test]
        fn what_stands_and_when_what_is_carried_was_first_seen_stay(all in versions(), leaves in 0u128..3) {
            let gone = superseded(&mut all.clone());
            let kept: Vec<Version> = all.iter().filter(|of| !gone.contains(of)).copied().collect();
            prop_assert_eq!(outcome(&kept), outcome(&all));
            let without = |versions: &[Version]| -> Vec<Version> {
                let is_left = |version: &&Version| leaves == 0 || version.carries != leaves;
                versions.iter().filter(is_left).copied().collect()
            };
            prop_assert_eq!(outcome(&without(&kept)), outcome(&without(&all)));
        }

        #[test]
        fn of_what_a_key_carried_two_are_left_at_most(all in versions()) {
            let mut distinct = all.clone();
            distinct.sort_unstable();
            distinct.dedup_by_key(|of| (of.key, of.carries, of.time, of.position));
            let gone = superseded(&mut distinct.clone());
            let kept = distinct.iter().filter(|of| !gone.contains(of));
            let mut by_key = std::collections::BTreeMap::new();
            kept.for_each(|of| *by_key.entry((of.key, of.carries)).or_insert(0) += 1);
            for ((_, carries), number) in by_key {
                let most = if carries == 0 { 1 } else { 2 };
                prop_assert!(number <= most);
            }
        }

        #[test]
        fn what_is_laid_down_is_read_back(
            key: u128, carries: u128, time: Micros, part: u32, offset: u64, place: u64,
        ) {
            let position = Position { part, offset };
            let version = Version { key, carries, time, position, place };
            prop_assert_eq!(Version::of_bytes(&version.to_bytes()), version);
        }
    }
}
