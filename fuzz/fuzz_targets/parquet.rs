//! Whole Parquet files, through the reader.
#![no_main]

#[path = "../account.rs"]
mod account;
#[path = "../read.rs"]
mod read;

use account::definition;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let folder = read::folder("orders.parquet", bytes);
    read::read(&Arc::new(definition::FLAT_ORDERS(folder.path())));
});
