//! How many cases a property is tried with.

use proptest::prelude::ProptestConfig;

/// As many cases as are soon done, and more where `PROPTEST_CASES` asks for them.
pub fn cases(number: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    let asked = std::env::var_os("PROPTEST_CASES").map(|_| config.cases);
    ProptestConfig { cases: number.max(asked.unwrap_or(0)), ..config }
}
