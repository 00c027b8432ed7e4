//! Records of CSV.
#![no_main]

#[path = "../account.rs"]
mod account;

use account::{account, definition};
use libfuzzer_sys::fuzz_target;
use selfsame::internals::source::Payload;

fuzz_target!(|bytes: &[u8]| {
    let lines = |names: [&str; 4]| {
        let header = Some(names.map(str::to_owned).into());
        Payload::Lines { bytes: bytes.to_vec(), first_line: 2, header, arrived: 0 }
    };
    account(definition::PRODUCTS, lines(["title", "x", "sku", "price"]));
    account(definition::GUARDED_PRODUCTS, lines(["email", "x", "id", "count"]));
});
