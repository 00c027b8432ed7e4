//! Records of CSV.
#![no_main]

#[path = "../account.rs"]
mod account;

use account::{account, definition};
use libfuzzer_sys::fuzz_target;
use selfsame::internals::source::Payload;

fuzz_target!(|bytes: &[u8]| {
    let lines = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let header = Some(names.into());
        Payload::Lines { bytes: bytes.to_vec(), first_line: 2, header, arrived: 0 }
    };
    account(definition::PRODUCTS, lines(&["title", "x", "sku", "price"]));
    account(definition::GUARDED_PRODUCTS, lines(&["email", "x", "id", "count"]));
    let shaped = lines(&["id", "at", "zone", "email", "items", "extra"]);
    account(definition::SHAPED_CELLS, shaped);
});
