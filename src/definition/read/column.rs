//! The columns that fields of the file name.

use arrow::datatypes::{FieldRef, Schema};

use super::object::ReadContext;
use crate::definition::Place;
use crate::definition::file::diagnostic::suggest;
use crate::definition::sql::names;

/// The pseudo-column that holds a row's time.
pub const TIME: &str = "time";

/// A column of the source's own that a field names.
pub fn column(
    context: &mut ReadContext,
    what: &str,
    name: &str,
    place: Place,
    schema: &Schema,
    joined: &[FieldRef],
) -> Option<usize> {
    if let Some((index, _)) = schema.column_with_name(name) {
        return Some(index);
    }
    if context.is_broken(name) {
        return None;
    }
    if joined.iter().any(|column| column.name() == name) {
        let message = format!(
            "{what}: '{name}' comes from a joined table, and changes when that does: name a column \
             of the source's own"
        );
        context.complain(place, message);
        return None;
    }
    let names: Vec<&str> =
        schema.fields().iter().map(|field| field.name().as_str()).filter(|n| *n != TIME).collect();
    let hint = match names::hint(name) {
        Some(hint) => hint.to_owned(),
        None => suggest(name, &names),
    };
    context.complain(place, format!("{what}: unknown column '{name}': {hint}"));
    None
}
