//! Whole files of text, compressed or not, in one encoding or another: the first byte says how the source reads them.
#![no_main]

#[path = "../account.rs"]
mod account;
#[path = "../read.rs"]
mod read;

use account::definition;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let folder = read::folder("rows.txt", bytes);
    let definition = definition::UNFOLDED[usize::from(*which) % definition::UNFOLDED.len()];
    read::read(&Arc::new(definition(folder.path())));
});
