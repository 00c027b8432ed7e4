//! Where keys lie in the partitions of a topic: by a hash of the key, over as many partitions as the topic had when it
//! was first written.
//!
//! Records of a key have an order in one partition alone, and there alone a compacted topic lets go of the older ones.
//! So keys stay where they are when partitions are added to their topic: these stay empty. How keys lie is told with the
//! progress. Where nothing tells it, the keys that a topic holds do; and where a key is found elsewhere, since somebody
//! else wrote it there, it is taken back there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::record::RecordKey;
use crate::plan::Kafka;

/// How the keys of a topic lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySpread {
    pub hash: PartitionHash,
    /// The first so many partitions have all of the keys.
    pub partitions: i32,
}

/// The hashes that librdkafka's `partitioner` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionHash {
    /// `consistent`, and what it takes unless told otherwise.
    Crc32,
    /// As clients in Java have it.
    Murmur2,
    /// As Sarama has it.
    Fnv1a,
}

impl KeySpread {
    /// How keys would lie in a topic of so many partitions that is written for the first time.
    pub fn first(kafka: &Kafka, partitions: i32) -> Self {
        let said = kafka.properties.iter().rev().find(|(property, _)| property == "partitioner");
        let hash = match said.map_or("", |(_, value)| value.as_str()) {
            "murmur2" | "murmur2_random" => PartitionHash::Murmur2,
            "fnv1a" | "fnv1a_random" => PartitionHash::Fnv1a,
            _ => PartitionHash::Crc32,
        };
        KeySpread { hash, partitions }
    }

    /// The partition of a key.
    pub fn partition(self, key: &str) -> i32 {
        (self.hash.of(key.as_bytes()) % self.partitions as u32) as i32
    }
}

impl PartitionHash {
    fn of(self, key: &[u8]) -> u32 {
        match self {
            PartitionHash::Crc32 => crc32(key),
            PartitionHash::Murmur2 => murmur2(key) & 0x7fff_ffff,
            PartitionHash::Fnv1a => fnv1a(key),
        }
    }
}

/// The one of zlib and of Ethernet.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let (mut crc, mut bit) = (byte as u32, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ TABLE[(crc as u8 ^ byte) as usize])
}

/// MurmurHash2 by Austin Appleby, with the seed of Kafka's clients in Java.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut word = u32::from_le_bytes(word.try_into().expect("4 bytes")).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let rest = rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash = (hash ^ rest).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

/// FNV-1a, as a number without its sign.
fn fnv1a(bytes: &[u8]) -> u32 {
    let hash = bytes
        .iter()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash as i32).unsigned_abs()
}

/// Where the keys lie that a topic holds, as its messages are read.
#[derive(Clone)]
pub struct KeyPlaces {
    /// How they are taken to lie.
    pub spread: KeySpread,
    /// How they would lie if nothing were there yet.
    first: KeySpread,
    /// All spreads that every key so far fits; what is likelier comes first.
    fitting: Vec<KeySpread>,
    is_empty: bool,
    /// Values that lie elsewhere: the partition and its key.
    strays: BTreeMap<(i32, String), RecordKey>,
}

impl KeyPlaces {
    /// How the keys of a topic lie, of which that is told or not.
    pub fn new(told: Option<KeySpread>, first: KeySpread) -> Self {
        let fewer =
            (1..=first.partitions).rev().map(|partitions| KeySpread { partitions, ..first });
        let told = told.filter(|told| told.partitions <= first.partitions);
        let fewer = fewer.filter(|of| Some(*of) != told);
        let fitting = told.into_iter().chain(fewer).collect();
        let spread = told.unwrap_or(first);
        KeyPlaces { spread, first, fitting, is_empty: true, strays: BTreeMap::new() }
    }

    /// A message of a key is read. Says whether it lies where the key's messages belong.
    pub fn see(&mut self, partition: i32, key: &str) -> bool {
        self.is_empty = false;
        self.fitting.retain(|spread| spread.partition(key) == partition);
        self.spread.partition(key) == partition
    }

    /// A message that does not lie there holds something.
    pub fn add_stray(&mut self, partition: i32, key: String, of: RecordKey) {
        self.strays.insert((partition, key), of);
    }

    /// A message that does not lie there takes back what was there.
    pub fn is_taken_back(&mut self, partition: i32, key: String) {
        self.strays.remove(&(partition, key));
    }

    /// How the keys lie, by what was read: another way than was taken if that one fits them all, and this one does not.
    pub fn found(&self) -> KeySpread {
        match self.fitting.first() {
            _ if self.is_empty => self.first,
            Some(fitting) => *fitting,
            None => self.spread,
        }
    }

    /// To begin anew with another spread.
    pub fn anew(&self, spread: KeySpread) -> Self {
        KeyPlaces::new(Some(spread), self.first)
    }

    /// What lies elsewhere.
    pub fn elsewhere(self) -> BTreeMap<(i32, String), RecordKey> {
        self.strays
    }
}

/// Tells that a topic is written otherwise than one that is new would be.
pub fn tell_spread(topic: &str, spread: KeySpread, first: KeySpread) {
    if spread.partitions < first.partitions {
        let KeySpread { partitions, .. } = spread;
        let first = match partitions {
            1 => "the first one alone is".to_owned(),
            _ => format!("the first {partitions} alone are"),
        };
        tracing::warn!(
            "topic '{topic}' has partitions that were added after it was first written: {first} written, so that \
             the records of a key keep their order; to write all of them, let the output go to a new topic"
        );
    } else if spread != first {
        tracing::warn!(
            "the keys of topic '{topic}' stay in their partitions, whatever kafka.properties says of 'partitioner' \
             by now; to have them by it, let the output go to a new topic"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(partitions: i32) -> KeySpread {
        KeySpread { hash: PartitionHash::Crc32, partitions }
    }

    #[test]
    fn hashes_are_those_that_are_published() {
        // The check value of CRC-32/ISO-HDLC, and those of librdkafka's own tests.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let murmur2s = [
            ("kafka", 0xd067_cf64),
            ("giberish123456789", 0x8f55_2b0c),
            ("1234", 0x9fc9_7b14),
            ("234", 0xe7c0_09ca),
            ("34", 0x8739_30da),
            ("4", 0x5a4b_5ca1),
        ];
        murmur2s.iter().for_each(|(key, hash)| assert_eq!(murmur2(key.as_bytes()), *hash, "{key}"));
        let fnv1as = [
            ("kafka", 0x0d33_c4e1),
            ("giberish123456789", 0x77a5_8295),
            ("1234", 0x023b_dd03),
            ("234", 0x2dea_3cd2),
        ];
        fnv1as.iter().for_each(|(key, hash)| assert_eq!(fnv1a(key.as_bytes()), *hash, "{key}"));
    }

    fn seen(places: &mut KeyPlaces, spread: KeySpread, keys: std::ops::Range<u32>) {
        for key in keys {
            let key = format!("user:u{key}");
            places.see(spread.partition(&key), &key);
        }
    }

    #[test]
    fn keys_tell_over_how_many_partitions_they_lie() {
        for (told, lie, found) in [
            (Some(of(3)), of(3), of(3)),
            (None, of(3), of(3)),
            (None, of(8), of(8)),
            // It was deleted, and made anew.
            (Some(of(3)), of(8), of(8)),
            (Some(of(9)), of(2), of(2)),
        ] {
            let mut places = KeyPlaces::new(told, of(8));
            seen(&mut places, lie, 0..100);
            assert_eq!(places.found(), found, "{told:?}, {lie:?}");
        }
    }

    #[test]
    fn where_keys_tell_nothing_or_different_things_what_was_told_counts() {
        let mut places = KeyPlaces::new(Some(of(3)), of(8));
        assert_eq!(places.found(), of(8), "nothing is there that could stay");
        // One that fits more than one.
        let key = (0..).map(|key| format!("u{key}"));
        let key = key.into_iter().find(|key| of(3).partition(key) == of(8).partition(key));
        let key = key.expect("one in eight");
        assert!(places.see(of(3).partition(&key), &key));
        assert_eq!(places.found(), of(3));
        seen(&mut places, of(3), 0..50);
        seen(&mut places, of(8), 0..50);
        assert_eq!(places.found(), of(3));
    }
}
