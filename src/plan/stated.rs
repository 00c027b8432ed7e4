//! What a definition states, for the processes of a run to compare.

use serde::{Deserialize, Serialize};

/// One value of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// The keys that lead to it, and places in lists.
    pub path: Vec<String>,
    /// Its hash.
    pub value: String,
    /// As it is written, unless it may be a secret.
    pub shown: Option<String>,
}

impl Stated {
    /// Adds it to a hash, so that different ones give different hashes whatever stands in their keys.
    pub fn add_to(&self, hasher: &mut blake3::Hasher) {
        for part in &self.path {
            hasher.update(&(part.len() as u64 + 1).to_le_bytes()).update(part.as_bytes());
        }
        // No part is so short.
        hasher.update(&0u64.to_le_bytes());
        hasher.update(&(self.value.len() as u64).to_le_bytes()).update(self.value.as_bytes());
    }
}

/// Characters of a value that are shown.
pub const SHOWN: usize = 80;

/// Differences that are named; how many more there are is counted.
const NAMED: usize = 8;

/// In what another process's definition differs from this one's, each on a line; empty if in nothing.
pub fn differences(there: &[Stated], here: &[Stated]) -> String {
    let of = |all: &[Stated], path: &[String]| all.iter().find(|of| of.path == path).cloned();
    let tell = |of: Option<&Stated>| match of {
        None => "nothing".to_owned(),
        Some(Stated { shown: Some(shown), .. }) => format!("'{shown}'"),
        Some(_) => "something else".to_owned(),
    };
    let added = there.iter().filter(|stated| of(here, &stated.path).is_none());
    let paths = here.iter().chain(added).map(|stated| &stated.path);
    let mut differing = Vec::new();
    for path in paths {
        let (there, here) = (of(there, path), of(here, path));
        if there.as_ref().map(|of| &of.value) != here.as_ref().map(|of| &of.value) {
            let (there, here) = (tell(there.as_ref()), tell(here.as_ref()));
            differing.push(format!("\n  {}: {there} there, {here} here", path.join(".")));
        }
    }
    if differing.is_empty() && there != here {
        let first = there.iter().zip(here).find(|(there, here)| there.path != here.path);
        let (there, here) = first.expect("all is the same but its order");
        let (there, here) = (there.path.join("."), here.path.join("."));
        return format!("\n  the order of entries: first {there} there, {here} here");
    }
    let more = differing.len().saturating_sub(NAMED);
    differing.truncate(NAMED);
    if more > 0 {
        differing.push(format!("\n  and {more} more"));
    }
    differing.concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Stated;

    fn stated() -> impl Strategy<Value = Vec<Stated>> {
        let stated = (prop::collection::vec("[a\\x00\n]{0,3}", 0..3), "[0a]{2}")
            .prop_map(|(path, value)| Stated { path, value, shown: None });
        prop::collection::vec(stated, 0..3)
    }

    proptest! {
        #[test]
        fn what_is_stated_otherwise_has_another_hash(one in stated(), other in stated()) {
            let of = |all: &[Stated]| {
                let mut hasher = blake3::Hasher::new();
                all.iter().for_each(|stated| stated.add_to(&mut hasher));
                hasher.finalize()
            };
            prop_assert_eq!(one == other, of(&one) == of(&other));
        }
    }
}
