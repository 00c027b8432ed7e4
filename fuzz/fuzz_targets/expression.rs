//! Expressions of SQL, over columns of every type.
#![no_main]

#[path = "../expression.rs"]
mod expression;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|sql: &str| {
    expression::check(sql);
});
