//! Text on standard output, and how a command ends.

use std::io::Write;
use std::process::ExitCode;

/// How a command ends.
pub type CommandResult = Result<ExitCode, Box<dyn std::error::Error>>;

/// A reader that leaves early (`| head`) is no error.
pub fn print(text: &str) -> CommandResult {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
