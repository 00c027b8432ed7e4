//! Lines of JSON.
#![no_main]

#[path = "../account.rs"]
mod account;

use account::{account, definition};
use libfuzzer_sys::fuzz_target;
use selfsame::internals::source::Payload;

fuzz_target!(|bytes: &[u8]| {
    let lines =
        || Payload::Lines { bytes: bytes.to_vec(), first_line: 1, header: None, arrived: 0 };
    account(definition::EVENTS, lines());
    account(definition::GUARDED_EVENTS, lines());
    account(definition::SHAPED_EVENTS, lines());
});
