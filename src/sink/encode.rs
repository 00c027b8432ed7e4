//! How records become the text of a file: a format is an `Encoder`, a file of its own, and a row in `encoder`.

use std::fmt::Write;

use super::csv::Csv;
use super::json::write_text;
use super::message::Record;
use crate::plan::{Format, Output, Plan};

/// Writes the records of one output.
pub trait Encoder: Send {
    /// What comes before all records.
    fn head(&self) -> String {
        String::new()
    }

    fn encode(&self, record: &Record, into: &mut String);
}

/// The encoder of an output's format.
pub fn encoder(plan: &Plan, output: &Output) -> Box<dyn Encoder> {
    match output.format {
        Format::Json => Box::new(Ndjson { output: output.name.clone() }),
        Format::Csv => Box::new(Csv::new(plan, output)),
        Format::Parquet => unreachable!("a definition that writes Parquet is refused"),
    }
}

/// `{"output","key","value","merged_into"?}`, one a line.
struct Ndjson {
    output: String,
}

impl Encoder for Ndjson {
    fn encode(&self, record: &Record, line: &mut String) {
        line.push_str("{\"output\":");
        write_text(&self.output, line);
        line.push_str(",\"key\":");
        write_text(&record.key, line);
        write!(line, ",\"value\":{}", record.value.as_deref().unwrap_or("null"))
            .expect("to a string");
        if let Some(into) = &record.merged_into {
            write!(line, ",\"merged_into\":\"{into}\"").expect("to a string");
        }
        line.push_str("}\n");
    }
}
