//! Scalar functions that DataFusion has not, or has otherwise: a function is a file here and a row in the list.
//!
//! `docs/reference.md` says what each does, and `definition/tests/each` tries it with nulls at each place.

mod clean;
mod digest;
mod e164;
mod hashed_email;
mod json;
mod json_path;
mod numbering;
pub mod own;
mod ratio;
mod unicode;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion_expr::ScalarUDF;

/// Puts them beside DataFusion's.
pub fn add(functions: &mut HashMap<String, Arc<ScalarUDF>>) {
    let of_texts = [
        clean::function(),
        digest::md5(),
        digest::sha256(),
        e164::function(),
        hashed_email::function(),
        ratio::function(),
        unicode::nfc(),
        unicode::nfkc(),
    ];
    for function in of_texts.into_iter().chain(json::functions()) {
        functions.insert(function.name().to_owned(), Arc::new(function));
    }
}
