//! Files of outputs whose names say that they are written otherwise than they are.

use crate::plan::{Format, Output};

/// What is wrong with the name of an output's file, if its ending is that of another format.
pub fn told(output: &Output) -> Option<String> {
    let name = output.target.file()?.file_name()?.to_str()?;
    let lower = name.to_lowercase();
    // Behind the ending there may be one that says how it is compressed.
    let is_named =
        |endings: &[&str]| lower.split('.').skip(1).any(|ending| endings.contains(&ending));
    let (is_csv, is_json) = (is_named(&["csv", "tsv"]), is_named(&["json", "ndjson", "jsonl"]));
    match output.format {
        Format::Json if is_csv && !is_json => Some(format!(
            "in output '{}': '{name}' is written as NDJSON: say 'format: csv', or name it .ndjson",
            output.name
        )),
        Format::Csv if is_json && !is_csv => Some(format!(
            "in output '{}': '{name}' is written as CSV, by its format: name it .csv, or leave the format out",
            output.name
        )),
        _ => None,
    }
}
