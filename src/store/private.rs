//! Files of a folder that nobody but its owner may read.

use super::in_force::InForce;
use super::suppressed_key;

/// Whether a file is one, by its path below the folder.
pub fn is_private(name: &str) -> bool {
    InForce::is(name) || name == suppressed_key::NAME
}
