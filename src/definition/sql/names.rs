//! Names that stand for what no source has: the clock, columns of joined tables and of sessions.

/// The column that stands for `now()`.
pub const NOW: &str = "now()";

/// The key in a column's metadata under which another name stands that it has in expressions, such as
/// `products.price`.
pub const QUALIFIED: &str = "qualified";

/// The columns that sessions give to a source.
pub const COLUMNS: [&str; 4] = ["session", "session_start", "session_seconds", "session_events"];

/// Where the columns of sessions are known, if that is what a name is of.
pub fn hint(name: &str) -> Option<&'static str> {
    COLUMNS.contains(&name).then_some(
        "'select' and 'where' of attributes know it, 'from' one source alone, of events with \
         sessions: {gap: 30 minutes}",
    )
}
