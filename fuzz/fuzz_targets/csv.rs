//! Records of CSV.
#![no_main]

#[path = "../account.rs"]
mod account;

use account::{account, definition};
use libfuzzer_sys::fuzz_target;
use selfsame::internals::source::Payload;

fuzz_target!(|bytes: &[u8]| {
    let header = Some(["title", "x", "sku", "price"].map(str::to_owned).into());
    let payload = Payload::Lines { bytes: bytes.to_vec(), first_line: 2, header, arrived: 0 };
    account(definition::PRODUCTS, payload);
});
